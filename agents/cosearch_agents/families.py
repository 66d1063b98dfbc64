"""The agents beside the baselines, Bayesian optimisation and reinforcement learning, by family."""

from __future__ import annotations

from cosearch import Agent
from cosearch_agents.optuna_peers import (
    OptunaCmaEsAgent,
    OptunaGPAgent,
    OptunaMultivariateTPEAgent,
    OptunaNSGA2Agent,
    OptunaTPEAgent,
)
from cosearch_agents.tree_guided import TreeGuidedAgent

PREDICTOR_GUIDED: tuple[type[Agent], ...] = (TreeGuidedAgent,)
PEERS: tuple[type[Agent], ...] = (
    OptunaTPEAgent,
    OptunaMultivariateTPEAgent,
    OptunaGPAgent,
    OptunaNSGA2Agent,
    OptunaCmaEsAgent,
)
FAMILIES: tuple[type[Agent], ...] = (*PREDICTOR_GUIDED, *PEERS)
