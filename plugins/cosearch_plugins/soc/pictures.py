"""Pictures of one system: its tasks over time, and its blocks with how busy they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from cosearch.pictures import PALETTE, Picture

if TYPE_CHECKING:
    from cosearch_simulators.soc.designs import SocDesigns
    from cosearch_simulators.soc.graph import TaskGraph
    from cosearch_simulators.soc.library import BlockLibrary, MemoryTable

Scheduling = Literal["overtaking", "fifo"]


def timeline_picture(
    system: SocDesigns, graph: TaskGraph, library: BlockLibrary, memory: MemoryTable, scheduling: Scheduling
) -> Picture:
    """A Gantt chart: from when each task could run, when it waited and when it ran."""
    from cosearch_simulators.soc.engines.farsi.entry import simulate

    _, schedule = simulate(system, graph, library, memory, scheduling=scheduling, threads=1)
    ready, ended = schedule.start_s[0] * 1e6, schedule.end_s[0] * 1e6
    began = _beginnings(system.task_element[0], ready, ended)
    shown = [t for t in np.argsort(began, kind="stable") if not graph.dummy[t]]
    names = _element_names(system, library)
    bars: list[dict[str, Any]] = []
    for place, element in enumerate(sorted({int(system.task_element[0, t]) for t in shown})):
        mine = [t for t in shown if system.task_element[0, t] == element]
        bars.append(
            {
                "type": "bar",
                "orientation": "h",
                "name": names[element],
                "y": [graph.tasks[t] for t in mine],
                "x": [ended[t] - began[t] for t in mine],
                "base": [began[t] for t in mine],
                "marker": {"color": PALETTE[place % len(PALETTE)]},
                "hovertemplate": "%{y}: %{base:.4g} us, %{x:.4g} us long<extra>"
                + names[element]
                + "</extra>",
            }
        )
    waits = [t for t in shown if began[t] - ready[t] > 1e-9]
    if waits:
        bars.append(
            {
                "type": "bar",
                "orientation": "h",
                "name": "waits for its element",
                "y": [graph.tasks[t] for t in waits],
                "x": [began[t] - ready[t] for t in waits],
                "base": [ready[t] for t in waits],
                "marker": {"color": "rgba(128,128,128,0.25)"},
                "hovertemplate": "%{y} waits %{x:.4g} us<extra></extra>",
            }
        )
    return Picture(
        "Tasks over time",
        f"{len(shown)} tasks in {ended.max():,.0f} us; a task that waits could run if its element were free.",
        bars,
        {
            "barmode": "overlay",
            "height": 160 + 24 * len(shown),
            "xaxis": {"title": {"text": "time [us]"}},
            "yaxis": {
                "autorange": "reversed",
                "categoryorder": "array",
                "categoryarray": [graph.tasks[t] for t in shown],
            },
        },
    )


def blocks_picture(
    system: SocDesigns, graph: TaskGraph, library: BlockLibrary, memory: MemoryTable, scheduling: Scheduling
) -> Picture:
    """The block diagram: elements above, buses in the middle, memories below; the fuller, the busier."""
    from cosearch_simulators.soc.engines.farsi.entry import simulate

    _, schedule = simulate(system, graph, library, memory, scheduling=scheduling, threads=1)
    total = max(float(schedule.end_s[0].max()), 1e-30)
    used: list[int] = sorted(set(system.task_element[0][~graph.dummy].tolist()))
    names = _element_names(system, library)
    began = _beginnings(system.task_element[0], schedule.start_s[0], schedule.end_s[0])
    busy = {
        element: float((schedule.end_s[0] - began)[system.task_element[0] == element].sum()) / total
        for element in used
    }
    buses: list[int] = np.flatnonzero(system.buses[0] >= 0).tolist()
    memories: list[int] = np.flatnonzero(system.memories[0] >= 0).tolist()
    places: dict[tuple[str, int], tuple[float, float]] = {}
    rows: tuple[tuple[str, list[int]], ...] = (("memory", memories), ("bus", buses), ("element", used))
    for height, (kind, members) in enumerate(rows):
        for place, member in enumerate(members):
            places[kind, member] = ((place + 0.5) / len(members), float(height))
    lines: list[tuple[tuple[str, int], tuple[str, int]]] = [
        *((("element", element), ("bus", int(system.element_bus[0, element]))) for element in used),
        *((("memory", int(one)), ("bus", int(system.memory_bus[0, one]))) for one in memories),
        *(
            (("bus", a), ("bus", b))
            for a, b in np.argwhere(system.bus_links[0]).tolist()
            if a in buses and b in buses
        ),
    ]
    wires = {
        "type": "scatter",
        "mode": "lines",
        "x": [x for a, b in lines for x in (places[a][0], places[b][0], None)],
        "y": [y for a, b in lines for y in (places[a][1], places[b][1], None)],
        "line": {"color": "rgba(128,128,128,0.6)", "width": 2},
        "hoverinfo": "skip",
        "showlegend": False,
    }
    memory_texts = [
        f"{library.names[system.memories[0, one]]}<br>{schedule.memory_bytes[0, one] / 1e3:,.0f} kB"
        for one in memories
    ]
    texts = [*memory_texts, *(library.names[system.buses[0, one]] for one in buses)]
    texts += [f"{names[element]}<br>{busy[element]:.0%} busy" for element in used]
    shares = [0.0] * (len(memories) + len(buses)) + [busy[element] for element in used]
    below, beside = ["bottom center"] * len(memories), ["middle right"] * len(buses)
    above = ["top center"] * len(used)
    blocks = {
        "type": "scatter",
        "mode": "markers+text",
        "x": [place[0] for place in places.values()],
        "y": [place[1] for place in places.values()],
        "text": texts,
        "textposition": [*below, *beside, *above],
        "marker": {
            "symbol": "square",
            "size": 26,
            "color": shares,
            "cmin": 0,
            "cmax": 1,
            "colorscale": [[0, "#DDE7EE"], [1, PALETTE[0]]],
            "showscale": True,
            "colorbar": {"title": {"text": "busy"}, "tickformat": ".0%"},
            "line": {"color": "rgba(96,96,96,0.9)", "width": 1},
        },
        "hoverinfo": "text",
        "showlegend": False,
    }
    hidden = {"visible": False, "range": [-0.1, 1.15]}
    return Picture(
        "The blocks and how busy they are",
        f"{len(used)} processing elements, {len(buses)} buses, {len(memories)} memories; a memory is as "
        "large as the most that it holds at once.",
        [wires, blocks],
        {"height": 420, "xaxis": hidden, "yaxis": {"visible": False, "range": [-0.6, 2.6]}},
    )


def _beginnings(
    element: NDArray[np.int64], ready: NDArray[np.float64], ended: NDArray[np.float64]
) -> NDArray[np.float64]:
    """When each task began: an element runs one at a time, in the order of their ends."""
    began = ready.copy()
    free: dict[int, float] = {}
    for task in np.lexsort((ready, ended)):
        began[task] = max(ready[task], free.get(int(element[task]), 0.0))
        free[int(element[task])] = ended[task]
    return began


def _element_names(system: SocDesigns, library: BlockLibrary) -> dict[int, str]:
    names = {}
    for element, code in enumerate(system.elements[0].tolist()):
        if code >= 0:
            name = library.names[code]
            names[element] = f"{name} {element + 1}" if library.blocks[name].subtype == "gpp" else name
    return names
