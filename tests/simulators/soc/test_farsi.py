"""The SoC engine: against FARSI's own designs, by hand on small systems, and what every engine owes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cosearch_simulators.core.check import check_simulator
from cosearch_simulators.core.validation.cases import read_cases
from cosearch_simulators.errors import ConfigurationError, WorkloadError
from cosearch_simulators.soc.designs import NONE, SocDesigns
from cosearch_simulators.soc.engines.farsi.entry import UNITS, evaluate, simulate
from cosearch_simulators.soc.engines.farsi.validation import designs_of, validate
from cosearch_simulators.soc.graph import TaskGraph
from cosearch_simulators.soc.library import BlockLibrary, MemoryTable

SAMPLE = Path(__file__).parents[2] / "reference" / "soc"
RATE = 1e9


def graph_of(
    work: dict[str, float], edges: list[tuple[str, str, float]], *, last: str, workload: str = "small"
) -> TaskGraph:
    return TaskGraph.parse(
        {
            "workload": workload,
            "tasks": [{"name": name, "work_ops": ops, "dummy": ops == 0} for name, ops in work.items()],
            "edges": [{"from": a, "to": b, "bytes": size} for a, b, size in edges],
            "budget": {"latency": {workload: 1e-3}, "area": 1e-5, "power": 1e-2},
            "last_task": {workload: last},
        }
    )


def library_of(tasks: tuple[str, ...]) -> BlockLibrary:
    return BlockLibrary.parse(
        {
            "cpu": {
                "type": "pe",
                "subtype": "gpp",
                "work_rate": RATE,
                "work_over_energy": 1e10,
                "work_over_area": 1e6,
                "mappable_tasks": list(tasks),
            },
            "sram": {"type": "mem", "subtype": "sram", "work_rate": 1e9},
            "bus": {"type": "ic", "subtype": "ic", "work_rate": 1e9},
        }
    )


MEMORY = MemoryTable.parse(
    [
        {
            "farsi_subtype": kind,
            "size_bytes": size,
            "read_J_per_byte": 1e-12,
            "write_J_per_byte": 2e-12,
            "area_m2": size * 1e-13,
        }
        for kind in ("sram", "dram")
        for size in (256_000, 512_000)
    ]
)


def systems(graph: TaskGraph, task_element: list[int], elements: int) -> SocDesigns:
    """One system of so many processors, one bus, one memory."""
    return SocDesigns(
        np.zeros((1, elements), np.int64),
        np.array([[1]]),
        np.array([[2]]),
        np.zeros((1, elements), np.int64),
        np.array([[0]]),
        np.zeros((1, 1, 1), bool),
        np.array([task_element]),
        np.where(graph.writes, 0, NONE)[None, :],
    )


def test_the_sample_of_farsi_is_exact() -> None:
    table = validate(SAMPLE)
    assert table.passed, table.failures
    assert max(row.maximum for row in table.rows) < 1e-12


def test_all_reference_designs_are_exact(reference: Path) -> None:
    table = validate(reference / "soc")
    assert table.passed, table.failures
    assert {row.cases for row in table.rows} == {40}
    assert max(row.maximum for row in table.rows) < 1e-12


FORK = graph_of(
    {"source": 0, "left": 1e6, "right": 1e6, "sink": 0},
    [
        ("source", "left", 1024.0),
        ("source", "right", 1024.0),
        ("left", "sink", 4096.0),
        ("right", "sink", 4096.0),
    ],
    last="sink",
)


def test_tasks_on_one_processor_take_turns_and_on_two_run_at_once() -> None:
    library = library_of(FORK.tasks)
    one = evaluate(systems(FORK, [0, 0, 0, 0], 1), FORK, library, MEMORY)
    two = evaluate(systems(FORK, [0, 0, 1, 0], 2), FORK, library, MEMORY)
    assert one["latency_ns"][0] == pytest.approx(2e6)  # 2e6 operations at 1e9/s
    assert two["latency_ns"][0] == pytest.approx(1e6)
    # Energy: operations, and every byte once written and once read; what the source writes is free.
    joules = 2e6 / 1e10 + 2048 * 1e-12 + 8192 * 2e-12
    for found in (one, two):
        assert found["energy_pj"][0] == pytest.approx(joules * 1e12)


def test_a_slow_bus_is_shared() -> None:
    heavy = graph_of(
        {"source": 0, "left": 1e6, "right": 1e6, "sink": 0},
        [
            ("source", "left", 4.096e6),
            ("source", "right", 4.096e6),
            ("left", "sink", 1.0),
            ("right", "sink", 1.0),
        ],
        last="sink",
    )
    library = library_of(heavy.tasks)
    alone = evaluate(systems(heavy, [0, 0, 0, 0], 1), heavy, library, MEMORY)
    shared = evaluate(systems(heavy, [0, 0, 1, 0], 2), heavy, library, MEMORY)
    # 4.096 MB at 1 GB/s each: the bus is the bound, so two processors help nothing.
    assert alone["latency_ns"][0] == pytest.approx(2 * 4.096e6)
    assert shared["latency_ns"][0] == pytest.approx(2 * 4.096e6)


def test_first_in_first_out_lets_none_overtake() -> None:
    edges: list[tuple[str, str, float]] = [
        *(("source", "first", 1024), ("source", "early", 1024), ("first", "late", 1024)),
        *(("early", "sink", 1024), ("late", "sink", 1024)),
    ]
    # `early` and `first` are ready at once, `late` when `first` is done; all on one processor.
    graph = graph_of(
        {"source": 0, "first": 1e6, "early": 1e6, "late": 1e6, "sink": 0},
        edges,
        last="sink",
    )
    library = library_of(graph.tasks)
    design = systems(graph, [0] * 5, 1)
    _, overtaken = simulate(design, graph, library, MEMORY)
    _, fair = simulate(design, graph, library, MEMORY, scheduling="fifo")
    early, late = graph.tasks.index("early"), graph.tasks.index("late")
    assert overtaken.end_s[0, late] < overtaken.end_s[0, early]
    assert fair.end_s[0, early] < fair.end_s[0, late]
    assert fair.end_s[0].max() == pytest.approx(overtaken.end_s[0].max())


def sample_designs(workload: str) -> tuple[SocDesigns, TaskGraph, BlockLibrary, MemoryTable]:
    graph = TaskGraph.read(SAMPLE / f"task_graph_{workload}.json")
    library = BlockLibrary.read(SAMPLE / f"library_{workload}.json")
    cases = [case for case in read_cases(SAMPLE / "designs.jsonl") if case["workload"] == workload]
    return designs_of(cases, graph, library), graph, library, MemoryTable.read(SAMPLE / "cacti_table.json")


def test_a_design_depends_on_nothing_but_itself() -> None:
    designs, graph, library, memory = sample_designs("audio_decoder")
    broken = designs.take(np.arange(len(designs)))
    broken.task_element[1, 3] = 15
    check_simulator(
        lambda some, threads: evaluate(some, graph, library, memory, threads=threads),
        broken,
        UNITS,
        broken=[1],
    )


def test_what_a_task_waits_for_ends_before_it_begins() -> None:
    for workload in ("audio_decoder", "edge_detection", "hpvm_cava"):
        designs, graph, library, memory = sample_designs(workload)
        for scheduling in ("overtaking", "fifo"):
            _, schedule = simulate(designs, graph, library, memory, scheduling=scheduling)  # type: ignore[arg-type]
            ends, starts = schedule.end_s[:, graph.edge_source], schedule.start_s[:, graph.edge_target]
            assert (starts >= ends).all()


def test_workloads_that_run_together_slow_each_other_and_keep_their_own_latency() -> None:
    edges: list[tuple[str, str, float]] = [("source", "a", 1024), ("a", "sink", 1024)]
    one = graph_of({"source": 0, "a": 1e6, "sink": 0}, edges, last="sink")
    other = graph_of(
        {"source": 0, "a": 3e6, "sink": 0},
        edges,
        last="sink",
        workload="other",
    )
    both = TaskGraph.together([one, other])
    found = evaluate(systems(both, [0, 0, 0, 0, 0, 0], 1), both, library_of(("a",)), MEMORY)
    assert found["latency_small_ns"][0] == pytest.approx(1e6)
    assert found["latency_other_ns"][0] == pytest.approx(4e6)
    assert found["latency_ns"][0] == pytest.approx(4e6)
    with pytest.raises(WorkloadError, match="'small' stands twice"):
        TaskGraph.together([one, one])


EDGE = {"from": "a", "to": "b", "bytes": 8}


def graph_file(**changes: Any) -> dict[str, Any]:
    return {
        "workload": "w",
        "tasks": [{"name": "a", "work_ops": 1.0}, {"name": "b", "work_ops": 1.0}],
        "edges": [EDGE],
        "budget": {"latency": {"w": 1.0}, "area": 1.0, "power": 1.0},
        "last_task": {"w": "b"},
    } | changes


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"edges": [EDGE, {"from": "b", "to": "a", "bytes": 8}]},
            "a circle: a -> b -> a",
        ),
        ({"edges": [{"from": "aa", "to": "b", "bytes": 8}]}, "there is no task 'aa'; valid: a, b"),
        ({"edges": [{"from": "a", "to": "b"}]}, r"edges.0.bytes is missing"),
        ({"edges": [{"from": "a", "to": "b", "bytes": -1}]}, "must be at least 0"),
        ({"edges": [EDGE] * 2}, "given twice"),
        ({"tasks": [{"name": "a", "work_ops": 1.0}] * 2}, "the task 'a' is given twice"),
        ({"tasks": []}, "not empty"),
        ({"last_task": {"w": "c"}}, "the last task of 'w': there is no task 'c'"),
        ({"last_task": {"v": "b"}}, "no entry for the workload 'v'"),
        ({"work": 1}, "unknown field work"),
    ],
)
def test_a_broken_task_graph_is_one_line(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigurationError, match=said) as refused:
        TaskGraph.parse(graph_file(**changes), "graph.json")
    assert str(refused.value).startswith("graph.json: ")
    assert "\n" not in str(refused.value)


def test_a_task_that_no_block_runs_is_named() -> None:
    with pytest.raises(ConfigurationError, match="no block of the library can run the task 'left'"):
        evaluate(systems(FORK, [0, 0, 0, 0], 1), FORK, library_of(("right",)), MEMORY)


def test_a_memory_costs_what_the_table_says_and_between_two_sizes_something_between() -> None:
    table = MemoryTable.read(SAMPLE / "cacti_table.json")
    costs = table.at("sram", np.arange(0, 200))
    assert (costs[0] == 0).all()
    for size, row in zip(table.sizes["sram"], table.costs["sram"], strict=True):
        assert costs[round(size / 256_000)] == pytest.approx(row, rel=1e-15)
    assert (np.diff(costs[:, 2]) > 0).all()


def test_a_memory_behind_no_bus_is_infeasible_and_says_so() -> None:
    library, there = library_of(FORK.tasks), systems(FORK, [0, 0, 0, 0], 1)
    apart = SocDesigns(
        there.elements,
        there.memories,
        np.array([[2, 2]]),
        there.element_bus,
        np.array([[1]]),
        np.zeros((1, 2, 2), bool),
        there.task_element,
        there.task_memory,
    )
    found = evaluate(apart, FORK, library, MEMORY)
    assert found.status.tolist() == ["infeasible"]
    assert "no way over the buses" in found.reason[0]
    apart.bus_links[0, 0, 1] = True
    assert evaluate(apart, FORK, library, MEMORY).ok.all()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"work_over_energy": None}, "cpu: work_over_energy is missing"),
        ({"subtype": "sram"}, "the subtype of a pe is gpp or ip, got 'sram'"),
        ({"work_rate": -1}, "work_rate"),
    ],
)
def test_a_block_that_lacks_something_is_one_line(changes: dict[str, Any], said: str) -> None:
    block = {"type": "pe", "subtype": "gpp", "work_rate": 1e9, "work_over_energy": 1e9, "work_over_area": 1e6}
    given = {name: value for name, value in (block | changes).items() if value is not None}
    with pytest.raises(ConfigurationError, match=said):
        BlockLibrary.parse({"cpu": given})
