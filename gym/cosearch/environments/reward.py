"""What a reward is: it turns the outcomes of a batch of designs into one number a design. `rewards` has them.

Larger is better. Metrics differ by many orders of magnitude, so every objective is divided by its *unit*: by
default the value that the problem's default design has, which makes a reward of one workload comparable to
that of another and keeps it the same from the first step to the last. `episodes` finds the units.

A design that is not `ok`, or that misses a constraint, gets `failure_reward`, which is finite and can be set.
Only `nasaic` grades designs by how far they miss their constraints.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from cosearch.errors import ArgumentError, unknown_name
from cosearch.objectives import Constraint, Objective, feasible
from cosearch.outcomes import Outcomes

Floats = NDArray[np.float64]
Weights = Mapping[str, float] | Sequence[float]


class Reward(ABC):
    """A scalariser of the objectives of a problem.

    Attributes:
        name: as in `reward="weighted_sum"`.
        shape: of one reward: () for a number.
        failure_reward: what an infeasible or failed design gets.
        improvement: whether the reward already is an improvement over earlier designs, so that the
            formulation `refine` does not take differences of it.
    """

    name: ClassVar[str]
    default_failure_reward: ClassVar[float] = -10.0  # as bad as ten times the default design's metrics
    improvement: ClassVar[bool] = False

    def __init__(
        self,
        objectives: Sequence[Objective],
        constraints: Sequence[Constraint],
        *,
        failure_reward: float | None = None,
    ) -> None:
        self.objectives, self.constraints = tuple(objectives), tuple(constraints)
        self.shape: tuple[int, ...] = ()
        self.failure_reward = self.default_failure_reward if failure_reward is None else failure_reward
        if not math.isfinite(self.failure_reward):
            raise ArgumentError(
                f"reward {self.name}: failure_reward must be finite, not {self.failure_reward}"
            )

    def __call__(self, outcomes: Outcomes, units: Floats, memories: Sequence[Any]) -> Floats:
        """The reward of each design, (n,) or (n, m).

        Args:
            outcomes: of n designs.
            units: the unit of each objective, (m,), all positive.
            memories: n results of `new_memory`, one an episode run; changed in place.
        """
        good = self.usable(outcomes)
        if np.count_nonzero(good) == len(good):
            return self._bounded(self.score(outcomes, units, memories))
        result = np.full((len(outcomes), *self.shape), self.failure_reward)
        rows = np.flatnonzero(good)
        if len(rows):
            scores = self.score(outcomes.take(rows), units, [memories[i] for i in rows.tolist()])
            result[rows] = self._bounded(scores)
        return result

    def _bounded(self, scores: Floats) -> Floats:
        finite = np.isfinite(scores)
        return (
            scores
            if np.count_nonzero(finite) == finite.size
            else np.where(finite, scores, self.failure_reward)
        )

    def usable(self, outcomes: Outcomes) -> NDArray[np.bool_]:
        """Which designs are scored at all, (n,)."""
        return usable(self.constraints, outcomes)

    @abstractmethod
    def score(self, outcomes: Outcomes, units: Floats, memories: Sequence[Any]) -> Floats:
        """The reward of usable designs."""

    def new_memory(self) -> Any:
        """What the reward remembers of one environment's earlier designs; most rewards remember nothing."""
        return None

    def _weights(self, weights: Weights | None) -> Floats:
        names = [objective.metric for objective in self.objectives]
        if weights is None:
            return np.full(len(names), 1.0 / len(names))
        if isinstance(weights, Mapping):
            self._check_names(weights, "weights")
            missing = [name for name in names if name not in weights]
            if missing:
                raise ArgumentError(f"reward {self.name}: weights has no weight for {missing[0]}")
            weights = [weights[name] for name in names]
        array = np.array(weights, dtype=np.float64)
        if array.shape != (len(names),):
            raise ArgumentError(f"reward {self.name}: weights must be {len(names)} numbers, not {len(array)}")
        if not np.isfinite(array).all() or (array < 0).any() or not array.any():
            raise ArgumentError(
                f"reward {self.name}: weights must be finite, at least 0 and not all 0, not {array.tolist()}"
            )
        return array

    def _check_names(self, values: Mapping[str, float], argument: str) -> None:
        names = [objective.metric for objective in self.objectives]
        for name in values:
            if name not in names:
                raise unknown_name(f"objective in {argument} of reward {self.name}", name, names)

    def _targets(self, targets: Mapping[str, float] | None) -> list[float | None]:
        """The target of each objective: as given, else the objective's own, else None."""
        targets = targets or {}
        self._check_names(targets, "targets")
        found = [targets.get(objective.metric, objective.target) for objective in self.objectives]
        for objective, target in zip(self.objectives, found, strict=True):
            if target is not None and not (math.isfinite(target) and target > 0):
                raise ArgumentError(
                    f"reward {self.name}: the target of {objective.metric} must be finite and above 0, "
                    f"not {target}"
                )
        return found

    def _at_least(self, argument: str, value: float, bound: float, *, above: bool = False) -> float:
        if not math.isfinite(value) or value < bound or (above and value == bound):
            expected = f"above {bound:g}" if above else f"at least {bound:g}"
            raise ArgumentError(f"reward {self.name}: {argument} must be finite and {expected}, not {value}")
        return value


def usable(constraints: Sequence[Constraint], outcomes: Outcomes) -> NDArray[np.bool_]:
    """Which designs are `ok` and meet every constraint, (n,); quick where there is none."""
    return feasible(constraints, outcomes) if constraints else outcomes.ok
