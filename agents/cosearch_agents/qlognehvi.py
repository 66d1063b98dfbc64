"""The agent `qlognehvi`: Bayesian optimisation by the noisy expected hypervolume improvement.

S. Daulton, M. Balandat, E. Bakshy, "Parallel Bayesian Optimization of Multiple Noisy Objectives with
Expected Hypervolume Improvement", NeurIPS 2021, in logarithms as in S. Ament et al., "Unexpected Improvements
to Expected Improvement for Bayesian Optimization", NeurIPS 2023. With one objective it is qLogNEI. The values
are those of BoTorch's functions of these names, to which the tests compare them; `improvement` says how they
are computed without Monte Carlo over the candidate.
"""

from __future__ import annotations

import numpy as np

from cosearch import DesignSpace
from cosearch_agents.bayesian_search import HYPERPARAMETERS, BayesianAgent
from cosearch_agents.improvement import Criterion, expected_improvement
from cosearch_agents.outcome_model import Belief


class QLogNEHVIAgent(BayesianAgent):
    """Bayesian optimisation: Gaussian processes and the expected hypervolume improvement."""

    name = "qlognehvi"
    hyperparameters = DesignSpace(HYPERPARAMETERS)

    def criterion(self, belief: Belief, rng: np.random.Generator) -> Criterion:
        """The noisy expected hypervolume improvement."""
        return expected_improvement(belief, rng)
