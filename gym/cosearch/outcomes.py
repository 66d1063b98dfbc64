"""The outcomes of a batch of designs: one float64 column a metric, a status and a reason a design."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cosearch.errors import ProblemError

OK = "ok"
INFEASIBLE = "infeasible"  # the simulator rejects the design
FAILED = "failed"  # crash, timeout or a number that is not finite
STATUSES = (OK, INFEASIBLE, FAILED)


@dataclass(frozen=True)
class Outcomes:
    """What a batch of n designs gave, in the order of the designs.

    Attributes:
        metrics: one float64 array of shape (n,) a metric; NaN where the status is not `ok`.
        status: array of str, shape (n,): `ok`, `infeasible` or `failed`.
        reason: array of str, shape (n,): why a design is not `ok`, else "".
    """

    metrics: Mapping[str, NDArray[np.float64]]
    status: NDArray[np.str_]
    reason: NDArray[Any]

    @classmethod
    def of(cls, metrics: Mapping[str, ArrayLike], *, errors: Sequence[str] | None = None) -> Outcomes:
        """Outcomes of designs that ran; a design with a text in `errors` is infeasible for that reason.

        A number that is not finite makes its design `failed`, with the metric in the reason.

        Raises:
            ProblemError: if the columns are not one-dimensional numbers of one length.
        """
        columns = {}
        for name, values in metrics.items():
            try:
                columns[name] = np.array(values, dtype=np.float64)
            except (TypeError, ValueError):
                raise ProblemError(f"metric {name!r} is not a column of numbers") from None
        shapes = {name: column.shape for name, column in columns.items()}
        if len(set(shapes.values())) > 1 or any(len(shape) != 1 for shape in shapes.values()):
            raise ProblemError(f"metrics must be columns of one length; their shapes are {shapes}")
        n = next(iter(shapes.values()))[0] if shapes else len(errors or ())
        if errors is not None and len(errors) != n:
            raise ProblemError(f"{len(errors)} error texts for {n} designs")
        status = np.full(n, OK, dtype="<U10")
        reason = np.full(n, "", dtype=object)
        for name, column in columns.items():
            for i in np.flatnonzero(~np.isfinite(column)).tolist():
                if status[i] == OK:
                    status[i] = FAILED
                    reason[i] = f"metric {name} is {column[i]}"
        for i, text in enumerate(errors or ()):
            if text:
                status[i] = INFEASIBLE
                reason[i] = text
        for column in columns.values():
            column[status != OK] = np.nan
        return cls(columns, status, reason)

    @classmethod
    def without_metrics(cls, names: Iterable[str], reasons: Sequence[str], status: str) -> Outcomes:
        """Outcomes of designs that have no metrics, all with `status` and each with its reason."""
        n = len(reasons)
        reason = np.empty(n, dtype=object)
        reason[:] = list(reasons)
        return cls({name: np.full(n, np.nan) for name in names}, np.full(n, status, dtype="<U10"), reason)

    @classmethod
    def concat(cls, parts: Sequence[Outcomes]) -> Outcomes:
        """One after the other; all parts have the same metrics."""
        return cls(
            {name: np.concatenate([part.metrics[name] for part in parts]) for name in parts[0].metrics},
            np.concatenate([part.status for part in parts]),
            np.concatenate([part.reason for part in parts]),
        )

    def normalised(self) -> Outcomes:
        """A copy that keeps the contract, whatever an author built by hand.

        Raises:
            ProblemError: for a status that there is not.
        """
        status = np.array(self.status).astype("<U10")
        unknown = ~np.isin(status, STATUSES)
        if unknown.any():
            raise ProblemError(f"status {str(self.status[unknown][0])!r} is none of {', '.join(STATUSES)}")
        checked = Outcomes.of({name: np.array(column)[status == OK] for name, column in self.metrics.items()})
        metrics = {name: np.full(len(status), np.nan) for name in self.metrics}
        for name, column in checked.metrics.items():
            metrics[name][status == OK] = column
        reason = np.empty(len(status), dtype=object)
        reason[:] = [str(text).replace("\x00", " ") for text in self.reason]
        reason[status == OK] = checked.reason if self.metrics else ""
        status[status == OK] = checked.status if self.metrics else OK
        return Outcomes(metrics, status, reason)

    def __len__(self) -> int:
        return len(self.status)

    def __getitem__(self, metric: str) -> NDArray[np.float64]:
        return self.metrics[metric]

    def take(self, rows: ArrayLike | slice) -> Outcomes:
        """The outcomes of `rows` (indices, a mask or a slice), in that order."""
        index: Any = rows if isinstance(rows, slice) else np.asarray(rows)
        return Outcomes(
            {name: column[index] for name, column in self.metrics.items()},
            self.status[index],
            self.reason[index],
        )

    def with_metrics(self, names: Iterable[str]) -> Outcomes:
        """The same outcomes with these metrics, NaN where one is not known."""
        unknown = np.full(len(self), np.nan)
        return Outcomes({name: self.metrics.get(name, unknown) for name in names}, self.status, self.reason)

    @property
    def ok(self) -> NDArray[np.bool_]:
        """Which designs have status `ok`, shape (n,)."""
        return self.status == OK

    def row(self, i: int) -> dict[str, float]:
        """The metrics of design `i` as plain numbers."""
        return {name: float(column[i]) for name, column in self.metrics.items()}
