"""What a second judge said of a study's front: a table of its own, which an older cosearch leaves alone."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from cosearch.errors import StoreError

if TYPE_CHECKING:
    from cosearch.store.database import Database

rescores = sa.Table(
    "rescores",
    sa.MetaData(),
    sa.Column("study_id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("judge", sa.String, primary_key=True),
    sa.Column("payload", sa.Text, nullable=False),  # JSON: a Rescore, its numbers as columns
)


@dataclass(frozen=True)
class Rescore:
    """The front of a study, and some designs off it, as a second judge sees them.

    Attributes:
        judge: what judged, e.g. "external" or "engine=zigzag".
        problem_arguments: of the problem that judged.
        fidelity: at which it judged.
        created_at: when, in UTC.
        index: of the designs, as rows of their space's index matrix.
        own: what the study's own judge said, by metric.
        front: whether each is on the study's front, by its own numbers.
        metrics: what the judge says, by metric; null where it has no number.
        status: of each design, by the judge.
        reason: of each design that is not ok.
        changed: parameters that the judge does not search, with the values that it took instead.
    """

    judge: str
    problem_arguments: dict[str, Any]
    fidelity: str
    created_at: str
    index: list[list[float]]
    own: dict[str, list[float | None]]
    front: list[bool]
    metrics: dict[str, list[float | None]]
    status: list[str]
    reason: list[str]
    changed: dict[str, Any]


def save_rescore(store: Database, study: int, found: Rescore) -> None:
    """Keep what a judge said of the study of this number, in place of what the same judge said before.

    Raises:
        StoreError: the store cannot be written.
    """
    with store.errors("write to"), store.guard, store.engine.connect() as connection:
        rescores.create(connection, checkfirst=True)
        connection.exec_driver_sql("BEGIN")
        chosen = (rescores.c.study_id == study) & (rescores.c.judge == found.judge)
        connection.execute(rescores.delete().where(chosen))
        payload = json.dumps(asdict(found))
        connection.execute(rescores.insert().values(study_id=study, judge=found.judge, payload=payload))
        connection.exec_driver_sql("COMMIT")


def read_rescores(store: Database, study: int) -> tuple[Rescore, ...]:
    """What second judges said of a study, in the order in which they did.

    Raises:
        StoreError: it is damaged.
    """
    with store.errors("read"), store.guard, store.engine.connect() as connection:
        if not sa.inspect(connection).has_table(rescores.name):
            return ()
        query = sa.select(rescores.c.judge, rescores.c.payload).where(rescores.c.study_id == study)
        texts = connection.execute(query).all()
    found = []
    for judge, text in texts:
        try:
            found.append(Rescore(**json.loads(text)))
        except (ValueError, TypeError):
            raise StoreError(f"what {judge!r} said is damaged") from None
    return tuple(sorted(found, key=lambda one: one.created_at))
