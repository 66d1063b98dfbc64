"""A design space with some parameters held at a value; `DesignSpace.hold` makes it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from cosearch.errors import DesignError, SpaceError
from cosearch.space.conditions import Condition, idle_columns
from cosearch.space.design_space import DesignSpace
from cosearch.space.held import Held

DEFAULT_DRAWS = 256  # among which the default is sought, where the usual one is forbidden


class HeldSpace(DesignSpace):
    """The designs of a space that have these values; each of them is a design of that space too.

    A parameter that can no longer be active stays, inactive, and the rules that read it go.

    Args:
        base: the space in which nothing is held.
        held: {parameter: value}, at least one.
    """

    def __init__(self, base: DesignSpace, held: Mapping[str, Any]) -> None:
        self._base = base
        positions: dict[str, int] = {}
        for name, value in held.items():
            positions[name] = base[name].position_of(value)
            if positions[name] < 0:
                raise DesignError(base[name].complaint(value))
        self.held = {name: base[name].values_at(np.array([at]))[0] for name, at in positions.items()}
        left = [[_left(base, condition, positions) for condition in its] for its in base.conditions]
        idle = {base.names[column] for column in idle_columns(left)}
        for name in idle.intersection(held):
            parents = ", ".join(f"{p} at {self.held[p]!r}" for p in base[name].when if p in self.held)
            raise DesignError(f"parameter {name!r} cannot be held: it is inactive with {parents}")
        positions |= {name: base[name].default_index for name in idle}
        super().__init__(
            [Held(p, positions[p.name]) if p.name in positions else p for p in base.parameters],
            [rule for rule in base.forbidden if not idle.intersection(rule.reads)],
            name=base.name,
        )

    @property
    def base(self) -> DesignSpace:
        """The space in which nothing is held."""
        return self._base

    def hold(self, values: Mapping[str, Any]) -> DesignSpace:
        """See `DesignSpace.hold`; what is held already can only be held at the value that it has."""
        for name, value in values.items():
            if self[name].position_of(value) < 0:
                raise DesignError(self[name].complaint(value))
        return self.base.hold({**self.held, **values})

    def _check_default(self) -> None:
        """The default is that of the base with what is held, or else an allowed design near it."""
        if not self.forbidden_reason(self._default_designs)[0]:
            return
        try:
            drawn = self.sample(DEFAULT_DRAWS, 0)
        except SpaceError:
            values = ", ".join(f"{name}={json.dumps(value)}" for name, value in self.held.items())
            raise SpaceError(f"{self.label} has no allowed design with {values}") from None
        changed = (drawn.index != self._default_designs.index).sum(axis=1)
        self._default_designs = drawn[[int(changed.argmin())]]


def _left(base: DesignSpace, condition: Condition, positions: Mapping[str, int]) -> Condition:
    """A condition without the values that its parent cannot have any more."""
    parent = base.names[condition.parent]
    if parent not in positions:
        return condition
    return Condition(condition.parent, condition.positions[condition.positions == positions[parent]])
