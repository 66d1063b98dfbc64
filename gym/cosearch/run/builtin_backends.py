"""The backends that come with cosearch, as a plugin like anybody's."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec

from cosearch.hookspecs import hookimpl
from cosearch.run.backend import Backend
from cosearch.run.inline import Inline
from cosearch.run.processes import Processes
from cosearch.run.ray_backend import Ray


@hookimpl
def cosearch_backends() -> Sequence[type[Backend]]:
    """In this process, in worker processes, and on a Ray cluster where Ray is installed."""
    return [Inline, Processes, *([Ray] if find_spec("ray") else [])]
