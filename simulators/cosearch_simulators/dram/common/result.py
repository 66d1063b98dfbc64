"""What a run of either controller is worth: from its counters to metrics, a column each."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosearch_simulators.core.result import Result
from cosearch_simulators.dram.common import counters as at
from cosearch_simulators.dram.common.device import Device
from cosearch_simulators.dram.common.energy import energy
from cosearch_simulators.dram.common.rules import COMMANDS

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]

EnergyArguments = Callable[[Device, Counts], Mapping[str, Any]]
"""What a controller tells `energy.energy` of its counters beside the command counts."""


@dataclass(frozen=True, eq=False)
class DramResult:
    """Metrics of n designs, each an array of length n; row i is about design i.

    A run ends with the last answer: the last data of the last request, or, from DRAMSys' controller, its
    response. Everything but the tool's own latency is counted until then. Designs with an `error` have NaN in
    the float columns and 0 in the counts.

    Attributes:
        cycles: clock cycles of the run.
        time_ns: the same in ns, from the trace's begin: what finishing the trace takes.
        response_time_ns: of a read on average, from the cycle in which the trace wants it to its last data:
            the wait in front of the controller and the time inside it. NaN where the trace has no cycles, or
            no reads.
        row_hits: requests whose row was open when their first command was issued.
        row_misses: requests whose bank was closed then.
        row_conflicts: requests whose bank had another row open then.
        reads_served: reads answered by the DRAM.
        writes_served: writes sent to the DRAM.
        reads_forwarded: reads answered from a waiting write.
        writes_coalesced: writes merged into a waiting write.
        maintenance_requests: refreshes and precharges that refresh and row policy asked for.
        average_read_latency_cycles: the tool's own figure, which begins when the controller accepts a read
            (DRAMSys': when the arbiter does) and so leaves out its wait in front of it. Ramulator's is the
            latency of the reads that have left when the last request is accepted, over the reads served.
        latency_ns: the same in ns.
        wait_ns: how long after the cycle in which the trace wants it a read begins to count in `latency_ns`,
            on average: the wait in front of the controller. NaN where the trace has no cycles, or no reads.
        accepted_cycles: the cycle in which the last request was accepted, where Ramulator's runs end; 0 of
            DRAMSys' controller.
        activates: activate commands.
        precharges: precharge commands, of one bank or all.
        auto_precharges: reads and writes with auto-precharge.
        refreshes: refresh commands of all banks.
        bank_refreshes: refresh commands of one bank, or of the same bank of all bank groups.
        active_cycles: cycles in which a rank had an open bank, summed over ranks.
        active_power_down_cycles: cycles of power-down with an open bank, summed over ranks.
        precharge_power_down_cycles: cycles of power-down with all banks closed, summed over ranks.
        self_refresh_cycles: cycles of self-refresh, summed over ranks.
        activate_energy_pj: see `energy.Energy`, as are the next four.
        read_energy_pj: read bursts.
        write_energy_pj: write bursts.
        refresh_energy_pj: refreshes.
        background_energy_pj: standby.
        energy_pj: the sum of the five parts.
        power_mw: energy over time.
        bandwidth_gb_per_s: bytes read from and written to the DRAM, over time.
        error: for each design why it could not be simulated, or "".
    """

    cycles: Counts
    time_ns: Floats
    response_time_ns: Floats
    row_hits: Counts
    row_misses: Counts
    row_conflicts: Counts
    reads_served: Counts
    writes_served: Counts
    reads_forwarded: Counts
    writes_coalesced: Counts
    maintenance_requests: Counts
    average_read_latency_cycles: Floats
    latency_ns: Floats
    wait_ns: Floats
    accepted_cycles: Counts
    activates: Counts
    precharges: Counts
    auto_precharges: Counts
    refreshes: Counts
    bank_refreshes: Counts
    active_cycles: Counts
    active_power_down_cycles: Counts
    precharge_power_down_cycles: Counts
    self_refresh_cycles: Counts
    activate_energy_pj: Floats
    read_energy_pj: Floats
    write_energy_pj: Floats
    refresh_energy_pj: Floats
    background_energy_pj: Floats
    energy_pj: Floats
    power_mw: Floats
    bandwidth_gb_per_s: Floats
    error: list[str]

    def __len__(self) -> int:
        return self.cycles.size

    def as_result(self) -> Result:
        """The same as of any engine, without what this run does not have, such as waits without cycles."""
        columns = {name: np.asarray(getattr(self, name), np.float64) for name in _COLUMNS}
        ran = np.array([error == "" for error in self.error])
        known = {name: column for name, column in columns.items() if np.isfinite(column[ran]).all()}
        return Result.of(known, self.error)


_COUNT_COLUMNS = frozenset(f.name for f in fields(DramResult) if f.type == "Counts")
_COLUMNS = tuple(f.name for f in fields(DramResult) if f.name != "error")
UNITS = {
    name: next((unit for unit in ("ns", "pj", "mw", "gb_per_s") if name.endswith(f"_{unit}")), "1")
    for name in _COLUMNS
}
"""By metric, as its name ends: ns, pJ, mW, GB/s, or "1" of cycles and counts."""

SLEEPS = ("active_power_down_cycles", "precharge_power_down_cycles", "self_refresh_cycles")


def result_of(
    devices: Sequence[Device],
    counters: Sequence[Counts | None],
    errors: list[str],
    energy_arguments: EnergyArguments,
) -> DramResult:
    """The metrics of designs with these counters; None for those that have an error."""
    columns = {
        name: np.zeros(len(devices), np.int64 if name in _COUNT_COLUMNS else np.float64) for name in _COLUMNS
    }
    for i, counter in enumerate(counters):
        row = {} if counter is None else _metrics(devices[i], counter, energy_arguments(devices[i], counter))
        for name, column in columns.items():
            column[i] = row.get(name, 0 if name in _COUNT_COLUMNS else np.nan)
    return DramResult(**columns, error=errors)  # type: ignore[arg-type]


def _metrics(device: Device, counter: Counts, of_energy: Mapping[str, Any]) -> dict[str, float]:
    commands = {name: int(counter[at.FIRST_COMMAND_COUNT + code]) for code, name in enumerate(COMMANDS)}
    cycles, served = int(counter[at.CYCLES]), int(counter[at.READS_SERVED])
    waited = int(counter[at.READS_WAITED])
    time_ns = cycles * device.tck_ps / 1000.0
    reads, writes = commands["RD"] + commands["RDA"], commands["WR"] + commands["WRA"]
    tool_reads, answered = int(counter[at.TOOL_READS]), served + int(counter[at.READS_FORWARDED])
    latency_cycles = int(counter[at.TOOL_LATENCY_SUM]) / tool_reads if tool_reads else 0.0
    wait_ns = int(counter[at.READ_WAIT_SUM]) / waited * device.tck_ps / 1000.0 if waited else np.nan
    response_time_ns = np.nan
    if answered and waited >= answered:  # otherwise some of the reads have no cycle
        response_time_ns = wait_ns + int(counter[at.READ_LATENCY_SUM]) / answered * device.tck_ps / 1000.0
    parts = energy(
        device,
        active_cycles=int(counter[at.ACTIVE_CYCLES]),
        activates=commands["ACT"],
        reads=reads,
        writes=writes,
        refreshes=commands["REFab"],
        **of_energy,
    )
    return {
        "cycles": cycles,
        "time_ns": time_ns,
        "response_time_ns": response_time_ns,
        "row_hits": counter[at.ROW_HITS],
        "row_misses": counter[at.ROW_MISSES],
        "row_conflicts": counter[at.ROW_CONFLICTS],
        "reads_served": served,
        "writes_served": counter[at.WRITES_SERVED],
        "reads_forwarded": counter[at.READS_FORWARDED],
        "writes_coalesced": counter[at.WRITES_COALESCED],
        "maintenance_requests": counter[at.MAINTENANCE],
        "average_read_latency_cycles": latency_cycles,
        "latency_ns": latency_cycles * device.tck_ps / 1000.0,
        "wait_ns": wait_ns,
        "accepted_cycles": counter[at.ACCEPTED_CYCLES],
        "activates": commands["ACT"],
        "precharges": commands["PREpb"] + commands["PREab"],
        "auto_precharges": commands["RDA"] + commands["WRA"],
        "refreshes": commands["REFab"],
        "bank_refreshes": commands["REFpb"] + commands["REFsb"],
        **{name: of_energy[name] for name in SLEEPS if name in of_energy},
        "active_cycles": counter[at.ACTIVE_CYCLES],
        "activate_energy_pj": parts.activate_pj,
        "read_energy_pj": parts.read_pj,
        "write_energy_pj": parts.write_pj,
        "refresh_energy_pj": parts.refresh_pj,
        "background_energy_pj": parts.background_pj,
        "energy_pj": parts.total_pj,
        "power_mw": parts.total_pj / time_ns if time_ns else 0.0,
        "bandwidth_gb_per_s": (reads + writes) * device.transaction_bytes / time_ns if time_ns else 0.0,
    }
