"""A part of a trace that stands for the whole: windows at equal distances, run one after the other.

Systematic sampling (R. Wunderlich et al.: "SMARTS: accelerating microarchitecture simulation via rigorous
statistical sampling", ISCA 2003, 84-95): each window stands in the middle of an equal part of the trace. The
windows make up one shorter trace, so the controller comes to each with full queues, as it would in the whole,
and starts cold once, as the whole does. What adds up over the trace is scaled to it; refreshes, of which a
short run sees hardly any, are counted by their rate.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cosearch_simulators.dram.common.device import Device
from cosearch_simulators.dram.common.energy import unit_energies
from cosearch_simulators.dram.common.result import DramResult
from cosearch_simulators.dram.common.traces.streams import StreamedTrace
from cosearch_simulators.dram.common.traces.trace import Trace

Floats = NDArray[np.float64]

SHARE = 1 / 8
WINDOWS = 8
LEAST_REQUESTS = 1024
MOST_REQUESTS = 1 << 19
"""Of a sample; at most `SHARE` of the trace but for short traces, which are sampled more densely."""

_PARTS = ("activate_energy_pj", "read_energy_pj", "write_energy_pj", "background_energy_pj")


@dataclass(frozen=True, eq=False)
class TraceSample:
    """Windows of a trace.

    Attributes:
        trace: the windows, one after the other; its cycles leave out what lies between.
        whole_requests: of the trace that they are from.
        whole_cycles: of the trace that they are from, from its first request to its last; 0 without cycles.
        cycles: likewise, of the sample.
    """

    trace: Trace | StreamedTrace
    whole_requests: int
    whole_cycles: int = 0
    cycles: int = 0

    @property
    def share(self) -> float:
        """The share of the requests that is in the sample, which is what it costs."""
        return len(self.trace) / self.whole_requests


def sample_trace(trace: Trace | StreamedTrace, *, least_reads: int = 1) -> TraceSample:
    """The windows of a trace; a trace that is too short for them is its own sample.

    A streamed trace is read once, up to its last window, and the windows stay in memory.

    Args:
        trace: the whole.
        least_reads: the whole trace is the sample where the windows have fewer.
    """
    requests = len(trace)
    whole = TraceSample(trace, requests)
    length = min(max(int(requests * SHARE), LEAST_REQUESTS), MOST_REQUESTS) // WINDOWS
    if length * WINDOWS * 2 > requests:
        return whole
    middles = (2 * np.arange(WINDOWS) + 1) * requests // (2 * WINDOWS)
    rows = (middles[:, None] - length // 2 + np.arange(length)).ravel()
    behind = rows[length - 1 :: length] + 1
    address, is_write, cycle = _rows(trace, np.append(rows, behind))
    address, is_write = address[: rows.size], is_write[: rows.size]
    if np.count_nonzero(~is_write) < least_reads:
        return whole
    if cycle is None:
        return TraceSample(Trace(address, is_write, None, trace.name), requests)
    cycle, next_cycle = cycle[: rows.size], cycle[rows.size :]
    starts = cycle[::length]
    # A window lasts until the request behind it.
    lasting = np.maximum(next_cycle - starts, 0)
    begins = np.cumsum(lasting) - lasting
    near = np.maximum(cycle.reshape(WINDOWS, length) - starts[:, None], 0) + begins[:, None]
    found = Trace(address, is_write, near.ravel(), trace.name)
    return TraceSample(found, requests, trace.highest_cycle, int(lasting.sum()))


def _rows(
    trace: Trace | StreamedTrace, rows: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.bool_], NDArray[np.int64] | None]:
    """Some rows of a trace's columns, read in one pass."""
    order = np.argsort(rows, kind="stable")
    parts: list[tuple[NDArray, NDArray, NDArray | None]] = []
    start = done = 0
    for chunk in trace.chunks():
        stop = int(np.searchsorted(rows[order], start + len(chunk)))
        mine = rows[order[done:stop]] - start
        cycle = None if chunk.cycle is None else chunk.cycle[mine]
        parts.append((chunk.address_byte[mine], chunk.is_write[mine], cycle))
        start, done = start + len(chunk), stop
        if done == rows.size:
            break
    back = np.empty(rows.size, np.int64)
    back[order] = np.arange(rows.size)
    columns = [
        None if parts[0][i] is None else np.concatenate([cast("NDArray", part[i]) for part in parts])[back]
        for i in range(3)
    ]
    return columns[0], columns[1], columns[2]  # type: ignore[return-value]


def scale_to_whole(
    result: DramResult,
    sample: TraceSample,
    devices: Sequence[Device],
    *,
    refreshes: ArrayLike,
    refresh_counts_as_active: bool,
    trace_tck_ps: int | None = None,
) -> DramResult:
    """What a run of the sample says about the whole trace.

    Times and energies are scaled by the requests, and where the trace has cycles, the time that the memory
    falls behind them and the wait that comes of it. What is no sum, such as an average latency, stays.

    Args:
        result: of `simulate` on the sample, n designs.
        sample: the windows.
        devices: of the designs.
        refreshes: (n,) whether a design refreshes its memory.
        refresh_counts_as_active: see `energy.unit_energies`.
        trace_tck_ps: clock period of the trace's cycles; None: that of each device.
    """
    if sample.share == 1.0:
        return result
    factor = 1.0 / sample.share
    own_ps = np.array([device.tck_ps for device in devices], np.float64)
    tck_ns = (own_ps if trace_tck_ps is None else float(trace_tck_ps)) / 1000.0
    late_ns = np.maximum(result.time_ns - sample.cycles * tck_ns, 0.0)
    time_ns = late_ns * factor + sample.whole_cycles * tck_ns
    longer = time_ns / result.time_ns
    scaled = {part: getattr(result, part) * factor for part in _PARTS}
    scaled["background_energy_pj"] = result.background_energy_pj * longer
    # Where requests come faster than they are served, the wait grows with the trace.
    inside_ns = result.response_time_ns - result.wait_ns
    behind_ns = np.maximum(np.minimum(result.wait_ns, late_ns / 2) - inside_ns, 0.0) * (factor - 1.0)
    awake = time_ns - result.self_refresh_cycles * own_ps / 1000.0 * longer / _ranks(devices)
    a_ns = np.array([_refresh_pj_a_ns(device, refresh_counts_as_active) for device in devices])
    scaled["refresh_energy_pj"] = np.where(np.asarray(refreshes, bool), awake * a_ns, 0.0)
    energy = sum(scaled.values()) + 0.0 * time_ns
    columns: dict[str, NDArray] = {
        name: np.rint(getattr(result, name) * longer).astype(np.int64)
        for name in (
            "cycles", "active_cycles", "active_power_down_cycles", "precharge_power_down_cycles",
            "self_refresh_cycles", "refreshes", "bank_refreshes", "maintenance_requests",
        )
    }  # fmt: skip
    columns |= {
        name: np.rint(getattr(result, name) * factor).astype(np.int64)
        for name in (
            "row_hits", "row_misses", "row_conflicts", "reads_served", "writes_served", "reads_forwarded",
            "writes_coalesced", "activates", "precharges", "auto_precharges",
        )
    }  # fmt: skip
    return replace(
        result,
        time_ns=time_ns,
        response_time_ns=result.response_time_ns + behind_ns,
        wait_ns=result.wait_ns + behind_ns,
        energy_pj=energy,
        power_mw=energy / time_ns,
        bandwidth_gb_per_s=result.bandwidth_gb_per_s * factor / longer,
        **(scaled | columns),
    )


def _ranks(devices: Sequence[Device]) -> Floats:
    return np.array([device.ranks * device.channels for device in devices], np.float64)


def _refresh_pj_a_ns(device: Device, refresh_counts_as_active: bool) -> float:
    """What refreshing takes on average: each rank once in an interval, by whatever commands."""
    unit = unit_energies(device, refresh_counts_as_active=refresh_counts_as_active)
    interval_ns = device.timings["nREFI"] * device.tck_ps / 1000.0
    return unit.refresh_pj * device.ranks * device.channels / interval_ns
