"""One run of Ramulator's controller, stopped at the end of each sample to read its totals."""

from __future__ import annotations

import numpy as np

from cosearch_simulators.dram.common import timing
from cosearch_simulators.dram.common.device import Device
from cosearch_simulators.dram.common.sampled_run import Counts, SampledRun, sampled_run
from cosearch_simulators.dram.common.traces.streams import StreamedTrace
from cosearch_simulators.dram.common.traces.trace import Trace
from cosearch_simulators.dram.engines.ramulator import state as at
from cosearch_simulators.dram.engines.ramulator.controllers import Controllers
from cosearch_simulators.dram.engines.ramulator.simulation import ControllerRun, decode, decoding_of, settings


def sample(
    device: Device,
    controllers: Controllers,
    trace: Trace | StreamedTrace,
    trace_tck_ps: int | None,
    ends: Counts,
) -> SampledRun:
    """Run the first design.

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
    energies = [{"cycles": int(ends[-1]), "active_cycles": at.active_cycles(state)} for state in run.states]
    return sampled_run(
        device,
        seen.sum(axis=0).T,
        np.sum([state.busy for state in run.states], axis=0),
        [state.commands for state in run.states],
        [state.outcomes for state in run.states],
        energies,
    )


def _totals(state: at.State) -> Counts:
    of, s = state.commands.sum(axis=1), state.scalars
    return np.array(
        [
            of[timing.RD] + of[timing.RDA],
            of[timing.WR] + of[timing.WRA],
            *state.outcomes.sum(axis=1),
            s[at.LATENCY_SUM],
            s[at.DEPARTURES],
        ]
    )
