"""The compiled entry point of the mapper: many searches in one call, cached on disk by its sources."""

# mypy: disable-error-code="no-untyped-def, no-untyped-call"
from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numba import njit

from cosearch_simulators.accelerator.common import copying, movement, nest_tables, tile
from cosearch_simulators.accelerator.common.copying import copy_row
from cosearch_simulators.accelerator.mapper import exhaustive_kernel, search_cost, search_kernel
from cosearch_simulators.accelerator.mapper.exhaustive_kernel import try_all
from cosearch_simulators.accelerator.mapper.search_kernel import read_out, search
from cosearch_simulators.compilation import announce_compilation, sources_digest


def _entry_point(digest: int) -> Callable[..., Any]:
    @njit(cache=True, nogil=True, error_model="numpy")
    def search_range(
        start,
        stop,
        hardware,
        nests,
        jobs,
        rules,
        objective,
        options,
        effort,
        scratch,
        found,
        outcomes,
    ):
        """Searches `start` to `stop`; `scratch` is one thread's."""
        assert digest >= 0
        tables, constants = hardware
        architecture_of, nest_of, homes = jobs
        slot_allowed, fixed, staying, orders, order_counts = rules
        temporal, order, spatial_x, spatial_y, keeps = found
        fresh, restarts, steps, limit = effort
        reference = scratch[-1]
        for i in range(start, stop):
            which = architecture_of[i]
            problem = (tables[which], constants[which], nests[nest_of[i]], homes[i], objective, options)
            rule = (slot_allowed, fixed, staying[which], orders, order_counts, reference)
            proven, best, total = try_all(problem, rule, limit, scratch[:-1])
            if not proven:
                best, total = search(problem, rule, fresh, restarts, steps, scratch[:-1])
            outcomes[i, 0] = best
            copy_row(outcomes[i, 1:3], scratch[12])
            outcomes[i, 3] = proven
            read_out(
                tables.shape[1], total, rule, scratch[:-1], temporal[i], order[i], spatial_x[i], spatial_y[i],
                keeps[i],
            )  # fmt: skip

    return search_range


search_range = _entry_point(
    sources_digest(copying, nest_tables, tile, movement, search_cost, search_kernel, exhaustive_kernel)
)
announce_compilation(search_range, "the accelerator mapper")


def new_scratch(levels: int) -> tuple[np.ndarray, ...]:
    """Scratch of one thread."""
    return (*search_kernel.new_search_scratch(levels), np.ones(2))
