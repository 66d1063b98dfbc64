"""The agent `dqn`: deep Q-learning by Stable-Baselines3, which chooses one parameter at each step.

V. Mnih et al., "Human-level control through deep reinforcement learning", Nature 518, 2015. A value that
is not allowed counts as the nearest one that is.
"""

from __future__ import annotations

from typing import Any

from cosearch import DesignSpace, Integer, Problem, Real
from cosearch_agents.environment_loop import EnvironmentAgent
from cosearch_agents.ppo import NOVELTY, WIDTH

EPISODES = Integer(
    "episodes", 1, 256, default=16, log=True, description="designs that are evaluated together"
)
REPLAY = (
    EPISODES,
    Integer("minibatch", 8, 1024, default=64, log=True, description="steps of each gradient step"),
    Integer("gradient_steps", 1, 64, default=4, log=True, description="after each step of all episodes"),
    Integer("memory", 100, 1_000_000, default=50_000, log=True, description="steps that are remembered"),
    Integer("warm_up", 1, 10_000, default=64, log=True, description="steps before it learns"),
    NOVELTY,
    WIDTH,
)


class DQNAgent(EnvironmentAgent):
    """Reinforcement learning: DQN that chooses one parameter at each step."""

    name = "dqn"
    hyperparameters = DesignSpace(
        [
            *REPLAY,
            Real("learning_rate", 1e-5, 1e-1, default=1e-3, log=True, description="of Adam"),
            Real("exploration", 0.0, 1.0, default=0.2, description="share of random steps in the end"),
            Integer("decay", 10, 1_000_000, default=300, log=True, description="designs until then"),
        ]
    )

    def learn(self, problem: Problem) -> None:
        """Run SB3's DQN on the formulation `sequential`."""
        from stable_baselines3 import DQN

        from cosearch_agents.policy_training import environment_of, train

        last, steps = self.settings["exploration"], self.settings["decay"] * len(problem.space)

        def prepare(model: Any) -> None:
            # SB3's own schedule goes by the share of all steps, of which there is no end
            model.exploration_schedule = lambda _: max(last, 1.0 - model.num_timesteps / steps)

        train(
            DQN,
            "MlpPolicy",
            environment_of(problem, self.settings, "sequential", self.seed),
            self.seed,
            prepare=prepare,
            learning_rate=self.settings["learning_rate"],
            target_update_interval=50 * self.settings["episodes"],
            **replayed(self.settings),
        )


def replayed(settings: dict[str, Any]) -> dict[str, Any]:
    """The arguments of an off-policy algorithm of SB3 for the values of `REPLAY`."""
    return {
        "train_freq": 1,
        "gradient_steps": settings["gradient_steps"],
        "batch_size": settings["minibatch"],
        "buffer_size": settings["memory"],
        "learning_starts": settings["warm_up"],
        "policy_kwargs": {"net_arch": [settings["width"], settings["width"]]},
    }
