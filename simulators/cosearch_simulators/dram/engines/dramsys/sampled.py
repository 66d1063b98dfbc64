"""One run of DRAMSys' controller, which notes its totals with the first command after a sample."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cosearch_simulators.dram.common.device import Device
from cosearch_simulators.dram.common.sampled_run import Counts, SampledRun, sampled_run
from cosearch_simulators.dram.engines.dramsys import state as at
from cosearch_simulators.dram.engines.dramsys.controllers import BankMachineControllers
from cosearch_simulators.dram.engines.dramsys.power_down import (
    ACTIVE_POWER_DOWN,
    CYCLES_IN,
    PRECHARGE_POWER_DOWN,
    SELF_REFRESH,
)
from cosearch_simulators.dram.engines.dramsys.refresh_managers import OPEN_CYCLES, PRECHARGES
from cosearch_simulators.dram.engines.dramsys.simulation import NO_STARVATION, Feed, run_channels


def sample(
    device: Device,
    controllers: BankMachineControllers,
    feeds: Sequence[Feed],
    ends: Counts,
    *,
    starvation_cycles: int = NO_STARVATION,
) -> SampledRun:
    """Run the first design.

    Args:
        device: the memory.
        controllers: the design, known to be sound.
        feeds: its traces.
        ends: the last cycle of each sample; the last of all is that in which the run ends.
        starvation_cycles: see `frontend`.
    """
    row = [int(column[0]) for column in controllers.arguments()]
    states = run_channels(device, feeds, row, starvation_cycles=starvation_cycles, sample_ends=ends.tolist())
    energies = [
        {
            "cycles": max(int(state.counters[at.POWER_CYCLES]) for state in states),
            "precharges": state.bank[PRECHARGES],
            "refresh_counts_as_active": True,
            "active_cycles": state.rank[OPEN_CYCLES],
            "active_power_down_cycles": state.power[CYCLES_IN + ACTIVE_POWER_DOWN],
            "precharge_power_down_cycles": state.power[CYCLES_IN + PRECHARGE_POWER_DOWN],
            "self_refresh_cycles": state.power[CYCLES_IN + SELF_REFRESH],
        }
        for state in states
    ]
    return sampled_run(
        device,
        np.sum([state.samples for state in states], axis=0),
        np.sum([state.busy for state in states], axis=0),
        [state.issued for state in states],
        [state.outcomes for state in states],
        energies,
    )
