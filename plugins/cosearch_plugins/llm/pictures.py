"""Pictures of a deployment: the roofline with its operators, time by part, memory by kind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from cosearch.pictures import PALETTE, Picture

if TYPE_CHECKING:
    from cosearch_simulators.llm import Model, Platform, Serving
    from cosearch_simulators.llm.engines.ours.roofline import Roofline

WORDS = {
    "products": "matrix products",
    "attention": "attention, states",
    "experts": "routed experts",
    "small": "small kernels",
    "links": "links",
}
BOUNDS = {
    "compute": "arithmetic",
    "memory": "memory",
    "launch": "launches, tiles, latency",
    "link": "links",
}
STAGES = {"prefill": "one prompt", "step": "one decode step"}
ROOFLINE_STAGES = {"prefill": "prefill", "step": "decode step"}


def deployment_pictures(model: Model, platform: Platform, serving: Serving) -> Sequence[Picture]:
    """All pictures of one design.

    Args:
        model: numbers.
        platform: columns of one row.
        serving: columns of one row.
    """
    from cosearch_simulators.llm.engines.ours.entry import evaluate
    from cosearch_simulators.llm.engines.ours.roofline import operators_of

    found = evaluate(model, platform, serving, parts=True)
    if not found.ok[0]:
        return ()
    values = {name: float(column[0]) for name, column in found.metrics.items()}
    roof = operators_of(model, platform, serving)
    values |= _bounds(roof, values) | _energy(values, float(np.ravel(platform.power_w)[0]))
    return (
        _roofline(roof),
        stacked_bars(
            "Where the time goes",
            "Time of one rank by what it goes to, without the serving engine's time on the host.",
            WORDS,
            STAGES,
            values,
            "{0}.{1}",
            "ms",
        ),
        stacked_bars(
            "What the time waits for",
            "The same time by its bound: an operator that takes more than twice its floor waits for its "
            "launch, its tiles or its latency.",
            BOUNDS,
            STAGES,
            values,
            "{0}_bound.{1}",
            "ms",
        ),
        stacked_bars(
            "Where the energy goes",
            "Energy of one rank: time times the share of the thermal design power that its part draws.",
            WORDS,
            STAGES,
            values,
            "{0}_j.{1}",
            "J",
        ),
        _memory(values, float(np.asarray(platform.memory_bytes)[0]) / (1 << 30)),
    )


def _bounds(roof: Roofline, values: Mapping[str, float]) -> dict[str, float]:
    """Milliseconds of each stage by what they wait for; a prompt's points are of one prompt, as its bar."""
    found = {f"{stage}_bound.{bound}": 0.0 for stage in STAGES for bound in BOUNDS}
    for stage in STAGES:
        points = {p.name: roof.bound(p) for p in roof.points if p.stage == ROOFLINE_STAGES[stage]}
        for part in WORDS:
            bound = {"small": "launch", "links": "link"}.get(part, points.get(part, "memory"))
            found[f"{stage}_bound.{bound}"] += values[f"{stage}.{part}"]
    return found


def _energy(values: Mapping[str, float], power_w: float) -> dict[str, float]:
    """Joules of each stage by part, as the simulator's energy for each token has them."""
    from cosearch_simulators.llm.engines.ours.entry import DECODE_POWER, POWER

    return {
        f"{stage}_j.{part}": values[f"{stage}.{part}"]
        * 1e-3
        * power_w
        * (POWER[part] if stage == "prefill" else DECODE_POWER)
        for stage in STAGES
        for part in WORDS
    }


def _roofline(found: Roofline) -> Picture:
    intensity = np.logspace(-1, 4.5, 56)
    roof = np.minimum(found.rate, intensity * found.bandwidth) / 1e12
    traces: list[dict[str, Any]] = [
        {
            "type": "scatter",
            "mode": "lines",
            "name": "roof of a device",
            "x": intensity,
            "y": roof,
            "line": {"color": "#444"},
        }
    ]
    for place, (stage, symbol) in enumerate((("prefill", "circle"), ("decode step", "diamond"))):
        points = [point for point in found.points if point.stage == stage]
        traces.append(
            {
                "type": "scatter",
                "mode": "markers+text",
                "name": stage,
                "x": [point.operations / point.traffic for point in points],
                "y": [point.operations / point.seconds / 1e12 for point in points],
                "text": [point.name for point in points],
                "textposition": "top center",
                "marker": {"size": 10, "symbol": symbol, "color": PALETTE[place]},
            }
        )
    return Picture(
        "The operators under the roof",
        "An operator below the slope waits for memory, one below the flat part computes; its distance to the "
        "roof is what the calibrated efficiencies, tiles and fixed costs take.",
        traces,
        {
            "xaxis": {"title": {"text": "operations for each byte of memory traffic"}, "type": "log"},
            "yaxis": {"title": {"text": "10^12 operations a second"}, "type": "log"},
        },
    )


def stacked_bars(
    title: str,
    caption: str,
    words: Mapping[str, str],
    stages: Mapping[str, str],
    values: Mapping[str, float],
    name: str,
    unit: str,
) -> Picture:
    """A bar for each stage, of what is not nothing.

    Args:
        title: of the picture.
        caption: of the picture.
        words: of each part.
        stages: words of each stage.
        values: by name.
        name: of a value, from its stage and part, as `{0}.{1}`.
        unit: of the values.
    """
    bars = {part: [values[name.format(stage, part)] for stage in stages] for part in words}
    traces = [
        {
            "type": "bar",
            "name": words[part],
            "x": list(stages.values()),
            "y": heights,
            "marker": {"color": PALETTE[place]},
        }
        for place, (part, heights) in enumerate(bars.items())
        if sum(heights) > 0
    ]
    layout = {"barmode": "stack", "yaxis": {"title": {"text": unit}, "type": "linear"}}
    return Picture(title, caption, traces, layout, wide=False)


def _memory(values: dict[str, float], capacity_gib: float) -> Picture:
    work = values["memory_gib"] - values["weights_gib"] - values["cache_gib"]
    kinds = {
        "weights": values["weights_gib"],
        "cache": values["cache_gib"],
        "room to work": work,
        "free": max(capacity_gib - values["memory_gib"], 0.0),
    }
    colours = (*PALETTE[:3], "#DDDDDD")
    traces = [
        {
            "type": "bar",
            "name": name,
            "x": [size],
            "y": ["a device"],
            "orientation": "h",
            "marker": {"color": colour},
        }
        for (name, size), colour in zip(kinds.items(), colours, strict=True)
    ]
    return Picture(
        "What memory is used for",
        f"Of the {capacity_gib:.0f} GiB of a device; engines leave a tenth unused.",
        traces,
        {"barmode": "stack", "height": 220, "xaxis": {"title": {"text": "GiB"}}},
        wide=False,
    )
