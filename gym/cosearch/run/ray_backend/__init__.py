"""Trials as tasks of a Ray cluster. Ray itself is imported when a study runs there."""

from cosearch.run.ray_backend.backend import Ray

__all__ = ["Ray"]
