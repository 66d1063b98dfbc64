"""The backend `processes`: trials run in worker processes, which may crash, hang or eat memory."""

from __future__ import annotations

import math
import os
import selectors
import time
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from cosearch.errors import ArgumentError, ProblemError
from cosearch.outcomes import FAILED, Outcomes
from cosearch.problem import Problem
from cosearch.run.backend import BackendOptions, check_options, refuse_address
from cosearch.run.piecework import Piecework
from cosearch.run.trial import Done, Piece
from cosearch.run.worker_process import WorkerProcess, Workshop

# How often memory is looked at; and processes, where the system has no descriptor that tells of their end.
LOOK_S = 0.1
# Longer than this no call waits, so that no number is too large for the system.
LONGEST_WAIT_S = 3600.0
# So many workers in a row may end while they start, or once some was up say that they are unfit.
FAILED_STARTS = 3


class Processes(Piecework):
    """In worker processes on this machine: several at once, with a time and a memory limit for each design.

    A worker that crashes or goes beyond a limit fails the design that it was running, with the reason, and is
    replaced; of several designs that share a trip, each is run again alone to find the one.

    Args:
        problem: what runs; it is sent to each worker once.
        options: workers and limits.
        packed: as `Workshop` takes it.

    Raises:
        ArgumentError: for a number of workers or a limit that is not positive, or an address.
        ProblemError: if the problem cannot be sent to another process.
    """

    name: ClassVar[str] = "processes"

    def __init__(self, problem: Problem, options: BackendOptions, packed: bytes | None = None) -> None:
        if os.name != "posix":
            raise ArgumentError("backend processes needs Linux or macOS; take backend inline")
        check_options(options)
        refuse_address(self.name, options)
        super().__init__(problem, options)
        self._workshop = Workshop(problem, options, packed)
        self._workers: list[WorkerProcess] = []
        self._failed_starts, self._some_was_up = 0, False
        self._selector = selectors.DefaultSelector()
        self._look_at = 0.0

    def _is_running(self) -> bool:
        return any(worker.piece for worker in self._workers)

    def _stop_those_with(self, numbers: NDArray[np.int64]) -> list[Piece]:
        stopped = [w for w in self._workers if w.piece and np.isin(w.piece.numbers, numbers).any()]
        pieces = [worker.piece for worker in stopped if worker.piece]
        self._end(stopped)
        return pieces

    def close(self) -> None:
        """See `Backend.close`; takes about two seconds at most."""
        self._waiting.clear()
        self._done.clear()
        self._end(list(self._workers))
        self._workshop.close()
        self._selector.close()

    # ------------------------------------------------------------------------------------------- handing out

    def _hand_out(self) -> None:
        """Give idle workers something to do, and start as many as there is work for."""
        for worker in [worker for worker in self._workers if worker.ready and worker.piece is None]:
            if not self._waiting:
                return
            if worker.process.poll() is not None:  # it died of what it did before: no design's fault
                self._end([worker])
                continue
            worker.begin(self._next_part())
            self._listen(worker)
        if self._waiting:
            starting = sum(not worker.ready for worker in self._workers)
            wanted = min(sum(map(len, self._waiting)) - starting, self.capacity - len(self._workers))
            for _ in range(wanted):
                worker = self._workshop.start()
                self._workers.append(worker)
                self._selector.register(worker.channel, selectors.EVENT_READ, worker)
                if worker.pidfd >= 0:
                    self._selector.register(worker.pidfd, selectors.EVENT_READ, worker)

    # ------------------------------------------------------------------------------------------- listening

    def _attend(self, until: float) -> None:
        """Wait for what happens next and take note of it."""
        now = time.monotonic()
        until = min(until, now + LONGEST_WAIT_S, *(worker.deadline for worker in self._workers))
        looks = self.options.memory_mb is not None or any(worker.pidfd < 0 for worker in self._workers)
        if looks:
            until = min(until, max(self._look_at, now))
        events = self._selector.select(max(0.0, until - now))
        for worker in {key.data for key, _ in events}:
            worker.channel.flush()
            self._hear(worker)
        now = time.monotonic()
        if now >= until:
            look = looks and now >= self._look_at
            if look:
                self._look_at = now + LOOK_S
            for worker in list(self._workers):
                if look or now >= worker.deadline:
                    self._look(worker)

    def _hear(self, worker: WorkerProcess) -> None:
        while worker in self._workers and (message := worker.heard()) is not None:
            if message[0] == "ready":
                self._some_was_up, self._failed_starts = True, 0
            elif message[0] == "done" and worker.piece is not None:
                self._answered(worker, message[1], message[2])
            elif message[0] == "failed" and worker.piece is not None:
                self._failed(self._free(worker), message[1])
            else:
                self._lost(worker, str(message[1]), unfit=message[0] == "unfit")
            self._listen(worker)

    def _answered(self, worker: WorkerProcess, outcomes: Outcomes, seconds: float) -> None:
        piece = self._free(worker)
        limit = self.options.timeout_s
        if limit is not None and seconds > limit:  # it came before we looked, but too late all the same
            self._failed(piece, worker.took_too_long())
        elif not isinstance(outcomes, Outcomes) or len(outcomes) != len(piece):
            self._failed(piece, "the worker process sent what is no answer")
        else:
            self._part.learn(len(piece), seconds)
            self._done.append(Done(piece.numbers, outcomes, seconds))

    def _look(self, worker: WorkerProcess) -> None:
        self._hear(worker)  # an answer counts, though the limit has passed since
        why = worker.beyond_limits() if worker in self._workers else ""
        if why:
            self._lost(worker, why, unfit=not worker.ready)

    def _lost(self, worker: WorkerProcess, why: str, *, unfit: bool) -> None:
        """Take note of a worker that is gone, or that says that it is unfit to run the problem."""
        piece, was_up = worker.piece, worker.ready
        self._end([worker])
        if piece is not None:
            self._failed(piece, why)
        elif not was_up:
            self._failed_starts += 1
            if (unfit and not self._some_was_up) or self._failed_starts >= FAILED_STARTS:
                raise ProblemError(f"problem {self.problem.name}: a worker process could not start: {why}")

    def _failed(self, piece: Piece, why: str) -> None:
        if len(piece) > 1:  # find the one that did it
            self._waiting.extendleft(piece.take(slice(i, i + 1)) for i in reversed(range(len(piece))))
        else:
            outcomes = Outcomes.without_metrics(self.problem.metric_names, [why], FAILED)
            self._done.append(Done(piece.numbers, outcomes))

    def _free(self, worker: WorkerProcess) -> Piece:
        piece, worker.piece, worker.deadline = worker.piece, None, math.inf
        assert piece is not None
        return piece

    def _end(self, workers: list[WorkerProcess]) -> None:
        for worker in workers:
            self._workers.remove(worker)
            self._selector.unregister(worker.channel)
            if worker.pidfd >= 0:
                self._selector.unregister(worker.pidfd)
        self._workshop.end(workers)

    def _listen(self, worker: WorkerProcess) -> None:
        """Hear also when there is room again for what the worker was not sent yet."""
        if worker in self._workers:
            events = selectors.EVENT_READ | (selectors.EVENT_WRITE if worker.channel.unsent else 0)
            if self._selector.get_key(worker.channel).events != events:
                self._selector.modify(worker.channel, events, worker)
