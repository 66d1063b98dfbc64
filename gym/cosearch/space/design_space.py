"""DesignSpace: parameters, conditions and forbidden combinations, and every encoding of its designs.

A design is a dict {parameter: value} of its active parameters; a batch is a `Designs`. This file is the list
of what a space can do; how it does it is in the file that each method names by its import, and how other
libraries see a space in `convert/`. Every encoding works on whole batches, and decoding what was encoded
gives the same designs back, exactly. Decoding never looks at forbidden combinations: ask `allowed`.
"""

from __future__ import annotations

import copy
import functools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cosearch.errors import DesignError, SpaceError, shown, unknown_name
from cosearch.space import components, encodings, holding, joining, neighbours, parsing, sampling, schema
from cosearch.space.conditions import deactivate, resolve_conditions
from cosearch.space.designs import Design, Designs, DesignsLike
from cosearch.space.encodings import BlockLayout
from cosearch.space.forbidden import Forbidden
from cosearch.space.groups import checked_groups
from cosearch.space.parameters import Parameter, Positions
from cosearch.space.rule_tables import RuleTable
from cosearch.space.values import Value


class DesignSpace:
    """The set of designs that a search may choose from.

    Args:
        parameters: in order; a parameter's `when` may name earlier ones.
        forbidden: the rules that no design may fulfil; expressions may be given as plain strings.
        name: for messages.
        groups: {group: names of parameters} that belong together, such as those of one timing constraint.

    Attributes:
        parameters: in order, whether held or not.
        names: of the parameters.
        forbidden: the rules.
        groups: {group: names of its parameters}; a joined space has each part as a group.
        held: {parameter: value} of what is held.
        lowest: the lowest position of each parameter, shape (parameters,): 0, or the one that it is held at.
        highest: the highest position of each parameter.

    Raises:
        SpaceError: parameters, rules or groups that do not fit together, or defaults that are forbidden.

    Example:
        >>> from cosearch.space import DesignSpace, Ordinal
        >>> space = DesignSpace([Ordinal("rows", [8, 16, 32]), Ordinal("columns", [8, 16, 32])],
        ...                     forbidden=["rows * columns > 512"])
        >>> space.cardinality()
        8
    """

    def __init__(
        self,
        parameters: Iterable[Parameter],
        forbidden: Iterable[Forbidden | str] = (),
        *,
        name: str = "",
        groups: Mapping[str, Sequence[str]] | None = None,
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
        reason = self.forbidden_reason(self._default_designs)[0]
        if reason:
            raise SpaceError(
                f"{self.label}: the default design is forbidden ({reason}); set default= of a parameter"
            )

    def _hold(self, positions: Mapping[int, int]) -> None:
        """Set all that follows from what is held: {column: position}."""
        held = holding.Held.of(self, positions)
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
        for cached in ("_default_designs", "_cardinality", "ruled_components"):
            self.__dict__.pop(cached, None)
        self._parts: dict[str, _Part | None] = {}

    # ------------------------------------------------------------------ parameters

    @property
    def label(self) -> str:
        """How messages call the space."""
        return f"design space {self.name!r}" if self.name else "the design space"

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

    def part(self, name: str) -> DesignSpace:
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

    def _known_part(self, name: str) -> _Part:
        part = self._part(name)
        if part is None:
            raise unknown_name("part", name, self.groups)
        return part

    def _part(self, name: str) -> _Part | None:
        """A part and its columns, or None; "chip.network" is the part "network" of the part "chip"."""
        if name not in self._parts:
            head, _, rest = name.partition(".")
            whole = self._part(head) if rest else None
            if whole is not None:
                inner = whole[0]._part(rest)
                self._parts[name] = inner and (inner[0], whole[1][inner[1]])
            elif names := joining.part_names(self, name):
                parameters, rules, groups = joining.part_arguments(self, name, names)
                held = {names[full]: value for full, value in self.held.items() if full in names}
                part = DesignSpace(parameters, rules, name=name, groups=groups).hold(held)
                self._parts[name] = part, np.array([self.column_of[full] for full in names])
        return self._parts.get(name)

    def __getitem__(self, name: str) -> Any:
        """The parameter of this name, or else the part of this name as a `DesignSpace`."""
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

    def is_like(self, other: DesignSpace) -> bool:
        """Whether the other space numbers the same designs in the same way, whatever is held in either."""
        return self is other or (self.parameters, self.forbidden) == (other.parameters, other.forbidden)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, DesignSpace):
            return NotImplemented
        return self is other or (
            self.is_like(other)
            and (self.name, self.groups, self.held_positions)
            == (other.name, other.groups, other.held_positions)
        )

    def __hash__(self) -> int:
        return hash((self.name, self.names))

    def __getstate__(self) -> dict[str, Any]:
        cached = ("_default_designs", "_cardinality", "ruled_components")
        return {k: v for k, v in self.__dict__.items() if k not in cached} | {"_parts": {}}

    def __repr__(self) -> str:
        held = f".hold({dict(self.held)!r})" if self.held else ""
        return (
            f"DesignSpace({list(self.parameters)!r}, forbidden={list(self.forbidden)!r}, name={self.name!r})"
            f"{held}"
        )

    # ------------------------------------------------------------------ composing and holding

    @classmethod
    def join(
        cls,
        spaces: Mapping[str, DesignSpace] | Iterable[tuple[str, DesignSpace]] = (),
        /,
        *,
        when: joining.When | None = None,
        forbidden: Iterable[Forbidden | str] = (),
        name: str = "",
        groups: Mapping[str, Sequence[str]] | None = None,
        **parts: DesignSpace,
    ) -> DesignSpace:
        """One space of several: parameter "depth" of the part "network" is called "network.depth".

        Conditions, rules, groups and what is held come along; each part is a group too.

        Args:
            spaces: parts whose names are no keywords, as {name: space}.
            when: {parameter or part: {earlier parameter: values}}: conditions across the parts.
            forbidden: rules across the parts, over the new names.
            name: for messages.
            groups: further groups, over the new names.
            parts: the spaces by the names that they get.

        Raises:
            SpaceError: a name is given twice, or the whole does not fit together.
            UnknownNameError: a condition or group has a name that is not there.

        Example:
            >>> from cosearch.space import DesignSpace, Ordinal
            >>> network = DesignSpace([Ordinal("depth", [8, 16])])
            >>> hardware = DesignSpace([Ordinal("rows", [4, 8])])
            >>> space = DesignSpace.join(network=network, hardware=hardware,
            ...                          forbidden=["network.depth * hardware.rows > 64"])
            >>> space.default(), space.cardinality()
            ({'network.depth': 8, 'hardware.rows': 4}, 3)
        """
        pairs = spaces.items() if isinstance(spaces, Mapping) else spaces
        named = joining.named_once([*pairs, *parts.items()])
        for part, space in named.items():
            if not isinstance(space, DesignSpace):
                raise SpaceError(f"part {part!r} is {shown(space)}; expected a DesignSpace")
        parameters, rules, joined_groups = joining.joined(named, when, forbidden)
        for group in set(groups or {}) & set(joined_groups):
            raise SpaceError(f"two groups are named {group!r}; expected a name of its own for each")
        whole = cls(parameters, rules, name=name, groups={**joined_groups, **(groups or {})})
        return whole.hold(
            {f"{part}.{n}": value for part, space in named.items() for n, value in space.held.items()}
        )

    def hold(self, values: Mapping[str, Any]) -> DesignSpace:
        """This space with some parameters held at a value: the designs that have it.

        Parameters, columns and positions stay as they are, so index arrays and keys of one space can be used
        with the other. Conditions and forbidden rules go on as before; a parameter that they leave no way to
        is inactive. What is held already can only be held at the value that it has.

        Args:
            values: {parameter: value}.

        Raises:
            UnknownNameError: there is no such parameter.
            DesignError: a value that the parameter cannot have, or never has together with the others.
            SpaceError: no allowed design has these values.

        Example:
            >>> from cosearch.space import Categorical, DesignSpace, Ordinal
            >>> space = DesignSpace([Categorical("policy", ["open", "closed"]), Ordinal("rows", [8, 16, 32])])
            >>> space.hold({"policy": "closed"}).cardinality()
            3
        """
        if not isinstance(values, Mapping):
            raise DesignError(f"{shown(values)} cannot be held; expected {{parameter: value}}")
        if not values:
            return self
        held = copy.copy(self)
        held._hold(holding.held_positions(self, values))
        held._default_designs = holding.default_near(held, held._default_designs)
        return held

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

    # ------------------------------------------------------------------ designs

    def designs(self, rows: DesignsLike) -> Designs:
        """Designs from one dict, a list of dicts, or a dict of columns.

        Designs of this space with other parameters held, or none, are designs of it too if they fit. A dict
        holds exactly the active parameters. A column holds something in every row; where its parameter
        is inactive that is ignored. Reals are rounded as `Real` says.

        Raises:
            DesignError: an unknown, missing or inactive parameter, or a value that it cannot have.
        """
        if isinstance(rows, Designs):
            if rows.space is self or rows.space == self:
                return rows
            if not self.is_like(rows.space):
                raise DesignError(f"the designs are of another space than {self.label}")
            return self.from_index(rows.index)
        if isinstance(rows, Mapping):
            if parsing.is_columns(self, rows):
                return Designs(self, parsing.parse_columns(self, rows))
            rows = [rows]
        if not isinstance(rows, Sequence) or isinstance(rows, str):
            raise DesignError(
                f"{shown(rows)} are not designs; expected a dict, a list of dicts or a dict of columns"
            )
        return Designs(self, parsing.parse_rows(self, rows))

    def default(self) -> Design:
        """The design in which every active parameter has its default."""
        return self._default_designs[0]

    @functools.cached_property
    def _default_designs(self) -> Designs:
        return Designs(self, self.canonical(np.array(self.default_positions[None, :], order="F")))

    def active_column(self, index: Positions, column: int) -> NDArray[np.bool_]:
        """Where a parameter is active, given an index array that is canonical in the earlier columns."""
        active = np.ones(len(index), dtype=bool)
        for condition in self.conditions[column]:
            active &= condition.holds(index[:, condition.parent])
        return active

    # ------------------------------------------------------------------ encodings

    def from_index(self, array: ArrayLike) -> Designs:
        """Designs from positions, shape (n, parameters); what inactive parameters hold is ignored.

        Raises:
            DesignError: a wrong shape or dtype, or an active parameter's position out of range.
        """
        return Designs(self, parsing.parse_index(self, array))

    def designs_from_packed(self, array: ArrayLike) -> Designs:
        """The inverse of `Designs.packed`.

        Raises:
            DesignError: as for `from_index`.
        """
        return self.from_index(array)

    @property
    def unit_dim(self) -> int:
        """The number of unit-cube coordinates: one for a parameter, k for a permutation of k items."""
        return self.unit_layout.width

    @property
    def onehot_dim(self) -> int:
        """The number of one-hot columns."""
        return self.onehot_layout.width

    # Each of these is a function of the file that it is named after, whose first argument is the space.
    to_unit = encodings.to_unit
    from_unit = encodings.from_unit
    to_onehot = encodings.to_onehot
    from_onehot = encodings.from_onehot

    # ------------------------------------------------------------------ as JSON

    to_dict = schema.to_dict
    json_schema = schema.json_schema
    hash = schema.stable_hash

    @staticmethod
    def from_dict(data: Mapping[str, Any], *, drop_functions: bool = False) -> DesignSpace:
        """The space of `to_dict`.

        Args:
            data: what `to_dict` returned.
            drop_functions: leave out the rules that are functions: enough to read designs, not to search.

        Raises:
            SpaceError: the data does not describe a space, or a rule is a function, which JSON does not hold.
            DesignError: what it holds is no value of the parameter.
        """
        with schema.one_line_errors():
            description = schema.read(data, drop_functions=drop_functions)
            space = DesignSpace(
                description.parameters,
                description.forbidden,
                name=description.name,
                groups=description.groups,
            )
            return space.hold(description.held)

    # ------------------------------------------------------------------ choosing designs

    def sample(self, n: int, rng: np.random.Generator | int | None = None) -> Designs:
        """Independent random allowed designs, each parameter uniform on its scale.

        Raises:
            SpaceError: no allowed design was found.
        """
        n = _count(n)
        if not isinstance(rng, np.random.Generator):
            rng = np.random.default_rng(rng)
        return Designs(self, sampling.sample(self, n, rng), np.ones(n, dtype=bool))

    def sobol(self, n: int, seed: int = 0, skip: int = 0) -> Designs:
        """Allowed designs `skip` to `skip + n` of the scrambled Sobol sequence of this seed.

        Raises:
            SpaceError: almost all points are forbidden.
        """
        n = _count(n)
        return Designs(self, sampling.sobol(self, n, seed, _count(skip)), np.ones(n, dtype=bool))

    def neighbours(self, design: DesignsLike) -> Designs:
        """The allowed designs one step away: another category, the next ordered value, two swapped items.

        A Real moves by 1 % and 10 % of its range. What the step activates starts at its default.
        """
        designs = self.designs(design)
        if len(designs) != 1:
            raise DesignError(f"neighbours of {len(designs)} designs; expected one design")
        index = neighbours.neighbours(self, designs.index[0])
        return Designs(self, index, np.ones(len(index), dtype=bool))

    def enumerate(self, limit: int = 1_000_000) -> Designs:
        """All allowed designs, the last parameter changing fastest.

        Raises:
            SpaceError: there are more than `limit`.
        """
        index = components.list_designs(self, limit)
        return Designs(self, index, np.ones(len(index), dtype=bool))

    def cardinality(self) -> int | float:
        """The exact number of allowed designs; infinity if a parameter is a Real.

        Raises:
            SpaceError: conditions and rules tie too many combinations together to count them.
        """
        return self._cardinality

    @functools.cached_property
    def _cardinality(self) -> int | float:
        return components.cardinality(self)

    @functools.cached_property
    def ruled_components(self) -> list[sampling.RuledComponent]:
        """The components that rules apply to, ready to be sampled."""
        return sampling.ruled_components(self)

    # ------------------------------------------------------------------ forbidden combinations

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

    def allowed(self, designs: DesignsLike) -> NDArray[np.bool_]:
        """Which designs fulfil no forbidden rule; read-only, and found out once for each batch."""
        return self.designs(designs).allowed

    def forbidden_reason(self, designs: DesignsLike) -> NDArray[np.object_]:
        """Why each design is forbidden: the reason of the first rule that it fulfils, "" if it is allowed."""
        designs = self.designs(designs)
        reasons = np.full(len(designs), "", dtype=object)
        if not designs.allowed.all():
            for table in reversed(self.rules):
                reasons[table.holds(designs.index)] = table.rule.reason
        return reasons


_Part = tuple[DesignSpace, NDArray[np.int64]]  # a part and its columns in the whole


def _count(n: int) -> int:
    if not isinstance(n, int | np.integer) or n < 0:
        raise SpaceError(f"{shown(n)} designs; expected a number from 0")
    return int(n)
