"""A surrogate: what it was trained on, its models, what it predicts and what it has not seen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosearch.space import Designs, DesignSpace
from cosearch.surrogates.inputs import encoded
from cosearch.surrogates.models import Model, model_class
from cosearch.surrogates.outside import Seen
from cosearch.surrogates.scaling import Scales
from cosearch.surrogates.trees import Table, Trees, as_table
from cosearch.surrogates.validity import Validity

Matrix = NDArray[np.float64]

LEVELS = (0.5, 0.6827, 0.8, 0.9, 0.95)
"""Shares of designs that an interval is meant to hold; the second is that of a standard error."""
STANDARD = 1


@dataclass(frozen=True)
class Origin:
    """What a surrogate was trained on.

    Attributes:
        problem: its name.
        version: the problem's.
        arguments: the problem's.
        workload_digest: a hash of the files that the arguments name.
        metrics: name and unit of each that is predicted.
        fidelity: whose numbers are predicted.
        base: the fidelity that it starts from, "" for none.
        studies: name, agent and number of designs of each study.
        designs: how many it was trained on.
        invalid: how many of them were not valid.
        evaluation_s: what an evaluation took on average, by the studies' own clock; 0 if they do not say.
        training_s: what training took.
    """

    problem: str
    version: int
    arguments: dict[str, Any]
    workload_digest: str
    metrics: tuple[tuple[str, str], ...]
    fidelity: str
    base: str = ""
    studies: tuple[dict[str, Any], ...] = ()
    designs: int = 0
    invalid: int = 0
    evaluation_s: float = 0.0
    training_s: float = 0.0

    @property
    def metric_names(self) -> tuple[str, ...]:
        """The names of the metrics that are predicted."""
        return tuple(name for name, _ in self.metrics)


@dataclass(frozen=True)
class Base:
    """How the metrics of a rough fidelity are used: a prediction is a correction of them.

    Attributes:
        columns: of the metrics that are there, by their order, (k,).
        logarithmic: which of them are positive, (k,): what is learned is the ratio; of others the difference.
        offset: of the inputs that are made of them, (k,).
        width: of those inputs, (k,).
    """

    columns: NDArray[np.int64]
    logarithmic: NDArray[np.bool_]
    offset: Matrix
    width: Matrix

    @classmethod
    def of(cls, rough: Matrix, values: Matrix) -> Base:
        """For the metrics of n designs at the rough fidelity and at the exact one, (n, m) each."""
        columns = np.flatnonzero(np.isfinite(rough).all(axis=0))
        positive = (rough[:, columns] > 0) & (values[:, columns] > 0)
        logarithmic = np.asarray(positive.all(axis=0))
        plain = _plain(rough[:, columns], logarithmic)
        width = plain.std(axis=0)
        return cls(columns, logarithmic, plain.mean(axis=0), np.where(width > 1e-12, width, 1.0))

    def inputs(self, rough: Matrix) -> Matrix:
        """Further inputs, (n, k), about within [0, 1]."""
        plain = (_plain(rough[:, self.columns], self.logarithmic) - self.offset) / self.width
        return np.asarray(0.5 + plain / 6.0)

    def correction(self, rough: Matrix, values: Matrix) -> Matrix:
        """What is learned: exact over rough, or exact less rough, (n, m)."""
        found = values.copy()
        for k, column in enumerate(self.columns.tolist()):
            if self.logarithmic[k]:
                found[:, column] = values[:, column] / rough[:, column]
            else:
                found[:, column] = values[:, column] - rough[:, column]
        return found

    def corrected(self, rough: Matrix, correction: Matrix) -> Matrix:
        """The inverse of `correction`."""
        found = correction.copy()
        for k, column in enumerate(self.columns.tolist()):
            if self.logarithmic[k]:
                found[:, column] = correction[:, column] * np.maximum(rough[:, column], 1e-300)
            else:
                found[:, column] = correction[:, column] + rough[:, column]
        return found


@dataclass(frozen=True)
class Prediction:
    """What a surrogate says of n designs.

    Attributes:
        metrics: {name: (n,)}, each in its unit.
        standard_error: {name: (n,)}: about two thirds of designs are within so much; outside of what was seen
            it is the spread of all that was seen, since nothing is known there.
        valid: the probability that each design is valid, (n,).
        outside: why each design lies outside of what was seen, "" where it does not, (n,).
    """

    metrics: dict[str, Matrix]
    standard_error: dict[str, Matrix]
    valid: Matrix
    outside: NDArray[np.object_]


@dataclass(frozen=True)
class Surrogate:
    """A model of a problem's metrics.

    Attributes:
        origin: what it was trained on.
        space: the design space.
        model: what predicts, on the learned scales.
        scales: the learned scales.
        base: how a rough fidelity's metrics are used; None if they are not.
        half_widths: of intervals that hold shares `LEVELS` of designs, as multiples of the model's own
            spread or, where it has none, of the learned scale, (levels, m).
        validity: of designs; None where all were valid.
        seen: what it has seen.
        examination: how good it was on designs that were held out; see `examination`.
        table: what the model says of every design, where those that it tells apart are few.
    """

    origin: Origin
    space: DesignSpace
    model: Model
    scales: Scales
    base: Base | None
    half_widths: Matrix
    validity: Validity | None
    seen: Seen
    examination: dict[str, Any] = field(default_factory=dict)
    table: Table | None = None

    def values(self, designs: Designs, rough: Matrix | None = None) -> Matrix:
        """The metrics of n designs, (n, m): the quick way, without errors and warnings.

        Args:
            designs: of the surrogate's space.
            rough: their metrics at the fidelity that it starts from, (n, m).
        """
        if self.table is not None:
            return self.table.rows(designs.index)
        learned, spread = self._learned(designs, rough)
        return self._values(learned, spread, rough)[0]

    def predict(self, designs: Designs, rough: Matrix | None = None) -> Prediction:
        """All that it says of n designs.

        Args:
            designs: of the surrogate's space.
            rough: their metrics at the fidelity that it starts from, (n, m).
        """
        learned, spread = self._learned(designs, rough)
        values, half_width = self._values(learned, self.half_widths[STANDARD] * spread, rough)
        unknown = self._values(learned, np.ones_like(learned), rough)[1]
        outside = self.seen.outside(designs)
        error = np.where((outside != "")[:, None], np.maximum(unknown, half_width), half_width)
        names = self.origin.metric_names
        return Prediction(
            {name: values[:, j] for j, name in enumerate(names)},
            {name: error[:, j] for j, name in enumerate(names)},
            self.valid(designs, rough),
            outside,
        )

    def coverage(self, designs: Designs, values: Matrix, rough: Matrix | None = None) -> Matrix:
        """Which share of true values lies within the interval of each level, (levels, m)."""
        learned, spread = self._learned(designs, rough)
        true = self.scales.learned(
            values if self.base is None else self.base.correction(_given(rough), values)
        )
        missed = np.abs(true - learned) / spread
        return np.asarray((missed[None] <= self.half_widths[:, None, :]).mean(axis=1))

    def valid(self, designs: Designs, rough: Matrix | None = None) -> Matrix:
        """The probability that each of n designs is valid, (n,)."""
        if self.validity is None:
            return np.ones(len(designs))
        return self.validity.probability(self.inputs(designs, rough))

    def inputs(self, designs: Designs, rough: Matrix | None) -> Matrix:
        """What the model sees of n designs, (n, inputs)."""
        inputs = encoded(self.space, designs)
        return inputs if self.base is None else np.column_stack([inputs, self.base.inputs(_given(rough))])

    def tabulated(self) -> Surrogate:
        """The same with a table, where its model is of trees and their designs are few enough."""
        trees = getattr(self.model, "trees", None)
        if self.base is not None or not isinstance(trees, Trees) or hasattr(self.model, "outputs"):
            return self
        start = getattr(self.model, "base", 0.0)
        columns = len(self.origin.metrics)
        table = as_table(trees, self.space, columns, lambda sums: self.scales.back(sums + start))
        return replace(self, table=table)

    def _learned(self, designs: Designs, rough: Matrix | None) -> tuple[Matrix, Matrix]:
        learned, spread = self.model.predict(self.inputs(designs, rough))
        return learned, np.ones_like(learned) if spread is None else np.maximum(spread, LEAST_SPREAD)

    def _values(self, learned: Matrix, half: Matrix, rough: Matrix | None) -> tuple[Matrix, Matrix]:
        """The metrics, (n, m), and in their units half the widths that are given on the learned scales."""
        values = self.scales.back(learned)
        error = self.scales.half_width(values, half)
        if self.base is None:
            return values, error
        ratios = self.base.columns[self.base.logarithmic]
        error[:, ratios] *= np.abs(_given(rough)[:, ratios])
        return self.base.corrected(_given(rough), values), error


LEAST_SPREAD = 1e-4
"""Of the learned scale: a model that is sure of all is not believed."""


def fitted(name: str, inputs: Matrix, outputs: Matrix, seed: int) -> tuple[Model, Matrix]:
    """A model of n designs, and how wide its intervals must be, found on designs that it did not see.

    Args:
        name: of the model.
        inputs: (n, inputs).
        outputs: on the learned scales, (n, m).
        seed: of what is random.

    Returns:
        The model, fitted to all; half widths for each level and output, (levels, m).
    """
    model = model_class(name)
    n, rng = len(inputs), np.random.default_rng(seed)
    if n > model.most_designs:
        some = rng.permutation(n)[: model.most_designs]
        inputs, outputs, n = inputs[some], outputs[some], len(some)
    folds = np.arange(n) % (FOLDS if n <= FOLDED else ONCE)
    rng.shuffle(folds)
    ratios = []
    for k in range(FOLDS if n <= FOLDED else 1):
        out = folds == k
        if not out.any() or out.all():
            continue
        learned, spread = model.fit(inputs[~out], outputs[~out], seed).predict(inputs[out])
        wide = 1.0 if spread is None else np.maximum(spread, LEAST_SPREAD)
        ratios.append(np.abs(learned - outputs[out]) / wide)
    known = np.concatenate(ratios) if ratios else np.ones((1, outputs.shape[1]))
    levels = [min(1.0, level * (len(known) + 1) / len(known)) for level in LEVELS]
    return model.fit(inputs, outputs, seed), np.quantile(known, levels, axis=0)


FOLDS, ONCE, FOLDED = 5, 5, 1000
"""Up to `FOLDED` designs all are left out in turn, in `FOLDS` parts; of more one part of `ONCE` is."""


def _plain(rough: Matrix, logarithmic: NDArray[np.bool_]) -> Matrix:
    return np.where(logarithmic, np.log(np.where(logarithmic, np.maximum(rough, 1e-300), 1.0)), rough)


def _given(rough: Matrix | None) -> Matrix:
    assert rough is not None, "a surrogate that starts from a rough fidelity needs its metrics"
    return rough


def metrics_of(declared: Sequence[Mapping[str, Any]]) -> tuple[tuple[str, str], ...]:
    """Name and unit of the metrics of a study."""
    return tuple((str(metric["name"]), str(metric["unit"])) for metric in declared)
