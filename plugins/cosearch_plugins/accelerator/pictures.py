"""Pictures of an accelerator at work: its array, its energy by level and operand, and the roofline."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cosearch.pictures import Picture

if TYPE_CHECKING:
    from cosearch_simulators.accelerator.system.architecture import Architecture

MOST_CELLS = 256
"""Rows and columns that are drawn of an array, so that a page stays small."""

TENSORS = ("Weights", "Inputs", "Outputs")

MOST_NAMES = 6
"""Layers that a roofline names: those that take the most time, where their names do not cover each other."""

BELOW_THE_ROOF = "an array that is not full, or to another level's bandwidth"


def array_picture(rows: int, columns: int, used: NDArray[np.float64], caption: str) -> Picture:
    """The processing elements with the share of the time that each computes.

    Args:
        rows: of the array.
        columns: of the array.
        used: (rows, columns) from 0 to 1.
        caption: what is to be seen.
    """
    down, across = (-(-size // MOST_CELLS) for size in used.shape)
    if down * across > 1:
        caption += f" A cell is the mean of {down} x {across} units."
    used = np.add.reduceat(used, np.arange(0, rows, down), axis=0)
    used = np.add.reduceat(used, np.arange(0, columns, across), axis=1)
    used = used / np.outer(
        np.minimum(down, rows - np.arange(0, rows, down)),
        np.minimum(across, columns - np.arange(0, columns, across)),
    )
    return Picture(
        "The array and its utilisation",
        caption,
        [
            {
                "type": "heatmap",
                "z": np.round(used, 4),
                "x0": 0,
                "dx": across,
                "y0": 0,
                "dy": down,
                "zmin": 0,
                "zmax": 1,
                "hovertemplate": "column %{x}, row %{y}: %{z:.1%}<extra></extra>",
                "colorbar": {"title": {"text": "busy"}, "tickformat": ".0%"},
            }
        ],
        {
            "xaxis": {"title": {"text": "column"}, "constrain": "domain"},
            "yaxis": {
                "title": {"text": "row"},
                "autorange": "reversed",
                "scaleanchor": "x" if 0.25 <= rows / columns <= 4 else None,
            },
        },
        wide=False,
    )


def energy_picture(
    levels: Sequence[str], energy_pj: NDArray[np.float64], others_pj: Mapping[str, float]
) -> Picture:
    """Energy by level and operand.

    Args:
        levels: names, innermost first.
        energy_pj: (levels, tensors).
        others_pj: of what is no level: the multiply-accumulates, vector operators, ...
    """
    total = float(energy_pj.sum()) + sum(others_pj.values())
    names = [*others_pj, *levels]
    nothing = np.zeros(len(others_pj))
    traces: list[Mapping[str, Any]] = [
        {
            "type": "bar",
            "orientation": "h",
            "name": tensor,
            "y": names,
            "x": np.concatenate([nothing, energy_pj[:, number]]) / 1e6,
        }
        for number, tensor in enumerate(TENSORS)
    ]
    traces += [
        {"type": "bar", "orientation": "h", "name": name, "y": [name], "x": [pj / 1e6], "showlegend": False}
        for name, pj in others_pj.items()
    ]
    largest = names[int(np.argmax([*others_pj.values(), *energy_pj.sum(axis=1)]))]
    leaks = f"; leakage is {others_pj['leakage'] / total:.1%} of it" if "leakage" in others_pj else ""
    return Picture(
        "Energy by level and operand",
        f"{total / 1e6:,.5g} uJ in all; {largest} takes the most{leaks}.",
        traces,
        {
            "barmode": "stack",
            "xaxis": {"title": {"text": "energy [uJ]"}},
            "yaxis": {"categoryorder": "array", "categoryarray": names[::-1], "automargin": True},
        },
        wide=False,
    )


def roofline_picture(
    names: Sequence[str],
    macs: NDArray[np.float64],
    cycles: NDArray[np.float64],
    words: NDArray[np.float64],
    peak_macs_per_cycle: float,
    words_per_cycle: float,
    without: str = "",
    *,
    units: tuple[str, str] = ("word", "cycle"),
    below: str = BELOW_THE_ROOF,
) -> Picture:
    """Every layer under the roofline of the array and of the memory's bandwidth.

    Args:
        names: of the layers.
        macs: multiply-accumulates of each.
        cycles: that each takes.
        words: that each moves to and from the memory.
        peak_macs_per_cycle: of the array.
        words_per_cycle: of the memory, reads and writes together; infinite draws no slope.
        without: what is not shown, as a sentence.
        units: of `words` and of `cycles`.
        below: what a point below the roof loses time to.
    """
    intensity = macs / np.maximum(words, 1.0)
    achieved = macs / cycles
    ridge = peak_macs_per_cycle / words_per_cycle
    low, high = intensity.min() / 2, intensity.max() * 2
    corners = np.array([low, high])
    if ridge > 0.0:
        corners = np.array([min(low, ridge / 2), ridge, max(high, ridge * 2)])
    roof = np.minimum(peak_macs_per_cycle, corners * words_per_cycle)
    word, cycle = units
    left = int(np.count_nonzero(intensity < ridge))
    layers = "layers are" if len(names) > 1 else "layer is"
    slope = (
        f"{left} of {len(names)} {layers} left of the ridge, where the memory's {words_per_cycle:,.4g} "
        f"{word}s a {cycle}, read and written together, are the limit"
        if ridge > 0.0
        else "The memory has no limit"
    )
    labels = " The names are of layers that take the most time." if len(names) > 1 else ""
    return Picture(
        "Roofline",
        f"{slope}; a point below the roof loses time to {below}.{labels}{' ' * bool(without)}{without}",
        [
            {
                "type": "scatter",
                "mode": "lines",
                "name": "roof",
                "x": corners,
                "y": roof,
                "hoverinfo": "skip",
            },
            {
                "type": "scatter",
                "mode": "markers+text",
                "name": "layers",
                "x": intensity,
                "y": achieved,
                "text": _named(names, cycles, intensity, achieved),
                "textposition": "bottom center",
                "cliponaxis": False,
                "hovertext": [
                    f"{n}, {c / cycles.sum():.1%} of the time" for n, c in zip(names, cycles, strict=True)
                ],
                "hovertemplate": "%{hovertext}<br>"
                f"%{{x:.3g}} MAC a {word}<br>%{{y:.3g}} MAC a {cycle}<extra></extra>",
            },
        ],
        {
            "xaxis": {"type": "log", "title": {"text": f"operational intensity [MAC/{word}]"}},
            "yaxis": {"type": "log", "title": {"text": f"throughput [MAC/{cycle}]"}},
        },
    )


def _named(
    names: Sequence[str],
    cycles: NDArray[np.float64],
    intensity: NDArray[np.float64],
    achieved: NDArray[np.float64],
) -> list[str]:
    """The names of the few longest layers that stand apart from each other, empty for the rest."""
    places = np.log(np.array([intensity, achieved]))
    span = np.maximum(np.ptp(places, axis=1), 1.0)
    shown: list[int] = []
    for i in np.argsort(-cycles, kind="stable"):
        apart = np.abs(places[:, i, None] - places[:, shown]) / span[:, None]
        if np.all((apart[0] > 0.15) | (apart[1] > 0.08)):
            shown.append(int(i))
        if len(shown) == MOST_NAMES:
            break
    return [name if i in shown else "" for i, name in enumerate(names)]


def below_the_roof(architecture: Architecture) -> str:
    """What a layer loses time to."""
    if architecture.levels[-1].shared_bandwidth:
        return BELOW_THE_ROOF
    return f"{BELOW_THE_ROOF}, or to a memory that could read and write at once and did not"


def memory_words_per_cycle(architecture: Architecture) -> float:
    """What the memory can read and write at most in a cycle: the two at once unless they share its bus."""
    outer = architecture.levels[-1]
    reads, writes = outer.read_bandwidth_words, outer.write_bandwidth_words
    if outer.shared_bandwidth:
        return max(reads or writes or np.inf, writes or reads or np.inf)
    return (reads or np.inf) + (writes or np.inf)
