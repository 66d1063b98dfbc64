"""The agent `sac`: soft actor-critic by Stable-Baselines3, whose actions are points of the unit cube.

T. Haarnoja et al., "Soft Actor-Critic", ICML 2018. Every parameter is a coordinate, cut into as many
equal parts as it has values, so every design can be reached.
"""

from __future__ import annotations

from cosearch import DesignSpace, Problem, Real
from cosearch_agents.dqn import REPLAY, replayed
from cosearch_agents.environment_loop import EnvironmentAgent


class SACAgent(EnvironmentAgent):
    """Reinforcement learning: SAC that chooses whole designs as points of a box."""

    name = "sac"
    hyperparameters = DesignSpace(
        [*REPLAY, Real("learning_rate", 1e-5, 1e-1, default=1e-3, log=True, description="of Adam")]
    )

    def learn(self, problem: Problem) -> None:
        """Run SB3's SAC on the formulation `oneshot` with the action `box`."""
        from stable_baselines3 import SAC

        from cosearch_agents.policy_training import environment_of, train

        train(
            SAC,
            "MlpPolicy",
            environment_of(problem, self.settings, "oneshot", self.seed, action="box"),
            self.seed,
            learning_rate=self.settings["learning_rate"],
            **replayed(self.settings),
        )
