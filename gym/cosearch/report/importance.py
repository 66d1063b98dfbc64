"""How much each parameter matters for an objective, estimated from the designs that a search evaluated.

A random forest is fitted to the evaluated designs, or to a sample of them; then the forest, not the
simulator, is asked over the whole design space. The importance of a parameter is its total-effect Sobol
index: the share of the variance that remains when every other parameter is fixed, interactions included. The
indices of one objective therefore add up to 1 or, where parameters interact, to more.

How far to trust it is measured too: the spread over forests that saw different resamples of the designs, and
the share of variance that the trees explain on designs that they did not see. With few designs the trees see
little but the strongest parameter, and its share comes out too large.

Sources: F. Hutter, H. Hoos, K. Leyton-Brown, "An efficient approach for assessing hyperparameter
importance", ICML 2014 (variance decomposition of a forest); M. Jansen, Computer Physics Communications 117
(1999), as in A. Saltelli et al., Computer Physics Communications 181 (2010), table 2 (the estimator).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cosearch.space import Designs, DesignSpace

if TYPE_CHECKING:
    from sklearn.ensemble import RandomForestRegressor

FORESTS = 10  # resamples, for the spread
TREES = 10  # of each forest
SPLIT_SIZE = 5  # nodes with fewer designs are leaves
MAX_DESIGNS = 4000  # drawn at random where there are more
MAX_ROWS = 1000  # of them, that one forest sees
POINTS = 512  # at which the forests are compared, for each parameter
MIN_DESIGNS = 10  # below it nothing is estimated
ADVISED_DESIGNS_PER_PARAMETER = 10
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
        known: of how many it could: more, where these are a sample.
        log: whether the metric was taken on a log scale.
    """

    metric: str
    parameters: tuple[str, ...]
    total: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    explained: float
    designs: int
    known: int
    log: bool

    @property
    def few(self) -> bool:
        """Whether there are too few designs for the number of parameters."""
        return self.designs < ADVISED_DESIGNS_PER_PARAMETER * len(self.parameters)


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

    rng = np.random.default_rng(seed)
    known = np.flatnonzero(np.isfinite(values))
    rows = known if len(known) <= MAX_DESIGNS else np.sort(rng.choice(known, MAX_DESIGNS, replace=False))
    target, log = _target(values[rows])
    if target is None:
        return None
    features = _features(designs[rows])
    n = len(target)
    # evenly spread points, because the error of random ones would exceed the spread of the forests
    unit = qmc.Sobol(2 * space.unit_dim, rng=rng).random(POINTS)
    unit_a, unit_b = unit[:, : space.unit_dim], unit[:, space.unit_dim :]
    at = [_features(space.from_unit(unit_a))]
    for block in space.unit_layout.blocks:
        mixed = unit_a.copy()
        mixed[:, block] = unit_b[:, block]
        at.append(_features(space.from_unit(mixed)))
    points = np.concatenate(at)
    totals = np.empty((FORESTS, len(space)))
    unseen_sum, unseen_count = np.zeros(n), np.zeros(n)
    for k in range(FORESTS):
        sample = rng.integers(0, n, min(n, MAX_ROWS))
        forest = _forest(features[sample], target[sample], int(rng.integers(2**31)))
        base, *changed = forest.predict(points).reshape(-1, POINTS)
        variance = max(float(np.concatenate([base, *changed]).var()), 1e-12)
        totals[k] = ((base - np.array(changed)) ** 2).mean(axis=1) / (2 * variance)
        unseen = np.setdiff1d(np.arange(n), sample)
        unseen_sum[unseen] += forest.predict(features[unseen]) if len(unseen) else 0.0
        unseen_count[unseen] += 1
    tested = unseen_count > 0
    errors = target[tested] - unseen_sum[tested] / unseen_count[tested]
    low, high = np.percentile(totals, [10, 90], axis=0)
    explained = float(1 - (errors**2).mean() / target[tested].var())
    return Importance(metric, space.names, totals.mean(axis=0), low, high, explained, n, len(known), log)


def _target(values: NDArray[np.float64]) -> tuple[NDArray[np.float64] | None, bool]:
    """What the trees learn, mean 0 and variance 1, or None where there is nothing; whether on a log scale."""
    if len(values) < MIN_DESIGNS:
        return None, False
    log = bool(values.min() > 0 and values.max() / LOG_RATIO > values.min())
    # as shares of the largest, because the differences of numbers near the limit are none
    target = np.log(values) if log else values / (float(np.abs(values).max()) or 1.0)
    if np.ptp(target) <= 1e-12 * max(float(np.abs(target).max()), 1e-12):
        return None, log
    target = target - target.mean()
    return target / target.std(), log


def _forest(features: NDArray[np.float64], target: NDArray[np.float64], seed: int) -> RandomForestRegressor:
    from sklearn.ensemble import RandomForestRegressor

    forest = RandomForestRegressor(TREES, min_samples_split=SPLIT_SIZE, random_state=seed)
    return forest.fit(features, target)


def _features(designs: Designs) -> NDArray[np.float64]:
    """What the trees see, shape (n, columns).

    A category is one column for each value; a number its place on its scale, or `INACTIVE`; an order the
    place of each item.
    """
    columns = []
    for j, parameter in enumerate(designs.space.parameters):
        positions = designs.index[:, j]
        inactive = positions < 0
        safe = np.where(inactive, parameter.default_index, positions)
        unordered = parameter.kind == "categorical"
        block = np.reshape(
            parameter.to_onehot(safe) if unordered else parameter.to_unit(safe), (len(safe), -1)
        )
        columns.append(np.where(inactive[:, None], 0.0 if unordered else INACTIVE, block))
    return np.concatenate(columns, axis=1)
