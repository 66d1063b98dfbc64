"""A row of the error table: a number of ours beside the recorded or exact one, over the requests of a run."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from cosearch_simulators.core.validation.table import ValidationRow


@dataclass(frozen=True)
class ServedRow(ValidationRow):
    """One number of one run.

    Attributes:
        ours: as simulated.
        theirs: as recorded, or exact.
        signed: (ours - theirs) / theirs.
        requests: that it is over.
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
