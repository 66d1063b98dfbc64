"""Where rescores are kept: a table of its own, which an older cosearch leaves alone."""

from __future__ import annotations

import json
from dataclasses import asdict

import sqlalchemy as sa

from cosearch.errors import StoreError
from cosearch.store.database import Database
from cosearch.store.rescores import Rescore

rescores = sa.Table(
    "rescores",
    sa.MetaData(),
    sa.Column("study_id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("judge", sa.String, primary_key=True),
    sa.Column("payload", sa.Text, nullable=False),  # JSON: a Rescore, its numbers as columns
)


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
