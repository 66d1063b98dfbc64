"""The agent `sobol`: a scrambled Sobol sequence, which covers the space more evenly than random search."""

from __future__ import annotations

from cosearch import Designs
from cosearch_agents.design_stream import BLOCK, DesignStream

# Blocks double, because the sequence is drawn from its beginning for each; the last are of 2**16 designs.
LARGEST_DOUBLING = 8


class SobolSearch(DesignStream):
    """A scrambled Sobol sequence without repeats."""

    name = "sobol"

    def block(self, number: int) -> Designs:
        """The next part of the sequence that the seed scrambles, each twice as long as the one before."""
        doublings = min(number, LARGEST_DOUBLING)
        skip = BLOCK * (2**doublings - 1) + BLOCK * 2**LARGEST_DOUBLING * (number - doublings)
        return self.space.sobol(BLOCK * 2**doublings, seed=self.seed, skip=skip)
