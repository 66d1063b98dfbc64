"""The error table of a validation against one tool: rows, whether they pass."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike


@dataclass(frozen=True)
class ValidationRow:
    """Relative errors of one metric over the cases of one group.

    Attributes:
        group: which cases, such as a dataflow or an architecture; "all" where they are not told apart.
        metric: our name.
        cases: how many numbers were compared.
        median: median relative error, 0.01 is 1 %.
        p95: 95th percentile.
        maximum: the largest.
        share_within_bound: share of the numbers whose error is not above the bound.
        bound: the relative error that is allowed; infinite where the row is for information.
        required_share: the share that must be within the bound.
    """

    group: str
    metric: str
    cases: int
    median: float
    p95: float
    maximum: float
    share_within_bound: float
    bound: float
    required_share: float = 1.0

    @classmethod
    def of(
        cls,
        group: str,
        metric: str,
        ours: ArrayLike,
        theirs: ArrayLike,
        *,
        bound: float,
        required_share: float = 1.0,
    ) -> ValidationRow:
        """The row for these numbers; where theirs is 0, any other number of ours is wholly wrong."""
        mine, reference = np.asarray(ours, np.float64).ravel(), np.asarray(theirs, np.float64).ravel()
        scale = np.where(reference == 0, np.maximum(np.abs(mine), 1.0), np.abs(reference))
        error = np.abs(mine - reference) / scale
        error[~np.isfinite(error)] = np.inf
        if error.size == 0:
            return cls(group, metric, 0, np.nan, np.nan, np.nan, 0.0, bound, required_share)
        return cls(
            group,
            metric,
            error.size,
            float(np.median(error)),
            float(np.quantile(error, 0.95, method="higher")),
            float(error.max()),
            float(np.mean(error <= bound)),
            bound,
            required_share,
        )

    @property
    def passed(self) -> bool:
        """Whether enough numbers are within the bound; a row without one is for information."""
        return bool(np.isinf(self.bound)) or self.share_within_bound >= self.required_share


@dataclass(frozen=True)
class ValidationTable:
    """The result of a validation.

    Attributes:
        marker: names the place of the table in a README, such as "accelerator-timeloop".
        rows: all of the same class.
        speed: what was timed, by name, as columns of numbers.
        failures: one line for each case that is out of its bound.
    """

    marker: str
    rows: Sequence[ValidationRow]
    speed: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    failures: Sequence[str] = ()

    @property
    def passed(self) -> bool:
        """Whether every row passes, and there is one."""
        return bool(self.rows) and all(row.passed for row in self.rows)

    def as_dict(self) -> dict[str, Any]:
        """The table as JSON values, None where a number is not finite, as where there is no bound."""
        rows = [
            {name: _finite(value) for name, value in asdict(row).items()} | {"passed": row.passed}
            for row in self.rows
        ]
        return {
            "passed": self.passed,
            "rows": rows,
            "speed": {name: dict(columns) for name, columns in self.speed.items()},
            "failures": list(self.failures),
        }


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and not np.isfinite(value) else value
