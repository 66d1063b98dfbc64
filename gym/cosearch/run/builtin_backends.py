"""The backends that come with cosearch, as a plugin like anybody's."""

from __future__ import annotations

from collections.abc import Sequence

from cosearch.hookspecs import hookimpl
from cosearch.run.backend import Backend
from cosearch.run.inline import Inline
from cosearch.run.processes import Processes
from cosearch.run.ray_backend import Ray


@hookimpl
def cosearch_backends() -> Sequence[type[Backend]]:
    """In this process, in worker processes, and on a Ray cluster."""
    return [Inline, Processes, Ray]
