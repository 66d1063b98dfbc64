"""What no mapping goes below, for pairs of a machine and a layer: the lowest fidelity."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from math import ceil, gcd, prod

import numpy as np
from numpy.typing import NDArray

from cosearch_simulators.accelerator.engines.bound.spread import SPREAD_COLUMNS, fit
from cosearch_simulators.accelerator.mapper.bounds import touched
from cosearch_simulators.accelerator.mapping.templates import template
from cosearch_simulators.networks.costs.accelerators import SUM_BITS, WORD_BITS
from cosearch_simulators.networks.costs.bound_kernel import LAYER_COLUMNS, bound_pairs
from cosearch_simulators.networks.costs.jobs import Jobs, distinct
from cosearch_simulators.networks.networks import nest_of
from cosearch_simulators.threads import threads_of
from cosearch_simulators.workloads.loop_nest import LOOPS

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

FLEXIBLE = "flexible"
MOST_FITS = 1_000_000
"""Layers on arrays that are remembered, some 300 bytes each."""

_fits: dict[tuple[object, int, int, bytes], Floats] = {}
_layers: dict[bytes, list[float]] = {}


def bound(jobs: Jobs, dataflows: Sequence[str], threads: int | None = None) -> Floats:
    """(pairs, 2) cycles and pJ that no mapping goes below.

    Args:
        jobs: the pairs.
        dataflows: of each accelerator.
        threads: None: as many as cores.
    """
    layers = layer_columns(jobs.nests)
    machines = _machine_columns(jobs)
    spreads, spread_of = _spreads(jobs, dataflows)
    out = np.zeros((len(jobs.machine_of), 2))
    turns = max(1, min(threads_of(threads), len(out) // 4096))
    edges = np.linspace(0, len(out), turns + 1).astype(np.int64)

    def run(turn: int) -> None:
        bound_pairs(
            *(layers, machines, spreads, jobs.nest_of, jobs.machine_of, spread_of),
            *(edges[turn], edges[turn + 1], out),
        )

    if turns == 1:
        run(0)
    else:
        with ThreadPoolExecutor(turns) as pool:
            list(pool.map(run, range(turns)))
    return out


def layer_columns(nests: Ints) -> Floats:
    """Layers as `bound_kernel` reads them, (k, LAYER_COLUMNS)."""
    return np.array([_layer(nest) for nest in nests], np.float64).reshape(len(nests), LAYER_COLUMNS)


def _machine_columns(jobs: Jobs) -> Floats:
    """As `bound_kernel` reads them."""
    found = jobs.machines
    prices = [getattr(found, name) / WORD_BITS for name in ("register_pj", "buffer_pj", "memory_pj")]
    columns = [
        found.columns * found.rows,
        found.register_words * WORD_BITS,
        found.buffer_words * WORD_BITS,
        found.buffer_rate * WORD_BITS,
        found.memory_rate * WORD_BITS,
        jobs.rate,
        *jobs.bits.T,
        np.full(len(found), SUM_BITS),
        *(price[:, action] for price in prices for action in (0, 1)),
        found.mac_pj / jobs.rate,
    ]
    return np.column_stack(columns).astype(np.float64)


def _layer(row: Ints) -> list[float]:
    """A layer as `bound_kernel` reads it."""
    key = row.tobytes()
    found = _layers.get(key)
    if found is None:
        nest = nest_of(row)
        g, n, k, c, p, q, r, s = nest.sizes
        words = touched(nest)
        overlap = prod(max(1.0, size / stride) for size, stride in zip((r, s), nest.stride, strict=True))
        taps = prod(
            ceil(size / (stride // gcd(stride, dilation)))
            for size, stride, dilation in zip((r, s), nest.stride, nest.dilation, strict=True)
        )
        found = _layers[key] = [
            *(n * p * q, k, c * r * s, words["Weights"], words["Inputs"], words["Outputs"]),
            *(overlap, taps, g * n * p * q * k * c * r * s),
        ]
    return found


def _spreads(jobs: Jobs, dataflows: Sequence[str]) -> tuple[Floats, Ints]:
    """How each layer fits each array under each dataflow: the distinct ones, and which is a pair's."""
    flows = list(dict.fromkeys(dataflows))
    code = {flow: number for number, flow in enumerate(flows)}
    flow_of = np.array([code[flow] for flow in dataflows], np.int64)[jobs.accelerator]
    kinds, kind_of, _ = distinct([flow_of, jobs.machines.columns, jobs.machines.rows])
    wanted, place, _ = distinct([kind_of[jobs.machine_of], jobs.nest_of])
    out = np.empty((len(wanted), SPREAD_COLUMNS))
    axes = [_axes(flow) for flow in flows]
    if len(_fits) > MOST_FITS:
        _fits.clear()
    keys = [nest[:8].tobytes() for nest in jobs.nests]
    for number, (kind, nest) in enumerate(wanted.tolist()):
        flow, columns, rows = kinds[kind].tolist()
        key = (axes[flow][0], columns, rows, keys[nest])
        found = _fits.get(key)
        if found is None:
            found = fit(jobs.nests[nest, :8], axes[flow][1], axes[flow][2], columns, rows)
            _fits[key] = found
        out[number] = found
    return out, place


def _axes(flow: str) -> tuple[object, NDArray[np.bool_], NDArray[np.bool_]]:
    """Which loops a dataflow may spread along X and along Y, with a key."""
    if flow == FLEXIBLE:
        return None, np.ones(len(LOOPS), bool), np.ones(len(LOOPS), bool)
    spatial = template(flow).spatial
    named = (spatial[0], sum(spatial[1:], ()))
    x, y = (np.array([loop in axis for loop in LOOPS], bool) for axis in named)
    return named, x, y
