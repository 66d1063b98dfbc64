"""Hands designs to a backend in pieces, and knows which are under way."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from cosearch.outcomes import Outcomes
from cosearch.run.backend import Backend
from cosearch.run.batch import Batch, Rows
from cosearch.run.part_size import LEAST_SECONDS, PartSize
from cosearch.run.trial import Piece

# The agent hears of a piece when all of it is done, so it should be short; a trip costs a fraction of this.
PIECE_SECONDS = LEAST_SECONDS


@dataclass
class _Running:
    """A piece that the backend has.

    Attributes:
        left: how many of its designs are not back.
        size: how many it had.
        began: since when it is there.
        since: when the last of it came back, or it began.
        worked: how long its worker took for those that are back; NaN where that is not known.
    """

    left: int
    size: int
    began: float
    since: float = 0.0
    worked: float = 0.0


class Dispatch:
    """The pieces that wait and those that run.

    Args:
        backend: where they run.
        whole: whether the search waits for whole batches, which the workers share; otherwise there are
            as many pieces as the backend has room for, single designs unless these are quick.
    """

    def __init__(self, backend: Backend, *, whole: bool) -> None:
        self.backend, self.whole = backend, whole
        self._batches: dict[int, Batch] = {}  # by the number of the first, those with designs under way
        self._waiting: deque[tuple[Batch, Rows]] = deque()
        self._running: dict[int, _Running] = {}
        self._pieces = 0
        self._size = PartSize(PIECE_SECONDS, first=1)

    @property
    def idle(self) -> bool:
        """Whether nothing waits or runs."""
        return not self._waiting and not self._running

    @property
    def room(self) -> int:
        """How many designs the backend could be given now, at the size that a piece has."""
        if self._waiting:
            return 0
        return max(0, self.backend.capacity - len(self._running)) * self.piece_size

    @property
    def piece_size(self) -> int:
        """Designs of the next piece."""
        return 1 if self.backend.one_by_one else self._size.designs

    @property
    def waiting(self) -> int:
        """Designs that the backend was not given yet."""
        return sum(len(positions) for _, positions in self._waiting)

    def under_way(self) -> Iterator[tuple[Batch, Rows, float]]:
        """Of each piece that the backend has its batch, its positions there, and since when it runs.

        Positions that are back already are among them; the time is that of `time.perf_counter`.
        """
        for piece, running in self._running.items():
            for batch in self._batches.values():
                positions = np.flatnonzero(batch.piece == piece)
                if len(positions):
                    yield batch, positions, running.since
                    break

    def queue(self, batch: Batch, positions: Rows) -> None:
        """Take designs of a batch, which are allowed and new."""
        self._batches[batch.first] = batch
        self._waiting.append((batch, positions))

    def hand_over(self) -> bool:
        """Give the backend as many pieces as it has room for; whether there was one."""
        before = self._pieces
        while self._waiting and (self.whole or len(self._running) < self.backend.capacity):
            batch, positions = self._waiting.popleft()
            size = self._share(batch, positions)
            piece, rest = positions[:size], positions[size:]
            if len(rest):
                self._waiting.appendleft((batch, rest))
            self._submit(batch, piece)
        return self._pieces > before

    def _share(self, batch: Batch, positions: Rows) -> int:
        """How many of these designs, from the first on, make the next piece."""
        size = len(positions) if self.whole else self.piece_size
        if batch.proposals.fidelity is not None or batch.proposals.seed is not None:
            fidelity, seed = batch.fidelity[positions], batch.seed[positions]
            differs = (fidelity != fidelity[0]) | (seed != seed[0])
            if differs.any():
                size = min(size, int(np.argmax(differs)))
        return size

    def _submit(self, batch: Batch, positions: Rows) -> None:
        designs = batch.proposals.designs
        if len(positions) < len(designs):
            designs = designs[positions]
        batch.piece[positions] = self._pieces
        now = time.perf_counter()
        self._running[self._pieces] = _Running(len(positions), len(positions), now, now)
        self._pieces += 1
        first = positions[0]
        numbers = batch.first + positions
        self.backend.submit(Piece(numbers, designs, str(batch.fidelity[first]), int(batch.seed[first])))

    def collect(self, timeout_s: float) -> list[tuple[Batch, Rows, Outcomes]]:
        """What is back by now: positions of a batch, each once, and their outcomes; waits for some.

        Raises:
            ProblemError: as `Backend.poll`.
        """
        found = []
        for done in self.backend.poll(timeout_s):
            if len(done.numbers) == 0:
                continue
            batch = self._of(int(done.numbers[0]))
            positions = done.numbers - batch.first
            pieces = batch.piece[positions]
            worked = math.nan if done.seconds is None else done.seconds
            if (pieces == pieces[0]).all():
                self._back(int(pieces[0]), len(pieces), worked)
            else:
                for piece, count in zip(*np.unique(pieces, return_counts=True), strict=True):
                    self._back(int(piece), int(count), worked * count / len(pieces))
            found.append((batch, positions, done.outcomes))
        return found

    def forget(self, batch: Batch) -> None:
        """A batch of which everything is back."""
        self._batches.pop(batch.first, None)

    def cancel(self) -> None:
        """Stop everything that waits or runs."""
        self._waiting.clear()
        for batch in self._batches.values():
            running = np.flatnonzero(np.isin(batch.piece, list(self._running)))
            if len(running):
                self.backend.cancel(batch.first + running)
        self._running.clear()

    def _of(self, number: int) -> Batch:
        for first, batch in self._batches.items():
            if first <= number < first + len(batch):
                return batch
        raise AssertionError(f"the backend returns trial {number}, which is not under way")

    def _back(self, piece: int, count: int, worked: float) -> None:
        running = self._running[piece]
        running.left -= count
        running.since = time.perf_counter()
        running.worked += worked
        if running.left > 0:
            return
        del self._running[piece]
        # Where the way takes longer than the work, as on a busy cluster, larger pieces are what helps.
        known = not math.isnan(running.worked)
        self._size.learn(running.size, running.worked if known else time.perf_counter() - running.began)
