"""One design of DRAMSys' controller: what the compiled kernel is given and what energy makes of its counters.

Batches, errors and the metrics that both controllers share are `simulation`'s.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosearch_simulators.dram import bank_machines, timing
from cosearch_simulators.dram.device import Device
from cosearch_simulators.dram.kernel import simulate_bank_machines
from cosearch_simulators.dram.rules import COMMANDS
from cosearch_simulators.dram.trace import Trace


def run_bank_machines(
    device: Device, trace: Trace, trace_tck_ps: int | None, refresh: int, *controller: int
) -> NDArray[np.int64]:
    """The counters of `bank_machines.run` for one design."""
    bits, n, compiled = device.address_bits, device.timings, device.compiled
    assert bits is not None
    not_before = np.zeros(len(trace), np.int64) if trace.cycle is None else trace.cycle
    close_delay = np.zeros(len(COMMANDS), np.int64)
    close_delay[timing.RDA] = n["nRTP"]
    close_delay[timing.WRA] = device.write_latency_cycles + n["nWR"]
    # Until when DRAMPower counts energy after a command, if it is the last one.
    over = {"ACT": n["nRCD"], "PREpb": n["nRP"], "PREab": n["nRP"]}
    over |= dict.fromkeys(("RD", "RDA"), n["nRL"] + n["nDQSCK"] + 1 + n["nBL"])
    over |= dict.fromkeys(("WR", "WRA"), n["nWL"] + n["nBL"] + n["nWR"])
    counters: NDArray[np.int64] = simulate_bank_machines(
        trace.address_byte,
        trace.is_write,
        not_before,
        bits.runs(),
        (
            device.topology.banks,
            compiled.twin,
            compiled.command_banks,
            compiled.first,
            compiled.entries,
            compiled.history_size,
            np.array(device.bus_cycles, np.int64),
            np.array(device.bus_of, np.int64),
            np.array([device.read_latency_cycles, device.write_latency_cycles], np.int64),
            n["nREFI"] if refresh == 1 else 0,
            close_delay,
            np.array([over.get(command, 0) for command in COMMANDS], np.int64),
            n["nRAS"],
            n["nRFC"] - n["nRP"],
            device.tck_ps,
            trace_tck_ps or device.tck_ps,
        ),
        controller,
    )
    return counters


def energy_arguments(counter: NDArray[np.int64]) -> dict[str, Any]:
    """What `energy.energy` is told beside the command counts, so that it counts as DRAMPower does."""
    return {
        "cycles": int(counter[bank_machines.POWER_CYCLES]),
        "precharges": int(counter[bank_machines.PRECHARGED_BANKS]),
        "refresh_counts_as_active": True,
    }
