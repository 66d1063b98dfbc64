"""Builds networks layer by layer: keeps the shapes and the edges, so that a table of layers is enough.

The built-in networks and the importers all go through here. Shapes follow PyTorch: (batch, channels, rows,
columns) for images, (..., features) for sequences.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import prod

from cosearch_simulators.errors import WorkloadError
from cosearch_simulators.workloads.network import Network
from cosearch_simulators.workloads.operators import (
    BatchedMatrixMultiply,
    Convolution,
    MatrixMultiply,
    Operator,
    Precision,
    TransposedConvolution,
)
from cosearch_simulators.workloads.vector_operators import Elementwise, Embedding, Reduction


@dataclass(frozen=True)
class Tensor:
    """A value between operators.

    Attributes:
        producers: the operators and network inputs that its data come from.
        shape: of the tensor.
    """

    producers: tuple[str, ...]
    shape: tuple[int, ...]

    @property
    def elements(self) -> int:
        """How many numbers it holds."""
        return prod(self.shape)

    def reshape(self, *shape: int) -> Tensor:
        """The same data seen in another shape, or a part of them."""
        return Tensor(self.producers, shape)


def concatenate(tensors: Sequence[Tensor], axis: int) -> Tensor:
    """Tensors side by side along an axis."""
    shape = list(tensors[0].shape)
    shape[axis] = sum(tensor.shape[axis] for tensor in tensors)
    return Tensor(_producers(tensors), tuple(shape))


class NetworkBuilder:
    """Collects operators and edges.

    Example:
        >>> builder = NetworkBuilder("perceptron")
        >>> x = builder.input("input", (1, 784))
        >>> x = builder.activation("relu1", "relu", builder.linear("fc1", x, 128))
        >>> x = builder.linear("fc2", x, 10)
        >>> builder.build().parameters
        101770
    """

    def __init__(self, name: str, precision: Precision | None = None) -> None:
        self.name = name
        self.precision = precision or Precision()
        self.operators: dict[str, Operator] = {}
        self._edges: list[tuple[str, str]] = []
        self._inputs: list[str] = []

    def build(self) -> Network:
        """The network so far."""
        return Network(self.name, tuple(self.operators.values()), tuple(self._edges), tuple(self._inputs))

    def input(self, name: str, shape: Iterable[int]) -> Tensor:
        """A tensor from outside."""
        shape = tuple(shape)
        if min(shape, default=1) < 1:
            raise WorkloadError(
                f"network {self.name!r}: input {name!r} must have sizes of at least 1, got {shape}"
            )
        if self.taken(name):
            raise WorkloadError(f"network {self.name!r}: an operator or input is already named {name!r}")
        self._inputs.append(name)
        return Tensor((name,), shape)

    def taken(self, name: str) -> bool:
        """Whether an operator or an input has this name."""
        return name in self.operators or name in self._inputs

    def add(self, operator: Operator, inputs: Iterable[Tensor], shape: Iterable[int]) -> Tensor:
        """An operator fed by `inputs`; returns its output, of `shape`.

        Raises:
            WorkloadError: another operator, or an input, has its name.
        """
        if self.taken(operator.name):
            raise WorkloadError(
                f"network {self.name!r}: an operator or input is already named {operator.name!r}"
            )
        self.operators[operator.name] = operator
        self._edges += [(producer, operator.name) for producer in _producers(inputs)]
        return Tensor((operator.name,), tuple(shape))

    def convolution(
        self,
        name: str,
        x: Tensor,
        out_channels: int,
        kernel: int,
        stride: int = 1,
        padding: int | None = None,
        groups: int = 1,
        bias: bool = False,
    ) -> Tensor:
        """A square convolution; without `padding` it has (kernel - 1) / 2 on each side."""
        batch, channels, rows, columns = x.shape
        around = (kernel - 1) // 2 if padding is None else padding
        operator = Convolution(
            name=name,
            precision=self.precision,
            in_channels=channels,
            out_channels=out_channels,
            in_size=(rows, columns),
            kernel=(kernel, kernel),
            stride=(stride, stride),
            padding=(around,) * 4,
            groups=groups,
            batch=batch,
            bias=bias,
        )
        return self.add(operator, [x], (batch, out_channels, *operator.out_size))

    def up_convolution(self, name: str, x: Tensor, out_channels: int, scale: int) -> Tensor:
        """A transposed convolution that multiplies rows and columns by `scale`, with a bias."""
        batch, channels, rows, columns = x.shape
        operator = TransposedConvolution(
            name=name,
            precision=self.precision,
            in_channels=channels,
            out_channels=out_channels,
            in_size=(rows, columns),
            out_size=(rows * scale, columns * scale),
            kernel=(scale, scale),
            stride=(scale, scale),
            batch=batch,
            bias=True,
        )
        return self.add(operator, [x], (batch, out_channels, *operator.out_size))

    def linear(self, name: str, x: Tensor, features: int, bias: bool = True, tied: bool = False) -> Tensor:
        """A fully connected layer over the last axis."""
        *leading, k = x.shape
        operator = MatrixMultiply(
            name=name,
            precision=self.precision,
            m=prod(leading),
            n=features,
            k=k,
            bias=bias,
            tied=tied,
        )
        return self.add(operator, [x], (*leading, features))

    def matrix_multiply(self, name: str, left: Tensor, right: Tensor) -> Tensor:
        """Products of activations, (..., m, k) times (..., k, n)."""
        *leading, m, k = left.shape
        operator = BatchedMatrixMultiply(
            name=name,
            precision=self.precision,
            batch=prod(leading),
            m=m,
            n=right.shape[-1],
            k=k,
        )
        return self.add(operator, [left, right], (*leading, m, right.shape[-1]))

    def elementwise(
        self,
        name: str,
        function: str,
        inputs: Sequence[Tensor],
        constants: int = 0,
        shape: tuple[int, ...] | None = None,
    ) -> Tensor:
        """A function of elements at the same place; of the first input's shape where none is given."""
        shape = shape or inputs[0].shape
        operator = Elementwise(
            name=name,
            precision=self.precision,
            function=function,
            operands=tuple(tensor.elements for tensor in inputs),
            elements=prod(shape),
            constants=constants,
        )
        return self.add(operator, inputs, shape)

    def activation(self, name: str, function: str, x: Tensor) -> Tensor:
        """A function of one tensor."""
        return self.elementwise(name, function, [x])

    def batch_norm(self, name: str, x: Tensor) -> Tensor:
        """A scale and a shift for every channel."""
        return self.elementwise(name, "batch_norm", [x], constants=2 * x.shape[1])

    def reduction(
        self, name: str, function: str, x: Tensor, window: int, shape: Iterable[int], constants: int = 0
    ) -> Tensor:
        """A function of windows."""
        shape = tuple(shape)
        operator = Reduction(
            name=name,
            precision=self.precision,
            function=function,
            in_elements=x.elements,
            out_elements=prod(shape),
            window=window,
            constants=constants,
        )
        return self.add(operator, [x], shape)

    def pool(
        self, name: str, x: Tensor, kernel: int, stride: int, padding: int = 0, ceiling: bool = False
    ) -> Tensor:
        """A square maximum pooling; `ceiling` keeps the last, cut windows."""
        batch, channels, *size = x.shape
        extra = stride - 1 if ceiling else 0
        pooled = ((extent + 2 * padding - kernel + extra) // stride + 1 for extent in size)
        return self.reduction(name, "max_pool", x, kernel * kernel, (batch, channels, *pooled))

    def global_average(self, name: str, x: Tensor) -> Tensor:
        """The mean of each channel's image, as (batch, channels, 1, 1)."""
        batch, channels, rows, columns = x.shape
        return self.reduction(name, "mean", x, rows * columns, (batch, channels, 1, 1))

    def normalization(self, name: str, function: str, x: Tensor, constants_each: int) -> Tensor:
        """A normalisation of rows of features, with `constants_each` parameters a feature."""
        features = x.shape[-1]
        return self.reduction(name, function, x, features, x.shape, constants_each * features)

    def embedding(self, name: str, tokens: Tensor, rows: int, features: int) -> Tensor:
        """Rows of a table for a tensor of indices."""
        operator = Embedding(
            name=name,
            precision=self.precision,
            rows=rows,
            features=features,
            tokens=tokens.elements,
        )
        return self.add(operator, [tokens], (*tokens.shape, features))


def _producers(tensors: Iterable[Tensor]) -> tuple[str, ...]:
    """All that feeds these tensors, each once."""
    return tuple(dict.fromkeys(name for tensor in tensors for name in tensor.producers))
