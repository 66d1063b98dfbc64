"""Where evaluations run: in this process, or in worker processes that may crash, hang or eat memory.

An executor takes a batch and yields its outcomes in pieces, as they are done, so that what is evaluated can
be stored before the rest of the batch is.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, wait
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

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
    """Evaluates each design in one of several worker processes, under a time and a memory limit.

    A worker that crashes, is killed or runs out of time or memory fails the design that it was running, with
    the reason, and is replaced.
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
        import multiprocessing

        from pebble import ProcessPool

        self.problem, self.workers, self.timeout_s, self.memory_mb = problem, workers, timeout_s, memory_mb
        # Without limits and without a risk of crashing, several designs share one trip to a worker.
        self.one_by_one = problem.isolated or timeout_s is not None or memory_mb is not None
        self._pool = ProcessPool(
            max_workers=workers,
            initializer=_start_worker,
            initargs=(problem, fidelity, seed, memory_mb),
            context=multiprocessing.get_context("spawn"),
        )

    def run(self, designs: Designs) -> Iterator[tuple[Rows, Outcomes]]:
        """See `Executor.run`."""
        size = 1 if self.one_by_one else max(1, min(FIRST_PIECE, -(-len(designs) // self.workers)))
        pieces = [np.arange(i, min(i + size, len(designs))) for i in range(0, len(designs), size)]
        waiting = {self._submit(designs, rows): rows for rows in pieces}
        while waiting:
            done, _ = wait(waiting, return_when=FIRST_COMPLETED)
            for future in done:
                rows = waiting.pop(future)
                reason = self._why_failed(future)
                if not reason:
                    yield rows, future.result()
                elif len(rows) == 1:
                    yield rows, Outcomes.without_metrics(self.problem.metric_names, [reason], FAILED)
                else:  # find the one that did it
                    waiting |= {
                        self._submit(designs, rows[i : i + 1]): rows[i : i + 1] for i in range(len(rows))
                    }

    def _submit(self, designs: Designs, rows: Rows) -> Any:
        return self._pool.schedule(_evaluate, args=[designs[rows].index], timeout=self.timeout_s)

    def _why_failed(self, future: Any) -> str:
        from pebble import ProcessExpired

        error = future.exception()
        if error is None:
            return ""
        if isinstance(error, TimeoutError):
            return f"took longer than {self.timeout_s:g} s"
        if isinstance(error, ProcessExpired):
            return f"the worker process died (exit code {error.exitcode})"
        if isinstance(error, MemoryError):
            return (
                f"needed more than {self.memory_mb} MB of memory" if self.memory_mb else "ran out of memory"
            )
        raise error

    def close(self) -> None:
        """Stop the workers, whatever they are doing."""
        self._pool.stop()
        self._pool.join()


# The problem of this worker process; set once by `_start_worker`.
_worker: dict[str, Any] = {}


def _start_worker(problem: Problem, fidelity: str | None, seed: int, memory_mb: int | None) -> None:
    if memory_mb is not None:
        import resource

        # The interpreter and its libraries are not the simulator's: the limit comes on top of them.
        with open("/proc/self/statm") as statm:
            mapped_bytes = int(statm.read().split()[0]) * resource.getpagesize()
        limit_bytes = mapped_bytes + memory_mb * 1024 * 1024
        resource.setrlimit(resource.RLIMIT_AS, (limit_bytes, limit_bytes))
    _worker.update(problem=problem, fidelity=fidelity, seed=seed)


def _evaluate(index: NDArray[np.int64]) -> Outcomes:
    problem: Problem = _worker["problem"]
    return problem.evaluate(
        problem.space.from_index(index), fidelity=_worker["fidelity"], seed=_worker["seed"]
    )


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
