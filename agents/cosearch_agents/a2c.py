"""The agent `a2c`: advantage actor-critic by Stable-Baselines3, one action for each design.

V. Mnih et al., "Asynchronous Methods for Deep Reinforcement Learning", ICML 2016.
"""

from __future__ import annotations

from cosearch import DesignSpace, Problem, Real
from cosearch_agents.environment_loop import EnvironmentAgent
from cosearch_agents.ppo import ENTROPY, EPISODES, NOVELTY, WIDTH


class A2CAgent(EnvironmentAgent):
    """Reinforcement learning: A2C that chooses whole designs."""

    name = "a2c"
    hyperparameters = DesignSpace(
        [
            EPISODES,
            Real("learning_rate", 1e-5, 1e-1, default=7e-3, log=True, description="of RMSprop"),
            ENTROPY,
            NOVELTY,
            WIDTH,
        ]
    )

    def learn(self, problem: Problem) -> None:
        """Run SB3's A2C on the formulation `oneshot`."""
        from stable_baselines3 import A2C

        from cosearch_agents.policy_training import FreshPolicy, environment_of, train

        train(
            A2C,
            FreshPolicy,
            environment_of(problem, self.settings, "oneshot", self.seed),
            self.seed,
            n_steps=1,
            learning_rate=self.settings["learning_rate"],
            ent_coef=self.settings["entropy"],
            normalize_advantage=True,
            policy_kwargs={"net_arch": [self.settings["width"]] * 2},
        )
