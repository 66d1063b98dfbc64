"""The study store: an SQLite file (WAL) by default, PostgreSQL by URL, through SQLAlchemy Core.

An evaluation is committed before the agent is told of it. The order of tells and the agent's state are
committed together, after the agent took them, so that a killed study resumes from a consistent point and
finds in the store what had been evaluated beyond it. What the rows mean is the study's business.
"""

from __future__ import annotations

import contextlib
import sqlite3
import uuid
from collections.abc import Sequence
from dataclasses import asdict, fields
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from cosearch.errors import StoreError, unknown_name
from cosearch.objectives import Constraint, Objective
from cosearch.outcomes import Outcomes
from cosearch.space import Designs, DesignSpace
from cosearch.store import tables
from cosearch.store.database import database_errors, is_locked, lock_study, sqlite_engine, url_engine
from cosearch.store.records import StoredEvaluations, StudyData, StudyRecord

# What changes while a study runs, and so has a column of its own.
_CHANGING = ("id", "name", "status", "stopped_because", "evaluations", "seconds")


class Store:
    """A collection of studies in one database."""

    def __init__(self, engine: sa.Engine, location: str) -> None:
        self._engine = engine
        self.location = location
        self._anchor: sqlite3.Connection | None = None

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
            text = engine.url.render_as_string(hide_password=True)
        else:
            engine = sqlite_engine(Path(text), create=create)
        store = cls(engine, text)
        try:
            store._check_format(create=create)
        except BaseException:
            engine.dispose()
            raise
        return store

    @classmethod
    def in_memory(cls) -> Store:
        """A store that lives as long as this object."""

        # SQLAlchemy drops a connection that Ctrl-C interrupts; a second one keeps the database alive.
        def connect() -> sqlite3.Connection:
            uri = f"file:{name}?mode=memory&cache=shared"
            return sqlite3.connect(uri, uri=True, check_same_thread=False)

        name = f"cosearch-{uuid.uuid4().hex}"
        anchor = connect()
        store = cls(sa.create_engine("sqlite://", poolclass=sa.StaticPool, creator=connect), "(memory)")
        store._anchor = anchor
        store._check_format(create=True)
        return store

    def _check_format(self, *, create: bool) -> None:
        with self._errors("open"):
            inspector = sa.inspect(self._engine)
            names = set(inspector.get_table_names())
            if tables.meta.name not in names:
                if names or not create:
                    raise StoreError(f"{self.location} is not a cosearch store (it has no cosearch tables)")
                self._create_tables()
            with self._engine.connect() as connection:
                found = connection.execute(
                    sa.select(tables.meta.c.value).where(tables.meta.c.key == "format")
                ).scalar()
        if not isinstance(found, str) or not found.isdigit():
            raise StoreError(f"{self.location} is not a cosearch store (it states no format)")
        if int(found) > tables.FORMAT:
            raise StoreError(
                f"{self.location} was written by a newer cosearch (store format {found}, this one "
                f"reads up to {tables.FORMAT}); upgrade cosearch to open it"
            )

    def _create_tables(self) -> None:
        """Make the tables, unless another process has done so since we looked."""
        if self._engine.dialect.name != "sqlite":
            with self._engine.begin() as connection:
                self._create_missing_tables(connection)
            return
        # Python's driver begins no transaction for CREATE TABLE, so it is begun by hand, and for writing.
        with self._engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql("PRAGMA journal_mode=WAL")  # the file keeps it; readers never set it
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            self._create_missing_tables(connection)
            connection.exec_driver_sql("COMMIT")

    @staticmethod
    def _create_missing_tables(connection: sa.Connection) -> None:
        tables.metadata.create_all(connection)
        if connection.execute(sa.select(tables.meta.c.key)).first() is None:
            connection.execute(tables.meta.insert().values(key="format", value=str(tables.FORMAT)))

    def __enter__(self) -> Store:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the database."""
        self._engine.dispose()

    def create_study(self, record: StudyRecord) -> StudyRecord:
        """Add a study; its id is given by the store.

        Raises:
            StoreError: if the name is taken, or the store cannot be written.
        """
        description = {k: v for k, v in asdict(record).items() if k not in _CHANGING}
        row = {
            "name": record.name,
            "description": description,
            "agent_state": {},
            "status": record.status,
            "stopped_because": record.stopped_because,
            "seconds": record.seconds,
        }
        with self._errors("write to"):
            try:
                with self._engine.begin() as connection:
                    connection.execute(tables.studies.insert().values(**row))
            except sa.exc.IntegrityError:
                raise StoreError(
                    f"{self.location} already has a study named {record.name!r}; "
                    "resume it, or choose another name"
                ) from None
        return self.study(record.name)

    def studies(self) -> list[StudyRecord]:
        """All studies, the oldest first."""
        evaluated = (
            sa.select(tables.evaluations.c.study_id, sa.func.count().label("evaluations"))
            .where(tables.evaluations.c.charged)
            .group_by(tables.evaluations.c.study_id)
            .subquery()
        )
        query = (
            sa.select(tables.studies, sa.func.coalesce(evaluated.c.evaluations, 0).label("evaluations"))
            .outerjoin(evaluated, evaluated.c.study_id == tables.studies.c.id)
            .order_by(tables.studies.c.id)
        )
        with self._errors("read"), self._engine.connect() as connection:
            rows = connection.execute(query).all()
        known = {field.name for field in fields(StudyRecord)}
        return [
            StudyRecord(
                **{k: v for k, v in row.description.items() if k in known},
                **{name: getattr(row, name) for name in _CHANGING if name != "status"},
                status="interrupted"
                if row.status == "running" and not is_locked(self._engine, self.location, row.id)
                else row.status,
            )
            for row in rows
        ]

    def study(self, name: str | None = None) -> StudyRecord:
        """A study by name; without a name the only one.

        Raises:
            UnknownNameError: if there is no such study.
            StoreError: without a name, if there is none or more than one.
        """
        studies = self.studies()
        names = [study.name for study in studies]
        if name is None:
            if len(studies) != 1:
                found = (
                    "holds no study" if not studies else f"holds {len(studies)} studies: {', '.join(names)}"
                )
                raise StoreError(f"{self.location} {found}; name one")
            return studies[0]
        if name not in names:
            raise unknown_name("study", name, names)
        return studies[names.index(name)]

    def add_evaluations(
        self,
        study: StudyRecord,
        keys: Sequence[bytes],
        designs: Designs,
        outcomes: Outcomes,
        charged: NDArray[np.bool_],
        seconds: float,
    ) -> list[int]:
        """Store new evaluations durably; their ids, in order."""
        rows = [
            {
                "study_id": study.id,
                "key": key,
                "design": design,
                # NaN is no JSON; a design without numbers has none to store
                "metrics": outcomes.row(i) if outcomes.status[i] == "ok" else {},
                "status": str(outcomes.status[i]),
                "reason": str(outcomes.reason[i]),
                "charged": bool(charged[i]),
                "seconds": seconds,
            }
            for i, (key, design) in enumerate(zip(keys, designs, strict=True))
        ]
        insert = tables.evaluations.insert().returning(tables.evaluations.c.id, sort_by_parameter_order=True)
        with self._errors("write to"), self._engine.begin() as connection:
            return list(connection.execute(insert, rows).scalars())

    def add_tells(
        self,
        study: StudyRecord,
        position: int,
        evaluation_ids: Sequence[int],
        agent_state: Any,
        seconds: float,
    ) -> None:
        """Store that these evaluations were told, in this order, and the agent's state after it."""
        rows = [
            {"study_id": study.id, "position": position + i, "evaluation_id": id_}
            for i, id_ in enumerate(evaluation_ids)
        ]
        with self._errors("write to"), self._engine.begin() as connection:
            connection.execute(tables.tells.insert(), rows)
            connection.execute(
                tables.studies.update()
                .where(tables.studies.c.id == study.id)
                .values(agent_state=agent_state, seconds=seconds)
            )

    def forget_tells(self, study: StudyRecord, position: int, agent_state: Any) -> None:
        """Drop the tells from `position` on, before which the agent had this state; the evaluations stay."""
        drop = tables.tells.delete().where(
            tables.tells.c.study_id == study.id, tables.tells.c.position >= position
        )
        with self._errors("write to"), self._engine.begin() as connection:
            connection.execute(drop)
            connection.execute(
                tables.studies.update().where(tables.studies.c.id == study.id).values(agent_state=agent_state)
            )

    def set_status(self, study: StudyRecord, status: str, stopped_because: str = "") -> None:
        """Note whether a study is running, finished or interrupted, and why."""
        values = {"status": status, "stopped_because": stopped_because}
        with self._errors("write to"), self._engine.begin() as connection:
            connection.execute(
                tables.studies.update().where(tables.studies.c.id == study.id).values(**values)
            )

    def set_seconds(self, study: StudyRecord, seconds: float) -> None:
        """Note how long a study has run."""
        with self._errors("write to"), self._engine.begin() as connection:
            connection.execute(
                tables.studies.update().where(tables.studies.c.id == study.id).values(seconds=seconds)
            )

    def set_budget(self, study: StudyRecord, budget: int) -> None:
        """Raise a study's budget."""
        with self._errors("write to"), self._engine.begin() as connection:
            where = tables.studies.c.id == study.id
            description = connection.execute(
                sa.select(tables.studies.c.description).where(where)
            ).scalar_one()
            values = {"description": {**description, "budget": budget}}
            connection.execute(tables.studies.update().where(where).values(**values))

    def agent_state(self, study: StudyRecord) -> Any:
        """The agent's state after the last tell."""
        with self._errors("read"), self._engine.connect() as connection:
            return connection.execute(
                sa.select(tables.studies.c.agent_state).where(tables.studies.c.id == study.id)
            ).scalar_one()

    def evaluations(self, study: StudyRecord) -> StoredEvaluations:
        """Every stored evaluation of a study."""
        e = tables.evaluations.c
        query = (
            sa.select(e.id, e.key, e.design, e.metrics, e.status, e.reason, e.charged, e.seconds)
            .where(e.study_id == study.id)
            .order_by(e.id)
        )
        with self._errors("read"), self._engine.connect() as connection:
            rows = connection.execute(query).all()
        space = DesignSpace.from_dict(study.space, drop_functions=True)
        reason = np.empty(len(rows), dtype=object)
        reason[:] = [row.reason for row in rows]
        names = [metric["name"] for metric in study.metrics]
        outcomes = Outcomes(
            {
                name: np.array([row.metrics.get(name, np.nan) for row in rows], dtype=np.float64)
                for name in names
            },
            np.array([row.status for row in rows], dtype="<U10"),
            reason,
        )
        return StoredEvaluations(
            np.array([row.id for row in rows], dtype=np.int64),
            [bytes(row.key) for row in rows],
            space.designs([row.design for row in rows]),
            outcomes,
            np.array([row.charged for row in rows], dtype=bool),
            np.array([row.seconds for row in rows], dtype=np.float64),
        )

    def told_ids(self, study: StudyRecord) -> list[int]:
        """The ids of the evaluations that the agent was told, in order, repeats included."""
        query = (
            sa.select(tables.tells.c.evaluation_id)
            .where(tables.tells.c.study_id == study.id)
            .order_by(tables.tells.c.position)
        )
        with self._errors("read"), self._engine.connect() as connection:
            return list(connection.execute(query).scalars())

    def read(self, study: StudyRecord) -> StudyData:
        """What a study found, evaluations that a kill kept from being told included; needs no plugin."""
        told_ids = self.told_ids(study)  # first: a study that runs stores evaluations before their tells
        stored = self.evaluations(study)
        row_of_id = {int(id_): row for row, id_ in enumerate(stored.ids)}
        rows = [row_of_id[id_] for id_ in told_ids]
        first = list(dict.fromkeys([*rows, *range(len(stored.ids))]))
        position = {row: i for i, row in enumerate(first)}
        return StudyData(
            record=study,
            space=stored.designs.space,
            designs=stored.designs[np.array(first, dtype=np.int64)],
            outcomes=stored.outcomes.take(np.array(first, dtype=np.int64)),
            seconds=stored.seconds[np.array(first, dtype=np.int64)],
            told=np.array([position[row] for row in rows], dtype=np.int64),
            objectives=tuple(Objective.parse(text) for text in study.objectives),
            constraints=tuple(Constraint.parse(text) for text in study.constraints),
        )

    def lock(self, study: StudyRecord) -> contextlib.AbstractContextManager[None]:
        """Hold a study for writing; the lock ends with the process, however it ends.

        Raises:
            StudyLockedError: if another process, or another part of this one, holds it.
        """
        return lock_study(self._engine, self.location, study.id, study.name)

    def _errors(self, action: str) -> contextlib.AbstractContextManager[None]:
        return database_errors(action, self.location)
