"""Trials as columns: what an agent proposes, what a backend is handed, and what is told.

A trial is one design at one fidelity and seed on its way. It is known by its number, the order in which it
was asked for; a batch of trials is a few arrays, never a list of objects.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cosearch.errors import AgentError
from cosearch.outcomes import Outcomes
from cosearch.space import Designs

Rows = ArrayLike | slice


class Proposals:
    """Designs that an agent wants evaluated, and how.

    Args:
        designs: n designs.
        fidelity: one for all or one for each; None is the study's.
        seed: of each evaluation, one for all or one for each; None is the study's.

    Raises:
        AgentError: if there are not as many fidelities or seeds as designs.
    """

    __slots__ = ("designs", "fidelity", "seed")

    def __init__(
        self,
        designs: Designs,
        fidelity: str | Sequence[str] | NDArray[Any] | None = None,
        seed: int | Sequence[int] | NDArray[Any] | None = None,
    ) -> None:
        self.designs = designs
        self.fidelity = fidelity if fidelity is None or isinstance(fidelity, str) else np.asarray(fidelity)
        self.seed = seed if seed is None or isinstance(seed, int) else np.asarray(seed, dtype=np.int64)
        for name, column in (("fidelities", self.fidelity), ("seeds", self.seed)):
            if isinstance(column, np.ndarray) and column.shape != (len(designs),):
                raise AgentError(f"{len(column)} {name} for {len(designs)} designs; expected one for each")

    def __len__(self) -> int:
        return len(self.designs)

    def take(self, rows: Rows) -> Proposals:
        """Some of the proposals."""
        return Proposals(self.designs[rows], _taken(self.fidelity, rows), _taken(self.seed, rows))  # type: ignore[index]

    def fidelities(self, default: str) -> NDArray[np.str_]:
        """The fidelity of each, shape (n,)."""
        chosen = default if self.fidelity is None else self.fidelity
        return np.full(len(self), chosen) if isinstance(chosen, str) else chosen

    def seeds(self, default: int) -> NDArray[np.int64]:
        """The seed of each evaluation, shape (n,)."""
        chosen = default if self.seed is None else self.seed
        return np.full(len(self), chosen, dtype=np.int64) if isinstance(chosen, int) else chosen


@dataclass(frozen=True)
class Results:
    """Trials that are done, as an agent is told of them: n designs and what came of each.

    Attributes:
        designs: the designs.
        outcomes: theirs.
        fidelity: at which each was evaluated, array of str, shape (n,).
        seed: of each evaluation, int64, shape (n,).
        number: of each trial in the order of asking, int64, shape (n,).
    """

    designs: Designs
    outcomes: Outcomes
    fidelity: NDArray[np.str_]
    seed: NDArray[np.int64]
    number: NDArray[np.int64]

    @classmethod
    def of(
        cls,
        designs: Designs,
        outcomes: Outcomes,
        *,
        fidelity: str | NDArray[Any] = "",
        seed: int | NDArray[np.int64] = 0,
        number: int | NDArray[np.int64] = 0,
    ) -> Results:
        """Results that share a fidelity and a seed, or say each its own; `number` may be the first one."""
        n = len(designs)
        return cls(
            designs,
            outcomes,
            np.full(n, fidelity) if isinstance(fidelity, str) else fidelity,
            np.full(n, seed, dtype=np.int64) if isinstance(seed, int) else seed,
            np.arange(number, number + n) if isinstance(number, int) else number,
        )

    def __len__(self) -> int:
        return len(self.designs)

    def take(self, rows: Rows) -> Results:
        """Some of the results, in that order."""
        index: Any = rows if isinstance(rows, slice) else np.asarray(rows)
        return Results(
            self.designs[index],
            self.outcomes.take(index),
            self.fidelity[index],
            self.seed[index],
            self.number[index],
        )

    @staticmethod
    def concat(parts: Sequence[Results]) -> Results:
        """One after the other."""
        if len(parts) == 1:
            return parts[0]
        return Results(
            Designs.concat([part.designs for part in parts]),
            Outcomes.concat([part.outcomes for part in parts]),
            np.concatenate([part.fidelity for part in parts]),
            np.concatenate([part.seed for part in parts]),
            np.concatenate([part.number for part in parts]),
        )


@dataclass(frozen=True)
class Piece:
    """What a backend is handed at once: some trials of one fidelity and one seed; all designs are allowed.

    Attributes:
        numbers: of the trials, int64, shape (n,).
        designs: theirs.
        fidelity: of all.
        seed: of all.
    """

    numbers: NDArray[np.int64]
    designs: Designs
    fidelity: str
    seed: int

    def __len__(self) -> int:
        return len(self.numbers)

    def take(self, rows: Rows) -> Piece:
        """Some of the trials."""
        index: Any = rows if isinstance(rows, slice) else np.asarray(rows)
        return Piece(self.numbers[index], self.designs[index], self.fidelity, self.seed)


@dataclass(frozen=True)
class Done:
    """Trials that a backend has finished.

    Attributes:
        numbers: of the trials, shape (n,).
        outcomes: theirs.
        seconds: that their worker took for them, without the way there and back, if the backend knows.
    """

    numbers: NDArray[np.int64]
    outcomes: Outcomes
    seconds: float | None = None


def _taken(column: Any, rows: Rows) -> Any:
    if not isinstance(column, np.ndarray):
        return column
    return column[rows if isinstance(rows, slice) else np.asarray(rows)]
