"""Energy of a run by the IDD method, from command counts and the time in which ranks had open rows.

The method is Micron's (TN-41-01 for DDR3, TN-40-07 for DDR4) and DRAMPower's: each command adds the current
that its IDD measurement shows above the background, for as long as that measurement spans; the background is
IDD3N while any bank of a rank is open and IDD2N otherwise, also under a refresh, which therefore adds IDD5B -
IDD2N. The wordline supply VPP is treated alike, with one standby current. I/O and termination are not
included.
"""

from __future__ import annotations

from dataclasses import dataclass

from cosearch_simulators.dram.device import Device


@dataclass(frozen=True)
class Energy:
    """Energy in pJ of all chips of a channel; `total_pj` is the sum of the parts.

    Attributes:
        activate_pj: activates with their precharges.
        read_pj: read bursts.
        write_pj: write bursts.
        refresh_pj: refreshes.
        background_pj: standby of all ranks over the whole run.
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
) -> Energy:
    """Energy of a run.

    Args:
        device: gives currents, timings and how many chips a rank has.
        cycles: length of the run in clock cycles.
        active_cycles: clock cycles in which a rank had an open bank, summed over the ranks.
        activates: activate commands.
        reads: read commands, with auto-precharge or not.
        writes: write commands, with auto-precharge or not.
        refreshes: all-bank refresh commands.
        precharges: rows closed; None: as many as activates.
        refresh_counts_as_active: `active_cycles` include the time of refreshes, as DRAMPower counts them, so
            that a refresh adds IDD5B - IDD3N.
    """
    n, i = device.timings, device.currents
    tck_ns = 1000.0 / n["clkMHz"] if "clkMHz" in n else device.tck_ps / 1000.0  # tCK_ps is rounded
    core = device.chips_per_rank * i.vdd_v * tck_ns  # mA x cycles x this = pJ
    wordline = device.chips_per_rank * i.vpp_v * tck_ns
    precharged_cycles = device.ranks * cycles - active_cycles
    open_cycles, closed_cycles = n["nRAS"], n["nRC"] - n["nRAS"]
    precharges = activates if precharges is None else precharges
    under_refresh_ma = i.idd3n_ma if refresh_counts_as_active else i.idd2n_ma
    return Energy(
        activate_pj=core
        * (
            activates * (i.idd0_ma - i.idd3n_ma) * open_cycles
            + precharges * (i.idd0_ma - i.idd2n_ma) * closed_cycles
        )
        + wordline * (i.ipp0_ma - i.ipp3n_ma) * (activates * open_cycles + precharges * closed_cycles),
        read_pj=reads * core * (i.idd4r_ma - i.idd3n_ma) * n["nBL"],
        write_pj=writes * core * (i.idd4w_ma - i.idd3n_ma) * n["nBL"],
        refresh_pj=refreshes
        * n["nRFC"]
        * (core * (i.idd5b_ma - under_refresh_ma) + wordline * (i.ipp5b_ma - i.ipp3n_ma)),
        background_pj=core * (i.idd3n_ma * active_cycles + i.idd2n_ma * precharged_cycles)
        + wordline * i.ipp3n_ma * (active_cycles + precharged_cycles),
    )
