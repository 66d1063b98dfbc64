"""An argument of the wrong kind is one line that names it, what was expected and the value."""

from __future__ import annotations

import multiprocessing
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cosearch_simulators.dram import (
    AddressBits,
    BankMachineControllers,
    ConfigurationError,
    Controllers,
    Player,
    Trace,
    bandwidth_latency_curve,
    device,
    profile,
    simulate,
    simulate_players,
    stream_trace,
)
from cosearch_simulators.dram.common.traces.formats import write_trace
from cosearch_simulators.threads import threads_of, usable_cores

DDR4 = device("DDR4", "DDR4_8Gb_x8", "DDR4_2400R")
TRACE = Trace(np.arange(100) * 64, np.zeros(100, bool))
ONE = {"devices": DDR4, "controllers": BankMachineControllers(), "trace": TRACE}
PLAYED = {"devices": DDR4, "controllers": BankMachineControllers(), "players": [Player(TRACE)]}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"on_error": "x"}, "on_error must be 'raise' or 'mark', got 'x'; valid: raise, mark"),
        ({"threads": 1.5}, r"threads must be a whole number of at least 1, got 1\.5"),
        ({"threads": True}, "threads must be a whole number of at least 1, got True"),
        ({"threads": 0}, "threads must be at least 1, got 0"),
        ({"devices": "DDR4"}, r"devices must be a Device, as device\(\) makes it, .*, got str 'DDR4'"),
        ({"devices": {"standard": "DDR4"}}, "devices must be a Device, .*, got dict {'standard': 'DDR4'}"),
        ({"devices": None}, "devices must be a Device, .*, got NoneType None"),
        ({"devices": [DDR4, "DDR5"]}, r"devices\[1\] must be a Device, got str 'DDR5'"),
        ({"controllers": "queued"}, "controllers must be a Controllers or a Bank.*, got str 'queued'"),
        ({"controllers": {}}, "controllers must be a Controllers or a BankMachineControllers, got dict"),
        ({"trace": "zipf"}, "trace must be a Trace or a StreamedTrace, got str 'zipf'"),
        ({"trace": [1, 2]}, r"trace must be a Trace or a StreamedTrace, got list \[1, 2\]"),
        ({"trace": None}, "trace must be a Trace or a StreamedTrace, got NoneType None"),
        ({"trace_tck_ps": 1.5}, r"trace_tck_ps must be a whole number from 1 to 1000000, got 1\.5"),
        ({"trace_tck_ps": 0}, "trace_tck_ps must be a whole number from 1 to 1000000, got 0"),
    ],
)
def test_simulate_names_the_argument(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message) as caught:
        simulate(**ONE | change)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"controllers": Controllers()}, "controllers must be a BankMachineControllers, got a Controllers"),
        ({"players": PLAYED["players"][0]}, "players must be a sequence of Player, got a Player"),
        ({"players": TRACE}, "players must be a sequence of Player, got a Trace"),
        ({"players": [TRACE]}, r"players\[0\] must be a Player, got a Trace"),
        ({"players": []}, "players must be at least one Player, got none"),
        ({"devices": "DDR4"}, "devices must be a Device"),
        (
            {"starvation_cycles": 0.5},
            r"starvation_cycles must be a whole number from 1 to 1099511627776, got 0\.5",
        ),
        ({"on_error": "x"}, "on_error must be 'raise' or 'mark', got 'x'"),
        ({"threads": 1.5}, "threads must be a whole number"),
    ],
)
def test_simulate_players_names_the_argument(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message) as caught:
        simulate_players(**PLAYED | change)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("x",), "trace of a player must be a Trace or a StreamedTrace, got str 'x'"),
        ((TRACE, None, 1.5), r"qos_class of a player must be a whole number from 0 to 16383, got 1\.5"),
        ((TRACE, 1.5), r"tck_ps of a player must be a whole number from 1 to 1000000, got 1\.5"),
    ],
)
def test_a_player_names_the_argument(arguments: tuple[Any, ...], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        Player(*arguments)


def test_one_design_up_close_names_the_argument() -> None:
    for look in (profile, bandwidth_latency_curve):
        with pytest.raises(ConfigurationError, match="controllers must be a Controllers or .*, got str 'x'"):
            look(DDR4, "x", TRACE)  # type: ignore[operator]
        with pytest.raises(ConfigurationError, match="device must be a Device, got list"):
            look([DDR4], Controllers(), TRACE)  # type: ignore[operator]
        with pytest.raises(ConfigurationError, match="trace must be a Trace.*, got str 'x'"):
            look(DDR4, Controllers(), "x")  # type: ignore[operator]


def test_a_curve_needs_a_trace_in_memory(tmp_path: Path) -> None:
    write_trace(TRACE, tmp_path / "t.npz")
    with pytest.raises(ConfigurationError, match=r"must be a Trace in memory, got the stream of .*t\.npz"):
        bandwidth_latency_curve(DDR4, Controllers(), stream_trace(tmp_path / "t.npz"))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"ranks": "2"}, "DDR4_8Gb_x8: Rank count must be a whole number, got '2'"),
        ({"channels": 1.5}, r"DDR4_8Gb_x8: Channel count must be a whole number, got 1\.5"),
        ({"channels": [2]}, r"channels must be one value, got \[2\]"),
        ({"standard": ["DDR4"]}, r"standard must be one of DDR3, DDR4, .*, got \['DDR4'\]"),
        ({"standard": 4}, "standard must be one of DDR3, DDR4, .*, got 4"),
        ({"address_bits": 4}, "address_bits must be AddressBits or one of RoBaRaCoCh, .*, got 4"),
    ],
)
def test_a_device_names_the_argument(arguments: dict[str, Any], message: str) -> None:
    names = {"standard": "DDR4", "organization": "DDR4_8Gb_x8", "speed_grade": "DDR4_2400R"}
    with pytest.raises(ConfigurationError, match=message):
        device(**names | arguments)


def test_address_bits_may_be_lists() -> None:
    named = DDR4.named_address_bits("RoBaRaCoCh")
    lists = AddressBits(bank=list(named.bank), row=list(named.row))  # type: ignore[arg-type]
    built = device("DDR4", "DDR4_8Gb_x8", "DDR4_2400R", address_bits=lists)
    assert built.address_bits == AddressBits(bank=named.bank, row=named.row)
    assert built is device("DDR4", "DDR4_8Gb_x8", "DDR4_2400R", address_bits=lists)


def test_a_device_prints_as_what_a_user_named() -> None:
    assert repr(device("DDR4", "DDR4_8Gb_x8", "DDR4_2400R", ranks=2)) == (
        "Device(standard='DDR4', organization='DDR4_8Gb_x8', speed_grade='DDR4_2400R', channels=1, ranks=2, "
        "capacity_bytes=17179869184)"
    )


def test_all_cores_of_this_process_are_the_default_and_one_in_a_worker() -> None:
    assert threads_of(None) == usable_cores() <= (os.cpu_count() or 1)
    assert threads_of(3) == 3
    with multiprocessing.get_context("spawn").Pool(1) as workers:
        assert workers.apply(threads_of, (None,)) == 1


def test_one_design_of_one_channel_needs_no_pool(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_pool(*arguments: object) -> None:
        raise AssertionError("a pool of threads was made")

    monkeypatch.setattr("cosearch_simulators.dram.common.batch.ThreadPoolExecutor", no_pool)
    monkeypatch.setattr("cosearch_simulators.dram.engines.dramsys.players.ThreadPoolExecutor", no_pool)
    for controllers in (Controllers(), BankMachineControllers()):
        assert simulate(DDR4, controllers, TRACE, threads=8).error == [""]
    assert simulate_players(**PLAYED, threads=8).total.error == [""]


@pytest.mark.parametrize(
    "designs", [Controllers(read_queue=[8, 16, 32]), BankMachineControllers(request_buffer_size=[1, 4, 8])]
)
def test_the_default_threads_change_no_number(designs: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cosearch_simulators.threads.usable_cores", lambda: 4)
    both = device("DDR4", "DDR4_8Gb_x8", "DDR4_2400R", channels=2)
    default, one = simulate(both, designs, TRACE), simulate(both, designs, TRACE, threads=1)
    for name, column in vars(default).items():
        np.testing.assert_array_equal(column, getattr(one, name))
