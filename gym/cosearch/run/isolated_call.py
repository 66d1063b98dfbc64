"""One call of a function on a problem in a worker process: for what may crash or hang and is no trial."""

from __future__ import annotations

import contextlib
import selectors
import time
from collections.abc import Callable
from typing import Any

from cosearch.errors import ProblemError
from cosearch.problem import Problem
from cosearch.run.backend import BackendOptions
from cosearch.run.worker_process import WorkerProcess, Workshop

LOOK_S = 0.1


def call_isolated(
    problem: Problem, function: Callable[..., Any], *arguments: Any, timeout_s: float | None = None
) -> Any:
    """What `function(problem, *arguments)` returns in a process of its own, which ends with it.

    Raises:
        ProblemError: why it returned nothing: what it raised, a crash, the time limit.
    """
    workshop = Workshop(problem, BackendOptions(isolated=True, timeout_s=timeout_s))
    with contextlib.closing(workshop):
        worker = workshop.start()
        try:
            while True:
                message = worker.heard()
                if message is not None and message[0] == "ready":
                    worker.call(function, arguments)
                elif message is not None and message[0] == "done":
                    return message[1]
                elif why := worker.beyond_limits() if message is None else str(message[1]):
                    raise ProblemError(why)
                else:
                    _wait(worker)
        finally:
            workshop.end([worker])


def _wait(worker: WorkerProcess) -> None:
    """Until the worker says or needs something, or a moment has passed."""
    with selectors.DefaultSelector() as selector:
        events = selectors.EVENT_READ | (selectors.EVENT_WRITE if worker.channel.unsent else 0)
        selector.register(worker.channel, events)
        if worker.pidfd >= 0:
            selector.register(worker.pidfd, selectors.EVENT_READ)
        selector.select(max(0.0, min(LOOK_S, worker.deadline - time.monotonic())))
    worker.channel.flush()
