"""The agent `ppo`: proximal policy optimisation by Stable-Baselines3, one action for each design.

J. Schulman et al., "Proximal Policy Optimization Algorithms", arXiv:1707.06347, 2017. What the policy is
paid for is in `preference_learning`; how its loop is turned into ask and tell is in `environment_loop`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from cosearch import DesignSpace, Integer, Problem, Real
from cosearch_agents.environment_loop import EnvironmentAgent

# SB3 counts steps and stops at a total; a study stops before.
ENDLESS = 2**62

HYPERPARAMETERS = (
    Integer("episodes", 4, 4096, default=50, log=True, description="designs for each update of the policy"),
    Real("learning_rate", 1e-5, 1e-1, default=2e-3, log=True, description="of Adam"),
    Integer("epochs", 1, 50, default=10, description="passes over the designs of each update"),
    Integer("minibatch", 4, 4096, default=25, log=True, description="designs of each gradient step"),
    Real(
        "entropy", 0.0, 0.5, default=0.01, description="weight of the policy's entropy: more explores longer"
    ),
    Real(
        "novelty",
        0.0,
        10.0,
        default=0.5,
        description="what the reward loses when a design is met twice as often",
    ),
    Real("clip", 0.05, 0.5, default=0.2, description="how far an update may move a probability"),
    Integer("width", 8, 512, default=64, log=True, description="neurons of each of the two hidden layers"),
)


class PPOAgent(EnvironmentAgent):
    """Reinforcement learning: PPO that chooses whole designs."""

    name = "ppo"
    hyperparameters = DesignSpace(HYPERPARAMETERS)

    def learn(self, problem: Problem) -> None:
        """Run SB3's PPO on the formulation `oneshot`."""
        from stable_baselines3 import PPO

        run(PPO, problem, "oneshot", steps=1, seed=self.seed, settings=self.settings)


def run(
    algorithm: Any, problem: Problem, formulation: str, *, steps: int, seed: int, settings: dict[str, Any]
) -> None:
    """Train a PPO of SB3 without end.

    Args:
        algorithm: `PPO` or `MaskablePPO`.
        problem: what to design.
        formulation: of the environment.
        steps: steps of each episode slot between two updates.
        seed: of the policy, its actions and the weights.
        settings: the values of `HYPERPARAMETERS`.
    """
    import torch
    from stable_baselines3.common.logger import Logger

    from cosearch_agents.preference_learning import PreferenceVecEnv

    torch.set_num_threads(1)  # of this thread: sums must not depend on the machine's cores
    environment = PreferenceVecEnv(
        problem, settings["episodes"], formulation, settings["novelty"], np.random.default_rng(seed)
    )
    try:
        model = algorithm(
            "MlpPolicy",
            environment,
            seed=seed,
            n_steps=steps,
            batch_size=settings["minibatch"] * steps,
            n_epochs=settings["epochs"],
            learning_rate=settings["learning_rate"],
            ent_coef=settings["entropy"],
            clip_range=settings["clip"],
            gamma=1.0,
            policy_kwargs={"net_arch": [settings["width"], settings["width"]]},
            device="cpu",
        )
        model.set_logger(Logger(folder=None, output_formats=[]))  # its own leaves a folder behind
        model.learn(ENDLESS)
    finally:
        environment.close()
