"""Tools that are programs, by stand-ins that speak their formats: whole, cut, crashing, hanging, wrong."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from cosearch import Study, make_problem
from cosearch.description import describe_unbuilt, unavailable_text
from cosearch.errors import ArgumentError
from cosearch.needs import UnavailableError
from cosearch.registry import registry
from cosearch.run.options import RunOptions
from cosearch_plugins.accelerator.hardware import Accelerator
from cosearch_plugins.external import gem5, timeloop
from cosearch_plugins.external.jobs import close_all
from cosearch_plugins.external.tools import RAMULATOR

STAND_INS = Path(__file__).parent / "stand_ins"
TOPOLOGY = """Layer name, IFMAP Height, IFMAP Width, Filter Height, Filter Width, Channels, Filters, Strides,
conv, 10, 10, 3, 3, 8, 16, 1,
"""


@pytest.fixture
def dramsys(tmp_path: Path, reference: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "memspec").mkdir()
    memspecs = reference / "dram" / "dramsys" / "memspecs"
    shutil.copy(memspecs / "MICRON_1Gb_DDR3-1600_8bit_G.json", tmp_path / "memspec")
    mapping = reference / "dram" / "dramsys" / "mappings" / "am_ddr3_8x1Gbx8_dimm_p1KB_rbc.json"
    shutil.copy(mapping, tmp_path / "mapping.json")
    (tmp_path / "trace.stl").write_text("".join(f"{i}:\tread\t{hex(64 * i)}\n" for i in range(50)))
    simulation = {
        "simulationid": "test",
        "addressmapping": "mapping.json",
        "memspec": "MICRON_1Gb_DDR3-1600_8bit_G.json",
        "simconfig": {"SimulationName": "test", "PowerAnalysis": False},
        "mcconfig": {"PagePolicy": "Open", "RefreshPolicy": "AllBank", "CmdMux": "Oldest"},
        "tracesetup": [{"type": "player", "clkMhz": 800, "name": "trace.stl"}],
    }
    (tmp_path / "simulation.json").write_text(json.dumps({"simulation": simulation}))
    monkeypatch.setenv("COSEARCH_DRAMSYS", str(STAND_INS / "DRAMSys"))
    return make_problem("dramsys", simulation=str(tmp_path / "simulation.json"), run_timeout_s=20)


@pytest.fixture
def mapped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "small.csv").write_text(TOPOLOGY)
    monkeypatch.setenv("COSEARCH_TIMELOOP_MAPPER", str(STAND_INS / "timeloop-mapper"))
    return Accelerator(workload=str(tmp_path / "small.csv"), external="timeloop", external_timeout_s=20)


@pytest.fixture
def core(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "system.py").write_text("# builds a system of gem5's\n")
    monkeypatch.setenv("COSEARCH_GEM5", str(STAND_INS / "gem5.opt"))
    return make_problem("gem5", script=str(tmp_path / "system.py"), run_timeout_s=20)


@pytest.fixture
def queued(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "trace").write_text("LD 0x40\nST 128\nLD 0x1000\n")
    monkeypatch.setenv("PYTHONPATH", str(STAND_INS))
    monkeypatch.syspath_prepend(str(STAND_INS))
    close_all()
    yield make_problem("ramulator", trace=str(tmp_path / "trace"), external_timeout_s=20)
    close_all()


def _default(problem, **changed):
    return problem.evaluate([problem.space.default() | changed], fidelity="external")


@pytest.mark.parametrize("unit", ["ps", "ns"])
def test_dramsys_times_are_read_with_their_unit(dramsys, monkeypatch, unit):
    monkeypatch.setenv("STAND_IN", unit)
    found = _default(dramsys)
    assert found.status.tolist() == ["ok"], found.reason[0]
    assert found["time_ns"][0] == 50 * 11
    assert found["energy_pj"][0] == 2.5 * 50 * 11 * 1000
    assert found["power_mw"][0] == 2500
    assert found["bandwidth_gb_per_s"][0] == 9.64


def test_timeloop_gets_our_accelerator_and_gives_cycles_and_energy(mapped):
    found = _default(mapped, array_rows=8, array_columns=8, dataflow="weight-stationary", clock_ghz=0.2)
    assert found.status.tolist() == ["ok"], found.reason[0]
    macs = 8 * 8 * 3 * 3 * 8 * 16
    assert found["latency_ns"][0] == pytest.approx(macs / 64 / 0.2)  # 8 channels and 8 of 16 filters fill it
    bound = mapped.evaluate([mapped.space.default()], fidelity="bound")
    assert found["area_mm2"][0] > 0
    assert bound["energy_pj"][0] > 0
    design = mapped.space.default()
    files = timeloop.files_of(
        mapped.architecture(design), mapped.network.matrix_operators[0].loop_nest(), None, "edp", "fast"
    )
    levels = files["architecture"]["arch"]["storage"]
    assert [level["vector-access-energy"] for level in levels] == pytest.approx(
        [mapped.architecture(design).read_pj(level) for level in mapped.architecture(design).levels]
    )


def test_gem5_gives_the_last_dump_in_the_unit_that_it_says(core):
    found = _default(core, width=4, rob_entries=128)
    assert found.status.tolist() == ["ok"], found.reason[0]
    cycles = round(100000 * (0.4 + 2 / 4 + 8 / 128))
    assert found["cycles"][0] == cycles
    assert found["time_ns"][0] == pytest.approx(cycles)
    assert found["ipc"][0] == pytest.approx(100000 / cycles)


def test_ramulator_gives_times_by_its_clock(queued):
    found = _default(queued, read_queue=8, row_policy="open")
    assert found.status.tolist() == ["ok"], found.reason[0]
    assert found["cycles"][0] == 3 * 8 + 50
    assert found["time_ns"][0] == pytest.approx(74 * 0.833)
    assert found["latency_ns"][0] == pytest.approx(40.5 * 0.833)
    assert found["row_hit_share"][0] == pytest.approx(1 / 3)


BROKEN = [
    ("dramsys", "crash", "unknown memory"),
    ("dramsys", "hang", "(20|longer|time)"),
    ("dramsys", "truncated", "energy_pj: nothing matches"),
    ("dramsys", "wrong", "time_ns"),
    ("mapped", "crash", "couldn't map layer"),
    ("mapped", "truncated", "cycles: nothing matches"),
    ("mapped", "unit", "energy_pj.*furlong"),
    ("mapped", "none", "no valid mappings found"),
    ("core", "crash", "unmapped address"),
    ("core", "truncated", "the statistics are cut"),
    ("core", "unit", "simSeconds is in Tick, expected Second"),
    ("queued", "crash", "SIGABRT.*runtime_error"),
    ("queued", "truncated", "no total_throughput_MBps"),
]


@pytest.mark.parametrize(("problem", "mode", "reason"), BROKEN)
def test_a_run_that_goes_wrong_fails_its_design_with_the_reason(request, monkeypatch, problem, mode, reason):
    import re

    built = request.getfixturevalue(problem)
    if mode == "hang":
        built = make_problem("dramsys", simulation=built.settings.simulation, run_timeout_s=0.5)
    monkeypatch.setenv("STAND_IN", mode)
    found = _default(built)
    assert found.status.tolist() in (["failed"], ["infeasible"] if mode == "none" else ["failed"])
    assert re.search(reason, found.reason[0]), found.reason[0]


def test_a_search_runs_on_a_program(dramsys, monkeypatch):
    monkeypatch.delenv("STAND_IN", raising=False)
    study = Study.create(dramsys, "random", RunOptions(budget=6), seed=1)
    with study.store:
        found = study.run()
    assert found.outcomes.ok.all()
    assert len(np.unique(found.outcomes["time_ns"])) > 1


@pytest.mark.parametrize(
    ("name", "variable", "file"),
    [("dramsys", "COSEARCH_DRAMSYS", "simulation"), ("gem5", "COSEARCH_GEM5", "script")],
)
def test_without_the_program_the_line_says_how_to_get_it(tmp_path, monkeypatch, name, variable, file):
    monkeypatch.delenv(variable, raising=False)
    with pytest.raises(ArgumentError, match=f"--set {file}="):
        make_problem(name)
    (tmp_path / "file").write_text(
        json.dumps({"simulation": {"addressmapping": {}, "memspec": {}, "simconfig": {}, "mcconfig": {}}})
    )
    problem = make_problem(name, **{file: str(tmp_path / "file")})
    with pytest.raises(UnavailableError, match=f"is not installed; get it: https.*{variable}"):
        problem.evaluate([problem.space.default()])


def test_timeloop_and_ramulator_that_are_missing_say_so(tmp_path, monkeypatch):
    monkeypatch.delenv("COSEARCH_TIMELOOP_MAPPER", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    problem = Accelerator(external="timeloop")
    with pytest.raises(UnavailableError, match="timeloop-mapper is not installed"):
        problem.evaluate([problem.space.default()], fidelity="external")
    if RAMULATOR.missing():
        (tmp_path / "trace").write_text("LD 0\n")
        problem = make_problem("ramulator", trace=str(tmp_path / "trace"))
        with pytest.raises(UnavailableError, match="Ramulator is not installed.*ramulator2"):
            problem.evaluate([problem.space.default()])


def test_a_simulation_that_names_what_is_not_there_is_one_line(tmp_path):
    path = tmp_path / "simulation.json"
    path.write_text(json.dumps({"simulation": {"addressmapping": "nowhere.json"}}))
    with pytest.raises(ArgumentError, match=r"addressmapping 'nowhere.json' is neither in"):
        make_problem("dramsys", simulation=str(path))
    path.write_text("[1]")
    with pytest.raises(ArgumentError, match="is no JSON object"):
        make_problem("dramsys", simulation=str(path))


def test_statistics_of_several_cores_are_summed():
    text = (
        "---------- Begin Simulation Statistics ----------\n"
        "system.cpu0.numCycles 10 # cycles (Cycle)\nsystem.cpu1.numCycles 32 # cycles (Cycle)\n"
        "---------- End Simulation Statistics   ----------\n"
    )
    assert gem5.statistic(rf"{gem5.CORE}\.numCycles", "Cycle", text) == 42


@pytest.mark.skipif(not shutil.which("timeloop-mapper"), reason="timeloop-mapper is not installed")
def test_the_real_timeloop_maps_a_layer_no_better_than_the_bound(tmp_path):
    (tmp_path / "small.csv").write_text(TOPOLOGY)
    problem = Accelerator(workload=str(tmp_path / "small.csv"), external="timeloop")
    design = problem.space.default() | {"dataflow": "flexible"}
    theirs, bound = (problem.evaluate([design], fidelity=one) for one in ("external", "bound"))
    assert theirs.status.tolist() == ["ok"], theirs.reason[0]
    assert theirs["latency_ns"][0] >= bound["latency_ns"][0] * 0.999


@pytest.mark.parametrize(
    ("name", "needed", "how"),
    [
        ("dramsys", "simulation", "tukl-msd/DRAMSys"),
        ("gem5", "script", "www.gem5.org"),
        ("ramulator", "trace", "CMU-SAFARI/ramulator2"),
    ],
)
def test_a_problem_that_needs_a_file_is_described_without_it(name, needed, how, monkeypatch):
    for variable in ("COSEARCH_DRAMSYS", "COSEARCH_GEM5", "COSEARCH_RAMULATOR_PYTHON"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("PATH", "")
    described = describe_unbuilt(registry().problems[name])
    assert [a["name"] for a in described["arguments"] if a["required"]] == [needed]
    assert how in unavailable_text(described)
    with pytest.raises(ArgumentError, match=f"needs --set {needed}="):
        make_problem(name)
