"""What every engine returns: numbers by metric and design, and for each design whether it could run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cosearch_simulators.errors import SimulatorError

STATUSES = ("ok", "infeasible", "failed")
"""A status' code is its position: simulated; refused by the engine's rules; broke on the way."""

OK, INFEASIBLE, FAILED = range(3)


@dataclass(frozen=True, eq=False)
class Result:
    """n designs: metrics as columns, NaN where a design could not run, and the reason there.

    Attributes:
        metrics: by name, each float64 (n,).
        codes: int8 (n,), positions in `STATUSES`.
        reason: object (n,), a line where a design could not run, else "".

    Example:
        >>> found = Result.of({"cycles": [10, 20]}, ["", "the buffer overflows"])
        >>> found["cycles"].tolist(), found.status.tolist()
        ([10.0, nan], ['ok', 'infeasible'])
    """

    metrics: Mapping[str, NDArray[np.float64]]
    codes: NDArray[np.int8]
    reason: NDArray[np.object_]

    @classmethod
    def of(cls, metrics: Mapping[str, ArrayLike], reasons: Sequence[str] | NDArray[Any]) -> Self:
        """The result of designs that were refused for these reasons ("": it ran).

        A design that ran and has a number that is not finite has failed; the reason names the metric.
        """
        reason = np.empty(len(reasons), object)
        reason[:] = reasons
        columns = {name: np.array(values, np.float64) for name, values in metrics.items()}
        codes = np.where(reason == "", OK, INFEASIBLE).astype(np.int8)
        for name, column in columns.items():
            for row in np.flatnonzero((codes == OK) & ~np.isfinite(column)):
                codes[row], reason[row] = FAILED, f"{name} is {column[row]}"
        for column in columns.values():
            column[codes != OK] = np.nan
        return cls(columns, codes, reason)

    @classmethod
    def refused(cls, names: Iterable[str], reasons: Sequence[str]) -> Self:
        """The result of designs none of which could run."""
        return cls.of({name: np.full(len(reasons), np.nan) for name in names}, reasons)

    def __len__(self) -> int:
        return self.codes.size

    def __getitem__(self, metric: str) -> NDArray[np.float64]:
        return self.metrics[metric]

    @property
    def status(self) -> NDArray[np.str_]:
        """Each design's of `STATUSES`."""
        return np.array(STATUSES)[self.codes]

    @property
    def ok(self) -> NDArray[np.bool_]:
        """Which designs could run."""
        return self.codes == OK

    def take(self, rows: ArrayLike) -> Self:
        """These rows, in this order."""
        which = np.asarray(rows)
        metrics = {name: column[which] for name, column in self.metrics.items()}
        return type(self)(metrics, self.codes[which], self.reason[which])

    def raise_first(self, kind: type[SimulatorError] = SimulatorError) -> None:
        """Raise the reason of the first design that could not run, if there is one."""
        for row in np.flatnonzero(~self.ok)[:1]:
            text = str(self.reason[row])
            raise kind(f"design {row}: {text}" if len(self) > 1 else text)
