"""The study store: an SQLite file (WAL) by default, PostgreSQL by URL, through SQLAlchemy Core.

An evaluation is stored before the agent is told of it; the order of tells and the agent's state are stored
together, so that a killed study resumes from a consistent point and finds in the store what had been
evaluated beyond it. Here studies are made, listed and read; `writer.py` writes them.
"""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType, TracebackType
from typing import Any

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from cosearch.errors import StoreError, unknown_name
from cosearch.store import format_1, reading, tables
from cosearch.store.database import Database, Session, memory_engine, sqlite_engine, url_engine
from cosearch.store.locks import is_locked, lock_study
from cosearch.store.records import DamagedStudy, StoredEvaluations, StudyData, StudyRecord
from cosearch.store.rescore_table import read_rescores
from cosearch.store.reserve import holds_something
from cosearch.store.writer import StudyWriter

WITHOUT_A_WORD = "the process ended without a word"
REFUSED = "the store could not be written, as on a full disk; what was evaluated last waits beside it"


class Store(Database):
    """A collection of studies in one database.

    Attributes:
        location: as the user named it, without a password.
        path: of the SQLite file, None for another kind of store.
        engine: SQLAlchemy's.
        guard: held during every use of a connection that threads share.
    """

    def __init__(self, engine: sa.Engine, location: str, path: Path | None = None) -> None:
        super().__init__(engine, location, path)
        self._anchor: sqlite3.Connection | None = None
        self._reader: ModuleType = reading
        self._damaged: list[DamagedStudy] = []

    @classmethod
    def open(cls, location: str | Path, *, create: bool = False) -> Store:
        """Open a store.

        Args:
            location: the path of an SQLite file, or a SQLAlchemy URL such as `postgresql+psycopg://host/base`.
            create: whether to make the store if there is none.

        Raises:
            StoreError: if it is missing, is no cosearch store, is from a newer cosearch, or cannot be opened.
        """
        text = str(location).removeprefix("sqlite:///")
        if not text.strip() or location == Path():
            raise StoreError(f"expected the path of a store, not {str(location)!r}")
        if "://" in text:
            engine = url_engine(text)
            store = cls(engine, engine.url.render_as_string(hide_password=True))
        else:
            engine = sqlite_engine(Path(text), create=create)
            store = cls(engine, text, Path(text).resolve())
        try:
            store._check_format(create=create)
        except BaseException:
            engine.dispose()
            raise
        return store

    @classmethod
    def in_memory(cls) -> Store:
        """A store that lives as long as this object."""
        engine, anchor = memory_engine()
        store = cls(engine, "(memory)")
        store._anchor, store.guard = anchor, threading.RLock()
        store._check_format(create=True)
        return store

    def _check_format(self, *, create: bool) -> None:
        with self.errors("open"), self.guard:
            names = set(sa.inspect(self.engine).get_table_names())
        if tables.meta.name not in names:
            if names or not create:
                hint = (
                    "" if names else f"; begin the study again with `--store {self.location}` to complete it"
                )
                raise StoreError(f"{self.location} is not a cosearch store (it has no cosearch tables){hint}")
            with self.errors("create"):
                self._create_tables()
        with self.reading() as session:
            row = session.execute("SELECT value FROM cosearch_meta WHERE key = 'format'").fetchone()
        found = row[0] if row else None
        if not (isinstance(found, str) and found.isdecimal() and found.isascii()) or len(found) > 9:
            raise StoreError(f"{self.location} is not a cosearch store (it states no format)")
        if int(found) > tables.FORMAT:
            raise StoreError(
                f"{self.location} was written by a newer cosearch (store format {found}, this one "
                f"reads up to {tables.FORMAT}); upgrade cosearch to open it"
            )
        self._reader = format_1 if int(found) == 1 else reading

    def _create_tables(self) -> None:
        """Make the tables, unless another process has done so since we looked."""
        with self.engine.connect() as connection:
            sqlite = self.engine.dialect.name == "sqlite"
            if sqlite:
                connection.exec_driver_sql(
                    "PRAGMA journal_mode=WAL"
                )  # the file keeps it; readers never set it
            connection.exec_driver_sql("BEGIN IMMEDIATE" if sqlite else "BEGIN")
            try:
                if self.engine.dialect.name == "postgresql":  # which lets two make one table, and one fail
                    connection.exec_driver_sql("SELECT pg_advisory_xact_lock(hashtext('cosearch-tables'))")
                tables.metadata.create_all(connection)
                if connection.execute(sa.select(tables.meta.c.key)).first() is None:
                    connection.execute(tables.meta.insert().values(key="format", value=str(tables.FORMAT)))
                connection.exec_driver_sql("COMMIT")
            except BaseException:
                with contextlib.suppress(Exception):
                    connection.exec_driver_sql("ROLLBACK")
                raise

    def __enter__(self) -> Store:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the database."""
        self.engine.dispose()

    def create_study(self, record: StudyRecord) -> StudyRecord:
        """Add a study; its id is given by the store.

        Raises:
            StoreError: if the name is taken, or the store cannot be written.
        """
        self._upgrade()
        with self.errors("write to"), self.guard, contextlib.closing(Session(self.engine)) as session:
            try:
                with session.transaction():
                    id_ = session.execute(
                        "INSERT INTO studies (name, description, status, stopped_because) "
                        "VALUES (?, ?, ?, ?) RETURNING id",
                        (record.name, record.description(), record.status, record.stopped_because),
                    ).fetchone()[0]
                    session.execute("INSERT INTO progress VALUES (?, ?, ?)", (id_, "{}", record.seconds))
            except self.engine.dialect.loaded_dbapi.IntegrityError:
                raise StoreError(
                    f"{self.location} already has a study named {record.name!r}; "
                    "resume it, or choose another name"
                ) from None
        return self.study(record.name)

    def studies(self) -> list[StudyRecord]:
        """All studies that can be read, the oldest first; `damaged` has the others."""
        found: list[StudyRecord] = []
        self._damaged = []
        with self.reading() as session:
            for id_, name, description, status, stopped_because, seconds in self._reader.study_rows(session):
                try:
                    with self.errors("read"):
                        record = StudyRecord.of(
                            description,
                            id=id_,
                            name=name,
                            status=status,
                            stopped_because=stopped_because,
                            evaluations=self._reader.count_charged(session, id_),
                            seconds=0.0 if seconds is None else seconds,
                        )
                except StoreError as error:
                    self._damaged.append(DamagedStudy(str(name), str(error)))
                else:
                    found.append(record)
        return [self._as_it_is(record) for record in found]

    @property
    def damaged(self) -> list[DamagedStudy]:
        """The studies of which not even the description can be read, and why."""
        self.studies()
        return self._damaged

    def _as_it_is(self, record: StudyRecord) -> StudyRecord:
        """A study that nobody writes is not running."""
        if record.status != "running" or is_locked(self.engine, self.location, record.id):
            return record
        refused = self.path is not None and holds_something(self.location, record)
        reason = record.stopped_because or (REFUSED if refused else WITHOUT_A_WORD)
        return replace(record, status="interrupted", stopped_because=reason)

    def study(self, name: str | None = None) -> StudyRecord:
        """A study by name; without a name the only one.

        Raises:
            UnknownNameError: if there is no such study.
            StoreError: if it is damaged; without a name, if there is none or more than one.
        """
        studies = self.studies()
        names = [study.name for study in studies]
        damaged = {study.name: study.reason for study in self._damaged}
        if name is None and len(names) + len(damaged) == 1:
            name = (names or list(damaged))[0]
        if name in damaged:
            raise StoreError(f"study {name!r} in {self.location} is damaged: {damaged[name]}")
        if name is None:
            names += list(damaged)
            found = "holds no study" if not names else f"holds {len(names)} studies: {', '.join(names)}"
            raise StoreError(f"{self.location} {found}; name one")
        if name not in names:
            raise unknown_name("study", name, names)
        return studies[names.index(name)]

    def writer(self, record: StudyRecord) -> StudyWriter:
        """Write to a study, and hold it for that until the writer is closed.

        Raises:
            StudyLockedError: if another process, or another part of this one, holds it.
            StoreError: if the store cannot be written, or the study's end is damaged.
        """
        self._upgrade()
        return StudyWriter(self, record)

    def agent_state(self, record: StudyRecord) -> dict[str, Any]:
        """The agent's state after the last tell.

        Raises:
            StoreError: if it is damaged.
        """
        with self.reading() as session, self._naming(record):
            found: dict[str, Any] = self._reader.agent_state(session, record)
            return found

    def evaluations(self, record: StudyRecord) -> StoredEvaluations:
        """Every stored evaluation of a study, exact repeats included, which a study does not make.

        Raises:
            StoreError: if one of its blocks is damaged; names it.
        """
        with self.reading() as session, self._naming(record):
            return reading.evaluations(record, *self._reader.load(session, record))

    def told(self, record: StudyRecord) -> NDArray[np.int64]:
        """The rows of the evaluations that the agent was told, in order, repeats included.

        Raises:
            StoreError: if they are damaged.
        """
        with self.reading() as session, self._naming(record):
            found: NDArray[np.int64] = self._reader.told(session, record)
            return found

    def read(self, record: StudyRecord) -> StudyData:
        """What a study found, evaluations that a kill kept from being told included; needs no plugin.

        Raises:
            StoreError: if the study is damaged.
        """
        told = self.told(record)  # first: a study that runs stores evaluations before their tells
        stored = self.evaluations(record)
        with self._naming(record):
            return replace(
                reading.study_data(record, stored, told),
                rescores=read_rescores(self, record.id),
                account=self._account(record),
            )

    def _account(self, record: StudyRecord) -> tuple[str, ...]:
        """What the agent said of itself; nothing where its state is damaged, which a report needs not."""
        try:
            lines = self.agent_state(record).get("agent", {}).get("account", ())
        except (StoreError, AttributeError):
            return ()
        return tuple(map(str, lines)) if isinstance(lines, list) else ()

    def lock(self, record: StudyRecord) -> contextlib.AbstractContextManager[None]:
        """Hold a study without writing to it; the lock ends with the process, however it ends.

        Raises:
            StudyLockedError: if another process, or another part of this one, holds it.
        """
        return lock_study(self.engine, self.location, record.id, record.name)

    def _upgrade(self) -> None:
        if self._reader is format_1:
            with self.errors("write to"), self.guard:
                format_1.upgrade(self.engine, self.location)
            self._reader = reading

    @contextlib.contextmanager
    def _naming(self, record: StudyRecord) -> Iterator[None]:
        try:
            yield
        except StoreError as error:
            raise StoreError(f"study {record.name!r} in {self.location}: {error}") from None
