"""The problem dram-controller-archgym: ArchGym's space, workloads and rewards."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from cosearch import errors
from cosearch.testing import check_problem
from cosearch_plugins.dram.archgym_workloads import archgym_workload
from cosearch_plugins.dram.controller_archgym import DramControllerArchgym

SAMPLE = Path(__file__).parents[1] / "reference" / "dram" / "dramsys"


def test_it_keeps_the_contract_of_a_problem():
    check_problem(DramControllerArchgym(), designs=6)


def test_published_settings_give_what_dramsys_measured():
    cases = [
        case
        for case in json.loads((SAMPLE / "cases.json").read_text())
        if case["system"] == "DDR3-1600" and case["address_mapping"].endswith("rbc.json")
    ]
    assert len(cases) > 3
    for case in cases:
        problem = DramControllerArchgym(workload=str(SAMPLE / "traces" / f"{case['trace']}.npz"))
        design = {name: case["controller"][name] for name in problem.space.names}
        outcomes = problem.evaluate(problem.space.designs([design]))
        assert outcomes["time_ns"][0] == pytest.approx(case["result"]["total_time_ns"])
        assert outcomes["energy_pj"][0] == pytest.approx(case["result"]["energy_pj"], rel=2e-3)


def test_time_keeps_its_unit_where_dramsys_changes_it():
    """DRAMSys prints whole nanoseconds in ns and all other times in ps; ArchGym reads the number alone."""
    problem = DramControllerArchgym(workload=str(SAMPLE / "traces" / "random.npz"))
    units = set()
    for case in json.loads((SAMPLE / "cases.json").read_text()):
        if case["system"] != "DDR3-1600" or case["trace"] != "random":
            continue
        if not case["address_mapping"].endswith("rbc.json"):
            continue
        expected_ns = case["result"]["total_time_ns"]
        units.add("ns" if expected_ns.is_integer() else "ps")
        design = {name: case["controller"][name] for name in problem.space.names}
        outcomes = problem.evaluate(problem.space.designs([design]))
        assert outcomes["time_ns"][0] == pytest.approx(expected_ns)
    assert units == {"ns", "ps"}  # both, or nothing is shown


def test_the_space_is_archgyms():
    problem = DramControllerArchgym()
    assert problem.space.cardinality() == 4 * 3 * 3 * 8 * 2 * 2 * 8 * 8 * 3 * 8
    grouped = [name for group in problem.space.groups.values() for name in group]
    assert sorted(grouped) == sorted(problem.space.names)


@pytest.mark.parametrize(
    ("name", "stream_share"), [("stream", 1.0), ("random", 0.0), ("cloud-1", 0.5), ("cloud-2", 0.5)]
)
def test_workloads_have_the_statistics_of_archgyms_files(name, stream_share):
    trace = archgym_workload(name, 1 << 30)
    pieces = trace.address_byte.reshape(-1, 50)
    streams = np.all(np.diff(pieces, axis=1) == 64, axis=1)
    assert np.mean(streams) == pytest.approx(stream_share, abs=0.001)
    # A stream goes on where it stopped.
    assert np.array_equal(pieces[streams].ravel(), np.arange(streams.sum() * 50) * 64)
    assert (trace.requests, trace.read_share) == (10_000, 1.0)
    assert trace.address_byte.max() < 1 << 30


def test_cloud_1_starts_with_a_stream_and_cloud_2_does_not():
    starts = [archgym_workload(name, 1 << 30).address_byte[:2].tolist() for name in ("cloud-1", "cloud-2")]
    assert starts[0] == [0, 64]
    assert starts[1] != [0, 64]


@pytest.mark.parametrize("goal", ["power", "latency", "both"])
def test_the_rewards_are_archgyms_formulas(goal):
    import gymnasium

    import cosearch  # noqa: F401

    env = gymnasium.make(
        "cosearch/DramControllerArchgym-v0", goal=goal, formulation="oneshot", reward="target_ratio"
    )
    env.reset(seed=0)
    _, reward, *_, info = env.step(env.action_space.sample())
    expected = 1.0
    for name, target in (("power_mw", 1000.0), ("time_ns", 100_000.0)):
        if goal == "both" or name == {"power": "power_mw", "latency": "time_ns"}[goal]:
            expected *= target / abs(target - info["metrics"][name])
    assert reward == pytest.approx(expected)


def test_a_wrong_argument_is_named():
    with pytest.raises(errors.UnknownNameError, match="latency"):
        DramControllerArchgym(goal="latencie")
    for arguments, message in (
        ({"threads": 0}, "threads must be at least 1, got 0"),
        ({"threads": 1.5}, r"threads must be a whole number, got 1\.5"),
        ({"seed": -1}, "seed must be at least 0, got -1"),
        ({"seed": 0.5}, r"seed must be a whole number, got 0\.5"),
    ):
        with pytest.raises(errors.ArgumentError, match=message):
            DramControllerArchgym(**arguments)


def test_an_unknown_workload_is_held_against_its_own():
    with pytest.raises(errors.UnknownNameError, match="'cloud-3'; did you mean 'cloud-"):
        DramControllerArchgym(workload="cloud-3")
    with pytest.raises(errors.UnknownNameError, match="valid: cloud-1, cloud-2, random, stream$"):
        DramControllerArchgym(workload="xyz")


def test_addresses_beyond_the_memory_wrap_around(tmp_path):
    """As DRAMSys does; `describe` tells it of the workload."""
    near, far = (tmp_path / name for name in ("near.npz", "far.npz"))
    lines = np.random.default_rng(1).integers(0, 1 << 24, 500) * 64
    for path, offset in ((near, 0), (far, 1 << 30)):
        np.savez(path, address=lines + offset, is_write=np.zeros(500, bool), cycle=np.arange(500))
    times = []
    for path in (near, far):
        problem = DramControllerArchgym(workload=str(path))
        times.append(problem.evaluate(problem.space.designs([problem.space.default()]))["time_ns"][0])
    assert times[0] == times[1]
    told = subprocess.run(
        [sys.executable, "-m", "cosearch", "describe", "dram-controller-archgym"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "1 GiB wrap around" in " ".join(told.stdout.split())


def test_clocks_that_cannot_be_are_refused(tmp_path):
    late = tmp_path / "late.npz"
    np.savez(late, address=np.zeros(2, int), is_write=np.zeros(2, bool), cycle=np.array([0, 1 << 40]))
    with pytest.raises(errors.WorkloadError, match="is beyond 2748 s of simulated time"):
        DramControllerArchgym(workload=str(late), trace_clock_mhz=1)
    with pytest.raises(errors.ArgumentError, match="trace_clock_mhz must be from 1 to 1000000, got 10000000"):
        DramControllerArchgym(trace_clock_mhz=10_000_000)
