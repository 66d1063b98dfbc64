"""A row of the error table: a number of ours beside the recorded or exact one, over the requests of a run."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from cosearch_simulators.core.validation.table import ValidationRow


@dataclass(frozen=True)
class ServedRow(ValidationRow):
    """One number of one run.

    Attributes:
        ours: as simulated.
        theirs: as recorded, or exact.
        signed: (ours - theirs) / theirs.
        requests: that it is over; of many runs their number, and medians in place of the three above.
    """

    ours: float = 0.0
    theirs: float = 0.0
    signed: float = 0.0
    requests: int = 0

    @classmethod
    def served(
        cls,
        group: str,
        metric: str,
        ours: float,
        theirs: float,
        *,
        requests: int,
        bound: float = float("inf"),
    ) -> ServedRow:
        """The row; without a bound it is for information."""
        row = ValidationRow.of(group, metric, [ours], [theirs], bound=bound)
        signed = (ours - theirs) / theirs if theirs else 0.0
        return cls(**asdict(row), ours=ours, theirs=theirs, signed=signed, requests=requests)

    @classmethod
    def many(
        cls, group: str, metric: str, ours: NDArray[np.float64], theirs: NDArray[np.float64]
    ) -> ServedRow:
        """The row of many runs, for information."""
        row = ValidationRow.of(group, metric, ours, theirs, bound=float("inf"))
        return cls(
            **asdict(row),
            ours=float(np.median(ours)),
            theirs=float(np.median(theirs)),
            signed=float(np.median(ours / theirs - 1.0)),
            requests=ours.size,
        )
