"""The problem dram-controller: its space, its workloads, its numbers against the simulator and Ramulator."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import cosearch_simulators.dram as dram
from cosearch import errors
from cosearch.errors import UnknownNameError
from cosearch.testing import check_problem
from cosearch_plugins.dram import workload as dram_workload
from cosearch_plugins.dram.controller import DramController
from cosearch_plugins.dram.controller_spaces import ADDRESS_MAPPINGS, BANK_MACHINES, QUEUED, controllers_of
from cosearch_plugins.dram.devices import COMPARABLE, USUAL_ORGANIZATION, USUAL_SPEED_GRADE
from cosearch_plugins.dram.workload import read_workload
from cosearch_simulators.dram.common.traces.formats import write_trace
from cosearch_simulators.dram.common.traces.generators import GENERATORS, generate
from cosearch_simulators.dram.engines import ramulator
from cosearch_simulators.dram.engines.dramsys.controllers import PARAMETERS

SHORT = "zipf:requests=600"
LONG = "zipf:requests=6000,write_share=0.3"
DRAMSYS = Path(__file__).parents[1] / "reference" / "dram" / "dramsys"
DESIGN = {
    "scheduler": "frfcfs",
    "row_policy": "open",
    "read_queue": 32,
    "write_queue": 32,
    "write_low_watermark": 0.2,
    "write_high_watermark": 0.8,
    "address_mapping": "RoBaRaCoCh",
}


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"search_device": "speed_grade", "standard": "DDR5"},
        {"search_device": True, "refresh": "search_with_none", "ranks": 2, "threads": 2},
        {"search_device": True, "standard": "LPDDR5", "controller": "bank_machines", "refresh": "search"},
        {"standard": "HBM3", "channels": 4, "refresh": "search_with_none", "controller": "bank_machines"},
    ],
)
def test_it_keeps_the_contract_of_a_problem(arguments):
    check_problem(DramController(workload=SHORT, **arguments), designs=6, elsewhere=False)


@pytest.mark.parametrize("standard", dram.standards())
def test_every_standard_keeps_the_contract_too(standard):
    check_problem(
        DramController(workload=SHORT, standard=standard, search_device="speed_grade", refresh="search"),
        designs=3,
        elsewhere=False,
    )


def test_importing_the_plugin_does_not_import_the_simulator():
    code = "import sys, cosearch_plugins.dram.controller; print('numba' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "False\n"


# --- the design space -------------------------------------------------------------------------------------


def test_the_number_of_designs():
    low = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6]
    high = [0.4, 0.5, 0.6, 0.7, 0.8, 0.9]
    watermarks = sum(a < b for a in low for b in high)
    designs = 3 * (1 + 6) * 4 * 4 * watermarks * 3
    assert DramController(workload=SHORT).space.cardinality() == designs
    everything = DramController(workload=SHORT, search_device=True, refresh="search_with_none")
    ways = sum(  # to choose a speed grade and a refresh mode, or none
        len(dram.speed_grades(standard)) * modes
        for standard, modes in (("DDR3", 2), ("DDR4", 2), ("DDR5", 3))
    )
    assert everything.space.cardinality() == ways * designs


def test_the_names_are_the_simulators():
    values = {parameter.name: parameter.values for parameter in QUEUED}
    assert values["scheduler"] == dram.SCHEDULERS
    assert values["row_policy"] == dram.ROW_POLICIES
    assert ADDRESS_MAPPINGS == dram.ADDRESS_MAPPINGS
    for parameter in BANK_MACHINES:
        if parameter.name in dram.BankMachineControllers.NAMES:
            assert set(parameter.values) == set(dram.BankMachineControllers.NAMES[parameter.name])
    assert tuple(USUAL_ORGANIZATION) == tuple(USUAL_SPEED_GRADE) == dram.standards()
    assert sorted(sum(COMPARABLE, ())) == sorted(dram.standards())
    assert DramController.workloads == tuple(GENERATORS)


def test_a_row_cap_belongs_to_closed_rows():
    space = DramController(workload=SHORT).space
    designs = space.sample(200, 0)
    closed = designs["row_policy"] == "closed_cap"
    assert (designs.active("row_cap") == closed).all()
    with pytest.raises(errors.DesignError):
        space.designs([DESIGN | {"row_cap": 4}])


def test_crossed_watermarks_are_infeasible():
    problem = DramController(workload=SHORT)
    crossed = DESIGN | {"write_low_watermark": 0.6, "write_high_watermark": 0.6}
    outcomes = problem.evaluate(problem.space.designs([crossed, DESIGN]))
    assert outcomes.status.tolist() == ["infeasible", "ok"]
    assert "write_low_watermark >= write_high_watermark" in outcomes.reason[0]


def test_a_controller_that_never_refreshes_is_searched_only_on_request():
    assert "refresh" not in DramController(workload=SHORT).space  # one value is no choice
    assert "refresh" not in DramController(workload=SHORT, refresh="search").space
    problem = DramController(workload="random:requests=5000", refresh="search_with_none")
    always, never = problem.evaluate(
        problem.space.designs([DESIGN | {"refresh": mode} for mode in ("all_bank", "none")])
    ).metrics["refresh_energy_pj"]
    assert always > 0
    assert never == 0


def test_parameters_form_groups_for_several_agents():
    problem = DramController(workload=SHORT, search_device=True)
    members = [name for group in problem.space.groups.values() for name in group]
    assert sorted(members) == sorted(problem.space.names)


# --- the numbers ------------------------------------------------------------------------------------------


def test_a_batch_is_one_call_and_gives_what_the_simulator_gives(monkeypatch):
    problem = DramController(workload=SHORT, refresh="search_with_none", ranks=2)
    designs = problem.space.sample(8, 3)
    calls = []
    real = dram.simulate
    monkeypatch.setattr(dram, "simulate", lambda *a, **k: calls.append(1) or real(*a, **k))
    outcomes = problem.evaluate(designs)
    assert len(calls) == 1
    device = dram.device("DDR4", "DDR4_8Gb_x8", "DDR4_2400R", ranks=2)
    for i, design in enumerate(designs):
        alone = real(device, dram.Controllers(**design), generate("zipf", requests=600))
        shares = {"row_hit_share", "row_conflict_share", "data_bus_utilisation"}
        for metric in set(problem.metric_names) - shares:
            assert outcomes[metric][i] == getattr(alone, metric)[0]
        needed_a_row = alone.row_hits[0] + alone.row_misses[0] + alone.row_conflicts[0]
        assert outcomes["row_hit_share"][i] == alone.row_hits[0] / needed_a_row
        assert outcomes["row_conflict_share"][i] == alone.row_conflicts[0] / needed_a_row


def test_the_metrics_fit_together():
    problem = DramController(workload="multi_stream:requests=3000")
    outcomes = problem.evaluate(problem.space.sample(20, 0))
    parts = [outcomes[m] for m in problem.metric_names if m.endswith("_energy_pj")]
    assert len(parts) == 5
    np.testing.assert_allclose(outcomes["energy_pj"], sum(parts))
    np.testing.assert_allclose(outcomes["power_mw"], outcomes["energy_pj"] / outcomes["time_ns"])
    peak_gb_per_s = 8 * 2.4  # 64 bits at 2400 MT/s
    assert (outcomes["bandwidth_gb_per_s"] <= peak_gb_per_s).all()
    np.testing.assert_allclose(
        outcomes["data_bus_utilisation"], outcomes["bandwidth_gb_per_s"] / peak_gb_per_s, rtol=1e-3
    )  # tCK is stated in whole picoseconds
    assert ((outcomes["row_hit_share"] >= 0) & (outcomes["row_hit_share"] <= 1)).all()


def test_it_agrees_with_ramulator(reference):
    """End to end: a reference case given by names alone, its trace by path."""
    cases = json.loads((reference / "dram/ramulator2/cases.json").read_text())
    cases = cases["cases"] if isinstance(cases, dict) else cases
    parameters = {parameter.name: parameter for parameter in DramController().space}
    compared = 0
    for case in cases:
        given = case["controller"]
        policy, _, cap = given["row_policy"].partition(":")
        design = {
            "scheduler": {"FRFCFS": "frfcfs", "FRFCFSRowHit": "frfcfs_row_hit"}[given["scheduler"]],
            "row_policy": {"Open": "open", "ClosedCAP": "closed_cap"}[policy],
            **({"row_cap": int(cap)} if cap else {}),
            "refresh": {"AllBank": "all_bank", "NoRefresh": "none"}[given["refresh"]],
            **{name: given[name] for name in ("address_mapping", "read_queue", "write_queue")},
            **{name: given[name] for name in ("write_low_watermark", "write_high_watermark")},
        }
        inside = all(n not in parameters or v in parameters[n].values for n, v in design.items())
        measured = case["result"]
        if not inside or case["standard"] == "DDR5" or measured["num_read_reqs_served"] == 0:
            continue
        try:
            problem = DramController(
                workload=str(reference / f"dram/ramulator2/traces/{case['trace']}.npz"),
                standard=case["standard"],
                organization=case["organization_preset"],
                speed_grade=case["timing_preset"],
                ranks=case["organization"]["rank"],
                refresh="search_with_none",
            )
        except errors.WorkloadError:  # the trace is larger than the device; Ramulator lets it wrap around
            continue
        outcomes = problem.evaluate(problem.space.designs([design]))
        expected_ns = measured["avg_read_latency"] * case["timings"]["tCK_ps"] / 1000
        assert outcomes["latency_ns"][0] == pytest.approx(expected_ns, rel=1e-6), case["id"]
        compared += 1
        if compared == 25:
            break
    assert compared == 25


def test_a_searched_device_gives_what_the_same_fixed_device_gives():
    searched = DramController(workload=SHORT, search_device=True)
    designs = [
        {"standard": "DDR3", "ddr3_speed_grade": "DDR3_1333H"} | DESIGN,
        {"standard": "DDR4", "ddr4_speed_grade": "DDR4_3200AA"} | DESIGN,
        {"standard": "DDR5", "ddr5_speed_grade": "DDR5_4800BN"} | DESIGN,
    ]
    outcomes = searched.evaluate(searched.space.designs(designs))
    for i, design in enumerate(designs):
        standard = design["standard"]
        grade = design[f"{standard.lower()}_speed_grade"]
        fixed = DramController(workload=SHORT, standard=standard, speed_grade=grade)
        assert fixed.evaluate(fixed.space.designs([DESIGN])).row(0) == outcomes.row(i)


def test_the_device_given_is_the_default_design_of_a_device_search():
    problem = DramController(workload=SHORT, standard="DDR5", speed_grade="DDR5_5600AN", search_device=True)
    assert problem.space.default()["standard"] == "DDR5"
    assert problem.space.default()["ddr5_speed_grade"] == "DDR5_5600AN"


def test_threads_change_no_number():
    one, two = (DramController(workload=SHORT, threads=threads) for threads in (1, 2))
    designs = one.space.sample(6, 1)
    for metric in one.metric_names:
        assert (one.evaluate(designs)[metric] == two.evaluate(designs)[metric]).all()


# --- designs that cannot run ------------------------------------------------------------------------------


def test_only_the_devices_that_are_too_small_are_infeasible(tmp_path):
    trace = generate("random", requests=500)
    far = dram.Trace(
        trace.address_byte + 5 * 2**30, trace.is_write
    )  # DDR5 8Gb_x8 has 4 GiB a rank, DDR4 8 GiB
    write_trace(far, tmp_path / "far.npz")
    problem = DramController(workload=str(tmp_path / "far.npz"), search_device=True)
    ddr4 = {"standard": "DDR4", "ddr4_speed_grade": "DDR4_2400R"} | DESIGN
    ddr5 = {"standard": "DDR5", "ddr5_speed_grade": "DDR5_4800BN"} | DESIGN
    outcomes = problem.evaluate(problem.space.designs([ddr4, ddr5]))
    assert outcomes.status.tolist() == ["ok", "infeasible"]
    assert "beyond" in outcomes.reason[1]
    with pytest.raises(errors.WorkloadError, match="beyond the device"):
        DramController(workload=str(tmp_path / "far.npz"), standard="DDR5")


def test_the_response_time_is_that_of_all_reads(tmp_path):
    # Each read follows a write to its address, so nearly all are answered from the write queue in a cycle.
    again = dram.Trace(np.zeros(2000, int), np.arange(2000) % 2 == 0, np.arange(2000))
    write_trace(again, tmp_path / "again.npz")
    problem = DramController(workload=str(tmp_path / "again.npz"))
    outcomes = problem.evaluate(problem.space.designs([DESIGN]))
    assert 0.833 <= outcomes["response_time_ns"][0] < 2 * 0.833  # tCK of DDR4-2400


@pytest.mark.parametrize(("workload", "felt"), [("random", "time_ns"), ("multicore", "response_time_ns")])
@pytest.mark.parametrize(
    ("controller", "room", "sizes"),
    [("queued", "read_queue", [8, 32]), ("bank_machines", "request_buffer_size", [1, 8])],
)
def test_the_smallest_queue_is_not_the_best(controller, room, sizes, workload, felt):
    problem = DramController(workload=workload, controller=controller)
    assert [str(objective) for objective in problem.objectives] == [f"{felt}:min", "energy_pj:min"]
    # Where the buffer is Bankwise every bank has one of its own, and then one place is much.
    own = {"scheduler_buffer": "Shared"} if controller == "bank_machines" else {}
    designs = [problem.space.default() | own | {room: size} for size in sizes]
    outcomes = problem.evaluate(problem.space.designs(designs))
    small, large = outcomes[felt]
    assert small > 1.05 * large
    assert outcomes["energy_pj"][0] > 0.995 * outcomes["energy_pj"][1]
    if workload == "random":  # it asks for all that it can get, and then the tools' figure says the opposite
        assert outcomes["latency_ns"][0] < outcomes["latency_ns"][1]


@pytest.mark.parametrize("controller", ["queued", "bank_machines"])
def test_a_response_is_the_wait_and_what_comes_after_it(controller):
    problem = DramController(workload="zipf:gb_per_s=6", controller=controller)
    outcomes = problem.evaluate(problem.space.sample(8, 5))
    inside_ns = outcomes["response_time_ns"] - outcomes["wait_ns"]
    # The tool's figure leaves out what has not left when the last request is accepted.
    assert inside_ns == pytest.approx(outcomes["latency_ns"], rel=0.05)
    assert (outcomes["wait_ns"] >= 0).all()


def test_a_refresh_that_is_postponed_past_the_end_is_owed():
    # 30 us have three intervals of 7.8 us; who may postpone eight refreshes does none of them.
    problem = DramController(workload="random:gb_per_s=8,requests=3500", controller="bank_machines")
    designs = [problem.space.default() | {"refresh_max_postponed": most} for most in (0, 8)]
    at_once, later = (problem.evaluate([design]) for design in designs)
    device = problem.devices.default
    assert at_once["time_ns"][0] // (device.timings["nREFI"] * device.tck_ps / 1000) == 3
    assert later["refresh_energy_pj"][0] == pytest.approx(at_once["refresh_energy_pj"][0], rel=1e-12)
    parts = [later[f"{part}_energy_pj"][0] for part in ("activate", "read", "write", "refresh", "background")]
    assert later["energy_pj"][0] == pytest.approx(sum(parts), rel=1e-12)


def test_describe_says_what_the_trace_is():
    about = DramController().about
    for fragment in ("multicore: 12,000 requests of 64 bytes", "75% reads", "51% of the 19.2 GB/s"):
        assert fragment in about
    assert "all that the memory takes" in DramController(workload="stream").about
    players = {"cpu": {"workload": "random", "gb_per_s": 4}, "dma": {"workload": "stream"}}
    shared = DramController(controller="bank_machines", players=players)
    assert "cpu: 10,000 requests" in shared.about
    assert "4 GB/s, 21% of" in shared.about
    assert [str(objective) for objective in shared.objectives] == ["time_ns:min", "energy_pj:min"]


def test_the_default_load_is_half_of_what_the_memory_has():
    for standard, ranks in (("LPDDR4", 1), ("HBM3", 2)):
        problem = DramController(standard=standard, ranks=ranks)
        peak = problem.devices.default.peak_bandwidth_gb_per_s
        asked = 12_000 * 64 / (problem.trace.highest_cycle * problem.trace_tck_ps / 1000)
        assert asked / peak == pytest.approx(0.5, rel=0.05)
    double = DramController(request_bytes=128)
    asked = 12_000 * 128 / (double.trace.highest_cycle * double.trace_tck_ps / 1000)
    assert asked / double.devices.default.peak_bandwidth_gb_per_s == pytest.approx(0.5, rel=0.05)


# --- workloads and arguments ------------------------------------------------------------------------------


def test_workloads_by_name_and_by_file(tmp_path):
    trace = generate("gups", requests=50, seed=3)
    assert read_workload("gups:requests=50,seed=3") == trace
    assert read_workload("zipf: exponent = 1.2, requests = 10") == generate("zipf", exponent=1.2, requests=10)
    write_trace(trace, tmp_path / "t.stl.gz")
    assert read_workload(str(tmp_path / "t.stl.gz")).address_byte.tolist() == trace.address_byte.tolist()


@pytest.mark.parametrize(
    ("arguments", "kind", "message"),
    [
        ({"workload": "zpif"}, errors.UnknownNameError, "unknown workload 'zpif'; did you mean 'zipf'?"),
        ({"workload": "zipf:exponnet=1"}, errors.WorkloadError, "did you mean 'exponent'?"),
        (
            {"workload": "zipf:exponent=big"},
            errors.WorkloadError,
            "argument=number,..., found 'exponent=big'",
        ),
        ({"workload": "zipf:20000"}, errors.WorkloadError, "argument=number,..., found '20000'"),
        ({"workload": "zipf:requests=0"}, errors.WorkloadError, "requests must be a whole number from 1"),
        ({"workload": "nowhere/trace.stl"}, errors.WorkloadError, "there is no such trace file"),
        (
            {"workload": "stream:write_share=1"},
            errors.WorkloadError,
            "has 0 reads, expected at least",
        ),
        ({"standard": "DDR9"}, errors.UnknownNameError, "unknown standard 'DDR9'; did you mean"),
        (
            {"standard": "DDR5", "speed_grade": "DDR5_4800"},
            errors.UnknownNameError,
            "did you mean 'DDR5_4800",
        ),
        ({"organization": "DDR4_9Gb_x8"}, errors.UnknownNameError, "unknown DDR4 organization 'DDR4_9Gb_x8'"),
        ({"refresh": "never"}, errors.UnknownNameError, "unknown refresh 'never'"),
        (
            {"refresh": "same_bank"},
            errors.ArgumentError,
            "refresh mode 'same_bank': DDR4 does not have it, expected one of all_bank, none",
        ),
        (
            {"refresh": "same_bank", "standard": "DDR5", "search_device": True},
            errors.ArgumentError,
            "DDR3 and DDR4 do not have it, expected one of all_bank, none",
        ),
        ({"controller": "queue"}, errors.UnknownNameError, "did you mean 'queued'?"),
        ({"channels": 3}, errors.ArgumentError, "channels must be 1, 2, 4, 8, 16 or 32, got 3"),
        (
            {"request_bytes": 48},
            errors.ArgumentError,
            "request_bytes must be 8, 16, 32, 64, 128 or 256, got 48",
        ),
        ({"address_mapping": "RoBaRaChCo"}, errors.UnknownNameError, "did you mean 'RoBaRaCoCh'?"),
        (
            {"address_mapping": '{"COLUMN_BIT":[3,4'},
            errors.ArgumentError,
            """address_mapping='{"COLUMN_BIT":[3,4' is not JSON: Expecting ',' delimiter""",
        ),
        ({"address_mapping": '{"COLUM_BIT": [3]}'}, errors.ArgumentError, "did you mean 'COLUMN_BIT'?"),
        (
            {"search_device": "foo"},
            errors.ArgumentError,
            "search_device must be true, false or 'speed_grade', got 'foo'",
        ),
        ({"trace_tck_ps": 1.5}, errors.ArgumentError, "trace_tck_ps must be a whole number, got 1.5"),
        ({"address_mapping": "no/file.json"}, errors.ArgumentError, "no/file.json: No such file"),
        ({"address_mapping": {"ROW_BIT": "all"}}, errors.ArgumentError, "expected ROW_BIT as a list of bit"),
        (
            {"address_mapping": {"ROW_BIT": [1]}},
            errors.ArgumentError,
            "has 0 bits, expected 4 for the 16 banks",
        ),
        (
            {"memspec": "no/file.json"},
            errors.ArgumentError,
            "/no/file.json: No such file",
        ),
        (
            {"memspec": "no/file.json", "standard": "DDR4", "ranks": 2},
            errors.ArgumentError,
            "memspec gives the device: leave out standard and ranks",
        ),
        ({"workload": 5}, errors.UnknownNameError, "unknown workload '5'"),
        ({"workload": ["zipf"]}, errors.ArgumentError, "workload must be text, got ['zipf']"),
        ({"ranks": 2.5}, errors.ArgumentError, "ranks must be 1, 2, 4 or 8, got 2.5"),
        ({"ranks": 3}, errors.ArgumentError, "ranks must be 1, 2, 4 or 8, got 3"),
        ({"threads": 0}, errors.ArgumentError, "threads must be at least 1, got 0"),
        ({"standard": "HBM2", "ranks": 4}, errors.ArgumentError, "ranks of HBM2 are its pseudo-channels"),
        ({"trace_tck_ps": 0}, errors.ArgumentError, "trace_tck_ps must be from 1 to 1000000"),
        (
            {"search_device": True, "organization": "DDR4_2Gb_x8"},
            errors.ArgumentError,
            "DDR5 has no chips like 'DDR4_2Gb_x8'",
        ),
        ({"objectives": ["latency_n:min"]}, errors.UnknownNameError, "did you mean 'latency_ns'?"),
    ],
)
def test_wrong_arguments_are_explained(arguments, kind, message):
    with pytest.raises(kind) as error:
        DramController(**{"workload": SHORT} | arguments)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_a_trace_with_cycles_needs_their_clock_when_the_devices_differ(tmp_path):
    trace = generate("random", requests=400)
    write_trace(dram.Trace(trace.address_byte, trace.is_write, np.arange(400) * 100), tmp_path / "t.stl")
    path = str(tmp_path / "t.stl")
    with pytest.raises(errors.ArgumentError, match="trace_tck_ps"):
        DramController(workload=path, search_device="speed_grade")
    problem = DramController(workload=path, search_device="speed_grade", trace_tck_ps=1000)
    time_ns = problem.evaluate(problem.space.sample(4, 0))["time_ns"]
    # One request every 100 ns of the trace's clock keeps every device idle most of the time.
    np.testing.assert_allclose(time_ns, 399 * 100, rtol=0.01)


def test_users_set_objectives_and_constraints():
    problem = DramController(
        workload=SHORT, objectives=["bandwidth_gb_per_s:max"], constraints=["power_mw<=900"]
    )
    assert [str(objective) for objective in problem.objectives] == ["bandwidth_gb_per_s:max"]
    assert [str(constraint) for constraint in problem.constraints] == ["power_mw<=900"]


def test_a_copy_in_another_process_gives_the_same():
    problem = DramController(workload=SHORT)
    copy = pickle.loads(pickle.dumps(problem))
    designs = problem.space.sample(3, 0)
    assert copy.evaluate(designs).row(2) == problem.evaluate(designs).row(2)


# --- standards, controllers, memspecs, mappings, streams --------------------------------------------------


def test_the_defaults_mean_what_they_meant_before_there_were_more_standards():
    problem = DramController()
    default = problem.space.default()
    assert default == DESIGN
    assert problem.space.hash() == "7d65cfe5ba8eab2aa26789c6df7b8e26ed3169e502061abddbac23fcaeee3216"
    then = {  # measured with version 0 of the problem, when it knew three standards and one controller
        "latency_ns": 189.35427574661847,
        "energy_pj": 54253669.848000005,
        "power_mw": 1355.359720314646,
        "bandwidth_gb_per_s": 15.913270040192376,
        "time_ns": 40028.982,
        "activate_energy_pj": 3414321.7248,
        "read_energy_pj": 21974054.8608,
        "write_energy_pj": 6361614.335999999,
        "refresh_energy_pj": 3739623.551999999,
        "background_energy_pj": 18764055.3744,
    }
    designs = problem.space.designs([default])
    trace = read_workload("row_bursts")
    choices = problem.refresh_modes, problem.address_mappings
    now = ramulator.evaluate(
        problem.devices.of(designs), controllers_of("queued", designs, *choices), trace, drain=False
    )
    assert {name: getattr(now, name)[0] for name in then} == pytest.approx(then, rel=1e-12)


@pytest.mark.parametrize("controller", ["queued", "bank_machines"])
@pytest.mark.parametrize("standard", dram.standards())
def test_every_standard_under_every_controller_and_refresh(standard, controller):
    problem = DramController(workload=LONG, standard=standard, controller=controller, refresh="search")
    default = problem.space.default()
    modes = problem.refresh_modes
    assert (
        modes
        == dram.device(standard, USUAL_ORGANIZATION[standard], USUAL_SPEED_GRADE[standard]).refresh_modes
    )
    choices = [{"refresh": mode} for mode in modes] if len(modes) > 1 else [{}]
    outcomes = problem.evaluate(problem.space.designs([default | choice for choice in choices]))
    assert outcomes.ok.all()
    assert (outcomes["refresh_energy_pj"] > 0).all()
    parts = [outcomes[m] for m in problem.metric_names if m.endswith("_energy_pj")]
    np.testing.assert_allclose(outcomes["energy_pj"], sum(parts))
    assert ((outcomes["data_bus_utilisation"] > 0) & (outcomes["data_bus_utilisation"] <= 1)).all()


@pytest.mark.parametrize("standard", ["DDR4", "LPDDR5", "HBM2"])
def test_channels_share_the_load(standard):
    one, four = (
        DramController(workload="random:requests=4000,write_share=0", standard=standard, channels=channels)
        for channels in (1, 4)
    )
    design = [one.space.default()]
    alone, together = (problem.evaluate(problem.space.designs(design)) for problem in (one, four))
    gained = together["bandwidth_gb_per_s"][0] / alone["bandwidth_gb_per_s"][0]
    assert 2 < gained < 4.4


def test_a_cache_line_moves_whole_whatever_the_burst():
    """Each standard has to move the 64 bytes of each request that is not answered from a waiting write."""
    for standard in dram.standards():
        problem = DramController(workload="stream:requests=2000,write_share=0", standard=standard)
        outcomes = problem.evaluate(problem.space.designs([problem.space.default()]))
        moved = outcomes["bandwidth_gb_per_s"][0] * outcomes["time_ns"][0]
        assert moved == pytest.approx(2000 * 64, rel=0.05), standard


def test_a_refresh_mode_that_a_searched_standard_lacks_is_forbidden():
    problem = DramController(workload=SHORT, search_device=True, refresh="search")
    assert problem.space["refresh"].values == ("all_bank", "same_bank")
    ddr4 = {"standard": "DDR4", "ddr4_speed_grade": "DDR4_2400R"} | DESIGN | {"refresh": "same_bank"}
    ddr5 = {"standard": "DDR5", "ddr5_speed_grade": "DDR5_4800BN"} | DESIGN | {"refresh": "same_bank"}
    outcomes = problem.evaluate(problem.space.designs([ddr4, ddr5]))
    assert outcomes.status.tolist() == ["infeasible", "ok"]


def test_bank_machines_give_what_the_simulator_gives():
    problem = DramController(workload=SHORT, controller="bank_machines", refresh="search_with_none")
    designs = problem.space.sample(8, 3)
    outcomes = problem.evaluate(designs)
    device = dram.device("DDR4", "DDR4_8Gb_x8", "DDR4_2400R")
    policy = {"all_bank": "AllBank", "none": "NoRefresh"}
    for i, design in enumerate(designs):
        given = {name: value for name, value in design.items() if name != "refresh"}
        controllers = dram.BankMachineControllers(**given, refresh_policy=policy[design["refresh"]])
        alone = dram.simulate(device, controllers, generate("zipf", requests=600))
        for metric in (
            "latency_ns",
            "read_energy_pj",
            "background_energy_pj",
            "time_ns",
            "bandwidth_gb_per_s",
        ):
            assert outcomes[metric][i] == getattr(alone, metric)[0]


def test_power_down_saves_energy_when_there_is_little_to_do(tmp_path):
    trace = generate("random", requests=400)
    write_trace(dram.Trace(trace.address_byte, trace.is_write, np.arange(400) * 2000), tmp_path / "t.stl")
    problem = DramController(workload=str(tmp_path / "t.stl"), controller="bank_machines")
    design = problem.space.default()
    rows = [design | {"power_down_policy": policy} for policy in ("NoPowerDown", "Staggered")]
    outcomes = problem.evaluate(problem.space.designs(rows))
    assert outcomes["power_down_share"][0] == 0
    assert outcomes["power_down_share"][1] > 0.5
    assert outcomes["background_energy_pj"][1] < outcomes["background_energy_pj"][0]


def test_a_memspec_and_a_mapping_give_what_dramsys_measured():
    compared = set()
    for case in json.loads((DRAMSYS / "cases.json").read_text()):
        given = dict(case["controller"])
        try:
            problem = DramController(
                workload=str(DRAMSYS / "traces" / f"{case['trace']}.npz"),
                controller="bank_machines",
                memspec=str(DRAMSYS / "memspecs" / case["memspec"]),
                address_mapping=str(DRAMSYS / "mappings" / case["address_mapping"]),
                refresh="search_with_none",
                request_bytes=8,  # so that a request is a burst
                trace_tck_ps=round(1_000_000 / case["trace_clock_mhz"]),
            )
        except errors.WorkloadError:  # the trace is larger than the device; DRAMSys lets it wrap around
            continue
        refresh = {"NoRefresh": "none", "AllBank": "all_bank", "PerBank": "per_bank"}[given["RefreshPolicy"]]
        design = {ours: given[name] for ours, name in PARAMETERS.items() if ours != "refresh_policy"}
        design |= {
            "refresh": refresh,
            "power_down_policy": given["PowerDownPolicy"],
            "address_mapping": "custom",
        }
        if design["arbiter"] == "Simple":
            del design["max_active_transactions"]
        try:
            designs = problem.space.designs([design])
        except errors.DesignError:  # a size that the space leaves out
            continue
        outcomes = problem.evaluate(designs)
        assert outcomes["time_ns"][0] == pytest.approx(case["result"]["total_time_ns"], rel=1e-6), case["id"]
        compared.add(case["system"])
    assert len(compared) >= 3


def test_a_mapping_may_be_given_as_bit_lists():
    """RoBaRaCoCh of DDR4 8Gb_x8 written out: 64-byte bursts, 10 column bits, 4 bank bits, 16 row bits."""
    lists = {
        "BYTE_BIT": list(range(3)),
        "COLUMN_BIT": list(range(3, 13)),
        "BANKGROUP_BIT": [13, 14],
        "BANK_BIT": [15, 16],
        "ROW_BIT": list(range(17, 33)),
    }
    problem = DramController(workload=SHORT, address_mapping=lists)
    assert problem.space["address_mapping"].values == ("custom", *ADDRESS_MAPPINGS)
    hashed = DramController(workload=SHORT, address_mapping=lists | {"XOR": [{"FIRST": 13, "SECOND": 17}]})
    design = problem.space.default()
    named = problem.evaluate(problem.space.designs([design, design | {"address_mapping": "RoBaRaCoCh"}]))
    assert named.row(0) == named.row(1)
    assert hashed.evaluate(hashed.space.designs([design])).row(0) != named.row(0)


def test_one_mapping_can_be_fixed():
    problem = DramController(workload=SHORT, address_mapping="MOP4CLXOR")
    assert "address_mapping" not in problem.space
    free = DramController(workload=SHORT)
    mapped = free.space.default() | {"address_mapping": "MOP4CLXOR"}
    fixed = problem.evaluate(problem.space.designs([problem.space.default()]))
    assert fixed.row(0) == free.evaluate(free.space.designs([mapped])).row(0)


@pytest.mark.parametrize("standard", ["DDR4", "LPDDR4"])
def test_a_large_file_is_streamed_and_gives_the_same(tmp_path, monkeypatch, standard):
    write_trace(generate("zipf", requests=3000), tmp_path / "long.npz")
    arguments = {"workload": str(tmp_path / "long.npz"), "standard": standard}
    whole = DramController(**arguments)
    monkeypatch.setattr(dram_workload, "STREAMED_FROM_BYTES", 1000)
    streamed = DramController(**arguments)
    assert isinstance(streamed.trace, dram.StreamedTrace)
    assert not isinstance(whole.trace, dram.StreamedTrace)
    assert streamed.workload_digest == whole.workload_digest
    designs = whole.space.sample(3, 0)
    for i in range(3):
        assert streamed.evaluate(designs).row(i) == whole.evaluate(designs).row(i)


def test_a_study_notices_that_a_file_of_the_device_has_changed(tmp_path, monkeypatch):
    source = json.loads((DRAMSYS / "memspecs" / "JEDEC_4Gb_DDR4-2400_8bit_A.json").read_text())
    path = tmp_path / "memspec.json"
    path.write_text(json.dumps(source))
    monkeypatch.chdir(tmp_path)
    before = DramController(workload=SHORT, memspec="memspec.json")
    assert before.arguments["memspec"] == str(path)
    source["memspec"]["memtimingspec"]["RCD"] += 1
    path.write_text(json.dumps(source))
    assert DramController(workload=SHORT, memspec="memspec.json").workload_digest != before.workload_digest


def test_a_broken_memspec_is_explained_in_a_line(tmp_path):
    path = tmp_path / "memspec.json"
    source = json.loads((DRAMSYS / "memspecs" / "HBM2.json").read_text())["memspec"]
    missing = {key: value for key, value in source.items() if key != "memoryType"}
    architecture = source["memarchitecturespec"] | {"nbrOfRows": "many"}
    for content, message in (
        ("{", "is not JSON"),
        ("[1]", "expected an object with the field 'memspec'"),
        (json.dumps({"memspec": missing}), "field 'memoryType' is missing"),
        (json.dumps({"memspec": source | {"memoryType": "DDR9"}}), "memoryType 'DDR9' is not one of"),
        (json.dumps({"memspec": source | {"memarchitecturespec": architecture}}), "memspec"),
    ):
        path.write_text(content)
        with pytest.raises(errors.ArgumentError, match=message) as error:
            DramController(workload=SHORT, memspec=str(path))
        assert "\n" not in str(error.value)


@pytest.mark.parametrize("controller", ["queued", "bank_machines"])
def test_a_sample_of_the_trace_estimates_all_metrics(controller):
    problem = DramController(workload="random:requests=20000", controller=controller)
    assert (problem.fidelity_names, problem.default_fidelity) == (("sampled", "cycle"), "cycle")
    designs = problem.space.sample(6, 3)
    sampled, whole = (problem.evaluate(designs, fidelity=f).metrics for f in problem.fidelity_names)
    assert sampled.keys() == whole.keys()
    for metric in ("latency_ns", "energy_pj", "time_ns", "power_mw", "bandwidth_gb_per_s"):
        assert sampled[metric] == pytest.approx(whole[metric], rel=0.25), metric
    assert (sampled["time_ns"] != whole["time_ns"]).all()


def test_players_have_no_sample():
    players = {"cpu": {"workload": "random:requests=2000"}, "dma": {"workload": "stream:requests=2000"}}
    problem = DramController(controller="bank_machines", players=players)
    assert problem.fidelity_names == ("cycle",)
    with pytest.raises(UnknownNameError, match="sampled"):
        problem.evaluate(problem.space.sample(1, 0), fidelity="sampled")
