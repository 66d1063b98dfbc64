"""A node of a traced module, as the tables of `aten` see it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from cosearch_simulators.errors import WorkloadError
from cosearch_simulators.workloads.builder import Tensor
from cosearch_simulators.workloads.importing import Importer, Value


@dataclass(frozen=True)
class Call:
    """One node of the graph.

    Attributes:
        importer: where its operator goes.
        kind: the ATen operator, without its overload.
        name: of our operator.
        shape: of the output, the first where there are several.
        given: its arguments by the names of the ATen schema, defaults included; nodes for tensors.
        operands: all tensors among them.
    """

    importer: Importer
    kind: str
    name: str
    shape: tuple[int, ...]
    given: dict[str, Any]
    operands: Sequence[Value] = ()

    def optional(self, argument: str) -> Value | None:
        """A tensor, or None where it is left out."""
        node = self.given.get(argument)
        return None if node is None else self.importer.values[node.name]

    def value(self, argument: str) -> Value:
        """A tensor."""
        return self.importer.values[self.given[argument].name]

    def tensor(self, argument: str) -> Tensor:
        """A tensor that is computed from the inputs; the other operand's name is tried for it."""
        value = self.value(argument if argument in self.given else _OTHER.get(argument, argument))
        if not isinstance(value, Tensor):
            raise WorkloadError(f"{self.name}: {self.kind} needs a computed {argument}, got a constant")
        return value

    def sizes(self, argument: str, axes: int) -> list[int]:
        """One size an axis, from a list or a single number."""
        found = self.given[argument]
        given = list(found) if isinstance(found, list | tuple) else [found]
        return given * axes if len(given) == 1 else given


_OTHER = {"input": "self", "self": "input"}
"""The same operand has either name in ATen's schemas."""
