"""What `dram-controller` measures, and how it follows from the simulator's result."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cosearch.objectives import Metric

if TYPE_CHECKING:
    from cosearch_simulators.dram import Device, DramResult

METRICS = (
    Metric("latency_ns", "ns", "average read latency, from acceptance by the controller to the last data"),
    Metric("energy_pj", "pJ", "energy of all chips over the run, the sum of the five parts below"),
    Metric("power_mw", "mW", "energy over time"),
    Metric("bandwidth_gb_per_s", "GB/s", "bytes read and written over time"),
    Metric("time_ns", "ns", "until the last request is accepted; includes the waiting for a full queue"),
    Metric("row_hit_share", "1", "requests that found their row open, of all that needed a row"),
    Metric("activate_energy_pj", "pJ", "row activations and precharges"),
    Metric("read_energy_pj", "pJ", "read bursts"),
    Metric("write_energy_pj", "pJ", "write bursts"),
    Metric("refresh_energy_pj", "pJ", "refreshes"),
    Metric("background_energy_pj", "pJ", "standby"),
    Metric("row_conflict_share", "1", "requests that found another row open, of all that needed a row"),
    Metric("data_bus_utilisation", "1", "bandwidth over the peak of all channels"),
)
# What `bank_machines` measures otherwise.
BANK_MACHINES_METRICS = {
    "latency_ns": "average read latency, from the arbiter to the response",
    "time_ns": "until the last response has reached the player",
    "background_energy_pj": "standby, power-down and self-refresh",
}
SLEEP = Metric("power_down_share", "1", "time of ranks in power-down or self-refresh, of all their time")
SHARES = ("row_hit_share", "row_conflict_share", "data_bus_utilisation", "power_down_share")


def metrics_of(controller: str) -> tuple[Metric, ...]:
    """The metrics of a controller."""
    if controller == "queued":
        return METRICS
    return (
        *(Metric(m.name, m.unit, BANK_MACHINES_METRICS.get(m.name, m.description)) for m in METRICS),
        SLEEP,
    )


def measured(
    result: DramResult, devices: Sequence[Device], controller: str
) -> dict[str, NDArray[np.float64]]:
    """The metrics of n designs as columns; `devices` are theirs."""
    names = [metric.name for metric in metrics_of(controller)]
    metrics = {name: getattr(result, name) for name in names if name not in SHARES}
    rows = np.maximum(result.row_hits + result.row_misses + result.row_conflicts, 1)
    metrics["row_hit_share"] = result.row_hits / rows
    metrics["row_conflict_share"] = result.row_conflicts / rows
    metrics["data_bus_utilisation"] = result.bandwidth_gb_per_s / [
        device.peak_bandwidth_gb_per_s for device in devices
    ]
    if SLEEP.name in names:
        asleep = (
            result.active_power_down_cycles + result.precharge_power_down_cycles + result.self_refresh_cycles
        )
        ranks = np.array([device.ranks * device.channels for device in devices])
        metrics["power_down_share"] = asleep / np.maximum(ranks * result.cycles, 1)
    # The simulator divides by the reads served from DRAM, as Ramulator does, though the sum is over all.
    answered = result.reads_served + result.reads_forwarded
    metrics["latency_ns"] = result.latency_ns * result.reads_served / np.maximum(answered, 1)
    return metrics
