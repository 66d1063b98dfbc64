"""The problem `dram-controller-archgym`: ArchGym's DRAMGym, so that its published settings can be run again.

Space, memory, workloads and rewards are those of Krishnan et al., "ArchGym: An Open-Source Gymnasium for
Machine Learning Assisted Architecture Design", ISCA 2023, and its public source; DRAMSys' controller is
simulated by `cosearch_simulators.dram`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

import numpy as np
from pydantic import AfterValidator

from cosearch.errors import WorkloadError
from cosearch.objectives import Metric, Objective
from cosearch.outcomes import Outcomes
from cosearch.pictures import Picture
from cosearch.problem import Problem
from cosearch.settings import NamesFiles, Settings, setting
from cosearch.space import Categorical, Designs, DesignSpace, Ordinal
from cosearch_plugins.dram.archgym_workloads import WORKLOADS, archgym_workload
from cosearch_plugins.dram.workload import absolute, files_of, read_workload, trace_text
from cosearch_plugins.shared_settings import Threads

if TYPE_CHECKING:
    from cosearch_simulators.dram import BankMachineControllers

EIGHT = tuple(range(1, 9))

SPACE = DesignSpace(
    [
        Categorical("PagePolicy", ("Open", "OpenAdaptive", "Closed", "ClosedAdaptive")),
        Categorical("Scheduler", ("Fifo", "FrFcfsGrp", "FrFcfs")),
        Categorical("SchedulerBuffer", ("Bankwise", "ReadWrite", "Shared")),
        Ordinal("RequestBufferSize", EIGHT),
        Categorical("RespQueue", ("Fifo", "Reorder")),
        Categorical("RefreshPolicy", ("NoRefresh", "AllBank")),
        Ordinal("RefreshMaxPostponed", EIGHT),
        Ordinal("RefreshMaxPulledin", EIGHT),
        Categorical("Arbiter", ("Simple", "Fifo", "Reorder")),
        Ordinal("MaxActiveTransactions", (1, 2, 4, 8, 16, 32, 64, 128)),
    ],
    name="dram-controller-archgym",
    groups={
        "arbiter and queues": [
            "Arbiter",
            "MaxActiveTransactions",
            "SchedulerBuffer",
            "RequestBufferSize",
            "RespQueue",
        ],
        "scheduler and page policy": ["Scheduler", "PagePolicy"],
        "refresh": ["RefreshPolicy", "RefreshMaxPostponed", "RefreshMaxPulledin"],
    },
)

# ArchGym's targets are 1 for mW / 1000 and 0.1 for "Total Time" / 1e9, whose unit it drops. DRAMSys prints
# picoseconds unless the time is a whole number of nanoseconds, so that 0.1 stands for 100 us.
TARGETS = {
    "power": (Objective("power_mw", "min", target=1000.0),),
    "latency": (Objective("time_ns", "min", target=100_000.0),),
}
GOALS = {**TARGETS, "both": (*TARGETS["power"], *TARGETS["latency"])}

# MICRON_1Gb_DDR3-1600_8bit_G, ArchGym's memory, as DRAMSys' memspec gives it: a DIMM of eight chips.
MEMSPEC: dict[str, Any] = {
    "memoryId": "MICRON_1Gb_DDR3-1600_8bit_G",
    "memoryType": "DDR3",
    "memarchitecturespec": {
        "burstLength": 8,
        "dataRate": 2,
        "nbrOfBanks": 8,
        "nbrOfColumns": 1024,
        "nbrOfRanks": 1,
        "nbrOfRows": 16384,
        "width": 8,
        "nbrOfDevicesOnDIMM": 8,
    },
    "mempowerspec": {
        "idd0": 70,
        "idd2n": 45,
        "idd2p1": 30,
        "idd3n": 45,
        "idd3p1": 35,
        "idd4r": 140,
        "idd4w": 145,
        "idd5": 170,
        "idd6": 8,
        "vdd": 1.5,
    },
    "memtimingspec": {
        "clkMhz": 800,
        "ACTPDEN": 1,
        "AL": 0,
        "CCD": 4,
        "CKE": 3,
        "CKESR": 4,
        "DQSCK": 0,
        "FAW": 24,
        "PRPDEN": 1,
        "RAS": 28,
        "RC": 38,
        "RCD": 10,
        "REFI": 6240,
        "REFPDEN": 1,
        "RFC": 88,
        "RL": 10,
        "RP": 10,
        "RRD": 5,
        "RTP": 6,
        "RTRS": 1,
        "WL": 8,
        "WR": 12,
        "WTR": 6,
        "XP": 6,
        "XS": 96,
        "XSDLL": 512,
    },
}
# am_ddr3_8x1Gbx8_dimm_p1KB_rbc: row, bank, column from the most significant bit.
CONGEN = {
    "BYTE_BIT": list(range(3)),
    "COLUMN_BIT": list(range(3, 13)),
    "BANK_BIT": list(range(13, 16)),
    "ROW_BIT": list(range(16, 30)),
}


def _absolute(workload: str) -> str:
    return workload if workload in WORKLOADS else absolute(workload)


def _files(workload: str) -> list[str]:
    return [] if workload in WORKLOADS else files_of(workload)


class DramControllerArchgymSettings(Settings):
    """The trace, and what is aimed at."""

    workload: Annotated[str, AfterValidator(_absolute), NamesFiles(_files)] = setting(
        "stream",
        "`stream`, `random`, `cloud-1` or `cloud-2`, made with the statistics of ArchGym's files; or the "
        "path of a trace file, such as one of those. Addresses beyond the memory's 1 GiB wrap around, as in "
        "DRAMSys",
    )
    goal: Literal["power", "latency", "both"] = setting(
        "both", "the objectives, with ArchGym's targets; `latency` is the total time"
    )
    trace_clock_mhz: int = setting(
        800,
        "clock of the trace's cycles",
        unit="MHz",
        ge=1,
        le=1_000_000,  # a period of 1 ps
    )
    seed: int = setting(0, "of the made workloads", ge=0)
    threads: Threads = None


class DramControllerArchgym(Problem):
    """ArchGym's DRAM controller: DRAMSys' ten parameters, 1.77 million designs, on a DDR3-1600 DIMM.

    With the reward `target_ratio` an environment gives ArchGym's T / |T - v| of the goal's metrics, or their
    product. Time always is in ns, where ArchGym reads a number whose unit changes with its size.

    Example:
        >>> problem = DramControllerArchgym(workload="cloud-1", goal="power")
        >>> problem.space.cardinality()
        1769472
    """

    Settings = DramControllerArchgymSettings
    settings: DramControllerArchgymSettings
    name = "dram-controller-archgym"
    space = SPACE
    metrics = (
        Metric("energy_pj", "pJ", "energy of the DIMM over the run, without I/O"),
        Metric("power_mw", "mW", "energy over time"),
        Metric(
            "time_ns",
            "ns",
            "from the trace's begin until the last response has reached the player: ArchGym's latency",
        ),
        Metric(
            "latency_ns",
            "ns",
            "average of the reads, from the arbiter to the response; the wait in front of the arbiter, "
            "which a small buffer makes longer, is not in it, so it is no goal by itself",
        ),
        Metric("bandwidth_gb_per_s", "GB/s", "bytes read and written over time"),
    )
    fidelities = ("cycle",)
    workloads: ClassVar[tuple[str, ...]] = WORKLOADS

    def build(self) -> None:
        """Make or read the trace, and set the goal's objectives."""
        from cosearch_simulators.dram.common.memspecs.address_mapping import address_bits
        from cosearch_simulators.dram.common.memspecs.memspec import memspec_device
        from cosearch_simulators.dram.common.trace_checks import too_late
        from cosearch_simulators.dram.common.traces.bursts import in_bursts

        workload = self.settings.workload
        device = memspec_device(MEMSPEC)
        self._device = replace(device, address_bits=address_bits(CONGEN, device))
        trace = (
            archgym_workload(workload, device.capacity_bytes, self.settings.seed)
            if workload in WORKLOADS
            else read_workload(workload, WORKLOADS, device=device)
        )
        self._trace_tck_ps = round(1_000_000 / self.settings.trace_clock_mhz)
        self.trace = in_bursts(trace, device.transaction_bytes, device.transaction_bytes)
        text = trace_text(trace, device.peak_bandwidth_gb_per_s, self._trace_tck_ps)
        self.about = f"{workload}: {text}"
        if late := too_late(self.trace, self._trace_tck_ps):
            raise WorkloadError(f"workload {workload!r}: {late}")
        self.objectives = GOALS[self.settings.goal]

    def simulate(self, designs: Designs, *, fidelity: str, seed: int) -> Outcomes:
        """All designs in one call of the simulator."""
        from cosearch_simulators.dram import simulate

        result = simulate(
            self._device,
            _controllers(designs),
            self.trace,
            threads=self.settings.threads,
            on_error="mark",
            trace_tck_ps=self._trace_tck_ps,
            wrap_addresses=True,  # as DRAMSys does
        )
        return Outcomes.of({m.name: getattr(result, m.name) for m in self.metrics}, errors=result.error)

    def pictures(self, design: Mapping[str, Any]) -> Sequence[Picture]:
        """Bandwidth and latency, the data bus over time, the rows that were found open, and the energy."""
        from cosearch_plugins.dram.pictures import dram_pictures

        controllers = _controllers(self.space.designs([design]))
        return tuple(dram_pictures(self._device, controllers, self.trace, self._trace_tck_ps))


def _controllers(designs: Designs) -> BankMachineControllers:
    from cosearch_simulators.dram import BankMachineControllers
    from cosearch_simulators.dram.engines.dramsys.controllers import PARAMETERS

    return BankMachineControllers(**{ours: np.asarray(designs[name]) for ours, name in PARAMETERS.items()})
