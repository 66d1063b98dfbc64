"""One thread for a library's own loops: threads that wait for each other on a busy machine take minutes."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """Hold BLAS and OpenMP to one thread."""
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):
        yield
