"""One problem as a Gymnasium environment, and its multi-objective twin as a MO-Gymnasium one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gymnasium
import numpy as np
from numpy.typing import NDArray

from cosearch.environments.episodes import Episodes
from cosearch.environments.options import VECTOR, EpisodeOptions
from cosearch.errors import ArgumentError, unknown_name
from cosearch.problem import Problem

ROW = np.array([0])
RENDER_MODES = ("ansi", "rgb_array")


class DesignEnv(gymnasium.Env[NDArray[np.float32], Any]):
    """A problem as an environment: actions make designs, the reward scores what the simulator says of them.

    Example:
        ```python
        env = gymnasium.make("cosearch/DramController-v1", workload="random", formulation="refine")
        observation, info = env.reset(seed=0)
        observation, reward, terminated, truncated, info = env.step(env.action_space.sample())
        info["design"], info["metrics"], info["objectives"], info["status"], info["reason"]
        ```

    Args:
        problem: a registered name, or a `Problem`, e.g. one whose `evaluate` asks somebody else.
        objectives: `Objective`s or their text, default the problem's.
        constraints: `Constraint`s or their text, default the problem's.
        formulation: "oneshot", "sequential" or "refine".
        reward: "weighted_sum", "chebyshev", "target_ratio", "mnasnet", "nasaic", "fbnet", "rena", "tunas" or
            "hypervolume_improvement".
        units: {metric: what counts as 1} of objectives, default the default design's values.
        fidelity: of every evaluation, default the problem's first.
        seed: of every evaluation, for simulators that draw random numbers; `reset(seed=...)` seeds episodes.
        timeout_s: time limit for each design. With a limit, and for `isolated` problems, a worker process
            evaluates.
        memory_mb: memory limit for each design.
        algorithm: what will be trained, e.g. "DQN" or SB3's class `DQN`: if that cannot choose the actions of
            the formulation, an error says what to change; `oneshot` gives real numbers to those that want
            them.
        render_mode: "ansi" for a table of the current design and its metrics, "rgb_array" for a picture of
            the search so far, which `gymnasium.wrappers.RecordVideo` records.
        **arguments: of the formulation (`action`; `levels`; `max_steps`, `start`), of the reward (`weights`,
            `targets`, ...: see `cosearch.environments.rewards`) and of the problem.

    Raises:
        UnknownNameError: a name that does not exist, with the nearest.
        ArgumentError: an argument out of its bounds.
    """

    metadata: dict[str, Any] = {"render_modes": [*RENDER_MODES], "render_fps": 4}  # noqa: RUF012  Gymnasium's own declaration

    def __init__(
        self,
        problem: str | Problem,
        *,
        render_mode: str | None = None,
        **arguments: Any,
    ) -> None:
        check_render_mode(render_mode)
        self.episodes = Episodes(problem, 1, EpisodeOptions.of(arguments))
        self.problem = self.episodes.problem
        self.observation_space = self.episodes.observation_space
        self.action_space = self.episodes.action_space
        self.render_mode = render_mode
        if render_mode == "rgb_array":
            self.episodes.watch()
        self._running = False

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[NDArray[np.float32], dict[str, Any]]:
        """Begin an episode.

        Args:
            seed: of what is random in the formulation; also empties the archive of a hypervolume reward.
            options: {"design": {...}} is the design that `refine` starts from.
        """
        super().reset(seed=seed)
        if seed is not None:
            self.episodes.forget(0)
        self.episodes.begin(ROW, [self.np_random], start_of(options))
        self._running = True
        return self.episodes.observations(ROW)[0], self.episodes.info_of(0)

    def step(self, action: Any) -> tuple[NDArray[np.float32], Any, bool, bool, dict[str, Any]]:
        """Take an action; `info` has the design, its metrics, the objectives, the status and the reason."""
        if not self._running:
            raise gymnasium.error.ResetNeeded("the episode is over, or has not begun: call reset() first")
        rewards, terminated, truncated = self.episodes.step(ROW, _batch_of_one(action))
        self._running = not (terminated[0] or truncated[0])
        reward = rewards[0] if self.episodes.reward.shape else float(rewards[0])
        observation, info = self.episodes.observations(ROW)[0], self.episodes.info_of(0)
        return observation, reward, bool(terminated[0]), bool(truncated[0]), info

    @property
    def note(self) -> str:
        """What of the space actions do not reach: on how many levels `sequential` puts Reals; else ""."""
        return self.episodes.formulation.note

    def action_masks(self) -> NDArray[np.bool_]:
        """Which actions are allowed now, (actions,), as sb3-contrib's MaskablePPO asks for them."""
        return self.episodes.formulation.action_masks()[0]

    def close(self) -> None:
        """End the worker process, if there is one."""
        self.episodes.close()

    def render(self) -> Any:
        """The current design and its metrics as a table of text, or the search so far as an RGB array."""
        if self.render_mode == "rgb_array":
            return self.episodes.frame(0)
        return None if self.render_mode is None else self.episodes.text(0)


class MultiObjectiveDesignEnv(DesignEnv):
    """The same with a vector reward, to be maximised: minus each minimised objective in its unit.

    Follows MO-Gymnasium: `reward_space` is a Box of one number an objective.
    """

    def __init__(self, problem: str | Problem, **arguments: Any) -> None:
        reject_reward(arguments)
        super().__init__(problem, reward=VECTOR, **arguments)
        self.reward_space = gymnasium.spaces.Box(-np.inf, np.inf, self.episodes.reward.shape, np.float64)
        self.reward_dim = self.reward_space.shape[0]


class RenderModeError(ArgumentError, TypeError):
    """A render mode that there is not; a TypeError too, because SB3's `make_vec_env` falls back on that."""


def check_render_mode(render_mode: str | None) -> None:
    """Raise `ArgumentError` unless the mode is one that both kinds of environment have."""
    if render_mode not in (None, *RENDER_MODES):
        raise RenderModeError(f"render_mode must be 'ansi', 'rgb_array' or None, not {render_mode!r}")


def reject_reward(arguments: Mapping[str, Any]) -> None:
    """Raise `ArgumentError` if a multi-objective environment is given a scalar reward."""
    if "reward" in arguments:
        raise ArgumentError(
            f"reward={arguments['reward']!r}: a multi-objective environment has a vector reward; "
            "use the id without 'mo-'"
        )


def start_of(options: dict[str, Any] | None) -> Any:
    """The design to start from in the options of `reset`."""
    for name in options or {}:
        if name != "design":
            raise unknown_name("option of reset", name, ["design"])
    return (options or {}).get("design")


def _batch_of_one(action: Any) -> Any:
    if isinstance(action, Mapping):
        return {name: np.asarray(value)[None] for name, value in action.items()}
    return np.asarray(action)[None]
