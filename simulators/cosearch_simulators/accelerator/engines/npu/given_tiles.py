"""The timeline of one core whose tiles are given, as a mapper has cut them, for many designs; compiled."""

# mypy: disable-error-code="no-untyped-def, no-untyped-call"
from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numba import njit

from cosearch_simulators.accelerator.engines.npu import events
from cosearch_simulators.compilation import announce_compilation, sources_digest

_events, _LOG = events.run, events.LOG_COLUMNS

TILES_HELD = 2  # while one is computed the next is loaded


def _entry_point(digest: int) -> Callable[..., Any]:
    @njit(cache=True, nogil=True)
    def run_tiles(tiles, first_producer, producers, buffer_bytes, memory_bytes_per_ns):
        """The end of the last store in ns, float64 (designs,).

        Args:
            tiles: float64 (designs, operators, `events.COLUMNS`).
            first_producer: see `events.run`.
            producers: see `events.run`.
            buffer_bytes: float64 (designs,), in which the loads of one tile wait beside those of another.
            memory_bytes_per_ns: float64 (designs,), of loads and stores together.
        """
        assert digest >= 0
        out = np.empty(tiles.shape[0])
        log = np.empty((0, _LOG))
        for d in range(tiles.shape[0]):
            rate = memory_bytes_per_ns[d]
            out[d], _, _, _ = _events(
                *(tiles[d], first_producer, producers, 1, TILES_HELD, buffer_bytes[d], rate, rate, False, log)
            )
        return out

    return run_tiles


run_tiles = _entry_point(sources_digest(events))
announce_compilation(run_tiles, "the timeline of mapped networks", "a few seconds")
