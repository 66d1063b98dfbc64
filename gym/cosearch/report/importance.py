"""How much each parameter matters for an objective, estimated from the designs that a search evaluated.

A forest of regression trees is fitted to the evaluated designs; then the forest, not the simulator, is asked
over the whole design space. The importance of a parameter is its total-effect Sobol index: the share of the
variance that remains when every other parameter is fixed, interactions included. The indices of one
objective therefore add up to 1 or, where parameters interact, to more.

How far to trust it is measured too: the spread over forests that saw different resamples of the designs, and
the share of variance that the trees explain on designs that they did not see. With few designs the trees see
little but the strongest parameter, and its share comes out too large.

Sources: F. Hutter, H. Hoos, K. Leyton-Brown, "An efficient approach for assessing hyperparameter
importance", ICML 2014 (variance decomposition of a forest); M. Jansen, Computer Physics Communications 117
(1999), as in A. Saltelli et al., Computer Physics Communications 181 (2010), table 2 (the estimator).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cosearch.report.forest import Forest
from cosearch.space import Designs, DesignSpace

FORESTS = 10  # resamples, for the spread
TREES = 10  # of each forest
MAX_ROWS = 1000  # designs that one forest sees
POINTS = 512  # at which the forests are compared, for each parameter
MIN_DESIGNS = 10  # below it nothing is estimated
ADVISED_DESIGNS_A_PARAMETER = 10
LOG_RATIO = 100.0  # a positive metric with a larger range is taken on a log scale
INACTIVE = -0.5


@dataclass(frozen=True)
class Importance:
    """The importance of each parameter for one metric.

    Attributes:
        metric: the metric.
        parameters: their names, in the order of the space.
        total: total-effect Sobol index of each, shape (parameters,), from 0.
        low: the 10th percentile over the resamples.
        high: the 90th percentile.
        explained: the share of variance explained on designs that the trees did not see; at most 1, and below
            0 where the trees are worse than the mean.
        designs: how many designs it rests on.
        log: whether the metric was taken on a log scale.
    """

    metric: str
    parameters: tuple[str, ...]
    total: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    explained: float
    designs: int
    log: bool

    @property
    def few(self) -> bool:
        """Whether there are too few designs for the number of parameters."""
        return self.designs < ADVISED_DESIGNS_A_PARAMETER * len(self.parameters)


def parameter_importance(
    space: DesignSpace, designs: Designs, metric: str, values: NDArray[np.float64], seed: int = 0
) -> Importance | None:
    """The importance of each parameter of `space` for a metric; None where nothing can be said.

    Args:
        space: the design space.
        designs: n evaluated designs.
        metric: for the answer.
        values: the metric of each, shape (n,); designs whose value is NaN are left out.
        seed: of the trees and of the points at which they are compared.
    """
    from scipy.stats import qmc

    known = np.isfinite(values)
    designs, values = designs[known], values[known]
    log = bool(len(values) and values.min() > 0 and values.max() > LOG_RATIO * values.min())
    target = np.log(values) if log else values
    if len(values) < MIN_DESIGNS or np.ptp(target) <= 1e-12 * max(float(np.abs(target).max()), 1e-300):
        return None
    rng = np.random.default_rng(seed)
    target = (target - target.mean()) / target.std()
    features, blocks = _features(designs)
    n = len(target)
    # evenly spread points, because the error of random ones would exceed the spread of the forests
    unit = qmc.Sobol(2 * space.unit_dim, rng=rng).random(POINTS)
    unit_a, unit_b = unit[:, : space.unit_dim], unit[:, space.unit_dim :]
    at_a = _features(space.from_unit(unit_a))[0]
    at_mixed = []
    for block in space.unit_layout.blocks:
        mixed = unit_a.copy()
        mixed[:, block] = unit_b[:, block]
        at_mixed.append(_features(space.from_unit(mixed))[0])
    totals = np.empty((FORESTS, len(space)))
    unseen_sum, unseen_count = np.zeros(n), np.zeros(n)
    for k in range(FORESTS):
        sample = rng.integers(0, n, min(n, MAX_ROWS))
        forest = Forest.fit(features, blocks, target, np.tile(sample, (TREES, 1)), rng)
        base = forest.predict(at_a).mean(axis=0)
        changed = np.array([forest.predict(points).mean(axis=0) for points in at_mixed])
        variance = max(float(np.concatenate([base, *changed]).var()), 1e-12)
        totals[k] = ((base - changed) ** 2).mean(axis=1) / (2 * variance)
        unseen = np.setdiff1d(np.arange(n), sample)
        unseen_sum[unseen] += forest.predict(features[unseen]).mean(axis=0)
        unseen_count[unseen] += 1
    tested = unseen_count > 0
    errors = target[tested] - unseen_sum[tested] / unseen_count[tested]
    low, high = np.percentile(totals, [10, 90], axis=0)
    return Importance(
        metric,
        space.names,
        totals.mean(axis=0),
        low,
        high,
        float(1 - (errors**2).mean() / target[tested].var()),
        n,
        log,
    )


def _features(designs: Designs) -> tuple[NDArray[np.float64], list[slice]]:
    """What the trees see, shape (n, columns), and the columns of each parameter.

    A category is one column a value; a number its place on its scale, or `INACTIVE`; an order the place
    of each item.
    """
    columns, blocks, width = [], [], 0
    for j, parameter in enumerate(designs.space.parameters):
        positions = designs.index[:, j]
        inactive = positions < 0
        safe = np.where(inactive, parameter.default_index, positions)
        unordered = parameter.kind == "categorical"
        block = np.reshape(
            parameter.to_onehot(safe) if unordered else parameter.to_unit(safe), (len(safe), -1)
        )
        columns.append(np.where(inactive[:, None], 0.0 if unordered else INACTIVE, block))
        blocks.append(slice(width, width + block.shape[1]))
        width += block.shape[1]
    return np.concatenate(columns, axis=1), blocks
