"""Requests as bursts: a cache line takes two on memories whose burst is 32 bytes, such as LPDDR4.

Imported only when such a problem is built, as it needs the simulator.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from cosearch_simulators.dram import StreamedTrace, Trace


def in_bursts(trace: Trace | StreamedTrace, request_bytes: int, burst_bytes: int) -> Trace | StreamedTrace:
    """The trace with every request of `request_bytes` as the bursts that it takes; itself if that is one."""
    if request_bytes <= burst_bytes:
        return trace
    if isinstance(trace, StreamedTrace):
        return _StreamedBursts(trace.path, trace.format, trace.chunk_requests, request_bytes, burst_bytes)
    return _bursts(trace, request_bytes, burst_bytes)


@dataclass(frozen=True, eq=False)
class _StreamedBursts(StreamedTrace):
    request_bytes: int = 0
    burst_bytes: int = 0

    def chunks(self, requests: int | None = None) -> Iterator[Trace]:
        of_one = self.request_bytes // self.burst_bytes
        for chunk in super().chunks(max(1, (requests or self.chunk_requests) // of_one)):
            yield _bursts(chunk, self.request_bytes, self.burst_bytes)


def _bursts(trace: Trace, request_bytes: int, burst_bytes: int) -> Trace:
    of_one = request_bytes // burst_bytes
    first = trace.address_byte // request_bytes * request_bytes
    return Trace(
        (first[:, None] + np.arange(of_one) * burst_bytes).ravel(),
        np.repeat(trace.is_write, of_one),
        None if trace.cycle is None else np.repeat(trace.cycle, of_one),
        trace.name,
    )
