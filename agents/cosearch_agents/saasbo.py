"""The agent `saasbo`: Bayesian optimisation that believes that few of many parameters matter.

D. Eriksson, M. Jankowiak, "High-Dimensional Bayesian Optimization with Sparse Axis-Aligned Subspaces",
UAI 2021. The most probable hyperparameters stand for their distribution, as in BoTorch's MAP SAAS models:
the paper's sampling takes minutes for each model.
"""

from __future__ import annotations

from cosearch_agents.qlognehvi import QLogNEHVIAgent


class SAASBOAgent(QLogNEHVIAgent):
    """Bayesian optimisation: as `qlognehvi`, with a prior that few parameters matter."""

    name = "saasbo"
    sparse = True
