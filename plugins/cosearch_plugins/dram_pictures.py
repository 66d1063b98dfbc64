"""One DRAM design up close: bandwidth against latency, the data bus over time, its rows and its energy.

The numbers are those of `cosearch_simulators.dram.profiles`; DRAMSys' controller has no profile, so its are
counted from the list of its commands. For `dram-controller` and `dram-controller-archgym`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cosearch.pictures import Picture
from cosearch_simulators.dram import (
    BankMachineControllers,
    Controllers,
    Device,
    StreamedTrace,
    Trace,
    bandwidth_latency_curve,
    profile,
    simulate,
)

MOST_REQUESTS = 100_000  # of a run up close
CURVE_REQUESTS = 10_000  # at each load
SAMPLES = 200
MOST_BANKS = 128  # that are shown one by one

Numbers = NDArray[Any]


class CloseUp(NamedTuple):
    """A run as the pictures need it.

    Attributes:
        time_ns: (s + 1,), where samples begin and end.
        bursts: by "read" and "write", how many in each sample (s,).
        rows: by what requests found, how many in each bank (channels x banks,).
        row_hit_share: of the requests that needed a row.
        energy_pj: by command or state.
        energy_by_rank_pj: (channels x ranks,), if it is known.
    """

    time_ns: Numbers
    bursts: Mapping[str, Numbers]
    rows: Mapping[str, Numbers]
    row_hit_share: float
    energy_pj: Mapping[str, float]
    energy_by_rank_pj: Numbers | None


def dram_pictures(
    device: Device,
    controllers: Controllers | BankMachineControllers,
    trace: Trace | StreamedTrace,
    trace_tck_ps: int | None,
) -> Iterator[Picture]:
    """The pictures of one design; of a long trace they show its beginning."""
    requests = min(MOST_REQUESTS, trace.requests)
    start = next(iter(trace.chunks(requests)))
    start = Trace(start.address_byte % device.capacity_bytes, start.is_write, start.cycle, trace.name)
    part = "" if requests == trace.requests else f" The first {requests:,} of {trace.requests:,} bursts."
    yield from _load_pictures(device, controllers, start)
    seen = close_up(device, controllers, start, trace_tck_ps)
    yield _bus_picture(device, seen, part)
    yield _row_picture(device, seen, part)
    yield _energy_picture(seen, part)
    if seen.energy_by_rank_pj is not None and seen.energy_by_rank_pj.size > 1:
        yield _rank_picture(device, seen.energy_by_rank_pj, part)


def close_up(
    device: Device,
    controllers: Controllers | BankMachineControllers,
    trace: Trace,
    trace_tck_ps: int | None,
) -> CloseUp:
    """Follow one design through a trace."""
    if isinstance(controllers, BankMachineControllers):
        return _from_commands(device, controllers, trace, trace_tck_ps)
    seen = profile(device, controllers, trace, samples=SAMPLES, trace_tck_ps=trace_tck_ps)
    hits, misses, conflicts = seen.bank_row_hits, seen.bank_row_misses, seen.bank_row_conflicts
    return CloseUp(
        time_ns=seen.time_ns,
        bursts={"read": seen.reads, "write": seen.writes},
        rows={"row open": hits, "bank closed": misses, "another row open": conflicts},
        row_hit_share=hits.sum() / max(1, (hits + misses + conflicts).sum()),
        energy_pj={kind: pj for kind, pj in seen.energy_by_command_pj.items() if kind != "power_down"},
        energy_by_rank_pj=seen.energy_by_rank_pj,
    )


def _from_commands(
    device: Device, controllers: BankMachineControllers, trace: Trace, trace_tck_ps: int | None
) -> CloseUp:
    from cosearch_simulators.dram.bank_machine_simulation import command_list
    from cosearch_simulators.dram.energy import unit_energies

    result = simulate(device, controllers, trace, trace_tck_ps=trace_tck_ps)
    time_ns = np.linspace(0, float(result.time_ns[0]), SAMPLES + 1)
    bursts = {"read": np.zeros(SAMPLES, np.int64), "write": np.zeros(SAMPLES, np.int64)}
    banks = device.topology.banks
    accesses, activates = np.zeros((2, device.channels * banks), np.int64)
    for channel in range(device.channels):
        commands = command_list(device, controllers, trace, trace_tck_ps=trace_tck_ps, channel=channel)
        for kinds, kind in ((("RD", "RDA"), "read"), (("WR", "WRA"), "write")):
            mine = [(cycle * device.tck_ps / 1000, bank) for cycle, name, bank in commands if name in kinds]
            at_ns, bank = np.array(mine).reshape(-1, 2).T
            bursts[kind] += np.histogram(at_ns, time_ns)[0]
            np.add.at(accesses, channel * banks + bank.astype(np.int64), 1)
        for _, name, first_bank in commands:
            if name == "ACT":
                activates[channel * banks + first_bank] += 1
    unit = unit_energies(device, refresh_counts_as_active=True)
    asleep = (
        int(result.active_power_down_cycles[0]) * unit.active_power_down_pj
        + int(result.precharge_power_down_cycles[0]) * unit.precharge_power_down_pj
        + int(result.self_refresh_cycles[0]) * unit.self_refresh_pj
    )
    activate_pj = int(result.activates[0]) * unit.activate_pj
    needed = int(result.row_hits[0] + result.row_misses[0] + result.row_conflicts[0])
    return CloseUp(
        time_ns=time_ns,
        bursts=bursts,
        rows={"row open": accesses - activates, "row to be opened": activates},
        row_hit_share=int(result.row_hits[0]) / max(1, needed),
        energy_pj={
            "activate": activate_pj,
            "precharge": float(result.activate_energy_pj[0]) - activate_pj,
            "read": float(result.read_energy_pj[0]),
            "write": float(result.write_energy_pj[0]),
            "refresh": float(result.refresh_energy_pj[0]),
            "standby": float(result.background_energy_pj[0]) - asleep,
            "power-down": asleep,
        },
        energy_by_rank_pj=None,
    )


def _load_pictures(
    device: Device, controllers: Controllers | BankMachineControllers, trace: Trace
) -> Iterator[Picture]:
    curve = bandwidth_latency_curve(device, controllers, trace.head(CURVE_REQUESTS), points=16)
    peak, most = device.peak_bandwidth_gb_per_s, float(curve.bandwidth_gb_per_s.max())
    high_ns = 1.1 * float(np.nanmax(curve.latency_ns))
    limit = {"type": "scatter", "mode": "lines", "name": f"peak, {peak:.1f} GB/s", "line": {"dash": "dash"}}
    design = {"type": "scatter", "mode": "lines+markers", "name": "this design"}
    yield Picture(
        "Latency under load",
        f"The same requests, evenly spaced, faster and faster. This design moves at most {most:.1f} GB/s, "
        f"{most / peak:.0%} of the peak of the data bus; there the queues fill and reads wait.",
        [
            design | {"x": curve.bandwidth_gb_per_s, "y": curve.latency_ns},
            limit | {"x": [peak, peak], "y": [0, high_ns]},
        ],
        {
            "xaxis": {"title": {"text": "bandwidth [GB/s]"}, "range": [0, 1.05 * peak]},
            "yaxis": {"title": {"text": "average read latency [ns]"}, "range": [0, high_ns]},
        },
        wide=False,
    )
    far = max(float(curve.offered_gb_per_s[-1]), most)
    shown = 1.05 * max(far, peak)
    yield Picture(
        "Offered and achieved bandwidth",
        "As long as the design keeps up, the points lie on the line of what is offered.",
        [
            design | {"x": curve.offered_gb_per_s, "y": curve.bandwidth_gb_per_s},
            limit | {"x": [0, shown], "y": [peak, peak]},
            {"type": "scatter", "mode": "lines", "name": "as offered", "line": {"dash": "dot"}}
            | {"x": [0, far], "y": [0, far]},
        ],
        {
            "xaxis": {"title": {"text": "offered bandwidth [GB/s]"}, "range": [0, shown]},
            "yaxis": {"title": {"text": "achieved bandwidth [GB/s]"}, "range": [0, 1.1 * peak]},
        },
        wide=False,
    )


def _bus_picture(device: Device, seen: CloseUp, part: str) -> Picture:
    length_ns = np.diff(seen.time_ns)
    buses = device.channels * device.data_buses
    burst_ns = device.timings["nBL"] * device.tck_ps / 1000
    middle_us = (seen.time_ns[1:] + seen.time_ns[:-1]) / 2000
    share = sum(counts.sum() for counts in seen.bursts.values()) * burst_ns / (buses * seen.time_ns[-1])
    return Picture(
        "Data bus over time",
        f"The share of the time in which data move, {share:.0%} on average; the rest are waits for rows, "
        f"turns of the bus, refreshes, or nothing to do.{part}",
        [
            {"type": "scatter", "mode": "lines", "stackgroup": "bus", "line": {"shape": "hvh", "width": 1}}
            | {"name": kind, "x": middle_us, "y": counts * burst_ns / (buses * length_ns)}
            for kind, counts in seen.bursts.items()
        ],
        {
            "xaxis": {"title": {"text": "time [us]"}},
            "yaxis": {"title": {"text": "data bus utilisation"}, "range": [0, 1.05], "tickformat": ".0%"},
        },
    )


def _row_picture(device: Device, seen: CloseUp, part: str) -> Picture:
    places, what = device.channels * device.topology.banks, "bank"
    if places > MOST_BANKS:
        places, what = device.channels, "channel"
    return Picture(
        f"Rows by {what}",
        f"What requests found; {seen.row_hit_share:.0%} found their row open. Unequal bars are an address "
        f"mapping that does not spread the load.{part}",
        [
            {"type": "bar", "name": found, "x": np.arange(places)}
            | {"y": counts.reshape(places, -1).sum(axis=1)}
            for found, counts in seen.rows.items()
        ],
        {
            "barmode": "stack",
            "xaxis": {"title": {"text": what}},
            "yaxis": {"title": {"text": "requests"}, "rangemode": "tozero"},
        },
        wide=False,
    )


def _energy_picture(seen: CloseUp, part: str) -> Picture:
    total = sum(seen.energy_pj.values())
    most_pj = max(seen.energy_pj.values())
    kinds = sorted(seen.energy_pj, key=lambda kind: -seen.energy_pj[kind])
    return Picture(
        "Energy by command",
        f"Of {total / 1e6:,.1f} uJ in all; what is not a command is spent waiting.{part}",
        [
            {"type": "bar", "orientation": "h", "y": kinds[::-1]}
            | {"x": [seen.energy_pj[kind] / 1e6 for kind in kinds[::-1]]}
            | {"text": [f"{seen.energy_pj[kind] / total:.1%}" for kind in kinds[::-1]]}
            | {"textposition": "outside"}
        ],
        {"xaxis": {"title": {"text": "energy [uJ]"}, "range": [0, 1.15 * most_pj / 1e6]}},
        wide=False,
    )


def _rank_picture(device: Device, energy_pj: Numbers, part: str) -> Picture:
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
