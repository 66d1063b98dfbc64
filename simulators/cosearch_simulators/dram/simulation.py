"""Run many designs of either controller on one trace: devices and controllers in, columns of metrics out."""

from __future__ import annotations

from collections.abc import Sequence

from cosearch_simulators.dram.common.argument_checks import check_kind
from cosearch_simulators.dram.common.batch import OnError
from cosearch_simulators.dram.common.device import Device
from cosearch_simulators.dram.common.result import DramResult
from cosearch_simulators.dram.common.traces.streams import StreamedTrace
from cosearch_simulators.dram.common.traces.trace import Trace
from cosearch_simulators.dram.engines import dramsys, ramulator

ANY_CONTROLLERS = (ramulator.Controllers, dramsys.BankMachineControllers)


def simulate(
    devices: Device | Sequence[Device],
    controllers: ramulator.Controllers | dramsys.BankMachineControllers,
    trace: Trace | StreamedTrace,
    *,
    threads: int | None = None,
    on_error: OnError = "raise",
    wrap_addresses: bool = False,
    trace_tck_ps: int | None = None,
) -> DramResult:
    """Simulate every design on the trace, with the engine of its controllers, whose `evaluate` says more.

    Args:
        devices: one device for all designs, or one for each.
        controllers: the designs' controllers; a single one stands for every device.
        trace: the requests, in memory or streamed from a file.
        threads: designs simulated at once, which changes no number; None: as many as cores that this process
            may use, but one in a worker process.
        on_error: "raise" stops at the first design that cannot be simulated, "mark" leaves the reason in
            `DramResult.error` and goes on.
        wrap_addresses: let addresses beyond the device's capacity wrap around.
        trace_tck_ps: clock period of the trace's `cycle` column; None: that of the device's own clock.

    Raises:
        ConfigurationError: an argument of another kind, as many devices as designs were expected, a design is
            out of bounds ("raise"), or the trace's own clock takes it hours beyond its start.
        SimulatorError: an address lies beyond a device's capacity ("raise").
    """
    check_kind("controllers", controllers, ANY_CONTROLLERS)
    if isinstance(controllers, dramsys.BankMachineControllers):
        return dramsys.evaluate(
            devices,
            controllers,
            trace,
            threads=threads,
            on_error=on_error,
            wrap_addresses=wrap_addresses,
            trace_tck_ps=trace_tck_ps,
        )
    return ramulator.evaluate(
        devices,
        controllers,
        trace,
        threads=threads,
        on_error=on_error,
        wrap_addresses=wrap_addresses,
        trace_tck_ps=trace_tck_ps,
    )
