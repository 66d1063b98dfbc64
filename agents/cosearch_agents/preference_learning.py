"""One policy for a whole Pareto front: each episode has weights, which the policy sees and is paid by.

As in multi-objective reinforcement learning with conditioned policies (A. Abels et al., "Dynamic Weights in
Multi-Objective Deep Reinforcement Learning", ICML 2019), weights are drawn anew for each episode and joined
to the observation. The reward is the augmented Chebyshev scalarisation (R. Steuer, E.-U. Choo, "An
interactive weighted Tchebycheff procedure", Mathematical Programming 26, 1983), which reaches fronts of
every shape. Objectives are scaled by the front found so far, on a log scale where they allow it. A design
that was met before is worth less, because it costs no budget and adds nothing to the front: count-based
exploration as in H. Tang et al., "#Exploration", NeurIPS 2017.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import gymnasium
import numpy as np
from numpy.typing import NDArray
from stable_baselines3.common.vec_env import VecEnv

from cosearch import Designs, DesignSpace, Problem
from cosearch.environments.oneshot import Oneshot
from cosearch.environments.sequential import Sequential
from cosearch.environments.vector import DesignVectorEnv
from cosearch.objectives import Constraint, Objective, feasible, minimised, violations
from cosearch.outcomes import Outcomes
from cosearch.pareto import pareto_mask

Floats = NDArray[np.float64]

# The weight of the sum in the augmented Chebyshev norm, as in ParEGO (J. Knowles, 2006).
AUGMENTATION = 0.05
# Rewards lie in [-2 * WORST, 0]: feasible designs above -WORST, the others below by how far they miss.
WORST = 3.0
LEAST_MISSED = 0.01


class PreferenceReward:
    """Minus the weighted distance to the best values seen, of each design by its own weights."""

    def __init__(self, objectives: Sequence[Objective], constraints: Sequence[Constraint]) -> None:
        self.objectives, self.constraints = tuple(objectives), tuple(constraints)
        self._front = np.empty((0, len(self.objectives)))
        self._best = np.full(len(self.objectives), np.inf)
        self._worst = np.full(len(self.objectives), -np.inf)

    def __call__(self, outcomes: Outcomes, weights: Floats, staleness: Floats | float = 0.0) -> Floats:
        """The rewards of n designs, (n,), by weights of shape (n, objectives), less their staleness.

        Whatever it is, a design that is not feasible earns less than one that is.
        """
        good = feasible(self.constraints, outcomes)
        values = minimised(self.objectives, outcomes)
        if good.any():
            self._remember(values[good])
        staleness = np.broadcast_to(staleness, len(outcomes))
        missed = np.nan_to_num(violations(self.constraints, outcomes).sum(axis=1), posinf=WORST)
        missed[~outcomes.ok] = WORST
        rewards = -WORST - LEAST_MISSED - np.minimum(missed + staleness, WORST)
        if good.any():
            distance = weights[good] * self._scaled(values[good])
            chebyshev = distance.max(axis=1) + AUGMENTATION * distance.sum(axis=1)
            rewards[good] = -np.minimum(chebyshev + staleness[good], WORST)
        return rewards

    def _remember(self, values: Floats) -> None:
        self._best = np.minimum(self._best, values.min(axis=0))
        self._worst = np.maximum(self._worst, values.max(axis=0))
        front = np.concatenate([self._front, values])
        self._front = np.unique(front[pareto_mask(front)], axis=0)

    def _scaled(self, values: Floats) -> Floats:
        """0 at an objective's best value seen, 1 at the worst on the front (of all if that is a point)."""
        best, worst = self._logarithms(self._best), self._logarithms(self._front.max(axis=0))
        span = np.where(worst > best, worst - best, self._logarithms(self._worst) - best)
        return (self._logarithms(values) - best) / np.where(span > 0, span, 1.0)

    def _logarithms(self, values: Floats) -> Floats:
        """The logarithm of objectives that were only positive (negative where maximised), else themselves."""
        result = np.array(values, dtype=np.float64)
        for k in range(len(self.objectives)):
            sign = 1.0 if self._best[k] > 0 else -1.0 if self._worst[k] < 0 else 0.0
            if sign:
                result[..., k] = sign * np.log(sign * result[..., k])
        return result


class History:
    """How often each design was met; what is stale pays less, because it adds nothing."""

    def __init__(self, space: DesignSpace, novelty: float) -> None:
        self.space, self.novelty = space, novelty
        self._met: dict[bytes, int] = {}

    def add(self, designs: Designs) -> Floats:
        """0 for a design met for the first time, `novelty` more with each doubling of the times, (n,)."""
        times = []
        for key in designs.keys():
            self._met[key] = self._met.get(key, 0) + 1
            times.append(self._met[key])
        return np.minimum(self.novelty * np.log2(times), WORST)

    def known(self, designs: Designs) -> NDArray[np.bool_]:
        """Which designs were met, (n,)."""
        return np.array([key in self._met for key in designs.keys()], dtype=bool)

    def stale(self, designs: Designs) -> NDArray[np.bool_]:
        """Which designs were met, or stand earlier among these, (n,)."""
        seen: set[bytes] = set()
        stale = np.zeros(len(designs), dtype=bool)
        for i, key in enumerate(designs.keys()):
            stale[i] = key in self._met or key in seen
            seen.add(key)
        return stale


class PreferenceVecEnv(VecEnv):
    """A cosearch vector environment as SB3 wants it, with weights in the observation and in the reward."""

    def __init__(
        self,
        problem: Problem,
        episodes: int,
        formulation: str,
        novelty: float,
        rng: np.random.Generator,
        **arguments: Any,
    ) -> None:
        """Create the environments.

        Args:
            problem: what to design.
            episodes: how many are stepped together.
            formulation: "oneshot" or "sequential".
            novelty: what the reward loses with each doubling of the times that its design was met.
            rng: draws the weights.
            **arguments: of the formulation.
        """
        units = {
            objective.metric: 1.0 for objective in problem.objectives
        }  # spares an evaluation; not used here
        self.environments = DesignVectorEnv(
            problem, episodes, autoreset_mode="SameStep", formulation=formulation, units=units, **arguments
        )
        self.reward = PreferenceReward(problem.objectives, problem.constraints)
        self.history = History(problem.space, novelty)
        self._rng = rng
        self._weights = self._drawn(episodes)
        self._actions: Any = None
        inner = self.environments.single_observation_space
        assert isinstance(inner, gymnasium.spaces.Box)
        width = self._weights.shape[1]
        observation_space = gymnasium.spaces.Box(
            np.concatenate([inner.low, np.zeros(width, np.float32)]),
            np.concatenate([inner.high, np.ones(width, np.float32)]),
        )
        super().__init__(episodes, observation_space, self.environments.single_action_space)

    def reset(self) -> NDArray[np.float32]:
        """Begin all episodes."""
        return self._joined(self.environments.reset(seed=0)[0])

    def step_async(self, actions: NDArray[Any]) -> None:
        """Remember the actions for `step_wait`."""
        self._actions = actions

    def step_wait(
        self,
    ) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.bool_], list[dict[str, Any]]]:
        """Step all episodes; those that end are evaluated together and begin anew with new weights."""
        observations, _, terminations, truncations, infos = self.environments.step(self._actions)
        ended = terminations | truncations
        rewards = np.zeros(self.num_envs, dtype=np.float32)
        if ended.any():
            final = infos["final_info"]
            design = {name: final["design"][name][ended] for name in self.environments.problem.space.names}
            staleness = self.history.add(self.environments.problem.space.designs(design))
            rewards[ended] = self.reward(_outcomes(final, ended), self._weights[ended], staleness)
            self._weights[ended] = self._drawn(int(ended.sum()))
        # SB3 wants a list of dicts; nothing in them is used, because episodes end and are never cut short.
        return self._joined(observations), rewards, ended, [{} for _ in range(self.num_envs)]

    def _joined(self, observations: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.hstack([observations, self._weights]).astype(np.float32)

    def stale(self, actions: NDArray[Any]) -> NDArray[np.bool_]:
        """Which actions of `oneshot` make a design met before, or one that an earlier row makes, (n,)."""
        space = self.environments.problem.space
        formulation = self.environments.episodes.formulation
        assert isinstance(formulation, Oneshot)
        return self.history.stale(Designs(space, formulation.positions(actions)))

    def _fresh_masks(self) -> NDArray[np.bool_]:
        """The action masks of `sequential` without the last choices that make a design met before."""
        masks = self.environments.action_masks()
        formulation = self.environments.episodes.formulation
        if isinstance(formulation, Sequential):
            for row, designs, levels in formulation.last_choices():
                fresh = ~self.history.known(designs)
                if fresh.any():
                    masks[row, levels[~fresh]] = False
        return masks

    def _drawn(self, count: int) -> Floats:
        """Weights uniform on the simplex."""
        return self._rng.dirichlet(np.ones(len(self.reward.objectives)), size=count)

    def close(self) -> None:
        """End the environments."""
        self.environments.close()

    def get_attr(self, attr_name: str, indices: Any = None) -> list[Any]:
        """The same attribute for each episode."""
        return [getattr(self.environments, attr_name) for _ in self._get_indices(indices)]

    def set_attr(self, attr_name: str, value: Any, indices: Any = None) -> None:
        """Refused: what an algorithm sets for one episode would be set for all."""
        raise AttributeError("the episodes share one environment, whose attributes are not to be set")

    def env_method(self, method_name: str, *args: Any, indices: Any = None, **kwargs: Any) -> list[Any]:
        """A batched method's result, split over the episodes (`action_masks`)."""
        fresh = method_name == "action_masks"
        results = self._fresh_masks() if fresh else getattr(self.environments, method_name)(*args, **kwargs)
        return [results[i] for i in self._get_indices(indices)]

    def env_is_wrapped(self, wrapper_class: type, indices: Any = None) -> list[bool]:
        """There are no wrappers."""
        return [False for _ in self._get_indices(indices)]

    def _get_indices(self, indices: Any) -> Iterable[int]:
        return range(self.num_envs) if indices is None else np.atleast_1d(indices)


def _outcomes(info: dict[str, Any], rows: NDArray[np.bool_]) -> Outcomes:
    metrics = {name: column[rows] for name, column in info["metrics"].items() if not name.startswith("_")}
    return Outcomes(metrics, info["status"][rows].astype(np.str_), info["reason"][rows])
