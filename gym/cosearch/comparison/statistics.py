"""Statistics over runs that a reviewer accepts: interquartile means, profiles, who beats whom, intervals.

After R. Agarwal et al., "Deep Reinforcement Learning at the Edge of the Statistical Precipice" (NeurIPS
2021).

Scores come as one array for each problem, with a row for each seed; further axes are kept. Intervals are
percentile bootstraps stratified by problem (`scipy.stats.bootstrap` of several samples): seeds are drawn
anew within each problem. (rliable, the authors' own library, has had no release since 2024 and brings
seaborn; its estimators are these.)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

CONFIDENCE = 0.95
RESAMPLES = 1000
BATCH = 100  # resamples that are in memory at once

Scores = Sequence[NDArray[np.float64]]


class Estimate(NamedTuple):
    """A number, or an array of them, with its 95 % interval; NaN where a problem has a single seed."""

    value: Any
    low: Any
    high: Any


def interquartile_mean(scores: Scores) -> Estimate:
    """The mean of the middle half of all runs."""
    return _estimate(scores, _middle)


def mean(scores: Scores) -> Estimate:
    """The mean of all runs; hard problems count, which an interquartile mean drops whole."""
    return _estimate(scores, lambda pooled: pooled.mean(axis=-1))


def performance_profile(scores: Scores, thresholds: NDArray[np.float64]) -> Estimate:
    """The share of runs whose score is at least each threshold; scores of shape (seeds,)."""
    reached = [(one[:, None] >= thresholds).astype(np.float64) for one in scores]
    return mean(reached)


def probability_of_improvement(first: Scores, second: Scores) -> Estimate:
    """How likely a run of the first beats one of the second, mean over problems; a tie counts half."""
    k = len(first)

    def statistic(*samples: NDArray[np.float64], axis: int = -1) -> NDArray[np.float64]:
        return np.mean([_wins(x, y) for x, y in zip(samples[:k], samples[k:], strict=True)], axis=0)

    together = [*first, *second]
    return _bootstrap(together, statistic, float(statistic(*together)))


def _wins(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    x, y = x[..., :, None], y[..., None, :]
    won: NDArray[np.float64] = ((x > y) + 0.5 * (x == y)).mean(axis=(-2, -1))
    return won


def _middle(pooled: NDArray[np.float64]) -> NDArray[np.float64]:
    from scipy import stats

    found: NDArray[np.float64] = stats.trim_mean(pooled, 0.25, axis=-1)
    return found


def _estimate(scores: Scores, of: Callable[[NDArray[np.float64]], NDArray[np.float64]]) -> Estimate:
    # scipy wants the seeds last
    last = [np.moveaxis(np.asarray(one, dtype=np.float64), 0, -1) for one in scores]

    def statistic(*samples: NDArray[np.float64], axis: int = -1) -> NDArray[np.float64]:
        return of(np.concatenate(samples, axis=-1))

    return _bootstrap(last, statistic, statistic(*last))


def _bootstrap(samples: Scores, statistic: Callable[..., NDArray[np.float64]], value: Any) -> Estimate:
    from scipy import stats

    if min(one.shape[-1] for one in samples) < 2:
        nothing = np.full(np.shape(value), np.nan)[()]
        return Estimate(value, nothing, nothing)
    found = stats.bootstrap(
        tuple(samples),
        statistic,
        n_resamples=RESAMPLES,
        batch=BATCH,
        vectorized=True,
        axis=-1,
        confidence_level=CONFIDENCE,
        method="percentile",
        rng=np.random.default_rng(0),
    ).confidence_interval
    return Estimate(value, found.low, found.high)
