"""The tables of a study store. A change that an older cosearch cannot read raises `FORMAT`.

`format_1.py` has those of the first format, which is still read.
"""

from __future__ import annotations

import sqlalchemy as sa

FORMAT = 2

metadata = sa.MetaData()
meta = sa.Table(
    "cosearch_meta",
    metadata,
    sa.Column("key", sa.String, primary_key=True),
    sa.Column("value", sa.String, nullable=False),
)
studies = sa.Table(
    "studies",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("name", sa.String, unique=True, nullable=False),
    sa.Column("description", sa.Text, nullable=False),  # JSON: a StudyRecord without what changes
    sa.Column("status", sa.String, nullable=False),
    sa.Column("stopped_because", sa.String, nullable=False),
)
progress = sa.Table(  # apart from the description, which is long and never changes
    "progress",
    metadata,
    sa.Column("study_id", sa.ForeignKey("studies.id"), primary_key=True, autoincrement=False),
    sa.Column("agent_state", sa.Text, nullable=False),  # JSON: after the last of `tells`
    sa.Column("seconds", sa.Float, nullable=False),
)
blocks = sa.Table(
    "blocks",
    metadata,
    sa.Column("study_id", sa.ForeignKey("studies.id"), primary_key=True, autoincrement=False),
    sa.Column("block", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("first", sa.BigInteger, nullable=False),  # the row number of its first evaluation
    sa.Column("n", sa.Integer, nullable=False),
    sa.Column("charged", sa.Integer, nullable=False),  # how many of the n cost budget
    sa.Column("payload", sa.LargeBinary, nullable=False),  # as blocks.py packs them
    sqlite_with_rowid=False,
)
tells = sa.Table(
    "tells",
    metadata,
    sa.Column("study_id", sa.ForeignKey("studies.id"), primary_key=True, autoincrement=False),
    sa.Column("part", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("n", sa.BigInteger, nullable=False),
    sa.Column("payload", sa.LargeBinary, nullable=False),  # as runs.py packs them
    sqlite_with_rowid=False,
)
