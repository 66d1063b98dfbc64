"""A batch of trials between asking and telling."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from cosearch.outcomes import Outcomes
from cosearch.run.trial import Proposals, Results

Rows = NDArray[np.int64]


@dataclass(eq=False)
class Batch:
    """Trials that were asked for together; their numbers follow one another.

    Attributes:
        first: the number of the first; below 0 for trials that no agent asked for.
        proposals: what was asked.
        fidelity: of each, array of str, shape (n,).
        seed: of each, shape (n,).
        rows: of each in the ledger, shape (n,).
        cost: of each evaluation, as a share of the study's own fidelity, shape (n,).
        cut: whether more were asked for together with these than the budget pays for.
        told: which the agent has heard of, shape (n,).
        piece: in which piece each was handed to the backend, shape (n,); -1 for none.
    """

    first: int
    proposals: Proposals
    fidelity: NDArray[np.str_]
    seed: NDArray[np.int64]
    rows: Rows
    cost: NDArray[np.float64]
    cut: bool = False
    told: NDArray[np.bool_] = field(init=False)
    piece: Rows = field(init=False)

    def __post_init__(self) -> None:
        self.told = np.zeros(len(self.rows), dtype=bool)
        self.piece = np.full(len(self.rows), -1)

    def __len__(self) -> int:
        return len(self.rows)

    def results(self, positions: Rows, outcomes: Outcomes) -> Results:
        """What is told of the trials at these positions."""
        whole = len(positions) == len(self)
        return Results(
            self.proposals.designs if whole else self.proposals.designs[positions],
            outcomes,
            self.fidelity[positions],
            self.seed[positions],
            self.first + positions,
        )
