"""The entry: systems on a chip in, seconds, watts, joules and square millimetres out."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from cosearch_simulators.core.result import Result
from cosearch_simulators.errors import ConfigurationError
from cosearch_simulators.soc.designs import NONE, SocDesigns, unmappable
from cosearch_simulators.soc.engines.farsi.kernel import GraphArrays, SystemArrays, run_designs
from cosearch_simulators.soc.graph import TaskGraph
from cosearch_simulators.soc.library import MEMORY_STEP_BYTES, BlockLibrary, MemoryTable
from cosearch_simulators.threads import threads_of

UNITS: Mapping[str, str] = {
    "latency_ns": "ns",
    "peak_power_mw": "mW",
    "energy_pj": "pJ",
    "area_mm2": "mm2",
    "processor_area_mm2": "mm2",
    "accelerator_area_mm2": "mm2",
    "sram_area_mm2": "mm2",
    "dram_area_mm2": "mm2",
    "distance_to_budget": "1",
    "distance_to_budget_both_ways": "1",
}
"""Of every metric. `latency_ns` is the end of the workload that ends last; where several run together, each
workload's own stands beside it as `latency_WORKLOAD_ns`."""

Scheduling = Literal["overtaking", "fifo"]
MET = 1e-9
"""FARSI's distance of a budget that is met."""


@dataclass(frozen=True, eq=False)
class SocSchedule:
    """When which task ran: seconds, float64 (n, T); and what the memories held at most, bytes (n, M)."""

    start_s: NDArray[np.float64]
    end_s: NDArray[np.float64]
    memory_bytes: NDArray[np.float64]


def evaluate(
    designs: SocDesigns,
    graph: TaskGraph,
    library: BlockLibrary,
    memory_table: MemoryTable,
    *,
    scheduling: Scheduling = "overtaking",
    threads: int | None = None,
) -> Result:
    """The metrics of `UNITS`, and for each of several workloads its latency.

    Args:
        designs: n of them.
        graph: what runs.
        library: the blocks that the designs' codes are of.
        memory_table: what memories cost by their size.
        scheduling: `overtaking`, the tool's rule: of the tasks that could run on an element, one that has
            just become ready goes before those that wait; `fifo`: those that wait go first.
        threads: how many cores to use; None for all.

    Raises:
        ConfigurationError: a task of the graph runs on no element of the library.
    """
    return simulate(designs, graph, library, memory_table, scheduling=scheduling, threads=threads)[0]


def simulate(
    designs: SocDesigns,
    graph: TaskGraph,
    library: BlockLibrary,
    memory_table: MemoryTable,
    *,
    scheduling: Scheduling = "overtaking",
    threads: int | None = None,
) -> tuple[Result, SocSchedule]:
    """As `evaluate`, with the schedule, whose rows mean nothing where a design could not run."""
    if scheduling not in ("overtaking", "fifo"):
        raise ConfigurationError(f"scheduling must be 'overtaking' or 'fifo', got {scheduling!r}")
    if lost := unmappable(graph, library):
        raise ConfigurationError(f"no block of the library can run the task {lost[0]!r}")
    reasons = designs.problems(graph, library)
    able = np.array([not reason for reason in reasons])
    n = len(designs)
    schedule = SocSchedule(
        np.zeros(designs.task_element.shape),
        np.zeros(designs.task_element.shape),
        np.zeros(designs.memories.shape),
    )
    columns = {name: np.full(n, np.nan) for name in _names(graph)}
    if able.any():
        mine = designs.take(np.flatnonzero(able))
        found = _run(mine, graph, library, memory_table, scheduling == "fifo", threads)
        for row, ran in zip(np.flatnonzero(able), found["ran"], strict=True):
            if not ran:
                reasons[row] = "a task's element has no way over the buses to a memory that it needs"
        schedule.start_s[able], schedule.end_s[able] = found["begin"], found["finish"]
        schedule.memory_bytes[able] = found["peak_bytes"]
        for name, values in _metrics(mine, graph, library, memory_table, found).items():
            columns[name][able] = values
    return Result.of(columns, reasons), schedule


def _names(graph: TaskGraph) -> tuple[str, ...]:
    several = graph.workloads if len(graph.workloads) > 1 else ()
    return (*UNITS, *(f"latency_{name}_ns" for name in several))


def _run(
    designs: SocDesigns,
    graph: TaskGraph,
    library: BlockLibrary,
    memory_table: MemoryTable,
    fifo: bool,
    threads: int | None,
) -> dict[str, NDArray[Any]]:
    order = designs.task_order
    if order is None:
        order = np.broadcast_to(np.arange(len(graph.tasks)), designs.task_element.shape)
    system = SystemArrays(
        *(
            np.ascontiguousarray(column)
            for column in (
                *(designs.elements, designs.memories, designs.buses, designs.element_bus, designs.memory_bus),
                *(designs.bus_links, designs.task_element),
                np.where(graph.writes, designs.task_memory, NONE),
                order,
                _of_task(designs, library.column("work_rate"), designs.task_rate),
                _of_task(designs, library.column("work_over_energy"), designs.task_operations_a_joule),
            )
        )
    )
    kinds = np.array([0 if block.subtype == "sram" else 1 for block in library.blocks.values()])
    rows = np.where(designs.memories == NONE, NONE, kinds[designs.memories])
    most = int(np.ceil(graph_arrays(graph).out_bytes.sum() / MEMORY_STEP_BYTES)) + 1
    costs = np.stack([memory_table.at(kind, np.arange(most + 1)) for kind in ("sram", "dram")])
    n = len(designs)
    by_task, by_memory = designs.task_element.shape, designs.memories.shape
    found = (*(np.zeros(shape) for shape in (n, n, by_task, by_task, by_memory)), np.zeros(n, bool))
    given = graph_arrays(graph), library.column("work_rate"), system, costs, rows, fifo
    workers = min(threads_of(threads), n)
    if workers == 1:
        run_designs(*given, 0, n, found)
    else:
        ends = np.linspace(0, n, workers + 1).astype(int)
        with ThreadPoolExecutor(workers) as pool:
            list(pool.map(lambda i: run_designs(*given, ends[i], ends[i + 1], found), range(workers)))
    names = ("joules", "power", "begin", "finish", "peak_bytes", "ran")
    return dict(zip(names, found, strict=True)) | {"memory_rows": rows, "memory_costs": costs}


def _of_task(
    designs: SocDesigns, of_block: NDArray[np.float64], given: NDArray[np.float64] | None
) -> NDArray[np.float64]:
    """A number of each task on its element, (n, T): the block's, unless one was given for the task."""
    usual = of_block[np.take_along_axis(designs.elements, designs.task_element, axis=1)]
    return usual if given is None else np.where(np.isnan(given), usual, given)


def graph_arrays(graph: TaskGraph) -> GraphArrays:
    """The graph for the kernel."""
    tasks = len(graph.tasks)

    def by(ends: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        order = np.argsort(ends, kind="stable")
        return np.concatenate([[0], np.cumsum(np.bincount(ends, minlength=tasks))]).astype(np.int64), order

    parent_first, into = by(graph.edge_target)
    child_first, out = by(graph.edge_source)
    return GraphArrays(
        graph.work_ops,
        graph.burst_bytes,
        graph.dummy,
        graph.dummy & graph.roots,
        np.bincount(graph.edge_source, graph.edge_bytes, minlength=tasks).astype(np.float64),
        parent_first,
        graph.edge_source[into],
        graph.edge_bytes[into],
        child_first,
        graph.edge_target[out],
        graph.edge_bytes[out],
    )


def _metrics(
    designs: SocDesigns,
    graph: TaskGraph,
    library: BlockLibrary,
    memory_table: MemoryTable,
    found: Mapping[str, NDArray[Any]],
) -> dict[str, NDArray[np.float64]]:
    latency_s = found["finish"][:, graph.last_task]
    areas = element_areas_m2(designs, graph, library)
    subtype = np.array([block.subtype for block in library.blocks.values()] + [""])
    of_element = subtype[designs.elements]
    steps = np.ceil(found["peak_bytes"] / MEMORY_STEP_BYTES).astype(np.int64)
    rows = found["memory_rows"]
    memory_m2 = np.where(rows == NONE, 0.0, found["memory_costs"][np.maximum(rows, 0), steps, 2])
    processors = np.where(of_element == "gpp", areas, 0.0).sum(axis=1)
    accelerators = np.where(of_element == "ip", areas, 0.0).sum(axis=1)
    sram, dram = (np.where(rows == kind, memory_m2, 0.0).sum(axis=1) for kind in (0, 1))
    logic = processors + accelerators + sram
    pairs = [
        *((latency_s[:, w], budget) for w, budget in enumerate(graph.latency_budget_s)),
        (found["power"], graph.power_budget_w),
        (logic, graph.area_budget_m2),
        (dram, graph.area_budget_m2),
    ]
    off = np.array([(value - budget) / budget for value, budget in pairs])
    metrics = {
        "latency_ns": latency_s.max(axis=1) * 1e9,
        "peak_power_mw": found["power"] * 1e3,
        "energy_pj": found["joules"] * 1e12,
        "area_mm2": (logic + dram) * 1e6,
        "processor_area_mm2": processors * 1e6,
        "accelerator_area_mm2": accelerators * 1e6,
        "sram_area_mm2": sram * 1e6,
        "dram_area_mm2": dram * 1e6,
        "distance_to_budget": np.where(off <= 0, MET, off).sum(axis=0),
        "distance_to_budget_both_ways": np.abs(off).sum(axis=0),
    }
    if len(graph.workloads) > 1:
        for w, name in enumerate(graph.workloads):
            metrics[f"latency_{name}_ns"] = latency_s[:, w] * 1e9
    return metrics


def element_areas_m2(designs: SocDesigns, graph: TaskGraph, library: BlockLibrary) -> NDArray[np.float64]:
    """Areas of the processing elements, float64 (n, P).

    A processor has a fixed area, an accelerator that of its largest task; a processor on which stand nothing
    but the source and the sink is not built.
    """
    over_area = np.append(library.column("work_over_area"), np.inf)[designs.elements]
    is_general = np.array([block.subtype == "gpp" for block in library.blocks.values()] + [False])
    general = is_general[designs.elements]
    ends = graph.dummy & (graph.roots | ~graph.writes)
    elements = np.arange(designs.elements.shape[1])
    here = designs.task_element[:, None, :] == elements[None, :, None]
    largest = np.where(here, graph.work_ops, 0.0).max(axis=2)
    does_work = (here & ~ends).any(axis=2)
    usual = np.where(general, np.where(does_work, 1.0, 0.0), largest) / over_area
    if designs.element_area_m2 is None:
        return usual
    given = np.where(does_work, designs.element_area_m2, 0.0)
    return np.where(np.isnan(designs.element_area_m2), usual, given)
