"""A node of an ONNX graph, as the tables of operators see it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from cosearch_simulators.errors import WorkloadError
from cosearch_simulators.workloads.builder import Tensor
from cosearch_simulators.workloads.importing import Importer, Value


@dataclass(frozen=True)
class Call:
    """One node of the graph.

    Attributes:
        importer: where its operator goes.
        kind: the ONNX operator.
        name: of our operator.
        shape: of the first output.
        inputs: values, None for those left out.
        attributes: as Python values.
        biasable: whether the first computed input is a matrix product that feeds nothing else.
        opset: of the standard operators.
        numbers: of the inputs that are small constants.
    """

    importer: Importer
    kind: str
    name: str
    shape: tuple[int, ...]
    inputs: Sequence[Value | None]
    attributes: dict[str, Any] = field(default_factory=dict)
    biasable: bool = False
    opset: int = 1
    numbers: Sequence[np.ndarray | None] = ()

    def value(self, place: int) -> Value:
        """An input."""
        value = self.optional(place)
        if value is None:
            raise WorkloadError(f"{self.kind} needs input {place}, which is left out")
        return value

    def optional(self, place: int) -> Value | None:
        """An input, or None where it is left out."""
        return self.inputs[place] if place < len(self.inputs) else None

    def number(self, place: int) -> np.ndarray | None:
        """The data of an input that is a small constant."""
        return self.numbers[place] if place < len(self.numbers) else None

    def tensor(self, place: int) -> Tensor:
        """An input that is computed."""
        value = self.value(place)
        if not isinstance(value, Tensor):
            raise WorkloadError(f"{self.kind} needs a computed input {place}, got a constant")
        return value

    def attribute(self, name: str) -> Any:
        """An attribute that must be there."""
        if name not in self.attributes:
            raise WorkloadError(f"{self.kind} needs the attribute {name!r}, which is left out")
        return self.attributes[name]

    def sizes(self, attribute: str, axes: int, missing: int = 1) -> list[int]:
        """One size an axis."""
        return list(self.attributes.get(attribute) or [missing] * axes)
