"""The agent `random`: uniform random search without repeats, which every other agent must beat."""

from __future__ import annotations

import numpy as np

from cosearch import Designs
from cosearch_agents.design_stream import BLOCK, DesignStream


class RandomSearch(DesignStream):
    """Uniform random search without repeats."""

    name = "random"

    def block(self, number: int) -> Designs:
        """Independent uniform designs."""
        return self.space.sample(BLOCK, np.random.default_rng([self.seed, number]))
