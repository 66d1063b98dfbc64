"""The surrogate of `tree-guided`: randomised trees that predict metrics and whether a design will do.

P. Geurts, D. Ernst, L. Wehenkel, "Extremely randomized trees", Machine Learning 63, 2006. Trees need no
scale, take unordered values as columns of 0 and 1, split on whether a parameter is active, and are told by
the spread of their answers how little they know.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosearch import Designs, Permutation, Task
from cosearch.outcomes import Outcomes
from cosearch_agents.metric_scale import MetricScale

Matrix = NDArray[np.float64]

# What stands where a parameter is inactive, away from every value it can have.
INACTIVE = -1.0
# Of probabilities: a committee of few members is never sure.
DOUBT = 0.5
# Of the trend: penalties that are tried, and the share of the variance that may be left if it is to be used.
STRENGTHS = (0.03, 0.3, 3.0, 30.0)
HELPS = 0.7
# Spreads of an input beyond which the trend does not go on.
FARTHEST = 2.0


def tree_inputs(task: Task, designs: Designs) -> Matrix:
    """What trees see of designs: positions on their scales, columns of 0 and 1, places of items, features.

    Shape (n, inputs).
    """
    space = task.space
    unit = space.to_unit(designs)
    columns: list[Matrix] = []
    for j, (parameter, block) in enumerate(zip(space.parameters, space.unit_layout.blocks, strict=True)):
        if j in space.held_positions:
            continue
        positions = designs.index[:, j]
        active = positions >= 0
        if isinstance(parameter, Permutation):
            places = parameter.orders(np.maximum(positions, 0)).argsort(axis=1)
            columns.append(np.where(active[:, None], places, INACTIVE))
        elif parameter.ordered or parameter.size == 2:
            columns.append(np.where(active[:, None], unit[:, block], INACTIVE))
        else:
            columns.append((positions[:, None] == np.arange(parameter.size)).astype(np.float64))
    columns += feature_columns(task, designs)
    return np.concatenate(columns, axis=1) if columns else np.zeros((len(designs), 1))


def feature_columns(task: Task, designs: Designs) -> list[Matrix]:
    """The task's cheap descriptors, one column each; a number that is not finite is 0."""
    if task.features is None or not len(designs):
        return []
    found: Mapping[str, Any] = task.features(designs)
    return [
        np.nan_to_num(np.asarray(c, dtype=np.float64), posinf=0.0, neginf=0.0)[:, None]
        for c in found.values()
    ]


@dataclass(frozen=True)
class Prediction:
    """What a committee says of n designs.

    Attributes:
        objectives: of each member, smaller is better, shape (members, n, objectives), on the model's scale.
        feasible: the probability that a design runs and meets every constraint, shape (n,).
        missed: by how much constraints are likely to be missed, in spreads of the metrics, shape (n,).
    """

    objectives: Matrix
    feasible: Matrix
    missed: Matrix


class TreeModel:
    """Extremely randomised trees over what was told, split into a committee."""

    def __init__(
        self, task: Task, designs: Designs, outcomes: Outcomes, *, trees: int, members: int, seed: int
    ) -> None:
        """Fit.

        Args:
            task: whose objectives and constraints are predicted.
            designs: n designs.
            outcomes: theirs; at least one is `ok`.
            trees: in all.
            members: of the committee, each with an equal share of the trees.
            seed: of the trees.
        """
        from sklearn.ensemble import ExtraTreesRegressor

        self.task, self.members = task, members
        ok = outcomes.ok
        inputs = tree_inputs(task, designs).astype(np.float32)
        metrics = [(o.metric, 1.0 if o.direction == "min" else -1.0) for o in task.objectives]
        metrics += [(c.metric, 1.0 if c.operator == "<=" else -1.0) for c in task.constraints]
        count = len(task.objectives)
        made = [MetricScale.warped] * count + [MetricScale.of] * len(task.constraints)
        self.scales = [
            scale(outcomes[metric][ok], sign) for scale, (metric, sign) in zip(made, metrics, strict=True)
        ]
        targets = [
            scale(outcomes[metric][ok]) for scale, (metric, _) in zip(self.scales, metrics, strict=True)
        ]
        self.bounds = np.array(
            [float(scale(c.bound)) for c, scale in zip(task.constraints, self.scales[count:], strict=True)]
        )
        each = max(1, trees // members)
        options: dict[str, Any] = {
            "n_estimators": each * members,
            "max_features": 0.6,
            "min_samples_split": 3,
        }
        self._trend = Trend(inputs[ok], np.stack(targets, axis=1))
        rest = np.stack(targets, axis=1) - self._trend(inputs[ok])
        self._metrics = ExtraTreesRegressor(random_state=seed, **options)
        self._metrics.fit(inputs[ok], rest if rest.shape[1] > 1 else rest[:, 0])
        self._runs: Any = None
        if not ok.all():
            self._runs = ExtraTreesRegressor(random_state=seed, **options)
            self._runs.fit(inputs, ok.astype(np.float64))

    def predict(self, designs: Designs) -> Prediction:
        """What each member of the committee expects."""
        inputs = tree_inputs(self.task, designs).astype(np.float32)
        outputs = self._committee(self._metrics, inputs) + self._trend(inputs)
        count = len(self.task.objectives)
        limits = outputs[:, :, count:] - self.bounds
        meets = (limits <= 0).all(axis=2).sum(axis=0)
        feasible = (meets + DOUBT) / (self.members + 2 * DOUBT)
        if not len(self.bounds):
            feasible = np.ones(len(designs))
        missed = np.maximum(limits.mean(axis=0), 0.0).sum(axis=1)
        if self._runs is not None:
            runs = np.clip(self._committee(self._runs, inputs).mean(axis=(0, 2)), 0.0, 1.0)
            feasible, missed = feasible * runs, missed + (1.0 - runs)
        return Prediction(outputs[:, :, :count], feasible, missed)

    def told(self, outcomes: Outcomes) -> Matrix:
        """The objectives on the model's scale, shape (n, objectives); NaN where a design did not run."""
        columns = [
            scale(np.where(outcomes.ok, outcomes[o.metric], np.nan))
            for o, scale in zip(self.task.objectives, self.scales, strict=False)
        ]
        return np.stack(columns, axis=1)

    def minimised(self, points: Matrix) -> Matrix:
        """Objectives on the model's scale, shape (..., objectives), in the metrics' own units, minimised."""
        columns = [scale.minimised(points[..., k]) for k, scale in enumerate(self.scales[: points.shape[-1]])]
        return np.stack(columns, axis=-1)

    def _committee(self, forest: Any, inputs: NDArray[np.float32]) -> Matrix:
        """The mean of each member's trees, shape (members, n, outputs)."""
        trees = forest.estimators_
        found = np.stack(
            [tree.tree_.predict(inputs).reshape(len(inputs), forest.n_outputs_) for tree in trees]
        )
        each = len(trees) // self.members
        return found.reshape(self.members, each, len(inputs), forest.n_outputs_).mean(axis=1)


class Trend:
    """A ridge regression over the inputs and their squares, for the targets that it tells something of.

    Trees are slow to learn what simply adds up; they are left the rest.
    """

    def __init__(self, inputs: NDArray[np.float32], targets: Matrix) -> None:
        """Fit, and keep for each target the strength that predicts best what is left out, or none at all.

        Args:
            inputs: shape (n, inputs).
            targets: shape (n, targets).
        """
        wide = np.abs(inputs).max(axis=0) > 1  # places of items and features; all else is a unit coordinate
        spread = 2 * inputs.std(axis=0, dtype=np.float64)
        self._zero = np.where(wide, inputs.mean(axis=0, dtype=np.float64), 0.5)
        self._unit = np.where(wide, np.where(spread > 0, spread, np.inf), 1.0)
        terms = self._terms(inputs)
        self._centre, self._mean = terms.mean(axis=0), targets.mean(axis=0)
        terms, rest = terms - self._centre, targets - self._mean
        left, singular, right = np.linalg.svd(terms, full_matrices=False)
        rotated = left.T @ rest
        self._weights = np.zeros((terms.shape[1], targets.shape[1]))
        least = HELPS * (rest**2).mean(axis=0)
        for strength in STRENGTHS:
            shrink = singular**2 / (singular**2 + strength)
            leverage = np.minimum((left**2 * shrink).sum(axis=1) + 1.0 / len(terms), 0.99)
            missed = ((rest - left @ (shrink[:, None] * rotated)) / (1.0 - leverage)[:, None]) ** 2
            error = missed.mean(axis=0)
            weights = right.T @ ((singular / (singular**2 + strength))[:, None] * rotated)
            better = error < least
            self._weights[:, better], least[better] = weights[:, better], error[better]

    def __call__(self, inputs: NDArray[np.float32]) -> Matrix:
        """What it expects, shape (n, targets)."""
        return (self._terms(inputs) - self._centre) @ self._weights + self._mean

    def _terms(self, inputs: NDArray[np.float32]) -> Matrix:
        scaled = np.clip((inputs - self._zero) / self._unit, -FARTHEST, FARTHEST)
        return np.concatenate([scaled, scaled**2], axis=1)
