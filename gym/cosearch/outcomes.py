"""The outcomes of a batch of designs: a float64 column for each metric, a status for each design."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cosearch.errors import ProblemError

OK = "ok"
INFEASIBLE = "infeasible"  # the simulator rejects the design
FAILED = "failed"  # crash, timeout or a number that is not finite
STATUSES = (OK, INFEASIBLE, FAILED)  # the position is the code
OK_CODE, INFEASIBLE_CODE, FAILED_CODE = range(3)
CONTRACT = "breaks the contract of simulate: "  # how the reason of such a design begins
LONGEST_REASON = 1024  # characters
LOG = "; log: "  # before the place of a log, at the end of a reason

_NAMES = np.array(STATUSES)


class Outcomes:
    """What a batch of n designs gave, in the order of the designs.

    Args:
        metrics: one float64 array of shape (n,) for each metric; NaN where the status is not `ok`.
        status: `ok`, `infeasible` or `failed` for each design, as text or as its position in `STATUSES`.
        reason: why a design is not `ok`, else ""; shape (n,); nothing but "" if left out.
        standard_error: of the metrics that are noisy, one array of shape (n,) for each.
        seconds: how long each design took, shape (n,), if it was measured.

    Raises:
        ProblemError: for a status that there is not.

    Attributes:
        codes: int8 array of shape (n,), the positions in `STATUSES`.
        reason: object array of str, shape (n,).
    """

    __slots__ = ("codes", "metrics", "reason", "seconds", "standard_error")

    def __init__(
        self,
        metrics: Mapping[str, NDArray[np.float64]],
        status: ArrayLike,
        reason: ArrayLike | None = None,
        *,
        standard_error: Mapping[str, NDArray[np.float64]] | None = None,
        seconds: NDArray[np.float64] | None = None,
    ) -> None:
        self.metrics = metrics
        self.codes: NDArray[np.int8] = _codes(status)
        if reason is None:
            self.reason: NDArray[np.object_] = np.full(len(self.codes), "", dtype=object)
        elif isinstance(reason, np.ndarray):
            self.reason = reason
        else:
            self.reason = np.empty(len(self.codes), dtype=object)
            self.reason[:] = list(reason)  # type: ignore[arg-type]
        self.standard_error: Mapping[str, NDArray[np.float64]] = standard_error or {}
        self.seconds = seconds

    @classmethod
    def of(
        cls,
        metrics: Mapping[str, ArrayLike],
        *,
        errors: Sequence[str] | None = None,
        standard_error: Mapping[str, ArrayLike] | None = None,
    ) -> Outcomes:
        """Outcomes of designs that ran; a design with a text in `errors` is infeasible for that reason.

        A number that is not finite makes its design `failed`, with the metric in the reason.

        Raises:
            ProblemError: if the columns are not one-dimensional numbers of one length.
        """
        columns = {name: _numbers(name, values) for name, values in metrics.items()}
        noise = {name: _numbers(name, values) for name, values in (standard_error or {}).items()}
        shapes = {name: column.shape for name, column in columns.items()}
        shapes |= {f"standard error of {name}": column.shape for name, column in noise.items()}
        if len(set(shapes.values())) > 1 or any(len(shape) != 1 for shape in shapes.values()):
            raise ProblemError(f"metrics must be columns of one length; their shapes are {shapes}")
        n = next(iter(shapes.values()))[0] if shapes else len(errors or ())
        if errors is not None and len(errors) != n:
            raise ProblemError(f"{len(errors)} error texts for {n} designs")
        codes = np.zeros(n, dtype=np.int8)
        reason = np.full(n, "", dtype=object)
        for name, column in columns.items():
            finite = np.isfinite(column)
            if not finite.all():
                for i in np.flatnonzero(~finite).tolist():
                    if codes[i] == OK_CODE:
                        codes[i] = FAILED_CODE
                        reason[i] = f"metric {name} is {column[i]}"
        for i, text in enumerate(errors or ()):
            if text:
                codes[i] = INFEASIBLE_CODE
                reason[i] = bounded(text)
        bad = codes != OK_CODE
        if bad.any():
            for column in (*columns.values(), *noise.values()):
                column[bad] = np.nan
        return cls(columns, codes, reason, standard_error=noise)

    @classmethod
    def without_metrics(cls, names: Iterable[str], reasons: Sequence[str], status: str) -> Outcomes:
        """Outcomes of designs that have no metrics, all with `status` and each with its reason."""
        n = len(reasons)
        codes = np.full(n, STATUSES.index(status), dtype=np.int8)
        return cls({name: np.full(n, np.nan) for name in names}, codes, [bounded(text) for text in reasons])

    @classmethod
    def concat(cls, parts: Sequence[Outcomes]) -> Outcomes:
        """One after the other; all parts have the same metrics."""
        if len(parts) == 1:
            return parts[0]
        noisy = dict.fromkeys(name for part in parts for name in part.standard_error)
        timed = any(part.seconds is not None for part in parts)
        return cls(
            {name: np.concatenate([part.metrics[name] for part in parts]) for name in parts[0].metrics},
            np.concatenate([part.codes for part in parts]),
            np.concatenate([part.reason for part in parts]),
            standard_error={
                name: np.concatenate([_known(part.standard_error.get(name), len(part)) for part in parts])
                for name in noisy
            },
            seconds=np.concatenate([_known(part.seconds, len(part)) for part in parts]) if timed else None,
        )

    def normalised(self) -> Outcomes:
        """A copy that keeps the contract, whatever an author built by hand.

        Raises:
            ProblemError: for columns that are not one-dimensional numbers of one length.
        """
        ok = self.codes == OK_CODE
        metrics = {name: _numbers(name, column) for name, column in self.metrics.items()}
        noise = {name: _numbers(name, column) for name, column in self.standard_error.items()}
        lengths = {len(column) if column.ndim == 1 else -1 for column in (*metrics.values(), *noise.values())}
        if lengths - {len(ok)} or self.reason.shape != ok.shape:
            raise ProblemError(f"metrics, status and reason must be columns of one length, here {len(ok)}")
        for column in metrics.values():
            column[~ok] = 0.0
        checked = Outcomes.of(metrics)
        codes = np.where(ok, checked.codes if metrics else OK_CODE, self.codes).astype(np.int8)
        reason = np.empty(len(ok), dtype=object)
        reason[:] = [bounded(text) for text in self.reason]
        reason[ok] = checked.reason[ok] if metrics else ""
        for column in (*metrics.values(), *noise.values()):
            column[codes != OK_CODE] = np.nan
        return Outcomes(metrics, codes, reason, standard_error=noise, seconds=self.seconds)

    def __len__(self) -> int:
        return len(self.codes)

    def __getitem__(self, metric: str) -> NDArray[np.float64]:
        return self.metrics[metric]

    def __repr__(self) -> str:
        return f"Outcomes({len(self)} designs, {int(self.ok.sum())} ok, of {', '.join(self.metrics)})"

    def take(self, rows: ArrayLike | slice) -> Outcomes:
        """The outcomes of `rows` (indices, a mask or a slice), in that order."""
        index: Any = rows if isinstance(rows, slice) else np.asarray(rows)
        return Outcomes(
            {name: column[index] for name, column in self.metrics.items()},
            self.codes[index],
            self.reason[index],
            standard_error={name: column[index] for name, column in self.standard_error.items()},
            seconds=None if self.seconds is None else self.seconds[index],
        )

    def with_metrics(self, names: Iterable[str]) -> Outcomes:
        """The same outcomes with these metrics, NaN where one is not known."""
        unknown = np.full(len(self), np.nan)
        return Outcomes(
            {name: self.metrics.get(name, unknown) for name in names},
            self.codes,
            self.reason,
            standard_error=self.standard_error,
            seconds=self.seconds,
        )

    @property
    def status(self) -> NDArray[np.str_]:
        """The status of each design as text, shape (n,); read-only, `codes` is what is kept."""
        names = _NAMES[self.codes]
        names.flags.writeable = False
        return names

    @property
    def ok(self) -> NDArray[np.bool_]:
        """Which designs have status `ok`, shape (n,)."""
        return self.codes == OK_CODE

    def row(self, i: int) -> dict[str, float]:
        """The metrics of design `i` as plain numbers."""
        return {name: float(column[i]) for name, column in self.metrics.items()}


def bounded(text: object) -> str:
    """A reason as one text that can be stored and shown: no NUL, no lone surrogate, at most a kilobyte."""
    try:
        found = str(text)
    except Exception:  # whatever an author's object raises when it is asked for its text
        found = f"(a {type(text).__name__} that has no text)"
    if len(found) > LONGEST_REASON:
        found = f"{found[:LONGEST_REASON]}... ({len(found) - LONGEST_REASON} more characters are cut)"
    return found.replace("\x00", " ").encode("utf-8", "replace").decode()


def reason_of(error: BaseException) -> str:
    """The kind and the first line of an exception's text, whatever its text is."""
    text = bounded(error)
    first = text.splitlines()[0] if text.strip() else ""
    return f"{type(error).__name__}: {first}".strip(": ")


def _codes(status: ArrayLike) -> NDArray[np.int8]:
    array = np.asarray(status)
    if array.dtype == np.int8:
        return array
    names = [str(one) for one in array.tolist()]
    unknown = next((name for name in names if name not in STATUSES), None)
    if unknown is not None:
        raise ProblemError(f"status {bounded(unknown)!r} is none of {', '.join(STATUSES)}")
    return np.array([STATUSES.index(name) for name in names], dtype=np.int8)


def _numbers(name: str, values: ArrayLike) -> NDArray[np.float64]:
    """A copy of a metric's column."""
    try:
        if isinstance(values, np.ma.MaskedArray):
            values = np.ma.filled(values.astype(np.float64), np.nan)
        array = np.asarray(values)
        # None would become NaN and "7" the number 7: an author's mistake, not a result
        if array.dtype.kind not in "biufO" or (
            array.dtype.kind == "O" and any(isinstance(v, str | bytes | type(None)) for v in array.flat)
        ):
            raise TypeError
        return np.array(array, dtype=np.float64)
    except Exception:  # numpy raises whatever the author's objects raise
        raise ProblemError(f"metric {name!r} is not a column of numbers") from None


def _known(column: NDArray[np.float64] | None, n: int) -> NDArray[np.float64]:
    return np.full(n, np.nan) if column is None else column
