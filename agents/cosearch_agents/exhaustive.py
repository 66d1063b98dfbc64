"""The agent `exhaustive`: every design of a small space, or of an even grid over a large one.

The front of a space that was listed whole is exact. `account` says how far it is and how long it will take.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosearch import Agent, Designs, DesignSpace, Integer, Proposals, Real, Results
from cosearch.errors import ArgumentError, SpaceError
from cosearch.quantities import duration
from cosearch.space import DesignTable
from cosearch_agents.new_designs import newly_added

# A space of at most this many designs is listed in memory.
LISTED = 2_000_000
# Points of the grid that are looked at together.
CHUNK = 4096


class ExhaustiveAgent(Agent):
    """Every design of a small space, in order: the exact front; of a large space an even grid."""

    name = "exhaustive"
    batch_size = 24
    hyperparameters = DesignSpace(
        [
            Integer(
                "levels",
                0,
                1000,
                default=0,
                description="values of each parameter, over its range; 0: as many as the budget allows",
            )
        ]
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._left_out = DesignTable(self.space)
        self._streamed = DesignTable(self.space)
        self._ready = self.space.designs([])
        self._chunk = self._told = 0
        self._began = time.monotonic()
        self._whole = self._list()
        self._axes = [] if self._whole is not None else self._grid()
        points = math.prod(len(axis) for axis in self._axes)
        if self._whole is None and points > LISTED and self.settings["levels"]:
            raise ArgumentError(
                f"agent exhaustive: a grid of levels={self.settings['levels']} has {points:,} points, "
                f"more than {LISTED:,}; use fewer levels, or hold some parameters"
            )
        self.total = points if self._whole is None else len(self._whole)

    @property
    def account(self) -> tuple[str, ...]:
        """How far it is, and how long the rest will take."""
        what = "all designs" if self._whole is not None else "points of an even grid"
        line = f"exhaustive: {self._told:,} of {self.total:,} {what}"
        left = max(self.total - self._told, 0)
        if not left:
            exact = "the front is exact" if self._whole is not None else "the grid is done"
            return (f"{line}; {exact}",)
        if self._told:
            seconds = (time.monotonic() - self._began) / self._told * left
            line += f"; the others would take about {duration(seconds)}"
        return (line,)

    def ask(self, n: int) -> Designs:
        """The next designs."""
        while len(self._ready) < n:
            more = self._next()
            if more is None:
                break
            self._ready = Designs.concat([self._ready, self._wanted(newly_added(self._streamed, more))])
        asked, self._ready = self._ready[:n], self._ready[n:]
        return asked

    def tell(self, results: Results) -> None:
        """Nothing is learnt but how far it is."""
        self._told += len(results)

    def inform(self, results: Results) -> None:
        """Leave out what is known already."""
        self._left_out.add(results.designs)
        self._ready = self._wanted(self._ready)
        self._told += len(results)

    def restore(self, state: Mapping[str, Any], history: Results, pending: Proposals) -> None:
        """Begin anew, without what was told or is under way."""
        self.inform(history)
        self._left_out.add(pending.designs)

    def _wanted(self, designs: Designs) -> Designs:
        return designs[np.flatnonzero(self._left_out.find(designs) < 0)]

    def _next(self) -> Designs | None:
        """The next part of the list or the grid; None at its end."""
        first = self._chunk * CHUNK
        self._chunk += 1
        if first >= self.total:
            return None
        if self._whole is not None:
            return self._whole[first : first + CHUNK]
        shape = [len(axis) for axis in self._axes]
        numbers = np.unravel_index(np.arange(first, min(first + CHUNK, self.total)), shape)
        columns = [axis[at] for axis, at in zip(self._axes, numbers, strict=True)]
        index = self.space.canonical(np.asfortranarray(np.stack(columns, axis=1)))
        return Designs(self.space, index)

    def _list(self) -> Designs | None:
        if self.settings["levels"]:
            return None
        try:
            few = self.space.cardinality() <= max(self.budget or LISTED, CHUNK)
        except SpaceError:  # too large to be counted
            return None
        return self.space.enumerate(LISTED) if few else None

    def _grid(self) -> list[NDArray[np.int64]]:
        """Positions of each parameter; as many for each as the budget allows, where that is not set."""
        if self.settings["levels"]:
            return [self._axis(j, self.settings["levels"]) for j in range(len(self.space))]
        levels, budget = 2, self.budget or CHUNK
        while True:
            axes = [self._axis(j, levels) for j in range(len(self.space))]
            more = [self._axis(j, levels + 1) for j in range(len(self.space))]
            sizes = [math.prod(map(len, found)) for found in (axes, more)]
            if sizes[1] > budget or sizes[1] == sizes[0]:
                return axes
            levels += 1

    def _axis(self, column: int, levels: int) -> NDArray[np.int64]:
        parameter = self.space.parameters[column]
        low, high = int(self.space.lowest[column]), int(self.space.highest[column])
        if high - low + 1 <= levels:
            return np.arange(low, high + 1)
        if isinstance(parameter, Real):
            return np.unique(parameter.from_unit(np.linspace(0.0, 1.0, levels)[:, None]))
        return np.unique(np.rint(np.linspace(low, high, levels)).astype(np.int64))
