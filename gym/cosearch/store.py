"""The study store: an SQLite file (WAL) by default, PostgreSQL by URL, through SQLAlchemy Core.

An evaluation is committed before the agent is told of it. The order of tells and the agent's state are
committed together, after the agent took them, so that a killed study resumes from a consistent point and
finds in the store what had been evaluated beyond it. What the rows mean is the study's business.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from types import TracebackType
from typing import Any

import filelock
import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from cosearch.errors import StoreError, StudyLockedError, unknown_name
from cosearch.objectives import Constraint, Objective
from cosearch.outcomes import Outcomes
from cosearch.space import Designs, DesignSpace

FORMAT = 1
SQLITE_MAGIC = b"SQLite format 3\x00"

_tables = sa.MetaData()
_meta = sa.Table(
    "cosearch_meta",
    _tables,
    sa.Column("key", sa.String, primary_key=True),
    sa.Column("value", sa.String, nullable=False),
)
_studies = sa.Table(
    "studies",
    _tables,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("name", sa.String, unique=True, nullable=False),
    sa.Column("description", sa.JSON, nullable=False),  # a StudyRecord without what changes
    sa.Column("agent_state", sa.JSON, nullable=False),
    sa.Column("status", sa.String, nullable=False),
    sa.Column("stopped_because", sa.String, nullable=False),
    sa.Column("seconds", sa.Float, nullable=False),
)
_evaluations = sa.Table(
    "evaluations",
    _tables,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("study_id", sa.ForeignKey("studies.id"), nullable=False),
    sa.Column("key", sa.LargeBinary, nullable=False),  # Designs.keys()
    sa.Column("design", sa.JSON, nullable=False),
    sa.Column("metrics", sa.JSON, nullable=False),
    sa.Column("status", sa.String, nullable=False),
    sa.Column("reason", sa.String, nullable=False),
    sa.Column("charged", sa.Boolean, nullable=False),  # whether it cost budget
    sa.Column("seconds", sa.Float, nullable=False),  # since the study began, pauses left out
    sa.UniqueConstraint("study_id", "key"),
)
_tells = sa.Table(
    "tells",
    _tables,
    sa.Column("study_id", sa.ForeignKey("studies.id"), primary_key=True),
    sa.Column("position", sa.Integer, primary_key=True),
    sa.Column("evaluation_id", sa.ForeignKey("evaluations.id"), nullable=False),
)


@dataclass(frozen=True)
class StudyRecord:
    """A study as the store describes it: everything that is needed to repeat it, and how far it is."""

    id: int
    name: str
    problem: str
    problem_version: int
    problem_arguments: dict[str, Any]
    fidelity: str
    objectives: list[str]
    constraints: list[str]
    metrics: list[dict[str, str]]
    space: dict[str, Any]
    agent: str
    agent_settings: dict[str, Any]
    seed: int
    budget: int
    agent_budget: int  # the first budget: an agent may plan by it, so a later extension does not change it
    batch_size: int
    workers: int
    timeout_s: float | None
    memory_mb: int | None
    created_at: str
    versions: dict[str, str]
    host: dict[str, Any]
    command: str
    status: str = "running"
    stopped_because: str = ""
    evaluations: int = 0
    seconds: float = 0.0


# What changes while a study runs, and so has a column of its own.
_CHANGING = ("id", "name", "status", "stopped_because", "evaluations", "seconds")


@dataclass(frozen=True)
class StudyData:
    """What a study found.

    Attributes:
        record: the study.
        space: its design space.
        designs: the n distinct designs that were told, in the order in which they were first told.
        outcomes: theirs.
        seconds: when each was evaluated, from the study's beginning, shape (n,).
        told: every tell in order, repeats included, as row numbers of `designs`.
        objectives: what was searched for.
        constraints: what had to be met.
    """

    record: StudyRecord
    space: DesignSpace
    designs: Designs
    outcomes: Outcomes
    seconds: NDArray[np.float64]
    told: NDArray[np.int64]
    objectives: tuple[Objective, ...]
    constraints: tuple[Constraint, ...]


@dataclass(frozen=True)
class StoredEvaluations:
    """Every evaluation of a study, told or not, in the order in which it was stored."""

    ids: NDArray[np.int64]
    keys: list[bytes]
    designs: Designs
    outcomes: Outcomes
    charged: NDArray[np.bool_]
    seconds: NDArray[np.float64]


class Store:
    """A collection of studies in one database."""

    def __init__(self, engine: sa.Engine, location: str) -> None:
        self._engine = engine
        self.location = location

    @classmethod
    def open(cls, location: str | Path, *, create: bool = False) -> Store:
        """Open a store.

        Args:
            location: the path of an SQLite file, or a SQLAlchemy URL such as `postgresql+psycopg://host/base`.
            create: whether to make the store if there is none.

        Raises:
            StoreError: if it is missing, is no cosearch store, is from a newer cosearch, or cannot be opened.
        """
        text = str(location)
        engine = sa.create_engine(text) if "://" in text else _sqlite_engine(Path(text), create=create)
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
        store = cls(sa.create_engine("sqlite://", poolclass=sa.StaticPool), "(memory)")
        store._check_format(create=True)
        return store

    def _check_format(self, *, create: bool) -> None:
        with self._errors("open"):
            inspector = sa.inspect(self._engine)
            names = set(inspector.get_table_names())
            if _meta.name not in names:
                if names or not create:
                    raise StoreError(f"{self.location} is not a cosearch store (it has no cosearch tables)")
                if self._engine.dialect.name == "sqlite":  # the file keeps the mode; readers never set it
                    with self._engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                        connection.exec_driver_sql("PRAGMA journal_mode=WAL")
                with self._engine.begin() as connection:
                    _tables.create_all(connection)
                    connection.execute(_meta.insert().values(key="format", value=str(FORMAT)))
            with self._engine.connect() as connection:
                found = connection.execute(sa.select(_meta.c.value).where(_meta.c.key == "format")).scalar()
        if not (found or "").isdigit():
            raise StoreError(f"{self.location} is not a cosearch store (it states no format)")
        if int(found) > FORMAT:
            raise StoreError(
                f"{self.location} was written by a newer cosearch (store format {found}, this one reads up to "
                f"{FORMAT}); upgrade cosearch to open it"
            )

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
                    connection.execute(_studies.insert().values(**row))
            except sa.exc.IntegrityError:
                raise StoreError(
                    f"{self.location} already has a study named {record.name!r}; resume it, or choose another name"
                ) from None
        return self.study(record.name)

    def studies(self) -> list[StudyRecord]:
        """All studies, the oldest first."""
        told = (
            sa.select(_tells.c.study_id, sa.func.count(sa.distinct(_tells.c.evaluation_id)).label("evaluations"))
            .group_by(_tells.c.study_id)
            .subquery()
        )
        query = (
            sa.select(_studies, sa.func.coalesce(told.c.evaluations, 0).label("evaluations"))
            .outerjoin(told, told.c.study_id == _studies.c.id)
            .order_by(_studies.c.id)
        )
        with self._errors("read"), self._engine.connect() as connection:
            rows = connection.execute(query).all()
        known = {field.name for field in fields(StudyRecord)}
        return [
            StudyRecord(
                **{k: v for k, v in row.description.items() if k in known},
                **{name: getattr(row, name) for name in _CHANGING if name != "status"},
                status="interrupted" if row.status == "running" and not self._is_locked(row.id) else row.status,
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
                found = "holds no study" if not studies else f"holds {len(studies)} studies: {', '.join(names)}"
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
        insert = _evaluations.insert().returning(_evaluations.c.id, sort_by_parameter_order=True)
        with self._errors("write to"), self._engine.begin() as connection:
            return list(connection.execute(insert, rows).scalars())

    def add_tells(
        self, study: StudyRecord, position: int, evaluation_ids: Sequence[int], agent_state: Any, seconds: float
    ) -> None:
        """Store that these evaluations were told, in this order, and the agent's state after it."""
        rows = [
            {"study_id": study.id, "position": position + i, "evaluation_id": id_}
            for i, id_ in enumerate(evaluation_ids)
        ]
        with self._errors("write to"), self._engine.begin() as connection:
            connection.execute(_tells.insert(), rows)
            connection.execute(
                _studies.update().where(_studies.c.id == study.id).values(agent_state=agent_state, seconds=seconds)
            )

    def set_status(self, study: StudyRecord, status: str, stopped_because: str = "") -> None:
        """Note whether a study is running, finished or interrupted, and why."""
        values = {"status": status, "stopped_because": stopped_because}
        with self._errors("write to"), self._engine.begin() as connection:
            connection.execute(_studies.update().where(_studies.c.id == study.id).values(**values))

    def set_budget(self, study: StudyRecord, budget: int) -> None:
        """Raise a study's budget."""
        with self._errors("write to"), self._engine.begin() as connection:
            where = _studies.c.id == study.id
            description = connection.execute(sa.select(_studies.c.description).where(where)).scalar_one()
            values = {"description": {**description, "budget": budget}}
            connection.execute(_studies.update().where(where).values(**values))

    def agent_state(self, study: StudyRecord) -> Any:
        """The agent's state after the last tell."""
        with self._errors("read"), self._engine.connect() as connection:
            return connection.execute(sa.select(_studies.c.agent_state).where(_studies.c.id == study.id)).scalar_one()

    def evaluations(self, study: StudyRecord) -> StoredEvaluations:
        """Every stored evaluation of a study."""
        e = _evaluations.c
        query = (
            sa.select(e.id, e.key, e.design, e.metrics, e.status, e.reason, e.charged, e.seconds)
            .where(e.study_id == study.id)
            .order_by(e.id)
        )
        with self._errors("read"), self._engine.connect() as connection:
            rows = connection.execute(query).all()
        space = DesignSpace.from_dict(study.space)
        reason = np.empty(len(rows), dtype=object)
        reason[:] = [row.reason for row in rows]
        names = [metric["name"] for metric in study.metrics]
        outcomes = Outcomes(
            {name: np.array([row.metrics.get(name, np.nan) for row in rows], dtype=np.float64) for name in names},
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
        query = sa.select(_tells.c.evaluation_id).where(_tells.c.study_id == study.id).order_by(_tells.c.position)
        with self._errors("read"), self._engine.connect() as connection:
            return list(connection.execute(query).scalars())

    def read(self, study: StudyRecord) -> StudyData:
        """What a study found; the plugin that made it is not needed."""
        stored = self.evaluations(study)
        row_of_id = {int(id_): row for row, id_ in enumerate(stored.ids)}
        rows = [row_of_id[id_] for id_ in self.told_ids(study)]
        first = list(dict.fromkeys(rows))
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

    @contextlib.contextmanager
    def lock(self, study: StudyRecord) -> Iterator[None]:
        """Hold a study for writing; the lock ends with the process, however it ends.

        Raises:
            StudyLockedError: if another process, or another part of this one, holds it.
        """
        busy = StudyLockedError(
            f"study {study.name!r} in {self.location} is being written by another process; wait for it or stop it"
        )
        if self._engine.dialect.name == "postgresql":
            with self._engine.connect() as connection:
                if not connection.execute(sa.select(sa.func.pg_try_advisory_lock(_lock_key(study.id)))).scalar():
                    raise busy
                try:
                    yield
                finally:
                    connection.execute(sa.select(sa.func.pg_advisory_unlock(_lock_key(study.id))))
        elif self._is_file:
            lock = filelock.FileLock(self._lock_path(study.id))
            try:
                lock.acquire(blocking=False)
            except filelock.Timeout:
                raise busy from None
            except OSError as error:
                raise StoreError(f"cannot write to {self.location}: {error.strerror}") from None
            try:
                yield
            finally:
                lock.release()
        else:
            yield

    @property
    def _is_file(self) -> bool:
        return self._engine.dialect.name == "sqlite" and bool(self._engine.url.database)

    def _lock_path(self, study_id: int) -> Path:
        return Path(f"{self.location}.{study_id}.lock")

    def _is_locked(self, study_id: int) -> bool:
        """Whether a process is writing to this study now."""
        if self._engine.dialect.name == "postgresql":
            with self._engine.connect() as connection:
                key = _lock_key(study_id)
                free = connection.execute(sa.select(sa.func.pg_try_advisory_lock(key))).scalar()
                if free:
                    connection.execute(sa.select(sa.func.pg_advisory_unlock(key)))
                return not free
        if not self._is_file:
            return True  # in memory: it can only be this process
        if not self._lock_path(study_id).exists():
            return False
        try:
            with filelock.FileLock(self._lock_path(study_id), blocking=False):
                return False
        except filelock.Timeout:
            return True
        except OSError:
            return False

    @contextlib.contextmanager
    def _errors(self, action: str) -> Iterator[None]:
        try:
            yield
        except sa.exc.DBAPIError as error:
            raise StoreError(f"cannot {action} {self.location}: {self._advice(str(error.orig))}") from None

    def _advice(self, message: str) -> str:
        text = message.splitlines()[0] if message else "unknown database error"
        if "not a database" in text:
            return "it is not a cosearch store (not an SQLite database)"
        if "disk is full" in text or "disk I/O error" in text:
            folder = Path(self.location).resolve().parent
            free_mb = shutil.disk_usage(folder).free // 2**20 if folder.exists() else 0
            return f"{text} ({free_mb} MB free); make room, then resume: what was stored is intact"
        if "readonly" in text or "read-only" in text:
            return "it is read-only; make it writable, or choose another --store"
        if "locked" in text:
            return "another process holds the database; wait for it or stop it"
        return text


def _lock_key(study_id: int) -> sa.ColumnElement[int]:
    return sa.func.hashtext(f"cosearch-study-{study_id}")


def _sqlite_engine(path: Path, *, create: bool) -> sa.Engine:
    if path.is_dir():
        raise StoreError(f"{path} is a folder, not a cosearch store")
    if not path.exists() and not create:
        raise StoreError(f"there is no store at {path}")
    if not path.parent.exists():
        raise StoreError(f"cannot create {path}: there is no folder {path.parent}")
    try:
        if path.exists() and path.stat().st_size > 0 and path.open("rb").read(16) != SQLITE_MAGIC:
            raise StoreError(f"{path} is not a cosearch store (not an SQLite database)")
    except OSError as error:
        raise StoreError(f"cannot open {path}: {error.strerror}") from None
    url = f"sqlite:///{path}"
    if path.exists() and not (os.access(path, os.W_OK) and os.access(path.parent, os.W_OK)):
        # On read-only media SQLite cannot make the side files of a WAL, but it can read without them.
        wal = path.with_name(path.name + "-wal")
        mode = "mode=ro" if wal.exists() else "mode=ro&immutable=1"
        url = f"sqlite:///file:{path.resolve()}?{mode}&uri=true"
    engine = sa.create_engine(url, connect_args={"timeout": 30})

    @sa.event.listens_for(engine, "connect")
    def _pragmas(connection: Any, _: Any) -> None:
        cursor = connection.cursor()
        cursor.execute("PRAGMA synchronous=FULL")
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.close()

    return engine
