"""Random and Sobol designs: points of the unit cube, decoded, less the forbidden ones.

Every parameter is uniform on its own scale (log-uniform with `log`), whatever the number of designs below
it. Components with rules are drawn anew until they are allowed; where that would take too many draws, the
allowed combinations are listed once and drawn from the list with the same probabilities.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from cosearch.errors import SpaceError
from cosearch.space.components import Component, components, list_component
from cosearch.space.encodings import decode_unit
from cosearch.space.parameters import Positions
from cosearch.space.space_model import SpaceModel

ACCEPTANCE = 0.05  # below it, the tightest components are listed
_TRIAL_DRAWS = 4096
_MAX_LISTED = 1_000_000
_MAX_DRAWS = 2**22
_BLOCK = 2**14


class RuledComponent:
    """A component with rules, and how to draw its parameters."""

    def __init__(self, space: SpaceModel, component: Component) -> None:
        self.space = space
        self.columns = np.array(component.columns)
        self.rules = [table for table in space.rules if any(table.rule is rule for rule in component.rules)]
        self.table: Positions | None = None
        self._cumulative: NDArray[np.float64] | None = None
        drawn = self._drawn(np.random.default_rng(0), _TRIAL_DRAWS)
        self.acceptance = max(1.0 - self.forbidden(drawn).mean(), 0.1 / _TRIAL_DRAWS)

    def forbidden(self, index: Positions) -> NDArray[np.bool_]:
        """Which designs one of the component's rules forbids."""
        mask = self.rules[0].holds(index)
        for rule in self.rules[1:]:
            mask |= rule.holds(index)
        return mask

    def make_table(self, component: Component) -> bool:
        """List the allowed combinations, if they are few enough.

        Raises:
            SpaceError: there is none.
        """
        try:
            table = list_component(self.space, component, _MAX_LISTED)
        except SpaceError:
            return False
        if not len(table):
            raise SpaceError(f"{self.space.label}: all combinations of {self.names} are forbidden")
        mass = np.ones(len(table))
        for column, positions in zip(self.columns, table.T, strict=True):
            if column in self.space.fixed:
                continue
            active = positions >= 0
            mass[active] *= self.space.parameters[column].unit_mass(positions[active])
        self.table, self._cumulative = table, np.cumsum(mass) / mass.sum()
        return True

    def from_table(self, unit: NDArray[np.float64]) -> Positions:
        """Combinations for numbers of [0, 1), by the inverse of their distribution."""
        assert self.table is not None
        assert self._cumulative is not None
        rows = np.searchsorted(self._cumulative, unit, side="right")
        return self.table[np.minimum(rows, len(self.table) - 1)]

    def redraw(self, index: Positions, rng: np.random.Generator) -> None:
        """Replace the component's positions, in place, where they are forbidden."""
        if self.table is not None:
            index[:, self.columns] = self.from_table(rng.random(len(index)))
            return
        wanting = np.flatnonzero(self.forbidden(index))
        draws = 0
        while len(wanting):
            n = int(np.clip(1.2 * len(wanting) / self.acceptance, 64, 4 * _BLOCK))
            drawn = self._drawn(rng, n)
            good = drawn[~self.forbidden(drawn)][: len(wanting)]
            index[np.ix_(wanting[: len(good)], self.columns)] = good[:, self.columns]
            wanting = wanting[len(good) :]
            draws = 0 if len(good) else draws + n
            if draws > _MAX_DRAWS:
                raise SpaceError(f"{self.space.label}: {draws} draws of {self.names} are all forbidden")

    @property
    def names(self) -> str:
        """The component's parameters, for messages."""
        return ", ".join(self.space.names[column] for column in self.columns)

    def _drawn(self, rng: np.random.Generator, n: int) -> Positions:
        index = np.zeros((n, len(self.space)), dtype=np.int64, order="F")
        for column in self.columns.tolist():
            parameter = self.space.parameters[column]
            index[:, column] = parameter.from_unit(rng.random((n, parameter.unit_width)))
        return self.space.canonical(index)


def ruled_components(space: SpaceModel) -> list[RuledComponent]:
    """The components that have rules, listed where drawing anew would seldom succeed."""
    found = [
        (RuledComponent(space, component), component) for component in components(space) if component.rules
    ]
    acceptance = float(np.prod([ruled.acceptance for ruled, _ in found]))
    for ruled, component in sorted(found, key=lambda pair: pair[0].acceptance):
        if acceptance < ACCEPTANCE and ruled.make_table(component):
            acceptance /= ruled.acceptance
    return [ruled for ruled, _ in found]


def sample(
    space: SpaceModel, ruled_components: Sequence[RuledComponent], n: int, rng: np.random.Generator
) -> Positions:
    """The index array of n independent allowed designs."""
    index = decode_unit(space, rng.random((n, space.unit_dim)))
    for ruled in ruled_components:
        ruled.redraw(index, rng)
    return index


def sobol(
    space: SpaceModel, ruled_components: Sequence[RuledComponent], n: int, seed: int, skip: int
) -> Positions:
    """The index array of allowed designs `skip` to `skip + n` of the scrambled Sobol sequence.

    A listed component is chosen by the coordinate of its first parameter.
    """
    from scipy.stats import qmc

    engine = qmc.Sobol(space.unit_dim, scramble=True, rng=np.random.default_rng(seed))
    block = min(_BLOCK, 1 << (2 * (skip + n)).bit_length())  # a power of two, as Sobol points like it
    found: list[Positions] = []
    count = drawn = 0
    while count < skip + n:
        unit = engine.random(block)
        drawn += len(unit)
        block = min(_BLOCK, drawn)  # the next power of two
        index = decode_unit(space, unit)
        allowed = np.ones(len(index), dtype=bool)
        for ruled in ruled_components:
            if ruled.table is not None:
                coordinate = unit[:, space.unit_layout.blocks[ruled.columns[0]].start]
                index[:, ruled.columns] = ruled.from_table(coordinate)
            else:
                allowed &= ~ruled.forbidden(index)
        found.append(index[allowed])
        count += int(allowed.sum())
        if drawn > _MAX_DRAWS and count * 100_000 < drawn:
            raise SpaceError(
                f"{space.label}: {drawn - count} of {drawn} Sobol points are forbidden; use sample()"
            )
    return np.asfortranarray(np.concatenate([*found, np.empty((0, len(space)), np.int64)])[skip : skip + n])
