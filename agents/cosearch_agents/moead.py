"""The agent `moead`: the front as many directions, each with a best design, that mate with their neighbours.

Q. Zhang, H. Li, "MOEA/D: a multiobjective evolutionary algorithm based on decomposition", IEEE Transactions
on Evolutionary Computation 11(6), 2007, with Chebyshev distances from the best value of each objective, in
units of its range. A result replaces the designs of the directions that it is better for, at most
`replaced` of them; what misses constraints less always is. Results may come one at a time and in any order.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosearch import Designs, DesignSpace, Integer, Real, Results
from cosearch_agents.archive import HistoryAgent, initial, own_fidelity
from cosearch_agents.variation import Variation

Matrix = NDArray[np.float64]

SPARE = 8
# Instead of a weight of 0, so that a direction along an axis still prefers what is better otherwise.
LEAST_WEIGHT = 1e-3


def even_directions(count: int, objectives: int) -> Matrix:
    """Weights spread evenly over the simplex, about `count` of them, shape (k, objectives)."""
    if objectives == 1:
        return np.ones((1, 1))
    cuts = 1
    while math.comb(cuts + objectives, objectives - 1) <= count:
        cuts += 1
    return np.array(_compositions(cuts, objectives), dtype=np.float64) / cuts


def _compositions(total: int, parts: int) -> list[tuple[int, ...]]:
    """All ways to write a number as a sum of so many numbers from 0."""
    if parts == 1:
        return [(total,)]
    return [(k, *rest) for k in range(total + 1) for rest in _compositions(total - k, parts - 1)]


class MOEADAgent(HistoryAgent):
    """MOEA/D: one good design for each direction of the front; results may come in any order."""

    name = "moead"
    hyperparameters = DesignSpace(
        [
            Integer("directions", 2, 1000, default=30, description="at most, evenly over the front"),
            Integer("neighbours", 2, 100, default=8, description="directions whose designs mate"),
            Real("near", 0.0, 1.0, default=0.9, description="share of matings among neighbours"),
            Integer("replaced", 1, 100, default=2, description="designs that a better one may replace"),
            initial(24),
            Real("mutations", 0.1, 10.0, default=1.5, log=True, description="mean mutated parameters"),
        ]
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._variation = Variation(self.space)
        self.weights = even_directions(self.settings["directions"], len(self.objectives))
        apart = np.linalg.norm(self.weights[:, None] - self.weights[None], axis=2)
        self._near = apart.argsort(axis=1, kind="stable")[:, : self.settings["neighbours"]]
        self._best = np.full(len(self.weights), -1, dtype=np.int64)  # rows of the archive
        self._low = np.full(len(self.objectives), np.inf)
        self._high = np.full(len(self.objectives), -np.inf)

    def propose(self, n: int, rng: np.random.Generator) -> Designs:
        """A child for each direction whose turn it is."""
        first = self.beginning(n, self.settings["initial"])
        if first is not None:
            return first
        if not (self._best >= 0).any():
            return self.random_new(n, rng)
        asked = len(self.archive) + len(self.pending)
        order = np.random.default_rng(self.seed).permutation(len(self.weights))
        found = []
        for number in range(asked, asked + n):
            at = int(order[number % len(order)])
            mates = self._best[self._near[at]] if rng.random() < self.settings["near"] else self._best
            rows = mates[mates >= 0] if (mates >= 0).any() else self._best[self._best >= 0]
            mother, father = (self.archive.designs[rng.choice(rows, SPARE)] for _ in range(2))
            children = self._variation.children(
                mother, father, rng, crossover=1.0, mutations=self.settings["mutations"]
            )
            found.append(self.unknown(children)[:1])
        return Designs.concat(found)

    def tell(self, results: Results) -> None:
        """Take results, one after the other."""
        before = len(self.archive)
        super().tell(results)
        for row in range(before, before + int(own_fidelity(self.task, results).sum())):
            self._take(row)

    def _take(self, row: int) -> None:
        values, violation = self.archive.values, self.archive.violation
        if not np.isfinite(violation[row]):
            return
        self._low = np.minimum(self._low, values[row])
        self._high = np.maximum(self._high, values[row])
        empty = self._best < 0
        theirs = np.where(empty, row, self._best)
        mine, other = self._distance(np.full_like(theirs, row)), self._distance(theirs)
        missed = violation[theirs]
        better = empty | (violation[row] < missed) | ((violation[row] == missed) & (mine < other))
        open_to = np.flatnonzero(better)
        nearest = open_to[np.argsort(mine[open_to], kind="stable")]
        filled = nearest[: self.settings["replaced"]]
        self._best[filled] = row
        self._best[empty & (self._best < 0)] = row

    def _distance(self, rows: NDArray[np.int64]) -> Matrix:
        """The Chebyshev distance of a row of the archive in each direction, shape (directions,)."""
        span = np.where(self._high > self._low, self._high - self._low, 1.0)
        scaled = (self.archive.values[rows] - self._low) / span
        return (np.maximum(self.weights, LEAST_WEIGHT) * scaled).max(axis=1)
