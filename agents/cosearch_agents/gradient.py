"""The agent `gradient`: descends a smooth model of the metrics from many starts, rounds, and mends.

C. Hong et al., "DOSA: differentiable model-based one-loop search for DNN accelerators", MICRO 2023 (Adam
from many starts, rounding, real evaluations as the judge); D. Kingma, J. Ba, "Adam", ICLR 2015; E. Jang, S.
Gu, B. Poole, "Categorical reparameterization with Gumbel-softmax", ICLR 2017. The smooth model is the
task's `gradient`, where the problem has one; else a quadratic ridge regression on what was told, whose
gradient is exact. Unordered parameters are drawn by Gumbel noise on scores, which learn by how good their
draws were. Each start follows its own direction of the objectives; a constraint that is missed adds to it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosearch import Designs, DesignSpace, Integer, Real
from cosearch_agents.archive import HistoryAgent, initial
from cosearch_agents.local_search import directions
from cosearch_agents.metric_scale import MetricScale
from cosearch_agents.variation import Variation

Matrix = NDArray[np.float64]
Relaxation = Callable[[Matrix], tuple[Mapping[str, Matrix], Mapping[str, Matrix]]]

# Adam's decay rates, and what keeps it from dividing by nothing.
BETA1, BETA2, EPSILON = 0.9, 0.999, 1e-8
# Penalty of the ridge regression, and told designs below which random ones are asked.
RIDGE, LEAST_TOLD = 0.01, 6
# Unit coordinates beyond which it has no products of two.
MOST_PAIRED = 30
# What a spread of a missed constraint weighs.
PENALTY = 3.0
# Spreads below the mean of a logarithm at which a metric is taken to end.
LOWEST = 6.0
# How far from a rounded point that is forbidden or known another is sought, in the unit cube.
REPAIRS = (0.0, 0.03, 0.1, 0.25)


class GradientAgent(HistoryAgent):
    """Adam from many starts over the task's gradient, or over a fitted quadratic; rounded and mended."""

    name = "gradient"
    batch_size = 16  # as many as descend together
    hyperparameters = DesignSpace(
        [
            initial(12),
            Integer("starts", 1, 1000, default=16, log=True, description="points that descend together"),
            Integer("steps", 1, 10_000, default=40, log=True, description="of Adam"),
            Real("rate", 1e-4, 0.5, default=0.03, log=True, description="Adam's step, in the unit cube"),
            Real("temperature", 0.01, 10.0, default=0.5, log=True, description="of the Gumbel noise"),
        ]
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._variation = Variation(self.space)
        self._unordered = [
            j for j, p in enumerate(self.space) if not p.ordered and p.kind != "permutation" and p.size > 1
        ]

    def propose(self, n: int, rng: np.random.Generator) -> Designs:
        """Where the descents ended, the best first, then mutants of the front."""
        first = self.beginning(n, self.settings["initial"])
        if first is not None:
            return first
        if not len(self.archive) or self.archive.outcomes.ok.sum() < LEAST_TOLD:
            return self.random_new(n, rng)
        ends = self._descend(rng)
        elite = self.archive.designs[self.archive.elite()]
        parents = elite[rng.integers(len(elite), size=4 * n)]
        return Designs.concat([self._mended(ends, rng), self._variation.mutants(parents, rng)])

    def _descend(self, rng: np.random.Generator) -> Matrix:
        """Points of the unit cube, the best first, shape (starts, unit_dim)."""
        settings, starts = self.settings, self.settings["starts"]
        relaxation = self._relaxation()
        elite = self.archive.designs[self.archive.elite()]
        near = self.space.to_unit(elite[rng.integers(len(elite), size=starts - starts // 2)])
        point = np.concatenate([near, rng.random((starts // 2, near.shape[1]))])
        loss = Loss(self, directions(starts, len(self.objectives), int(rng.integers(2**31))))
        scores = {j: np.zeros((starts, self.space.parameters[j].size)) for j in self._unordered}
        mean, square = np.zeros_like(point), np.zeros_like(point)
        baseline = np.full(starts, np.nan)
        best, best_point = np.full(starts, np.inf), point.copy()
        for step in range(1, settings["steps"] + 1):
            drawn = self._draw(point, scores, rng)
            value, slope = loss(*relaxation(point))
            better = value < best
            best[better], best_point[better] = value[better], point[better]
            self._learn(scores, drawn, value, baseline)
            baseline = np.where(np.isnan(baseline), value, 0.8 * baseline + 0.2 * value)
            mean = BETA1 * mean + (1 - BETA1) * slope
            square = BETA2 * square + (1 - BETA2) * slope**2
            move = (mean / (1 - BETA1**step)) / (np.sqrt(square / (1 - BETA2**step)) + EPSILON)
            point = np.clip(point - settings["rate"] * move, 0.0, 1.0)
        return best_point[np.argsort(best, kind="stable")]

    def _relaxation(self) -> Relaxation:
        """The task's gradient, with a fitted model of the metrics that it lacks."""
        needed = {o.metric for o in self.objectives} | {c.metric for c in self.constraints}
        own = self.task.gradient
        if own is None:
            return Quadratic(self, needed)
        known = own(self.space.to_unit(self.archive.designs[[0]]))[0]
        if needed <= set(known):
            return own
        fitted = Quadratic(self, needed - set(known))

        def both(unit: Matrix) -> tuple[Mapping[str, Matrix], Mapping[str, Matrix]]:
            (values, slopes), (other_values, other_slopes) = own(unit), fitted(unit)
            return {**values, **other_values}, {**slopes, **other_slopes}

        return both

    def _draw(self, point: Matrix, scores: dict[int, Matrix], rng: np.random.Generator) -> dict[int, Any]:
        """Draw the unordered parameters of each start, in place: the largest noisy score counts."""
        drawn = {}
        for j, its in scores.items():
            noisy = its + self.settings["temperature"] * rng.gumbel(size=its.shape)
            drawn[j] = noisy.argmax(axis=1)
            unit = np.asarray(self.space.parameters[j].to_unit(drawn[j]), dtype=np.float64)
            point[:, self.space.unit_layout.blocks[j]] = unit.reshape(len(point), -1)
        return drawn

    def _learn(self, scores: dict[int, Matrix], drawn: dict[int, Any], value: Matrix, usual: Matrix) -> None:
        """Raise the scores of draws that did better than usual (the score function's gradient)."""
        gain = np.where(np.isnan(usual), 0.0, usual - value)
        gain = np.clip(gain, -1.0, 1.0)
        for j, its in scores.items():
            share = np.exp(its - its.max(axis=1, keepdims=True))
            share /= share.sum(axis=1, keepdims=True)
            chosen = np.eye(its.shape[1])[drawn[j]]
            its += gain[:, None] * (chosen - share)

    def _mended(self, points: Matrix, rng: np.random.Generator) -> Designs:
        """For each point the nearest of some designs that is allowed and new."""
        found: list[Designs] = []
        taken: set[bytes] = set()
        for point in points:
            for spread in REPAIRS:
                around = np.clip(point + spread * rng.standard_normal((12, len(point))), 0.0, 1.0)
                new = self.unknown(self.space.from_unit(around[:1] if spread == 0 else around))
                rows = [i for i, key in enumerate(new.keys()) if key not in taken]
                if rows:
                    apart = np.abs(self.space.to_unit(new[rows]) - point).sum(axis=1)
                    nearest = new[[rows[int(apart.argmin())]]]
                    taken.update(nearest.keys())
                    found.append(nearest)
                    break
        return Designs.concat([self.space.designs([]), *found])


class Loss:
    """One number for each start, with its gradient: objectives in its direction, and missed constraints."""

    def __init__(self, agent: GradientAgent, weights: Matrix) -> None:
        outcomes, ok = agent.archive.outcomes, agent.archive.outcomes.ok
        self._terms: list[tuple[str, MetricScale, Matrix]] = []
        for k, objective in enumerate(agent.objectives):
            sign = 1.0 if objective.direction == "min" else -1.0
            scale = MetricScale.of(outcomes[objective.metric][ok], sign)
            self._terms.append((objective.metric, scale, weights[:, k]))
        self._bounds: list[tuple[str, MetricScale, float]] = []
        for constraint in agent.constraints:
            sign = 1.0 if constraint.operator == "<=" else -1.0
            scale = MetricScale.of(outcomes[constraint.metric][ok], sign)
            self._bounds.append((constraint.metric, scale, float(scale(constraint.bound))))

    def __call__(self, values: Mapping[str, Matrix], slopes: Mapping[str, Matrix]) -> tuple[Matrix, Matrix]:
        """The loss, shape (n,), and its gradient, shape (n, unit_dim)."""
        total: Any = 0.0
        slope: Any = 0.0
        for metric, scale, weight in self._terms:
            scaled, by_metric = _scaled(scale, np.asarray(values[metric], dtype=np.float64))
            total = total + weight * scaled
            slope = slope + (weight * by_metric)[:, None] * slopes[metric]
        for metric, scale, bound in self._bounds:
            scaled, by_metric = _scaled(scale, np.asarray(values[metric], dtype=np.float64))
            missed = np.maximum(scaled - bound, 0.0)
            total = total + PENALTY * missed
            slope = slope + np.where(missed > 0, PENALTY * by_metric, 0.0)[:, None] * slopes[metric]
        return np.nan_to_num(total, nan=1e9, posinf=1e9), np.nan_to_num(slope, posinf=0.0, neginf=0.0)


def _scaled(scale: MetricScale, values: Matrix) -> tuple[Matrix, Matrix]:
    """Values on their scale, and by how much that changes with a value."""
    if scale.logarithmic:
        # a fitted model may go below 0, where there is no logarithm
        values = np.maximum(values, np.exp(scale.sign * scale.mean - LOWEST * scale.spread))
        return scale(values), scale.sign / (values * scale.spread)
    return scale(values), np.full(len(values), scale.sign / scale.spread)


class Quadratic:
    """A ridge regression of each metric over unit coordinates, their squares and products."""

    def __init__(self, agent: GradientAgent, metrics: Collection[str]) -> None:
        outcomes = agent.archive.outcomes
        rows = np.flatnonzero(outcomes.ok)[-2000:]
        unit = agent.space.to_unit(agent.archive.designs[rows])
        self._pairs = (
            np.triu_indices(unit.shape[1]) if unit.shape[1] <= 30 else np.diag_indices(unit.shape[1])
        )
        terms = self._terms(unit)
        left = terms.T @ terms + RIDGE * np.eye(terms.shape[1])
        self._mean: dict[str, float] = {}
        self._weights: dict[str, Matrix] = {}
        for metric in sorted(metrics):
            values = outcomes[metric][rows]
            self._mean[metric] = float(values.mean())
            self._weights[metric] = np.linalg.solve(left, terms.T @ (values - values.mean()))

    def __call__(self, unit: Matrix) -> tuple[dict[str, Matrix], dict[str, Matrix]]:
        """The metrics, and their gradients."""
        terms, (first, second) = self._terms(unit), self._pairs
        values, slopes = {}, {}
        for metric, weights in self._weights.items():
            values[metric] = self._mean[metric] + terms @ weights
            linear, products = weights[: unit.shape[1]], weights[unit.shape[1] :]
            slope = np.tile(linear, (len(unit), 1))
            centred = unit - 0.5
            np.add.at(slope.T, first, (products * centred[:, second]).T)
            np.add.at(slope.T, second, (products * centred[:, first]).T)
            slopes[metric] = slope
        return values, slopes

    def _terms(self, unit: Matrix) -> Matrix:
        centred = unit - 0.5
        return np.concatenate([centred, centred[:, self._pairs[0]] * centred[:, self._pairs[1]]], axis=1)
