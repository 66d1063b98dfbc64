"""The formulation `sequential`: one parameter a step, the reward comes with the last one.

Slots and levels are those of `grid`: Reals and long integers have `levels` levels, a long permutation is
built item by item. Parameters that the choices so far make inactive are skipped: episodes differ in length.
"""

# ruff: noqa: D102 -- `Formulation` documents what each kind overrides
from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import gymnasium
import numpy as np
from numpy.typing import NDArray

from cosearch.environments.formulation import Formulation, Rows, discrete
from cosearch.environments.grid import UNSET, Grid
from cosearch.errors import ArgumentError
from cosearch.space import Designs, DesignSpace


class Sequential(Formulation):
    """Choose one level a step; an action is the number of the level.

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
        slots = len(self.grid.slots)
        self.action_space = gymnasium.spaces.Discrete(int(self.grid.sizes.max()))
        self.width = 2 * slots
        self.levels = np.full((n, slots), UNSET)
        self.slot = np.zeros(n, dtype=np.int64)
        self.witnesses = np.tile(self.grid.default, (n, 1))
        self._offered = np.zeros((n, self.action_space.n), dtype=bool)
        self._completions = np.zeros((n, self.action_space.n, slots), dtype=np.int64)

    def begin(self, rows: Rows, rngs: Sequence[np.random.Generator], start: Designs | None) -> bool:
        self.levels[rows] = UNSET
        self.index[rows] = UNSET
        self.slot[rows] = 0
        self.witnesses[rows] = self.grid.default
        self._offer(rows)
        return False

    def act(self, rows: Rows, actions: Any) -> NDArray[np.bool_]:
        chosen = self._nearest_offered(rows, discrete(actions, self._offered.shape[1]))
        self.levels[rows, self.slot[rows]] = chosen
        self.witnesses[rows] = self._completions[rows, chosen]
        self.index[rows] = self.grid.index(self.levels[rows])
        self.slot[rows] += 1
        for s, slot in enumerate(self.grid.slots):
            here = rows[self.slot[rows] == s]
            if len(here) and self.space.conditions[slot.column]:
                self.slot[here] += ~self.space.active_column(self.index[here], slot.column)
        complete = self.slot[rows] == len(self.grid.slots)
        self._offer(rows[~complete])
        return complete

    def ended(self, rows: Rows) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        return self.slot[rows] == len(self.grid.slots), np.zeros(len(rows), dtype=bool)

    def features(self, rows: Rows) -> NDArray[np.float64]:
        levels = self.levels[rows]
        scaled = np.where(levels == UNSET, -1.0, levels / np.maximum(self.grid.sizes - 1, 1))
        return np.hstack([scaled, self.slot[rows][:, None] == np.arange(len(self.grid.slots))])

    def action_masks(self) -> NDArray[np.bool_]:
        return self._offered.copy()

    def _offer(self, rows: Rows) -> None:
        if len(rows):
            self._offered[rows], self._completions[rows] = self.grid.offers(
                self.levels[rows], self.slot[rows], self.witnesses[rows]
            )

    def _nearest_offered(self, rows: Rows, actions: NDArray[np.int64]) -> NDArray[np.int64]:
        distance = np.abs(np.arange(self._offered.shape[1]) - actions[:, None]).astype(np.float64)
        return np.where(self._offered[rows], distance, np.inf).argmin(axis=1)
