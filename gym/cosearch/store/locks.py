"""Who may write to a study: one lock for each, which ends with the process that holds it.

Beside an SQLite file it is a file that only exists while it is held (or until the next look, after a kill).
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator
from pathlib import Path

import sqlalchemy as sa

from cosearch.errors import StoreError, StudyLockedError
from cosearch.store import server
from cosearch.store.database import Session

PATIENCE_S = 0.3  # listing studies holds a lock for a moment
POLL_S = 0.02

_held: set[int] = set()


def _close_in_child() -> None:
    """A forked worker that outlives this process must not keep its locks."""
    for descriptor in _held:
        with contextlib.suppress(OSError):
            os.close(descriptor)
    _held.clear()


os.register_at_fork(after_in_child=_close_in_child)


@contextlib.contextmanager
def lock_study(engine: sa.Engine, location: str, study_id: int, name: str) -> Iterator[None]:
    """Hold a study for writing until the block, or the process, ends.

    Raises:
        StudyLockedError: if it is held already.
    """
    busy = locked_error(location, name)
    if engine.dialect.name == "postgresql":
        with contextlib.closing(Session(engine)) as session:
            server.hold(session, study_id, busy)
            try:
                yield
            finally:
                server.let_go(session, study_id)
    elif not _is_file(engine):
        yield
    else:
        path = _path(location, study_id)
        deadline = time.monotonic() + PATIENCE_S
        while (descriptor := _acquire(path, location)) is None:
            if time.monotonic() > deadline:
                raise busy
            time.sleep(POLL_S)
        try:
            yield
        finally:
            _release(path, descriptor)


def is_locked(engine: sa.Engine, location: str, study_id: int) -> bool:
    """Whether a process is writing to this study now."""
    if engine.dialect.name == "postgresql":
        with contextlib.closing(Session(engine)) as session:
            try:
                server.hold(session, study_id, locked_error(location, ""), patience_s=0.0)
            except StudyLockedError:
                return True
            server.let_go(session, study_id)
            return False
    if not _is_file(engine):
        return True  # in memory: it can only be this process
    path = _path(location, study_id)
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError:
        return False
    if not _try(descriptor):
        os.close(descriptor)
        return True
    _release(path, descriptor)  # a kill left it
    return False


def locked_error(location: str, name: str) -> StudyLockedError:
    """The error that says that somebody else writes to a study."""
    return StudyLockedError(
        f"study {name!r} in {location} is being written by another process; wait for it or stop it"
    )


def put_note(location: str, study_id: int, text: str) -> None:
    """Write into the file of a lock that this process holds; it goes with the lock.

    Raises:
        OSError: if the lock has no file any more, or the disk has no room.
    """
    descriptor = os.open(_path(location, study_id), os.O_WRONLY | os.O_TRUNC | os.O_CLOEXEC)
    try:
        os.write(descriptor, text.encode())
    finally:
        os.close(descriptor)


def get_note(location: str, study_id: int) -> str:
    """What stands in the file of a lock; nothing where nobody holds it."""
    try:
        return _path(location, study_id).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _acquire(path: Path, location: str) -> int | None:
    """The descriptor of the lock, None if another holds it."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise StoreError(f"cannot write to {location}: {error.strerror}") from None
    if _try(descriptor) and _is_at(path, descriptor):
        _held.add(descriptor)
        return descriptor
    os.close(descriptor)  # held, or the one who released it has removed the file since we opened it
    return None


def _release(path: Path, descriptor: int) -> None:
    """Remove the file while it is still held, so that nobody can hold a file that is gone."""
    with contextlib.suppress(OSError):
        if _is_at(path, descriptor):
            path.unlink()
    _held.discard(descriptor)
    with contextlib.suppress(OSError):
        os.close(descriptor)


def _try(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _is_at(path: Path, descriptor: int) -> bool:
    try:
        there, ours = path.stat(), os.fstat(descriptor)
    except OSError:
        return False
    return (there.st_dev, there.st_ino) == (ours.st_dev, ours.st_ino)


def _is_file(engine: sa.Engine) -> bool:
    return engine.dialect.name == "sqlite" and bool(engine.url.database)


def _path(location: str, study_id: int) -> Path:
    return Path(f"{Path(location).resolve()}.{study_id}.lock")
