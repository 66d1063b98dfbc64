"""The agent `maskable-ppo`: PPO that chooses one parameter at each step, never a value that is forbidden.

S. Huang, S. Ontanon, "A Closer Look at Invalid Action Masking in Policy Gradient Algorithms", FLAIRS 2022, in
sb3-contrib's implementation. The last choice is masked too where it would make a design that was met before.
"""

from __future__ import annotations

from cosearch import DesignSpace, Problem
from cosearch_agents.environment_loop import EnvironmentAgent
from cosearch_agents.ppo import HYPERPARAMETERS, clipped


class MaskablePPOAgent(EnvironmentAgent):
    """Reinforcement learning: PPO that chooses one parameter at each step, with masks."""

    name = "maskable-ppo"
    hyperparameters = DesignSpace(HYPERPARAMETERS)

    def learn(self, problem: Problem) -> None:
        """Run MaskablePPO on the formulation `sequential`."""
        from sb3_contrib import MaskablePPO

        from cosearch_agents.policy_training import environment_of, train

        environment = environment_of(problem, self.settings, "sequential", self.seed)
        arguments = clipped(self.settings, steps=len(problem.space))
        train(MaskablePPO, "MlpPolicy", environment, self.seed, **arguments)
