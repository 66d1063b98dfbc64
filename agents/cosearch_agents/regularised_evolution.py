"""The agent `regularised-evolution`: evolution in which members die of age, not of being bad.

E. Real, A. Aggarwal, Y. Huang, Q. Le, "Regularized evolution for image classifier architecture search", AAAI
2019. The population is what was told last; the best of a random sample has a mutant. With several objectives
the best is one that no other of the sample dominates.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from cosearch import Designs, DesignSpace, Integer, Real
from cosearch_agents.archive import HistoryAgent, initial
from cosearch_agents.population import ranks
from cosearch_agents.variation import Variation

# Mutants made for each design that is asked, because some are known or forbidden.
SPARE = 6


class RegularisedEvolutionAgent(HistoryAgent):
    """Ageing evolution: the best of a sample of the youngest has a mutant; results may come in any order."""

    name = "regularised-evolution"
    hyperparameters = DesignSpace(
        [
            Integer(
                "population", 2, 10_000, default=50, log=True, description="the youngest, which may breed"
            ),
            Integer("sample", 1, 1000, default=12, log=True, description="of which the best is the parent"),
            initial(20),
            Real("mutations", 1.0, 10.0, default=1.2, log=True, description="mean mutated parameters"),
        ]
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._variation = Variation(self.space)

    def propose(self, n: int, rng: np.random.Generator) -> Designs:
        """Mutants of the best of random samples of the youngest."""
        first = self.beginning(n, self.settings["initial"])
        if first is not None:
            return first
        told = len(self.archive)
        if not told:
            return self.random_new(n, rng)
        youngest = np.arange(max(0, told - self.settings["population"]), told)
        values = np.nan_to_num(self.archive.values[youngest], nan=np.inf)
        rank = ranks(values, self.archive.violation[youngest])
        found = []
        for _ in range(n):
            drawn = rng.integers(len(youngest), size=self.settings["sample"])
            best = drawn[rank[drawn] == rank[drawn].min()]
            parent = self.archive.designs[youngest[[rng.choice(best)] * SPARE]]
            mutants = self._variation.mutants(parent, rng, mutations=self.settings["mutations"])
            found.append(self.unknown(mutants)[:1])
        return Designs.concat(found)
