"""The problem `soc`: out of the box, on FARSI's files, and several workloads at once."""

from __future__ import annotations

import json
from pathlib import Path

import gymnasium
import numpy as np
import pytest

import cosearch  # noqa: F401
from cosearch.drawing import drawn_pictures
from cosearch.errors import CosearchError
from cosearch.testing import check_problem
from cosearch_plugins.soc.soc import Soc

SAMPLE = Path(__file__).parents[1] / "reference" / "soc"


def folder(tmp_path: Path, library: str = "library_edge_detection.json") -> Path:
    """A folder of the user's: one of the reference's graphs, with a small library."""
    for name in ("task_graph_edge_detection.json", "cacti_table.json"):
        (tmp_path / name).write_text((SAMPLE / name).read_text())
    (tmp_path / "library_edge_detection.json").write_text((SAMPLE / library).read_text())
    return tmp_path


@pytest.mark.parametrize("workload", ["edges", "mobilenet_v2"])
def test_it_keeps_the_contract_of_a_problem(workload: str) -> None:
    check_problem(Soc(workload=workload), designs=12, elsewhere=False)


def test_an_absent_block_has_no_attributes() -> None:
    space = Soc().space
    assert space.parameter("memory_2_kind").when == {"memories": (2, 3)}
    assert space.parameter("bus_3_clock_mhz").when == {"buses": (3,)}
    assert space.parameter("topology").when == {"buses": (3,)}
    assert space.parameter("unroll_smooth").when == {"host_smooth": ("accelerator",)}
    default = space.default()
    assert "memory_2_kind" not in default
    assert "unroll_smooth" not in default


def test_one_processor_at_one_operation_a_cycle_takes_the_sum_of_all_operations() -> None:
    problem = Soc()
    design = {p.name: p.default for p in problem.space} | {
        "memory_1_width_bytes": 64,
        "bus_1_width_bytes": 64,
    }
    design |= {"memory_1_clock_mhz": 800, "bus_1_clock_mhz": 800}
    design = {name: value for name, value in design.items() if name in problem.space.default()}
    found = problem.evaluate([design])
    assert found["latency_ns"][0] == pytest.approx(problem.graph.work_ops.sum(), rel=1e-9)
    assert found["processor_area_mm2"][0] == pytest.approx(0.3)


def test_accelerators_are_faster_and_take_area() -> None:
    problem = Soc()
    base = problem.space.default() | {"memory_1_width_bytes": 64, "bus_1_width_bytes": 64}
    fast = base | {"host_smooth": "accelerator", "unroll_smooth": 64, "clock_mhz_smooth": 800}
    found = problem.evaluate([base, fast])
    assert found["latency_ns"][1] < found["latency_ns"][0]
    assert found["accelerator_area_mm2"][1] > found["accelerator_area_mm2"][0] == 0


def test_farsi_s_files_are_a_workload(tmp_path: Path) -> None:
    problem = Soc(workload="edge_detection", folder=str(folder(tmp_path)))
    found = problem.evaluate(problem.space.sample(50, 0))
    assert set(found.status) <= {"ok", "infeasible"}
    assert found.ok.any()
    assert problem.workload_digest


def test_the_reference_s_simplest_designs_are_points_of_the_space(reference: Path) -> None:
    problem = Soc(workload="audio_decoder", folder=str(reference / "soc"))
    cases = [json.loads(line) for line in (reference / "soc" / "designs.jsonl").read_text().splitlines()]
    mine = [case for case in cases if case["workload"] == "audio_decoder" and case["kind"] in ("base", "smp")]
    checked = 0
    for case in mine:
        design = problem.space.default()
        memory, bus = (problem.library.blocks[case["design"][kind][0]] for kind in ("mems", "ics"))
        design |= {
            "memory_1_kind": memory.subtype,
            "memory_1_width_bytes": int(memory.bus_width_bytes),  # type: ignore[arg-type]
            "memory_1_clock_mhz": int(memory.clock_freq_hz / 1e6),
            "bus_1_width_bytes": int(bus.bus_width_bytes),  # type: ignore[arg-type]
            "bus_1_clock_mhz": int(bus.clock_freq_hz / 1e6),
        }
        hosts = case["design"]["task_to_pe"]
        if len(case["design"]["mems"]) > 1 or len(case["design"]["ics"]) > 1:
            continue
        # The source stands on the first processor here.
        swapped = hosts["souurce"]
        for task, name in problem.names.items():
            if f"host_{name}" in problem.space:
                where = {swapped: 0, 0: swapped}.get(hosts[task], hosts[task])
                design[f"host_{name}"] = f"processor_{where + 1}"
        found = problem.evaluate([design])
        theirs = case["results"]
        assert found["latency_ns"][0] == pytest.approx(theirs["latency_s"]["audio_decoder"] * 1e9, rel=0.02)
        assert found["energy_pj"][0] == pytest.approx(theirs["energy_j"] * 1e12, rel=1e-3)
        checked += 1
    assert checked > 10


def test_several_workloads_run_together() -> None:
    alone, both = Soc(workload="edges"), Soc(workload="edges+mobilenet_v2", budgets=True)
    assert {"latency_edges_ns", "latency_mobilenet_v2_ns"} <= set(both.metric_names)
    assert len(both.constraints) == 4
    sample = both.evaluate(both.space.sample(20, 1))
    assert (
        sample["latency_ns"] == np.maximum(sample["latency_edges_ns"], sample["latency_mobilenet_v2_ns"])
    ).all()
    assert len(list(both.space)) > len(list(alone.space))


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"workload": "edge"}, "unknown workload 'edge'; did you mean 'edges'"),
        ({"workload": "edges+edges"}, "stands twice"),
        ({"folder": "nowhere"}, "has no file task_graph_NAME.json"),
    ],
)
def test_bad_inputs_are_one_line(settings: dict[str, str], said: str) -> None:
    with pytest.raises(CosearchError, match=said):
        Soc(**settings)


def test_a_broken_graph_file_is_one_line(tmp_path: Path) -> None:
    here = folder(tmp_path)
    path = here / "task_graph_edge_detection.json"
    graph = json.loads(path.read_text())
    graph["edges"].append({"from": "siink", "to": "souurce", "bytes": 1})
    path.write_text(json.dumps(graph))
    with pytest.raises(CosearchError, match="wait for each other in a circle"):
        Soc(workload="edge_detection", folder=str(here))
    (here / "library_edge_detection.json").write_text("{}")
    path.write_text((SAMPLE / path.name).read_text())
    with pytest.raises(CosearchError, match="expected a mapping of names to blocks"):
        Soc(workload="edge_detection", folder=str(here))


def test_its_pictures_can_be_drawn() -> None:
    problem = Soc()
    drawn = drawn_pictures(problem, dict(problem.space.sample(1, 3)[0]))
    assert drawn.missing == ()
    assert [picture.title for picture in drawn.pictures] == [
        "Tasks over time",
        "The blocks and how busy they are",
    ]


def test_an_environment_serves_it() -> None:
    env = gymnasium.make("cosearch/Soc-v0", formulation="sequential")
    env.reset(seed=0)
    done = False
    while not done:
        _, _, terminated, truncated, info = env.step(env.action_space.sample())
        done = terminated or truncated
    assert "latency_ns" in info["metrics"]
    env.close()


def test_the_space_of_archgym_s_farsigym(tmp_path: Path) -> None:
    problem = Soc(workload="edge_detection", folder=str(folder(tmp_path)), space="archgym")
    names = [parameter.name for parameter in problem.space]
    for prefix, count in (("pe_allocation", 3), ("bus_to_mem_connection", 3), ("task_to_pe_mapping", 8)):
        assert sum(name.startswith(prefix) for name in names) == count
    found = problem.evaluate([problem.space.default()])
    assert found.ok.all()
    sample = problem.evaluate(problem.space.sample(200, 0))
    assert set(sample.status) <= {"ok", "infeasible"}
    assert any("not there" in reason for reason in sample.reason)


def test_archgym_s_slots_reach_the_reference_s_designs_of_several_buses(reference: Path) -> None:
    """Every design of FARSI's three workloads with at most three blocks of a kind, its own numbers."""
    problem = Soc(workload="hpvm_cava", folder=str(reference / "soc"), space="archgym")
    cases = [json.loads(line) for line in (reference / "soc" / "designs.jsonl").read_text().splitlines()]
    checked = 0
    for case in cases:
        kinds = {"pe": "pes", "mem": "mems", "bus": "ics"}
        given = case["design"]
        if case["workload"] != "hpvm_cava" or max(len(given[kind]) for kind in kinds.values()) > 3:
            continue
        if given["pruned_ics"]:
            continue
        design: dict[str, object] = {}
        for prefix, kind in kinds.items():
            for slot, block in enumerate(given[kind]):
                design[f"{prefix}_allocation_{slot}"] = block
        for slot, bus in enumerate(given["pe_to_ic"]):
            design[f"pe_to_bus_connection_{slot}"] = bus
        for slot, bus in enumerate(given["mem_to_ic"]):
            design[f"bus_to_mem_connection_{slot}"] = bus
        for low, high in given["ic_to_ic"]:
            design[f"bus_to_bus_connection_{high}"] = low
        for field, prefix in (("task_to_pe", "task_to_pe_mapping"), ("task_to_mem", "task_to_mem_mapping")):
            for task, slot in given[field].items():
                design[f"{prefix}_{problem.names[task]}"] = slot
        found = problem.evaluate([{**problem.space.default(), **design}])
        assert found["energy_pj"][0] == pytest.approx(case["results"]["energy_j"] * 1e12, rel=1e-3)
        assert found["latency_ns"][0] == pytest.approx(
            case["results"]["latency_s"]["hpvm_cava"] * 1e9, rel=1e-6
        )
        checked += 1
    assert checked > 15


def test_an_array_of_this_package_runs_stages_of_a_network_at_its_engine_s_rate() -> None:
    problem = Soc(workload="mobilenet_v2", array=True)
    wide = {"memory_1_kind": "sram", "memory_1_width_bytes": 64, "memory_1_clock_mhz": 800}
    wide |= {"bus_1_width_bytes": 64, "bus_1_clock_mhz": 800}
    stages = [name for name in problem.space.default() if name.startswith("host_")]
    base = problem.space.default() | wide
    small = base | dict.fromkeys(stages, "array")
    large = small | {"array_rows": 64, "array_columns": 64}
    for fidelity in ("bound", "mapper"):
        found = problem.evaluate([base, small, large], fidelity=fidelity)
        latency = found["latency_ns"]
        assert latency[2] < latency[1] < latency[0]
        assert found["accelerator_area_mm2"][2] > found["accelerator_area_mm2"][1] > 0
    from cosearch_simulators.accelerator.engines.timeloop import entry
    from cosearch_simulators.accelerator.system.designs import ArrayDesigns, Chip
    from cosearch_simulators.soc.builtin import TECHNOLOGY_NM, stage_networks

    array = ArrayDesigns(array_rows=16, array_columns=16, buffer_kib=128, clock_ghz=0.6)
    engine = [
        entry.evaluate(array, network, Chip(technology_nm=TECHNOLOGY_NM))["latency_ns"][0]
        for network in stage_networks("mobilenet_v2").values()
    ]
    mapped = problem.evaluate([small], fidelity="mapper")["latency_ns"][0]
    assert mapped >= sum(engine) * (1 - 1e-9)
    assert mapped == pytest.approx(sum(engine), rel=0.3)  # memories and buses bound a stage or two further


def test_an_array_needs_operators() -> None:
    with pytest.raises(CosearchError, match="no task of edges is operators of a network"):
        Soc(array=True)
