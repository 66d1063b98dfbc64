"""Getting what was committed onto the disk, and noticing that its file is not there any more.

SQLite writes a commit into the WAL and leaves it to the system when that reaches the disk: a process that is
killed loses nothing, a machine that loses power might. So the WAL is flushed here: at once where the last
flush is longer ago than `INTERVAL_S`, else by a thread within that time.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from pathlib import Path

from cosearch.errors import StoreError

INTERVAL_S = 0.1
_EARLY_S = 0.02  # a flush takes time itself


class WalFile:
    """The WAL of an SQLite file that is open for writing.

    Args:
        path: of the SQLite file; its WAL exists.

    Raises:
        StoreError: if it cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        self._path, self._wal = str(path), f"{path}-wal"
        self._error: OSError | None = None
        try:
            self._descriptor = os.open(self._wal, os.O_RDONLY | os.O_CLOEXEC)
            self._store_identity = _identity(os.stat(self._path))
        except OSError as error:
            raise StoreError(f"cannot write to {path}: {error.strerror}") from None
        self._wal_identity = _identity(os.fstat(self._descriptor))
        _flush_folder(path.parent)
        self._flushed_at = time.monotonic()
        self._dirty_since: float | None = None
        self._closed = False
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._thread = threading.Thread(target=self._flush_late, name="cosearch-flush", daemon=True)
        self._thread.start()

    def is_there(self) -> bool:
        """Whether the paths still lead to the files that are written."""
        try:
            return (
                _identity(os.stat(self._path)) == self._store_identity
                and _identity(os.stat(self._wal)) == self._wal_identity
            )
        except OSError:
            return False

    def committed(self) -> None:
        """Note a commit; what is not flushed before this returns is so within `INTERVAL_S`.

        Raises:
            OSError: if a flush failed.
        """
        now = time.monotonic()
        if now - self._flushed_at > INTERVAL_S:
            self.flush()
            return
        if self._error is not None:
            raise self._error
        if self._dirty_since is None:
            self._dirty_since = now
            self._wake.set()

    def flush(self) -> None:
        """Put all that was committed on the disk.

        Raises:
            OSError: if that failed.
        """
        with self._lock:
            if self._closed:
                return
            self._dirty_since = None
            os.fsync(self._descriptor)
            self._flushed_at = time.monotonic()

    def close(self) -> None:
        """End the thread; flushes nothing."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
        self._wake.set()
        self._thread.join()
        os.close(self._descriptor)

    def _flush_late(self) -> None:
        while True:
            self._wake.wait()
            self._wake.clear()
            while (since := self._dirty_since) is not None and not self._closed:
                wait_s = since + INTERVAL_S - _EARLY_S - time.monotonic()
                if wait_s > 0:
                    time.sleep(min(wait_s, 0.02))  # short, because `close` waits for this thread
                    continue
                try:
                    self.flush()
                except OSError as error:
                    self._error = error
                    break
            if self._closed:
                return


class NoWal:
    """Stands in where a commit needs nothing more: PostgreSQL, a store in memory, SQLite without a WAL."""

    def is_there(self) -> bool:
        """Always."""
        return True

    def committed(self) -> None:
        """Nothing to do."""

    def flush(self) -> None:
        """Nothing to do."""

    def close(self) -> None:
        """Nothing to do."""


def _identity(found: os.stat_result) -> tuple[int, int]:
    return found.st_dev, found.st_ino


def _flush_folder(folder: Path) -> None:
    """A file that was just made could vanish from its folder when power fails."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
