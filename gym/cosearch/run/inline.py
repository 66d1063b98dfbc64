"""The backend `inline`: trials run in this process, as many at once as the simulator takes."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable, Sequence
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from cosearch.errors import ArgumentError
from cosearch.problem import Problem
from cosearch.run.backend import BackendOptions, refuse_address
from cosearch.run.part_size import PartSize
from cosearch.run.printing import PrintsToStderr, prints_to
from cosearch.run.trial import Done, Piece


class Inline:
    """In this process, one batch at a time: no cost for each trip, no limits.

    Args:
        problem: what runs.
        options: one worker, no limits.

    Raises:
        ArgumentError: for several workers, a limit or an address.
    """

    name: ClassVar[str] = "inline"
    capacity = 1
    one_by_one = False

    def __init__(self, problem: Problem, options: BackendOptions) -> None:
        refused = {
            "several workers": options.workers > 1,
            "isolated designs": options.isolated,
            "a time limit for each design": options.timeout_s is not None,
            "a memory limit for each design": options.memory_mb is not None,
        }
        for what, asked in refused.items():
            if asked:
                raise ArgumentError(f"backend inline cannot have {what}; take backend processes")
        refuse_address(self.name, options)
        self.problem = problem
        self._waiting: deque[Piece] = deque()
        self._part = PartSize()
        self._prints = PrintsToStderr(f"problem {problem.name}")

    @classmethod
    def summary(cls) -> str:
        """The first line of the docstring."""
        return (cls.__doc__ or "").partition("\n")[0]

    def submit(self, piece: Piece) -> None:
        """See `Backend.submit`."""
        if len(piece):
            self._waiting.append(piece)

    def poll(self, timeout_s: float | None = None) -> Sequence[Done]:
        """Run the next part, about a second's work; nobody else would."""
        if not self._waiting:
            return []
        piece = self._waiting[0]
        size = self._part.designs
        part = piece if len(piece) <= size else piece.take(slice(0, size))
        began = time.perf_counter()
        with prints_to(self._prints):
            outcomes = self.problem.run(part.designs, fidelity=part.fidelity, seed=part.seed)
        self._part.learn(len(part), time.perf_counter() - began)
        self._waiting.popleft()  # only now: what Ctrl-C interrupts is still waiting
        if len(part) < len(piece):
            self._waiting.appendleft(piece.take(slice(size, None)))
        return [Done(part.numbers, outcomes)]

    def cancel(self, numbers: NDArray[np.int64]) -> None:
        """See `Backend.cancel`."""
        self._waiting = deque(without(self._waiting, numbers))

    def close(self) -> None:
        """Forget what waits."""
        self._waiting.clear()


def without(pieces: Iterable[Piece], numbers: NDArray[np.int64]) -> list[Piece]:
    """The pieces less some trials."""
    left = [piece.take(~np.isin(piece.numbers, numbers)) for piece in pieces]
    return [piece for piece in left if len(piece)]
