"""Blocks of evaluations as columns; `packing.py` makes bytes of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cosearch.outcomes import Outcomes


@dataclass(frozen=True, slots=True)
class Block:
    """Some evaluations as columns; a single value stands for all.

    Attributes:
        designs: index matrix in the space's small dtype, shape (n, parameters).
        outcomes: theirs.
        number: of each trial, int64, shape (n,), or that of the first where they count up from it.
        charged: whether each cost budget.
        fidelity: of each, or of all.
        seed: of each, or of all.
        seconds: since the study began.
    """

    designs: NDArray[Any]
    outcomes: Outcomes
    number: int | NDArray[np.int64]
    charged: bool | NDArray[np.bool_]
    fidelity: str | NDArray[np.str_]
    seed: int | NDArray[np.int64]
    seconds: float | NDArray[np.float64]

    @classmethod
    def of(
        cls,
        designs: NDArray[Any],
        outcomes: Outcomes,
        numbers: ArrayLike,
        charged: ArrayLike,
        fidelity: str | NDArray[Any],
        seed: int | NDArray[np.int64],
        seconds: float | NDArray[np.float64],
    ) -> Block:
        """The block of these columns, with a single value wherever one stands for all."""
        return cls(
            designs,
            outcomes,
            _first_number(numbers),
            _one_for_all(charged, bool),
            _one_for_all(fidelity, str),
            _one_for_all(seed, int),
            seconds if isinstance(seconds, np.ndarray) else float(seconds),
        )

    def __len__(self) -> int:
        return len(self.designs)

    def take(self, rows: NDArray[np.int64]) -> Block:
        """Some of the evaluations."""
        return Block(
            self.designs[rows],
            self.outcomes.take(rows),
            self.numbers()[rows],
            *(_taken(value, rows) for value in (self.charged, self.fidelity, self.seed, self.seconds)),
        )

    def numbers(self) -> NDArray[np.int64]:
        """The number of each trial, shape (n,)."""
        if isinstance(self.number, np.ndarray):
            return self.number
        return np.arange(self.number, self.number + len(self))

    def with_metrics(self, names: Sequence[str]) -> Block:
        """The same evaluations with these metrics, NaN where one is not known."""
        if list(self.outcomes.metrics) == list(names):
            return self
        return replace(self, outcomes=self.outcomes.with_metrics(names))

    def count_charged(self) -> int:
        """How many cost budget."""
        if isinstance(self.charged, np.ndarray):
            return int(np.count_nonzero(self.charged))
        return len(self) if self.charged else 0


def empty(width: int, dtype: np.dtype[Any], metrics: Sequence[str], fidelity: str) -> Block:
    """A block of no evaluations."""
    outcomes = Outcomes({name: np.empty(0) for name in metrics}, np.empty(0, dtype=np.int8))
    return Block(np.empty((0, width), dtype=dtype), outcomes, 0, True, fidelity, 0, 0.0)


def concat(blocks: Sequence[Block]) -> Block:
    """The blocks as one, in their order; all have the same metrics."""
    if len(blocks) == 1:
        return blocks[0]
    lengths = [len(block) for block in blocks]
    number: int | NDArray[np.int64] = blocks[0].number
    following = number
    for block in blocks:
        if isinstance(block.number, np.ndarray) or block.number != following:
            number = np.concatenate([each.numbers() for each in blocks])
            break
        following = block.number + len(block)
    return Block(
        np.concatenate([block.designs for block in blocks]),
        Outcomes.concat([block.outcomes for block in blocks]),
        number,
        *(
            _joined([getattr(block, name) for block in blocks], lengths)
            for name in ("charged", "fidelity", "seed", "seconds")
        ),
    )


def _taken(value: Any, rows: NDArray[np.int64]) -> Any:
    return value[rows] if isinstance(value, np.ndarray) else value


def _joined(values: list[Any], lengths: list[int]) -> Any:
    if not any(isinstance(value, np.ndarray) for value in values) and len(set(values)) == 1:
        return values[0]
    return np.concatenate(
        [v if isinstance(v, np.ndarray) else np.full(n, v) for v, n in zip(values, lengths, strict=True)]
    )


def _first_number(numbers: ArrayLike) -> int | NDArray[np.int64]:
    """The first number where they count up from it, else all."""
    found = np.asarray(numbers, dtype=np.int64)
    if len(found) and (len(found) == 1 or (np.diff(found) == 1).all()):
        return int(found[0])
    return found


def _one_for_all(value: Any, kind: type) -> Any:
    """A single value where all are the same, as Python's own type."""
    if isinstance(value, kind):
        return value
    array = np.asarray(value)
    if array.ndim == 0:
        return kind(array.item())
    if len(array) and (array[0] == array).all():
        return kind(array[0])
    return array.astype(np.str_) if kind is str else array
