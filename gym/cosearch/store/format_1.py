"""Stores of format 1: one row of JSON for each evaluation, one row for each tell.

They are read as they are; the first that writes to one makes it a store of the present format.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from cosearch.errors import StudyLockedError
from cosearch.outcomes import Outcomes
from cosearch.store import packing, reading, tables
from cosearch.store.blocks import Block
from cosearch.store.database import Session
from cosearch.store.locks import is_locked
from cosearch.store.reading import StudyRow, naming, space_of
from cosearch.store.records import StudyRecord, json_object
from cosearch.store.runs import Runs

BLOCK = 8192  # evaluations


def study_rows(session: Session) -> list[StudyRow]:
    """What the store says of each study, as it stands there."""
    return list(
        session.execute(
            "SELECT id, name, description, status, stopped_because, seconds FROM studies ORDER BY id"
        ).fetchall()
    )


def count_charged(session: Session, study_id: int) -> int:
    """How many evaluations of a study cost budget."""
    counted = session.execute("SELECT charged FROM evaluations WHERE study_id = ?", (study_id,)).fetchall()
    return sum(bool(charged) for (charged,) in counted)


def load(session: Session, record: StudyRecord) -> tuple[NDArray[np.int64], Block]:
    """The row numbers and the evaluations of a study, in the order in which they were stored.

    Raises:
        StoreError: if one of them is damaged.
    """
    rows = session.execute(
        "SELECT id, design, metrics, status, reason, charged, seconds FROM evaluations "
        "WHERE study_id = ? ORDER BY id",
        (record.id,),
    ).fetchall()
    if not rows:
        return np.empty(0, dtype=np.int64), reading.no_evaluations(record)
    space = space_of(record)
    ids, designs, metrics, status, reason, charged, seconds = zip(*rows, strict=True)
    with naming(f"one of evaluations {ids[0]} to {ids[-1]}"):
        found = [_json(each) for each in metrics]
        outcomes = Outcomes(
            {
                m["name"]: np.array([each.get(m["name"], np.nan) for each in found], dtype=np.float64)
                for m in record.metrics
            },
            list(status),
            list(reason),
        )
        packed = space.designs([_json(each) for each in designs]).index.astype(space.key_dtype, order="C")
        block = Block(
            packed,
            outcomes,
            0,
            np.array(charged, dtype=bool),
            record.fidelity,
            0,
            np.array(seconds, dtype=np.float64),
        )
    return np.arange(len(rows)), block


def told(session: Session, record: StudyRecord) -> NDArray[np.int64]:
    """The rows that the agent was told, in order, repeats included.

    Raises:
        StoreError: if they are damaged.
    """
    ids = _column(session, "SELECT id FROM evaluations WHERE study_id = ? ORDER BY id", record)
    told_ids = _column(
        session, "SELECT evaluation_id FROM tells WHERE study_id = ? ORDER BY position", record
    )
    rows = np.searchsorted(ids, told_ids)
    rows[~np.isin(told_ids, ids)] = len(ids)  # of an evaluation that is missing
    return rows


def agent_state(session: Session, record: StudyRecord) -> dict[str, Any]:
    """The agent's state after the last tell, empty if there is none.

    Raises:
        StoreError: if it is damaged.
    """
    row = session.execute("SELECT agent_state FROM studies WHERE id = ?", (record.id,)).fetchone()
    return {} if row is None else json_object(row[0], "its agent's state")


def upgrade(engine: sa.Engine, location: str) -> None:
    """Make the store one of the present format, as a whole or not at all.

    Raises:
        StudyLockedError: if one of its studies is being written.
        StoreError: if one of them is damaged.
    """
    session = Session(engine)
    try:
        rows = study_rows(session)
        for id_, name, *_ in rows:
            if is_locked(engine, location, id_):
                raise StudyLockedError(
                    f"study {name!r} in {location} is being written by another process; "
                    "wait for it or stop it"
                )
        session.execute("PRAGMA foreign_keys=OFF") if engine.dialect.name == "sqlite" else None
        with session.transaction():
            if _is_present(session):  # another process was faster
                return
            studies = []
            for id_, name, description, status, stopped_because, seconds in rows:
                with naming(f"study {name!r}"):
                    record = StudyRecord.of(description, id=id_, name=name, status=status, seconds=seconds)
                    record_row = (id_, name, record.description(), status, stopped_because)
                    studies.append((record_row, seconds, *_converted(session, record)))
            for old in ("tells", "evaluations", "studies"):
                session.execute(f"DROP TABLE {old}")
            for table in tables.metadata.sorted_tables:
                if table is not tables.meta:
                    session.execute(str(sa.schema.CreateTable(table).compile(dialect=engine.dialect)))
            for record_row, seconds, packed, runs, state in studies:
                session.execute("INSERT INTO studies VALUES (?, ?, ?, ?, ?)", record_row)
                session.execute("INSERT INTO progress VALUES (?, ?, ?)", (record_row[0], state, seconds))
                for row in packed:
                    session.execute("INSERT INTO blocks VALUES (?, ?, ?, ?, ?, ?)", row)
                for part, run in enumerate(runs):
                    row = (record_row[0], part, run.n, run.packed())
                    session.execute("INSERT INTO tells VALUES (?, ?, ?, ?)", row)
            if engine.dialect.name == "postgresql":
                session.execute(
                    "SELECT setval(pg_get_serial_sequence('studies', 'id'), (SELECT MAX(id) FROM studies))"
                )
            session.execute("UPDATE cosearch_meta SET value = ? WHERE key = 'format'", (str(tables.FORMAT),))
    finally:
        if engine.dialect.name == "sqlite":
            session.execute("PRAGMA foreign_keys=ON")
        session.close()


def _is_present(session: Session) -> bool:
    found = session.execute("SELECT value FROM cosearch_meta WHERE key = 'format'").fetchone()
    return found is not None and found[0] != "1"


def _converted(session: Session, record: StudyRecord) -> tuple[list[tuple[Any, ...]], list[Runs], str]:
    _, whole = load(session, record)
    packed = []
    for number, first in enumerate(range(0, len(whole), BLOCK)):
        block = whole.take(np.arange(first, min(first + BLOCK, len(whole))))
        payload = packing.pack(block, first, record.fidelity)
        packed.append((record.id, number, first, len(block), block.count_charged(), payload))
    runs: list[Runs] = []
    rows = told(session, record)
    for first in range(0, len(rows), BLOCK):
        if not runs or runs[-1].full:
            runs.append(Runs())
        runs[-1].add(rows[first : first + BLOCK])
    return packed, runs, json.dumps(agent_state(session, record))


def _column(session: Session, statement: str, record: StudyRecord) -> NDArray[np.int64]:
    with naming("the order of its tells"):
        return np.array(
            [row[0] for row in session.execute(statement, (record.id,)).fetchall()], dtype=np.int64
        )


def _json(value: Any) -> Any:
    """PostgreSQL's driver reads JSON itself."""
    return json.loads(value) if isinstance(value, str | bytes) else value
