"""Random new designs, for agents whose own search finds nothing new: each once, until none is left."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cosearch import Designs, DesignSpace
from cosearch.errors import SpaceError
from cosearch.space import DesignTable
from cosearch_agents.new_designs import newly_added

# A space of at most this many designs is listed once random draws find nothing new.
LISTABLE = 200_000
# Random draws in a row without a new design after which a larger space counts as used up.
DRY_DRAWS = 50
DRAWN = 64


class RandomNew:
    """Which designs are known, and others at random.

    Args:
        space: the design space.
        seed: of the order in which a small space's last designs come.
    """

    def __init__(self, space: DesignSpace, seed: int) -> None:
        self.space, self.seed = space, seed
        self._known = DesignTable(space)
        self._left: Designs | None = None  # all designs of a small space, in a random order

    def leave_out(self, designs: Designs) -> NDArray[np.bool_]:
        """Take designs as known; which of them were not before, shape (n,)."""
        return self._known.add(designs)[1]

    def number(self, designs: Designs) -> NDArray[np.int64]:
        """The how manieth known design each is; -1 for one that is not known."""
        return self._known.find(designs)

    def unknown(self, designs: Designs, under_way: Designs) -> Designs:
        """Those that are allowed, neither known nor under way, each once."""
        if not len(designs):
            return designs
        designs = designs[np.flatnonzero(self._known.find(designs) < 0)]
        table = DesignTable(self.space)
        table.add(under_way)
        return newly_added(table, designs)

    def draw(self, n: int, under_way: Designs, rng: np.random.Generator) -> Designs:
        """At most `n` new designs; none once the space is used up."""
        if self._left is None:
            for _ in range(DRY_DRAWS):
                new = self.unknown(self.space.sample(max(n, DRAWN), rng), under_way)
                if len(new):
                    return new[:n]
                if self._listable():
                    everything = self.space.enumerate(LISTABLE)
                    self._left = everything[np.random.default_rng(self.seed).permutation(len(everything))]
                    break
            else:
                return self.space.designs([])
        self._left = self._left[np.flatnonzero(self._known.find(self._left) < 0)]
        return self.unknown(self._left, under_way)[:n]

    def _listable(self) -> bool:
        try:
            return self.space.cardinality() <= LISTABLE
        except SpaceError:  # too large to be counted
            return False
