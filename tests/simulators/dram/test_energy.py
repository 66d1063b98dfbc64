"""Energy against sums done by hand, and that its parts add up."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from cosearch_simulators.dram import (
    Controllers,
    Device,
    Trace,
    device,
    energy,
    energy_by_rank_and_bank,
    organizations,
    read_memspec,
    simulate,
    speed_grades,
    standards,
)
from cosearch_simulators.dram.common.device import STANDARDS
from cosearch_simulators.dram.common.rules import COMMANDS
from cosearch_simulators.dram.common.standard_tables.standard import EnergyPerBit
from cosearch_simulators.dram.engines.ramulator import evaluate

# Micron 8Gb DDR4 x8 at 2400 MT/s: mA at 1.2 V, and 3 mA at 2.5 V; 8 chips, tCK 0.833 ns, nRC 55, nRAS 39,
# nBL 4, nRFC 433.
DDR4 = device("DDR4", "DDR4_8Gb_x8", "DDR4_2400R")
NOTHING = {"cycles": 0, "active_cycles": 0, "activates": 0, "reads": 0, "writes": 0, "refreshes": 0}


def test_an_idle_rank_draws_its_standby_current() -> None:
    idle = energy(DDR4, **{**NOTHING, "cycles": 1000})
    # 8 chips x 833 ns x (34 mA x 1.2 V + 3 mA x 2.5 V)
    assert idle.total_pj == pytest.approx(8 * 833 * (34 * 1.2 + 3 * 2.5))
    assert idle.background_pj == idle.total_pj


def test_an_open_row_draws_the_active_standby_current() -> None:
    active = energy(DDR4, **{**NOTHING, "cycles": 1000, "active_cycles": 400})
    assert active.total_pj == pytest.approx(8 * 833 * ((0.4 * 43 + 0.6 * 34) * 1.2 + 3 * 2.5))


def test_each_command_adds_its_current_above_the_background() -> None:
    commands = energy(DDR4, **{**NOTHING, "activates": 1, "reads": 1, "writes": 1, "refreshes": 1})
    cycle_v = 8 * 0.833 * 1.2
    assert commands.activate_pj == pytest.approx(cycle_v * (48 * 55 - 43 * 39 - 34 * 16))
    assert commands.read_pj == pytest.approx(cycle_v * (135 - 43) * 4)
    assert commands.write_pj == pytest.approx(cycle_v * (123 - 43) * 4)
    assert commands.refresh_pj == pytest.approx(cycle_v * (250 - 34) * 433)
    assert commands.background_pj == 0.0


def test_ddr3_has_no_wordline_supply() -> None:
    # Micron 4Gb DDR3 x8 at 1600 MT/s, 1.5 V: IDD2N 32 mA
    ddr3 = device("DDR3", "DDR3_4Gb_x8", "DDR3_1600K", ranks=2)
    idle = energy(ddr3, **{**NOTHING, "cycles": 1000})
    assert idle.total_pj == pytest.approx(2 * 8 * 1250 * 32 * 1.5)


@pytest.mark.parametrize(
    ("name", "grade"),
    [("DDR3_8Gb_x16", "DDR3_2133N"), ("DDR4_16Gb_x4", "DDR4_1600J"), ("DDR5_8Gb_x16", "DDR5_6400AN")],
)
def test_no_command_gives_energy_back(name: str, grade: str) -> None:
    commands = energy(
        device(name[:4], name, grade), **{**NOTHING, "activates": 1, "reads": 1, "writes": 1, "refreshes": 1}
    )
    assert min(commands.activate_pj, commands.read_pj, commands.write_pj, commands.refresh_pj) > 0


def test_power_down_draws_its_own_currents() -> None:
    # IDD2P 25, IDD3P 37 and IDD6 31 mA in place of 34, 43 and 34; 3 mA of the wordline supply in all.
    idle = energy(
        DDR4,
        **{**NOTHING, "cycles": 1000, "active_cycles": 300},
        active_power_down_cycles=200,
        precharge_power_down_cycles=150,
        self_refresh_cycles=50,
    )
    core = 100 * 43 + 200 * 37 + 500 * 34 + 150 * 25 + 50 * 31
    assert idle.total_pj == pytest.approx(8 * 0.833 * (core * 1.2 + 1000 * 3 * 2.5))


@pytest.mark.parametrize("name", standards())
def test_refresh_by_bank_takes_what_all_bank_refresh_takes_in_the_same_time(name: str) -> None:
    for organization in organizations(name):
        ours = device(name, organization, speed_grades(name)[0])
        n, chip = ours.timings, ours.chip
        all_banks = energy(ours, **{**NOTHING, "refreshes": 1}).total_pj
        assert all_banks > 0
        if "per_bank" in ours.refresh_modes:
            count = chip.bankgroups * chip.banks
            by_bank = energy(ours, **NOTHING, bank_refreshes=count).total_pj
            assert by_bank == pytest.approx(all_banks, rel=count / n["nREFI"])
        if "same_bank" in ours.refresh_modes:  # in the fine granularity: twice as many
            by_bank = energy(ours, **NOTHING, same_bank_refreshes=2 * chip.banks).total_pj
            assert by_bank == pytest.approx(all_banks, rel=4 * chip.banks / n["nREFI"])


@pytest.mark.parametrize("name", standards())
def test_every_standard_has_its_energies(name: str) -> None:
    for organization in organizations(name):
        for grade in speed_grades(name):
            ours = device(name, organization, grade)
            assert ours.power.source
            parts = energy(
                ours, **{**NOTHING, "activates": 1, "reads": 1, "writes": 1, "refreshes": 1, "cycles": 1}
            )
            assert min(parts.activate_pj, parts.read_pj, parts.write_pj, parts.refresh_pj) > 0
            assert parts.background_pj > 0
            cycles = {**NOTHING, "cycles": 1000}
            states = [
                energy(ours, **{**cycles, "active_cycles": ours.ranks * 1000}),
                energy(ours, **cycles),
                energy(ours, **cycles, precharge_power_down_cycles=ours.ranks * 1000),
            ]
            # Deeper states draw less; DDR3's IDD2N and IDD3N may be the same.
            assert states[0].total_pj >= states[1].total_pj > states[2].total_pj > 0


@pytest.mark.parametrize(
    ("name", "pj_per_bit"),
    [
        ("HBM2", 3.92),  # O'Connor et al., MICRO 2017: more activates than here, less toggling
        ("HBM3", 3.92),  # of a lower supply
        ("GDDR6", 7.5),  # Micron's comparison
    ],
)
def test_a_stream_takes_about_the_published_energy_per_bit(name: str, pj_per_bit: float) -> None:
    ours = device(name, organizations(name)[-1], speed_grades(name)[-1])
    address = np.arange(20_000) * ours.transaction_bytes
    result = simulate(ours, Controllers(), Trace(address, np.zeros(20_000, np.bool_)))
    moved = 8 * result.bandwidth_gb_per_s[0] * result.time_ns[0]
    spent = result.energy_pj[0] / moved
    assert 0.5 * pj_per_bit < spent < 1.35 * pj_per_bit


def test_gddr6_draws_micron_s_energy_per_bit_in_all() -> None:
    """A busy channel at 14 Gb/s, rows used as often as in O'Connor et al.: 7.5 pJ/bit are the total."""
    ours = device("GDDR6", "GDDR6_8Gb_x16", "GDDR6_14000")
    cycles, bits = 1_000_000, 500_000 * 256  # a burst of 256 bits takes 2 cycles
    busy = energy(
        ours,
        cycles=cycles,
        active_cycles=cycles,
        activates=round(bits * 1.21 / (2 * 909)),  # 1.21 pJ/bit of activates, 909 pJ for each of 2 KB
        reads=300_000,
        writes=200_000,
        refreshes=cycles // ours.timings["nREFI"],
    )
    assert busy.total_pj / bits == pytest.approx(7.5, rel=5e-3)


def test_a_row_of_the_4_gb_ddr4_takes_what_gem5_s_currents_give() -> None:
    # gem5's DDR4_2400_x64, of the same part: IDD0 64, 3N 67, 2N 50 mA at 1.2 V; 4 and 3 mA at 2.5 V; nRC 55.
    row = energy(device("DDR4", "DDR4_4Gb_x8", "DDR4_2400R"), **{**NOTHING, "activates": 1}).activate_pj
    gem5 = 8 * 0.833 * (1.2 * (64 * 55 - 67 * 39 - 50 * 16) + 2.5 * (4 - 3) * 55)
    assert row == pytest.approx(gem5, rel=0.1)


def test_hbm2_is_the_paper_s_sum() -> None:
    # 909 pJ an activate of 1 KB; 1.51 + 1.17 + 0.80 pJ a bit of 256
    parts = energy(device("HBM2", "HBM2_4Gb", "HBM2_2000"), **{**NOTHING, "activates": 1, "reads": 1})
    assert parts.activate_pj == pytest.approx(909.0)
    assert parts.read_pj == pytest.approx(256 * 3.48)


def test_lpddr4_is_its_currents_sum() -> None:
    # A burst of 8 cycles of 0.625 ns: IDD4R 275 and IDD3N 30 mA at 1.1 V (those at 1.8 V are equal), the pins
    # 150 and 0.75 mA at 1.1 V. A refresh of 448 cycles: 10 and 2 mA at 1.8 V, 90 and 27 mA at 1.1 V.
    parts = energy(
        device("LPDDR4", "LPDDR4_8Gb_x16", "LPDDR4_3200"), **{**NOTHING, "reads": 1, "refreshes": 1}
    )
    assert parts.read_pj == pytest.approx(5 * 1.1 * (275 - 30 + 150 - 0.75))
    assert parts.refresh_pj == pytest.approx(448 * 0.625 * (8 * 1.8 + 63 * 1.1))


def test_memspecs_without_a_power_model_have_the_published_energies() -> None:
    folder = Path(__file__).parents[2] / "reference" / "dram" / "dramsys"
    memspec = read_memspec(folder / "memspecs" / "HBM2.json", folder / "mappings" / "am_hbm2_8Gb_pc_brc.json")
    assert memspec.power is STANDARDS["HBM2"].energy
    assert isinstance(memspec.power, EnergyPerBit)


BY_BANK = {
    "DDR4": device("DDR4", "DDR4_8Gb_x8", "DDR4_2400R", ranks=2),
    "DDR5": device("DDR5", "DDR5_16Gb_x8", "DDR5_4800BN", ranks=4),
    "LPDDR5": device("LPDDR5", "LPDDR5_8Gb_x16", "LPDDR5_6400"),
    "HBM2": device("HBM2", "HBM2_8Gb", "HBM2_2000"),
}


@settings(max_examples=40)
@given(st.sampled_from(sorted(BY_BANK)), st.data())
def test_ranks_and_banks_add_up_to_the_whole(name: str, data: st.DataObject) -> None:
    ours: Device = BY_BANK[name]
    ranks, banks = ours.ranks, ours.topology.banks
    counts = data.draw(arrays(np.int64, (len(COMMANDS), banks), elements=st.integers(0, 50)))
    active = data.draw(arrays(np.int64, ranks, elements=st.integers(0, 10_000)))
    down = data.draw(arrays(np.int64, (3, ranks), elements=st.integers(0, 3000)))
    as_drampower = data.draw(st.booleans())
    of = dict(zip(COMMANDS, counts, strict=True))
    same_bank = of["REFsb"].reshape(ranks, ours.chip.bankgroups, ours.chip.banks)
    same_bank[:] = same_bank[:, :1]  # a same-bank refresh reaches every bank group
    total = energy(
        ours,
        cycles=20_000,
        active_cycles=int(active.sum()),
        activates=int(of["ACT"].sum()),
        reads=int(of["RD"].sum() + of["RDA"].sum()),
        writes=int(of["WR"].sum() + of["WRA"].sum()),
        refreshes=int(of["REFab"].sum()),
        bank_refreshes=int(of["REFpb"].sum()),
        same_bank_refreshes=int(same_bank[:, 0].sum()),
        refresh_counts_as_active=as_drampower,
        active_power_down_cycles=int(down[0].sum()),
        precharge_power_down_cycles=int(down[1].sum()),
        self_refresh_cycles=int(down[2].sum()),
    )
    by_rank, by_bank = energy_by_rank_and_bank(
        ours,
        counts,
        cycles=20_000,
        active_cycles=active,
        refresh_counts_as_active=as_drampower,
        active_power_down_cycles=down[0],
        precharge_power_down_cycles=down[1],
        self_refresh_cycles=down[2],
    )
    assert by_rank.shape == (ranks,)
    assert by_bank.shape == (banks,)
    assert by_rank.sum() == pytest.approx(total.total_pj, rel=1e-9)
    assert by_bank.sum() == pytest.approx(total.total_pj, rel=1e-9)
    np.testing.assert_allclose(by_bank.reshape(ranks, -1).sum(axis=1), by_rank)


def test_a_bank_pays_for_its_own_commands() -> None:
    counts = np.zeros((len(COMMANDS), DDR4.topology.banks), np.int64)
    counts[COMMANDS.index("ACT"), 3] = counts[COMMANDS.index("RD"), 3] = 1
    by_rank, by_bank = energy_by_rank_and_bank(DDR4, counts, cycles=0, active_cycles=0)
    alone = energy(DDR4, **{**NOTHING, "activates": 1, "reads": 1}).total_pj
    assert by_bank[3] == pytest.approx(alone) == by_rank[0]
    assert np.count_nonzero(by_bank) == 1


def test_a_run_counts_its_commands_and_its_open_time() -> None:
    # One read, then nothing until cycle 5000: the row stays open from the activate in cycle 1 to the end.
    trace = Trace([0, 64], [False, False], [0, 5000])
    result = evaluate(DDR4, Controllers(refresh="none"), trace, drain=False)
    assert (result.cycles[0], result.active_cycles[0]) == (5000, 4999)
    assert (result.activates[0], result.reads_served[0], result.precharges[0]) == (1, 1, 0)
    parts = energy(DDR4, **{**NOTHING, "cycles": 5000, "active_cycles": 4999, "activates": 1, "reads": 1})
    assert result.energy_pj[0] == pytest.approx(parts.total_pj, rel=1e-12)


def test_a_closed_row_stops_drawing() -> None:
    # The row is closed as soon as that is allowed, nRAS cycles after the activate.
    trace = Trace([0, 64], [False, False], [0, 5000])
    closing = Controllers(refresh="none", row_policy="closed_cap", row_cap=1)
    result = evaluate(DDR4, closing, trace, drain=False)
    assert (result.active_cycles[0], result.precharges[0]) == (DDR4.timings["nRAS"], 1)


def test_the_parts_add_up_in_every_row() -> None:
    rng = np.random.default_rng(3)
    trace = Trace(rng.integers(0, 2**24, 3000) * 64, rng.random(3000) < 0.3)
    result = simulate(
        DDR4, Controllers(row_policy=["open", "closed_cap"] * 3, read_queue=[4, 8, 16, 32, 64, 128]), trace
    )
    parts = (
        result.activate_energy_pj
        + result.read_energy_pj
        + result.write_energy_pj
        + result.refresh_energy_pj
        + result.background_energy_pj
    )
    np.testing.assert_allclose(parts, result.energy_pj, rtol=1e-12)
    np.testing.assert_allclose(result.power_mw, result.energy_pj / result.time_ns, rtol=1e-12)
    assert (result.active_cycles <= result.cycles).all()
    reads = result.reads_served * DDR4.chips_per_rank * 1.2 * 0.833 * (135 - 43) * 4
    np.testing.assert_allclose(result.read_energy_pj, reads, rtol=1e-9)
