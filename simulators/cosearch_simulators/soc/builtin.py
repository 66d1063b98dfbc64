"""Task graphs, blocks and memories that come with the package, so that a system can be searched at once.

The operations are counted from the algorithms' definitions and from our own operator lists; the blocks are
built from published numbers, the source beside each, and from assumptions that are marked so.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosearch_simulators.accelerator.silicon import components
from cosearch_simulators.core.names import unknown
from cosearch_simulators.errors import ConfigurationError
from cosearch_simulators.soc.graph import TaskGraph
from cosearch_simulators.soc.library import MEMORY_STEP_BYTES, BlockLibrary, MemoryTable

TECHNOLOGY_NM = 20.0
"""Of everything here; the nearest of the published scaling factors to the 22 nm of the processor."""

# F. Zaruba, L. Benini: "The cost of application-class processing", IEEE TVLSI 27 (2019): the single-issue
# core Ariane (CVA6) in 22 nm, up to 1.7 GHz, at best 40 Gop/s/W. An operation a cycle at 1 GHz and at that
# efficiency is an assumption.
PROCESSOR_OPS = 1.0e9
PROCESSOR_OPS_A_JOULE = 40e9
PROCESSOR_MM2 = 0.3
"""With its first-level caches; an assumption."""

UNROLLS = (1, 4, 16, 64)
CLOCKS_MHZ = (100, 400, 800)
WIDTHS_BYTES = (4, 16, 64)
LANE_BITS = 16
LANE_OVERHEAD = 2.0
"""A lane with registers and control, as a multiple of its multiplier and adder; an assumption."""

DRAM_BITS_A_MM2 = 0.15e9
"""About that of a 20 nm die; an assumption."""

WIDTH, HEIGHT = 1920, 1080
_PIXEL = {  # operations for each pixel: multiplications, additions, comparisons of the textbook steps
    "smooth": 25 + 24,  # a Gaussian of 5 x 5
    "gradient": 2 * (9 + 8),  # Sobel's two kernels of 3 x 3
    "magnitude": 3,  # |gx| + |gy|
    "direction": 4,  # the sector by signs and two comparisons
    "suppress": 4,  # two neighbours along the direction
    "threshold": 2,  # high and low
    "link": 9,  # a weak pixel beside a strong one, among eight
}
_PIXEL_EDGES = (  # bytes for each pixel
    ("source", "smooth", 1),
    ("smooth", "gradient", 1),
    ("gradient", "magnitude", 4),
    ("gradient", "direction", 4),
    ("magnitude", "suppress", 2),
    ("direction", "suppress", 1),
    ("suppress", "threshold", 2),
    ("threshold", "link", 1),
    ("link", "sink", 1),
)
STAGES = 8
"""Into which a network's operators are cut."""

WORKLOADS = ("edges", "mobilenet_v2")


@lru_cache(maxsize=8)
def builtin_graph(name: str) -> TaskGraph:
    """A task graph by its name.

    `edges`: J. Canny, "A computational approach to edge detection", PAMI 1986, of one image of 1920 x 1080
    bytes. `mobilenet_v2`: the operators of the network in eight stages, one image of 224 x 224.

    Raises:
        ConfigurationError: there is none of that name.
    """
    if name == "edges":
        pixels = WIDTH * HEIGHT
        work = {"source": 0.0} | {task: float(ops * pixels) for task, ops in _PIXEL.items()} | {"sink": 0.0}
        edges = [(a, b, float(size * pixels)) for a, b, size in _PIXEL_EDGES]
        return _graph(name, work, edges, latency_s=1 / 30)
    if name == "mobilenet_v2":
        from cosearch_simulators.workloads import network

        stages = _stages(network("mobilenet_v2"))
        work = {"source": 0.0} | {f"stage_{i}": ops for i, (ops, _, _) in enumerate(stages)} | {"sink": 0.0}
        names = list(work)
        sizes = [stages[0][1]] + [out for _, _, out in stages]
        edges = [(a, b, size) for a, b, size in zip(names[:-1], names[1:], sizes, strict=True)]
        return _graph(name, work, edges, latency_s=1 / 30)
    raise ConfigurationError(unknown("workload", name, WORKLOADS))


def stage_networks(name: str) -> dict[str, Any]:
    """By task of a built-in workload the operators that it runs, as a network; empty where it runs none."""
    if name != "mobilenet_v2":
        return {}
    from cosearch_simulators.workloads import Network, network

    whole = network(name)
    cuts = _cuts(whole)
    return {
        f"stage_{i}": Network(f"{name} stage {i}", whole.operators[start:end])
        for i, (start, end) in enumerate(pairwise(cuts))
    }


def _stages(network: Any) -> list[tuple[float, float, float]]:
    """Of each stage: operations, bytes in, bytes out."""
    operators, ops = network.operators, _operations(network)
    found = []
    for start, end in pairwise(_cuts(network)):
        first, final = operators[start].tensor_bytes, operators[end - 1].tensor_bytes
        found.append((float(ops[start:end].sum()), float(first["Inputs"]), float(final["Outputs"])))
    return found


def _operations(network: Any) -> NDArray[np.float64]:
    return np.array([2.0 * operator.macs + operator.vector_operations for operator in network.operators])


def _cuts(network: Any) -> list[int]:
    """Where stages of about equal work begin, and the end.

    A cut is made only where a single tensor crosses, so that a stage hands one tensor on.
    """
    operators = list(network.operators)
    place = {operator.name: i for i, operator in enumerate(operators)}
    last_use = np.arange(len(operators))
    for source, target in network.edges:
        if source in place and target in place:
            last_use[place[source]] = max(last_use[place[source]], place[target])
    crossing = [sum(last_use[:i] >= i) for i in range(len(operators))]
    done = np.cumsum(_operations(network))
    cuts = [0]
    for i in range(1, len(operators)):
        wanted = done[-1] * len(cuts) / STAGES
        if crossing[i] <= 1 and done[i - 1] >= wanted and len(cuts) < STAGES:
            cuts.append(i)
    return [*cuts, len(operators)]


def _graph(
    name: str, work: dict[str, float], edges: Sequence[tuple[str, str, float]], *, latency_s: float
) -> TaskGraph:
    return TaskGraph.parse(
        {
            "workload": name,
            "tasks": [{"name": task, "work_ops": ops, "dummy": ops == 0} for task, ops in work.items()],
            "edges": [{"from": a, "to": b, "bytes": size} for a, b, size in edges],
            # Thirty images a second, a tenth of a watt, ten square millimetres: a camera's share of a chip.
            "budget": {"latency": {name: latency_s}, "area": 1e-5, "power": 0.1},
            "last_task": {name: "sink"},
        }
    )


def builtin_library(graph: TaskGraph) -> BlockLibrary:
    """Blocks for a graph's tasks: a processor, an accelerator for each task, memories and buses."""
    tasks = [task.rpartition("/")[2] for task in graph.tasks]
    blocks: dict[str, Any] = {
        "processor": {
            "type": "pe",
            "subtype": "gpp",
            "work_rate": PROCESSOR_OPS,
            "work_over_energy": PROCESSOR_OPS_A_JOULE,
            "work_over_area": 1 / (PROCESSOR_MM2 * 1e-6),
            "clock_freq_hz": PROCESSOR_OPS,
            "mappable_tasks": tasks,
        }
    }
    lane_pj = LANE_OVERHEAD * components.mac_energy_pj(LANE_BITS, TECHNOLOGY_NM)
    lane_um2 = LANE_OVERHEAD * components.mac_area_um2(LANE_BITS, TECHNOLOGY_NM)
    for task, work, is_dummy in zip(tasks, graph.work_ops, graph.dummy, strict=True):
        if is_dummy:
            continue
        for unroll in UNROLLS:
            for clock in CLOCKS_MHZ:
                blocks[f"{task}_{unroll}_{clock}"] = {
                    "type": "pe",
                    "subtype": "ip",
                    "work_rate": 2.0 * unroll * clock * 1e6,  # a multiplication and an addition in each lane
                    "work_over_energy": 2.0 / (lane_pj * 1e-12),
                    "work_over_area": work / (unroll * lane_um2 * 1e-12),
                    "clock_freq_hz": clock * 1e6,
                    "loop_itr_cnt": unroll,
                    "mappable_tasks": [task],
                }
    for kind, subtype in (("mem", "sram"), ("mem", "dram"), ("ic", "ic")):
        for width in WIDTHS_BYTES:
            for clock in CLOCKS_MHZ:
                blocks[f"{subtype}_{width}_{clock}"] = {
                    "type": kind,
                    "subtype": subtype,
                    "work_rate": width * clock * 1e6,
                    "clock_freq_hz": clock * 1e6,
                    "bus_width_bytes": width,
                }
    return BlockLibrary.parse(blocks)


@lru_cache(maxsize=1)
def builtin_memory_table() -> MemoryTable:
    """Energy and area of SRAM and DRAM by size, from the accelerator's published parts."""
    rows = []
    for steps in (1, 4, 16, 64, 256):
        size = steps * MEMORY_STEP_BYTES
        sram = components.sram_energy_pj(size * 8, 64, TECHNOLOGY_NM) / 8 * 1e-12
        dram = components.dram_energy_pj(8, "hbm2") * 1e-12
        rows.append(_row("sram", size, sram, components.sram_area_um2(size * 8, TECHNOLOGY_NM) * 1e-12))
        rows.append(_row("dram", size, dram, size * 8 / DRAM_BITS_A_MM2 * 1e-6))
    return MemoryTable.parse(rows)


def _row(kind: str, size: int, joules: float, area_m2: float) -> dict[str, Any]:
    return {
        "farsi_subtype": kind,
        "size_bytes": size,
        "read_J_per_byte": joules,
        "write_J_per_byte": joules,
        "area_m2": area_m2,
    }
