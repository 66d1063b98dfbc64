"""The pictures of the DRAM problems: that they are drawn, and that their numbers are those of the metrics."""

from __future__ import annotations

import time

import numpy as np
import pytest

from cosearch.drawing import drawn_pictures
from cosearch_plugins.dram.controller import DramController
from cosearch_plugins.dram.controller_archgym import DramControllerArchgym
from cosearch_plugins.dram.pictures import dram_pictures
from cosearch_simulators.dram import Controllers, Trace

MIXED = "zipf:requests=4000,write_share=0.3"
PROBLEMS = {
    "queued": (DramController, {"workload": MIXED, "ranks": 2}),
    "channels": (DramController, {"workload": MIXED, "standard": "HBM2", "channels": 2}),
    "per-bank refresh": (DramController, {"workload": MIXED, "standard": "LPDDR5", "refresh": "per_bank"}),
    "bank machines": (
        DramController,
        {
            "workload": MIXED,
            "standard": "LPDDR4",
            "channels": 2,
            "ranks": 2,
            "controller": "bank_machines",
            "refresh": "per_bank",
        },
    ),
    "archgym": (DramControllerArchgym, {"workload": "cloud-2"}),
}


@pytest.fixture(params=PROBLEMS)
def problem(request):
    kind, arguments = PROBLEMS[request.param]
    return kind(**arguments)


def pictures_of(problem, design=None):
    drawn = drawn_pictures(problem, design or problem.space.default())
    assert drawn.missing == ()
    return {picture.title: picture for picture in drawn.pictures}


def evaluated(problem):
    return problem.evaluate(problem.space.designs([problem.space.default()]))


def test_energy_by_command_and_by_rank_sum_to_the_energy(problem):
    pictures = pictures_of(problem)
    energy_uj = evaluated(problem)["energy_pj"][0] / 1e6
    assert sum(pictures["Energy by command"].traces[0]["x"]) == pytest.approx(energy_uj)
    by_rank = [p for title, p in pictures.items() if title in ("Energy by rank", "Energy by pseudo-channel")]
    for picture in by_rank:
        assert sum(picture.traces[0]["y"]) == pytest.approx(energy_uj)


def test_several_ranks_have_a_picture_and_one_has_none():
    assert "Energy by rank" in pictures_of(DramController(workload=MIXED, ranks=2))
    assert "Energy by pseudo-channel" in pictures_of(DramController(workload=MIXED, standard="HBM3"))
    assert "Energy by rank" not in pictures_of(DramController(workload=MIXED))


def test_the_curve_stays_under_the_peak_and_under_what_is_offered(problem):
    pictures = pictures_of(problem)
    this, peak, offered = pictures["Offered and achieved bandwidth"].traces
    assert max(this["y"]) <= peak["y"][0]
    assert (np.array(this["y"]) <= 1.02 * np.array(this["x"])).all()  # to the cycle of the last request
    assert offered["x"] == offered["y"]
    curve, inside, limit = pictures["Latency under load"].traces
    assert limit["x"][0] == peak["y"][0]
    assert curve["x"] == this["y"]
    assert curve["y"][-1] > 5 * curve["y"][0] > 0
    assert (np.array(inside["y"]) <= curve["y"]).all()


def test_the_data_bus_over_time_has_the_bandwidth_of_the_metrics(problem):
    outcomes = evaluated(problem)
    traces = pictures_of(problem)["Data bus over time"].traces
    busy = np.sum([trace["y"] for trace in traces], axis=0)
    peak = problem_device(problem).peak_bandwidth_gb_per_s
    assert busy.mean() * peak == pytest.approx(outcomes["bandwidth_gb_per_s"][0], rel=0.02)
    assert busy.max() <= 1 + 1e-12


def test_page_and_curve_agree_about_the_bandwidth():
    problem = DramController(workload="random", standard="HBM3", channels=8, controller="bank_machines")
    bandwidth = evaluated(problem)["bandwidth_gb_per_s"][0]
    assert f"{bandwidth:.1f} GB/s are moved" in pictures_of(problem)["Latency under load"].caption


def test_of_writes_there_is_no_latency():
    device_, trace = (
        problem_device(DramController(workload=MIXED)),
        Trace(np.arange(500) * 64, np.ones(500, bool)),
    )
    titles = [picture.title for picture in dram_pictures(device_, Controllers(), trace, None)]
    assert "Latency under load" not in titles
    assert "Offered and achieved bandwidth" in titles


def test_rows_by_bank_sum_to_the_requests_of_the_metrics(problem):
    picture = pictures_of(problem)["Rows by bank"]
    counts = {trace["name"]: sum(trace["y"]) for trace in picture.traces}
    outcomes = evaluated(problem)
    for found, metric in (("row open", "row_hit_share"), ("another row open", "row_conflict_share")):
        if metric in problem.metric_names:
            assert counts[found] / sum(counts.values()) == pytest.approx(outcomes[metric][0])
    moved = outcomes["bandwidth_gb_per_s"][0] * outcomes["time_ns"][0]
    bursts = moved / problem_device(problem).transaction_bytes
    assert bursts <= sum(counts.values()) + 1e-6 <= bursts + 32  # those that wait at the end have begun
    banks = problem_device(problem).topology.banks * problem_device(problem).channels
    assert all(len(trace["y"]) == banks for trace in picture.traces)


def test_of_a_long_trace_the_beginning_is_drawn_in_seconds():
    problem = DramController(workload="random:requests=400000")
    pictures_of(problem)  # compiled code is there
    start = time.perf_counter()
    pictures = pictures_of(problem)
    assert time.perf_counter() - start < 10
    assert "The first 100,000 of 400,000 bursts." in pictures["Energy by command"].caption


def test_many_channels_are_shown_by_channel():
    problem = DramController(workload=MIXED, standard="HBM3", channels=8)
    traces = pictures_of(problem)["Rows by channel"].traces
    assert [len(trace["y"]) for trace in traces] == [8, 8, 8]


def problem_device(problem):
    if isinstance(problem, DramControllerArchgym):
        return problem._device
    (device,) = problem.devices.by_name.values()
    return device
