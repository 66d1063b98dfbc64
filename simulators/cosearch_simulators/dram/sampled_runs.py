"""One run whose totals are read at the end of each sample, under either controller.

Ramulator's controller is stopped there; DRAMSys' notes its totals on the way, with the first command after.
What the numbers mean is `profiles`'.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cosearch_simulators.dram import timing
from cosearch_simulators.dram.bank_machines import state as bank_machine_state
from cosearch_simulators.dram.bank_machines.controllers import BankMachineControllers
from cosearch_simulators.dram.bank_machines.power_down import (
    ACTIVE_POWER_DOWN,
    CYCLES_IN,
    PRECHARGE_POWER_DOWN,
    SELF_REFRESH,
)
from cosearch_simulators.dram.bank_machines.refresh_managers import OPEN_CYCLES, PRECHARGES
from cosearch_simulators.dram.bank_machines.simulation import NO_STARVATION, Feed, run_channels
from cosearch_simulators.dram.device import Device
from cosearch_simulators.dram.energy import energy_by_rank_and_bank
from cosearch_simulators.dram.queued import state as engine_state
from cosearch_simulators.dram.queued.controllers import Controllers
from cosearch_simulators.dram.queued.simulation import ControllerRun, decode, decoding_of, settings
from cosearch_simulators.dram.traces.streams import StreamedTrace
from cosearch_simulators.dram.traces.trace import Trace

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class SampledRun:
    """A design's run; banks and ranks are numbered through the channels.

    Attributes:
        totals: (7, samples), until the end of each sample: read and write commands, row hits, misses and
            conflicts, latency in cycles of the reads that were answered, and how many they are.
        busy: (2, samples), cycles of all data buses in which data of reads and of writes are on them.
        commands: (commands, banks), how many were issued, by the first bank that each addresses.
        outcomes: (3, banks), row hits, misses and conflicts.
        energy_by_rank_pj: (ranks,).
        energy_by_bank_pj: (banks,).
    """

    totals: Counts
    busy: Counts
    commands: Counts
    outcomes: Counts
    energy_by_rank_pj: Floats
    energy_by_bank_pj: Floats


def sample_queued(
    device: Device,
    controllers: Controllers,
    trace: Trace | StreamedTrace,
    trace_tck_ps: int | None,
    ends: Counts,
) -> SampledRun:
    """Run the first design of Ramulator's controller.

    Args:
        device: the memory.
        controllers: the design, known to be sound.
        trace: likewise.
        trace_tck_ps: clock period of its cycles; None: that of the device.
        ends: the last cycle of each sample; the last of all is that in which the run ends.
    """
    run = ControllerRun(device, settings(controllers)(device, 0), ends.tolist())
    decoding = decoding_of(device, str(np.asarray(controllers.address_mapping)[0]), trace_tck_ps)
    seen = np.zeros((device.channels, ends.size, 7), np.int64)
    done = [0] * device.channels
    for chunk in trace.chunks():
        for k, requests in enumerate(decode(chunk, decoding)):
            while requests.bank_of.size and not run.advance(k, requests, int(ends[done[k]])):
                seen[k, done[k]] = _totals(run.states[k])
                done[k] += 1
    for k in range(device.channels):
        for i in range(done[k], ends.size):
            run.go_on(k, int(ends[i]))
            seen[k, i] = _totals(run.states[k])
    energies = [
        {"cycles": int(ends[-1]), "active_cycles": engine_state.active_cycles(state)} for state in run.states
    ]
    return _sampled_run(
        device,
        seen.sum(axis=0).T,
        np.sum([state.busy for state in run.states], axis=0),
        [state.commands for state in run.states],
        [state.outcomes for state in run.states],
        energies,
    )


def _totals(state: engine_state.State) -> Counts:
    of, s = state.commands.sum(axis=1), state.scalars
    return np.array(
        [
            of[timing.RD] + of[timing.RDA],
            of[timing.WR] + of[timing.WRA],
            *state.outcomes.sum(axis=1),
            s[engine_state.LATENCY_SUM],
            s[engine_state.DEPARTURES],
        ]
    )


def sample_bank_machines(
    device: Device,
    controllers: BankMachineControllers,
    feeds: Sequence[Feed],
    ends: Counts,
    *,
    starvation_cycles: int = NO_STARVATION,
) -> SampledRun:
    """Run the first design of DRAMSys' controller; `feeds` are its traces, the rest as of `sample_queued`."""
    row = [int(column[0]) for column in controllers.arguments()]
    states = run_channels(device, feeds, row, starvation_cycles=starvation_cycles, sample_ends=ends.tolist())
    energies = [
        {
            "cycles": max(int(state.counters[bank_machine_state.POWER_CYCLES]) for state in states),
            "precharges": state.bank[PRECHARGES],
            "refresh_counts_as_active": True,
            "active_cycles": state.rank[OPEN_CYCLES],
            "active_power_down_cycles": state.power[CYCLES_IN + ACTIVE_POWER_DOWN],
            "precharge_power_down_cycles": state.power[CYCLES_IN + PRECHARGE_POWER_DOWN],
            "self_refresh_cycles": state.power[CYCLES_IN + SELF_REFRESH],
        }
        for state in states
    ]
    return _sampled_run(
        device,
        np.sum([state.samples for state in states], axis=0),
        np.sum([state.busy for state in states], axis=0),
        [state.issued for state in states],
        [state.outcomes for state in states],
        energies,
    )


def _sampled_run(
    device: Device,
    totals: Counts,
    busy: Counts,
    commands: Sequence[Counts],
    outcomes: Sequence[Counts],
    energies: Sequence[Mapping[str, Any]],
) -> SampledRun:
    """The channels put together; `energies` is what `energy_by_rank_and_bank` is told of each."""
    by_rank, by_bank = zip(
        *(
            energy_by_rank_and_bank(device, _by_refreshed_bank(device, counts), **arguments)
            for counts, arguments in zip(commands, energies, strict=True)
        ),
        strict=True,
    )
    return SampledRun(
        totals,
        busy,
        np.concatenate(commands, axis=1),
        np.concatenate(outcomes, axis=1),
        np.concatenate(by_rank),
        np.concatenate(by_bank),
    )


def _by_refreshed_bank(device: Device, commands: Counts) -> ArrayLike:
    """Same-bank refreshes are counted at the first bank and belong to the same bank of all groups."""
    counts = commands.copy()
    same_bank = counts[timing.REFSB].reshape(device.ranks, device.chip.bankgroups, -1)
    same_bank[:] = same_bank.sum(axis=1, keepdims=True)
    return counts
