"""What `dram-controller` measures, and where the clock of each metric starts and stops."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cosearch.objectives import Metric, Objective

if TYPE_CHECKING:
    from cosearch_simulators.dram import Device, DramResult

TIMED = (
    Metric(
        "response_time_ns",
        "ns",
        "average of the reads, from the time at which the trace wants it to its last data: the wait in "
        "front of the controller and the time inside it",
    ),
    Metric(
        "wait_ns",
        "ns",
        "average of the reads, the first part of it: from the time at which the trace wants it to acceptance",
    ),
)
"""Of a trace that says when it wants its requests."""

METRICS = (
    *TIMED,
    Metric("time_ns", "ns", "from the trace's begin to the last data of its last request, write or read"),
    Metric("energy_pj", "pJ", "energy of all chips over that time, the sum of the five parts below"),
    Metric("power_mw", "mW", "energy over time"),
    Metric("bandwidth_gb_per_s", "GB/s", "bytes read and written over time"),
    Metric(
        "latency_ns",
        "ns",
        "Ramulator's own figure: average of the reads, from acceptance to the last data, as it stands when "
        "the last request is accepted; the wait in front of a full queue is not in it: no goal by itself",
    ),
    Metric("row_hit_share", "1", "requests that found their row open, of all that needed a row"),
    Metric("activate_energy_pj", "pJ", "row activations and precharges"),
    Metric("read_energy_pj", "pJ", "read bursts"),
    Metric("write_energy_pj", "pJ", "write bursts"),
    Metric("refresh_energy_pj", "pJ", "refreshes"),
    Metric("background_energy_pj", "pJ", "standby, leakage included"),
    Metric("row_conflict_share", "1", "requests that found another row open, of all that needed a row"),
    Metric("data_bus_utilisation", "1", "bandwidth over the peak of all channels"),
)
BANK_MACHINES_METRICS = {
    "response_time_ns": "average of the reads, from the time at which the trace wants it to its response: "
    "the wait in front of the arbiter and the time behind it",
    "wait_ns": "average of the reads, the first part of it: from the time at which the trace wants it to the "
    "arbiter",
    "time_ns": "from the trace's begin until the last response has reached the player",
    "latency_ns": "DRAMSys' own figure: average of the reads, from the arbiter to the response; the wait in "
    "front of the arbiter is not in it: no goal by itself",
    "refresh_energy_pj": "refreshes, with those that fell due and are postponed past the end: they are owed",
    "background_energy_pj": "standby, power-down and self-refresh, leakage included",
}
"""What `bank_machines` measures otherwise."""
SLEEP = Metric("power_down_share", "1", "time of ranks in power-down or self-refresh, of all their time")
SHARES = ("row_hit_share", "row_conflict_share", "data_bus_utilisation", "power_down_share")


def metrics_of(controller: str, *, timed: bool) -> tuple[Metric, ...]:
    """The metrics of a controller; `timed`: whether the trace says when it wants its requests."""
    metrics = METRICS if timed else tuple(metric for metric in METRICS if metric not in TIMED)
    if controller == "queued":
        return metrics
    return (
        *(Metric(m.name, m.unit, BANK_MACHINES_METRICS.get(m.name, m.description)) for m in metrics),
        SLEEP,
    )


def objectives_of(*, timed: bool) -> tuple[Objective, ...]:
    """What a user of the memory feels, and what it takes."""
    return Objective("response_time_ns" if timed else "time_ns", "min"), Objective("energy_pj", "min")


def measured(
    result: DramResult,
    devices: Sequence[Device],
    metrics: Sequence[Metric],
    owing: Sequence[str] | None = None,
) -> dict[str, NDArray[np.float64]]:
    """Metrics of n designs as columns.

    Args:
        result: of the simulator.
        devices: of the designs.
        metrics: those to measure.
        owing: how each design refreshes, where it may have postponed some past the end; they are added.
    """
    names = [metric.name for metric in metrics]
    columns = {name: getattr(result, name) for name in names if name not in SHARES}
    rows = np.maximum(result.row_hits + result.row_misses + result.row_conflicts, 1)
    columns["row_hit_share"] = result.row_hits / rows
    columns["row_conflict_share"] = result.row_conflicts / rows
    columns["data_bus_utilisation"] = result.bandwidth_gb_per_s / [
        device.peak_bandwidth_gb_per_s for device in devices
    ]
    if owing is not None:
        from cosearch_simulators.dram.common.refresh_debt import owed_refresh_energy_pj

        owed_pj = owed_refresh_energy_pj(result, devices, owing)
        for name in ("refresh_energy_pj", "energy_pj"):
            columns[name] = columns[name] + owed_pj
        columns["power_mw"] = columns["energy_pj"] / np.where(result.time_ns > 0, result.time_ns, np.nan)
    if SLEEP.name in names:
        asleep = (
            result.active_power_down_cycles + result.precharge_power_down_cycles + result.self_refresh_cycles
        )
        ranks = np.array([device.ranks * device.channels for device in devices])
        columns["power_down_share"] = asleep / np.maximum(ranks * result.cycles, 1)
    return columns
