"""The fidelity `sampled` of the problem `dram-controller`: windows of the trace, scaled to the whole."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cosearch.objectives import Metric
from cosearch_plugins.dram.metrics import measured

if TYPE_CHECKING:
    from cosearch_simulators.dram import BankMachineControllers, Device
    from cosearch_simulators.dram.common.trace_samples import TraceSample
    from cosearch_simulators.dram.engines.ramulator.controllers import Controllers


def sampled_metrics(
    devices: Sequence[Device],
    controllers: Controllers | BankMachineControllers,
    sample: TraceSample,
    refresh: ArrayLike,
    *,
    controller: str,
    metrics: Sequence[Metric],
    trace_tck_ps: int | None,
    threads: int | None,
) -> tuple[dict[str, NDArray[np.float64]], Sequence[str]]:
    """The metrics of n designs, estimated from a sample of the trace, and why one cannot run, or "".

    Args:
        devices: of the designs.
        controllers: of the designs.
        sample: of `cosearch_simulators.dram.common.trace_samples.sample_trace`.
        refresh: (n,) how each design refreshes; "none" and "NoRefresh" say that it does not.
        controller: "queued" or "bank_machines".
        metrics: those to measure.
        trace_tck_ps: clock period of the trace's cycles; None: that of each device.
        threads: designs simulated at once.
    """
    from cosearch_simulators.dram import simulate
    from cosearch_simulators.dram.common.trace_samples import scale_to_whole

    result = simulate(
        devices, controllers, sample.trace, threads=threads, on_error="mark", trace_tck_ps=trace_tck_ps
    )
    whole = scale_to_whole(
        result,
        sample,
        devices,
        refreshes=~np.isin(np.asarray(refresh), ("none", "NoRefresh")),
        refresh_counts_as_active=controller == "bank_machines",
        trace_tck_ps=trace_tck_ps,
    )
    return measured(whole, devices, metrics), result.error
