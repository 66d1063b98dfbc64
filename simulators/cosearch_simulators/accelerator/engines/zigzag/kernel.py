"""The compiled entry points of the uneven model, cached on disk until any of their sources changes."""

# mypy: disable-error-code="no-untyped-def, no-untyped-call"
from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numba import njit

from cosearch_simulators.accelerator.engines.zigzag import candidate, engine, search, timing
from cosearch_simulators.compilation import announce_compilation, sources_digest

_evaluate, _make_scratch = engine.evaluate, engine.make_scratch
_everything, _best_orders, _refine = search.search_everything, search.best_orders, search.refine


def _one_entry_point(digest: int) -> Callable[..., Any]:
    @njit(cache=True, nogil=True)
    def evaluate_one(tables, loops, sizes, boundaries):
        """One mapping with all its breakdowns: `engine.evaluate`'s result and its scratch."""
        assert digest >= 0
        scratch = _make_scratch(tables)
        latency, energy, over = _evaluate(tables, loops, sizes, boundaries, scratch)
        return latency, energy, over, scratch

    return evaluate_one


def _batch_entry_point(digest: int) -> Callable[..., Any]:
    @njit(cache=True, nogil=True)
    def evaluate_batch(tables, loops, sizes, boundaries):
        """Latency in cycles, energy in pJ and bits above capacity of a mapping a row."""
        assert digest >= 0
        scratch = _make_scratch(tables)
        latency = np.empty(loops.shape[0], np.int64)
        energy = np.empty(loops.shape[0], np.float64)
        over = np.empty(loops.shape[0], np.int64)
        for i in range(loops.shape[0]):
            latency[i], energy[i], over[i] = _evaluate(tables, loops[i], sizes[i], boundaries[i], scratch)
        return latency, energy, over

    return evaluate_batch


def _search_entry_points(digest: int) -> tuple[Callable[..., Any], Callable[..., Any], Callable[..., Any]]:
    @njit(cache=True, nogil=True)
    def search_everything(tables, loop_of, size_of, keys, objective, limit):
        """As `search.search_everything`."""
        assert digest >= 0
        return _everything(tables, loop_of, size_of, keys, objective, limit)

    @njit(cache=True, nogil=True)
    def best_orders(tables, loop_of, size_of, keys, objective, limit):
        """As `search.best_orders`."""
        assert digest >= 0
        return _best_orders(tables, loop_of, size_of, keys, objective, limit)

    @njit(cache=True, nogil=True)
    def refine(tables, starts, sizes_of, given_ups, held, objective, limit, seed):
        """As `search.refine`."""
        assert digest >= 0
        return _refine(tables, starts, sizes_of, given_ups, held, objective, limit, seed)

    return search_everything, best_orders, refine


_DIGEST = sources_digest(candidate, engine, search, timing)
evaluate_one = _one_entry_point(_DIGEST)
evaluate_batch = _batch_entry_point(_DIGEST)
search_everything, best_orders, refine = _search_entry_points(_DIGEST)
for _kernel, _what in (
    (evaluate_one, "the cost of an uneven mapping"),
    (evaluate_batch, "the cost of uneven mappings"),
    (search_everything, "the exhaustive search of uneven mappings"),
    (best_orders, "the search of uneven mappings"),
    (refine, "the refinement of uneven mappings"),
):
    announce_compilation(_kernel, _what)
