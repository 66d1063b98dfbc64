"""Durable studies."""

from cosearch.store.records import DamagedStudy, StoredEvaluations, StudyData, StudyRecord
from cosearch.store.store import Store
from cosearch.store.writer import StudyWriter

__all__ = ["DamagedStudy", "Store", "StoredEvaluations", "StudyData", "StudyRecord", "StudyWriter"]
