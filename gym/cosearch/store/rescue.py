"""Saving a store that was deleted or replaced while a study wrote to it: the open connection has it all."""

from __future__ import annotations

import contextlib
import shlex
import sqlite3
import tempfile
from collections.abc import Callable
from pathlib import Path

CopyTo = Callable[[sqlite3.Connection], None]


def rescue(path: Path, study: str, copy_to: CopyTo) -> str:
    """Copy the store into a new file beside `path`; what to tell the user."""
    lost = f"{path} was deleted or replaced while study {study!r} ran"
    try:
        found = _copy(path, copy_to)
    except (OSError, sqlite3.Error):
        try:
            folder = Path(tempfile.mkdtemp(prefix="cosearch-"))  # 0700
            found = _copy(folder / path.name, copy_to)
        except (OSError, sqlite3.Error) as error:
            return f"{lost}, and it could not be copied to another file: {error}"
    command = shlex.join(["cosearch", "resume", str(found), study])
    return f"{lost}; all that it held is in {found}: go on with `{command}`"


def _copy(beside: Path, copy_to: CopyTo) -> Path:
    path = _free(beside)
    try:
        with contextlib.closing(sqlite3.connect(path)) as copy:
            copy.execute("PRAGMA synchronous=FULL")
            copy_to(copy)
    except BaseException:
        for suffix in ("", "-wal", "-shm", "-journal"):
            with contextlib.suppress(OSError):
                Path(f"{path}{suffix}").unlink()
        raise
    return path


def _free(beside: Path) -> Path:
    """Make the first `study.rescued-N.db` that is not there yet."""
    number = 1
    while True:
        path = beside.with_name(f"{beside.stem}.rescued-{number}{beside.suffix}")
        try:
            path.touch(exist_ok=False)
        except FileExistsError:
            number += 1
        else:
            return path
