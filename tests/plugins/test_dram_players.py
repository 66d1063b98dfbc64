"""Several traces as the workload of dram-controller: numbers, files, pictures, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest

import cosearch  # noqa: F401  registers the environments
from cosearch import errors
from cosearch.testing import check_problem
from cosearch_plugins.dram.controller import DramController
from cosearch_plugins.dram.controller_spaces import controllers_of
from cosearch_plugins.dram.metrics import metrics_of
from cosearch_simulators.dram import Player, device, simulate_players
from cosearch_simulators.dram.common.traces.formats import write_trace
from cosearch_simulators.dram.common.traces.generators import generate

PLAYERS: dict[str, Any] = {
    "cpu": {"workload": "random:requests=500"},
    "dma": {"workload": "stream:requests=2000", "tck_ps": 2500, "qos_class": 1},
}


def problem(players: Any = None, **arguments: Any) -> DramController:
    return DramController(controller="bank_machines", players=players or PLAYERS, **arguments)


@pytest.mark.parametrize("arguments", [{}, {"search_device": True, "refresh": "search", "channels": 2}])
def test_it_keeps_the_contract_of_a_problem(arguments: dict[str, Any]) -> None:
    check_problem(problem(**arguments), designs=6, elsewhere=False)


def test_the_numbers_are_the_simulators() -> None:
    built = problem(starvation_cycles=300)
    designs = built.space.sample(8, 0)
    outcomes = built.evaluate(designs)
    expected = simulate_players(
        device("DDR4", "DDR4_8Gb_x8", "DDR4_2400R"),
        controllers_of("bank_machines", designs, built.refresh_modes, built.address_mappings),
        [
            Player(generate("random", requests=500)),
            Player(generate("stream", requests=2000), tck_ps=2500, qos_class=1),
        ],
        starvation_cycles=300,
    )
    assert outcomes.status.tolist() == ["ok"] * 8
    for i, name in enumerate(PLAYERS):
        for metric in ("latency_ns", "maximum_latency_ns", "finish_time_ns", "bandwidth_gb_per_s"):
            assert outcomes[f"{name}_{metric}"].tolist() == getattr(expected, metric)[:, i].tolist()
    assert outcomes["time_ns"].tolist() == expected.total.time_ns.tolist()
    owed_pj = outcomes["refresh_energy_pj"] - expected.total.refresh_energy_pj  # postponed past the end
    assert outcomes["energy_pj"] - owed_pj == pytest.approx(expected.total.energy_pj, rel=1e-12)


def test_one_player_is_what_its_trace_is_as_the_workload() -> None:
    alone = problem({"only": {"workload": "zipf:requests=900"}})
    usual = DramController(controller="bank_machines", workload="zipf:requests=900")
    designs = alone.space.sample(6, 1)
    ours, theirs = alone.evaluate(designs), usual.evaluate(designs.to_dicts())
    for metric in metrics_of("bank_machines", timed=False):
        assert ours[metric.name].tolist() == theirs[metric.name].tolist()


def test_the_more_urgent_player_is_done_earlier() -> None:
    def finish_ns(cpu: int, dma: int) -> float:
        classes = {"cpu": {**PLAYERS["cpu"], "qos_class": cpu}, "dma": {**PLAYERS["dma"], "qos_class": dma}}
        return float(problem(classes).evaluate([problem().space.default()])["cpu_finish_time_ns"][0])

    assert finish_ns(0, 1) < finish_ns(0, 0) < finish_ns(1, 0)


def test_a_file_means_the_same_from_any_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "soc"
    folder.mkdir()
    write_trace(generate("gups", requests=300), folder / "cpu.npz")
    (folder / "players.yaml").write_text("cpu: {workload: cpu.npz}\ndma: {workload: stream, qos_class: 1}\n")
    monkeypatch.chdir(tmp_path)
    built = problem("soc/players.yaml")
    monkeypatch.chdir("/")
    again = DramController(**json.loads(json.dumps(dict(built.arguments))))
    design = built.space.default()
    assert again.workload_digest == built.workload_digest
    assert again.evaluate([design])["cpu_latency_ns"] == built.evaluate([design])["cpu_latency_ns"]


@pytest.mark.parametrize("text", ["cpu: {workload: zipf}\ncpu: {workload: stream}\n", "[" * 3000])
def test_a_file_that_is_not_what_it_seems_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "players.yaml").write_text(text)
    with pytest.raises(errors.ArgumentError, match="players: .*(twice|too deeply)") as refused:
        problem(str(tmp_path / "players.yaml"))
    assert "\n" not in str(refused.value)


def test_who_has_cycles_has_a_wait(tmp_path: Path) -> None:
    timed = generate("random", requests=400)
    (tmp_path / "timed.stl").write_text(
        "".join(f"{20 * i}: read {address:#x}\n" for i, address in enumerate(timed.address_byte.tolist()))
    )
    built = problem({"cpu": {"workload": str(tmp_path / "timed.stl"), "tck_ps": 1000}, **_without("cpu")})
    names = [metric.name for metric in built.metrics]
    assert "cpu_wait_ns" in names
    assert "dma_wait_ns" not in names
    assert built.evaluate([built.space.default()])["cpu_wait_ns"][0] >= 0
    with pytest.raises(errors.WorkloadError, match="player 'cpu': its trace has cycles of its own"):
        problem({"cpu": {"workload": str(tmp_path / "timed.stl"), "gb_per_s": 2}})
    with pytest.raises(errors.ArgumentError, match="player 'cpu': .* period of the trace as its tck_ps"):
        problem({"cpu": {"workload": str(tmp_path / "timed.stl")}}, search_device=True)


def test_a_paced_player_offers_its_bandwidth_and_is_served_fast_if_urgent() -> None:
    def outcome(qos_class: int) -> dict[str, float]:
        cpu = {"workload": "random:requests=1000", "gb_per_s": 4, "qos_class": qos_class}
        built = problem({"cpu": cpu, "dma": {"workload": "stream:requests=20000", "qos_class": 1}})
        found = built.evaluate([built.space.default()])
        return {metric.name: float(found[metric.name][0]) for metric in built.metrics}

    urgent, equal = outcome(0), outcome(1)
    assert urgent["cpu_bandwidth_gb_per_s"] == pytest.approx(4, rel=0.02)
    assert urgent["cpu_response_time_ns"] < 0.5 * equal["cpu_response_time_ns"]
    assert urgent["cpu_response_time_ns"] == urgent["cpu_latency_ns"] + urgent["cpu_wait_ns"]


def test_an_offset_keeps_players_out_of_each_others_rows() -> None:
    def hits(offset: int) -> float:
        two = {"a": {"workload": "random"}, "b": {"workload": "random", "offset_bytes": offset}}
        built = problem(two)
        return float(built.evaluate([built.space.default()])["row_hit_share"][0])

    assert hits(1 << 30) < 0.1 < 0.4 < hits(0)


@pytest.mark.parametrize("request_bytes", [8, 64, 256])
def test_a_pace_is_in_bytes_that_are_moved(request_bytes: int) -> None:
    paced = {"cpu": {"workload": "random:requests=2000", "gb_per_s": 2}}
    built = problem(paced, request_bytes=request_bytes)
    found = built.evaluate([built.space.default()])
    assert found["cpu_bandwidth_gb_per_s"][0] == pytest.approx(2, rel=0.02)


def test_a_cpu_trace_is_named_with_its_format(tmp_path: Path) -> None:
    (tmp_path / "o3.trace").write_text("3 64\n1 128 4096\n" * 50)
    with pytest.raises(errors.WorkloadError, match="is read with format=simpleo3"):
        problem({"cpu": {"workload": str(tmp_path / "o3.trace")}})
    (tmp_path / "soc.yaml").write_text("cpu: {workload: 'o3.trace:format=simpleo3'}\n")
    built = problem(str(tmp_path / "soc.yaml"))
    assert built.arguments["players"]["cpu"]["workload"] == f"{tmp_path}/o3.trace:format=simpleo3"
    assert built.evaluate([built.space.default()]).status.tolist() == ["ok"]


def test_requests_of_a_cache_line_are_two_bursts_of_a_narrow_memory() -> None:
    built = problem(standard="LPDDR4")
    assert built.players is not None
    assert [player.trace.requests for player in built.players.by_name.values()] == [1000, 4000]


def test_pictures_of_a_design() -> None:
    built = problem(channels=2)
    pictures = {picture.title: picture for picture in built.pictures(built.space.default())}
    assert list(pictures)[:3] == ["Latency by player", "Bandwidth by player", "Data bus over time"]
    shown = pictures["Latency by player"].traces
    outcome = built.evaluate([built.space.default()])
    assert shown[0]["x"] == ["cpu, class 0", "dma, class 1"]
    assert shown[0]["y"].tolist() == [outcome["cpu_latency_ns"][0], outcome["dma_latency_ns"][0]]
    assert [bar["name"] for bar in shown] == ["average", "maximum"]  # nobody is paced
    rows = pictures["Rows by bank"].traces
    assert sum(int(np.sum(bar["y"])) for bar in rows) == 2500


def test_the_picture_shows_who_waits_and_says_that_it_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cosearch_plugins.dram.pictures.MOST_REQUESTS", 700)
    built = problem({"cpu": {"workload": "random:requests=500", "gb_per_s": 4}, "dma": PLAYERS["dma"]})
    latency, *others = built.pictures(built.space.default())
    wait = latency.traces[2]
    assert wait["name"] == "average wait in front of it"
    assert np.isfinite(wait["y"]).tolist() == [True, False]
    assert all("The first 700 bursts of each player." in picture.caption for picture in (latency, *others))


def test_an_environment_plays_them_too() -> None:
    env = gym.make(
        "cosearch/DramController-v1",
        controller="bank_machines",
        players=PLAYERS,
        objectives=["cpu_latency_ns:min", "dma_bandwidth_gb_per_s:max"],
    )
    env.reset(seed=0)
    *_, info = env.step(env.action_space.sample())
    assert info["metrics"]["dma_bandwidth_gb_per_s"] > 0


def _without(name: str) -> dict[str, Any]:
    return {other: fields for other, fields in PLAYERS.items() if other != name}


@pytest.mark.parametrize(
    ("players", "line"),
    [
        ({"cpu": {"workload": "zip"}}, "player 'cpu': unknown workload 'zip'; did you mean 'zipf'"),
        ('{"cpu": {"workload": "zipf"}', "players=.* is not JSON"),
        ('{"a": {"workload": "zipf"}, "a": {"workload": "stream"}}', "players=.*'a' is given twice"),
        ({"cpu": {"workload": "zip:write_share=0.3"}}, "unknown workload 'zip'; did you mean 'zipf'"),
        (
            {"cpu": {"workload": "zipf", "gb_per_s": 10, "tck_ps": 50000}},
            "player 'cpu': gb_per_s is 10, but a clock of 50000 ps, .* sends 1.28 GB/s at most",
        ),
        ({"cpu": {"workload": "zipf", "qos_class": 20000}}, "qos_class: must be less than 16384"),
        ({"cpu": {"workload": "zipf", "offset_bytes": 2**40}}, "player 'cpu': .*beyond the device"),
        (
            {"cpu": {"workload": "random:requests=2000000", "gb_per_s": 0.001}},
            "take too long: raise gb_per_s",
        ),
        ({"cpu": {}}, "player 'cpu': workload is missing"),
        ({"cpu": {"workload": "zipf", "clock": 3}}, "player 'cpu': unknown field clock"),
        ({"cpu": {"workload": "zipf", "qos_class": -1}}, "qos_class: must be at least 0, got -1"),
        ({"cpu": {"workload": "zipf", "tck_ps": True}}, "tck_ps: expected a whole number, got True"),
        ({"cpu": {"workload": "zipf:requests=0"}}, "player 'cpu': "),
        ({"cpu": {"workload": "zipf", "gb_per_s": 0}}, "gb_per_s: must be at least 0.001, got 0"),
        ({"cpu": {"workload": "zipf", "gb_per_s": "4"}}, "gb_per_s: expected a number, got '4'"),
        ({"c-pu": {"workload": "zipf"}}, "player name 'c-pu' must be an identifier"),
        (
            {"cpu": "zipf"},
            "player 'cpu': expected the fields workload, tck_ps, qos_class, gb_per_s, offset_bytes, got",
        ),
        ({}, "expected a mapping of at least one player"),
        ("nowhere.yaml", "players: cannot read nowhere.yaml"),
        ({"cpu": {"workload": "no.stl"}}, "player 'cpu': .*no.stl: there is no such trace file"),
        (
            {"a": {"workload": "zipf"}, "a_maximum": {"workload": "zipf"}},
            "two metrics would be called 'a_maximum_latency_ns'",
        ),
        ({"w": {"workload": "stream:requests=9,write_share=1"}}, "players have 0 reads"),
    ],
)
def test_what_is_no_player_is_refused_in_one_line(players: Any, line: str) -> None:
    with pytest.raises(errors.CosearchError, match=line) as refused:
        DramController(controller="bank_machines", players=players)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        ({"players": PLAYERS}, "players need controller=bank_machines"),
        ({"players": PLAYERS, "controller": "bank_machines", "workload": "zipf"}, "leave out workload"),
        ({"players": PLAYERS, "controller": "bank_machines", "starvation_cycles": 0}, "starvation_cycles"),
        ({"starvation_cycles": 10}, "starvation_cycles is for players"),
        (
            {"players": PLAYERS, "controller": "bank_machines", "starvation_cycles": 2**63},
            "starvation_cycles must be from 1 to",
        ),
    ],
)
def test_arguments_that_do_not_go_together(arguments: dict[str, Any], line: str) -> None:
    with pytest.raises(errors.ArgumentError, match=line):
        DramController(**arguments)
