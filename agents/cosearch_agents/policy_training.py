"""How the algorithms of Stable-Baselines3 are trained without end, as agents of a study.

What they are paid for is in `preference_learning`; how their loop is turned into ask and tell is in
`environment_loop`. All run on one thread of torch: its pool waits by spinning, which on small networks costs
ten times what it computes, and sums would depend on the machine's cores.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from stable_baselines3.common.logger import Logger
from stable_baselines3.common.policies import ActorCriticPolicy

from cosearch import Problem
from cosearch_agents.preference_learning import PreferenceVecEnv

# SB3 counts steps and stops at a total; a study stops before.
ENDLESS = 2**62
# How often an action is drawn again that makes a design met before.
REDRAWS = 16


class FreshPolicy(ActorCriticPolicy):
    """Draws again what makes a design that was met before, as long as the policy is not sure of it."""

    stale: Callable[[Any], Any] | None = None

    def forward(self, obs: Any, deterministic: bool = False) -> tuple[Any, Any, Any]:
        """Actions, their values and log probabilities under the policy."""
        actions, values, logarithms = super().forward(obs, deterministic)
        for _ in range(REDRAWS):
            if self.stale is None or deterministic:
                break
            stale = torch.as_tensor(self.stale(self._bounded(actions)))
            if not stale.any():
                break
            again, _, again_logarithms = super().forward(obs)
            actions = torch.where(stale.reshape(-1, *(1,) * (actions.ndim - 1)), again, actions)
            logarithms = torch.where(stale, again_logarithms, logarithms)
        return actions, values, logarithms

    def _bounded(self, actions: Any) -> Any:
        """The actions as SB3 hands them to the environment."""
        numbers = actions.numpy()
        box = self.action_space
        return (
            np.clip(numbers, box.low, box.high) if hasattr(box, "low") and hasattr(box, "high") else numbers
        )


def environment_of(
    problem: Problem, settings: dict[str, Any], formulation: str, seed: int, **arguments: Any
) -> PreferenceVecEnv:
    """The environment that an agent with these settings learns on."""
    torch.set_num_threads(1)  # of this thread
    rng = np.random.default_rng(seed)
    return PreferenceVecEnv(problem, settings["episodes"], formulation, settings["novelty"], rng, **arguments)


def train(algorithm: Any, policy: Any, environment: PreferenceVecEnv, seed: int, **arguments: Any) -> None:
    """Train an algorithm without end, and close its environment.

    Args:
        algorithm: a class of SB3 or sb3-contrib.
        policy: its policy, as a class or by name.
        environment: what it learns on.
        seed: of its weights and actions.
        **arguments: of the algorithm; `prepare` is called with the model before it learns.
    """
    prepare = arguments.pop("prepare", None)
    try:
        model = algorithm(policy, environment, seed=seed % 2**32, gamma=1.0, device="cpu", **arguments)
        model.set_logger(Logger(folder=None, output_formats=[]))  # its own leaves a folder behind
        if policy is FreshPolicy:
            model.policy.stale = environment.stale
        if prepare is not None:
            prepare(model)
        model.learn(ENDLESS)
    finally:
        environment.close()
