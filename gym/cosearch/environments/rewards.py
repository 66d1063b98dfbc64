"""The named rewards, each with its formula and the paper it comes from; `reward` says what they share.

In the formulas v_i is an objective's value, f_i that value minimised (-v_i if it is maximised), u_i its unit.
"""

# ruff: noqa: D102 -- `Reward` documents what each one overrides
from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from cosearch.arguments import check_arguments
from cosearch.environments.network_rewards import RENA, FBNet, TuNAS
from cosearch.environments.reward import Floats, Reward, Weights
from cosearch.errors import ArgumentError, unknown_name
from cosearch.objectives import Constraint, Objective, minimised, violations
from cosearch.outcomes import Outcomes
from cosearch.pareto import hypervolume, pareto_mask


class WeightedSum(Reward):
    """Minus the weighted sum of the minimised objectives f_i in their units u_i.

    r = - sum_i w_i f_i / u_i; the default weights are 1/m, so a default design that is minimised has -1.
    Zadeh, "Optimality and non-scalar-valued performance criteria", IEEE Trans. Automatic Control 8(1), 1963.
    """

    name = "weighted_sum"

    def __init__(
        self,
        objectives: Sequence[Objective],
        constraints: Sequence[Constraint],
        *,
        weights: Weights | None = None,
        failure_reward: float | None = None,
    ) -> None:
        super().__init__(objectives, constraints, failure_reward=failure_reward)
        self.weights = self._weights(weights)

    def score(self, outcomes: Outcomes, units: Floats, memories: Sequence[Any]) -> Floats:
        return -(minimised(self.objectives, outcomes) / units) @ self.weights


class AugmentedChebyshev(Reward):
    """Minus the augmented weighted Chebyshev distance to the targets z.

    d_i = w_i (f_i - z_i) / u_i;  r = - (max_i d_i + rho sum_i d_i), with f and z minimised.
    Steuer and Choo, "An interactive weighted Tchebycheff procedure", Mathematical Programming 26, 1983;
    rho = 0.05 as in Knowles, "ParEGO", IEEE Trans. Evolutionary Computation 10(1), 2006. Without absolute
    values, so that z may be beaten (Wierzbicki's achievement function, 1980). An objective without a target
    has z_i = the ideal 0 when it is minimised and twice its unit when it is maximised.
    """

    name = "chebyshev"

    def __init__(
        self,
        objectives: Sequence[Objective],
        constraints: Sequence[Constraint],
        *,
        weights: Weights | None = None,
        targets: Mapping[str, float] | None = None,
        rho: float = 0.05,
        failure_reward: float | None = None,
    ) -> None:
        super().__init__(objectives, constraints, failure_reward=failure_reward)
        self.weights, self.targets = self._weights(weights), self._targets(targets)
        self.rho = self._at_least("rho", rho, 0.0)

    def score(self, outcomes: Outcomes, units: Floats, memories: Sequence[Any]) -> Floats:
        ideal = np.array(
            [
                (0.0 if o.direction == "min" else -2.0 * unit)
                if z is None
                else (z if o.direction == "min" else -z)
                for o, z, unit in zip(self.objectives, self.targets, units, strict=True)
            ]
        )
        distance = self.weights * (minimised(self.objectives, outcomes) - ideal) / units
        return -(distance.max(axis=1) + self.rho * distance.sum(axis=1))


class TargetRatio(Reward):
    """ArchGym's reward: the closer to the targets T, the larger, whether above or below.

    r = prod_i T_i / |T_i - v_i|, of the objectives' values v as they are.
    Krishnan et al., "ArchGym: An Open-Source Gymnasium for Machine Learning Assisted Architecture Design",
    ISCA 2023 (the product over metrics as in its DRAM environment's "both"). ArchGym's formula has no value
    at v = T: here |T_i - v_i| counts as at least `tolerance` T_i. An objective without a target aims at half
    its unit when it is minimised and at twice its unit when it is maximised.

    With `one_sided` a value that is better than its target counts as at it, so that none earns less for being
    better (as in ArchGym's Timeloop environment, which only counts how far a metric is above its target).
    """

    name = "target_ratio"
    default_failure_reward = -2.0  # scores are at least 0

    def __init__(
        self,
        objectives: Sequence[Objective],
        constraints: Sequence[Constraint],
        *,
        targets: Mapping[str, float] | None = None,
        tolerance: float = 1e-3,
        one_sided: bool = False,
        failure_reward: float | None = None,
    ) -> None:
        super().__init__(objectives, constraints, failure_reward=failure_reward)
        self.targets, self.one_sided = self._targets(targets), one_sided
        self.tolerance = self._at_least("tolerance", tolerance, 0.0, above=True)

    def score(self, outcomes: Outcomes, units: Floats, memories: Sequence[Any]) -> Floats:
        reward = np.ones(len(outcomes))
        for objective, target, unit in zip(self.objectives, self.targets, units, strict=True):
            aim = target if target is not None else unit * (0.5 if objective.direction == "min" else 2.0)
            gap = outcomes[objective.metric] - aim
            if self.one_sided:
                gap = np.maximum(gap if objective.direction == "min" else -gap, 0.0)
            gap = np.abs(gap)
            reward *= aim / np.maximum(gap, self.tolerance * aim)
        return reward


class MnasNet(Reward):
    """MnasNet's product: accuracy times a power of latency over its target.

    r = prod_max v_i  x  prod_min (v_j / T_j)^w, w = alpha where v_j <= T_j, else beta.
    Tan et al., "MnasNet: Platform-Aware Neural Architecture Search for Mobile", CVPR 2019, with its soft
    constraint alpha = beta = -0.07; alpha = 0 and beta = -1 make its hard one. Maximised objectives count as
    they are, and are meant to be positive. A minimised objective without a target has its unit for one.
    """

    name = "mnasnet"
    default_failure_reward = -2.0  # scores are at least 0

    def __init__(
        self,
        objectives: Sequence[Objective],
        constraints: Sequence[Constraint],
        *,
        targets: Mapping[str, float] | None = None,
        alpha: float = -0.07,
        beta: float = -0.07,
        failure_reward: float | None = None,
    ) -> None:
        super().__init__(objectives, constraints, failure_reward=failure_reward)
        self.targets, self.alpha, self.beta = self._targets(targets), alpha, beta
        for argument, value in (("alpha", alpha), ("beta", beta)):
            if not (math.isfinite(value) and value <= 0):
                raise ArgumentError(
                    f"reward {self.name}: {argument} must be finite and at most 0, not {value}"
                )

    def score(self, outcomes: Outcomes, units: Floats, memories: Sequence[Any]) -> Floats:
        reward = np.ones(len(outcomes))
        for objective, target, unit in zip(self.objectives, self.targets, units, strict=True):
            values = outcomes[objective.metric]
            if objective.direction == "max":
                reward *= values
            else:
                ratio = np.maximum(values / (unit if target is None else target), SMALLEST_RATIO)
                reward *= ratio ** np.where(ratio <= 1.0, self.alpha, self.beta)
        return reward


SMALLEST_RATIO = 1e-12  # 0 to a negative power has no value


class Nasaic(Reward):
    """NASAIC's reward: what is searched for, minus a penalty for every specification that is missed.

    r = - sum_i w_i f_i / u_i where all are met, else what `reward` says of a design that misses its
    constraints by p = rho sum_k max(v_k - S_k, 0) / (b_k - S_k), over the problem's constraints v_k <= S_k
    (and mirrored for >=). With one maximised objective, its unit set to 1, the first term is the paper's
    accuracy. The paper subtracts p from it: there, an accurate network on hardware that misses a
    specification may be worth more than a poor one that misses none; here it never is. Yang et al., "Co-
    Exploration of Neural Architectures and Heterogeneous ASIC Accelerator Designs Targeting Multiple Tasks",
    DAC 2020. b_k, `limits`, is the value at which a penalty counts 1, or [low, high] for a metric with two
    bounds; without it b_k - S_k is |S_k|, or 1 for a bound of 0.
    """

    name = "nasaic"
    default_failure_reward = -20.0
    band = 10.0

    def __init__(
        self,
        objectives: Sequence[Objective],
        constraints: Sequence[Constraint],
        *,
        weights: Weights | None = None,
        limits: Mapping[str, float | tuple[float, float]] | None = None,
        rho: float = 10.0,
        failure_reward: float | None = None,
    ) -> None:
        super().__init__(objectives, constraints, failure_reward=failure_reward)
        self.weights = self._weights(weights)
        self.rho = self._at_least("rho", rho, 0.0)
        for name in limits or {}:
            if name not in [constraint.metric for constraint in constraints]:
                raise unknown_name(
                    f"constrained metric in limits of reward {self.name}",
                    name,
                    [c.metric for c in constraints],
                )
        self.spans = np.array([self._span(constraint, limits or {}) for constraint in self.constraints])

    def _span(self, constraint: Constraint, limits: Mapping[str, float | tuple[float, float]]) -> float:
        """The limit less the bound, as a share of what `violations` divides by."""
        unit = abs(constraint.bound) or 1.0
        if constraint.metric not in limits:
            return 1.0
        limit = limits[constraint.metric]
        if isinstance(limit, Sequence):
            limit = limit[constraint.operator == "<="]
        span = limit - constraint.bound if constraint.operator == "<=" else constraint.bound - limit
        if not (math.isfinite(span) and span > 0):
            sides = {c.operator for c in self.constraints if c.metric == constraint.metric}
            both = "; for both sides give [low, high]" if len(sides) == 2 else ""
            raise ArgumentError(
                f"reward {self.name}: the limit of {constraint.metric} must lie beyond its bound "
                f"{constraint.bound:g}, not at {limit:g}{both}"
            )
        return span / unit

    def missed(self, outcomes: Outcomes) -> Floats:
        return self.rho * (violations(self.constraints, outcomes) / self.spans).sum(axis=1)

    def score(self, outcomes: Outcomes, units: Floats, memories: Sequence[Any]) -> Floats:
        return -(minimised(self.objectives, outcomes) / units) @ self.weights


class HypervolumeImprovement(Reward):
    """By how much a design enlarges the hypervolume of all designs of this environment since its last seed.

    r = HV(A + {f}) - HV(A) of the minimised objectives in their units, then f joins the archive A, which
    `reset(seed=...)` empties. The exact counterpart, for designs that were evaluated, of the acquisition
    function of Emmerich, Giannakoglou and Naujoks, "Single- and multiobjective evolutionary optimization
    assisted by Gaussian random field metamodels", IEEE Trans. Evolutionary Computation 10(4), 2006.
    The reference point is `references`, else the objectives' own, else one unit worse than the unit (twice
    the default design's latency; an accuracy of 0).
    """

    name = "hypervolume_improvement"
    default_failure_reward = -2.0  # scores are at least 0
    improvement = True

    def __init__(
        self,
        objectives: Sequence[Objective],
        constraints: Sequence[Constraint],
        *,
        references: Mapping[str, float] | None = None,
        failure_reward: float | None = None,
    ) -> None:
        super().__init__(objectives, constraints, failure_reward=failure_reward)
        self._check_names(references or {}, "references")
        self.references = [(references or {}).get(o.metric, o.reference) for o in self.objectives]

    def new_memory(self) -> list[Floats]:
        return []

    def score(self, outcomes: Outcomes, units: Floats, memories: Sequence[list[Floats]]) -> Floats:
        corner = np.array(
            [
                (2.0 if o.direction == "min" else 0.0)
                if r is None
                else (r if o.direction == "min" else -r) / unit
                for o, r, unit in zip(self.objectives, self.references, units, strict=True)
            ]
        )
        points = minimised(self.objectives, outcomes) / units
        return np.array(
            [_improvement(point, corner, front) for point, front in zip(points, memories, strict=True)]
        )


def _improvement(point: Floats, corner: Floats, front: list[Floats]) -> float:
    """Add the point to the front, in place; the hypervolume that this gains."""
    known = np.array(front).reshape(-1, len(point))
    if not (point < corner).all() or (known <= point).all(axis=1).any():
        return 0.0
    # its own box, less the part of that box which the front already dominates
    shared = np.maximum(known, point)
    gain = float(np.prod(corner - point)) - hypervolume(shared[pareto_mask(shared)], corner)
    front[:] = [*known[(known < point).any(axis=1)], point]
    return gain


class VectorReward(Reward):
    """One number an objective, to be maximised: minus the minimised objectives in their units, (m,).

    What the `mo-` environments return; set `units` to 1 for the metrics as they are, minimised ones negated.
    What a design that is not feasible gets, it gets in every objective. With all `units` given, that is -1e15
    or more, so that metrics stay what they are: set `failure_reward` to what is bad for yours.
    """

    name = "vector"
    raw_failure_reward = -1e15  # with the metrics as they are

    def __init__(
        self,
        objectives: Sequence[Objective],
        constraints: Sequence[Constraint],
        *,
        failure_reward: float | None = None,
    ) -> None:
        super().__init__(objectives, constraints, failure_reward=failure_reward)
        self.shape = (len(self.objectives),)

    def score(self, outcomes: Outcomes, units: Floats, memories: Sequence[Any]) -> Floats:
        return -minimised(self.objectives, outcomes) / units


REWARDS: dict[str, type[Reward]] = {
    reward.name: reward
    for reward in (
        *(WeightedSum, AugmentedChebyshev, TargetRatio, MnasNet, Nasaic, FBNet, RENA, TuNAS),
        HypervolumeImprovement,
    )
}


def reward_class(name: str) -> type[Reward]:
    """The reward with this name; `UnknownNameError` names the nearest."""
    if name not in REWARDS:
        raise unknown_name("reward", name, REWARDS)
    return REWARDS[name]


def make_reward(
    cls: type[Reward],
    objectives: Sequence[Objective],
    constraints: Sequence[Constraint],
    arguments: Mapping[str, Any],
) -> Reward:
    """Build a reward, its arguments checked.

    Raises:
        UnknownNameError: an argument or an objective that does not exist.
        ArgumentError: an argument out of its bounds.
    """
    return cls(objectives, constraints, **check_arguments(cls, arguments, f"reward {cls.name}"))
