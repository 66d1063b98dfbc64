"""The agent `morbo`: Bayesian optimisation within a trust region, for many parameters.

D. Eriksson et al., "Scalable Global Optimization via Local Bayesian Optimization" (TuRBO), NeurIPS 2019,
for one objective, and S. Daulton et al., "Multi-Objective Bayesian Optimization over High-Dimensional
Search Spaces" (MORBO), UAI 2022, for several. The region lies around a design of the front, widens after
successes in a row and narrows after failures; models are fitted to the designs nearest to it, and what it
proposes differs from the centre in few parameters.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosearch import Designs, DesignSpace, Integer, Real, Results
from cosearch.objectives import minimised, violations
from cosearch.outcomes import Outcomes
from cosearch.surrogates.inputs import encoded
from cosearch_agents.bayesian_search import HYPERPARAMETERS, BayesianAgent
from cosearch_agents.improvement import Criterion, expected_improvement
from cosearch_agents.outcome_model import Belief

LARGEST, SMALLEST, FIRST = 1.6, 2.0**-6, 0.8
# So many parameters change together on average.
CHANGED = 20
NEAREST = 200
MOST_KEPT = NEAREST // 2


class MORBOAgent(BayesianAgent):
    """Bayesian optimisation in a trust region around the front (TuRBO, MORBO): for many parameters."""

    name = "morbo"
    hyperparameters = DesignSpace(
        [
            *HYPERPARAMETERS,
            Integer("successes", 1, 20, default=3, description="improvements in a row that widen the region"),
            Integer("failures", 1, 1000, default=10, description="designs without one that narrow it"),
            Real("length", 0.05, LARGEST, default=FIRST, description="first width, as a share of each range"),
        ]
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.length = self.settings["length"]
        self._won = self._lost = 0
        self._front = np.empty((0, len(self.objectives)))
        self._least_missed = np.inf
        self._centre = self.space.designs([])

    def tell(self, results: Results) -> None:
        """Take results, and let each widen or narrow the region."""
        first = len(self._designs)
        super().tell(results)
        results = results.take(np.flatnonzero(self.counted(results)))
        values = minimised(self.objectives, results.outcomes)
        missed = violations(self.constraints, results.outcomes).sum(axis=1)
        for i in range(len(results)):
            better = self._improves(values[i], float(missed[i]))
            if first + i >= self.initial:
                self._resize(better)

    def criterion(self, belief: Belief, rng: np.random.Generator) -> Criterion:
        """The expected improvement within the region."""
        inside = expected_improvement(belief, rng)
        centre = encoded(self.space, self._centre)[0]
        half = self.length / 2

        def bounded(inputs: NDArray[np.float64]) -> NDArray[np.float64]:
            far = np.abs(inputs - centre)[:, self._ordered].max(axis=1, initial=0.0) > half
            return np.where(far, -np.inf, inside(inputs))

        return bounded

    def starts(self, outcomes: Outcomes, rng: np.random.Generator) -> Designs:
        """The centre with some parameters as elsewhere in the region."""
        count = 4 * self.settings["starts"]
        unit = self.space.to_unit(self._centre)
        anywhere = self.space.sample(count, rng)
        near = np.clip(unit + self.length * (rng.random((count, unit.shape[1])) - 0.5), 0.0, 1.0)
        others = np.where(anywhere.index < 0, self.space.default_positions, anywhere.index)
        ordered = np.array([p.ordered for p in self.space.parameters])
        moved = self.space.from_unit(near).index
        others = np.where(ordered & (moved >= 0), moved, others)
        base = np.where(self._centre.index < 0, self.space.default_positions, self._centre.index)
        changed = rng.random(others.shape) < min(1.0, CHANGED / others.shape[1])
        changed[np.arange(count), rng.integers(others.shape[1], size=count)] = True
        index = self.space.canonical(np.asfortranarray(np.where(changed, others, base)))
        designs = Designs(self.space, index)
        return Designs.concat([self._centre, designs[np.flatnonzero(self.space.allowed(designs))]])

    def _best(self, n: int, outcomes: Outcomes) -> Designs:
        rng = np.random.default_rng([self.seed, len(self._designs), len(self.pending), 1])
        elite = np.flatnonzero(self._elite(outcomes))
        self._centre = self._designs[[int(rng.choice(elite))]]
        return super()._best(n, outcomes)

    def _modelled(self, outcomes: Outcomes) -> NDArray[np.int64]:
        """The rows nearest to the centre, the front among them."""
        if len(self._designs) <= NEAREST:
            return np.arange(len(self._designs))
        inputs = encoded(self.space, self._designs)
        distance = np.abs(inputs - encoded(self.space, self._centre)).sum(axis=1)
        distance[np.flatnonzero(self._elite(outcomes))[:MOST_KEPT]] = -1.0
        return np.sort(np.argsort(distance, kind="stable")[:NEAREST])

    def _improves(self, point: NDArray[np.float64], missed: float) -> bool:
        """Whether a design is on the front so far; without a feasible one, whether it misses by less."""
        if missed > 0:
            better = missed < self._least_missed
            self._least_missed = min(missed, self._least_missed)
            return better
        self._least_missed = 0.0
        if (self._front <= point).all(axis=1).any():
            return False
        self._front = np.vstack([self._front[~(self._front >= point).all(axis=1)], point])
        return True

    def _resize(self, better: bool) -> None:
        self._won, self._lost = (self._won + 1, 0) if better else (0, self._lost + 1)
        if self._won == self.settings["successes"]:
            self.length, self._won = min(2 * self.length, LARGEST), 0
        elif self._lost == self.settings["failures"]:
            self.length, self._lost = self.length / 2, 0
            if self.length < SMALLEST:  # a new region, around whatever is best then
                self.length = self.settings["length"]

    @property
    def _ordered(self) -> NDArray[np.bool_]:
        """Which inputs are coordinates."""
        return np.array([p.ordered for p in self.space.parameters])[self._owners]
