"""The tables of a study store. A change that an older cosearch cannot read raises `FORMAT`."""

from __future__ import annotations

import sqlalchemy as sa

FORMAT = 1

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
    sa.Column("description", sa.JSON, nullable=False),  # a StudyRecord without what changes
    sa.Column("agent_state", sa.JSON, nullable=False),
    sa.Column("status", sa.String, nullable=False),
    sa.Column("stopped_because", sa.String, nullable=False),
    sa.Column("seconds", sa.Float, nullable=False),
)
evaluations = sa.Table(
    "evaluations",
    metadata,
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
tells = sa.Table(
    "tells",
    metadata,
    sa.Column("study_id", sa.ForeignKey("studies.id"), primary_key=True),
    sa.Column("position", sa.Integer, primary_key=True),
    sa.Column("evaluation_id", sa.ForeignKey("evaluations.id"), nullable=False),
)
