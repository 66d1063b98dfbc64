"""Whether a trace can be played on a device, each refusal one line."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from cosearch_simulators.dram.common.device import Device
from cosearch_simulators.dram.common.traces.streams import StreamedTrace
from cosearch_simulators.dram.common.traces.trace import LARGEST_TIME_PS, Trace

LARGEST_TCK_PS = 1_000_000
"""Of a trace's clock: 1 MHz; a trace's cycles times this are still 64-bit numbers."""


def beyond(device: Device, trace: Trace | StreamedTrace) -> str:
    """What is wrong with the trace's addresses and lengths, or an empty string."""
    if trace.longest > device.transaction_bytes:
        return (
            f"a request moves {trace.longest} bytes, a burst of {device.organization} "
            f"{device.transaction_bytes}: cut the trace with traces.bursts.in_bursts first"
        )
    capacity = device.capacity_bytes
    if trace.highest_address < capacity:
        return ""
    request, address = next(
        (start + int(np.argmax(outside)), int(chunk.address_byte[np.argmax(outside)]))
        for start, chunk in _numbered(trace)
        if (outside := chunk.address_byte >= capacity).any()
    )
    return (
        f"request {request} is at address {address:#x}, beyond the "
        f"{capacity:#x} bytes of {device.ranks} rank(s) of {device.organization}"
    )


def too_late(trace: Trace | StreamedTrace, trace_tck_ps: int | None) -> str:
    """What is wrong with the trace's last cycle under a clock of its own, or an empty string."""
    if trace_tck_ps is None or trace.highest_cycle * trace_tck_ps <= LARGEST_TIME_PS:
        return ""
    return (
        f"the trace's cycle {trace.highest_cycle} at {trace_tck_ps} ps is beyond "
        f"{LARGEST_TIME_PS // 10**12} s of simulated time; expected a faster clock or a shorter trace"
    )


def _numbered(trace: Trace | StreamedTrace) -> Iterator[tuple[int, Trace]]:
    start = 0
    for chunk in trace.chunks():
        yield start, chunk
        start += len(chunk)
