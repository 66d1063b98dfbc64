"""The problem `accelerator` by the rules of every engine: what is validated is what is searched."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest

from cosearch.description import describe_problem
from cosearch.errors import ArgumentError
from cosearch.testing import check_problem
from cosearch_plugins.accelerator.hardware import DATAFLOWS, SPACE, Accelerator
from cosearch_simulators.accelerator.engines.timeloop import entry as timeloop

OTHERS = ("zigzag", "maestro", "scalesim", "npu")


@pytest.mark.parametrize("engine", OTHERS)
def test_it_keeps_the_contract_of_a_problem(engine):
    check_problem(
        Accelerator(workload="resnet18" if engine == "maestro" else "alexnet", engine=engine),
        designs=6,
        elsewhere=False,
    )


@pytest.mark.parametrize("engine", ["timeloop", *OTHERS])
def test_what_an_engine_searches_every_engine_with_the_same_dataflow_can_evaluate(engine):
    space = Accelerator(workload="alexnet", engine=engine).space
    for design in space.sample(20, 0):
        assert SPACE.designs([design])[0] == design


def test_what_an_engine_does_not_know_is_held_and_says_why():
    space = Accelerator(workload="alexnet", engine="scalesim").space
    assert space["register_words"].size == space["buffer_words_per_cycle"].size == 1
    assert "unknown to scalesim: its units keep one operand" in space["register_words"].description
    assert list(space["dataflow"].values) == ["output-stationary", "weight-stationary", "input-stationary"]
    assert Accelerator(workload="alexnet").space is SPACE
    assert timeloop.DATAFLOWS == DATAFLOWS


def test_engines_agree_on_areas_and_differ_in_time():
    designs = [
        SPACE.default() | {"dataflow": flow, "register_words": 16, "buffer_words_per_cycle": 128}
        for flow in ("output-stationary", "weight-stationary")
    ]
    found = {}
    for engine in ("timeloop", "zigzag", "scalesim", "npu"):
        problem = Accelerator(workload="alexnet", engine=engine)
        found[engine] = problem.evaluate(problem.space.designs(designs))
    areas = {tuple(outcomes["area_mm2"].tolist()) for outcomes in found.values()}
    assert len(areas) == 1
    latencies = np.array([outcomes["latency_ns"] for outcomes in found.values()])
    assert len(np.unique(latencies)) == latencies.size


@pytest.mark.parametrize(
    ("settings", "line"),
    [
        ({"engine": "maestro", "workload": "bert_base"}, "the engine maestro cannot run 'bert_base': "),
        ({"engine": "npu", "fusion": True}, "fusion is known to the engine timeloop only, got engine npu"),
        ({"static_mw_per_mm2": -1.0}, "static_mw_per_mm2 must be a number of at least 0, got -1.0"),
        ({"static_mw_per_mm2": "library", "technology_nm": 32}, "the static power of 32 nm is not known"),
        ({"static_mw_per_mm2": float("nan")}, "static_mw_per_mm2"),
    ],
)
def test_what_cannot_be_is_one_line(settings, line):
    with pytest.raises(ArgumentError, match=line):
        Accelerator(**settings)


def test_leakage_is_part_of_the_energy_where_it_is_asked_for():
    without, leaky = (
        Accelerator(workload="alexnet"),
        Accelerator(workload="alexnet", static_mw_per_mm2="library"),
    )
    designs = SPACE.designs([SPACE.default()])
    dynamic, total = without.evaluate(designs), leaky.evaluate(designs)
    assert total["energy_pj"][0] == dynamic["energy_pj"][0] + total["static_energy_pj"][0]
    assert 0.01 < total["static_energy_pj"][0] / total["energy_pj"][0] < 0.5
    (energy,) = [p for p in leaky.pictures(SPACE.default()) if "leakage" in str(p.traces)]
    assert "leakage is" in energy.caption


def test_fusion_is_searched_with_the_other_settings():
    designs = SPACE.designs([SPACE.default() | {"buffer_kib": 2048}])
    fused = Accelerator(workload="mobilenet_v2", fusion=True, mapped_for="energy").evaluate(designs)
    apart = Accelerator(workload="mobilenet_v2", mapped_for="energy").evaluate(designs)
    assert fused["energy_pj"][0] < apart["energy_pj"][0]


def test_describe_says_what_the_network_is():
    command = [
        sys.executable,
        "-m",
        "cosearch",
        "describe",
        "accelerator",
        "--set",
        "workload=alexnet",
        "--json",
    ]
    described = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    assert described["about"] == (
        "alexnet: 714,188,480 multiply-accumulates and 61,100,840 parameters in 8 layers, 10 other operators"
    )


def test_describe_names_the_fidelities_of_the_engine():
    assert describe_problem(Accelerator(workload="alexnet"))["fidelities"] == ["bound", "mapper", "timeline"]
    assert describe_problem(Accelerator(workload="alexnet", engine="npu"))["fidelities"] == ["timeline"]
