"""Traces as a memory takes them: requests cut into its bursts, addresses brought inside of its capacity."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Literal

import numpy as np

from cosearch_simulators.dram.common.traces.streams import StreamedTrace
from cosearch_simulators.dram.common.traces.trace import Trace

BeyondCapacity = Literal["refuse", "fold", "shift"]
SHIFT_STEP = 1 << 20
"""Addresses are shifted by a multiple of it, so that banks and columns stay what they are."""


def in_bursts(trace: Trace | StreamedTrace, request_bytes: int, burst_bytes: int) -> Trace | StreamedTrace:
    """The trace with every request as the bursts that it takes; itself where that is one each.

    Args:
        trace: the requests. One that has a length takes the bursts that hold its bytes from its address on.
        request_bytes: what one without a length moves, at an address that is a multiple of it.
        burst_bytes: of the memory.
    """
    most = max(-(-trace.longest // burst_bytes) + 1 if trace.longest else 1, request_bytes // burst_bytes)
    if not trace.longest and most <= 1:
        return trace
    return changed(trace, partial(_bursts, request_bytes=request_bytes, burst_bytes=burst_bytes), most)


def _bursts(trace: Trace, *, request_bytes: int, burst_bytes: int) -> Trace:
    usual = max(request_bytes, burst_bytes)
    first = trace.address_byte // usual * usual
    count = np.full(len(trace), usual // burst_bytes)
    if trace.length_byte is not None:
        said = trace.length_byte > 0
        start = trace.address_byte // burst_bytes
        last = (trace.address_byte + np.maximum(trace.length_byte, 1) - 1) // burst_bytes
        first = np.where(said, start * burst_bytes, first)
        count = np.where(said, last - start + 1, count)
    request = np.repeat(np.arange(len(trace)), count)
    of_request = np.arange(request.size) - np.repeat(np.cumsum(count) - count, count)
    return Trace(
        first[request] + of_request * burst_bytes,
        trace.is_write[request],
        None if trace.cycle is None else trace.cycle[request],
        trace.name,
    )


def within(
    trace: Trace | StreamedTrace, capacity_bytes: int, beyond: BeyondCapacity
) -> Trace | StreamedTrace:
    """The trace with its addresses changed where some lie beyond the capacity; itself where none does.

    Args:
        trace: the requests.
        capacity_bytes: of the memory.
        beyond: "fold" wraps addresses around, "shift" lets the lowest lie near 0, "refuse" changes none.
    """
    if beyond == "refuse" or trace.highest_address + max(trace.longest - 1, 0) < capacity_bytes:
        return trace
    if beyond == "fold":
        return changed(trace, partial(_folded, capacity_bytes=capacity_bytes))
    return changed(trace, partial(_shifted, by=trace.lowest_address // SHIFT_STEP * SHIFT_STEP))


def _folded(trace: Trace, *, capacity_bytes: int) -> Trace:
    return _at(trace, trace.address_byte % capacity_bytes)


def _shifted(trace: Trace, *, by: int) -> Trace:
    return _at(trace, trace.address_byte - by)


def _at(trace: Trace, address_byte: np.ndarray) -> Trace:
    return Trace(address_byte, trace.is_write, trace.cycle, trace.name, trace.length_byte)


def changed(
    trace: Trace | StreamedTrace, change: Callable[[Trace], Trace], growth: int = 1
) -> Trace | StreamedTrace:
    """The trace after a change of its requests, of which each becomes `growth` at most."""
    if isinstance(trace, Trace):
        return change(trace)
    return ChangedTrace(trace.path, trace.format, trace.chunk_requests, trace.device, trace, change, growth)


@dataclass(frozen=True, eq=False)
class ChangedTrace(StreamedTrace):
    """A streamed trace whose pieces are changed as they are read."""

    of: StreamedTrace | None = None
    change: Callable[[Trace], Trace] | None = None
    growth: int = 1

    def chunks(self, requests: int | None = None) -> Iterator[Trace]:
        """As those of a `StreamedTrace`."""
        assert self.of is not None
        assert self.change is not None
        for chunk in self.of.chunks(max(1, (requests or self.chunk_requests) // self.growth)):
            yield self.change(chunk)
