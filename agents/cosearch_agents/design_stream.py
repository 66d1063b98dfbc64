"""What random and Sobol search share: a fixed stream of designs, of which each is asked once.

The stream comes in blocks that depend on nothing but the seed and the block's number, so what is asked never
depends on what was told, nor on how many designs are asked for at a time.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any

import numpy as np

from cosearch import Agent, Designs, Proposals, Results
from cosearch.errors import SpaceError
from cosearch.space import DesignTable
from cosearch_agents.new_designs import newly_added

BLOCK = 256
# A space of at most this many designs is listed once the stream repeats itself, so that none is left out.
LISTABLE = 200_000
# Blocks in a row without a new design after which a larger space counts as used up.
DRY_BLOCKS = 50


class DesignStream(Agent):
    """Asks the new and allowed designs of a fixed stream, in its order."""

    batch_size = 64

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._streamed = DesignTable(self.space)
        self._left_out = DesignTable(self.space)
        self._ready = self.space.designs([])
        self._next = 0  # of those that are ready
        self._block = 0
        self._exhausted = False

    @abstractmethod
    def block(self, number: int) -> Designs:
        """Block `number` of the stream: about `BLOCK` designs, repeats and forbidden ones included."""

    def ask(self, n: int) -> Designs:
        """The next designs of the stream; fewer than `n`, or none, once the space is used up."""
        if len(self._ready) - self._next < n and not self._exhausted:
            parts = [self._ready[self._next :]]
            while sum(map(len, parts)) < n and not self._exhausted:
                parts.append(self._fetch())
            self._ready, self._next = Designs.concat(parts), 0
        asked = self._ready[self._next : self._next + n]
        self._next += len(asked)
        return asked

    def tell(self, results: Results) -> None:
        """Nothing is learnt."""

    def inform(self, results: Results) -> None:
        """Leave out what is known already."""
        self._leave_out(results.designs)

    def restore(self, state: Mapping[str, Any], history: Results, pending: Proposals) -> None:
        """Begin the stream anew, without what was told or is under way."""
        self._leave_out(history.designs)
        self._leave_out(pending.designs)

    def _leave_out(self, designs: Designs) -> None:
        self._left_out.add(designs)
        self._ready, self._next = self._wanted(self._ready[self._next :]), 0

    def _wanted(self, designs: Designs) -> Designs:
        return designs[np.flatnonzero(self._left_out.find(designs) < 0)]

    def _fetch(self) -> Designs:
        """The next designs of the stream that are wanted, if any; the stream ends where it repeats itself."""
        for _ in range(DRY_BLOCKS):
            fresh = newly_added(self._streamed, self.block(self._block))
            self._block += 1
            if len(fresh):
                return self._wanted(fresh)
            if self._listable():
                self._exhausted = True
                everything = self.space.enumerate(LISTABLE)
                order = np.random.default_rng(self.seed).permutation(len(everything))
                return self._wanted(newly_added(self._streamed, everything[order]))
        self._exhausted = True
        return self.space.designs([])

    def _listable(self) -> bool:
        try:
            return self.space.cardinality() <= LISTABLE
        except SpaceError:  # too large to be counted
            return False
