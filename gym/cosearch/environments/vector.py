"""Any number of episodes of one problem as a native vector environment: one simulator call a step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import gymnasium
import numpy as np
from gymnasium.utils import seeding
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray

from cosearch.environments.env import RENDER_MODES, check_render_mode, reject_reward, start_of
from cosearch.environments.episodes import Episodes
from cosearch.environments.options import VECTOR, EpisodeOptions
from cosearch.errors import ArgumentError
from cosearch.problem import Problem

Step = tuple[NDArray[np.float32], NDArray[Any], NDArray[Any], NDArray[Any], dict[str, Any]]


class DesignVectorEnv(VectorEnv[NDArray[np.float32], Any, NDArray[Any]]):
    """`num_envs` environments whose designs are evaluated in one call.

    Steps like `gymnasium.vector.SyncVectorEnv` over as many `DesignEnv`s with the same seeds and actions.

    Example:
        ```python
        envs = gymnasium.make_vec("cosearch/DramController-v1", num_envs=64, workload="random")
        observations, infos = envs.reset(seed=0)
        observations, rewards, terminations, truncations, infos = envs.step(envs.action_space.sample())
        infos["metrics"]["latency_ns"], infos["metrics"]["_latency_ns"]  # the values, and where there is one
        ```

    Args:
        problem: as for `DesignEnv`, like everything that is not listed here.
        num_envs: the number of episodes that are stepped together.
        autoreset_mode: Gymnasium's "NextStep" (the step after an episode's last resets it), "SameStep" (the
            last step resets it and gives its observation as `final_obs`) or "Disabled".
    """

    def __init__(
        self,
        problem: str | Problem,
        num_envs: int = 1,
        *,
        autoreset_mode: str | AutoresetMode = AutoresetMode.NEXT_STEP,
        render_mode: str | None = None,
        **arguments: Any,
    ) -> None:
        check_render_mode(render_mode)
        if num_envs < 1:
            raise ArgumentError(f"num_envs must be at least 1, not {num_envs}")
        try:
            self.autoreset_mode = AutoresetMode(autoreset_mode)
        except ValueError:
            modes = ", ".join(mode.value for mode in AutoresetMode)
            raise ArgumentError(f"autoreset_mode must be one of {modes}, not {autoreset_mode!r}") from None
        self.episodes = Episodes(problem, num_envs, EpisodeOptions.of(arguments))
        self.problem = self.episodes.problem
        self.num_envs = num_envs
        self.metadata = {
            "render_modes": [*RENDER_MODES],
            "render_fps": 4,
            "autoreset_mode": self.autoreset_mode,
        }
        self.render_mode = render_mode
        if render_mode == "rgb_array":
            self.episodes.watch()
        self.single_observation_space = self.episodes.observation_space
        self.single_action_space = self.episodes.action_space
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self._rngs: list[np.random.Generator | None] = [None] * num_envs
        self._running = np.zeros(num_envs, dtype=bool)
        self._begun = np.zeros(num_envs, dtype=bool)

    def reset(
        self, *, seed: int | Sequence[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[NDArray[np.float32], dict[str, Any]]:
        """Begin an episode in every row, or in those of `options["reset_mask"]`.

        Args:
            seed: one for the first row, plus 1 for each row after it; or one a row.
            options: as for `DesignEnv.reset`; "design" may be one or a list of one a row that is reset.
        """
        options = dict(options or {})
        rows = self._masked_rows(options.pop("reset_mask", None))
        if seed is None or isinstance(seed, int | np.integer):
            seed = [None if seed is None else int(seed) + i for i in range(self.num_envs)]
        if len(seed) != self.num_envs:
            raise ArgumentError(f"{len(seed)} seeds for num_envs={self.num_envs}; expected one a row")
        for row in rows:
            if seed[row] is not None:
                self._rngs[row], _ = seeding.np_random(seed[row])
                self.episodes.forget(row)
        self._begin(rows, start_of(options))
        return self._observations(), self.episodes.info(rows)

    def step(self, actions: Any) -> Step:
        """Take one action in every row; a row that is being reset by "NextStep" ignores its action."""
        if not self._begun.all():
            raise gymnasium.error.ResetNeeded("call reset() before step()")
        over = np.flatnonzero(~self._running)
        if len(over) and self.autoreset_mode == AutoresetMode.DISABLED:
            raise gymnasium.error.ResetNeeded(
                f"the episode of row {over[0]} is over: reset it with reset_mask"
            )
        rows = np.flatnonzero(self._running)
        rewards = np.zeros((self.num_envs, *self.episodes.reward.shape))
        terminations, truncations = np.zeros(self.num_envs, dtype=bool), np.zeros(self.num_envs, dtype=bool)
        if len(rows):
            rewards[rows], terminations[rows], truncations[rows] = self.episodes.step(
                rows, _take(actions, rows)
            )
        self._running = ~(terminations | truncations)
        if len(over):  # only with "NextStep"
            self._begin(over)
        infos: dict[str, Any] = {}
        ended = np.flatnonzero(~self._running)
        if len(ended) and self.autoreset_mode == AutoresetMode.SAME_STEP:
            final = np.full(self.num_envs, None, dtype=object)
            for row, observation in zip(ended, self.episodes.observations(ended), strict=True):
                final[row] = observation
            infos = {"final_obs": final, "_final_obs": ~self._running}
            infos |= {"final_info": self.episodes.info(ended), "_final_info": ~self._running}
            self._begin(ended)
        infos |= self.episodes.info(np.arange(self.num_envs))
        return self._observations(), rewards, terminations, truncations, infos

    def action_masks(self) -> NDArray[np.bool_]:
        """Which actions are allowed now in each row, (num_envs, actions)."""
        return self.episodes.formulation.action_masks()

    def close_extras(self, **_: Any) -> None:
        """End the worker process, if there is one."""
        self.episodes.close()

    def render(self) -> tuple[Any, ...] | None:
        """One table of text for each row, or one picture of the search of all rows so far."""
        if self.render_mode is None:
            return None
        if self.render_mode == "rgb_array":
            return tuple(self.episodes.frame(row) for row in range(self.num_envs))
        return tuple(self.episodes.text(row) for row in range(self.num_envs))

    @property  # type: ignore[misc]
    def np_random(self) -> tuple[np.random.Generator, ...]:  # type: ignore[override]
        """The generator of each row."""
        return tuple(self._generators(np.arange(self.num_envs)))

    def _generators(self, rows: NDArray[np.int64]) -> list[np.random.Generator]:
        found = []
        for row in rows:
            rng = self._rngs[row]
            if rng is None:
                rng = self._rngs[row] = seeding.np_random()[0]
            found.append(rng)
        return found

    def _begin(self, rows: NDArray[np.int64], start: Any = None) -> None:
        self.episodes.begin(rows, self._generators(rows), start)
        self._running[rows] = self._begun[rows] = True

    def _observations(self) -> NDArray[np.float32]:
        return self.episodes.observations(np.arange(self.num_envs))

    def _masked_rows(self, mask: Any) -> NDArray[np.int64]:
        if mask is None:
            return np.arange(self.num_envs)
        mask = np.asarray(mask)
        if mask.shape != (self.num_envs,) or mask.dtype != np.bool_ or not mask.any():
            raise ArgumentError(
                f"reset_mask must be {self.num_envs} booleans, one of them True, not {mask!r}"
            )
        return np.flatnonzero(mask)


class MultiObjectiveDesignVectorEnv(DesignVectorEnv):
    """The same with vector rewards, (num_envs, m), as `MultiObjectiveDesignEnv` has them."""

    def __init__(self, problem: str | Problem, num_envs: int = 1, **arguments: Any) -> None:
        reject_reward(arguments)
        super().__init__(problem, num_envs, reward=VECTOR, **arguments)
        self.reward_space = gymnasium.spaces.Box(-np.inf, np.inf, self.episodes.reward.shape, np.float64)
        self.reward_dim = self.reward_space.shape[0]


def _take(actions: Any, rows: NDArray[np.int64]) -> Any:
    if isinstance(actions, Mapping):
        return {name: np.asarray(column)[rows] for name, column in actions.items()}
    return np.asarray(actions)[rows]
