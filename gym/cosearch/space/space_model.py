"""What a design space is: parameters, conditions, rules, groups, and the mask of what is held.

`DesignSpace` adds what can be done with it. Everything here is about index arrays: int64 positions, shape
(n, parameters), -1 where a parameter is inactive.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from cosearch.errors import DesignError, SpaceError, shown, unknown_name
from cosearch.space.block_layout import BlockLayout
from cosearch.space.conditions import deactivate, idle_columns, resolve_conditions
from cosearch.space.forbidden import Forbidden
from cosearch.space.groups import checked_groups
from cosearch.space.holding import Held
from cosearch.space.parameters import Parameter, Positions
from cosearch.space.parts import part_groups, part_names, part_parameters, part_rules
from cosearch.space.rule_tables import RuleTable
from cosearch.space.values import Value

_FOUND_LATER = ("_default_designs", "_cardinality", "ruled_components")  # cached by `DesignSpace`


class SpaceModel:
    """The parameters of a space and all that is said about them; see `DesignSpace`."""

    def __init__(
        self,
        parameters: Iterable[Parameter],
        forbidden: Iterable[Forbidden | str],
        *,
        name: str,
        groups: Mapping[str, Sequence[str]] | None,
    ) -> None:
        self.parameters: tuple[Parameter, ...] = tuple(parameters)
        self.name = name
        if not isinstance(name, str):
            raise SpaceError(f"design space name {shown(name)} is not allowed; expected text")
        for parameter in self.parameters:
            if not isinstance(parameter, Parameter):
                raise SpaceError(f"{self.label}: {shown(parameter)} is not a parameter")
        if not self.parameters:
            raise SpaceError(f"{self.label} has no parameter; expected at least one")
        self.names: tuple[str, ...] = tuple(parameter.name for parameter in self.parameters)
        self.column_of = {name: j for j, name in enumerate(self.names)}
        if len(self.column_of) < len(self.names):
            twice = next(name for name in self.names if self.names.count(name) > 1)
            raise SpaceError(f"{self.label} has two parameters named {twice!r}")
        self.groups: Mapping[str, tuple[str, ...]] = checked_groups(groups or {}, self.names, self.label)
        self.conditions = resolve_conditions(self.parameters)
        by_name = dict(zip(self.names, self.parameters, strict=True))
        rules = [Forbidden(rule) if isinstance(rule, str) else rule for rule in forbidden]
        for rule in rules:
            if not isinstance(rule, Forbidden):
                raise SpaceError(f"{self.label}: {shown(rule)} is not a forbidden rule")
        self.forbidden: tuple[Forbidden, ...] = tuple(rule.bound(by_name) for rule in rules)
        self.unit_layout = BlockLayout.unit(self.parameters)
        self.onehot_layout = BlockLayout.onehot(self.parameters)
        self.key_dtype = np.dtype("<i8")
        for small in ("<i4", "<i2", "<i1"):
            if all(parameter.size - 1 <= np.iinfo(small).max for parameter in self.parameters):
                self.key_dtype = np.dtype(small)
        self._hold({})

    def _hold(self, positions: Mapping[int, int]) -> None:
        """Set all that follows from what is held: {column: position}."""
        held = Held.of(self.parameters, self.conditions, positions)
        self.held_positions: Mapping[int, int] = dict(positions)
        self.held: Mapping[str, Value] = {
            self.names[j]: self.parameters[j].value_at(at) for j, at in positions.items()
        }
        self.fixed = held.fixed
        self.lowest, self.highest = held.lowest, held.highest
        self.default_positions = held.default_positions
        self.rules = [
            RuleTable(rule, self.parameters, [self.column_of[name] for name in rule.reads])
            for rule in self.forbidden
            if not any(self.column_of[name] in held.idle for name in rule.reads)
        ]
        for cached in _FOUND_LATER:
            self.__dict__.pop(cached, None)
        self._parts: dict[str, tuple[Self, NDArray[np.int64]] | None] = {}

    @property
    def label(self) -> str:
        """How messages call the space."""
        return f"design space {self.name!r}" if self.name else "the design space"

    @property
    def unit_dim(self) -> int:
        """The number of unit-cube coordinates: one for a parameter, k for a permutation of k items."""
        return self.unit_layout.width

    @property
    def onehot_dim(self) -> int:
        """The number of one-hot columns."""
        return self.onehot_layout.width

    def column_number(self, name: str) -> int:
        """The column of a parameter in index arrays.

        Raises:
            UnknownNameError: there is no such parameter.
        """
        column = self.column_of.get(name)
        if column is None:
            raise unknown_name("parameter", name, self.names)
        return column

    def parameter(self, name: str) -> Parameter:
        """The parameter of this name.

        Raises:
            UnknownNameError: there is no such parameter.
        """
        return self.parameters[self.column_number(name)]

    def part(self, name: str) -> Self:
        """A part of a joined space, or a group, as a space; what is held stays held.

        Parameters of a part have the names that they had before it was joined. Conditions and rules that
        reach out of it are left out.

        Raises:
            UnknownNameError: there is no such part or group.
        """
        return self._known_part(name)[0]

    def part_columns(self, name: str) -> NDArray[np.int64]:
        """The columns of a part's parameters in index arrays of this space."""
        return self._known_part(name)[1]

    def _known_part(self, name: str) -> tuple[Self, NDArray[np.int64]]:
        part = self._part(name)
        if part is None:
            raise unknown_name("part", name, self.groups)
        return part

    def _part(self, name: str) -> tuple[Self, NDArray[np.int64]] | None:
        """A part and its columns, or None; "chip.network" is the part "network" of the part "chip"."""
        if name not in self._parts:
            head, _, rest = name.partition(".")
            whole = self._part(head) if rest else None
            if whole is not None:
                inner = whole[0]._part(rest)
                self._parts[name] = inner and (inner[0], whole[1][inner[1]])
            elif names := part_names(name, self.names, self.groups):
                part = type(self)(
                    part_parameters(self.parameters, names),
                    part_rules(self.forbidden, names),
                    name=name,
                    groups=part_groups(name, self.groups, names),
                )
                held = {names[full]: value for full, value in self.held.items() if full in names}
                self._parts[name] = part.hold(held), np.array([self.column_of[full] for full in names])
        return self._parts.get(name)

    def __getitem__(self, name: str) -> Any:
        """The parameter of this name, or else the part of this name as a space."""
        if name in self.column_of:
            return self.parameters[self.column_of[name]]
        if not isinstance(name, str) or self._part(name) is None:
            raise unknown_name("parameter", name, [*self.names, *self.groups])
        return self.part(name)

    def __contains__(self, name: object) -> bool:
        return name in self.column_of

    def __len__(self) -> int:
        return len(self.parameters)

    def __iter__(self) -> Iterator[Parameter]:
        return iter(self.parameters)

    def is_like(self, other: SpaceModel) -> bool:
        """Whether the other space numbers the same designs in the same way, whatever is held in either."""
        return self is other or (self.parameters, self.forbidden) == (other.parameters, other.forbidden)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, SpaceModel):
            return NotImplemented
        return self is other or (
            self.is_like(other)
            and (self.name, self.groups, self.held_positions)
            == (other.name, other.groups, other.held_positions)
        )

    def __hash__(self) -> int:
        return hash((self.name, self.names))

    def __getstate__(self) -> dict[str, Any]:
        return {k: v for k, v in self.__dict__.items() if k not in _FOUND_LATER} | {"_parts": {}}

    def __repr__(self) -> str:
        held = f".hold({dict(self.held)!r})" if self.held else ""
        return (
            f"DesignSpace({list(self.parameters)!r}, forbidden={list(self.forbidden)!r}, name={self.name!r})"
            f"{held}"
        )

    def hold(self, values: Mapping[str, Any]) -> Self:
        """See `DesignSpace.hold`."""
        if not isinstance(values, Mapping):
            raise DesignError(f"{shown(values)} cannot be held; expected {{parameter: value}}")
        if not values:
            return self
        held = copy.copy(self)
        held._hold(self._positions_held_with(values))
        return held

    def _positions_held_with(self, values: Mapping[str, Any]) -> dict[int, int]:
        """{column: position} of what is held already and of these values, in the order of holding."""
        positions = dict(self.held_positions)
        for name, value in values.items():
            column = self.column_number(name)
            positions[column] = int(self.positions_of(column, [value])[0])
            if positions[column] < 0:
                raise DesignError(self.complaint(column, value))
        for column in idle_columns(self.conditions, positions) & positions.keys():
            parents = ", ".join(
                f"{self.names[c.parent]} at {self.parameters[c.parent].value_at(positions[c.parent])!r}"
                for c in self.conditions[column]
                if c.parent in positions
            )
            raise DesignError(
                f"parameter {self.names[column]!r} cannot be held: it is inactive with {parents}"
            )
        return positions

    def canonical(self, index: Positions) -> Positions:
        """Set what is held and -1 where a parameter is inactive, in place, and return the array."""
        for column, position in self.held_positions.items():
            index[:, column] = position
        return deactivate(index, self.conditions)

    def positions_of(self, column: int, values: Sequence[Value] | NDArray[Any]) -> Positions:
        """The positions of values of one parameter; -1 where a value is not allowed, or not the held one."""
        positions = self.parameters[column].positions_of(values)
        if column in self.held_positions:
            positions = np.where(positions == self.held_positions[column], positions, -1)
        return positions

    def expected(self, column: int) -> str:
        """What a value of one parameter must be, for error messages."""
        if column in self.held_positions:
            return f"{self.held[self.names[column]]!r}, at which it is held"
        return self.parameters[column].expected()

    def complaint(self, column: int, value: Value) -> str:
        """One line that says why a value of one parameter is not allowed."""
        if column in self.held_positions:
            name = self.names[column]
            return f"parameter {name!r}: {shown(value)} is not allowed; expected {self.expected(column)}"
        return self.parameters[column].complaint(value)

    def active_column(self, index: Positions, column: int) -> NDArray[np.bool_]:
        """Where a parameter is active, given an index array that is canonical in the earlier columns."""
        active = np.ones(len(index), dtype=bool)
        for condition in self.conditions[column]:
            active &= condition.holds(index[:, condition.parent])
        return active

    def position_columns(self, index: Positions) -> dict[str, tuple[Parameter, Positions]]:
        """An index array as rules read it."""
        return {parameter.name: (parameter, index[:, j]) for j, parameter in enumerate(self.parameters)}

    def forbidden_mask(self, index: Positions) -> NDArray[np.bool_]:
        """Which rows of an index array are forbidden."""
        if not self.rules:
            return np.zeros(len(index), dtype=bool)
        mask = self.rules[0].holds(index)
        for rule in self.rules[1:]:
            mask |= rule.holds(index)
        return mask

    def reasons(self, index: Positions, allowed: NDArray[np.bool_]) -> NDArray[np.object_]:
        """Of each row the reason of the first rule that it fulfils, "" where it is known to be allowed."""
        reasons = np.full(len(index), "", dtype=object)
        if not allowed.all():
            for table in reversed(self.rules):
                reasons[table.holds(index)] = table.rule.reason
        return reasons
