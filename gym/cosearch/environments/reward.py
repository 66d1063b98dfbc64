"""What a reward is: it turns the outcomes of a batch of designs into one number a design. `rewards` has them.

Larger is better. Metrics differ by many orders of magnitude, so every objective is divided by its *unit*: by
default the value that the problem's default design has, which makes a reward of one workload comparable to
that of another and keeps it the same from the first step to the last. `episodes` finds the units.

No design that fails, is rejected or misses a constraint is ever worth more than one that does not:

- a design that is not `ok` gets `failure_reward` F, which is finite and can be set;
- one that misses constraints by p > 0 in all gets more, F + B - B p / (B + p), the nearer the better;
- one that is feasible gets at least F + B. Its score is what the reward's formula says down to 0.6 (F + B) (a
  weighted sum of -5.4, as bad as 5.4 times the default design's metrics), and below that
  k - s x / (s + x), where x is how far it lies below k = F + B + s, and s = 0.4 |F + B|: in the formula's
  order.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from cosearch.errors import ArgumentError, unknown_name
from cosearch.objectives import Constraint, Objective, feasible, violations
from cosearch.outcomes import Outcomes

Floats = NDArray[np.float64]
Weights = Mapping[str, float] | Sequence[float]

SQUEEZED = 0.4  # the share of what lies above the floor that holds all low scores
LEAST_MISSED = 1e-3  # a constraint that is missed by nothing that shows is missed
MOST = 1e30  # what a score that is no longer a number counts


class Reward(ABC):
    """A scalariser of the objectives of a problem.

    Attributes:
        name: as in `reward="weighted_sum"`.
        shape: of one reward: () for a number.
        failure_reward: what a failed or rejected design gets.
        band: by how much a design that misses its constraints by nothing gets more than a failed one.
        improvement: whether the reward already is an improvement over earlier designs, so that the
            formulation `refine` does not take differences of it.
    """

    name: ClassVar[str]
    default_failure_reward: ClassVar[float] = -10.0  # as bad as ten times the default design's metrics
    band: ClassVar[float] = 1.0
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
        good = usable(self.constraints, outcomes)
        if np.count_nonzero(good) == len(good):
            return self._bounded(self.score(outcomes, units, memories))
        result = np.full((len(outcomes), *self.shape), self.failure_reward)
        rows = np.flatnonzero(good)
        if len(rows):
            scores = self.score(outcomes.take(rows), units, [memories[i] for i in rows.tolist()])
            result[rows] = self._bounded(scores)
        missing = np.flatnonzero(outcomes.ok & ~good)
        if len(missing):
            graded = self._graded(self.missed(outcomes.take(missing)))
            result[missing] = graded.reshape(-1, *(1 for _ in self.shape))
        return result

    @property
    def floor(self) -> float:
        """What a feasible design gets at least, and any other less than."""
        return self.failure_reward + self.band

    def missed(self, outcomes: Outcomes) -> Floats:
        """By how much designs miss their constraints in all, (n,)."""
        return violations(self.constraints, outcomes).sum(axis=1)

    def _graded(self, missed: Floats) -> Floats:
        """Between the failure reward and the floor, the less is missed the more."""
        missed = missed + LEAST_MISSED * self.band
        return self.failure_reward + self.band * (1.0 - 1.0 / (1.0 + self.band / missed))

    def _bounded(self, scores: Floats) -> Floats:
        """The scores, squeezed above the floor where they are low, in their order."""
        room = SQUEEZED * abs(self.floor) or SQUEEZED
        knee = self.floor + room
        if scores.min(initial=np.inf) >= knee and scores.max(initial=-np.inf) <= MOST:
            return scores
        depth = np.maximum(np.nan_to_num(knee - scores, nan=np.inf, posinf=np.inf, neginf=0.0), 1e-300)
        squeezed = np.maximum(knee - room / (1.0 + room / depth), self.floor)
        return np.where(scores >= knee, np.minimum(scores, MOST), squeezed)

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
