"""The operators without multiply-accumulates: elementwise functions, reductions and table look-ups.

They are work for a vector unit and for the memory. A vector operation is one addition, multiplication,
comparison, division or transcendental function of one element; the tables hold the formulas that are counted.
"""

from __future__ import annotations

from dataclasses import dataclass

from cosearch_simulators.core.names import unknown
from cosearch_simulators.errors import WorkloadError
from cosearch_simulators.workloads.operators import Operator

ELEMENTWISE_OPERATIONS = {
    "copy": 1,  # moves data: nearest-neighbour resizing, rolled windows
    "add": 1,
    "subtract": 1,
    "multiply": 1,
    "divide": 1,
    "power": 1,
    "sqrt": 1,
    "exp": 1,
    "log": 1,
    "tanh": 1,
    "erf": 1,
    "sin": 1,
    "cos": 1,
    "function": 1,  # another transcendental one: tan, asinh, lgamma
    "round": 1,
    "modulo": 1,
    "sign": 1,
    "bitwise": 1,
    "absolute": 1,
    "negate": 1,
    "minimum": 1,
    "maximum": 1,
    "compare": 1,
    "select": 1,
    "relu": 1,  # max(x, 0)
    "leaky_relu": 2,  # max(x, a x)
    "clip": 2,  # min(max(x, low), high); ReLU6 is one
    "elu": 4,  # exp, subtract, multiply, select; SELU and CELU have their factors in it
    "softplus": 3,  # exp, add, log
    "softsign": 3,  # x / (1 + |x|)
    "mish": 5,  # x tanh(softplus(x))
    "glu": 5,  # the half x times the sigmoid of the other half
    "shrink": 3,  # select by |x|, subtract
    "normalize": 2,  # x divided by its norm: multiply, compare with the least norm
    "sigmoid": 4,  # 1 / (1 + exp(-x))
    "swish": 5,  # x sigmoid(x), also called SiLU
    "hard_sigmoid": 4,  # clip(x + 3) / 6
    "hard_swish": 5,  # x hard_sigmoid(x)
    "gelu": 5,  # x (1 + erf(x c)) / 2
    "gelu_tanh": 9,  # x (1 + tanh(a (x + b x x x))) / 2
    "batch_norm": 2,  # x scale + shift: at inference its statistics are constants
    "rotary": 3,  # rotary position embedding: two multiplications and an addition an element
    "bilinear": 7,  # bilinear resizing: four multiplications, three additions an output
    "bicubic": 31,  # sixteen multiplications, fifteen additions an output
    "sample": 7,  # an image at given places, between four pixels
    "quantize": 6,  # minimum and maximum of the tensor, divide, round, clip (2)
    "pack": 1,  # adds elements into another tensor at given places
    "rnn_cell": 2,  # add, tanh
    "gru_cell": 18,  # two sigmoids (8), tanh, five additions, four multiplications
    "lstm_cell": 21,  # three sigmoids (12), two tanh, four additions, three multiplications
    "other": 1,  # an operator that the importer does not know: its traffic counts
}
"""Vector operations for one output element of each elementwise function."""

POOL_OPERATIONS = {
    "max_pool": 1,  # compare
    "average_pool": 1,  # add; the division is one an output and left out
    "mean": 1,
    "sum": 1,
    "product": 1,
    "maximum": 1,
    "minimum": 1,
    "norm": 2,  # multiply, add; the root is one an output and left out
    "variance": 4,  # add; subtract, multiply, add
    "log_sum_exp": 3,  # maximum, exp, add
}
"""Vector operations for one input of each window of a reduction that has one output a window."""

NORMALIZATION_OPERATIONS = {
    "softmax": 5,  # maximum, subtract, exp, sum, divide
    "log_softmax": 5,  # maximum, subtract, exp, sum, subtract
    "layer_norm": 7,  # sum, subtract, square, sum, divide, scale, shift
    "group_norm": 7,
    "instance_norm": 7,
    "rms_norm": 4,  # square, sum, divide, scale
    "local_response_norm": 4,  # square, sum over the channels' window, power, divide
    "unit_norm": 3,  # square, sum, divide: rows of the length 1
    "hardmax": 2,  # maximum, compare
    "cumulative": 1,  # sums, products or maxima of all before
    "sort": 1,  # a comparison an element in each pass of a merge sort of the row
}
"""Vector operations for one element of each reduction that keeps the shape: all are over windows of rows."""


@dataclass(frozen=True, kw_only=True)
class Elementwise(Operator):
    """A function of elements at the same place; smaller operands are broadcast.

    Attributes:
        function: one of `ELEMENTWISE_OPERATIONS`.
        operands: elements of each activation that it reads.
        elements: of its output.
        constants: elements of its parameters, such as the scale and shift of a batch normalisation.

    Raises:
        WorkloadError: a size below 1, or an unknown function.
    """

    function: str
    operands: tuple[int, ...]
    elements: int
    constants: int = 0

    def _check(self) -> None:
        self._check_positive("operands", "elements")
        _check_function(self._label, self.function, tuple(ELEMENTWISE_OPERATIONS))

    @property
    def tensor_elements(self) -> dict[str, int]:
        """Elements read and written."""
        return {"Weights": self.constants, "Inputs": sum(self.operands), "Outputs": self.elements}

    @property
    def vector_operations(self) -> int:
        """Operations of the function over all elements."""
        return ELEMENTWISE_OPERATIONS[self.function] * self.elements


@dataclass(frozen=True, kw_only=True)
class Reduction(Operator):
    """A function of windows: pooling and means have one output a window, normalisations keep the shape.

    Attributes:
        function: one of `POOL_OPERATIONS` or `NORMALIZATION_OPERATIONS`.
        in_elements: of its input.
        out_elements: of its output.
        window: elements that are reduced to one: a pooling kernel's area, or the length of a row.
        constants: elements of its parameters, such as the scale and shift of a layer normalisation.

    Raises:
        WorkloadError: a size below 1, or an unknown function.
    """

    function: str
    in_elements: int
    out_elements: int
    window: int
    constants: int = 0

    def _check(self) -> None:
        self._check_positive("in_elements", "out_elements", "window")
        _check_function(self._label, self.function, (*POOL_OPERATIONS, *NORMALIZATION_OPERATIONS))

    @property
    def tensor_elements(self) -> dict[str, int]:
        """Elements read and written."""
        return {"Weights": self.constants, "Inputs": self.in_elements, "Outputs": self.out_elements}

    @property
    def vector_operations(self) -> int:
        """Operations of the function over all windows."""
        if self.function in POOL_OPERATIONS:
            return POOL_OPERATIONS[self.function] * self.out_elements * self.window
        passes = max(1, (self.window - 1).bit_length()) if self.function == "sort" else 1
        return NORMALIZATION_OPERATIONS[self.function] * self.in_elements * passes


@dataclass(frozen=True, kw_only=True)
class Embedding(Operator):
    """Rows gathered from a table of parameters, which counts whole while only these rows are moved.

    Attributes:
        rows: of the table, such as a vocabulary or the longest sequence.
        features: columns of the table.
        tokens: rows gathered.

    Raises:
        WorkloadError: a size below 1.
    """

    rows: int
    features: int
    tokens: int

    def _check(self) -> None:
        self._check_positive("rows", "features", "tokens")

    @property
    def parameters(self) -> int:
        """The whole table."""
        own = self.rows * self.features if self.trained is None else self.trained
        return 0 if self.tied else own

    @property
    def tensor_elements(self) -> dict[str, int]:
        """Elements moved: the gathered rows as weights, one index a token."""
        gathered = self.tokens * self.features
        return {"Weights": gathered, "Inputs": self.tokens, "Outputs": gathered}


def _check_function(label: str, function: str, functions: tuple[str, ...]) -> None:
    if function not in functions:
        raise WorkloadError(f"{label}: {unknown('function', function, functions)}")
