"""Which parameters of a design are active: the `when` of each parameter, resolved to positions.

A parameter depends on earlier ones only, so one pass in the order of the parameters decides all of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cosearch.errors import SpaceError, hint, shown
from cosearch.space.parameters import Parameter, Positions
from cosearch.space.permutations import Permutation
from cosearch.space.reals import Real

INACTIVE = -1


@dataclass(frozen=True)
class Condition:
    """The parameter at column `parent` is active and at one of these positions."""

    parent: int
    positions: Positions

    def holds(self, parent_column: Positions) -> NDArray[np.bool_]:
        """Whether it holds, given the parent's positions with -1 where that is inactive."""
        if len(self.positions) == 1:  # the usual case, and ten times as fast
            return parent_column == self.positions[0]
        return np.isin(parent_column, self.positions)


def resolve_conditions(parameters: Sequence[Parameter]) -> list[list[Condition]]:
    """The conditions of each parameter.

    Raises:
        SpaceError: a `when` names an unknown, later or unsuitable parameter, or a value it cannot have.
    """
    columns = {parameter.name: j for j, parameter in enumerate(parameters)}
    resolved: list[list[Condition]] = []
    for child, parameter in enumerate(parameters):
        conditions = []
        for name, values in parameter.when.items():
            if name not in columns:
                raise SpaceError(
                    f"parameter {parameter.name!r}: when names unknown parameter {shown(name)}"
                    f"{hint(name, columns)}"
                )
            parent = parameters[columns[name]]
            if columns[name] >= child:
                raise SpaceError(
                    f"parameter {parameter.name!r}: when names {name!r}, which must be listed before it"
                )
            if isinstance(parent, Real | Permutation):
                raise SpaceError(
                    f"parameter {parameter.name!r}: when names {name!r}, a {parent.kind} parameter; "
                    "expected a categorical, ordinal or integer one"
                )
            positions = parent.positions_of(list(values))
            if (positions < 0).any():
                wrong = values[int(np.argmin(positions))]
                raise SpaceError(f"when of parameter {parameter.name!r}: {parent.complaint(wrong)}")
            conditions.append(Condition(columns[name], np.unique(positions)))
        resolved.append(conditions)
    return resolved


def idle_columns(conditions: Sequence[Sequence[Condition]], held: Mapping[int, int]) -> set[int]:
    """The columns of the parameters that are never active, because others are held at these positions."""
    idle: set[int] = set()
    for child, its_conditions in enumerate(conditions):
        for condition in its_conditions:
            at = held.get(condition.parent)
            if condition.parent in idle or (at is not None and at not in condition.positions):
                idle.add(child)
    return idle


def deactivate(index: Positions, conditions: Sequence[Sequence[Condition]]) -> Positions:
    """Set the positions of inactive parameters to -1, in place, and return the array."""
    for child, its_conditions in enumerate(conditions):
        for condition in its_conditions:
            index[~condition.holds(index[:, condition.parent]), child] = INACTIVE
    return index
