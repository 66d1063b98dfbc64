"""Keeps stdout for the command's own answer: whatever else is printed goes to stderr.

Python prints through `sys.stdout`; C code and processes that a plugin starts write to file descriptor 1. So
the answer goes to a copy of that descriptor, which nobody else knows, and 1 is stderr.
"""

from __future__ import annotations

import contextlib
import errno
import os
import sys
from collections.abc import Iterator
from typing import TextIO

STDOUT, STDERR = 1, 2


@contextlib.contextmanager
def descriptor_is_stderr() -> Iterator[None]:
    """Let file descriptor 1 be stderr while this lasts."""
    kept = _point_at_stderr()
    try:
        yield
    finally:
        _point_back(kept)


@contextlib.contextmanager
def own_stdout() -> Iterator[None]:
    """Let `sys.stdout` be the only way to stdout; what C code writes goes to stderr.

    It stays so to the end of the process, as plugins may print while it ends; but where somebody captures
    what is printed, as tests do, it is undone.
    """
    captured = sys.stdout is not sys.__stdout__
    kept = _point_at_stderr()
    if captured:
        try:
            yield
        finally:
            _point_back(kept)
        return
    own = sys.stdout = _stream(kept, sys.stdout)
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            flush(own)
        sys.stdout = sys.stderr


def flush(stream: TextIO) -> None:
    """Write out what the stream holds; that its reader has gone is no error.

    Raises:
        OSError: if it cannot be written for another reason, e.g. a full disk.
    """
    try:
        stream.flush()
    except OSError as error:
        with contextlib.suppress(
            OSError, ValueError
        ):  # else what it holds is tried again when the process ends
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, stream.fileno())
            os.close(null)
        if error.errno != errno.EPIPE:
            raise


def _stream(descriptor: int | None, like: TextIO | None) -> TextIO:
    if descriptor is None or like is None:  # stdout is closed
        return open(os.devnull, "w", encoding="utf-8")
    buffering = 1 if os.isatty(descriptor) else -1
    return open(descriptor, "w", buffering, like.encoding, like.errors, closefd=False)


def _point_at_stderr() -> int | None:
    """Let descriptor 1 be stderr; returns a copy of what it was, None if it was closed."""
    _flush_all()
    try:
        kept = os.dup(STDOUT)
    except OSError:
        kept = None
    try:
        os.dup2(STDERR, STDOUT)
    except OSError:  # stderr is closed
        null = os.open(os.devnull, os.O_WRONLY)
        if null != STDOUT:
            os.dup2(null, STDOUT)
            os.close(null)
    return kept


def _point_back(kept: int | None) -> None:
    _flush_all()
    if kept is None:
        os.close(STDOUT)
    else:
        os.dup2(kept, STDOUT)
        os.close(kept)


def _flush_all() -> None:
    """Write out what Python and C still hold for descriptor 1."""
    with contextlib.suppress(Exception):
        sys.stdout.flush()
    with contextlib.suppress(Exception):  # not every system has a C library to ask
        import ctypes

        ctypes.CDLL(None).fflush(None)
