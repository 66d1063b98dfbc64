"""The finite grid of a design space that the formulation `sequential` walks, and which steps it may take.

Every parameter is one *slot* with a few *levels*; a long permutation is several slots, one an item. A level
is offered only if some completion of the design is allowed, so that whoever follows the offers never ends in
a forbidden design or in a dead end.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cosearch.space import DesignSpace, Integer, Parameter, Permutation, Real
from cosearch.space.components import Component, components

Positions = NDArray[np.int64]
UNSET = -1

# Up to so many combinations of the slots that rules tie together, offers are exact: one bool each.
MAX_TABLE = 2**22
# Beyond, a level is offered if one of so many random completions of it is allowed.
COMPLETIONS = 64


@dataclass(frozen=True)
class Slot:
    """One decision: the parameter at `column`, or digit `digit` of the Lehmer code of a permutation.

    Attributes:
        positions: of the parameter at each level; for a digit the levels 0, 1, ... themselves.
    """

    column: int
    positions: Positions
    digit: int | None = None

    @property
    def size(self) -> int:
        """The number of levels."""
        return len(self.positions)

    @property
    def places(self) -> Positions:
        """What each level adds to the position of the parameter."""
        # The rank of a permutation is its Lehmer code in the factorial number system.
        return self.positions if self.digit is None else self.positions * math.factorial(self.size - 1)


class Grid:
    """The slots of a design space, in the order of its parameters.

    Attributes:
        sizes, columns: the number of levels of each slot, and the parameter's column.
        last: whether a slot completes its parameter: all do but the first digits of a permutation.
        offsets, places: `places[offsets[slot] + level]` is what the level adds to the parameter's position.
        searches: whether some offers are searched for, which needs `witnesses`.

    Args:
        space: the design space.
        levels: how many levels a Real, an Integer with more values, or a permutation with more orders gets:
            evenly spread on its scale, both ends included, and the default. Other parameters keep all values.
    """

    def __init__(self, space: DesignSpace, levels: int) -> None:
        self.space = space
        self.slots: list[Slot] = []
        for column, parameter in enumerate(space.parameters):
            if column in space.fixed:
                self.slots.append(Slot(column, np.array([space.fixed[column]])))
            else:
                self.slots += _slots(column, parameter, levels)
        self.sizes = np.array([slot.size for slot in self.slots])
        self.columns = np.array([slot.column for slot in self.slots])
        self.last = np.array([slot.digit is None or slot.size == 2 for slot in self.slots])
        self.offsets = np.cumsum([0, *self.sizes])[:-1]
        self.places = np.concatenate([slot.places for slot in self.slots])
        self.default = self._default_levels()
        self._groups = [
            _Group(self, slots, component)
            for component in components(space)
            if component.rules and (slots := self._slots_of(component))
        ]
        self.searches = any(group.tables is None for group in self._groups)

    def index(self, levels: Positions) -> Positions:
        """The index array of rows of levels; -1 where a slot is unset or its parameter inactive."""
        index = np.zeros((len(levels), len(self.space)), dtype=np.int64, order="F")
        unset = np.zeros(index.shape, dtype=bool)
        for s, slot in enumerate(self.slots):
            chosen = levels[:, s]
            unset[:, slot.column] |= chosen == UNSET
            index[:, slot.column] += slot.places[chosen]
        index[unset] = UNSET
        return self.space.canonical(index)

    def offers(
        self, levels: Positions, slots: Positions, witnesses: Positions
    ) -> tuple[NDArray[np.bool_], Positions]:
        """Which levels of each row's next slot lead to an allowed design.

        Args:
            levels: (n, slots), UNSET from the next slot on.
            slots: the next slot of each row, (n,).
            witnesses: an allowed completion of each row, (n, slots).

        Returns:
            bool (n, most levels), and for each offered level an allowed completion, (n, most levels, slots);
            none where `searches` is False, because nobody needs them.
        """
        offered = np.arange(self.sizes.max()) < self.sizes[slots][:, None]
        completions = np.empty((len(slots), 0, 0), dtype=np.int64)
        if self.searches:
            completions = np.repeat(witnesses[:, None, :], offered.shape[1], axis=1)
            completions[np.arange(len(slots)), :, slots] = np.arange(offered.shape[1])
        for group in self._groups:
            for axis, slot in enumerate(group.slots):
                rows = np.flatnonzero(slots == slot)
                if len(rows):
                    group.restrict(rows, axis, levels, witnesses, offered, completions)
        return offered, completions

    def _default_levels(self) -> Positions:
        levels = np.zeros(len(self.slots), dtype=np.int64)
        for s, slot in enumerate(self.slots):
            default = int(self.space.default_positions[slot.column])
            if slot.digit is None:
                levels[s] = int(np.flatnonzero(slot.positions == default)[0])
            else:
                levels[s] = default // math.factorial(slot.size - 1) % slot.size
        return levels

    def _slots_of(self, component: Component) -> list[int]:
        """The slots that a component's rules depend on: what they read, and what makes that active."""
        needed = {self.space.column_number(name) for rule in component.rules for name in rule.reads}
        for column in reversed(component.columns):
            if column in needed:
                needed |= {condition.parent for condition in self.space.conditions[column]}
        return [s for s, slot in enumerate(self.slots) if slot.column in needed]


class _Group:
    """The slots that one component's rules tie together."""

    def __init__(self, grid: Grid, slots: list[int], component: Component) -> None:
        self.grid, self.slots, self.rules = grid, slots, component.rules
        self.sizes = grid.sizes[slots]
        self.tables = self._prefix_tables() if math.prod(self.sizes.tolist()) <= MAX_TABLE else None

    def allowed(self, combinations: Positions) -> NDArray[np.bool_]:
        """Which combinations of levels of these slots no rule forbids, (k,)."""
        levels = np.tile(self.grid.default, (len(combinations), 1))
        levels[:, self.slots] = combinations
        columns = self.grid.space.position_columns(self.grid.index(levels))
        return ~np.logical_or.reduce([rule.holds(columns) for rule in self.rules])

    def _prefix_tables(self) -> list[NDArray[np.bool_]]:
        """Table a says for each combination of the first a + 1 slots whether some completion is allowed."""
        total = math.prod(self.sizes.tolist())
        table = np.empty(total, dtype=bool)
        for start in range(0, total, 2**16):
            numbers = np.arange(start, min(start + 2**16, total))
            table[numbers] = self.allowed(np.stack(np.unravel_index(numbers, self.sizes), axis=1))
        tables = [table.reshape(self.sizes)]
        while tables[0].ndim > 1:
            tables.insert(0, np.logical_or.reduce(tables[0], axis=-1))
        return tables

    def restrict(
        self,
        rows: Positions,
        axis: int,
        levels: Positions,
        witnesses: Positions,
        offered: NDArray[np.bool_],
        completions: Positions,
    ) -> None:
        """Take back the offers, in place, of these rows, whose next slot is `axis`, that lead nowhere."""
        size = self.sizes[axis]
        # what an inactive slot holds is ignored, so 0 does
        prefixes = np.maximum(levels[rows[:, None], self.slots[:axis]], 0)
        if self.tables is not None:
            offered[rows, :size] &= self.tables[axis][tuple(prefixes.T)]
            return
        for row, prefix in zip(rows, prefixes, strict=True):
            found = self._search(prefix, axis, witnesses[row, self.slots])
            for level in range(size):
                offered[row, level] &= level in found
                if level in found:
                    completions[row, level, self.slots] = found[level]

    def _search(self, prefix: Positions, axis: int, witness: Positions) -> dict[int, Positions]:
        """For each level of slot `axis` an allowed combination, if the witness or a random one is allowed."""
        rng = np.random.default_rng([*prefix.tolist(), axis])
        tails = np.vstack([witness, rng.integers(self.sizes, size=(COMPLETIONS, len(self.slots)))])
        tails[:, :axis] = prefix
        candidates = np.repeat(tails[None], self.sizes[axis], axis=0)
        candidates[:, :, axis] = np.arange(self.sizes[axis])[:, None]
        allowed = self.allowed(candidates.reshape(-1, len(self.slots))).reshape(candidates.shape[:2])
        return {
            level: candidates[level, allowed[level].argmax()]
            for level in range(self.sizes[axis])
            if allowed[level].any()
        }


def _slots(column: int, parameter: Parameter, levels: int) -> list[Slot]:
    if isinstance(parameter, Permutation) and parameter.size > levels:
        return [Slot(column, np.arange(size), digit) for digit, size in enumerate(parameter.digit_sizes)]
    if isinstance(parameter, Real | Integer) and parameter.size > levels:
        spread = parameter.from_unit(np.linspace(0.0, 1.0, levels)[:, None])
        return [Slot(column, np.union1d(spread, [parameter.default_index]))]
    return [Slot(column, np.arange(parameter.size))]
