"""What the importers share: values that are computed or constant, and the operators that come from them.

A file or a traced module is a list of nodes, which an importer translates by a table from a node's type to a
function. It knows the format; this file knows what becomes of products, elementwise functions and views.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from math import prod

from cosearch_simulators.core.names import nearest
from cosearch_simulators.errors import WorkloadError
from cosearch_simulators.workloads.builder import NetworkBuilder, Tensor
from cosearch_simulators.workloads.operators import (
    BatchedMatrixMultiply,
    Convolution,
    MatrixMultiply,
    TransposedConvolution,
)
from cosearch_simulators.workloads.vector_operators import Embedding


@dataclass(frozen=True)
class Constant:
    """A value that depends on no input.

    Attributes:
        shape: of the value.
        parameters: (name, elements) of the trained tensors that it comes from; none for masks and numbers.
    """

    shape: tuple[int, ...]
    parameters: tuple[tuple[str, int], ...] = ()

    @property
    def elements(self) -> int:
        """How many numbers it holds."""
        return prod(self.shape)

    def reshape(self, *shape: int) -> Constant:
        """The same data seen in another shape."""
        return Constant(shape, self.parameters)


Value = Tensor | Constant
Weighted = Convolution | TransposedConvolution | MatrixMultiply


class Importer:
    """Turns nodes into operators, counting each trained tensor once however many nodes use it."""

    def __init__(self, name: str) -> None:
        self.builder = NetworkBuilder(name)
        self.values: dict[str, Value] = {}
        self._counted: set[str] = set()

    def trained_elements(self, constants: Iterable[Value | None]) -> int:
        """Elements of the trained tensors in these constants that no operator counted before."""
        total = 0
        for constant in constants:
            if isinstance(constant, Constant):
                for name, elements in constant.parameters:
                    total += 0 if name in self._counted else elements
                    self._counted.add(name)
        return total

    def elementwise(
        self, name: str, function: str, operands: Sequence[Value], shape: Sequence[int]
    ) -> Tensor:
        """A function of the operands that are computed, with the others as its constants."""
        computed = [operand for operand in operands if isinstance(operand, Tensor)]
        constants = self.trained_elements(operands)
        return self.builder.elementwise(name, function, computed, constants, tuple(shape))

    def view(self, name: str, operands: Sequence[Value], shape: Sequence[int]) -> Value:
        """The operands' data in another shape; an operator only where trained elements are put between."""
        computed = [operand for operand in operands if isinstance(operand, Tensor)]
        if not computed:
            return self.constant(operands, shape)
        if self._uncounted(operands):
            return self.elementwise(name, "copy", operands, shape)
        producers = tuple(dict.fromkeys(producer for operand in computed for producer in operand.producers))
        return Tensor(producers, tuple(shape))

    def constant(self, operands: Iterable[Value], shape: Sequence[int]) -> Constant:
        """A constant that comes from constants."""
        found = [operand for operand in operands if isinstance(operand, Constant)]
        parameters = dict.fromkeys(parameter for operand in found for parameter in operand.parameters)
        return Constant(tuple(shape), tuple(parameters))

    def product(
        self, name: str, left: Value, right: Value, bias: Value | None, shape: Sequence[int]
    ) -> Tensor:
        """The matrix product (..., m, k) times (..., k, n), leading axes broadcast; constants are weights."""
        left = left if len(left.shape) > 1 else left.reshape(1, *left.shape)
        right = right if len(right.shape) > 1 else right.reshape(*right.shape, 1)
        if isinstance(left, Constant):  # on the right in the transposed product
            left, right = right.reshape(*_swap(right.shape)), left.reshape(*_swap(left.shape))
        if isinstance(left, Constant):
            raise WorkloadError(f"{name}: a product needs a computed operand, got two constants")
        (*leading, m, k), (*batches, inner, n) = left.shape, right.shape
        if inner != k:
            raise WorkloadError(f"{name}: cannot multiply shapes {left.shape} and {right.shape}")
        rows, batch = prod(leading), prod(batches)
        precision = self.builder.precision
        if isinstance(right, Tensor):
            common, m = (1, rows * m) if batch == 1 else (max(batch, rows), m)
            attention = BatchedMatrixMultiply(name=name, precision=precision, batch=common, m=m, n=n, k=k)
            return self.builder.add(attention, [left, right], shape)
        if batch == 1:
            linear = MatrixMultiply(name=name, precision=precision, m=rows * m, n=n, k=k)
            return self._add_weighted(linear, left, right, bias, shape)
        groups = Convolution(  # weights that differ along the batch: a 1 x 1 convolution of as many groups
            name=name,
            precision=precision,
            in_channels=batch * k,
            out_channels=batch * n,
            in_size=(max(1, rows // batch) * m, 1),
            kernel=(1, 1),
            groups=batch,
        )
        return self._add_weighted(groups, left, right, bias, shape)

    def convolution(
        self,
        name: str,
        x: Tensor,
        weights: Value,
        bias: Value | None,
        shape: Sequence[int],
        *,
        stride: Sequence[int],
        padding: Sequence[int],
        dilation: Sequence[int],
        groups: int,
    ) -> Tensor:
        """A convolution of weights (out, in / groups, kernel...); one axis is rows of one column.

        `padding` is before all axes, then after all axes.
        """
        axes = self._axes(name, x)
        if weights.shape[1] * groups != x.shape[1]:
            expected = f"{weights.shape[1]} x {groups} groups"
            raise WorkloadError(
                f"{name}: the weights are for {expected} channels, the input has {x.shape[1]}"
            )
        operator = Convolution(
            name=name,
            precision=self.builder.precision,
            in_channels=x.shape[1],
            out_channels=weights.shape[0],
            in_size=_two(x.shape[2:]),
            kernel=_two(weights.shape[2:]),
            stride=_two(stride),
            padding=(*_two(padding[:axes], 0), *_two(padding[axes:], 0)),
            dilation=_two(dilation),
            groups=groups,
            batch=x.shape[0],
        )
        return self._add_weighted(operator, x, weights, bias, shape)

    def transposed_convolution(
        self,
        name: str,
        x: Tensor,
        weights: Value,
        bias: Value | None,
        shape: Sequence[int],
        *,
        stride: Sequence[int],
        groups: int,
    ) -> Tensor:
        """A transposed convolution of weights (in, out / groups, kernel...)."""
        self._axes(name, x)
        operator = TransposedConvolution(
            name=name,
            precision=self.builder.precision,
            in_channels=x.shape[1],
            out_channels=weights.shape[1] * groups,
            in_size=_two(x.shape[2:]),
            out_size=_two(shape[2:]),
            kernel=_two(weights.shape[2:]),
            stride=_two(stride),
            groups=groups,
            batch=x.shape[0],
        )
        return self._add_weighted(operator, x, weights, bias, shape)

    def embedding(self, name: str, table: Value, indices: Tensor, shape: Sequence[int]) -> Tensor:
        """Rows of a table (rows, features)."""
        operator = Embedding(
            name=name,
            precision=self.builder.precision,
            tied=self._tied(table),
            rows=table.shape[0],
            features=prod(table.shape[1:]),
            tokens=indices.elements,
        )
        return self.builder.add(operator, [indices], shape)

    def einsum(self, name: str, equation: str, operands: Sequence[Value], shape: Sequence[int]) -> Tensor:
        """A sum over products of two operands as matrices: labels of both and of the output are the batch."""
        inputs, _, output = equation.replace(" ", "").partition("->")
        labels = inputs.split(",")
        if len(operands) != 2 or len(labels) != 2 or not output or "." in equation:
            raise WorkloadError(f"{name}: einsum needs two operands and named axes, got {equation!r}")
        left, right = labels
        size = dict(zip(left + right, (*operands[0].shape, *operands[1].shape), strict=True))
        shared = [label for label in left if label in right]
        batch = prod(size[label] for label in shared if label in output)
        k = prod(size[label] for label in shared if label not in output)
        m = prod(size[label] for label in left if label not in right)
        n = prod(size[label] for label in right if label not in left)
        return self.product(
            name, operands[0].reshape(batch, m, k), operands[1].reshape(batch, k, n), None, shape
        )

    def attention(self, name: str, query: Tensor, key: Tensor, value: Tensor, shape: Sequence[int]) -> Tensor:
        """Scaled dot-product attention, (..., heads, length, features) each; heads may share keys."""
        groups, (context, width) = prod(key.shape[:-2]), key.shape[-2:]
        rows = prod(query.shape[:-1]) // groups
        scores = self.builder.matrix_multiply(
            f"{name}.scores", query.reshape(groups, rows, width), key.reshape(groups, width, context)
        )
        scores = self.builder.normalization(f"{name}.softmax", "softmax", scores, 0)
        mixed = self.builder.matrix_multiply(
            f"{name}.mix", scores, value.reshape(groups, context, value.shape[-1])
        )
        return mixed.reshape(*shape)

    def add_bias(self, x: Tensor, bias: Value) -> bool:
        """Make a constant the bias of the matrix product that gave `x`; False where it cannot be one."""
        operator = self.builder.operators.get(x.producers[0]) if x.producers else None
        if not isinstance(operator, MatrixMultiply) or operator.bias or operator.tied:
            return False
        if not isinstance(bias, Constant) or bias.shape != (operator.n,) or not self.trained_elements([bias]):
            return False
        self.builder.operators[operator.name] = replace(operator, bias=True)
        return True

    def _uncounted(self, values: Iterable[Value]) -> bool:
        constants = (value for value in values if isinstance(value, Constant))
        return any(name not in self._counted for value in constants for name, _ in value.parameters)

    def _add_weighted(
        self, operator: Weighted, x: Tensor, weights: Value, bias: Value | None, shape: Sequence[int]
    ) -> Tensor:
        """Add an operator; its bias stays apart where only the weights are tied."""
        inputs = [x, weights] if isinstance(weights, Tensor) else [x]
        tied = self._tied(weights)
        own_bias = self.trained_elements([bias])
        apart = tied and own_bias > 0
        out = self.builder.add(
            replace(operator, tied=tied, bias=bias is not None and not apart), inputs, shape
        )
        if not apart:
            return out
        return self.builder.elementwise(f"{operator.name}.bias", "add", [out], own_bias)

    def _tied(self, weights: Value) -> bool:
        """Whether another operator counted these weights."""
        return (
            isinstance(weights, Constant)
            and bool(weights.parameters)
            and not self.trained_elements([weights])
        )

    def _axes(self, name: str, x: Tensor) -> int:
        axes = len(x.shape) - 2
        if axes not in (1, 2):
            raise WorkloadError(f"{name}: convolutions have one or two axes besides channels, got {axes}")
        return axes


def unsupported(kind: str, where: str, supported: Iterable[str]) -> WorkloadError:
    """The error for a node that no operator describes; `kind` is its type and `where` tells the node."""
    close = nearest(kind, supported)
    ending = f"; the nearest supported is {close!r}" if close else ""
    return WorkloadError(f"{where}: operator {kind!r} is not supported{ending}")


def _two(sizes: Sequence[int], missing: int = 1) -> tuple[int, int]:
    """Rows and columns; a sequence has one column."""
    return (sizes[0], sizes[1]) if len(sizes) == 2 else (sizes[0], missing)


def _swap(shape: tuple[int, ...]) -> tuple[int, ...]:
    return (*shape[:-2], shape[-1], shape[-2])
