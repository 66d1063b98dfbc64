"""The agent `ppo`: proximal policy optimisation by Stable-Baselines3, one action for each design.

J. Schulman et al., "Proximal Policy Optimization Algorithms", arXiv:1707.06347, 2017. What the policy is
paid for is in `preference_learning`; how its loop is turned into ask and tell is in `environment_loop`.
"""

from __future__ import annotations

from typing import Any

from cosearch import DesignSpace, Integer, Problem, Real
from cosearch_agents.environment_loop import EnvironmentAgent

EPISODES = Integer(
    "episodes", 4, 4096, default=50, log=True, description="designs for each update of the policy"
)
NOVELTY = Real(
    "novelty", 0.0, 10.0, default=0.5, description="what the reward loses when a design is met twice as often"
)
ENTROPY = Real(
    "entropy", 0.0, 0.5, default=0.01, description="weight of the policy's entropy: more explores longer"
)
WIDTH = Integer("width", 8, 512, default=64, log=True, description="neurons of each of the two hidden layers")
HYPERPARAMETERS = (
    EPISODES,
    Real("learning_rate", 1e-5, 1e-1, default=2e-3, log=True, description="of Adam"),
    Integer("epochs", 1, 50, default=10, description="passes over the designs of each update"),
    Integer("minibatch", 4, 4096, default=25, log=True, description="designs of each gradient step"),
    ENTROPY,
    NOVELTY,
    Real("clip", 0.05, 0.5, default=0.2, description="how far an update may move a probability"),
    WIDTH,
)


class PPOAgent(EnvironmentAgent):
    """Reinforcement learning: PPO that chooses whole designs."""

    name = "ppo"
    hyperparameters = DesignSpace(HYPERPARAMETERS)

    def learn(self, problem: Problem) -> None:
        """Run SB3's PPO on the formulation `oneshot`."""
        from stable_baselines3 import PPO

        from cosearch_agents.policy_training import FreshPolicy, environment_of, train

        environment = environment_of(problem, self.settings, "oneshot", self.seed)
        train(PPO, FreshPolicy, environment, self.seed, **clipped(self.settings, steps=1))


def clipped(settings: dict[str, Any], *, steps: int) -> dict[str, Any]:
    """The arguments of a PPO of SB3 for the values of `HYPERPARAMETERS`, with episodes of so many steps."""
    return {
        "n_steps": steps,
        "batch_size": settings["minibatch"] * steps,
        "n_epochs": settings["epochs"],
        "learning_rate": settings["learning_rate"],
        "ent_coef": settings["entropy"],
        "clip_range": settings["clip"],
        "policy_kwargs": {"net_arch": [settings["width"], settings["width"]]},
    }
