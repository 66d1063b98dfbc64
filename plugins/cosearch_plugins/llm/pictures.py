"""Pictures of a deployment: the roofline with its operators, time by part, memory by kind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from cosearch.pictures import PALETTE, Picture

if TYPE_CHECKING:
    from cosearch_simulators.llm import Model, Platform, Serving

WORDS = {
    "products": "matrix products",
    "attention": "attention, states",
    "experts": "routed experts",
    "small": "small kernels",
    "links": "links",
}


def deployment_pictures(model: Model, platform: Platform, serving: Serving) -> Sequence[Picture]:
    """All pictures of one design.

    Args:
        model: numbers.
        platform: columns of one row.
        serving: columns of one row.
    """
    from cosearch_simulators.llm.engines.ours.entry import evaluate

    found = evaluate(model, platform, serving, parts=True)
    if not found.ok[0]:
        return ()
    values = {name: float(column[0]) for name, column in found.metrics.items()}
    return (
        _roofline(model, platform, serving),
        stacked_bars(
            "Where the time goes",
            "Time of one rank by what it goes to, without the serving engine's time on the host.",
            WORDS,
            {"prefill": "one prompt", "step": "one decode step"},
            values,
            "{0}.{1}",
            "ms",
        ),
        _memory(values, float(np.asarray(platform.memory_bytes)[0]) / (1 << 30)),
    )


def _roofline(model: Model, platform: Platform, serving: Serving) -> Picture:
    from cosearch_simulators.llm.engines.ours.roofline import operators_of

    found = operators_of(model, platform, serving)
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
