"""What the positions of each parameter mean to an environment, looked up and not computed at each step."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosearch.space import Designs, DesignSpace

MAX_TABLE = 4096  # values of a parameter up to which they are listed
INACTIVE_UNIT = 0.5


class UnitTable:
    """The unit-cube coordinates of designs: `space.to_unit`, quick for a few designs."""

    def __init__(self, space: DesignSpace) -> None:
        self.space = space
        parts: list[NDArray[np.float64]] = []
        columns, offsets, start = [], [], 0
        for column, parameter in enumerate(space.parameters):
            if parameter.size > MAX_TABLE:
                break
            block = np.reshape(parameter.to_unit(np.arange(parameter.size)), (parameter.size, -1))
            for coordinate in block.T:
                parts += [np.array([INACTIVE_UNIT]), coordinate]
                columns.append(column)
                offsets.append(start + 1)  # position -1, inactive, is before it
                start += 1 + parameter.size
        self._columns = np.array(columns, dtype=np.int64)
        self._offsets = np.array(offsets, dtype=np.int64)
        self._all = len(columns) == space.unit_dim
        self._plain = len(columns) == len(space) and columns == list(range(len(space)))
        self._table = np.concatenate(parts) if self._all else np.empty(0)

    def __call__(self, index: NDArray[np.int64]) -> NDArray[np.float64]:
        """The coordinates, (n, unit_dim), of an index array."""
        if not self._all:
            return self.space.to_unit(Designs(self.space, np.asfortranarray(index)))
        positions = index if self._plain else index[:, self._columns]
        return self._table[positions + self._offsets]


class ValueTable:
    """The design of one row of an index array as a plain dict: `Designs.to_dicts`, quick for one design."""

    def __init__(self, space: DesignSpace) -> None:
        self.space = space
        self._values = [
            parameter.values_at(np.arange(parameter.size)) if parameter.size <= MAX_TABLE else None
            for parameter in space.parameters
        ]

    def __call__(self, row: NDArray[np.int64]) -> dict[str, Any]:
        """The active parameters of the design at these positions, (parameters,)."""
        design = {}
        for column, (name, position) in enumerate(zip(self.space.names, row.tolist(), strict=True)):
            if position >= 0:
                values = self._values[column]
                design[name] = self._computed(column, position) if values is None else values[position]
        return design

    def _computed(self, column: int, position: int) -> Any:
        return self.space.parameters[column].values_at(np.array([position]))[0]
