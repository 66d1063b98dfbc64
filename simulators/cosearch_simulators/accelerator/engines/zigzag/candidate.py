"""One candidate of the search for uneven mappings: its boundaries and its score, compiled.

A candidate is an order of the temporal loops and, for every level below the outermost, how many loops it
gives up. The boundaries follow from the two: from the inside out, each memory takes an operand's loops while
the tile fits, as LOMA does (Symons et al., AICAS 2021), less what the level gives up. Giving up makes room
for another operand of a shared memory, or for a second tile, so every feasible choice of boundaries has its
candidate.
"""

# mypy: disable-error-code="no-untyped-def, no-untyped-call"
from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from cosearch_simulators.accelerator.engines.zigzag.engine import (
    Scratch,
    elements,
    evaluate_energy,
    make_scratch,
)
from cosearch_simulators.accelerator.engines.zigzag.timing import evaluate_latency

LATENCY, ENERGY, EDP = 0, 1, 2
"""Objectives."""


class Work(NamedTuple):
    """What the search writes on; h = the levels that can give up loops, in the order of `Tables.holders`.

    Attributes:
        scratch: the engine's.
        boundaries: (a, l) of the last candidate.
        taken: (h) loops that the level could have taken.
        first_bits: (h) of the tile that the level must hold at least.
        used_bits: (m) taken so far.
        temporal: (d) iterations of each loop up to here.
        stops: (n) where a level could stop.
    """

    scratch: Scratch
    boundaries: NDArray[np.int64]
    taken: NDArray[np.int64]
    first_bits: NDArray[np.int64]
    used_bits: NDArray[np.int64]
    temporal: NDArray[np.float64]
    stops: NDArray[np.int64]


@njit(error_model="numpy")
def make_work(tables, n):
    """Working memory for orders of n loops."""
    holders = tables.holders.shape[0]
    return Work(
        make_scratch(tables),
        np.zeros_like(tables.memory),
        np.zeros(holders, np.int64),
        np.zeros(holders, np.int64),
        np.zeros(tables.size_bits.size, np.int64),
        np.zeros(tables.relevant.shape[1], np.float64),
        np.zeros(n + 1, np.int64),
    )


@njit(error_model="numpy")
def _tile_bits(terms, served, a, level, temporal, bits):
    return np.int64(np.rint(elements(terms, served, a, level + 1, temporal))) * bits


@njit(error_model="numpy")
def _begin(tables, loops, sizes, h, work):
    """First loop that a level can take and bits of an element there; `temporal` is what lies below."""
    a, level = tables.holders[h, 0], tables.holders[h, 1]
    inner = work.boundaries[a, level - 1] if level else 0
    relevant, temporal = tables.relevant[a], work.temporal
    temporal[:] = 1.0
    joined_later = a == tables.levels.size - 1 and tables.joined_later[level]
    bits = tables.bits[a] if joined_later else tables.final_bits[a]
    for k in range(loops.size):
        if k < inner:
            temporal[loops[k]] *= sizes[k]
        elif not relevant[loops[k]]:
            return inner, tables.bits[a]  # partial sums are worked on here or further out
    return inner, bits


@njit(error_model="numpy")
def allocate(tables, loops, sizes, given_up, work):
    """Boundaries of a candidate; False if not even the tiles of the levels below fit."""
    n, used, temporal = loops.size, work.used_bits, work.temporal
    used[:] = 0
    work.taken[:] = 0
    for a in range(tables.levels.size):
        work.boundaries[a, tables.levels[a] - 1] = n
    for h in range(tables.holders.shape[0]):
        a, level = tables.holders[h, 0], tables.holders[h, 1]
        m, terms, served = tables.memory[a, level], tables.terms, tables.served
        if used[m] == 0:  # the first of a memory's operands leaves the others room for their first tiles
            for other in range(h, tables.holders.shape[0]):
                b, at = tables.holders[other, 0], tables.holders[other, 1]
                if tables.memory[b, at] != m:
                    break
                _, bits = _begin(tables, loops, sizes, other, work)
                work.first_bits[other] = _tile_bits(terms, served, b, at, temporal, bits)
                used[m] += work.first_bits[other]
            if used[m] > tables.size_bits[m]:
                return False
        used[m] -= work.first_bits[h]
        inner, bits = _begin(tables, loops, sizes, h, work)
        room, count, stop = tables.size_bits[m] - used[m], 0, n
        tile = work.first_bits[h]
        for k in range(inner, n):
            if not tables.relevant[a, loops[k]]:
                continue
            temporal[loops[k]] *= sizes[k]
            larger = _tile_bits(terms, served, a, level, temporal, bits)
            if larger > room:
                temporal[loops[k]] /= sizes[k]
                stop = k
                break
            tile = larger
            work.stops[count] = k
            count += 1
        work.taken[h] = count
        if given_up[h] and count:
            for _ in range(min(given_up[h], count)):
                count -= 1
                stop = work.stops[count]
                temporal[loops[stop]] /= sizes[stop]
            tile = _tile_bits(terms, served, a, level, temporal, bits)
        work.boundaries[a, level] = stop
        used[m] += tile
    return True


@njit(error_model="numpy")
def score(tables, loops, sizes, given_up, objective, best, work):
    """The objective of a candidate, and what decides between equals; infinite where it does not fit.

    The latency is left out, and what decides infinite, where the energy alone makes it worse than `best`.
    """
    if not allocate(tables, loops, sizes, given_up, work):
        return np.inf, np.inf
    cycles, energy, over = evaluate_energy(tables, loops, sizes, work.boundaries, work.scratch)
    if over > 0:
        return np.inf, np.inf
    if objective == ENERGY and energy > best:
        return energy, np.inf
    if objective == EDP and energy * cycles > best:
        return energy * cycles, np.inf
    latency = evaluate_latency(tables, cycles, work.scratch)
    if objective == LATENCY:
        return float(latency), energy
    if objective == ENERGY:
        return energy, float(latency)
    return energy * latency, float(latency)
