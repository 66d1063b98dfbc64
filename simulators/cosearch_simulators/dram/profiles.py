"""One design up close: what it does over time, in each bank and at each offered load.

`profile` and `bandwidth_latency_curve` are for either controller, `profile_players` is for DRAMSys'. A
profile runs a design twice: once to know how long it takes, then with its totals read at the end of each
sample (the engines' `sampled`); a run that nobody looks at pays nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cosearch_simulators.core.numbers import whole
from cosearch_simulators.dram.common.argument_checks import check_kind
from cosearch_simulators.dram.common.counters import CONFLICT, HIT, MISS
from cosearch_simulators.dram.common.device import Device
from cosearch_simulators.dram.common.energy import unit_energies
from cosearch_simulators.dram.common.result import DramResult
from cosearch_simulators.dram.common.rules import COMMANDS
from cosearch_simulators.dram.common.sampled_run import SampledRun
from cosearch_simulators.dram.common.traces.streams import StreamedTrace
from cosearch_simulators.dram.common.traces.trace import Trace
from cosearch_simulators.dram.engines.dramsys import sampled as dramsys_sampled
from cosearch_simulators.dram.engines.dramsys.controllers import BankMachineControllers
from cosearch_simulators.dram.engines.dramsys.players import (
    Player,
    checked_players,
    feeds_of,
    simulate_players,
)
from cosearch_simulators.dram.engines.dramsys.simulation import Feed
from cosearch_simulators.dram.engines.ramulator import sampled as ramulator_sampled
from cosearch_simulators.dram.engines.ramulator.controllers import Controllers
from cosearch_simulators.dram.simulation import ANY_CONTROLLERS, simulate
from cosearch_simulators.errors import ConfigurationError
from cosearch_simulators.threads import threads_of

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class DramProfile:
    """A design's run in s samples of equal length (to the cycle), and by bank and rank.

    Banks and ranks are numbered through the channels: bank b of channel c is c x banks + b.

    Attributes:
        result: the run's metrics, of one design.
        time_ns: (s + 1,), where samples begin and end.
        reads: (s,), read commands issued in each sample; they sum to those of the run, as do the next four.
        writes: (s,), write commands.
        row_hits: (s,), see `DramResult`.
        row_misses: (s,).
        row_conflicts: (s,).
        read_bus_share: (s,), share of the time in which read bursts are on the data buses.
        write_bus_share: (s,), likewise write bursts.
        data_bus_utilisation: (s,), the sum of the two, at most 1.
        latency_ns: (s,), average over the reads answered in the sample, counted where the read command was
            issued; NaN without one.
        bank_accesses: (banks,), read and write commands to each bank.
        bank_row_hits: (banks,), as are the next three.
        bank_row_misses: requests that found the bank closed.
        bank_row_conflicts: requests that found another row open.
        bank_activates: activate commands.
        rank_accesses: (ranks,), read and write commands.
        energy_by_command_pj: of activate, precharge, read, write, refresh, background (awake) and power_down
            (self-refresh included); they sum to the run's energy, as do the next two.
        energy_by_rank_pj: (ranks,).
        energy_by_bank_pj: (banks,).
    """

    result: DramResult
    time_ns: Floats
    reads: Counts
    writes: Counts
    row_hits: Counts
    row_misses: Counts
    row_conflicts: Counts
    read_bus_share: Floats
    write_bus_share: Floats
    data_bus_utilisation: Floats
    latency_ns: Floats
    bank_accesses: Counts
    bank_row_hits: Counts
    bank_row_misses: Counts
    bank_row_conflicts: Counts
    bank_activates: Counts
    rank_accesses: Counts
    energy_by_command_pj: dict[str, float]
    energy_by_rank_pj: Floats
    energy_by_bank_pj: Floats


@dataclass(frozen=True, eq=False)
class BandwidthLatencyCurve:
    """How a design answers a rising load.

    Attributes:
        offered_gb_per_s: (points,), rising; requests evenly spaced in time.
        bandwidth_gb_per_s: (points,), what the memory moved.
        latency_ns: (points,), of a read on average, from the cycle in which the trace wants it: the wait in
            front of the controller and the latency inside it. Beyond saturation the wait grows with the
            length of the trace.
        wait_ns: (points,), the first part of it.
        most_gb_per_s: what is moved when each request comes as soon as the one before it is accepted.
    """

    offered_gb_per_s: Floats
    bandwidth_gb_per_s: Floats
    latency_ns: Floats
    wait_ns: Floats
    most_gb_per_s: float


def profile(
    device: Device,
    controllers: Controllers | BankMachineControllers,
    trace: Trace | StreamedTrace,
    *,
    samples: int = 100,
    wrap_addresses: bool = False,
    trace_tck_ps: int | None = None,
) -> DramProfile:
    """Follow one design through a trace.

    Args:
        device: the memory.
        controllers: one design.
        trace: as of `simulate`, as are the last two.
        samples: pieces of the run's time; fewer if the run has fewer cycles.
        wrap_addresses: let addresses beyond the device's capacity wrap around.
        trace_tck_ps: clock period of the trace's `cycle` column.

    Raises:
        ConfigurationError: not one design, or `samples` below 1; otherwise as `simulate`.
    """
    _check_one(device, controllers)
    whole("samples", samples, 1)
    result = simulate(device, controllers, trace, wrap_addresses=wrap_addresses, trace_tck_ps=trace_tck_ps)
    ends = _ends(result, samples)
    if isinstance(controllers, BankMachineControllers):
        run = dramsys_sampled.sample(device, controllers, [Feed(trace, trace_tck_ps)], ends)
    else:
        run = ramulator_sampled.sample(device, controllers, trace, trace_tck_ps, ends)
    return _profile(device, controllers, result, run, ends)


def profile_players(
    device: Device,
    controllers: BankMachineControllers,
    players: Sequence[Player],
    *,
    samples: int = 100,
    starvation_cycles: int = 1000,
) -> DramProfile:
    """Follow one design through several traces; arguments as of `profile` and `simulate_players`."""
    _check_one(device, controllers)
    whole("samples", samples, 1)
    players = checked_players(players)
    result = simulate_players(device, controllers, players, starvation_cycles=starvation_cycles).total
    ends = _ends(result, samples)
    run = dramsys_sampled.sample(
        device, controllers, feeds_of(players), ends, starvation_cycles=starvation_cycles
    )
    return _profile(device, controllers, result, run, ends)


def _ends(result: DramResult, samples: int) -> Counts:
    """The last cycle of each sample of a run."""
    cycles = int(result.cycles[0])
    return np.unique(np.round(np.linspace(0, cycles, samples + 1)).astype(np.int64))[min(1, cycles) :]


def _profile(
    device: Device,
    controllers: Controllers | BankMachineControllers,
    result: DramResult,
    run: SampledRun,
    ends: Counts,
) -> DramProfile:
    buses = device.channels * device.data_buses
    reads, writes, hits, misses, conflicts, latency_cycles, answered = np.diff(run.totals, prepend=0)
    read_share, write_share = run.busy / (np.maximum(np.diff(ends, prepend=0), 1) * buses)
    tck_ns = device.tck_ps / 1000.0
    with np.errstate(invalid="ignore"):
        latency_ns = np.where(answered > 0, latency_cycles / np.maximum(answered, 1), np.nan) * tck_ns
    of = dict(zip(COMMANDS, run.commands, strict=True))
    accesses = of["RD"] + of["RDA"] + of["WR"] + of["WRA"]
    return DramProfile(
        result=result,
        time_ns=np.concatenate([[0], ends]) * tck_ns,
        reads=reads,
        writes=writes,
        row_hits=hits,
        row_misses=misses,
        row_conflicts=conflicts,
        read_bus_share=read_share,
        write_bus_share=write_share,
        data_bus_utilisation=read_share + write_share,
        latency_ns=latency_ns,
        bank_accesses=accesses,
        bank_row_hits=run.outcomes[HIT],
        bank_row_misses=run.outcomes[MISS],
        bank_row_conflicts=run.outcomes[CONFLICT],
        bank_activates=of["ACT"],
        rank_accesses=accesses.reshape(device.channels * device.ranks, -1).sum(axis=1),
        energy_by_command_pj=_energy_by_command(device, controllers, result),
        energy_by_rank_pj=run.energy_by_rank_pj,
        energy_by_bank_pj=run.energy_by_bank_pj,
    )


def bandwidth_latency_curve(
    device: Device,
    controllers: Controllers | BankMachineControllers,
    trace: Trace,
    *,
    points: int = 12,
    threads: int | None = None,
) -> BandwidthLatencyCurve:
    """Bandwidth and latency of one design from a tenth of the load that it can take to a quarter beyond it.

    Args:
        device: the memory.
        controllers: one design.
        trace: its requests; its cycles are replaced by evenly spaced ones.
        points: loads.
        threads: loads simulated at once; None as of `simulate`.

    Raises:
        ConfigurationError: not one design, a trace that streams, or `points` below 2; otherwise as
            `simulate`.
    """
    _check_one(device, controllers)
    whole("points", points, 2)
    threads = threads_of(threads)
    if isinstance(trace, StreamedTrace):
        raise ConfigurationError(
            f"the trace runs anew at every load, so it must be a Trace in memory, got the stream of "
            f"{trace.path}; take a piece, as next(trace.chunks(10_000))"
        )
    check_kind("trace", trace, (Trace,))
    asked = Trace(trace.address_byte, trace.is_write, name=trace.name)
    most = float(simulate(device, controllers, asked).bandwidth_gb_per_s[0])
    offered = most * np.linspace(0.1, 1.25, points)

    def at(load: float) -> tuple[float, float, float]:
        interval = device.transaction_bytes / load / (device.tck_ps / 1000.0)
        cycle = (np.arange(len(trace)) * interval).astype(np.int64)
        paced = Trace(trace.address_byte, trace.is_write, cycle)
        result = simulate(device, controllers, paced, threads=1)
        return (
            float(result.bandwidth_gb_per_s[0]),
            float(result.response_time_ns[0]),
            float(result.wait_ns[0]),
        )

    if threads == 1:
        answers = [at(load) for load in offered]
    else:
        with ThreadPoolExecutor(threads) as pool:
            answers = list(pool.map(at, offered))
    bandwidth, latency_ns, wait_ns = np.array(answers).T
    return BandwidthLatencyCurve(offered, bandwidth, latency_ns, wait_ns, most)


def _energy_by_command(
    device: Device, controllers: Controllers | BankMachineControllers, result: DramResult
) -> dict[str, float]:
    unit = unit_energies(device, refresh_counts_as_active=isinstance(controllers, BankMachineControllers))
    activate_pj = int(result.activates[0]) * unit.activate_pj
    power_down_pj = (
        int(result.active_power_down_cycles[0]) * unit.active_power_down_pj
        + int(result.precharge_power_down_cycles[0]) * unit.precharge_power_down_pj
        + int(result.self_refresh_cycles[0]) * unit.self_refresh_pj
    )
    return {
        "activate": activate_pj,
        "precharge": float(result.activate_energy_pj[0]) - activate_pj,
        "read": float(result.read_energy_pj[0]),
        "write": float(result.write_energy_pj[0]),
        "refresh": float(result.refresh_energy_pj[0]),
        "background": float(result.background_energy_pj[0]) - power_down_pj,
        "power_down": power_down_pj,
    }


def _check_one(device: Device, controllers: Controllers | BankMachineControllers) -> None:
    check_kind("device", device, (Device,))
    check_kind("controllers", controllers, ANY_CONTROLLERS)
    if len(controllers) != 1:
        raise ConfigurationError(f"expected one design, got {len(controllers)}")
