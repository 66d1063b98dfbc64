"""How good predictions are on rows that were not learned: rank, error, calibration."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cosearch_simulators.core.validation.ranking import spearman

COVERED = 0.9
NORMAL_QUANTILE = 1.6448536269514722
"""Of a normal distribution, `COVERED` is within so many standard errors of the mean."""

BLOCK = 1024


@dataclass(frozen=True)
class Judgement:
    """Predictions against measurements of n networks.

    Attributes:
        rows: n.
        kendall: rank correlation, ties counted (tau-b).
        spearman: rank correlation.
        rmse: root of the mean squared error, in the metric's unit.
        relative_rmse: of the errors over the measured numbers.
        coverage: share of the measurements inside the predicted 90 % intervals; NaN without standard errors.
    """

    rows: int
    kendall: float
    spearman: float
    rmse: float
    relative_rmse: float
    coverage: float

    @classmethod
    def of(
        cls, predicted: ArrayLike, measured: ArrayLike, standard_error: ArrayLike | None = None
    ) -> Judgement:
        """Of these numbers; measurements that are NaN are left out."""
        known = np.isfinite(np.asarray(measured, np.float64))
        ours, theirs = (np.asarray(values, np.float64)[known] for values in (predicted, measured))
        error = ours - theirs
        with np.errstate(divide="ignore", invalid="ignore"):
            relative = np.sqrt(np.mean((error / theirs) ** 2)) if theirs.size else np.nan
        coverage = np.nan
        if standard_error is not None:
            inside = np.abs(error) <= NORMAL_QUANTILE * np.asarray(standard_error, np.float64)[known]
            coverage = float(inside.mean()) if theirs.size else np.nan
        return cls(
            ours.size,
            kendall(ours, theirs),
            spearman(ours, theirs),
            float(np.sqrt(np.mean(error**2))) if theirs.size else np.nan,
            float(relative),
            coverage,
        )


def kendall(first: ArrayLike, second: ArrayLike) -> float:
    """Kendall's tau-b of two columns; 0 where one is constant.

    Example:
        >>> kendall([1, 2, 3, 4], [1, 3, 2, 4])
        0.6666666666666666
    """
    a, b = (np.asarray(values, np.float64).ravel() for values in (first, second))
    total, ordered_a, ordered_b = 0, 0, 0
    for begin in range(0, a.size, BLOCK):
        part = slice(begin, begin + BLOCK)
        later = np.arange(a.size) > np.arange(a.size)[part, None]
        sign_a, sign_b = (np.sign(v[None, :] - v[part, None]).astype(np.int8) * later for v in (a, b))
        total += int(np.sum(sign_a * sign_b, dtype=np.int64))
        ordered_a += int(np.count_nonzero(sign_a))
        ordered_b += int(np.count_nonzero(sign_b))
    scale = np.sqrt(float(ordered_a) * float(ordered_b))
    return float(total / scale) if scale else 0.0


def calibration_factor(error: NDArray[np.float64], spread: NDArray[np.float64]) -> float:
    """What spreads are multiplied by so that the share `COVERED` of the errors is within their intervals."""
    ratio = np.abs(error) / np.maximum(spread, 1e-12)
    return float(np.quantile(ratio, COVERED) / NORMAL_QUANTILE)
