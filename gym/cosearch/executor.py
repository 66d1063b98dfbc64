"""Where evaluations run: in this process, or in worker processes that may crash, hang or eat memory.

An executor takes a batch and yields its outcomes in pieces, as they are done, so that what is evaluated can
be stored before the rest of the batch is.
"""

from __future__ import annotations

import contextlib
import math
import multiprocessing
import multiprocessing.connection
import os
import pickle
import threading
import time
from collections import deque
from collections.abc import Iterator
from multiprocessing.connection import Connection
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from cosearch.errors import CosearchError, ProblemError
from cosearch.outcomes import FAILED, Outcomes
from cosearch.problem import Problem
from cosearch.space import Designs

Rows = NDArray[np.int64]

# A piece that is lost with the process costs at most about this much simulator time.
PIECE_SECONDS = 1.0
FIRST_PIECE = 16


class Executor(Protocol):
    """Evaluates a batch, piece by piece."""

    def run(self, designs: Designs) -> Iterator[tuple[Rows, Outcomes]]:
        """Yield (rows, outcomes of these rows) until every design of the batch has been evaluated."""
        ...

    def close(self) -> None:
        """End the workers."""
        ...


class InProcessExecutor:
    """Evaluates in this process, in pieces that take about a second."""

    def __init__(self, problem: Problem, *, fidelity: str | None = None, seed: int = 0) -> None:
        self.problem, self.fidelity, self.seed = problem, fidelity, seed
        self._piece = FIRST_PIECE

    def run(self, designs: Designs) -> Iterator[tuple[Rows, Outcomes]]:
        """See `Executor.run`."""
        start = 0
        while start < len(designs):
            rows = np.arange(start, min(start + self._piece, len(designs)))
            began = time.perf_counter()
            yield rows, self.problem.evaluate(designs[rows], fidelity=self.fidelity, seed=self.seed)
            growth = PIECE_SECONDS / max(time.perf_counter() - began, 1e-6)
            self._piece = max(1, int(len(rows) * min(max(growth, 0.25), 4.0)))
            start = int(rows[-1]) + 1

    def close(self) -> None:
        """Nothing to end."""


class ProcessExecutor:
    """Evaluates designs in worker processes, under a time and a memory limit a design.

    A worker that crashes, is killed or runs out of time or memory fails the design that it was running, with
    the reason, and is replaced. (The pools of the standard library, loky and pebble break or wait for ever
    when a worker dies before it has reported that it began.)
    """

    def __init__(
        self,
        problem: Problem,
        *,
        workers: int = 1,
        fidelity: str | None = None,
        seed: int = 0,
        timeout_s: float | None = None,
        memory_mb: int | None = None,
    ) -> None:
        self.problem, self.timeout_s = problem, timeout_s
        # Without limits and without a risk of crashing, several designs share one trip to a worker.
        self.one_by_one = problem.isolated or timeout_s is not None or memory_mb is not None
        self._arguments = (problem, fidelity, seed, memory_mb)
        self._workers: list[_Worker | None] = [None] * workers

    def run(self, designs: Designs) -> Iterator[tuple[Rows, Outcomes]]:
        """See `Executor.run`."""
        size = 1 if self.one_by_one else max(1, min(FIRST_PIECE, -(-len(designs) // len(self._workers))))
        waiting = deque(np.arange(i, min(i + size, len(designs))) for i in range(0, len(designs), size))
        busy: dict[_Worker, Rows] = {}
        try:
            while waiting or busy:
                self._hand_out(designs, waiting, busy)
                for worker in self._wait(busy):
                    rows = busy.pop(worker)
                    answer = worker.answer(self.timeout_s)
                    if isinstance(answer, Outcomes):
                        yield rows, answer
                    elif isinstance(answer, BaseException):
                        raise answer
                    elif len(rows) > 1:  # find the one that did it
                        waiting.extendleft(rows[i : i + 1] for i in reversed(range(len(rows))))
                    else:
                        yield rows, Outcomes.without_metrics(self.problem.metric_names, [answer], FAILED)
        finally:
            for worker in busy:
                worker.kill()

    def _hand_out(self, designs: Designs, waiting: deque[Rows], busy: dict[_Worker, Rows]) -> None:
        for slot, worker in enumerate(self._workers):
            if not waiting:
                return
            if worker is None or not (worker.alive and worker.process.is_alive()):
                worker = self._workers[slot] = _Worker(self._arguments)
            if worker not in busy:
                rows = waiting.popleft()
                worker.begin(designs[rows].index, self.timeout_s)
                busy[worker] = rows

    def _wait(self, busy: dict[_Worker, Rows]) -> list[_Worker]:
        """The workers that have answered, died or run out of time."""
        while True:
            deadline = min(worker.deadline for worker in busy)
            timeout = None if deadline == math.inf else max(0.0, deadline - time.monotonic())
            multiprocessing.connection.wait([worker.connection for worker in busy], timeout)
            done = [worker for worker in busy if worker.done()]
            if done:
                return done

    def close(self) -> None:
        """Stop the workers, whatever they are doing."""
        for worker in self._workers:
            if worker is not None:
                worker.kill()


class _Worker:
    """One worker process and the pipe to it."""

    def __init__(self, arguments: tuple[Any, ...]) -> None:
        context = multiprocessing.get_context("spawn")
        self.connection, theirs = context.Pipe()
        self.process = context.Process(target=_work, args=(theirs, *arguments), daemon=True)
        try:
            self.process.start()
        except (AttributeError, TypeError, pickle.PicklingError) as error:
            raise ProblemError(
                f"problem {arguments[0].name} cannot be sent to a worker process: {error}"
            ) from None
        theirs.close()  # so that the death of the process ends the pipe
        self.alive = True
        self.deadline = math.inf
        self._task: tuple[NDArray[np.int64], float | None] | None = None
        self._ready = False

    def begin(self, index: NDArray[np.int64], timeout_s: float | None) -> None:
        """Start on designs as soon as the process is up; the time limit counts from then."""
        self._task = (index, timeout_s)
        if self._ready:
            self._send()

    def _send(self) -> None:
        assert self._task is not None
        index, timeout_s = self._task
        self.deadline = math.inf if timeout_s is None else time.monotonic() + timeout_s
        with contextlib.suppress(OSError):  # it died; the pipe's end will tell
            self.connection.send(index)

    def done(self) -> bool:
        """Whether there is an answer, or never will be."""
        if self.connection.poll():
            if self._ready:
                return True
            try:
                self.connection.recv()
            except (EOFError, OSError):
                code = self._bury()
                raise ProblemError(f"a worker process could not start (exit code {code})") from None
            self._ready = True
            self._send()
        return time.monotonic() >= self.deadline

    def answer(self, timeout_s: float | None) -> Outcomes | BaseException | str:
        """The outcomes, an error that is the author's, or why the worker failed."""
        self.deadline = math.inf
        if not self.connection.poll():
            self.kill()
            return f"took longer than {timeout_s:g} s"
        try:
            received: Outcomes | BaseException = self.connection.recv()
            return received
        except (EOFError, OSError):
            return f"the worker process died (exit code {self._bury()})"

    def _bury(self) -> int | None:
        self.alive = False
        self.process.join()
        self.connection.close()
        return self.process.exitcode

    def kill(self) -> None:
        """End the process, whatever it is doing."""
        if self.alive:
            self.process.kill()
            self._bury()


def _work(
    connection: Connection, problem: Problem, fidelity: str | None, seed: int, memory_mb: int | None
) -> None:
    """What a worker process does until its pipe ends."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    if memory_mb is not None:
        _limit_memory(memory_mb)
    with contextlib.suppress(EOFError, OSError, KeyboardInterrupt):
        connection.send("ready")
        while True:
            designs = problem.space.from_index(connection.recv())
            try:
                connection.send(problem.evaluate(designs, fidelity=fidelity, seed=seed))
            except CosearchError as error:
                connection.send(error)


def _end_with_parent() -> None:
    """A worker whose study was killed must not go on."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        multiprocessing.connection.wait([parent.sentinel])
        os._exit(1)


def _limit_memory(memory_mb: int) -> None:
    import resource

    # The interpreter and its libraries are not the simulator's: the limit comes on top of them.
    with open("/proc/self/statm") as statm:
        mapped_bytes = int(statm.read().split()[0]) * resource.getpagesize()
    limit_bytes = mapped_bytes + memory_mb * 1024 * 1024
    resource.setrlimit(resource.RLIMIT_AS, (limit_bytes, limit_bytes))


def make_executor(
    problem: Problem,
    *,
    workers: int = 1,
    fidelity: str | None = None,
    seed: int = 0,
    timeout_s: float | None = None,
    memory_mb: int | None = None,
) -> Executor:
    """In this process where that is safe and enough, else worker processes."""
    if workers <= 1 and timeout_s is None and memory_mb is None and not problem.isolated:
        return InProcessExecutor(problem, fidelity=fidelity, seed=seed)
    return ProcessExecutor(
        problem,
        workers=max(1, workers),
        fidelity=fidelity,
        seed=seed,
        timeout_s=timeout_s,
        memory_mb=memory_mb,
    )
