"""Energy of a run, from command counts and the time in which ranks had open rows or were powered down.

The IDD method is Micron's (TN-41-01 for DDR3, TN-40-07 for DDR4) and DRAMPower's: each command adds the
current that its IDD measurement shows above the background, for as long as that measurement spans; the
background is IDD3N while any bank of a rank is open and IDD2N otherwise, also under a refresh, which
therefore adds IDD5B - IDD2N; IDD3P, IDD2P and IDD6 take their place in power-down and self-refresh. The
wordline supply VPP is treated alike, with one standby current. I/O and termination are not included.

Memories without such currents have published energies (`EnergyPerBit`) in their place, with those of the I/O.

A refresh of one bank takes its share of what all-bank refresh takes in the same time: the same rows are
refreshed either way.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cosearch_simulators.dram.common.device import Device
from cosearch_simulators.dram.common.rules import COMMANDS
from cosearch_simulators.dram.common.standard_tables.standard import EnergyPerBit

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Energy:
    """Energy in pJ of all chips of a channel; `total_pj` is the sum of the parts.

    Attributes:
        activate_pj: activates with their precharges.
        read_pj: read bursts.
        write_pj: write bursts.
        refresh_pj: refreshes.
        background_pj: standby, power-down and self-refresh of all ranks over the whole run.
    """

    activate_pj: float
    read_pj: float
    write_pj: float
    refresh_pj: float
    background_pj: float

    @property
    def total_pj(self) -> float:
        """All parts together."""
        return self.activate_pj + self.read_pj + self.write_pj + self.refresh_pj + self.background_pj


@dataclass(frozen=True)
class UnitEnergies:
    """What one command, or one cycle of a rank in a state, takes in all chips of the rank, in pJ.

    Attributes:
        activate_pj: an activate.
        precharge_pj: the precharge of one bank.
        read_pj: a read burst.
        write_pj: a write burst.
        refresh_pj: an all-bank refresh.
        refresh_bank_pj: a refresh of one bank.
        refresh_same_bank_pj: a refresh of the same bank of every bank group.
        active_pj: a cycle with an open row.
        precharged_pj: a cycle without.
        active_power_down_pj: a cycle of power-down with an open row.
        precharge_power_down_pj: a cycle of power-down without.
        self_refresh_pj: a cycle of self-refresh.
    """

    activate_pj: float
    precharge_pj: float
    read_pj: float
    write_pj: float
    refresh_pj: float
    refresh_bank_pj: float
    refresh_same_bank_pj: float
    active_pj: float
    precharged_pj: float
    active_power_down_pj: float
    precharge_power_down_pj: float
    self_refresh_pj: float


@lru_cache(maxsize=1024)
def unit_energies(device: Device, *, refresh_counts_as_active: bool = False) -> UnitEnergies:
    """The energies of a device's commands and states.

    Args:
        device: gives currents or energies, timings and how many chips a rank has.
        refresh_counts_as_active: the time of refreshes is in the cycles with an open row, as DRAMPower
            counts, so that a refresh adds only what is above that.
    """
    n, power = device.timings, device.power
    tck_ns = 1000.0 / n["clkMHz"] if "clkMHz" in n else device.tck_ps / 1000.0  # tCK_ps is rounded
    chips = device.chips_per_rank
    open_cycles, closed_cycles = n["nRAS"], n["nRC"] - n["nRAS"]
    if isinstance(power, EnergyPerBit):
        bits = 8 * device.transaction_bytes
        page_kb = device.chip.columns * device.channel_width_bits / 8192
        under_refresh_mw = power.active_standby_mw if refresh_counts_as_active else power.precharge_standby_mw
        activate, precharge = power.activate_pj_per_kb * page_kb, 0.0
        read = bits * (power.read_pj_per_bit + power.read_io_pj_per_bit)
        write = bits * (power.write_pj_per_bit + power.write_io_pj_per_bit)
        refresh = (power.refresh_mw - under_refresh_mw) * n["nRFC"] * tck_ns
        active, precharged = power.active_standby_mw * tck_ns, power.precharge_standby_mw * tck_ns
        active_down = power.active_power_down_mw * tck_ns
        precharge_down, self_refresh = power.precharge_power_down_mw * tck_ns, power.self_refresh_mw * tck_ns
    else:
        core = chips * power.vdd_v * tck_ns  # mA x cycles x this = pJ
        wordline = chips * power.vpp_v * tck_ns
        above_standby = wordline * (power.ipp0_ma - power.ipp3n_ma)
        under_refresh_ma = power.idd3n_ma if refresh_counts_as_active else power.idd2n_ma
        activate = (core * (power.idd0_ma - power.idd3n_ma) + above_standby) * open_cycles
        precharge = (core * (power.idd0_ma - power.idd2n_ma) + above_standby) * closed_cycles
        read = core * (power.idd4r_ma - power.idd3n_ma) * n["nBL"]
        write = core * (power.idd4w_ma - power.idd3n_ma) * n["nBL"]
        refresh = n["nRFC"] * (
            core * (power.idd5b_ma - under_refresh_ma) + wordline * (power.ipp5b_ma - power.ipp3n_ma)
        )
        standby = wordline * power.ipp3n_ma
        active, precharged = core * power.idd3n_ma + standby, core * power.idd2n_ma + standby
        active_down, precharge_down = core * power.idd3p_ma + standby, core * power.idd2p_ma + standby
        self_refresh = core * power.idd6_ma + wordline * (power.ipp6_ma or power.ipp3n_ma)
    interval = n["nREFI"]
    return UnitEnergies(
        activate_pj=activate,
        precharge_pj=precharge,
        read_pj=read,
        write_pj=write,
        refresh_pj=refresh,
        refresh_bank_pj=refresh * n.get("nREFIpb", 0) / interval,
        refresh_same_bank_pj=refresh * n.get("nREFIsb", 0) / interval,
        active_pj=active,
        precharged_pj=precharged,
        active_power_down_pj=active_down,
        precharge_power_down_pj=precharge_down,
        self_refresh_pj=self_refresh,
    )


def energy(
    device: Device,
    *,
    cycles: int,
    active_cycles: int,
    activates: int,
    reads: int,
    writes: int,
    refreshes: int,
    precharges: int | None = None,
    refresh_counts_as_active: bool = False,
    bank_refreshes: int = 0,
    same_bank_refreshes: int = 0,
    active_power_down_cycles: int = 0,
    precharge_power_down_cycles: int = 0,
    self_refresh_cycles: int = 0,
) -> Energy:
    """Energy of a run.

    Args:
        device: gives currents or energies, timings and how many chips a rank has.
        cycles: length of the run in clock cycles.
        active_cycles: clock cycles in which a rank had an open bank, summed over the ranks; those in
            power-down included.
        activates: activate commands.
        reads: read commands, with auto-precharge or not.
        writes: write commands, with auto-precharge or not.
        refreshes: all-bank refresh commands.
        precharges: rows closed; None: as many as activates.
        refresh_counts_as_active: `active_cycles` include the time of refreshes, as DRAMPower counts them, so
            that a refresh adds IDD5B - IDD3N.
        bank_refreshes: refreshes of one bank.
        same_bank_refreshes: refreshes of the same bank of every bank group.
        active_power_down_cycles: cycles of ranks in power-down with an open bank.
        precharge_power_down_cycles: cycles of ranks in power-down without one.
        self_refresh_cycles: cycles of ranks in self-refresh.
    """
    unit = unit_energies(device, refresh_counts_as_active=refresh_counts_as_active)
    precharges = activates if precharges is None else precharges
    return Energy(
        activate_pj=activates * unit.activate_pj + precharges * unit.precharge_pj,
        read_pj=reads * unit.read_pj,
        write_pj=writes * unit.write_pj,
        refresh_pj=refreshes * unit.refresh_pj
        + bank_refreshes * unit.refresh_bank_pj
        + same_bank_refreshes * unit.refresh_same_bank_pj,
        background_pj=(active_cycles - active_power_down_cycles) * unit.active_pj
        + active_power_down_cycles * unit.active_power_down_pj
        + (device.ranks * cycles - active_cycles - precharge_power_down_cycles - self_refresh_cycles)
        * unit.precharged_pj
        + precharge_power_down_cycles * unit.precharge_power_down_pj
        + self_refresh_cycles * unit.self_refresh_pj,
    )


def energy_by_rank_and_bank(
    device: Device,
    counts: ArrayLike,
    *,
    cycles: int,
    active_cycles: ArrayLike,
    precharges: ArrayLike | None = None,
    refresh_counts_as_active: bool = False,
    active_power_down_cycles: ArrayLike = 0,
    precharge_power_down_cycles: ArrayLike = 0,
    self_refresh_cycles: ArrayLike = 0,
) -> tuple[Floats, Floats]:
    """The energy of `energy` split among ranks (or pseudo-channels), and again among banks.

    All-bank refresh and background are shared alike by a rank's banks, as DRAMPower does without bank-wise
    information.

    Args:
        device: as in `energy`.
        counts: int (commands, banks), how often each command went to each bank. Those of a whole rank count
            at any one of its banks; a same-bank refresh counts at every bank that it refreshes.
        cycles: length of the run in clock cycles.
        active_cycles: (ranks,), as are the other cycles, which may be one number for all ranks.
        precharges: (banks,), rows closed; None: as many as activates.
        refresh_counts_as_active: as in `energy`.
        active_power_down_cycles: as in `energy`.
        precharge_power_down_cycles: as in `energy`.
        self_refresh_cycles: as in `energy`.

    Returns:
        pJ by rank, float (ranks,), and by bank, float (banks,); each sums to the total of `energy`.
    """
    unit = unit_energies(device, refresh_counts_as_active=refresh_counts_as_active)
    ranks, banks = device.ranks, device.topology.banks
    of = dict(zip(COMMANDS, np.asarray(counts, np.float64).reshape(len(COMMANDS), banks), strict=True))
    closed = of["ACT"] if precharges is None else np.asarray(precharges, np.float64)
    by_bank = (
        of["ACT"] * unit.activate_pj
        + closed * unit.precharge_pj
        + (of["RD"] + of["RDA"]) * unit.read_pj
        + (of["WR"] + of["WRA"]) * unit.write_pj
        + of["REFpb"] * unit.refresh_bank_pj
        + of["REFsb"] * unit.refresh_same_bank_pj / device.chip.bankgroups
    )
    active, active_down, precharge_down, self_refresh = (
        np.broadcast_to(np.asarray(column, np.float64), (ranks,))
        for column in (
            active_cycles,
            active_power_down_cycles,
            precharge_power_down_cycles,
            self_refresh_cycles,
        )
    )
    of_rank = (
        of["REFab"].reshape(ranks, -1).sum(axis=1) * unit.refresh_pj
        + (active - active_down) * unit.active_pj
        + active_down * unit.active_power_down_pj
        + (cycles - active - precharge_down - self_refresh) * unit.precharged_pj
        + precharge_down * unit.precharge_power_down_pj
        + self_refresh * unit.self_refresh_pj
    )
    by_bank = by_bank + np.repeat(of_rank * ranks / banks, banks // ranks)
    return by_bank.reshape(ranks, -1).sum(axis=1), by_bank
