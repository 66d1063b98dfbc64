"""The entry of DRAMSys' controller: designs as columns in, metrics as columns out.

Several traces at once, each with a clock and a class of its own, are `players`'.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosearch_simulators.dram.common.argument_checks import check_kind
from cosearch_simulators.dram.common.batch import OnError, run_batch
from cosearch_simulators.dram.common.device import Device
from cosearch_simulators.dram.common.result import DramResult
from cosearch_simulators.dram.common.traces.streams import StreamedTrace
from cosearch_simulators.dram.common.traces.trace import Trace
from cosearch_simulators.dram.engines.dramsys.controllers import BankMachineControllers
from cosearch_simulators.dram.engines.dramsys.simulation import (
    Feed,
    energy_arguments,
    run_channels,
    total_counters,
    unsupported,
)


def evaluate(
    devices: Device | Sequence[Device],
    controllers: BankMachineControllers,
    trace: Trace | StreamedTrace,
    *,
    threads: int | None = None,
    on_error: OnError = "raise",
    wrap_addresses: bool = False,
    trace_tck_ps: int | None = None,
) -> DramResult:
    """Simulate every design on the trace. A design's numbers depend on nothing but itself.

    Args:
        devices: one device for all designs, or one for each.
        controllers: the designs' controllers; a single one stands for every device.
        trace: the requests, in memory or streamed from a file, sent by a player with a clock of its own.
        threads: designs simulated at once; with fewer designs than threads, channels. None: as many as
            cores that this process may use, but one in a worker process. They change no number.
        on_error: "raise" stops at the first design that cannot be simulated, "mark" leaves the reason in
            `DramResult.error` and goes on.
        wrap_addresses: let addresses beyond the device's capacity wrap around, as DRAMSys does.
        trace_tck_ps: clock period of the player and of the trace's `cycle` column; None: the device's.

    Raises:
        ConfigurationError: an argument of another kind, as many devices as designs were expected, a design is
            out of bounds ("raise"), or the trace's own clock takes it hours beyond its start.
        SimulatorError: an address lies beyond a device's capacity ("raise").
    """
    check_kind("controllers", controllers, (BankMachineControllers,))
    refresh = controllers.codes("refresh_policy").tolist()
    return run_batch(
        devices,
        controllers,
        trace,
        unsupported=lambda device, row: unsupported(device, refresh[row]),
        runs=lambda designs, sound: _Batch(designs, controllers, [Feed(trace, trace_tck_ps)], sound),
        energy_arguments=energy_arguments,
        threads=threads,
        on_error=on_error,
        wrap_addresses=wrap_addresses,
        trace_tck_ps=trace_tck_ps,
    )


class _Batch:
    """Designs under the same players; see `common.batch.Runs`."""

    def __init__(
        self,
        devices: Sequence[Device],
        controllers: BankMachineControllers,
        feeds: Sequence[Feed],
        designs: Sequence[int],
    ) -> None:
        self.order = designs
        self._devices, self._feeds = devices, feeds
        self._rows = list(zip(*(column.tolist() for column in controllers.arguments()), strict=True))

    def counters(self, i: int, each_channel: Callable[..., Iterable[Any]] = map) -> NDArray[np.int64]:
        """Those of all channels of design i together."""
        row = self._rows[i % len(self._rows)]
        return total_counters(run_channels(self._devices[i], self._feeds, row, each_channel=each_channel))
