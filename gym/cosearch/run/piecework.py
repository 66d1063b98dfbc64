"""What backends with workers of their own share: pieces that wait, parts of them, results to fetch."""

from __future__ import annotations

import math
import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from cosearch.problem import Problem
from cosearch.run.backend import BackendOptions
from cosearch.run.inline import without
from cosearch.run.part_size import PartSize
from cosearch.run.trial import Done, Piece


class Piecework(ABC):
    """Hands pieces out to workers, a part of about a second at a time.

    Args:
        problem: what runs.
        options: checked; with a limit for each design, or an isolated problem, a part is one design.
    """

    def __init__(self, problem: Problem, options: BackendOptions) -> None:
        self.problem, self.options = problem, options
        self.capacity = options.workers
        self.one_by_one = options.limited or problem.isolated
        self._waiting: deque[Piece] = deque()
        self._done: list[Done] = []
        self._part = PartSize()

    @classmethod
    def summary(cls) -> str:
        """The first line of the docstring."""
        return (cls.__doc__ or "").partition("\n")[0]

    def submit(self, piece: Piece) -> None:
        """See `Backend.submit`."""
        if len(piece):
            self._waiting.append(piece)
            self._hand_out()

    def poll(self, timeout_s: float | None = None) -> Sequence[Done]:
        """See `Backend.poll`."""
        until = math.inf if timeout_s is None else time.monotonic() + timeout_s
        while True:
            self._hand_out()
            if self._done:
                done, self._done = self._done, []
                return done
            if not self._waiting and not self._is_running():
                return []
            self._attend(until)
            if not self._done and time.monotonic() >= until:
                return []

    def cancel(self, numbers: NDArray[np.int64]) -> None:
        """See `Backend.cancel`; a worker that runs one of them is ended, and what else it ran waits again."""
        self._waiting = deque(without(self._waiting, numbers))
        self._waiting.extendleft(without(self._stop_those_with(numbers), numbers))
        self._done = [
            Done(one.numbers[kept], one.outcomes.take(kept))
            for one in self._done
            if (kept := ~np.isin(one.numbers, numbers)).any()
        ]

    def _next_part(self) -> Piece:
        """About a second's work, less where that leaves something for each worker."""
        piece = self._waiting.popleft()
        if self.one_by_one:
            size = 1
        else:
            size = self._part.of(len(piece) + sum(map(len, self._waiting)), self.capacity)
        if len(piece) <= size:
            return piece
        self._waiting.appendleft(piece.take(slice(size, None)))
        return piece.take(slice(0, size))

    @abstractmethod
    def _hand_out(self) -> None:
        """Give idle workers something to do."""

    @abstractmethod
    def _is_running(self) -> bool:
        """Whether a worker has something to do."""

    @abstractmethod
    def _attend(self, until: float) -> None:
        """Wait for what happens next, no longer than until then, and take note of it."""

    @abstractmethod
    def _stop_those_with(self, numbers: NDArray[np.int64]) -> list[Piece]:
        """End the workers that run one of these trials; what they ran."""
