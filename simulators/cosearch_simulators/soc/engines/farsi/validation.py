"""The engine against designs that Project FARSI simulated; a case is one design of one workload."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from cosearch_simulators.core.validation.cases import number, read_cases, reading
from cosearch_simulators.core.validation.table import ValidationRow, ValidationTable
from cosearch_simulators.errors import SimulatorError
from cosearch_simulators.soc.designs import NONE, SocDesigns
from cosearch_simulators.soc.engines.farsi.entry import evaluate
from cosearch_simulators.soc.graph import TaskGraph
from cosearch_simulators.soc.library import BlockLibrary, MemoryTable

MARKER = "soc-farsi"
BOUND = 1e-3
_TIMED = 2_000


def validate(folder: Path, progress: Callable[[int, int], None] = lambda done, of: None) -> ValidationTable:
    """The error table of `folder/designs.jsonl`, with the task graphs and libraries beside it.

    Raises:
        SimulatorError: a file or a field is missing.
    """
    cases = read_cases(folder / "designs.jsonl")
    memory_table = MemoryTable.read(folder / "cacti_table.json")
    workloads = sorted({str(case.get("workload")) for case in cases})
    rows: list[ValidationRow] = []
    failures: list[str] = []
    speed: dict[str, dict[str, float]] = {}
    done = 0
    for workload in workloads:
        graph = TaskGraph.read(folder / f"task_graph_{workload}.json")
        library = BlockLibrary.read(folder / f"library_{workload}.json")
        mine = [case for case in cases if case.get("workload") == workload]
        designs = designs_of(mine, graph, library)
        found = evaluate(designs, graph, library, memory_table, threads=1)
        failures += [f"{mine[row]['id']}: {found.reason[row]}" for row in np.flatnonzero(~found.ok)]
        for name, theirs in recorded(mine).items():
            ours = found[name]
            rows.append(ValidationRow.of(workload, name, ours, theirs, bound=BOUND))
            failures += [
                f"{mine[row]['id']}: {name} is {ours[row]:g}, not {theirs[row]:g}"
                for row in np.flatnonzero(~(np.abs(ours - theirs) <= BOUND * np.abs(theirs)))
            ]
        many = designs.take(np.arange(_TIMED) % len(designs))
        start = time.perf_counter()
        evaluate(many, graph, library, memory_table, threads=1)
        own = _TIMED / (time.perf_counter() - start)
        tool = len(mine) / sum(number(case["sim_seconds"]) for case in mine)
        speed[workload] = {"designs a second": own, "of the tool": tool, "ratio": own / tool}
        done += len(mine)
        progress(done, len(cases))
    return ValidationTable(MARKER, rows, speed, failures)


def recorded(cases: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The tool's numbers by our metric, in our units."""
    columns: dict[str, list[float]] = {}
    for case in cases:
        with reading("FARSI", case):
            found = case["results"]
            area = {kind: number(value) for kind, value in found["area_by_subtype_m2"].items()}
            values = {
                "latency_ns": max(number(value) for value in found["latency_s"].values()) * 1e9,
                "peak_power_mw": number(found["power_w"]) * 1e3,
                "energy_pj": number(found["energy_j"]) * 1e12,
                "area_mm2": number(found["area_m2"]) * 1e6,
                "sram_area_mm2": area["sram"] * 1e6,
                "dram_area_mm2": area["dram"] * 1e6,
                "accelerator_area_mm2": area["ip"] * 1e6,
                "distance_to_budget": number(found["dist_to_goal_eliminate"]),
                "distance_to_budget_both_ways": number(found["dist_to_goal_simple"]),
            }
        for name, value in values.items():
            columns.setdefault(name, []).append(value)
    return {name: np.array(values) for name, values in columns.items()}


def designs_of(cases: Sequence[Mapping[str, Any]], graph: TaskGraph, library: BlockLibrary) -> SocDesigns:
    """The cases' designs; the topology is the one that the tool simulated, unused buses left out."""
    n, tasks = len(cases), len(graph.tasks)
    place = {task: position for position, task in enumerate(graph.tasks)}
    widest = [max(len(case["design"][kind]) for case in cases) for kind in ("pes", "mems", "ics")]
    elements, memories, buses = (np.full((n, width), NONE, np.int64) for width in widest)
    element_bus, memory_bus = np.zeros_like(elements), np.zeros_like(memories)
    links = np.zeros((n, widest[2], widest[2]), bool)
    task_element, task_memory = np.full((n, tasks), NONE, np.int64), np.full((n, tasks), NONE, np.int64)
    order = np.empty((n, tasks), np.int64)
    for row, case in enumerate(cases):
        with reading("FARSI", case):
            design = case["design"]
            for kind, column in (("pes", elements), ("mems", memories), ("ics", buses)):
                column[row, : len(design[kind])] = library.codes(design[kind])
            names = {
                kind: {name: position for position, name in enumerate(design[f"{kind}_instance"])}
                for kind in ("pe", "mem", "ic")
            }
            for ends in design["effective_links"]:
                bus = next(name for name in ends if name in names["ic"])
                other = ends[0] if bus == ends[1] else ends[1]
                if other in names["ic"]:
                    links[row, names["ic"][bus], names["ic"][other]] = True
                elif other in names["pe"]:
                    element_bus[row, names["pe"][other]] = names["ic"][bus]
                else:
                    memory_bus[row, names["mem"][other]] = names["ic"][bus]
            for field, target in (("task_to_pe", task_element), ("task_to_mem", task_memory)):
                for task, block in design[field].items():
                    target[row, place[task]] = block
            order[row] = [place[task] for task in case["results"]["tasks"]]
    if not n:
        raise SimulatorError("there is no case")
    return SocDesigns(
        elements, memories, buses, element_bus, memory_bus, links, task_element, task_memory, order
    )
