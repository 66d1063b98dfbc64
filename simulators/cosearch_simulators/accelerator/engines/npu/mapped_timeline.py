"""A mapped network as a timeline: what the mapper takes for overlapping, tile by tile.

The mapper costs each layer by itself, with everything in it overlapped. Here the tiles that its mapping cuts
at the memory flow through load, array and store of one core (`npu.events`): a tile is loaded while the one
before is computed if the buffer has room for what both load, loads and stores share the memory's bus, a layer
waits for the layers that it needs, weights come ahead of that, and vector operators take their turn. The
accesses are the mapping's, and so is the energy.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cosearch_simulators.accelerator.common.arrays import CompiledArchitecture
from cosearch_simulators.accelerator.common.nest_tables import FILLS as FILLED
from cosearch_simulators.accelerator.common.nest_tables import (
    READ_BANDWIDTH,
    READS,
    SHARED_BANDWIDTH,
    UPDATES,
    WIDTH,
    WRITE_BANDWIDTH,
)
from cosearch_simulators.accelerator.engines.npu import events
from cosearch_simulators.accelerator.engines.npu.given_tiles import run_tiles
from cosearch_simulators.accelerator.engines.npu.simulation import graph
from cosearch_simulators.accelerator.engines.timeloop.evaluation import evaluate
from cosearch_simulators.accelerator.mapper import MappedNetwork
from cosearch_simulators.accelerator.mapper.mapper import rows_of
from cosearch_simulators.threads import threads_of
from cosearch_simulators.workloads import Elementwise, Network

Floats = NDArray[np.float64]

MOST_TILES = 256
"""Of one operator; where a mapping has more, neighbours go as one."""


def mapped_latency_ns(
    mapped: MappedNetwork,
    architectures: Sequence[CompiledArchitecture],
    network: Network,
    *,
    clock_ghz: ArrayLike,
    element_bytes: ArrayLike,
    buffer_bytes: ArrayLike,
    memory_gb_per_s: ArrayLike,
    threads: int | None = None,
) -> Floats:
    """When the last output of the network is stored, (n,) in ns; NaN where a layer has no mapping.

    Args:
        mapped: the network on n architectures.
        architectures: those.
        network: that.
        clock_ghz: (n,).
        element_bytes: (n,), of all tensors in the memory.
        buffer_bytes: (n,), of the shared buffer.
        memory_gb_per_s: (n,), of reads and writes together.
        threads: designs simulated at once; None: as many as cores.
    """
    clock, element = np.asarray(clock_ghz, np.float64), np.asarray(element_bytes, np.float64)
    buffer, memory = np.asarray(buffer_bytes, np.float64), np.asarray(memory_gb_per_s, np.float64)
    fine = np.flatnonzero(mapped.valid)
    latency = np.full(len(architectures), np.nan)
    if not fine.size:
        return latency
    count, cycles, words = _layers(mapped, architectures, network, fine)
    tiles = np.zeros((fine.size, len(network.operators), events.COLUMNS))
    place = {name: i for i, name in enumerate(mapped.layers)}
    for number, operator in enumerate(network.operators):
        mine = tiles[:, number]
        layer = place.get(operator.name)
        if layer is not None:
            pieces = np.minimum(count[:, layer], MOST_TILES)
            moved = words[:, layer] * element[fine, None]
            mine[:, events.MATRIX_NS] = cycles[:, layer] / clock[fine]
        elif isinstance(operator, Elementwise) and len(operator.operands) == 1:
            mine[:, events.TILES] = 1.0  # done on the way out of the layer before
            continue
        else:
            elements = [float(operator.tensor_elements[t]) for t in ("Weights", "Inputs", "Outputs")]
            moved = np.outer(element[fine], elements)
            room = buffer[fine] / 2.0
            pieces = np.clip(np.ceil(moved.sum(axis=1) / room), 1, MOST_TILES)
        mine[:, events.TILES] = pieces
        mine[:, [events.WEIGHTS, events.INPUTS, events.OUTPUTS]] = moved / pieces[:, None]
        mine[:, events.MATRIX_NS] /= pieces
    _, first, producers = graph(network)

    def run(part: NDArray[np.intp]) -> None:
        rows = fine[part]
        latency[rows] = run_tiles(tiles[part], first, producers, buffer[rows], memory[rows])

    workers = min(threads_of(threads), fine.size)
    parts = np.array_split(np.arange(fine.size), workers * 4 if workers > 1 else 1)
    if workers == 1:
        run(parts[0])
    else:
        with ThreadPoolExecutor(workers) as pool:
            list(pool.map(run, [part for part in parts if part.size]))
    return latency


def _layers(
    mapped: MappedNetwork,
    architectures: Sequence[CompiledArchitecture],
    network: Network,
    fine: NDArray[np.intp],
) -> tuple[Floats, Floats, Floats]:
    """By design and layer: tiles, cycles on the chip, and words loaded of weights, of others, and stored."""
    nests = [nest for operator in network.operators if (nest := operator.loop_nest()) is not None]
    kinds = list(dict.fromkeys(nests))
    kind_of = np.array([kinds.index(nest) for nest in nests])
    first = np.array([nests.index(kind) for kind in kinds])  # equal layers have one mapping
    rows = mapped.rows[fine][:, first].ravel()
    mappings = rows_of(mapped.mappings, rows)
    costs = evaluate(
        [architectures[i] for i in fine],
        kinds,
        mappings,
        np.repeat(np.arange(fine.size), len(kinds)),
        np.tile(np.arange(len(kinds)), fine.size),
        counts=True,
    )
    counts = costs.counts
    assert counts is not None
    cycles = costs.compute_cycles.copy()
    tables = np.stack([architectures[i].table for i in fine]).repeat(len(kinds), axis=0)
    inside = np.ones(len(rows))  # instances of a level, from the outside in
    for level in range(tables.shape[1] - 1, -1, -1):
        widths = tables[:, level, WIDTH : WIDTH + 3]
        if level < tables.shape[1] - 1:
            read = (counts[:, level, :, READS] * widths).sum(axis=1) / inside
            written = counts[:, level, :, FILLED] + counts[:, level, :, UPDATES]
            reading = read / tables[:, level, READ_BANDWIDTH]
            writing = (written * widths).sum(axis=1) / inside / tables[:, level, WRITE_BANDWIDTH]
            taking_turns = tables[:, level, SHARED_BANDWIDTH] != 0.0
            port = np.where(taking_turns, reading + writing, np.maximum(reading, writing))
            cycles = np.maximum(cycles, port)
        spread = mappings.spatial_x[:, level].prod(axis=1) * mappings.spatial_y[:, level].prod(axis=1)
        inside = inside * spread
    outer = counts[:, -1]
    words = np.column_stack(
        [outer[:, 0, READS], outer[:, 1, READS] + outer[:, 2, READS], outer[:, 2, UPDATES]]
    )
    tiles = mappings.temporal[:, -1].prod(axis=1, dtype=np.float64)
    shape = (fine.size, len(kinds))
    return (
        tiles.reshape(shape)[:, kind_of],
        cycles.reshape(shape)[:, kind_of],
        words.reshape(*shape, 3)[:, kind_of],
    )
