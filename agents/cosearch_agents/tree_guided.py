"""The agent `tree-guided`: screens thousands of designs with trees and asks the most promising.

The trees predict every objective, every constrained metric and whether a design runs at all. Candidates are
random designs, neighbours and children of the Pareto front, and then children of the best candidates, round
after round: evolution on the predictor, with real evaluations as the judge. `screening` says what is
promising. The next of a batch is chosen as if the last had turned out as expected, and so is what follows
designs that are still under way. A share of the designs is drawn at random, against a model that is sure of
what it never saw; a larger one where the front has stood still for long.

After F. Hutter, H. Hoos, K. Leyton-Brown, "Sequential model-based optimization for general algorithm
configuration", LION 2011 (trees, local search, interleaved random designs), and R. Luo et al., "Accuracy
prediction with non-neural model for neural architecture search", 2020 (GBDT-NAS: predictors that screen).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from cosearch import Designs, DesignSpace, Integer, Real
from cosearch_agents.archive import HistoryAgent
from cosearch_agents.screening import Candidates, Screen
from cosearch_agents.tree_model import TreeModel
from cosearch_agents.variation import Variation

# Designs for each fit, and fits of a long search, where the batch is not set.
LEAST_BATCH = 4
FITS = 100
# Of the front, whose neighbours are all looked at.
MOST_FRONT = 24
# Designs since the last that came to the front, beyond which a search stands still; the random share then.
STILL, STILL_SHARE = 30, 0.25
# Candidates of each view that have children in the next round.
PARENTS = 32


class TreeGuidedAgent(HistoryAgent):
    """Randomised trees that screen thousands of candidates by the hypervolume they may gain."""

    name = "tree-guided"
    hyperparameters = DesignSpace(
        [
            Integer(
                "initial",
                2,
                1000,
                default=15,
                log=True,
                description="default and Sobol designs before the first model",
            ),
            Integer(
                "batch", 0, 256, default=0, description="designs for each model fit; 0: as the budget allows"
            ),
            Integer("trees", 8, 1024, default=64, log=True, description="randomised trees"),
            Integer("members", 1, 64, default=8, description="committees that the trees are split into"),
            Integer("candidates", 32, 20_000, default=500, log=True, description="random designs screened"),
            Integer("rounds", 0, 20, default=4, description="rounds of children of the best candidates"),
            Real(
                "optimism", 0.0, 5.0, default=1.0, description="spreads by which every second design may hope"
            ),
            Real("random_share", 0.0, 1.0, default=0.04, description="share of designs drawn at random"),
        ]
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.batch_size = self.settings["batch"] or max(LEAST_BATCH, (self.budget or 0) // FITS)
        self._variation = Variation(self.space)

    def propose(self, n: int, rng: np.random.Generator) -> Designs:
        """What gains most, as far as the trees can tell."""
        first = self.beginning(n, self.settings["initial"])
        if first is not None:
            return first
        if not len(self.archive) or not self.archive.outcomes.ok.any():
            return self.random_new(n, rng)
        drawn = self.random_new(int(rng.binomial(n, self._random_share())), rng)
        found = self._screened(rng)
        if len(drawn) == n or not len(found):
            return Designs.concat([drawn, self.random_new(n, rng)])
        asked = len(self.archive) + len(self.pending)
        return Designs.concat([found.chosen(n - len(drawn), asked), drawn])

    def _random_share(self) -> float:
        """Of the designs, drawn at random; none where that is what is set."""
        share: float = self.settings["random_share"]
        last = self.archive.front.max() if len(self.archive.front) else 0
        still = len(self.archive) - last > STILL
        return max(share, STILL_SHARE) if still and share else share

    def _screened(self, rng: np.random.Generator) -> Candidates:
        """New candidates, scored."""
        settings, archive = self.settings, self.archive
        model = TreeModel(
            self.task,
            archive.designs,
            archive.outcomes,
            trees=settings["trees"],
            members=min(settings["members"], settings["trees"]),
            seed=int(rng.integers(2**31)),
        )
        screen = Screen(
            self.task,
            archive,
            self.pending.designs,
            model,
            own_units=bool(rng.random() < 0.5),
            optimism=settings["optimism"],
        )
        found = screen.scored(self.unknown(self._candidates(rng)))
        for _ in range(settings["rounds"] if len(found) else 0):
            best = found.designs[found.best(PARENTS)]
            children = self.unknown(self._children(best, settings["candidates"] // 2, rng))
            known = set(found.designs.keys())
            new = children[[i for i, key in enumerate(children.keys()) if key not in known]]
            if len(new):
                found = found.with_others(screen.scored(new))
        return found

    def _candidates(self, rng: np.random.Generator) -> Designs:
        front = self.archive.designs[self.archive.elite()]
        count = self.settings["candidates"]
        some = front[rng.permutation(len(front))[:MOST_FRONT]]
        around = [self.space.neighbours(some[[i]]) for i in range(len(some))]
        return Designs.concat([*around, self._children(front, 2 * count, rng), self.space.sample(count, rng)])

    def _children(self, parents: Designs, n: int, rng: np.random.Generator) -> Designs:
        first, second = (parents[rng.integers(len(parents), size=n // 2)] for _ in range(2))
        return Designs.concat(
            [
                self._variation.children(first, second, rng, crossover=1.0, mutations=0.7),
                self._variation.mutants(first, rng, mutations=1.5),
            ]
        )
