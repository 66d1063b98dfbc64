"""What the importers share: values that are computed or constant, and the operators that come from them.

A file or a traced module is a list of nodes, which an importer translates by a table from a node's type to a
function. It knows the format; this file knows what becomes of constants, elementwise functions and views, and
`contractions` and `recurrent` of what multiplies.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import TypeVar

from cosearch_simulators.errors import WorkloadError
from cosearch_simulators.workloads.builder import NetworkBuilder, Tensor
from cosearch_simulators.workloads.network import Network
from cosearch_simulators.workloads.operators import (
    BatchedMatrixMultiply,
    Convolution,
    MatrixMultiply,
    Operator,
    TransposedConvolution,
)
from cosearch_simulators.workloads.vector_operators import Embedding
from cosearch_simulators.workloads.volumes import Convolution3d

MOST_NAMED = 8
"""Of unknown operators in a warning."""


class UnknownOperatorWarning(UserWarning):
    """Operators that the importer does not know count as elementwise traffic."""


@dataclass(frozen=True)
class Constant:
    """A value that depends on no input.

    Attributes:
        shape: of the value.
        parameters: (name, elements) of the stored tensors that it comes from, whole; none for masks and
            numbers.
        only_as_weights: they were trained only if they are a matrix operator's weights or bias, or a table:
            whole numbers, and what an exporter wrote between the nodes.
    """

    shape: tuple[int, ...]
    parameters: tuple[tuple[str, int], ...] = ()
    only_as_weights: bool = False

    @property
    def elements(self) -> int:
        """How many numbers it holds."""
        return prod(self.shape)

    def reshape(self, *shape: int) -> Constant:
        """The same data seen in another shape, or a part of them."""
        return replace(self, shape=shape)


Value = Tensor | Constant
Known = TypeVar("Known", bound=Operator)
Weighted = Convolution | Convolution3d | TransposedConvolution | MatrixMultiply


class _FreshNames(NetworkBuilder):
    """Numbers a name that is taken: nodes of different parts of a file may have the same."""

    def add(self, operator: Operator, inputs: Iterable[Tensor], shape: Iterable[int]) -> Tensor:
        name, number = operator.name, 2
        while self.taken(name):
            name, number = f"{operator.name}.{number}", number + 1
        return super().add(replace(operator, name=name) if name != operator.name else operator, inputs, shape)


class Importer:
    """Turns nodes into operators, counting each trained tensor once however many nodes use it."""

    def __init__(self, name: str) -> None:
        self.builder: NetworkBuilder = _FreshNames(name)
        self.values: dict[str, Value] = {}
        self._elements: dict[str, int] = {}
        self._counted: dict[str, int] = {}
        self._unknown: dict[str, list[str]] = {}

    def stored(self, name: str, shape: Sequence[int], *, only_as_weights: bool = False) -> Constant:
        """A tensor of the file or module that may be trained."""
        constant = Constant(tuple(shape), ((name, prod(shape)),), only_as_weights)
        self._elements[name] = constant.elements
        return constant

    def trained_elements(self, values: Iterable[Value | None], *, as_weights: bool = False) -> int:
        """Elements of the trained tensors in these values that no operator counted before."""
        total = 0
        for value in values:
            if isinstance(value, Constant) and (as_weights or not value.only_as_weights):
                for name, elements in value.parameters:
                    if as_weights and len(value.parameters) == 1:  # a part of it may be another operator's
                        elements = min(elements, value.elements)
                    counted = self._counted.get(name, 0)
                    new = min(elements, self._elements.get(name, elements) - counted)
                    self._counted[name] = counted + new
                    total += new
        return total

    def elementwise(
        self, name: str, function: str, operands: Sequence[Value | None], shape: Sequence[int]
    ) -> Tensor:
        """A function of the operands that are computed, with the others as its constants."""
        computed = [operand for operand in operands if isinstance(operand, Tensor)]
        constants = self.trained_elements(operands)
        return self.builder.elementwise(name, function, computed, constants, tuple(shape))

    def reduction(
        self,
        name: str,
        function: str,
        x: Tensor,
        window: int,
        shape: Sequence[int],
        constants: Sequence[Value | None] = (),
    ) -> Tensor:
        """A function of windows of `x`."""
        trained = self.trained_elements(constants)
        out = self.builder.reduction(name, function, x, max(1, window), shape, trained)
        others = [value for value in constants if isinstance(value, Tensor)]
        return self.elementwise(f"{name}.scale", "batch_norm", [out, *others], shape) if others else out

    def view(self, name: str, operands: Sequence[Value], shape: Sequence[int]) -> Value:
        """The operands' data in another shape; an operator only where trained elements are put between."""
        computed = [operand for operand in operands if isinstance(operand, Tensor)]
        if not computed:
            return self.constant(operands, shape)
        if self._uncounted(operands):
            return self.elementwise(name, "copy", operands, shape)
        producers = tuple(dict.fromkeys(producer for operand in computed for producer in operand.producers))
        return Tensor(producers, tuple(shape))

    def constant(self, operands: Iterable[Value | None], shape: Sequence[int]) -> Constant:
        """A constant that comes from constants."""
        found = [value for value in operands if isinstance(value, Constant) and value.parameters]
        parameters = dict.fromkeys(parameter for value in found for parameter in value.parameters)
        hidden = bool(found) and all(value.only_as_weights for value in found)
        return Constant(tuple(shape), tuple(parameters), hidden)

    def unknown(self, kind: str, name: str, operands: Sequence[Value | None], shape: Sequence[int]) -> Tensor:
        """An operator that is not known: it reads its operands and writes its output."""
        self._unknown.setdefault(kind, []).append(name)
        return self.elementwise(name, "other", operands, shape)

    def finished(self, supported: Iterable[str], *, strict: bool = False) -> Network:
        """The network; unknown operators are told of in one warning.

        Raises:
            WorkloadError: there are some, and they shall be refused.
        """
        if self._unknown:
            listed = [
                f"{kind!r} ({len(names)}, the first is {names[0]!r}{_meant(kind, supported)})"
                for kind, names in self._unknown.items()
            ]
            more = f" and {len(listed) - MOST_NAMED} more" if len(listed) > MOST_NAMED else ""
            what = f"{self.builder.name}: unknown operators {', '.join(listed[:MOST_NAMED])}{more}"
            if strict:
                raise WorkloadError(f"{what}; without strict they count as elementwise traffic")
            warnings.warn(
                f"{what} count as elementwise traffic, without multiply-accumulates",
                UnknownOperatorWarning,
                stacklevel=3,
            )
        return self.builder.build()

    def embedding(self, name: str, table: Value, indices: Tensor, shape: Sequence[int]) -> Tensor:
        """Rows of a table (rows, features)."""
        rows, *features = table.shape
        operator = Embedding(
            name=name,
            precision=self.builder.precision,
            rows=rows,
            features=prod(features),
            tokens=indices.elements,
        )
        trained = self.trained_elements([table], as_weights=True)
        inputs = [indices, table] if isinstance(table, Tensor) else [indices]
        return self.builder.add(_trained(operator, trained, table), inputs, shape)

    def weighted(
        self, operator: Weighted, x: Tensor, weights: Value, bias: Value | None, shape: Sequence[int]
    ) -> Tensor:
        """Add an operator; a bias that is computed, or is not one number a channel, is added after it."""
        biased = replace(operator, bias=True)
        own = isinstance(bias, Constant) and bias.elements == biased.bias_elements
        trained = self.trained_elements([weights, bias if own else None], as_weights=True)
        inputs = [x, weights] if isinstance(weights, Tensor) else [x]
        out = self.builder.add(_trained(biased if own else operator, trained, weights), inputs, shape)
        if bias is None or own:
            return out
        return self.elementwise(f"{operator.name}.bias", "add", [out, bias], shape)

    def add_bias(self, x: Tensor, bias: Value) -> bool:
        """Make a constant the bias of the matrix product that gave `x`; False where it cannot be one."""
        operator = self.builder.operators.get(x.producers[0]) if x.producers else None
        if not isinstance(operator, MatrixMultiply) or operator.bias or operator.tied:
            return False
        if not isinstance(bias, Constant) or bias.elements != operator.n or bias.shape[-1] != operator.n:
            return False
        trained = self.trained_elements([bias])
        if not trained:
            return False
        whole = operator.parameters + trained
        biased = replace(operator, bias=True, trained=None)
        self.builder.operators[operator.name] = (
            biased if biased.parameters == whole else replace(biased, trained=whole)
        )
        return True

    def _uncounted(self, values: Iterable[Value]) -> bool:
        constants = (v for v in values if isinstance(v, Constant) and not v.only_as_weights)
        return any(
            self._counted.get(name, 0) < self._elements.get(name, 1)
            for value in constants
            for name, _ in value.parameters
        )


def _trained(operator: Known, trained: int, weights: Value) -> Known:
    """The operator with so many trained elements; tied where others counted its weights."""
    if isinstance(weights, Constant) and weights.parameters and not trained:
        return replace(operator, tied=True)
    own = 0 if isinstance(operator, BatchedMatrixMultiply) else replace(operator, trained=None).parameters
    return operator if trained == own else replace(operator, trained=trained)


def _meant(kind: str, supported: Iterable[str]) -> str:
    """The known operator whose name differs in nothing but case and underscores."""
    plain = kind.rpartition(".")[2].replace("_", "").casefold()
    close = next((name for name in supported if name.replace("_", "").casefold() == plain), "")
    return f", perhaps {close!r}" if close and close != kind else ""
