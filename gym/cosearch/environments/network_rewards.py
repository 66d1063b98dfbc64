"""Rewards of papers on network search beside `mnasnet` and `nasaic`: FBNet's, RENA's and TuNAS'.

In the formulas q_i is a maximised objective as a share of a perfect one (an accuracy of 76 % is 0.76), v_j a
minimised one, T_j its target: as given, else the objective's own, else its unit.
"""

# ruff: noqa: D102 -- `Reward` documents what each one overrides
from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from cosearch.environments.reward import Floats, Reward
from cosearch.errors import ArgumentError
from cosearch.objectives import Constraint, Objective
from cosearch.outcomes import Outcomes

LEAST_SHARE = 1e-12  # whose logarithm is still a number


class NetworkReward(Reward):
    """What they share: qualities, and costs with targets.

    Attributes:
        full: the value of a perfect quality; None: 100 where the unit is above 1, as of a percentage, else 1.
    """

    def __init__(
        self,
        objectives: Sequence[Objective],
        constraints: Sequence[Constraint],
        *,
        targets: Mapping[str, float] | None = None,
        full: float | None = None,
        failure_reward: float | None = None,
    ) -> None:
        super().__init__(objectives, constraints, failure_reward=failure_reward)
        self.targets = self._targets(targets)
        self.full = None if full is None else self._at_least("full", full, 0.0, above=True)

    def _has_quality(self) -> bool:
        return any(objective.direction == "max" for objective in self.objectives)

    def _qualities(self, outcomes: Outcomes, units: Floats) -> Floats:
        """q, (n, objectives that are maximised)."""
        columns = []
        for objective, unit in zip(self.objectives, units, strict=True):
            if objective.direction == "max":
                full = (100.0 if unit > 1.0 else 1.0) if self.full is None else self.full
                columns.append(outcomes[objective.metric] / full)
        return np.stack(columns, axis=1) if columns else np.ones((len(outcomes), 1))

    def _ratios(self, outcomes: Outcomes, units: Floats) -> Floats:
        """Values over targets, v / T, (n, objectives that are minimised)."""
        columns = [
            outcomes[objective.metric] / (unit if target is None else target)
            for objective, target, unit in zip(self.objectives, self.targets, units, strict=True)
            if objective.direction == "min"
        ]
        return np.stack(columns, axis=1) if columns else np.ones((len(outcomes), 0))


class FBNet(NetworkReward):
    """Minus FBNet's loss: the cross-entropy times a power of the logarithm of the latency.

    r = - (sum_i -ln q_i)  x  prod_j alpha (ln max(v_j / s, 1))^beta, alpha = 0.2 and beta = 0.6.
    Wu et al., "FBNet: Hardware-Aware Efficient ConvNet Design via Differentiable Neural Architecture Search",
    CVPR 2019. -ln q stands for the cross-entropy, which an accuracy does not tell. The logarithm depends on
    the unit of the latency: `scale` s is what counts as 1, e.g. 1000 where a metric in ns is to count in us.
    """

    name = "fbnet"

    def __init__(
        self,
        objectives: Sequence[Objective],
        constraints: Sequence[Constraint],
        *,
        alpha: float = 0.2,
        beta: float = 0.6,
        scale: float = 1.0,
        full: float | None = None,
        failure_reward: float | None = None,
    ) -> None:
        super().__init__(objectives, constraints, full=full, failure_reward=failure_reward)
        self.alpha = self._at_least("alpha", alpha, 0.0, above=True)
        self.beta = self._at_least("beta", beta, 0.0)
        self.scale = self._at_least("scale", scale, 0.0, above=True)

    def score(self, outcomes: Outcomes, units: Floats, memories: Sequence[Any]) -> Floats:
        quality = np.clip(self._qualities(outcomes, units), LEAST_SHARE, 1.0)
        loss = -np.log(quality).sum(axis=1) if self._has_quality() else np.ones(len(outcomes))
        for objective in self.objectives:
            if objective.direction == "min":
                slow = np.log(np.maximum(outcomes[objective.metric] / self.scale, 1.0))
                loss = loss * self.alpha * slow**self.beta
        return -loss


class RENA(NetworkReward):
    """RENA's reward: the quality times a base to the power of how far each resource is above its target.

    r = prod_i q_i  x  prod_j p^max(v_j / T_j - 1, 0). What is below its target costs nothing; the smaller the
    base p, between 0 and 1, the harder the targets. Zhou et al., "Resource-Efficient Neural Architect",
    arXiv:1806.07912, 2018, who make it harder as the search goes; here it stays. 0.9 is ours: a published
    value of p was not found.
    """

    name = "rena"
    default_failure_reward = -2.0  # scores are at least 0

    def __init__(
        self,
        objectives: Sequence[Objective],
        constraints: Sequence[Constraint],
        *,
        targets: Mapping[str, float] | None = None,
        base: float = 0.9,
        full: float | None = None,
        failure_reward: float | None = None,
    ) -> None:
        super().__init__(objectives, constraints, targets=targets, full=full, failure_reward=failure_reward)
        self.base = self._at_least("base", base, 0.0, above=True)
        if base > 1.0:
            raise ArgumentError(f"reward {self.name}: base must be at most 1, not {base}")

    def score(self, outcomes: Outcomes, units: Floats, memories: Sequence[Any]) -> Floats:
        above = np.maximum(self._ratios(outcomes, units) - 1.0, 0.0).sum(axis=1)
        product: Floats = self._qualities(outcomes, units).prod(axis=1) * self.base**above
        return product


class TuNAS(NetworkReward):
    """TuNAS' absolute reward: the quality, less how far the cost is from its target on either side.

    r = sum_i q_i + beta sum_j |v_j / T_j - 1|. Bender et al., "Can Weight Sharing Outperform Random
    Architecture Search? An Investigation With TuNAS", CVPR 2020; beta = -0.1 is the default of the authors'
    code (google-research/tunas). A cost below its target counts against a design too: it could have been
    spent.
    """

    name = "tunas"

    def __init__(
        self,
        objectives: Sequence[Objective],
        constraints: Sequence[Constraint],
        *,
        targets: Mapping[str, float] | None = None,
        beta: float = -0.1,
        full: float | None = None,
        failure_reward: float | None = None,
    ) -> None:
        super().__init__(objectives, constraints, targets=targets, full=full, failure_reward=failure_reward)
        self.beta = beta
        if not (math.isfinite(beta) and beta <= 0):
            raise ArgumentError(f"reward {self.name}: beta must be finite and at most 0, not {beta}")

    def score(self, outcomes: Outcomes, units: Floats, memories: Sequence[Any]) -> Floats:
        off = np.abs(self._ratios(outcomes, units) - 1.0).sum(axis=1)
        quality = self._qualities(outcomes, units).sum(axis=1) if self._has_quality() else 0.0
        result: Floats = quality + self.beta * off
        return result
