"""One DRAM design up close: bandwidth against latency, the data bus over time, its rows and its energy.

For `dram-controller` and `dram-controller-archgym`; the numbers are `cosearch_simulators.dram.profiles`'.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from cosearch.pictures import Picture
from cosearch_simulators.dram import (
    BankMachineControllers,
    Controllers,
    Device,
    DramProfile,
    StreamedTrace,
    Trace,
    bandwidth_latency_curve,
    profile,
    profile_players,
    simulate_players,
)

if TYPE_CHECKING:
    from cosearch_plugins.dram.players import Players

MOST_REQUESTS = 100_000  # of a run up close
SAMPLES = 200
MOST_BANKS = 128  # that are shown one by one
TICKS_NS = [digit * 10**power for power in range(7) for digit in (1, 2, 5)]
LITTLE = 0.3  # of the data bus: less is shown on a scale of its own


def dram_pictures(
    device: Device,
    controllers: Controllers | BankMachineControllers,
    trace: Trace | StreamedTrace,
    trace_tck_ps: int | None,
) -> Iterator[Picture]:
    """The pictures of one design; of a long trace they show its beginning."""
    start, all_bursts = _start(device, trace), trace.requests
    part = "" if len(start) == all_bursts else f" The first {len(start):,} of {all_bursts:,} bursts."
    yield from _load_pictures(device, controllers, start, part)
    seen = profile(device, controllers, start, samples=SAMPLES, trace_tck_ps=trace_tck_ps)
    yield from _profile_pictures(device, seen, part)


def player_pictures(
    device: Device, controllers: BankMachineControllers, players: Players
) -> Iterator[Picture]:
    """The pictures of one design under several players; of long traces they show the beginning."""
    shown = [replace(player, trace=_start(device, player.trace)) for player in players.by_name.values()]
    cut = any(player.trace.requests > MOST_REQUESTS for player in players.by_name.values())
    part = f" The first {MOST_REQUESTS:,} bursts of each player." if cut else ""
    cycles = players.starvation_cycles
    result = simulate_players(device, controllers, shown, starvation_cycles=cycles)
    names = [f"{name}, class {player.qos_class}" for name, player in players.by_name.items()]
    wait_ns = result.wait_ns[0]
    waits = [{"type": "bar", "name": "average wait in front of it", "x": names, "y": wait_ns}]
    yield Picture(
        "Latency by player",
        f"From the arbiter to the response, of reads and writes; the wait in front of the arbiter is known "
        f"of players that are paced. The lower its class, the more urgent is a player.{part}",
        [
            {"type": "bar", "name": "average", "x": names, "y": result.latency_ns[0]},
            {"type": "bar", "name": "maximum", "x": names, "y": result.maximum_latency_ns[0]},
            *(waits if np.isfinite(wait_ns).any() else []),
        ],
        {"yaxis": {"title": {"text": "latency [ns]"}, "rangemode": "tozero"}},
        wide=False,
    )
    peak = device.peak_bandwidth_gb_per_s
    yield Picture(
        "Bandwidth by player",
        f"The bytes of each over the time until its last response; the data bus has {peak:.1f} GB/s.{part}",
        [{"type": "bar", "x": names, "y": result.bandwidth_gb_per_s[0]}],
        {"yaxis": {"title": {"text": "bandwidth [GB/s]"}, "rangemode": "tozero"}},
        wide=False,
    )
    seen = profile_players(device, controllers, shown, samples=SAMPLES, starvation_cycles=cycles)
    yield from _profile_pictures(device, seen, part)


def _profile_pictures(device: Device, seen: DramProfile, part: str) -> Iterator[Picture]:
    yield _bus_picture(seen, part)
    yield _row_picture(device, seen, part)
    yield _energy_picture(seen, part)
    if seen.energy_by_rank_pj.size > 1:
        yield _rank_picture(device, seen, part)


def _start(device: Device, trace: Trace | StreamedTrace) -> Trace:
    """The beginning of a trace, in this device's addresses."""
    start = next(iter(trace.chunks(min(MOST_REQUESTS, trace.requests))))
    return Trace(start.address_byte % device.capacity_bytes, start.is_write, start.cycle, trace.name)


def _load_pictures(
    device: Device, controllers: Controllers | BankMachineControllers, trace: Trace, part: str
) -> Iterator[Picture]:
    curve = bandwidth_latency_curve(device, controllers, trace, points=16)
    peak, most = device.peak_bandwidth_gb_per_s, curve.most_gb_per_s
    inside_ns = curve.latency_ns - curve.wait_ns
    low_ns, high_ns = 0.8 * float(inside_ns.min()), 1.3 * float(curve.latency_ns.max())
    far = float(curve.offered_gb_per_s[-1])
    near = 1.1 * most < peak * LITTLE  # then the peak would squeeze the design into a corner
    right, top = (1.05 * far, 1.3 * most) if near else (1.05 * max(far, peak), 1.1 * peak)
    limit = {"type": "scatter", "mode": "lines", "name": f"peak, {peak:.1f} GB/s", "line": {"dash": "dash"}}
    design = {"type": "scatter", "mode": "lines+markers", "name": "this design"}
    latency = Picture(
        "Latency under load",
        f"The same requests, evenly spaced, faster and faster; where the curve rises, queues fill: first in "
        f"the controller, as latency_ns counts it, then in front of it. As fast as they are "
        f"accepted {most:.1f} GB/s are moved, {most / peak:.0%} of the peak of the data bus.{part}",
        [
            design | {"x": curve.bandwidth_gb_per_s, "y": curve.latency_ns},
            {"type": "scatter", "mode": "lines", "name": "without the wait in front", "line": {"dash": "dot"}}
            | {"x": curve.bandwidth_gb_per_s, "y": inside_ns},
            limit | {"x": [peak, peak], "y": [low_ns, high_ns]},
        ],
        {
            "xaxis": {"title": {"text": "bandwidth [GB/s]"}, "range": [0, top]},
            "yaxis": {"type": "log", "title": {"text": "average read latency [ns]"}, "tickvals": TICKS_NS}
            | {"range": [float(np.log10(low_ns)), float(np.log10(high_ns))]},
        },
        wide=False,
    )
    if not trace.is_write.all():
        yield latency
    yield Picture(
        "Offered and achieved bandwidth",
        f"As long as the design keeps up, the points lie on the line of what is offered.{part}",
        [
            design | {"x": curve.offered_gb_per_s, "y": curve.bandwidth_gb_per_s},
            limit | {"x": [0, right], "y": [peak, peak]},
            {"type": "scatter", "mode": "lines", "name": "as offered", "line": {"dash": "dot"}}
            | {"x": [0, far], "y": [0, far]},
        ],
        {
            "xaxis": {"title": {"text": "offered bandwidth [GB/s]"}, "range": [0, right]},
            "yaxis": {"title": {"text": "achieved bandwidth [GB/s]"}, "range": [0, top]},
        },
        wide=False,
    )


def _bus_picture(seen: DramProfile, part: str) -> Picture:
    length_ns = np.diff(seen.time_ns)
    middle_us = (seen.time_ns[1:] + seen.time_ns[:-1]) / 2000
    busy = {"read": seen.read_bus_share, "write": seen.write_bus_share}
    share = float((seen.data_bus_utilisation * length_ns).sum() / seen.time_ns[-1])
    most = float(seen.data_bus_utilisation.max())
    top = 1.05 if most > LITTLE else 1.2 * most
    return Picture(
        "Data bus over time",
        f"The share of the time in which data move, {share:.0%} on average; the rest are waits for rows, "
        f"turns of the bus, refreshes, or nothing to do.{part}",
        [
            {"type": "scatter", "mode": "lines", "stackgroup": "bus", "line": {"shape": "hvh", "width": 1}}
            | {"name": kind, "x": middle_us, "y": shares}
            for kind, shares in busy.items()
            if shares.any()
        ],
        {
            "xaxis": {"title": {"text": "time [us]"}},
            "yaxis": {"title": {"text": "data bus utilisation"}, "range": [0, top], "tickformat": "~%"},
        },
    )


def _row_picture(device: Device, seen: DramProfile, part: str) -> Picture:
    rows = {
        "row open": seen.bank_row_hits,
        "bank closed": seen.bank_row_misses,
        "another row open": seen.bank_row_conflicts,
    }
    hit_share = seen.bank_row_hits.sum() / max(1, sum(counts.sum() for counts in rows.values()))
    places, what = device.channels * device.topology.banks, "bank"
    if places > MOST_BANKS:
        places, what = device.channels, "channel"
    return Picture(
        f"Rows by {what}",
        f"What requests found; {hit_share:.0%} found their row open. Unequal bars are an address "
        f"mapping that does not spread the load.{part}",
        [
            {"type": "bar", "name": found, "x": np.arange(places)}
            | {"y": counts.reshape(places, -1).sum(axis=1)}
            for found, counts in rows.items()
        ],
        {
            "barmode": "stack",
            "bargap": 0.2 if places <= 32 else 0,
            "xaxis": {"title": {"text": what}},
            "yaxis": {"title": {"text": "requests"}, "rangemode": "tozero"},
        },
        wide=False,
    )


def _energy_picture(seen: DramProfile, part: str) -> Picture:
    energy_pj = {kind.replace("_", "-"): pj for kind, pj in seen.energy_by_command_pj.items() if pj}
    kinds = sorted(energy_pj, key=energy_pj.__getitem__)
    total, most = sum(energy_pj.values()), max(energy_pj.values())
    return Picture(
        "Energy by command",
        f"Of {total / 1e6:,.1f} uJ in all; what is not a command is spent waiting.{part}",
        [
            {"type": "bar", "orientation": "h", "y": kinds, "x": [energy_pj[kind] / 1e6 for kind in kinds]}
            | {"text": [f"{energy_pj[kind] / total:.1%}" for kind in kinds]}
            | {"textposition": "outside"}
        ],
        {"xaxis": {"title": {"text": "energy [uJ]"}, "range": [0, 1.3 * most / 1e6]}},
        wide=False,
    )


def _rank_picture(device: Device, seen: DramProfile, part: str) -> Picture:
    energy_pj = seen.energy_by_rank_pj
    rank = "pseudo-channel" if device.data_buses > 1 else "rank"
    names = [
        f"{rank} {k % device.ranks}"
        if device.channels == 1
        else f"channel {k // device.ranks}, {rank} {k % device.ranks}"
        for k in range(energy_pj.size)
    ]
    return Picture(
        f"Energy by {rank}",
        f"Background and refresh included; they sum to {energy_pj.sum() / 1e6:,.1f} uJ.{part}",
        [{"type": "bar", "x": names, "y": energy_pj / 1e6}],
        {"yaxis": {"title": {"text": "energy [uJ]"}, "rangemode": "tozero"}},
        wide=False,
    )
