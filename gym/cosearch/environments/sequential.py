"""The formulation `sequential`: one parameter a step, the reward comes with the last one.

Slots and levels are those of `grid`: Reals and long integers have `levels` levels, a long permutation is
built item by item. Parameters that the choices so far make inactive are skipped: episodes differ in length.
"""

# ruff: noqa: D102 -- `Formulation` documents what each kind overrides
from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import gymnasium
import numpy as np
from numpy.typing import NDArray

from cosearch.environments.formulation import Formulation, Rows, discrete
from cosearch.environments.grid import UNSET, Grid
from cosearch.errors import ArgumentError
from cosearch.space import Designs, DesignSpace


class Sequential(Formulation):
    """Choose one level at each step; an action is the number of the level.

    A Real, and an Integer with more values, is put on `levels` levels (16), evenly spread on its scale, and
    its default; `note` says which, and on how many. All else keeps all its values.

    `action_masks` holds the levels from which an allowed design can still be reached. An action outside it
    counts as the nearest one inside, so that an agent without masks also ends in an allowed design.
    Features: the level of each slot scaled to [0, 1], or -1 while it is unset; then the next slot, one-hot.
    """

    name = "sequential"

    def __init__(self, space: DesignSpace, n: int, *, levels: int = 16) -> None:
        super().__init__(space, n)
        if levels < 2:
            raise ArgumentError(f"formulation sequential: levels must be at least 2, not {levels}")
        self.grid = Grid(space, levels)
        self.note = self._note()
        slots = len(self.grid.slots)
        self.action_space = gymnasium.spaces.Discrete(int(self.grid.sizes.max()))
        self.width = 2 * slots
        self.levels = np.full((n, slots), UNSET)
        self.slot = np.zeros(n, dtype=np.int64)
        self.witnesses = np.tile(self.grid.default, (n, 1))
        self._offered = np.zeros((n, self.action_space.n), dtype=bool)
        self._completions: NDArray[np.int64] | None = None
        if self.grid.searches:
            self._completions = np.zeros((n, self.action_space.n, slots), dtype=np.int64)
        self._conditional = [
            (s, slot.column) for s, slot in enumerate(self.grid.slots) if space.conditions[slot.column]
        ]
        self._partial = np.zeros(n, dtype=np.int64)  # of a permutation that is being built item by item
        self._seen = np.zeros((n, self.width))
        self._next = np.vstack([np.eye(slots), np.zeros(slots)])

    def _note(self) -> str:
        coarse = [
            f"{parameter.name} on {slot.size} levels"
            for slot in self.grid.slots
            if slot.digit is None
            and slot.column not in self.space.fixed
            and slot.size < (parameter := self.space.parameters[slot.column]).size
        ]
        return f"sequential puts {', '.join(coarse)} (levels=N for others)" if coarse else ""

    def begin(self, rows: Rows, rngs: Sequence[np.random.Generator], start: Designs | None) -> bool:
        self.levels[rows] = UNSET
        self.index[rows] = UNSET
        self.slot[rows] = self._partial[rows] = 0
        self._seen[rows] = np.concatenate([np.full(len(self.grid.slots), float(UNSET)), self._next[0]])
        self.witnesses[rows] = self.grid.default
        self._offer(rows)
        return False

    def act(self, rows: Rows, actions: Any) -> NDArray[np.bool_]:
        chosen = self._nearest_offered(rows, discrete(actions, self._offered.shape[1]))
        slots = self.slot[rows]
        self.levels[rows, slots] = chosen
        if self._completions is not None:
            self.witnesses[rows] = self._completions[rows, chosen]
        self._set(rows, slots, chosen)
        slots = slots + 1
        for s, column in self._conditional:
            here = np.flatnonzero(slots == s)
            if len(here):
                slots[here] += ~self.space.active_column(self.index[rows[here]], column)
        self.slot[rows] = slots
        self._seen[rows, len(self.grid.slots) :] = self._next[slots]
        complete = slots == len(self.grid.slots)
        self._offer(rows[~complete])
        return complete

    def _set(self, rows: Rows, slots: NDArray[np.int64], levels: NDArray[np.int64]) -> None:
        """Note what the levels chosen for these slots add to the design, and to what an agent sees."""
        grid = self.grid
        self._seen[rows, slots] = levels / np.maximum(grid.sizes[slots] - 1, 1)
        self._partial[rows] += grid.places[grid.offsets[slots] + levels]
        last = grid.last[slots]
        if np.count_nonzero(last) < len(last):
            rows, slots = rows[last], slots[last]
        self.index[rows, grid.columns[slots]] = self._partial[rows]
        self._partial[rows] = 0

    def ended(self, rows: Rows) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        return self.slot[rows] == len(self.grid.slots), np.zeros(len(rows), dtype=bool)

    def features(self, rows: Rows) -> NDArray[np.float64]:
        return self._seen[rows]

    def action_masks(self) -> NDArray[np.bool_]:
        return self._offered.copy()

    def last_choices(self) -> Iterator[tuple[int, Designs, NDArray[np.int64]]]:
        """For each row that some choice completes: the row, the designs it may end in, and their levels."""
        slots = self.grid.slots
        first = len(slots) - 1  # after it there may be nothing left to choose
        while first > 0 and (slots[first].size == 1 or self.space.conditions[slots[first].column]):
            first -= 1
        near_end = (self.slot >= first) & (self.slot < len(slots))
        for row in np.flatnonzero(near_end).tolist():
            slot = int(self.slot[row])
            levels = np.flatnonzero(self._offered[row])
            index = np.repeat(self.index[[row]], len(levels), axis=0)
            index[:, slots[slot].column] = self._partial[row] + slots[slot].places[levels]
            open_ones = np.zeros(len(levels), dtype=bool)
            for later in slots[slot + 1 :]:
                active = self.space.active_column(index, later.column)
                if later.size == 1:
                    index[active, later.column] = later.positions[0]
                else:
                    open_ones |= active
            if not open_ones.all():
                ended = self.space.canonical(np.asfortranarray(index[~open_ones]))
                yield row, Designs(self.space, ended), levels[~open_ones]

    def _offer(self, rows: Rows) -> None:
        if not len(rows):
            return
        offered, completions = self.grid.offers(self.levels[rows], self.slot[rows], self.witnesses[rows])
        self._offered[rows] = offered
        if self._completions is not None:
            self._completions[rows] = completions

    def _nearest_offered(self, rows: Rows, actions: NDArray[np.int64]) -> NDArray[np.int64]:
        if np.count_nonzero(self._offered[rows, actions]) == len(actions):
            return actions
        distance = np.abs(np.arange(self._offered.shape[1]) - actions[:, None]).astype(np.float64)
        return np.where(self._offered[rows], distance, np.inf).argmin(axis=1)
