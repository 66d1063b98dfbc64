"""The ledger: the one owner of what is known in a search, as growing columns.

An evaluation is known by its design, fidelity and seed, and has a row from the moment it is asked for. A
repeat finds the same row, whether its trial is still under way or done.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from cosearch.outcomes import OK_CODE, Outcomes
from cosearch.space import Designs, DesignSpace
from cosearch.space.design_table import RowTable

Rows = NDArray[np.int64]

UNASKED, UNDER_WAY, DONE = range(3)


class Ledger:
    """Everything that was asked, and what came of it.

    Attributes:
        spent: the cost of what was given to the simulator, as shares of the study's own fidelity.
        evaluated: distinct evaluations that are done, forbidden designs included.
    """

    def __init__(self, space: DesignSpace, metrics: Sequence[str]) -> None:
        self.space = space
        self.metrics = tuple(metrics)
        self.spent = 0.0
        self.evaluated = 0
        packed_bytes = space.key_dtype.itemsize * len(space)
        self._table = RowTable(packed_bytes + 1 + 8)
        self._reasons: dict[int, str] = {}
        self._columns: dict[str, NDArray[np.generic]] = {
            "metrics": np.empty((0, len(self.metrics))),
            "codes": np.empty(0, dtype=np.int8),
            "state": np.empty(0, dtype=np.int8),
            "stored": np.empty(0, dtype=np.int64),
            "seconds": np.empty(0),
        }
        self._errors: dict[str, NDArray[np.float64]] = {}
        self._timed = False

    def __len__(self) -> int:
        return len(self._table)

    def register(self, designs: Designs, fidelity: NDArray[np.uint8], seed: NDArray[np.int64]) -> Rows:
        """The rows of n evaluations, (n,); those that were never asked for get new ones."""
        packed = np.ascontiguousarray(designs.packed())
        n = len(packed)
        keys = np.empty((n, self._table.width), dtype=np.uint8)
        keys[:, :-9] = packed.view(np.uint8).reshape(n, -1)
        keys[:, -9] = fidelity
        keys[:, -8:] = np.ascontiguousarray(seed, dtype="<i8").view(np.uint8).reshape(n, 8)
        rows, new = self._table.add(keys)
        if new.any():
            self._grow(len(self._table))
        return rows

    def state(self, rows: Rows) -> NDArray[np.int8]:
        """Whether each is `UNASKED`, `UNDER_WAY` or `DONE`, (n,)."""
        return self._columns["state"][rows]  # type: ignore[return-value]

    def begin(self, rows: Rows) -> None:
        """Note that these are under way."""
        self._columns["state"][rows] = UNDER_WAY

    def finish(self, rows: Rows, outcomes: Outcomes, cost: float, stored: Rows) -> None:
        """Note what came of n distinct evaluations, what they cost together, and their rows in the store."""
        for k, name in enumerate(self.metrics):
            self._columns["metrics"][rows, k] = outcomes.metrics[name]
        self._columns["codes"][rows] = outcomes.codes
        self._columns["state"][rows] = DONE
        self._columns["stored"][rows] = stored
        bad = np.flatnonzero(outcomes.codes != OK_CODE)
        for i in bad.tolist():
            self._reasons[int(rows[i])] = outcomes.reason[i]
        for name, column in outcomes.standard_error.items():
            if name not in self._errors:
                self._errors[name] = np.full(len(self._columns["codes"]), np.nan)
            self._errors[name][rows] = column
        if outcomes.seconds is not None:
            self._timed = True
            self._columns["seconds"][rows] = outcomes.seconds
        self.spent += cost
        self.evaluated += len(rows)

    def forget(self, rows: Rows) -> None:
        """Those of these that are under way no longer are, and nothing came of them."""
        state = self._columns["state"]
        state[rows[state[rows] == UNDER_WAY]] = UNASKED

    def stored(self, rows: Rows) -> Rows:
        """Their rows in the store, (n,)."""
        return self._columns["stored"][rows]  # type: ignore[return-value]

    def outcomes(self, rows: Rows) -> Outcomes:
        """What came of them."""
        codes = self._columns["codes"][rows]
        reason = np.full(len(rows), "", dtype=object)
        for i in np.flatnonzero(codes != OK_CODE).tolist():
            reason[i] = self._reasons[int(rows[i])]
        values = self._columns["metrics"][rows]
        return Outcomes(
            {name: np.ascontiguousarray(values[:, k]) for k, name in enumerate(self.metrics)},
            codes,
            reason,
            standard_error={name: column[rows] for name, column in self._errors.items()},
            seconds=self._columns["seconds"][rows] if self._timed else None,  # type: ignore[arg-type]
        )

    def designs(self, rows: Rows) -> Designs:
        """Their designs."""
        raw = np.ascontiguousarray(self._table.rows(rows)[:, :-9])
        return self.space.designs_from_packed(raw.view(self.space.key_dtype))

    def _grow(self, n: int) -> None:
        capacity = len(self._columns["codes"])
        if n <= capacity:
            return
        more = max(n, 2 * capacity, 1024) - capacity
        for name, column in self._columns.items():
            blank = np.full((more, *column.shape[1:]), np.nan if column.dtype == np.float64 else 0)
            self._columns[name] = np.concatenate([column, blank.astype(column.dtype)])
        for name, errors in self._errors.items():
            self._errors[name] = np.concatenate([errors, np.full(more, np.nan)])
