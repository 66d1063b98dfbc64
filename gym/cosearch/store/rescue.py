"""Saving a store that was deleted or replaced while a study wrote to it: the open connection has it all."""

from __future__ import annotations

import contextlib
import shlex
import sqlite3
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from cosearch.store.blocks import Block

if TYPE_CHECKING:
    from cosearch.store.writer import StudyWriter


def rescue(path: Path, writer: StudyWriter, block: Block | None) -> str:
    """Copy the store into a new file beside `path`, with a block that it lacks; what to tell the user."""
    name = writer.record.name
    lost = f"{path} was deleted or replaced while study {name!r} ran"
    try:
        found = _copy(path, writer, block)
    except (OSError, sqlite3.Error):
        try:
            folder = Path(tempfile.mkdtemp(prefix="cosearch-"))  # 0700
            found = _copy(folder / path.name, writer, block)
        except (OSError, sqlite3.Error) as error:
            return f"{lost}, and it could not be copied to another file: {error}"
    command = shlex.join(["cosearch", "resume", str(found), name])
    return f"{lost}; all that it held is in {found}: go on with `{command}`"


def _copy(beside: Path, writer: StudyWriter, block: Block | None) -> Path:
    path = _free(beside)
    try:
        with contextlib.closing(sqlite3.connect(path)) as copy:
            copy.execute("PRAGMA synchronous=FULL")
            writer.copy_to(copy, block)
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
