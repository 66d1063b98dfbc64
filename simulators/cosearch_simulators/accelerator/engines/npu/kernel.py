"""The compiled entry points, for a batch of designs and the log of one, cached until a source changes."""

# mypy: disable-error-code="no-untyped-def, no-untyped-call"
from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numba import njit

from cosearch_simulators.accelerator.engines.npu import events, tiling
from cosearch_simulators.accelerator.engines.scalesim import fold
from cosearch_simulators.compilation import announce_compilation, sources_digest

LATENCY, ROOFLINE, SERIAL, MOVED, ACCESSED, MISSING = range(6)
"""Columns of a batch's result: ns, ns, ns, bytes to and from the DRAM, bytes to and from the buffers by array
and vector unit, and the bytes by which the buffers are too small (then the others are NaN)."""
RESULT_COLUMNS = 6

_plan, _events, _tiles, _design = tiling.plan, events.run, events.COLUMNS, tiling.DESIGN_COLUMNS
_LOG, _RESULTS = events.LOG_COLUMNS, RESULT_COLUMNS


@njit(nogil=True)
def _plan_all(operators, design, tiles, accessed):
    """Cut all operators; returns the bytes by which the buffers are too small for one of them, else 0."""
    for i in range(operators.shape[0]):
        missing, accessed[i] = _plan(operators[i], design, tiles[i])
        if missing > 0:
            return missing
    return 0.0


@njit(nogil=True)
def _summary(tiles, design):
    """Roofline and serial time of what the tiles need; bytes that are shared count once."""
    cores = design[tiling.CORES]
    matrix = vector = shared = moved = 0.0
    for i in range(tiles.shape[0]):
        count = tiles[i, events.TILES]
        matrix += count * tiles[i, events.MATRIX_NS]
        vector += count * tiles[i, events.VECTOR_NS]
        shared += tiles[i, events.SHARED]
        moved += count * (tiles[i, events.WEIGHTS] + tiles[i, events.INPUTS] + tiles[i, events.OUTPUTS])
    speed = min(design[tiling.DRAM], 2 * cores * design[tiling.DMA])
    roofline = max(matrix / cores, vector / cores, (shared + moved) / speed)
    return roofline, matrix + vector


def _entry_points(digest: int) -> tuple[Callable[..., Any], Callable[..., Any]]:
    @njit(cache=True, nogil=True)
    def run_designs(operators, first_producer, producers, designs):
        """float64 (designs, RESULT_COLUMNS)."""
        assert digest >= 0
        count = operators.shape[0]
        out = np.full((designs.shape[0], _RESULTS), np.nan)
        log = np.empty((0, _LOG))
        for d in range(designs.shape[0]):
            design = designs[d]
            tiles, accessed = np.zeros((count, _tiles)), np.zeros(count)
            out[d, MISSING] = _plan_all(operators, design, tiles, accessed)
            if out[d, MISSING] > 0:
                continue
            latency, _, moved, _ = _events(
                tiles,
                first_producer,
                producers,
                int(design[tiling.CORES]),
                int(design[tiling.BUFFERS]),
                design[tiling.BUFFER_BYTES],
                design[tiling.DMA],
                design[tiling.DRAM],
                design[tiling.PINNED] > 0,
                log,
            )
            roofline, computing = _summary(tiles, design)
            out[d, LATENCY], out[d, ROOFLINE], out[d, MOVED] = latency, roofline, moved
            out[d, SERIAL] = computing + moved / min(design[tiling.DMA], design[tiling.DRAM])
            out[d, ACCESSED] = accessed.sum()
        return out

    @njit(cache=True, nogil=True)
    def run_timeline(operators, first_producer, producers, design):
        """The log of one design, what each operator's tiles are, and its accesses of the buffers in bytes."""
        assert digest >= 0
        count = operators.shape[0]
        tiles, accessed = np.zeros((count, _tiles)), np.zeros(count)
        _plan_all(operators, design, tiles, accessed)
        log = np.empty((int(5 * tiles[:, events.TILES].sum()), _LOG))
        _, _, _, rows = _events(
            tiles,
            first_producer,
            producers,
            int(design[tiling.CORES]),
            int(design[tiling.BUFFERS]),
            design[tiling.BUFFER_BYTES],
            design[tiling.DMA],
            design[tiling.DRAM],
            design[tiling.PINNED] > 0,
            log,
        )
        return log[:rows], tiles, accessed

    return run_designs, run_timeline


run_designs, run_timeline = _entry_points(sources_digest(events, fold, tiling))
announce_compilation(run_designs, "the NPU's timeline", "a few seconds")
announce_compilation(run_timeline, "the NPU's log", "a few seconds")
