"""Pictures of a multi-core NPU that runs a network once: its arrays, energy, roofline, power and timeline."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cosearch.pictures import Picture
from cosearch_plugins.accelerator.pictures import roofline_picture

if TYPE_CHECKING:
    from cosearch_simulators.accelerator.engines.npu import Timeline
    from cosearch_simulators.workloads import Network

SHOWN_GAPS = 2000  # of a timeline: pieces of one operator with a shorter gap between them are one bar


def cores_picture(
    design: Mapping[str, Any], line: Timeline, network: Network, metrics: Mapping[str, float]
) -> Picture:
    """How much of each core's array is used over the whole run."""
    from cosearch_simulators.accelerator.engines.npu import UNITS

    count = int(design["cores"])
    matrix = line.unit == UNITS.index("matrix")
    pieces = np.bincount(line.operator[matrix], minlength=len(network.operators))
    macs = np.array([operator.macs for operator in network.operators]) / np.maximum(pieces, 1)
    core = line.core[matrix]
    units = float(design["array_rows"] * design["array_columns"])
    done = np.bincount(core, macs[line.operator[matrix]], count) / (
        units * float(design["clock_ghz"]) * line.latency_ns
    )
    busy = np.bincount(core, (line.end_ns - line.start_ns)[matrix], count) / line.latency_ns
    names = [f"core {number}" for number in range(count)]
    return Picture(
        "The arrays and their utilisation",
        f"{metrics['utilisation']:.1%} of what all arrays could do is done; they are at work in "
        f"{busy.mean():.1%} of the time, but fill, drain and have edges that no tile covers.",
        [
            {"type": "bar", "name": "multiply-accumulates", "x": names, "y": done},
            {"type": "bar", "name": "at work, but not full", "x": names, "y": np.maximum(busy - done, 0.0)},
        ],
        {
            "barmode": "stack",
            "yaxis": {"title": {"text": "share of the whole time"}, "tickformat": ".0%", "range": [0, 1]},
        },
        wide=False,
    )


def energy_picture(line: Timeline, metrics: Mapping[str, float]) -> Picture:
    """Energy by part, that of the memories by what moves; operands are not told apart by the model."""
    from cosearch_simulators.accelerator.engines.npu import UNITS

    loads, stores = (
        float(line.energy_pj[line.unit == UNITS.index(unit)].sum()) for unit in ("load", "store")
    )
    loaded = loads / (loads + stores)
    dram, buffer = metrics["dram_energy_pj"], metrics["buffer_energy_pj"]
    moved = loads + stores - dram  # of the buffers
    levels = ("MAC", "vector operations", "buffers", "DRAM")
    parts = {
        "computing": (metrics["matrix_energy_pj"], metrics["vector_energy_pj"], buffer - moved, 0.0),
        "loading": (0.0, 0.0, loaded * moved, loaded * dram),
        "storing": (0.0, 0.0, (1 - loaded) * moved, (1 - loaded) * dram),
    }
    totals = np.sum(list(parts.values()), axis=0)
    return Picture(
        "Energy by level and what it is for",
        f"{metrics['energy_pj'] / 1e6:,.5g} uJ in all; {levels[int(np.argmax(totals))]} "
        f"{'take' if np.argmax(totals) == 2 else 'takes'} the most. The model does not tell operands apart.",
        [
            {"type": "bar", "orientation": "h", "name": name, "y": levels, "x": np.array(values) / 1e6}
            for name, values in parts.items()
        ],
        {
            "barmode": "stack",
            "xaxis": {"title": {"text": "energy [uJ]"}},
            "yaxis": {"categoryorder": "array", "categoryarray": levels[::-1], "automargin": True},
        },
        wide=False,
    )


def npu_roofline(design: Mapping[str, Any], line: Timeline, network: Network) -> Picture:
    """Every operator with multiply-accumulates under the roof of all arrays and of the DRAM."""
    from cosearch_simulators.accelerator.engines.npu import UNITS

    count = len(network.operators)
    macs = np.array([float(operator.macs) for operator in network.operators])
    moves = (line.unit == UNITS.index("load")) | (line.unit == UNITS.index("store"))
    moved = np.bincount(line.operator[moves], line.bytes[moves], count).astype(float)
    start, end = np.full(count, np.inf), np.zeros(count)
    np.minimum.at(start, line.operator, line.start_ns)
    np.maximum.at(end, line.operator, line.end_ns)
    shown = np.flatnonzero(macs > 0)
    peak_macs_per_ns = design["array_rows"] * design["array_columns"] * float(design["clock_ghz"])
    cores = float(design["cores"])
    others = count - shown.size
    return roofline_picture(
        [line.names[int(i)] for i in shown],
        macs[shown],
        (end - start)[shown],
        moved[shown],
        cores * peak_macs_per_ns,
        min(float(design["dram_gb_per_s"]), 2 * cores * float(design["dma_gb_per_s"])),
        f"The {others} other operators multiply nothing and are not shown." if others else "",
        units=("byte", "ns"),
        below="an array that is not full, or to others between an operator's first load and last store",
    )


def power_picture(line: Timeline, network: str) -> Picture:
    """Power of each kind of unit over time."""
    from cosearch_simulators.accelerator.engines.npu import UNITS

    edges_ns, power_mw = line.power_trace(samples=300)
    middle_us = (edges_ns[:-1] + edges_ns[1:]) / 2000
    return Picture(
        "Power over time",
        f"What each kind of unit draws while {network} runs once, in {line.latency_ns / 1000:,.1f} us; "
        "leakage is not modelled.",
        [
            {"type": "scatter", "mode": "lines", "stackgroup": "power", "name": unit, "x": middle_us, "y": mw}
            for unit, mw in zip(UNITS, power_mw, strict=True)
        ],
        {"xaxis": {"title": {"text": "time [us]"}}, "yaxis": {"title": {"text": "power [mW]"}}},
    )


def timeline_picture(line: Timeline, cores: int) -> Picture:
    """When each unit works on what."""
    from cosearch_simulators.accelerator.engines.npu import UNITS

    rows = [f"core {core} {unit}" for core in range(cores) for unit in UNITS]
    first, last = _bars(line, line.latency_ns / SHOWN_GAPS)
    traces = []
    for code, unit in enumerate(UNITS):
        mine = np.flatnonzero(line.unit[first] == code)
        traces.append(
            {
                "type": "bar",
                "orientation": "h",
                "name": unit,
                "y": [rows[len(UNITS) * line.core[i] + code] for i in first[mine]],
                "base": line.start_ns[first[mine]] / 1000,
                "x": (line.end_ns[last[mine]] - line.start_ns[first[mine]]) / 1000,
                "hovertext": [line.names[line.operator[i]] for i in first[mine]],
            }
        )
    return Picture(
        "Timeline of the units",
        f"A bar is a unit's work on tiles of one operator ({line.start_ns.size:,} pieces in all); gaps "
        f"are waits for data or a buffer, those below {line.latency_ns / SHOWN_GAPS:,.0f} ns not shown.",
        traces,
        {
            "barmode": "overlay",
            "height": 120 + 22 * len(rows),
            "xaxis": {"title": {"text": "time [us]"}},
            "yaxis": {"categoryorder": "array", "categoryarray": rows[::-1]},
        },
    )


def _bars(line: Timeline, gap_ns: float) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """First and last piece of each run of pieces of one unit on one operator with gaps up to this."""
    order = np.lexsort((line.start_ns, line.unit, line.core))
    before, after = order[:-1], order[1:]
    breaks = line.start_ns[after] - line.end_ns[before] > gap_ns
    for key in (line.core, line.unit, line.operator):
        breaks |= key[after] != key[before]
    starts = np.concatenate([[True], breaks])
    return order[starts], order[np.roll(starts, -1)]
