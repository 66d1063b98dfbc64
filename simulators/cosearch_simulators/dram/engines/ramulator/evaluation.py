"""The entry of Ramulator's controller: designs as columns in, metrics as columns out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cosearch_simulators.dram.common.argument_checks import check_kind
from cosearch_simulators.dram.common.batch import OnError, run_batch
from cosearch_simulators.dram.common.device import Device
from cosearch_simulators.dram.common.result import DramResult
from cosearch_simulators.dram.common.traces.streams import StreamedTrace
from cosearch_simulators.dram.common.traces.trace import Trace
from cosearch_simulators.dram.engines.ramulator.controllers import Controllers
from cosearch_simulators.dram.engines.ramulator.simulation import Batch, energy_arguments, unsupported


def evaluate(
    devices: Device | Sequence[Device],
    controllers: Controllers,
    trace: Trace | StreamedTrace,
    *,
    threads: int | None = None,
    on_error: OnError = "raise",
    wrap_addresses: bool = False,
    trace_tck_ps: int | None = None,
    drain: bool = True,
) -> DramResult:
    """Simulate every design on the trace. A design's numbers depend on nothing but itself.

    Args:
        devices: one device for all designs, or one for each.
        controllers: the designs' controllers; a single one stands for every device.
        trace: the requests, in memory or streamed from a file. Each is offered as soon as the one before it
            is accepted, at most one a clock cycle, and not before its `cycle` if the trace has those; of a
            device with several channels each has a port of its own, which takes its requests in order
            without regard to the others.
        threads: designs simulated at once; with fewer designs than threads, channels. None: as many as
            cores that this process may use, but one in a worker process. They change no number.
        on_error: "raise" stops at the first design that cannot be simulated, "mark" leaves the reason in
            `DramResult.error` and goes on.
        wrap_addresses: let addresses beyond the device's capacity wrap around, as Ramulator does.
        trace_tck_ps: clock period of the trace's `cycle` column; None: that of the device's own clock.
        drain: go on until all that was accepted is answered and written. False: end as Ramulator does, in the
            cycle in which the last request is accepted; what still waits then is counted nowhere.

    Raises:
        ConfigurationError: an argument of another kind, as many devices as designs were expected, a design is
            out of bounds ("raise"), or the trace's own clock takes it hours beyond its start.
        SimulatorError: an address lies beyond a device's capacity ("raise").
    """
    check_kind("controllers", controllers, (Controllers,))
    mappings = np.asarray(controllers.address_mapping).tolist()
    refreshes = np.asarray(controllers.refresh).tolist()
    return run_batch(
        devices,
        controllers,
        trace,
        unsupported=lambda device, row: unsupported(device, mappings[row], refreshes[row]),
        runs=lambda designs, sound: Batch(designs, controllers, trace, trace_tck_ps, sound, drain=drain),
        energy_arguments=energy_arguments,
        threads=threads,
        on_error=on_error,
        wrap_addresses=wrap_addresses,
        trace_tck_ps=trace_tck_ps,
    )
