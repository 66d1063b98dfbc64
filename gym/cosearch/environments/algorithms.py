"""Which reinforcement-learning algorithm fits which formulation and action encoding.

Algorithms differ in the actions that they can choose: one of several (Discrete), several numbers at once
(MultiDiscrete), or a point of a box (Box). `check_algorithm` says in words what to change where a pair does
not fit, before a library fails over the type of a space.
"""

from __future__ import annotations

from typing import Any

import gymnasium

from cosearch.environments.formulation import Formulation
from cosearch.errors import ArgumentError, unknown_name

DISCRETE, MULTI_DISCRETE, BOX = "Discrete", "MultiDiscrete", "Box"

# Stable-Baselines3's and sb3-contrib's, by what they can choose.
ACTIONS: dict[str, tuple[str, ...]] = {
    "PPO": (DISCRETE, MULTI_DISCRETE, BOX),
    "A2C": (DISCRETE, MULTI_DISCRETE, BOX),
    "TRPO": (DISCRETE, MULTI_DISCRETE, BOX),
    "RecurrentPPO": (DISCRETE, MULTI_DISCRETE, BOX),
    "MaskablePPO": (DISCRETE,),
    "ARS": (DISCRETE, BOX),
    "DQN": (DISCRETE,),
    "QRDQN": (DISCRETE,),
    "SAC": (BOX,),
    "TD3": (BOX,),
    "DDPG": (BOX,),
    "TQC": (BOX,),
    "CrossQ": (BOX,),
}
# How to get each kind of action.
ARGUMENTS = {
    DISCRETE: 'formulation="sequential" or formulation="refine"',
    MULTI_DISCRETE: 'formulation="oneshot", action="multi_discrete"',
    BOX: 'formulation="oneshot", action="box"',
}


def algorithm_name(algorithm: str | type[Any]) -> str:
    """The name of an algorithm as in `ACTIONS`, given so, in other letters, or as SB3's class.

    Raises:
        UnknownNameError: with the nearest name.
    """
    given = algorithm if isinstance(algorithm, str) else getattr(algorithm, "__name__", str(algorithm))
    plain = given.lower().replace("-", "").replace("_", "")
    for name in ACTIONS:
        if name.lower() == plain:
            return name
    raise unknown_name("algorithm", given, ACTIONS)


def check_algorithm(algorithm: str | type[Any], environment: Any) -> None:
    """Check that an algorithm can choose the actions of an environment.

    Example:
        ```python
        env = gymnasium.make("cosearch/DramController-v1")
        check_algorithm("DQN", env)  # raises: DQN chooses one of several values at each step ...
        ```

    Args:
        algorithm: one of `ACTIONS`, by name or as Stable-Baselines3's class.
        environment: a `DesignEnv`, a `DesignVectorEnv`, or one of them in Gymnasium's wrappers.

    Raises:
        UnknownNameError: an algorithm that is not known here.
        ArgumentError: what to make the environment with.
    """
    inner = getattr(environment, "unwrapped", environment)
    check_fit(algorithm_name(algorithm), inner.episodes.formulation)


def check_fit(name: str, formulation: Formulation) -> None:
    """The same for a formulation; `name` is one of `ACTIONS`."""
    kind = type(formulation.action_space).__name__
    fits = ACTIONS[name]
    if kind not in fits:
        here = f"formulation {formulation.name}"
        if isinstance(
            formulation.action_space,
            gymnasium.spaces.Dict | gymnasium.spaces.Box | gymnasium.spaces.MultiDiscrete,
        ):
            here += f" with action {getattr(formulation, 'action', '')!r}"
        ways = "; or with ".join(ARGUMENTS[fit] for fit in fits)
        raise ArgumentError(
            f"{name} chooses {WORDS[fits]}, and {here} has {WORDS[(kind,)]}: make the environment with {ways}"
        )


WORDS: dict[tuple[str, ...], str] = {
    (DISCRETE,): "one of several values at each step",
    (MULTI_DISCRETE,): "all values at once, each one of several",
    (BOX,): "real numbers",
    ("Dict",): "all values by the names of their parameters",
    (DISCRETE, BOX): "one of several values, or real numbers",
    (DISCRETE, MULTI_DISCRETE, BOX): "one or several values, or real numbers",
}
