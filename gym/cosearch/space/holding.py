"""Holding parameters at a value: a mask over the positions that a space's parameters may have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from cosearch.space.conditions import Condition, idle_columns
from cosearch.space.parameters import Parameter, Positions


@dataclass(frozen=True)
class Held:
    """What follows from holding some columns at a position.

    Attributes:
        idle: the columns that can no longer be active.
        fixed: {column: its one position}, of those that are held or idle.
        lowest: the lowest position of each column.
        highest: the highest position of each column.
        default_positions: what each column holds in a design that does not set it.
    """

    idle: set[int]
    fixed: Mapping[int, int]
    lowest: Positions
    highest: Positions
    default_positions: Positions

    @classmethod
    def of(
        cls,
        parameters: Sequence[Parameter],
        conditions: Sequence[Sequence[Condition]],
        positions: Mapping[int, int],
    ) -> Held:
        """What holding these positions, {column: position}, does to parameters and their conditions."""
        idle = idle_columns(conditions, positions)
        fixed = {column: parameters[column].default_index for column in idle} | dict(positions)
        bounds = [
            (fixed[j], fixed[j], fixed[j]) if j in fixed else (0, p.size - 1, p.default_index)
            for j, p in enumerate(parameters)
        ]
        lowest, highest, default = np.array(bounds, dtype=np.int64).T.copy()
        return cls(idle, fixed, lowest, highest, default)
