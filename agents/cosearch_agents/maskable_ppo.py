"""The agent `maskable-ppo`: PPO that chooses one parameter at each step, never a value that is forbidden.

S. Huang, S. Ontanon, "A Closer Look at Invalid Action Masking in Policy Gradient Algorithms", FLAIRS 2022, in
sb3-contrib's implementation.
"""

from __future__ import annotations

from cosearch import DesignSpace, Problem
from cosearch_agents.environment_loop import EnvironmentAgent
from cosearch_agents.ppo import HYPERPARAMETERS, run


class MaskablePPOAgent(EnvironmentAgent):
    """Reinforcement learning: PPO that chooses one parameter at each step, with masks."""

    name = "maskable-ppo"
    hyperparameters = DesignSpace(HYPERPARAMETERS)

    def learn(self, problem: Problem) -> None:
        """Run MaskablePPO on the formulation `sequential`."""
        from sb3_contrib import MaskablePPO

        run(
            MaskablePPO,
            problem,
            "sequential",
            steps=len(problem.space),
            seed=self.seed,
            settings=self.settings,
        )
