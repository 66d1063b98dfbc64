"""One controller on one trace by Ramulator 2.1, through its Python package."""

from __future__ import annotations

from typing import Any

import ramulator


def run(job: dict[str, Any]) -> dict[str, float]:
    """The controller's statistics, and the memory's clock period."""
    device = getattr(ramulator.dram, job["standard"])(**job["dram"])
    policy, options = job["row_policy"]
    controller = ramulator.controller.GenericDDR(
        dram=device,
        scheduler=getattr(ramulator.scheduler, job["scheduler"])(),
        refresh_manager=getattr(ramulator.refresh_manager, job["refresh_manager"])(),
        row_policy=getattr(ramulator.row_policy, policy)(**options),
        addr_mapper=getattr(ramulator.addr_mapper, job["addr_mapper"])(),
        **job["controller"],
    )
    memory = ramulator.memory_system.GenericDRAM(
        clock_ratio=1,
        controllers=[controller],
        channel_mapper=ramulator.channel_mapper.CacheLineInterleave(),
    )
    frontend = ramulator.frontend.LoadStoreTrace(clock_ratio=1, path=job["trace"])
    simulation = ramulator.Simulation(frontend, memory)
    simulation.run()
    told = simulation.stats["memory_system"]["controller"]
    names = ("cycles", "avg_read_latency", "row_hits", "row_misses", "row_conflicts", "total_throughput_MBps")
    missing = [name for name in names if name not in told]
    if missing:
        raise ValueError(f"Ramulator's statistics have no {missing[0]}: expected version 2.1")
    return {name: float(told[name]) for name in names} | {"tck_ps": _clock_ps(job["dram"]["timing_preset"])}


def _clock_ps(preset: str) -> float:
    """The clock period by the data rate in a preset's name, as in DDR4_2400R: two transfers a cycle."""
    digits = "".join(c for c in preset.rpartition("_")[2] if c.isdigit())
    if not digits:
        raise ValueError(f"timing preset {preset!r} says no data rate")
    return 2_000_000 // int(digits)  # Ramulator's tCK_ps, rounded down
