"""SCALE-Sim and ZigZag themselves beside our engines, which follow their rules."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from cosearch import Study, make_problem
from cosearch.errors import ArgumentError
from cosearch.needs import UnavailableError
from cosearch.run.options import RunOptions
from cosearch_plugins.accelerator.hardware import Accelerator
from cosearch_plugins.external import zigzag
from cosearch_plugins.external.jobs import close_all, run_jobs
from cosearch_plugins.external.scalesim import jobs_of
from cosearch_plugins.external.tools import ACCELFORGE, SCALESIM, ZIGZAG
from cosearch_simulators.accelerator.engines.scalesim.entry import arrays_of
from cosearch_simulators.accelerator.engines.scalesim.systolic import Products, simulate_systolic
from cosearch_simulators.accelerator.engines.zigzag.entry import model_of
from cosearch_simulators.accelerator.engines.zigzag.mapping import UnevenMapping
from cosearch_simulators.accelerator.mapping.templates import template

TOPOLOGY = """Layer name, IFMAP Height, IFMAP Width, Filter Height, Filter Width, Channels, Filters, Strides,
conv, 6, 6, 3, 3, 4, 8, 1,
fc, 1, 1, 1, 1, 64, 32, 1,
"""
CASES = Path(__file__).parents[2] / "reference" / "accelerator"

needs_scalesim = pytest.mark.skipif(bool(SCALESIM.missing()), reason=SCALESIM.missing())
needs_zigzag = pytest.mark.skipif(bool(ZIGZAG.missing()), reason=ZIGZAG.missing())


@pytest.fixture
def network(tmp_path: Path):
    path = tmp_path / "small.csv"
    path.write_text(TOPOLOGY)
    yield str(path)
    close_all()


@needs_scalesim
def test_scalesim_gives_our_compute_cycles_and_buffer_words_exactly(network: str) -> None:
    problem = Accelerator(engine="scalesim", workload=network)
    designs = problem.space.sample(6, np.random.default_rng(2))
    columns = problem._columns(designs)
    nests = [nest for one in problem.network.matrix_operators if (nest := one.loop_nest()) is not None]
    answers = run_jobs(SCALESIM, jobs_of(columns, nests))
    theirs = {name: np.array([one[name] for one in answers]).reshape(6, len(nests)) for name in answers[0]}
    ours = simulate_systolic(Products.of(nests), arrays_of(columns))
    np.testing.assert_array_equal(theirs["total_cycles"] - theirs["stall_cycles"], ours.compute_cycles)
    np.testing.assert_array_equal(theirs["sram_inputs_reads"], ours.sram_inputs_reads)
    np.testing.assert_array_equal(theirs["sram_weights_reads"], ours.sram_weights_reads)
    assert (theirs["stall_cycles"] >= ours.stall_cycles).all()  # the tool counts a wait twice


@needs_scalesim
def test_recorded_cases_of_scalesim_come_out_again() -> None:
    cases = [json.loads(line) for line in (CASES / "scalesim" / "cases.jsonl").read_text().splitlines()]
    cases = [c for c in cases if c["hw"]["mode"] == "USER" and c["status"] == "ok" and c["wall_s"] < 0.1]
    assert cases
    for case in cases[:6]:
        layer, hardware, out = case["layer"], case["hw"], case["out"]
        if layer["type"] == "gemm":
            m, n, k = layer["M"], layer["N"], layer["K"]
        else:
            size = [
                -(-(layer[f"ifmap_{d}"] - layer[f"filt_{d}"] + layer["stride"]) // layer["stride"])
                for d in "hw"
            ]
            m, n = size[0] * size[1], layer["num_filters"]
            k = layer["filt_h"] * layer["filt_w"] * layer["channels"]
        words = {"inputs": "ifmap", "weights": "filter", "outputs": "ofmap"}
        job = {f"{ours}_words": hardware[f"{theirs}_sram_kb"] * 1024 for ours, theirs in words.items()} | {
            "rows": hardware["array_rows"],
            "columns": hardware["array_cols"],
            "dataflow": hardware["dataflow"],
            "inputs_bandwidth": hardware["ifmap_bank_bandwidth_words_per_cycle"],
            "weights_bandwidth": hardware["filter_bank_bandwidth_words_per_cycle"],
            "outputs_bandwidth": hardware["ofmap_bandwidth_words_per_cycle"],
            "m": m,
            "n": n,
            "k": k,
        }
        (answer,) = run_jobs(SCALESIM, [job])
        assert answer["total_cycles"] == out["total_cycles"]
        assert answer["stall_cycles"] == out["stall_cycles"]
        assert answer["overall_cycles"] == out["total_cycles_incl_prefetch"]
        assert answer["dram_inputs_reads"] == out["dram_ifmap_reads"]
    close_all()


@needs_zigzag
def test_zigzags_mapping_costs_by_our_rules_what_zigzag_says(network: str) -> None:
    problem = Accelerator(engine="zigzag", workload=network)
    design = problem.space.default() | {"array_rows": 8, "array_columns": 8, "buffer_kib": 32}
    columns = problem._columns(problem.space.designs([design]))
    architecture = columns.architecture(0, problem.chip)
    nest = problem.network.matrix_operators[0].loop_nest()
    assert nest is not None
    filled = template(design["dataflow"]).mapping(architecture, nest)
    model = model_of(architecture, nest, 32, filled)
    (answer,) = run_jobs(ZIGZAG, [zigzag.job_of(model, "edp", 5)])
    back = {theirs: ours for ours, theirs in zigzag.LOOPS.items()}
    tensors = {"I": "Inputs", "W": "Weights", "O": "Outputs"}
    levels = {
        tensors[operand]: [[(back[loop], size) for loop, size in level] for level in one]
        for operand, one in answer["temporal_mapping"].items()
    }
    cost = model.evaluate(UnevenMapping.of_levels(levels))
    assert cost.latency_cycles == answer["latency_cycles"]
    assert cost.energy_pj == pytest.approx(answer["energy_pj"], rel=1e-9)


@needs_zigzag
def test_zigzag_agrees_with_our_mapper(network: str) -> None:
    problem = Accelerator(engine="zigzag", workload=network, external_timeout_s=120)
    design = problem.space.default() | {"array_rows": 8, "array_columns": 8, "buffer_kib": 32}
    ours, theirs = (problem.evaluate([design], fidelity=one) for one in ("mapper", "external"))
    assert theirs.status.tolist() == ["ok"]
    assert theirs["area_mm2"] == ours["area_mm2"]
    for metric in ("latency_ns", "energy_pj"):  # LOMA tries fewer mappings: as good, or somewhat worse
        assert theirs[metric][0] == pytest.approx(ours[metric][0], rel=0.25)
    assert theirs["edp_pj_s"][0] >= ours["edp_pj_s"][0] * 0.999


@pytest.mark.skipif(bool(ACCELFORGE.missing()), reason=ACCELFORGE.missing())
def test_accelforge_agrees_with_our_mapper_on_a_product(tmp_path: Path) -> None:
    path = tmp_path / "product.csv"
    path.write_text(TOPOLOGY.splitlines()[0] + "\nproduct, 8, 8, 1, 1, 64, 32, 1,\n")
    problem = Accelerator(workload=str(path), external="accelforge", external_timeout_s=120)
    design = problem.space.default() | {
        "array_rows": 8,
        "array_columns": 8,
        "buffer_kib": 32,
        "dataflow": "weight-stationary",
        "memory_gb_per_s": 51.2,
    }
    flexible = design | {"dataflow": "flexible"}
    ours, theirs = (problem.evaluate([design, flexible], fidelity=one) for one in ("mapper", "external"))
    assert theirs.status.tolist() == ["ok", "infeasible"]
    assert "not given dataflow flexible" in theirs.reason[1]
    assert theirs["area_mm2"][0] == ours["area_mm2"][0]
    for metric in ("latency_ns", "energy_pj"):  # without the array's fill and drain
        assert theirs[metric][0] == pytest.approx(ours[metric][0], rel=0.25), metric


def test_without_the_tool_a_line_says_how_to_get_it(network: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COSEARCH_SCALESIM_PYTHON", "/nowhere/python")
    problem = Accelerator(engine="scalesim", workload=network)
    says = "problem accelerator at fidelity external is not available: COSEARCH_SCALESIM_PYTHON"
    with pytest.raises(UnavailableError, match=says):
        problem.evaluate([problem.space.default()], fidelity="external")
    assert problem.evaluate([problem.space.default()]).status.tolist() == ["ok"]


def test_a_tool_judges_the_designs_of_its_engine_only() -> None:
    with pytest.raises(
        ArgumentError, match="external=zigzag judges designs of engine=zigzag, got engine=maestro"
    ):
        make_problem("accelerator", engine="maestro", external="zigzag")
    assert "external" not in Accelerator().fidelity_names


@needs_scalesim
def test_a_multi_fidelity_search_goes_from_ours_to_theirs(network: str) -> None:
    problem = Accelerator(engine="scalesim", workload=network).hold({"array_columns": 16, "clock_ghz": 0.6})
    study = Study.create(problem, "successive-halving", RunOptions(budget=4, fidelity="external"), seed=1)
    with study.store:
        fidelities = study.run().fidelity
    names, counts = np.unique(fidelities, return_counts=True)
    found = dict(zip(names.tolist(), counts.tolist(), strict=True))
    assert found["analytical"] > found["external"] >= 1
