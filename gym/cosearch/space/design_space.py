"""DesignSpace and Designs: parameters, conditions and rules, and batches of designs in every encoding.

A design is a dict {parameter: value} of its active parameters; a batch is a `Designs`. This file is the list
of what a space can do; how it does it is in the file that each method names by its import, and how other
libraries see a space in `convert/`. Every encoding works on whole batches, and decoding what was encoded
gives the same designs back, exactly. Decoding never looks at forbidden combinations: ask `allowed`.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cosearch.errors import DesignError, SpaceError, shown
from cosearch.space import components, encodings, joining, neighbours, parsing, sampling, schema
from cosearch.space.design_rows import Design, DesignRows, DesignsLike
from cosearch.space.forbidden import Forbidden
from cosearch.space.parameters import Parameter
from cosearch.space.space_model import SpaceModel

DEFAULT_DRAWS = 256  # among which the default is sought, where the usual one is forbidden


class Designs(DesignRows["DesignSpace"]):
    """A batch of designs; made by a `DesignSpace`, never directly.

    Iterating gives plain dicts {parameter: value} of the active parameters. Columns are typed arrays.

    Args:
        space: the design space.
        index: the canonical positions; the batch takes them over and makes them read-only.
        allowed: which designs no rule forbids, where that is known already.

    Attributes:
        space: the design space.
        index: int64 positions, shape (n, parameters), -1 where a parameter is inactive; read-only.
    """

    __slots__ = ()


class DesignSpace(SpaceModel):
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
        super().__init__(parameters, forbidden, name=name, groups=groups)
        reason = self.forbidden_reason(self._default_designs)[0]
        if reason:
            raise SpaceError(
                f"{self.label}: the default design is forbidden ({reason}); set default= of a parameter"
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
        parameters, rules, groups = joining.joined(named, when, forbidden, groups or {})
        return cls(parameters, rules, name=name, groups=groups).hold(joining.held_in(named))

    def hold(self, values: Mapping[str, Any]) -> Self:
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
        held = super().hold(values)
        if held is not self and not held._default_designs.allowed[0]:
            held._default_designs = held._near_default()
        return held

    def _near_default(self) -> Designs:
        """An allowed design near the default, which is forbidden."""
        try:
            drawn = self.sample(DEFAULT_DRAWS, 0)
        except SpaceError:
            values = ", ".join(f"{name}={json.dumps(value)}" for name, value in self.held.items())
            raise SpaceError(f"{self.label} has no allowed design with {values}") from None
        changed = (drawn.index != self._default_designs.index).sum(axis=1)
        return drawn[[int(changed.argmin())]]

    # ------------------------------------------------------------------ designs

    def designs(self, rows: DesignsLike) -> Designs:
        """Designs from one dict, a list of dicts, or a dict of columns.

        Designs of this space with other parameters held, or none, are designs of it too if they fit. A dict
        holds exactly the active parameters. A column holds something in every row; where its parameter
        is inactive that is ignored. Reals are rounded as `Real` says.

        Raises:
            DesignError: an unknown, missing or inactive parameter, or a value that it cannot have.
        """
        if isinstance(rows, Designs) and (rows.space is self or rows.space == self):
            return rows
        return Designs(self, parsing.parse(self, rows))

    def default(self) -> Design:
        """The design in which every active parameter has its default."""
        return self._default_designs[0]

    @functools.cached_property
    def _default_designs(self) -> Designs:
        return Designs(self, self.canonical(np.array(self.default_positions[None, :], order="F")))

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

    to_unit = encodings.to_unit  # a function whose first argument is the space, as some below
    to_onehot = encodings.to_onehot

    def from_unit(self, array: ArrayLike) -> Designs:
        """The designs whose cells of the unit cube hold these points.

        Raises:
            DesignError: a wrong shape, or a coordinate that is not in [0, 1].
        """
        return Designs(self, encodings.from_unit(self, array))

    def from_onehot(self, array: ArrayLike) -> Designs:
        """The inverse of `to_onehot`; of several non-zero columns of a parameter the largest counts.

        Raises:
            DesignError: a wrong shape, or an entry that is not in [0, 1].
        """
        return Designs(self, encodings.from_onehot(self, array))

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
        return Designs(self, sampling.sample(self, self.ruled_components, n, rng), np.ones(n, dtype=bool))

    def sobol(self, n: int, seed: int = 0, skip: int = 0) -> Designs:
        """Allowed designs `skip` to `skip + n` of the scrambled Sobol sequence of this seed.

        Raises:
            SpaceError: almost all points are forbidden.
        """
        n = _count(n)
        index = sampling.sobol(self, self.ruled_components, n, seed, _count(skip))
        return Designs(self, index, np.ones(n, dtype=bool))

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

    def allowed(self, designs: DesignsLike) -> NDArray[np.bool_]:
        """Which designs fulfil no forbidden rule; read-only, and found out once for each batch."""
        return self.designs(designs).allowed

    def forbidden_reason(self, designs: DesignsLike) -> NDArray[np.object_]:
        """Why each design is forbidden: the reason of the first rule that it fulfils, "" if it is allowed."""
        designs = self.designs(designs)
        return self.reasons(designs.index, designs.allowed)


def _count(n: int) -> int:
    if not isinstance(n, int | np.integer) or n < 0:
        raise SpaceError(f"{shown(n)} designs; expected a number from 0")
    return int(n)
