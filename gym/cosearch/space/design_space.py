"""DesignSpace: parameters, conditions and forbidden combinations, and every encoding of its designs.

A design is a dict {parameter: value} of its active parameters; a batch is a `Designs`. This file is the list
of what a space can do; how it does it is in the file that each method names by its import. Every encoding
works on whole batches, and decoding what was encoded gives the same designs back, exactly. Decoding never
looks at forbidden combinations: ask `allowed`.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cosearch.errors import DesignError, SpaceError, unknown_name
from cosearch.space import (
    components,
    configspace_space,
    encodings,
    gymnasium_spaces,
    neighbours,
    optuna_space,
    parsing,
    pymoo_space,
    sampling,
    schema,
)
from cosearch.space.conditions import deactivate, resolve_conditions
from cosearch.space.designs import Design, Designs
from cosearch.space.encodings import BlockLayout
from cosearch.space.forbidden import Forbidden
from cosearch.space.parameters import Parameter, Positions

DesignsLike = Designs | Mapping[str, Any] | Sequence[Mapping[str, Any]]


class DesignSpace:
    """The set of designs that a search may choose from.

    Args:
        parameters: in order; a parameter's `when` may name earlier ones.
        forbidden: the rules that no design may fulfil; expressions may be given as plain strings.
        name: for messages.

    Raises:
        SpaceError: parameters or rules that do not fit together, or defaults that are forbidden.

    Example:
        >>> from cosearch.space import DesignSpace, Ordinal
        >>> space = DesignSpace([Ordinal("rows", [8, 16, 32]), Ordinal("columns", [8, 16, 32])],
        ...                     forbidden=["rows * columns > 512"])
        >>> space.cardinality()
        8
    """

    held: Mapping[str, Any] = {}  # the parameters that `hold` has held, and their values

    def __init__(
        self, parameters: Iterable[Parameter], forbidden: Iterable[Forbidden | str] = (), *, name: str = ""
    ) -> None:
        self.parameters: tuple[Parameter, ...] = tuple(parameters)
        self.name = name
        for parameter in self.parameters:
            if not isinstance(parameter, Parameter):
                raise SpaceError(f"{self.label}: {parameter!r} is not a parameter")
        if not self.parameters:
            raise SpaceError(f"{self.label} has no parameter; expected at least one")
        self.names: tuple[str, ...] = tuple(parameter.name for parameter in self.parameters)
        self._column = {name: j for j, name in enumerate(self.names)}
        if len(self._column) < len(self.names):
            twice = next(name for name in self.names if self.names.count(name) > 1)
            raise SpaceError(f"{self.label} has two parameters named {twice!r}")
        self.name_set = frozenset(self.names)
        self.conditions = resolve_conditions(self.parameters)
        by_name = dict(zip(self.names, self.parameters, strict=True))
        rules = [Forbidden(rule) if isinstance(rule, str) else rule for rule in forbidden]
        self.forbidden: tuple[Forbidden, ...] = tuple(rule.bound(by_name) for rule in rules)
        self.unit_layout = BlockLayout.unit(self.parameters)
        self.onehot_layout = BlockLayout.onehot(self.parameters)
        self.key_dtype = np.dtype("<i8")
        for small in ("<i4", "<i2", "<i1"):
            if all(parameter.size - 1 <= np.iinfo(small).max for parameter in self.parameters):
                self.key_dtype = np.dtype(small)
        self._check_default()

    def _check_default(self) -> None:
        reason = self.forbidden_reason(self._default_designs)[0]
        if reason:
            raise SpaceError(
                f"{self.label}: the default design is forbidden ({reason}); set default= of a parameter"
            )

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
        if name not in self._column:
            raise unknown_name("parameter", name, self.names)
        return self._column[name]

    def __getitem__(self, name: str) -> Parameter:
        return self.parameters[self.column_number(name)]

    def __contains__(self, name: object) -> bool:
        return name in self._column

    def __len__(self) -> int:
        return len(self.parameters)

    def __iter__(self) -> Iterator[Parameter]:
        return iter(self.parameters)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, DesignSpace):
            return NotImplemented
        return self is other or (
            (self.name, self.parameters, self.forbidden) == (other.name, other.parameters, other.forbidden)
        )

    def __hash__(self) -> int:
        return hash((self.name, self.names))

    def __repr__(self) -> str:
        return (
            f"DesignSpace({list(self.parameters)!r}, forbidden={list(self.forbidden)!r}, name={self.name!r})"
        )

    @property
    def base(self) -> DesignSpace:
        """The space in which nothing is held."""
        return self

    def hold(self, values: Mapping[str, Any]) -> DesignSpace:
        """This space with some parameters held at a value: the designs that have it.

        Conditions and forbidden rules go on as before; a parameter that they leave no way to is inactive.

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
        from cosearch.space.held_space import HeldSpace

        return HeldSpace(self, values) if values else self

    # ------------------------------------------------------------------ designs

    def designs(self, rows: DesignsLike) -> Designs:
        """Designs from one dict, a list of dicts, or a dict of columns.

        A dict holds exactly the active parameters. A column holds something in every row; where its parameter
        is inactive that is ignored. Reals are rounded as `Real` says.

        Raises:
            DesignError: an unknown, missing or inactive parameter, or a value that it cannot have.
        """
        if isinstance(rows, Designs):
            if rows.space != self:
                raise DesignError(f"the designs are of another space than {self.label}")
            return rows
        if isinstance(rows, Mapping):
            if parsing.is_columns(self, rows):
                return Designs(self, parsing.parse_columns(self, rows))
            rows = [rows]
        if not isinstance(rows, Sequence) or isinstance(rows, str):
            raise DesignError(
                f"{rows!r} are not designs; expected a dict, a list of dicts or a dict of columns"
            )
        return Designs(self, parsing.parse_rows(self, rows))

    def default(self) -> Design:
        """The design in which every active parameter has its default."""
        return self._default_designs[0]

    @functools.cached_property
    def _default_designs(self) -> Designs:
        index = np.array([[parameter.default_index for parameter in self.parameters]], order="F")
        return Designs(self, deactivate(index, self.conditions))

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

    @property
    def unit_dim(self) -> int:
        """The number of unit-cube coordinates: one a parameter, k for a permutation of k items."""
        return self.unit_layout.width

    @property
    def onehot_dim(self) -> int:
        """The number of one-hot columns."""
        return self.onehot_layout.width

    # Each of these is a function of the file that it is named after, whose first argument is the space.
    to_unit = encodings.to_unit
    from_unit = encodings.from_unit
    to_box = encodings.to_box
    from_box = encodings.from_box
    to_onehot = encodings.to_onehot
    from_onehot = encodings.from_onehot
    multi_discrete = gymnasium_spaces.multi_discrete
    to_multi_discrete = gymnasium_spaces.to_multi_discrete
    from_multi_discrete = gymnasium_spaces.from_multi_discrete
    box = gymnasium_spaces.box
    dict_space = gymnasium_spaces.dict_space
    to_dict_actions = gymnasium_spaces.to_dict_actions
    from_dict_actions = gymnasium_spaces.from_dict_actions
    to_dict_action = gymnasium_spaces.to_dict_action
    from_dict_action = gymnasium_spaces.from_dict_action
    optuna_distributions = optuna_space.optuna_distributions
    to_optuna = optuna_space.to_optuna
    from_optuna = optuna_space.from_optuna
    suggest = optuna_space.suggest
    pymoo_variables = pymoo_space.pymoo_variables
    to_pymoo = pymoo_space.to_pymoo
    from_pymoo = pymoo_space.from_pymoo
    config_space = configspace_space.config_space
    to_config = configspace_space.to_config
    from_config = configspace_space.from_config

    # ------------------------------------------------------------------ as JSON

    to_dict = schema.to_dict
    from_dict = staticmethod(schema.from_dict)
    json_schema = schema.json_schema
    hash = schema.stable_hash

    # ------------------------------------------------------------------ choosing designs

    def sample(self, n: int, rng: np.random.Generator | int | None = None) -> Designs:
        """Independent random allowed designs, each parameter uniform on its scale.

        Raises:
            SpaceError: no allowed design was found.
        """
        return Designs(self, sampling.sample(self, _count(n), np.random.default_rng(rng)))

    def sobol(self, n: int, seed: int = 0, skip: int = 0) -> Designs:
        """Allowed designs `skip` to `skip + n` of the scrambled Sobol sequence of this seed.

        Raises:
            SpaceError: almost all points are forbidden.
        """
        return Designs(self, sampling.sobol(self, _count(n), seed, _count(skip)))

    def neighbours(self, design: DesignsLike) -> Designs:
        """The allowed designs one step away: another category, the next ordered value, two swapped items.

        A Real moves by 1 % and 10 % of its range. What the step activates starts at its default.
        """
        designs = self.designs(design)
        if len(designs) != 1:
            raise DesignError(f"neighbours of {len(designs)} designs; expected one design")
        return Designs(self, neighbours.neighbours(self, designs.index[0]))

    def enumerate(self, limit: int = 1_000_000) -> Designs:
        """All allowed designs, the last parameter changing fastest.

        Raises:
            SpaceError: there are more than `limit`.
        """
        return Designs(self, components.list_designs(self, limit))

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
        columns = self.position_columns(index)
        mask = np.zeros(len(index), dtype=bool)
        for rule in self.forbidden:
            mask |= rule.holds(columns)
        return mask

    def allowed(self, designs: DesignsLike) -> NDArray[np.bool_]:
        """Which designs fulfil no forbidden rule."""
        return ~self.forbidden_mask(self.designs(designs).index)

    def forbidden_reason(self, designs: DesignsLike) -> NDArray[np.object_]:
        """Why each design is forbidden: the reason of the first rule that it fulfils, "" if it is allowed."""
        index = self.designs(designs).index
        reasons = np.full(len(index), "", dtype=object)
        for rule in reversed(self.forbidden):
            reasons[rule.holds(self.position_columns(index))] = rule.reason
        return reasons


def _count(n: int) -> int:
    if not isinstance(n, int | np.integer) or n < 0:
        raise SpaceError(f"{n!r} designs; expected a number from 0")
    return int(n)
