"""What a running study is doing now, and what other processes ask it to evaluate.

Both are beside the record, which is whole without them. What a study is doing stands in the file of its lock
and goes with it; on a server, which has no such file, in the table `live`. The table `enqueued` holds designs
that somebody asked for, such as a dashboard; a study takes them up while it runs or when it goes on. Both
tables are made when they are first needed.
"""

from __future__ import annotations

import contextlib
import json
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from cosearch.store.database import Database, Session
from cosearch.store.locks import get_note, put_note
from cosearch.store.records import StudyRecord
from cosearch.store.writer import StudyWriter

metadata = sa.MetaData()
live = sa.Table(
    "live",
    metadata,
    sa.Column("study_id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("at", sa.Float, nullable=False),  # seconds since 1970
    sa.Column("doing", sa.Text, nullable=False),  # JSON
)
enqueued = sa.Table(
    "enqueued",
    metadata,
    sa.Column("study_id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("design", sa.Text, nullable=False),  # JSON
    sa.Column("fidelity", sa.String, nullable=False),  # empty: the study's own
    sa.Column("asked_at", sa.String, nullable=False),
    sqlite_with_rowid=False,
)

PUT = (
    "INSERT INTO live (study_id, at, doing) VALUES (?, ?, ?) "
    "ON CONFLICT (study_id) DO UPDATE SET at = excluded.at, doing = excluded.doing"
)
ASK = (
    "INSERT INTO enqueued (study_id, number, design, fidelity, asked_at) "
    "SELECT ?, COALESCE(MAX(number), 0) + 1, ?, ?, ? FROM enqueued WHERE study_id = ? RETURNING number"
)


@dataclass(frozen=True)
class Enqueued:
    """A design that somebody asked a study for.

    Attributes:
        number: in the order of asking, from 1.
        design: {parameter: value}.
        fidelity: at which; empty for the study's own.
        asked_at: UTC.
    """

    number: int
    design: dict[str, Any]
    fidelity: str
    asked_at: str


def create(session: Session, engine: sa.Engine, table: sa.Table = live) -> None:
    """Make a table where it is missing."""
    session.execute(str(sa.schema.CreateTable(table, if_not_exists=True).compile(engine)))


def note(writer: StudyWriter, doing: dict[str, Any]) -> None:
    """Put down what a study is doing, in JSON values.

    Raises:
        OSError: if the disk has no room.
        StoreError: if a server cannot be reached.
    """
    store, record, now = writer.store, writer.record, time.time()
    if store.path is not None:
        put_note(store.location, record.id, json.dumps([now, doing]))
        return

    def put(session: Session) -> None:
        create(session, store.engine)
        session.execute(PUT, (record.id, now, json.dumps(doing)))

    writer.beside(put)


def wishes(session: Session, record: StudyRecord, after: int = 0) -> list[Enqueued]:
    """What was asked of a study, from the wish after number `after` on."""
    rows = session.execute(
        "SELECT number, design, fidelity, asked_at FROM enqueued WHERE study_id = ? AND number > ? "
        "ORDER BY number",
        (record.id, after),
    ).fetchall()
    found = []
    for number, text, fidelity, asked_at in rows:
        if isinstance(design := _json(text), dict):
            found.append(Enqueued(int(number), design, str(fidelity), str(asked_at)))
    return found


def doing(database: Database, record: StudyRecord) -> tuple[float, dict[str, Any]] | None:
    """When a study that runs last said what it was doing, in seconds since 1970, and what.

    Raises:
        StoreError: if the store cannot be read.
    """
    found: Any = None
    if database.path is not None:
        found = _json(get_note(database.location, record.id))
    elif _is_there(database, live):
        with database.reading() as session:
            row = session.execute("SELECT at, doing FROM live WHERE study_id = ?", (record.id,)).fetchone()
        found = None if row is None else [row[0], _json(row[1])]
    if not (isinstance(found, list) and len(found) == 2 and isinstance(found[1], dict)):
        return None
    return float(found[0]), found[1]


def asked(database: Database, record: StudyRecord) -> list[Enqueued]:
    """Everything that was asked of a study.

    Raises:
        StoreError: if the store cannot be read.
    """
    if not _is_there(database, enqueued):
        return []
    with database.reading() as session:
        return wishes(session, record)


def enqueue(database: Database, record: StudyRecord, design: dict[str, Any], fidelity: str = "") -> int:
    """Ask a study, running or not, to evaluate a design; the number of the wish.

    Raises:
        StoreError: if the store cannot be written.
    """
    now = datetime.now(UTC).isoformat(timespec="seconds")
    with (
        database.errors("write to"),
        database.guard,
        contextlib.closing(Session(database.engine)) as session,
    ):
        create(session, database.engine, enqueued)
        with session.transaction():
            row = session.execute(ASK, (record.id, json.dumps(design), fidelity, now, record.id)).fetchone()
    return int(row[0])


def _is_there(database: Database, table: sa.Table) -> bool:
    with database.errors("read"), database.guard:
        return bool(sa.inspect(database.engine).has_table(table.name))


def _json(text: object) -> Any:
    """A value from its text; None where a text is half-written or none."""
    try:
        return json.loads(text)  # type: ignore[arg-type]
    except (TypeError, ValueError, RecursionError):
        return None
