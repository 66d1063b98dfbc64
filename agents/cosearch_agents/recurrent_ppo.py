"""The agent `recurrent-ppo`: PPO with a recurrent network that chooses one parameter at each step.

As the recurrent controllers of B. Zoph, Q. V. Le, "Neural Architecture Search with Reinforcement
Learning", ICLR 2017, trained by PPO in sb3-contrib's implementation.
"""

from __future__ import annotations

from cosearch import DesignSpace, Problem
from cosearch_agents.environment_loop import EnvironmentAgent
from cosearch_agents.ppo import HYPERPARAMETERS, clipped


class RecurrentPPOAgent(EnvironmentAgent):
    """Reinforcement learning: PPO with an LSTM that chooses one parameter at each step."""

    name = "recurrent-ppo"
    hyperparameters = DesignSpace(HYPERPARAMETERS)

    def learn(self, problem: Problem) -> None:
        """Run RecurrentPPO on the formulation `sequential`."""
        from sb3_contrib import RecurrentPPO

        from cosearch_agents.policy_training import environment_of, train

        environment = environment_of(problem, self.settings, "sequential", self.seed)
        arguments = clipped(self.settings, steps=len(problem.space))
        arguments["policy_kwargs"] |= {"lstm_hidden_size": self.settings["width"]}
        train(RecurrentPPO, "MlpLstmPolicy", environment, self.seed, **arguments)
