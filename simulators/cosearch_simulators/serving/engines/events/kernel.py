"""The compiled entry point, cached until a source changes."""

# mypy: disable-error-code="no-untyped-def, no-untyped-call"
from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numba import njit

from cosearch_simulators.compilation import announce_compilation, sources_digest
from cosearch_simulators.serving.engines.events import blocks, clock, layout, lookup, queues, steps

_run = clock.run


def _entry_point(digest: int) -> Callable[..., Any]:
    @njit(cache=True, nogil=True)
    def go_on(state, tables, requests):
        """See `clock.run`."""
        assert digest >= 0
        return _run(state, tables, requests)

    return go_on


go_on = _entry_point(sources_digest(blocks, clock, layout, lookup, queues, steps))
announce_compilation(go_on, "the serving clock", "20 to 60 s")
