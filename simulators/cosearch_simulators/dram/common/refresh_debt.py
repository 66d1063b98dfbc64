"""Refreshes that fell due and were postponed past the end of a run: they are owed.

DRAMSys' controller may postpone eight of them, as JEDEC allows (JESD79-4D, refresh command). A run that ends
before they are done has saved their energy only on paper.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from cosearch_simulators.dram.common.counters import REFRESH_INTERVALS
from cosearch_simulators.dram.common.device import Device
from cosearch_simulators.dram.common.energy import unit_energies
from cosearch_simulators.dram.common.result import DramResult

MODES = ("none", "all_bank", "per_bank", "same_bank")
"""In the order of `REFRESH_INTERVALS`."""


def owed_refresh_energy_pj(
    result: DramResult, devices: Sequence[Device], modes: Sequence[str]
) -> NDArray[np.float64]:
    """Of each design, as DRAMPower counts refreshes; `modes` are those of `MODES` that the designs have."""
    owed = np.zeros(len(devices))
    for i, (device, mode) in enumerate(zip(devices, modes, strict=True)):
        if mode == "none" or result.error[i]:
            continue
        ranks, unit = device.ranks * device.channels, unit_energies(device, refresh_counts_as_active=True)
        awake_cycles = result.cycles[i] - result.self_refresh_cycles[i] / ranks
        due = ranks * (awake_cycles // device.timings[REFRESH_INTERVALS[MODES.index(mode)]])
        done = result.refreshes[i] if mode == "all_bank" else result.bank_refreshes[i]
        each = {
            "all_bank": unit.refresh_pj,
            "per_bank": unit.refresh_bank_pj,
            "same_bank": unit.refresh_same_bank_pj,
        }
        owed[i] = max(0, due - done) * each[mode]
    return owed
