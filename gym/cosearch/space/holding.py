"""Holding parameters at a value: a mask over the positions that a space's parameters may have."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from cosearch.errors import DesignError, SpaceError
from cosearch.space.conditions import idle_columns
from cosearch.space.designs import Designs
from cosearch.space.parameters import Positions

if TYPE_CHECKING:
    from cosearch.space.design_space import DesignSpace
    from cosearch.space.space_model import SpaceModel

DEFAULT_DRAWS = 256  # among which the default is sought, where the usual one is forbidden


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
    def of(cls, space: SpaceModel, positions: Mapping[int, int]) -> Held:
        """What holding these positions, {column: position}, does to a space."""
        idle = idle_columns(space.conditions, positions)
        fixed = {column: space.parameters[column].default_index for column in idle} | dict(positions)
        bounds = [
            (fixed[j], fixed[j], fixed[j]) if j in fixed else (0, p.size - 1, p.default_index)
            for j, p in enumerate(space.parameters)
        ]
        lowest, highest, default = np.array(bounds, dtype=np.int64).T.copy()
        return cls(idle, fixed, lowest, highest, default)


def held_positions(space: SpaceModel, values: Mapping[str, Any]) -> dict[int, int]:
    """{column: position} of these values and of what is held already, in the order of holding.

    Raises:
        UnknownNameError: there is no such parameter.
        DesignError: a value that the parameter cannot have, or never has together with the others.
    """
    positions = dict(space.held_positions)
    for name, value in values.items():
        column = space.column_number(name)
        positions[column] = int(space.positions_of(column, [value])[0])
        if positions[column] < 0:
            raise DesignError(space.complaint(column, value))
    for column in idle_columns(space.conditions, positions) & positions.keys():
        parents = ", ".join(
            f"{space.names[c.parent]} at {space.parameters[c.parent].value_at(positions[c.parent])!r}"
            for c in space.conditions[column]
            if c.parent in positions
        )
        raise DesignError(f"parameter {space.names[column]!r} cannot be held: it is inactive with {parents}")
    return positions


def default_near(space: DesignSpace, default: Designs) -> Designs:
    """The default with what is held, or else an allowed design near it.

    Raises:
        SpaceError: no allowed design was found.
    """
    if default.allowed[0]:
        return default
    try:
        drawn = space.sample(DEFAULT_DRAWS, 0)
    except SpaceError:
        values = ", ".join(f"{name}={json.dumps(value)}" for name, value in space.held.items())
        raise SpaceError(f"{space.label} has no allowed design with {values}") from None
    changed = (drawn.index != default.index).sum(axis=1)
    return drawn[[int(changed.argmin())]]
