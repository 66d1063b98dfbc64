"""What differs between databases: opening an SQLite file, transactions, what their errors mean to a user."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import sqlite3
import stat
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import sqlalchemy as sa

from cosearch.errors import StoreError

BUSY_TIMEOUT_S = 30
# A server that is silent for longer than this counts as gone: it, or the way to it.
SILENCE = {
    "connect_timeout": 10,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 25_000,
}
# What PostgreSQL says when it shuts down, has crashed, or is not up yet; and its class of lost connections.
GONE, GONE_CLASS = ("57P01", "57P02", "57P03", "57P05"), "08"


class ServerGoneError(StoreError):
    """A store's server that does not answer, or closed the connection."""


class Database:
    """A database at its place: what a store and the writers of its studies share.

    Attributes:
        location: as the user named it, without a password.
        path: of the SQLite file, None for another kind of store.
        engine: SQLAlchemy's.
        guard: held during every use of a connection that threads share.
    """

    def __init__(self, engine: sa.Engine, location: str, path: Path | None = None) -> None:
        self.engine, self.location, self.path = engine, location, path
        self.guard: contextlib.AbstractContextManager[Any] = contextlib.nullcontext()

    def errors(self, action: str) -> contextlib.AbstractContextManager[None]:
        """Turns a database's errors into a `StoreError`."""
        return database_errors(action, self.location, self.engine)

    @contextlib.contextmanager
    def reading(self) -> Iterator[Session]:
        """A session to read in, whose errors say that the store cannot be read."""
        with self.errors("read"), self.guard, contextlib.closing(Session(self.engine)) as session:
            yield session


def url_engine(url: str) -> sa.Engine:
    """An engine on the database at a SQLAlchemy URL.

    Raises:
        StoreError: if the URL cannot be read, or the driver that it names is not installed.
    """
    try:
        silence = (
            SILENCE if sa.make_url(url).drivername in ("postgresql+psycopg", "postgresql+psycopg2") else {}
        )
        # a pooled connection is tried before it is used: the server may have been away
        return sa.create_engine(url, isolation_level="AUTOCOMMIT", pool_pre_ping=True, connect_args=silence)
    except (sa.exc.ArgumentError, ModuleNotFoundError) as error:
        kind = url.partition("://")[0]  # the rest may hold a password
        raise StoreError(
            f"cannot open a {kind} database: {error}; expected a path, or a URL such as "
            "postgresql+psycopg://host/base (pip install 'cosearch[postgresql]')"
        ) from None


def sqlite_engine(path: Path, *, create: bool) -> sa.Engine:
    """An engine on an SQLite file, which is only read where it or its folder cannot be written.

    The file is never opened here: closing it again would drop the locks of every other connection that this
    process has on it, and another process would then delete the WAL of a study that runs.

    Raises:
        StoreError: if there is no such file and none is to be made, or it is something else.
    """
    try:
        found = path.stat()
    except FileNotFoundError:
        found = None
    except (OSError, ValueError) as error:
        raise StoreError(f"cannot open {path}: {getattr(error, 'strerror', error)}") from None
    if found is not None and stat.S_ISDIR(found.st_mode):
        raise StoreError(f"{path} is a folder, not a cosearch store")
    if found is not None and not stat.S_ISREG(found.st_mode):
        raise StoreError(f"{path} is a device, pipe or socket; a cosearch store is a file")
    if found is None and not create:
        raise StoreError(f"there is no store at {path}")
    if found is not None and found.st_size == 0 and not create:
        raise StoreError(
            f"{path} is not a cosearch store: it is empty; if its disk was full when it was made, "
            f"begin the study again with `--store {path}`, which completes it"
        )
    if not path.parent.exists():
        raise StoreError(f"cannot create {path}: there is no folder {path.parent}")
    url = sa.URL.create("sqlite", database=str(path))
    if found is not None:
        if not os.access(path, os.R_OK):
            raise StoreError(f"cannot open {path}: Permission denied")
        if not (os.access(path, os.W_OK) and os.access(path.parent, os.W_OK)):
            # On read-only media SQLite cannot make the side files of a WAL, but it can read without them.
            wal = path.with_name(path.name + "-wal")
            query = {"mode": "ro", "uri": "true"} | ({} if wal.exists() else {"immutable": "1"})
            url = sa.URL.create("sqlite", database=f"file:{quote(str(path.resolve()))}", query=query)
    engine = sa.create_engine(url, connect_args={"timeout": BUSY_TIMEOUT_S}, isolation_level="AUTOCOMMIT")
    sa.event.listen(engine, "connect", _set_up)
    return engine


def memory_engine() -> tuple[sa.Engine, sqlite3.Connection]:
    """An engine on a database in memory, and a connection that keeps it alive.

    SQLAlchemy drops a connection that Ctrl-C interrupts, hence the second one.
    """

    def connect() -> sqlite3.Connection:
        uri = f"file:{name}?mode=memory&cache=shared"
        return sqlite3.connect(uri, uri=True, check_same_thread=False, isolation_level=None)

    name = f"cosearch-{uuid.uuid4().hex}"
    anchor = connect()
    engine = sa.create_engine(
        "sqlite://", poolclass=sa.StaticPool, creator=connect, isolation_level="AUTOCOMMIT"
    )
    return engine, anchor


def _set_up(connection: sqlite3.Connection, _: Any) -> None:
    connection.text_factory = lambda octets: octets.decode(errors="replace")  # damaged text is text
    cursor = connection.cursor()
    cursor.execute("PRAGMA synchronous=NORMAL")  # the writer flushes the WAL itself
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.close()


class Session:
    """A connection with its driver's cursor, for statements that run a thousand times in a second.

    Statements have `?` for their parameters. Outside `transaction` each commits itself.
    """

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        self.connection = engine.connect()
        self._sqlite = engine.dialect.name == "sqlite"
        self._begin = "BEGIN IMMEDIATE" if self._sqlite else "BEGIN"
        self._take()

    def _take(self) -> None:
        raw: Any = self.connection.connection.driver_connection
        self.raw = raw
        self._cursor = raw.cursor()

    def execute(self, statement: str, parameters: Sequence[Any] = ()) -> Any:
        """The driver's cursor after a statement."""
        if not self._sqlite:
            statement = statement.replace("?", "%s")
        return self._cursor.execute(statement, parameters) or self._cursor

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """All that the block writes, or nothing."""
        self.begin()
        try:
            yield
        except BaseException:
            self.roll_back()
            raise
        self.commit()

    def begin(self) -> None:
        """Begin a transaction for writing."""
        self._cursor.execute(self._begin)

    def commit(self) -> None:
        """End it; if that fails, all is as before."""
        try:
            self._cursor.execute("COMMIT")
        except BaseException:
            self.roll_back()
            raise

    def roll_back(self) -> None:
        """Leave all as it was."""
        with contextlib.suppress(Exception):  # SQLite may have done so itself
            self._cursor.execute("ROLLBACK")

    def close(self) -> None:
        """Give the connection back."""
        with contextlib.suppress(Exception):
            self._cursor.close()
        self.connection.close()

    def reconnect(self) -> None:
        """Have a new connection in the place of one that was lost."""
        with contextlib.suppress(Exception):
            self.connection.invalidate()
            self.connection.close()
        self.connection = self._engine.connect()
        self._take()


@contextlib.contextmanager
def database_errors(action: str, location: str, engine: sa.Engine) -> Iterator[None]:
    """Turn a database's errors into one line that says what to do."""
    try:
        yield
    except sa.exc.StatementError as error:
        if _is_gone(error.orig, engine):
            raise _gone(action, location, str(error.orig)) from None
        raise _store_error(action, location, str(error.orig)) from None
    except (sa.exc.SQLAlchemyError, engine.dialect.loaded_dbapi.Error) as error:
        if _is_gone(error, engine):
            raise _gone(action, location, str(error)) from None
        raise _store_error(action, location, str(error)) from None


def _is_gone(error: BaseException | None, engine: sa.Engine) -> bool:
    """Whether an error says that there is no server any more, or not yet."""
    dbapi = engine.dialect.loaded_dbapi
    if engine.dialect.name == "sqlite" or not isinstance(
        error, dbapi.OperationalError | dbapi.InterfaceError
    ):
        return False
    code = getattr(error, "sqlstate", None) or getattr(error, "pgcode", None)
    return code is None or code in GONE or code.startswith(GONE_CLASS)


def _gone(action: str, location: str, message: str) -> ServerGoneError:
    text = message.strip().splitlines()[0] if message.strip() else "no connection"
    return ServerGoneError(f"cannot {action} {location}: its server does not answer ({text})")


def _store_error(action: str, location: str, message: str) -> StoreError:
    return StoreError(f"cannot {action} {location}: {_advice(action, message, location)}")


def _advice(action: str, message: str, location: str) -> str:
    """What a database's message means, in a line."""
    text = message.splitlines()[0] if message else "unknown database error"
    if "not a database" in text or "malformed" in text:
        return f"it is not a cosearch store, or it is damaged ({text})"
    if "is full" in text or "disk I/O error" in text:
        folder = Path(location).resolve().parent
        free_mb = shutil.disk_usage(folder).free // 2**20 if folder.exists() else 0
        then = "begin the study again" if action == "create" else "resume: what was stored is intact"
        return f"{text} ({free_mb} MB free); make room, then {then}"
    if "readonly" in text or "read-only" in text or "unable to open database" in text:
        return f"it cannot be written ({text}); make it writable, or choose another store"
    if "locked" in text:
        return "another process holds the database; wait for it or stop it"
    if (
        "no such table" in text
        or "no such column" in text
        or re.search("(relation|column) .*not exist", text)
    ):
        return f"it is damaged ({text})"
    return text
