"""Refresh by bank, power-down and self-refresh: command lists against an independent checker of the rules."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cosearch_simulators.dram import (
    BankMachineControllers,
    Device,
    Trace,
    device,
    organizations,
    read_memspec,
    simulate,
    speed_grades,
    standards,
)
from cosearch_simulators.dram.engines.dramsys.simulation import command_list
from cosearch_simulators.errors import ConfigurationError
from dram_command_checker import violations

SAMPLE = Path(__file__).parents[2] / "reference" / "dram" / "dramsys"


def _memspec(memspec: str, mapping: str) -> Device:
    return read_memspec(SAMPLE / "memspecs" / f"{memspec}.json", SAMPLE / "mappings" / f"{mapping}.json")


DEVICES = {
    "DDR3": _memspec("MICRON_1Gb_DDR3-1600_8bit_G", "am_ddr3_8x1Gbx8_dimm_p1KB_rbc"),
    "DDR4": _memspec("JEDEC_4Gb_DDR4-2400_8bit_A", "am_ddr4_8x4Gbx8_dimm_p1KB_brc"),
    "LPDDR4": _memspec("JEDEC_8Gb_LPDDR4-3200_16bit", "am_lpddr4_8Gbx16_brc"),
    "HBM2": _memspec("HBM2", "am_hbm2_8Gb_pc_brc"),
    "DDR4 of two ranks": device("DDR4", "DDR4_8Gb_x8", "DDR4_2400R", ranks=2),
    "DDR5 of two ranks": device("DDR5", "DDR5_8Gb_x16", "DDR5_3200AN", ranks=2),
    **{f"our {name}": device(name, organizations(name)[0], speed_grades(name)[-1]) for name in standards()},
}
POLICIES = {"all_bank": "AllBank", "per_bank": "PerBank", "same_bank": "SameBank"}
INTERVALS = {"AllBank": "nREFI", "PerBank": "nREFIpb", "SameBank": "nREFIsb"}


def _bursts(requests: int = 400, seed: int = 0) -> Trace:
    """Bursts over few rows of all banks, with pauses of up to several refresh intervals."""
    rng = np.random.default_rng(seed)
    gap = np.where(
        rng.random(requests) < 0.02, rng.integers(0, 30_000, requests), rng.integers(0, 12, requests)
    )
    address = rng.integers(0, 1 << 10, requests) * (1 << 13) + rng.integers(0, 16, requests) * 64
    return Trace(address % (1 << 26), rng.random(requests) < 0.3, np.cumsum(gap))


@pytest.mark.parametrize("name", DEVICES)
@pytest.mark.parametrize("power_down", ["NoPowerDown", "Staggered"])
@pytest.mark.parametrize(("page", "flexibility"), [("Open", 2), ("ClosedAdaptive", 0)])
def test_no_command_breaks_a_rule(name: str, power_down: str, page: str, flexibility: int) -> None:
    channel = DEVICES[name]
    for policy in ("NoRefresh", *(POLICIES[mode] for mode in channel.refresh_modes)):
        controller = BankMachineControllers(
            page_policy=page,
            refresh_policy=policy,
            power_down_policy=power_down,
            refresh_max_postponed=flexibility,
            refresh_max_pulled_in=flexibility,
        )
        commands = command_list(channel, controller, _bursts())
        assert violations(channel, commands) == []
        names = {command for _, command, _ in commands}
        assert (("PDEA" in names) or ("PDEP" in names)) == (power_down == "Staggered")


def test_the_checker_finds_a_command_that_comes_too_early() -> None:
    channel = DEVICES["DDR4"]
    controller = BankMachineControllers(power_down_policy="Staggered")
    commands = command_list(channel, controller, _bursts(100))
    moved = 0
    for i in range(1, len(commands)):
        cycle, command, bank = commands[i]
        earlier = [*commands]
        earlier[i] = (max(cycle - 4, commands[i - 1][0] + 1), command, bank)
        moved += bool(violations(channel, earlier[max(0, i - 60) : i + 1]))
    assert moved > len(commands) / 2
    without = [entry for entry in commands if entry[1] not in ("PDXA", "PDXP")]
    assert any("while the rank waits for" in line for line in violations(channel, without))


@pytest.mark.parametrize("name", DEVICES)
def test_every_bank_gets_its_refreshes(name: str) -> None:
    channel = DEVICES[name]
    rank_banks = channel.topology.banks // channel.ranks
    for policy in (POLICIES[mode] for mode in channel.refresh_modes):
        interval = channel.timings[INTERVALS[policy]]
        sets = {"AllBank": 1, "PerBank": rank_banks, "SameBank": channel.topology.counts[-1]}[policy]
        rounds = 6
        # Steady requests for half of the banks; the others are idle.
        cycle = np.arange(0, rounds * sets * interval, 97)
        rng = np.random.default_rng(1)
        trace = Trace(rng.integers(0, 1 << 24, cycle.size) // 64 * 64, np.zeros(cycle.size, bool), cycle)
        controller = BankMachineControllers(
            refresh_policy=policy, refresh_max_postponed=1, refresh_max_pulled_in=1
        )
        commands = command_list(channel, controller, trace)
        for rank in range(channel.ranks):
            for b in range(sets):
                refreshed = sum(
                    1
                    for _, command, bank in commands
                    if command.startswith("REF") and bank == rank * rank_banks + b
                )
                # One a round, give or take what may be postponed and pulled in and the round under way.
                assert abs(refreshed - rounds) <= 2, (policy, rank, b)


def test_refreshing_banks_one_by_one_delays_less_than_all_at_once() -> None:
    channel = DEVICES["LPDDR4"]
    rng = np.random.default_rng(2)
    cycle = np.arange(4000) * 60
    trace = Trace(rng.integers(0, 1 << 26, 4000) // 64 * 64, np.zeros(4000, bool), cycle)
    controller = BankMachineControllers(
        refresh_policy=["NoRefresh", "PerBank", "AllBank"], refresh_max_postponed=1, refresh_max_pulled_in=0
    )
    latency = simulate(channel, controller, trace).latency_ns
    assert latency[0] < latency[1] < latency[2]


def test_idle_ranks_sleep_and_save_energy() -> None:
    trace = Trace(np.arange(40) * 64, np.zeros(40, bool), np.arange(40) * 20_000)
    for name in ("DDR3", "DDR4"):
        channel = DEVICES[name]
        for refresh in ("NoRefresh", "AllBank"):
            for page in ("Open", "Closed"):
                result = simulate(
                    channel,
                    BankMachineControllers(
                        page_policy=page,
                        refresh_policy=refresh,
                        power_down_policy=["NoPowerDown", "Staggered"],
                    ),
                    trace,
                )
                assert result.energy_pj[1] < result.energy_pj[0]
                assert result.latency_ns[1] > result.latency_ns[0]
                asleep = (
                    result.active_power_down_cycles
                    + result.precharge_power_down_cycles
                    + result.self_refresh_cycles
                )
                assert asleep[0] == 0
                assert 0.9 * result.cycles[1] < asleep[1] <= result.cycles[1]
                assert (result.self_refresh_cycles[1] > 0) == (refresh == "AllBank")
                assert (result.active_power_down_cycles[1] > 0) == (page == "Open")


def test_a_lone_wake_up_takes_the_exit_time() -> None:
    channel = DEVICES["DDR3"]
    n = channel.timings
    trace = Trace([0, 64], [False, False], [0, 1000])
    awake, slept = simulate(
        channel,
        BankMachineControllers(refresh_policy="NoRefresh", power_down_policy=["NoPowerDown", "Staggered"]),
        trace,
    ).cycles
    assert slept - awake == n["nXP"]


@pytest.mark.parametrize("most_postponed", [0, 8])
def test_waking_from_self_refresh_does_not_wait_for_the_next_refresh(most_postponed: int) -> None:
    channel = DEVICES["DDR4"]
    n = channel.timings
    latency = simulate(
        channel,
        BankMachineControllers(
            page_policy="Closed", power_down_policy="Staggered", refresh_max_postponed=most_postponed
        ),
        Trace([0, 64], [False, False], [0, 3 * n["nREFI"]]),
    )
    assert latency.self_refresh_cycles[0] > n["nREFI"]
    asleep = 2 * round(latency.average_read_latency_cycles[0]) - (n["nRCD"] + channel.read_latency_cycles)
    assert asleep == n["nXS"] + n["nRFC"] + n["nRCD"] + channel.read_latency_cycles


def test_sleep_counters_are_the_commands_distances() -> None:
    channel = DEVICES["HBM2"]
    trace = _bursts(400)
    controller = BankMachineControllers(power_down_policy="Staggered")
    result = simulate(channel, controller, trace)
    commands = command_list(channel, controller, trace)
    rank_banks = channel.topology.banks // channel.ranks
    for entry, leave, column in (
        ("PDEA", "PDXA", result.active_power_down_cycles),
        ("PDEP", "PDXP", result.precharge_power_down_cycles),
    ):
        total = 0
        for rank in range(channel.ranks):
            of_rank = [(c, name) for c, name, bank in commands if bank // rank_banks == rank]
            entered = [c for c, name in of_rank if name == entry]
            left = [c for c, name in of_rank if name == leave]
            assert len(entered) == len(left)
            total += sum(left) - sum(entered)
        assert column[0] == total


def test_refresh_that_a_memory_lacks_is_said() -> None:
    with pytest.raises(ConfigurationError, match="refresh_policy 'PerBank': .* has NoRefresh, AllBank"):
        simulate(DEVICES["DDR4"], BankMachineControllers(refresh_policy="PerBank"), _bursts(10))


def test_native_devices_take_any_address_mapping() -> None:
    channel = DEVICES["DDR4 of two ranks"]
    names = ["device", "RoBaRaCoCh", "ChRaBaRoCo", "MOP4CLXOR"]
    result = simulate(channel, BankMachineControllers(address_mapping=names), _bursts())
    assert result.cycles[0] == result.cycles[1]
    stated = replace(channel, address_bits=channel.named_address_bits("MOP4CLXOR"))
    assert simulate(stated, BankMachineControllers(), _bursts()).energy_pj[0] == result.energy_pj[3]
