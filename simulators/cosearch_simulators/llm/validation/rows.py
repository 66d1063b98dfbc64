"""A row of the error table: median and 90th percentile against their bars, and what stands beside them."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import ArrayLike

from cosearch_simulators.core.validation.table import ValidationRow


@dataclass(frozen=True)
class MeasuredRow(ValidationRow):
    """Errors of one operator or metric against measurements.

    Attributes:
        p90: 90th percentile of the relative error.
        mean: of the relative error.
        required_median: the most that is allowed; None: for information.
        required_p90: the most that is allowed.
        required_mean: the most that is allowed.
        engines_spread: median of how far the slowest engine is above the fastest; NaN where there is one.
        roofline_median: median error of a plain roofline of the data sheet; NaN where none was made.
        peer_median: median error of the peer on the rows that it answers; NaN where there is none.
        unanswered: rows without an answer.
        spearman: rank correlation, where the order is judged.
        required_spearman: the least that is allowed.
    """

    p90: float = np.nan
    mean: float = np.nan
    required_median: float | None = None
    required_p90: float | None = None
    required_mean: float | None = None
    engines_spread: float = np.nan
    roofline_median: float = np.nan
    peer_median: float = np.nan
    unanswered: int = 0
    spearman: float = np.nan
    required_spearman: float | None = None

    @classmethod
    def measured(
        cls,
        group: str,
        metric: str,
        ours: ArrayLike,
        theirs: ArrayLike,
        *,
        median: float | None = None,
        p90: float | None = None,
        mean: float | None = None,
        spread: ArrayLike | None = None,
        roofline: ArrayLike | None = None,
        peer: ArrayLike | None = None,
    ) -> MeasuredRow:
        """The row for these numbers; bars as shares, 0.1 is 10 %."""
        mine, reference = np.asarray(ours, np.float64), np.asarray(theirs, np.float64)
        answered = np.isfinite(mine)
        error = np.abs(mine - reference)[answered] / np.abs(reference)[answered]
        row = ValidationRow.of(group, metric, mine[answered], reference[answered], bound=np.inf)
        return cls(
            **asdict(row),
            p90=float(np.quantile(error, 0.9)) if error.size else np.nan,
            mean=float(error.mean()) if error.size else np.nan,
            required_median=median,
            required_p90=p90,
            required_mean=mean,
            engines_spread=_median(spread),
            roofline_median=_error(roofline, reference),
            peer_median=_error(peer, reference),
            unanswered=int(np.count_nonzero(~answered)),
        )

    @property
    def passed(self) -> bool:
        """Whether every row is answered and no bar is missed."""
        bars = (
            (self.median, self.required_median),
            (self.p90, self.required_p90),
            (self.mean, self.required_mean),
        )
        if self.required_spearman is not None and not self.spearman >= self.required_spearman:
            return False
        if not super().passed:
            return False
        return self.unanswered == 0 and all(most is None or value <= most for value, most in bars)


def _median(values: ArrayLike | None) -> float:
    if values is None:
        return np.nan
    known = np.asarray(values, np.float64)
    known = known[np.isfinite(known)]
    return float(np.median(known)) if known.size else np.nan


def _error(ours: ArrayLike | None, theirs: ArrayLike) -> float:
    if ours is None:
        return np.nan
    reference = np.asarray(theirs, np.float64)
    return _median(np.abs(np.asarray(ours, np.float64) - reference) / reference)
