"""The compiled entry point for batches, cached on disk until its sources change."""

# mypy: disable-error-code="no-untyped-def, no-untyped-call"
from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numba import njit

from cosearch_simulators.accelerator.common import copying, nest_tables
from cosearch_simulators.accelerator.engines.maestro import analysis, levels, units
from cosearch_simulators.compilation import announce_compilation, sources_digest

NO_WORK = levels.UNKNOWN_DIMENSION + 1
"""Status of a dataflow in which a step has no multiplication, so a tile is smaller than the filter."""

_complete, _analyse = levels.complete, analysis.analyse
_TOTALS, _STATES, _SIZES = analysis.TOTALS, analysis.STATES, levels.SIZES
_NO_WORK, _TILE, _OK = analysis.NO_WORK, levels.TILE, levels.OK


def _entry_point(digest: int) -> Callable[..., Any]:
    @njit(cache=True, nogil=True)
    def analyse_batch(
        sizes, strides, filters, coupled, maps, clusters, pes, limits, totals, l1, active, status
    ):
        """Analyse each dataflow on its hardware.

        `maps`, `clusters` and `limits` have one row a case, or one for all; the last four are filled.
        """
        assert digest >= 0
        depth, count = maps.shape[1], sizes.size
        dims, spatial = np.zeros((depth, count), np.int64), np.zeros((depth, count), np.bool_)
        tables = np.zeros((depth, _SIZES, count), np.int64)
        of_level, at_edge = np.ones(depth, np.int64), np.ones(depth, np.int64)
        flow = (dims, spatial, tables, of_level, at_edge)
        states, sums = np.zeros((3, _STATES, count), np.int64), np.zeros(_TOTALS, np.int64)
        runtime, busy = np.zeros((depth, 1 << count), np.int64), np.zeros((depth, 1 << count))
        lacks = np.zeros((depth, 1 << count), np.bool_)
        space = np.zeros((4, 5), np.int64)
        work = (states, space, sums, runtime, busy, lacks)
        for case in range(status.shape[0]):
            one = case if maps.shape[0] > 1 else 0
            status[case, 0], status[case, 1] = _complete(
                *(sizes, strides, filters, maps[one], clusters[one], pes[case]),
                *(dims, spatial, tables, of_level, at_edge),
            )
            if status[case, 0] != _OK:
                continue
            _analyse((sizes, coupled), flow, limits[case], work)
            totals[case], active[case] = sums, busy[0, 0]
            for tensor in range(3):
                elements = 1
                for dim in range(count):
                    if coupled[tensor, dim]:
                        elements *= tables[depth - 1, _TILE, dim]
                l1[case, tensor] = 2 * elements
            if lacks[0, 0]:
                status[case, 0] = NO_WORK

    return analyse_batch


analyse_batch = _entry_point(sources_digest(analysis, copying, levels, nest_tables, units))
announce_compilation(analyse_batch, "MAESTRO's dataflow analysis")
