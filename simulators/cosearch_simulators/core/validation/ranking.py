"""Rank correlation as a measure of a validation: rows of the error table that have one."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cosearch_simulators.core.validation.table import ValidationRow


@dataclass(frozen=True)
class RankedRow(ValidationRow):
    """Errors and rank correlation of one metric over the cases of one group.

    Attributes:
        spearman: rank correlation of ours with theirs.
        required_spearman: the least that is allowed; None where the row's bound alone counts.
    """

    spearman: float = 0.0
    required_spearman: float | None = None

    @classmethod
    def ranked(
        cls,
        group: str,
        metric: str,
        ours: ArrayLike,
        theirs: ArrayLike,
        *,
        bound: float,
        required_share: float = 1.0,
        required_spearman: float | None = None,
    ) -> RankedRow:
        """The row for these numbers."""
        row = ValidationRow.of(group, metric, ours, theirs, bound=bound, required_share=required_share)
        if np.unique(np.asarray(theirs)).size < 2:  # nothing to be put in order
            required_spearman = None
        return cls(**asdict(row), spearman=spearman(ours, theirs), required_spearman=required_spearman)

    @property
    def passed(self) -> bool:
        """Whether enough numbers are within the bound and the order is kept."""
        least = -1.0 if self.required_spearman is None else self.required_spearman
        return super().passed and self.spearman >= least


def spearman(ours: ArrayLike, theirs: ArrayLike) -> float:
    """Spearman's rank correlation, ties at their average rank; of a constant 0, of equal numbers 1."""
    first, second = (np.asarray(values, np.float64).ravel() for values in (ours, theirs))
    if first.size and np.array_equal(first, second):
        return 1.0
    if min(np.unique(first).size, np.unique(second).size) < 2:
        return 0.0
    return float(np.corrcoef(_ranks(first), _ranks(second))[0, 1])


def _ranks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return np.asarray((last - (counts - 1) / 2)[inverse], np.float64)
