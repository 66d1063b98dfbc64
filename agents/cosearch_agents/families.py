"""The agents beside the baselines, Bayesian optimisation and reinforcement learning, by family."""

from __future__ import annotations

from cosearch import Agent
from cosearch_agents.ant_colony import AntColonyAgent
from cosearch_agents.auto import AutoAgent
from cosearch_agents.cma_es import CMAESAgent
from cosearch_agents.exhaustive import ExhaustiveAgent
from cosearch_agents.gradient import GradientAgent
from cosearch_agents.language_model import LanguageModelAgent
from cosearch_agents.local_search import AnnealingAgent, HillClimbingAgent, NetAdaptAgent
from cosearch_agents.many_objectives import AGEMOEAAgent, MixedGAAgent, NSGA3Agent, SMSEMOAAgent
from cosearch_agents.mcts import MCTSAgent, NestedMCTSAgent
from cosearch_agents.moead import MOEADAgent
from cosearch_agents.multi_fidelity import ASHAAgent, BOHBAgent, HyperbandAgent, SuccessiveHalvingAgent
from cosearch_agents.optuna_peers import (
    OptunaCmaEsAgent,
    OptunaGPAgent,
    OptunaMultivariateTPEAgent,
    OptunaNSGA2Agent,
    OptunaTPEAgent,
)
from cosearch_agents.regularised_evolution import RegularisedEvolutionAgent
from cosearch_agents.smac3 import SMACAgent
from cosearch_agents.steady_evolution import IslandsAgent, SteadyNSGA2Agent
from cosearch_agents.tree_guided import TreeGuidedAgent

PLAIN: tuple[type[Agent], ...] = (ExhaustiveAgent,)
EVOLUTIONARY: tuple[type[Agent], ...] = (
    NSGA3Agent,
    SMSEMOAAgent,
    AGEMOEAAgent,
    MOEADAgent,
    MixedGAAgent,
    CMAESAgent,
    SteadyNSGA2Agent,
    IslandsAgent,
    RegularisedEvolutionAgent,
)
LOCAL: tuple[type[Agent], ...] = (AnnealingAgent, HillClimbingAgent, NetAdaptAgent, AntColonyAgent)
TREE: tuple[type[Agent], ...] = (MCTSAgent, NestedMCTSAgent)
GRADIENT: tuple[type[Agent], ...] = (GradientAgent,)
LANGUAGE_MODEL: tuple[type[Agent], ...] = (LanguageModelAgent,)
PREDICTOR_GUIDED: tuple[type[Agent], ...] = (TreeGuidedAgent,)
MULTI_FIDELITY: tuple[type[Agent], ...] = (SuccessiveHalvingAgent, HyperbandAgent, ASHAAgent, BOHBAgent)
PEERS: tuple[type[Agent], ...] = (
    OptunaTPEAgent,
    OptunaMultivariateTPEAgent,
    OptunaGPAgent,
    OptunaNSGA2Agent,
    OptunaCmaEsAgent,
    SMACAgent,
)
FAMILIES: tuple[type[Agent], ...] = (
    AutoAgent,
    *PLAIN,
    *EVOLUTIONARY,
    *LOCAL,
    *TREE,
    *GRADIENT,
    *LANGUAGE_MODEL,
    *PREDICTOR_GUIDED,
    *MULTI_FIDELITY,
    *PEERS,
)
