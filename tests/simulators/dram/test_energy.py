"""Energy against sums done by hand, and that its parts add up."""

from __future__ import annotations

import numpy as np
import pytest

from cosearch_simulators.dram import Controllers, Trace, device, energy, simulate

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


def test_a_run_counts_its_commands_and_its_open_time() -> None:
    # One read, then nothing until cycle 5000: the row stays open from the activate in cycle 1 to the end.
    trace = Trace([0, 64], [False, False], [0, 5000])
    result = simulate(DDR4, Controllers(refresh="none"), trace)
    assert (result.cycles[0], result.active_cycles[0]) == (5000, 4999)
    assert (result.activates[0], result.reads_served[0], result.precharges[0]) == (1, 1, 0)
    parts = energy(DDR4, **{**NOTHING, "cycles": 5000, "active_cycles": 4999, "activates": 1, "reads": 1})
    assert result.energy_pj[0] == pytest.approx(parts.total_pj, rel=1e-12)


def test_a_closed_row_stops_drawing() -> None:
    # The row is closed as soon as that is allowed, nRAS cycles after the activate.
    trace = Trace([0, 64], [False, False], [0, 5000])
    result = simulate(DDR4, Controllers(refresh="none", row_policy="closed_cap", row_cap=1), trace)
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
