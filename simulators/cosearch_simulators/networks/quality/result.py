"""What every source of a network's quality has in common, and what it returns."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cosearch_simulators.core.result import FAILED, INFEASIBLE, OK
from cosearch_simulators.errors import ConfigurationError

Columns = Mapping[str, NDArray]
"""Designs as columns: by parameter, an array of length n."""


@dataclass(frozen=True, eq=False)
class QualityResult:
    """n designs: metrics as columns, NaN where a design has none, and the reason there.

    Attributes:
        metrics: by name, each float64 (n,).
        status: int8 (n,), positions in `cosearch_simulators.core.result.STATUSES`.
        reason: object (n,), a line where a design has no quality, else "".
        standard_error: of the metrics whose source knows one, float64 (n,) in the metric's unit.
    """

    metrics: Mapping[str, NDArray[np.float64]]
    status: NDArray[np.int8]
    reason: NDArray[np.object_]
    standard_error: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        metrics: Mapping[str, ArrayLike],
        refused: Sequence[str],
        standard_error: Mapping[str, ArrayLike] | None = None,
        failed: Sequence[str] | None = None,
    ) -> QualityResult:
        """The result of designs of which some were refused or failed ("": it has a quality)."""
        n = len(refused)
        reason = np.empty(n, object)
        reason[:] = refused
        status = np.where(reason == "", OK, INFEASIBLE).astype(np.int8)
        for i, text in enumerate(failed or ()):
            if text and status[i] == OK:
                status[i], reason[i] = FAILED, text
        columns = {name: np.array(values, np.float64) for name, values in metrics.items()}
        for name, column in columns.items():
            for row in np.flatnonzero((status == OK) & ~np.isfinite(column)):
                status[row], reason[row] = FAILED, f"{name} is {column[row]}"
        errors = {name: np.array(values, np.float64) for name, values in (standard_error or {}).items()}
        for column in (*columns.values(), *errors.values()):
            column[status != OK] = np.nan
        return cls(columns, status, reason, errors)

    def __len__(self) -> int:
        return self.status.size

    def __getitem__(self, metric: str) -> NDArray[np.float64]:
        return self.metrics[metric]


class Quality(ABC):
    """One source of a network's quality: a table, a predictor, training, or a score.

    Attributes:
        name: what `load` knows it by, or the file that it was made from.
        source: a line that says what the numbers are: table, predictor, training or score; measured by whom;
            for which networks; with what error.
        metrics: by name, its unit.
        fidelities: the names that `evaluate` takes, the roughest first; () where there is one only.
    """

    name: str
    source: str
    metrics: Mapping[str, str]
    fidelities: tuple[str, ...] = ()

    @abstractmethod
    def evaluate(self, columns: Columns, *, fidelity: str | None = None, seed: int = 0) -> QualityResult:
        """The quality of n designs.

        Args:
            columns: by parameter, the values of all n designs; others than the source's are ignored.
            fidelity: one of `fidelities`; None is the best.
            seed: of what is random in it, if anything.

        Raises:
            ConfigurationError: a column that is needed is missing, or they differ in length.
        """

    def checked_fidelity(self, fidelity: str | None) -> str | None:
        """The fidelity that is meant.

        Raises:
            ConfigurationError: there is none of this name.
        """
        from cosearch_simulators.core.names import unknown

        if fidelity is None:
            return self.fidelities[-1] if self.fidelities else None
        if fidelity not in self.fidelities:
            raise ConfigurationError(unknown("fidelity", fidelity, self.fidelities))
        return fidelity
