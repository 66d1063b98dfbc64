"""Durable studies."""

from cosearch.store.records import StoredEvaluations, StudyData, StudyRecord
from cosearch.store.store import Store

__all__ = ["Store", "StoredEvaluations", "StudyData", "StudyRecord"]
