"""The built-in agents, found by cosearch like anybody's.

Importing this package is cheap: an agent imports torch, SB3, BoTorch or pymoo when it is constructed.
"""

from __future__ import annotations

from collections.abc import Sequence

from cosearch import Agent, hookimpl
from cosearch_agents.a2c import A2CAgent
from cosearch_agents.dqn import DQNAgent
from cosearch_agents.families import FAMILIES
from cosearch_agents.maskable_ppo import MaskablePPOAgent
from cosearch_agents.mf_qlognehvi import MultiFidelityAgent
from cosearch_agents.morbo import MORBOAgent
from cosearch_agents.multi_agent_ppo import MultiAgentPPOAgent
from cosearch_agents.nsga2 import NSGA2Agent
from cosearch_agents.ppo import PPOAgent
from cosearch_agents.qlognehvi import QLogNEHVIAgent
from cosearch_agents.qlognparego import QLogNParEGOAgent
from cosearch_agents.random_search import RandomSearch
from cosearch_agents.recurrent_ppo import RecurrentPPOAgent
from cosearch_agents.reinforce import ReinforceAgent
from cosearch_agents.saasbo import SAASBOAgent
from cosearch_agents.sac import SACAgent
from cosearch_agents.sobol import SobolSearch

__all__ = [
    "A2CAgent",
    "DQNAgent",
    "MORBOAgent",
    "MaskablePPOAgent",
    "MultiAgentPPOAgent",
    "MultiFidelityAgent",
    "NSGA2Agent",
    "PPOAgent",
    "QLogNEHVIAgent",
    "QLogNParEGOAgent",
    "RandomSearch",
    "RecurrentPPOAgent",
    "ReinforceAgent",
    "SAASBOAgent",
    "SACAgent",
    "SobolSearch",
]


@hookimpl
def cosearch_agents() -> Sequence[type[Agent]]:
    """The agents of this package, the baselines first."""
    return (
        RandomSearch,
        SobolSearch,
        NSGA2Agent,
        QLogNEHVIAgent,
        QLogNParEGOAgent,
        SAASBOAgent,
        MORBOAgent,
        MultiFidelityAgent,
        PPOAgent,
        MaskablePPOAgent,
        RecurrentPPOAgent,
        A2CAgent,
        DQNAgent,
        SACAgent,
        ReinforceAgent,
        MultiAgentPPOAgent,
        *FAMILIES,
    )
