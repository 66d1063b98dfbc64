"""The agent `qlognparego`: Bayesian optimisation of many objectives by random scalarisations.

J. Knowles, "ParEGO: a hybrid algorithm with on-line landscape approximation for expensive multiobjective
optimization problems", IEEE Trans. Evolutionary Computation 10(1), 2006, over models of all objectives as in
BoTorch's qLogNParEGO. Its cost hardly grows with the number of objectives.
"""

from __future__ import annotations

import numpy as np

from cosearch import DesignSpace
from cosearch_agents.bayesian_search import HYPERPARAMETERS, BayesianAgent
from cosearch_agents.improvement import Criterion, scalarised_improvement
from cosearch_agents.outcome_model import Belief


class QLogNParEGOAgent(BayesianAgent):
    """Bayesian optimisation: the expected improvement of random scalarisations, for many objectives."""

    name = "qlognparego"
    hyperparameters = DesignSpace(HYPERPARAMETERS)

    def criterion(self, belief: Belief, rng: np.random.Generator) -> Criterion:
        """The noisy expected improvement of a scalarisation by new weights."""
        return scalarised_improvement(belief, rng)
