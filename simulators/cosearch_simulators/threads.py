"""How many threads a simulator uses where its caller leaves it open."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Iterator
from contextlib import contextmanager

from cosearch_simulators.errors import ConfigurationError


def threads_of(threads: int | None) -> int:
    """The number asked for; None: as many as cores that this process may use.

    A worker process (of `multiprocessing`) has siblings on the other cores, so for it None is one thread; and
    OMP_NUM_THREADS, which whoever starts several workers sets, is a limit.

    Raises:
        ConfigurationError: it is no whole number of at least 1.
    """
    if threads is None:
        return 1 if multiprocessing.parent_process() is not None else _allowed_threads()
    if isinstance(threads, bool) or not hasattr(threads, "__index__"):
        raise ConfigurationError(f"threads must be a whole number of at least 1, got {threads!r}")
    if threads < 1:
        raise ConfigurationError(f"threads must be at least 1, got {threads}")
    return int(threads)


def _allowed_threads() -> int:
    limit = os.environ.get("OMP_NUM_THREADS", "")
    return min(max(1, int(limit)), usable_cores()) if limit.isdecimal() else usable_cores()


def usable_cores() -> int:
    """The cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):  # not on macOS and Windows
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@contextmanager
def one_torch_thread() -> Iterator[None]:
    """PyTorch on one thread: small networks are faster so, and numbers do not depend on the cores."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
