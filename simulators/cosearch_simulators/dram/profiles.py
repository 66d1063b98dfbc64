"""One design up close: what it does over time, in each bank and at each offered load.

`profile` runs Ramulator's controller twice: once to know how long it takes, then stopping at the end of each
sample to read the counters, so that a run that nobody looks at pays nothing.
`bandwidth_latency_curve` is for both controllers.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cosearch_simulators.dram import engine_state, timing
from cosearch_simulators.dram.bank_machine_controllers import BankMachineControllers
from cosearch_simulators.dram.controller_simulation import ControllerRun, decode, decoding_of, settings
from cosearch_simulators.dram.controllers import Controllers
from cosearch_simulators.dram.device import Device
from cosearch_simulators.dram.energy import energy_by_rank_and_bank, unit_energies
from cosearch_simulators.dram.engine_state import State, active_cycles
from cosearch_simulators.dram.rules import COMMANDS
from cosearch_simulators.dram.simulation import DramResult, simulate
from cosearch_simulators.dram.trace import Trace
from cosearch_simulators.dram.trace_streams import StreamedTrace
from cosearch_simulators.errors import ConfigurationError

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
        data_bus_utilisation: (s,), share of the time in which bursts are on the data buses, counted where
            the command was issued.
        latency_ns: (s,), average over the reads answered in the sample; NaN without one.
        bank_accesses: (banks,), read and write commands to each bank.
        bank_row_hits: (banks,), as are the next three.
        bank_row_misses: requests that found the bank closed.
        bank_row_conflicts: requests that found another row open.
        bank_activates: activate commands.
        rank_accesses: (ranks,), read and write commands.
        energy_by_command_pj: of activate, precharge, read, write, refresh, background and power_down; they
            sum to the run's energy, as do the next two.
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
        latency_ns: (points,), average read latency as `DramResult` counts it: with Ramulator's controller
            from the acceptance of a request, so that beyond saturation it is that of full queues.
    """

    offered_gb_per_s: Floats
    bandwidth_gb_per_s: Floats
    latency_ns: Floats


def profile(
    device: Device,
    controllers: Controllers,
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
    _check_one(controllers)
    if not isinstance(controllers, Controllers):
        raise ConfigurationError(
            "profile is for Controllers; of BankMachineControllers there is a command log"
        )
    if samples < 1:
        raise ConfigurationError(f"samples must be 1 or more, got {samples}")
    whole = simulate(device, controllers, trace, wrap_addresses=wrap_addresses, trace_tck_ps=trace_tck_ps)
    cycles = int(whole.cycles[0])
    ends = np.unique(np.round(np.linspace(0, cycles, samples + 1)).astype(np.int64))[min(1, cycles) :]

    run = ControllerRun(device, settings(controllers)(device, 0))
    decoding = decoding_of(device, str(np.asarray(controllers.address_mapping)[0]), trace_tck_ps)
    seen = np.zeros((device.channels, ends.size, _TOTALS), np.int64)
    done = [0] * device.channels
    for chunk in trace.chunks():
        for k, requests in enumerate(decode(chunk, decoding)):
            while requests.bank_of.size and not run.advance(k, requests, int(ends[done[k]])):
                seen[k, done[k]] = _totals(run.states[k])
                done[k] += 1
    for k in range(device.channels):
        for sample in range(done[k], ends.size):
            run.go_on(k, int(ends[sample]))
            seen[k, sample] = _totals(run.states[k])

    reads, writes, hits, misses, conflicts, latency_cycles, answered = np.diff(
        seen.sum(axis=0), axis=0, prepend=0
    ).T
    length = np.diff(ends, prepend=0)
    tck_ns = device.tck_ps / 1000.0
    buses = device.channels * device.data_buses
    with np.errstate(invalid="ignore"):
        latency_ns = np.where(answered > 0, latency_cycles / np.maximum(answered, 1), np.nan) * tck_ns
    commands = np.concatenate([state.commands for state in run.states], axis=1)
    outcomes = np.concatenate([state.outcomes for state in run.states], axis=1)
    of = dict(zip(COMMANDS, commands, strict=True))
    accesses = of["RD"] + of["RDA"] + of["WR"] + of["WRA"]
    by_rank, by_bank = _energies(device, run.states, cycles)
    return DramProfile(
        result=whole,
        time_ns=np.concatenate([[0], ends]) * tck_ns,
        reads=reads,
        writes=writes,
        row_hits=hits,
        row_misses=misses,
        row_conflicts=conflicts,
        data_bus_utilisation=(reads + writes) * device.timings["nBL"] / (np.maximum(length, 1) * buses),
        latency_ns=latency_ns,
        bank_accesses=accesses,
        bank_row_hits=outcomes[engine_state.HIT],
        bank_row_misses=outcomes[engine_state.MISS],
        bank_row_conflicts=outcomes[engine_state.CONFLICT],
        bank_activates=of["ACT"],
        rank_accesses=accesses.reshape(device.channels * device.ranks, -1).sum(axis=1),
        energy_by_command_pj=_energy_by_command(device, whole),
        energy_by_rank_pj=by_rank,
        energy_by_bank_pj=by_bank,
    )


def bandwidth_latency_curve(
    device: Device,
    controllers: Controllers | BankMachineControllers,
    trace: Trace,
    *,
    points: int = 12,
    threads: int = 1,
) -> BandwidthLatencyCurve:
    """Bandwidth and latency of one design from a tenth of the load that it can take to a quarter beyond it.

    Args:
        device: the memory.
        controllers: one design.
        trace: its requests; its cycles are replaced by evenly spaced ones.
        points: loads.
        threads: loads simulated at once.

    Raises:
        ConfigurationError: not one design, or `points` below 2; otherwise as `simulate`.
    """
    _check_one(controllers)
    if points < 2:
        raise ConfigurationError(f"points must be 2 or more, got {points}")
    asked = Trace(trace.address_byte, trace.is_write, name=trace.name)
    most = float(simulate(device, controllers, asked).bandwidth_gb_per_s[0])
    offered = most * np.linspace(0.1, 1.25, points)

    def at(load: float) -> tuple[float, float]:
        interval = device.transaction_bytes / load / (device.tck_ps / 1000.0)
        cycle = (np.arange(len(trace)) * interval).astype(np.int64)
        result = simulate(device, controllers, Trace(trace.address_byte, trace.is_write, cycle))
        return float(result.bandwidth_gb_per_s[0]), float(result.latency_ns[0])

    if threads == 1:
        answers = [at(load) for load in offered]
    else:
        with ThreadPoolExecutor(threads) as pool:
            answers = list(pool.map(at, offered))
    bandwidth, latency = np.array(answers).T
    return BandwidthLatencyCurve(offered, bandwidth, latency)


_TOTALS = 7


def _totals(state: State) -> Counts:
    """Reads, writes, row hits, misses, conflicts, latency of the answered reads, and how many they are."""
    of = state.commands.sum(axis=1)
    s = state.scalars
    return np.array(
        [
            of[timing.RD] + of[timing.RDA],
            of[timing.WR] + of[timing.WRA],
            *state.outcomes.sum(axis=1),
            s[engine_state.LATENCY_SUM],
            s[engine_state.DEPARTURES],
        ]
    )


def _energies(device: Device, states: list[State], cycles: int) -> tuple[Floats, Floats]:
    by_rank, by_bank = [], []
    for state in states:
        counts = state.commands.copy()
        # They are counted at the first bank and belong to the same bank of all groups.
        same_bank = counts[timing.REFSB].reshape(device.ranks, device.chip.bankgroups, -1)
        same_bank[:] = same_bank.sum(axis=1, keepdims=True)
        of_ranks, of_banks = energy_by_rank_and_bank(
            device, counts, cycles=cycles, active_cycles=active_cycles(state)
        )
        by_rank.append(of_ranks)
        by_bank.append(of_banks)
    return np.concatenate(by_rank), np.concatenate(by_bank)


def _energy_by_command(device: Device, result: DramResult) -> dict[str, float]:
    precharge_pj = int(result.activates[0]) * unit_energies(device).precharge_pj
    return {
        "activate": float(result.activate_energy_pj[0]) - precharge_pj,
        "precharge": precharge_pj,
        "read": float(result.read_energy_pj[0]),
        "write": float(result.write_energy_pj[0]),
        "refresh": float(result.refresh_energy_pj[0]),
        "background": float(result.background_energy_pj[0]),
        "power_down": 0.0,  # this controller has none
    }


def _check_one(controllers: Controllers | BankMachineControllers) -> None:
    if len(controllers) != 1:
        raise ConfigurationError(f"expected one design, got {len(controllers)}")
