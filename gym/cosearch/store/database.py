"""What differs between databases: opening an SQLite file, locks, and what their errors mean to a user."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import filelock
import sqlalchemy as sa

from cosearch.errors import StoreError, StudyLockedError

SQLITE_MAGIC = b"SQLite format 3\x00"
BUSY_TIMEOUT_S = 30
LOCK_PATIENCE_S = 0.3


def url_engine(url: str) -> sa.Engine:
    """An engine on the database at a SQLAlchemy URL.

    Raises:
        StoreError: if the URL cannot be read, or the driver that it names is not installed.
    """
    try:
        return sa.create_engine(url)
    except (sa.exc.ArgumentError, ModuleNotFoundError) as error:
        kind = url.partition("://")[0]  # the rest may hold a password
        raise StoreError(
            f"cannot open a {kind} database: {error}; expected a path, or a URL such as "
            "postgresql+psycopg://host/base (pip install 'cosearch[postgresql]')"
        ) from None


def sqlite_engine(path: Path, *, create: bool) -> sa.Engine:
    """An engine on an SQLite file, which is only read where it or its folder cannot be written.

    Raises:
        StoreError: if there is no such file and none is to be made, or it is something else.
    """
    if path.is_dir():
        raise StoreError(f"{path} is a folder, not a cosearch store")
    if not path.exists() and not create:
        raise StoreError(f"there is no store at {path}")
    if not path.parent.exists():
        raise StoreError(f"cannot create {path}: there is no folder {path.parent}")
    url = sa.URL.create("sqlite", database=str(path))
    if path.exists():
        try:
            with path.open("rb") as file:
                beginning = file.read(len(SQLITE_MAGIC))
        except OSError as error:
            raise StoreError(f"cannot open {path}: {error.strerror}") from None
        if beginning not in (b"", SQLITE_MAGIC):
            raise StoreError(f"{path} is not a cosearch store (not an SQLite database)")
        if not (os.access(path, os.W_OK) and os.access(path.parent, os.W_OK)):
            # On read-only media SQLite cannot make the side files of a WAL, but it can read without them.
            wal = path.with_name(path.name + "-wal")
            query = {"mode": "ro", "uri": "true"} | ({} if wal.exists() else {"immutable": "1"})
            url = sa.URL.create("sqlite", database=f"file:{quote(str(path.resolve()))}", query=query)
    engine = sa.create_engine(url, connect_args={"timeout": BUSY_TIMEOUT_S})

    @sa.event.listens_for(engine, "connect")
    def _set_pragmas(connection: Any, _: Any) -> None:
        cursor = connection.cursor()
        cursor.execute("PRAGMA synchronous=FULL")
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.close()

    return engine


@contextlib.contextmanager
def database_errors(action: str, location: str) -> Iterator[None]:
    """Turn a database's errors into one line that says what to do."""
    try:
        yield
    except sa.exc.StatementError as error:
        raise StoreError(f"cannot {action} {location}: {_advice(str(error.orig), location)}") from None


def _advice(message: str, location: str) -> str:
    text = message.splitlines()[0] if message else "unknown database error"
    if "not a database" in text or "malformed" in text:
        return f"it is not a cosearch store, or it is damaged ({text})"
    if "disk is full" in text or "disk I/O error" in text:
        folder = Path(location).resolve().parent
        free_mb = shutil.disk_usage(folder).free // 2**20 if folder.exists() else 0
        return f"{text} ({free_mb} MB free); make room, then resume: what was stored is intact"
    if "readonly" in text or "read-only" in text or "unable to open database" in text:
        return f"it cannot be written ({text}); make it writable, or choose another store"
    if "locked" in text:
        return "another process holds the database; wait for it or stop it"
    return text


@contextlib.contextmanager
def lock_study(engine: sa.Engine, location: str, study_id: int, name: str) -> Iterator[None]:
    """Hold a study for writing until the block, or the process, ends.

    Raises:
        StudyLockedError: if it is held already.
    """
    busy = StudyLockedError(
        f"study {name!r} in {location} is being written by another process; wait for it or stop it"
    )
    if engine.dialect.name == "postgresql":
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            if not connection.execute(sa.select(sa.func.pg_try_advisory_lock(_lock_key(study_id)))).scalar():
                raise busy
            try:
                yield
            finally:
                connection.execute(sa.select(sa.func.pg_advisory_unlock(_lock_key(study_id))))
    elif _is_file(engine):
        lock = filelock.FileLock(_lock_path(location, study_id))
        try:
            lock.acquire(timeout=LOCK_PATIENCE_S, poll_interval=0.02)  # listing studies holds it for a moment
        except filelock.Timeout:
            raise busy from None
        except OSError as error:
            raise StoreError(f"cannot write to {location}: {error.strerror}") from None
        try:
            yield
        finally:
            lock.release()
    else:
        yield


def is_locked(engine: sa.Engine, location: str, study_id: int) -> bool:
    """Whether a process is writing to this study now."""
    if engine.dialect.name == "postgresql":
        with engine.connect() as connection:
            free = connection.execute(sa.select(sa.func.pg_try_advisory_lock(_lock_key(study_id)))).scalar()
            if free:
                connection.execute(sa.select(sa.func.pg_advisory_unlock(_lock_key(study_id))))
            return not free
    if not _is_file(engine):
        return True  # in memory: it can only be this process
    if not _lock_path(location, study_id).exists():
        return False
    try:
        with filelock.FileLock(_lock_path(location, study_id), blocking=False):
            return False
    except filelock.Timeout:
        return True
    except OSError:
        return False


def _is_file(engine: sa.Engine) -> bool:
    return engine.dialect.name == "sqlite" and bool(engine.url.database)


def _lock_path(location: str, study_id: int) -> Path:
    return Path(f"{Path(location).resolve()}.{study_id}.lock")


def _lock_key(study_id: int) -> sa.ColumnElement[int]:
    return sa.func.hashtext(f"cosearch-study-{study_id}")
