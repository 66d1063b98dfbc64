"""Pictures of a machine of tiers: its roof, time by part and by bound, energy, and what each memory holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from cosearch.pictures import PALETTE, Picture
from cosearch_plugins.llm.pictures import stacked_bars
from cosearch_plugins.llm.platform_space import machine_of

if TYPE_CHECKING:
    from cosearch_simulators.llm import Model, Serving

PARTS = {
    "products": "matrix products",
    "attention": "attention, states",
    "small": "small operators",
    "launches": "launches",
    "links": "links",
}
BOUNDS = {
    "compute": "arrays and vector units",
    "memory": "the way from memory",
    "in memory": "multipliers in memory",
    "launch": "launches",
    "link": "links",
}
ENERGY = {
    "products": "matrix products",
    "attention": "attention, states",
    "small": "small operators",
    "waiting": "idle power",
}
STAGES = {"prefill": "one prompt", "step": "one decode step"}


def machine_pictures(
    model: Model, serving: Serving, n: Mapping[str, Any], models: float = 1.0
) -> Sequence[Picture]:
    """All pictures of one design.

    Args:
        model: numbers.
        serving: columns of one row.
        n: the design's columns, as `platform_space.words_as_numbers` gives them.
        models: that are kept.
    """
    from cosearch_simulators.llm.engines.tiered.entry import evaluate

    machine, tiers, _ = machine_of(np, n)
    found = evaluate(model, machine, tiers, serving, models=models, parts=True)
    if not found.ok[0]:
        return ()
    values = {name: float(np.ravel(column)[0]) for name, column in found.metrics.items()}
    return (
        _roofline(model, machine, tiers, serving, values),
        stacked_bars(
            "Where the time goes",
            "Time of one chip by what it goes to.",
            PARTS,
            STAGES,
            values,
            "{0}.{1}",
            "ms",
        ),
        stacked_bars(
            "What the time waits for",
            "Time of one chip by its bound.",
            BOUNDS,
            STAGES,
            values,
            "{0}_bound.{1}",
            "ms",
        ),
        stacked_bars(
            "Where the energy goes",
            "Energy of one chip and its memories.",
            ENERGY,
            STAGES,
            values,
            "{0}_j.{1}",
            "J",
        ),
        _memories(values, len(tiers)),
    )


def _roofline(
    model: Model, machine: Any, tiers: Any, serving: Serving, values: Mapping[str, float]
) -> Picture:
    from cosearch_simulators.llm.common.columns import as_columns
    from cosearch_simulators.llm.engines.tiered.work import work_of

    m, s = as_columns(np, model), as_columns(np, serving)
    peak = float(np.ravel(2.0 * machine.arrays * machine.side**2 * machine.clock_ghz * 1e9)[0])
    bandwidth = float(np.ravel(tiers[0].bandwidth)[0])
    intensity = np.logspace(-1, 4.5, 56)
    traces: list[dict[str, Any]] = [
        {
            "type": "scatter", "mode": "lines", "name": "roof of arrays and first memory", "x": intensity,
            "y": np.minimum(peak, intensity * bandwidth) / 1e12, "line": {"color": "#444"},
        }
    ]  # fmt: skip
    inside = float(np.ravel(tiers[0].inside_bandwidth * (tiers[0].inside > 0.5))[0])
    if inside > 0:
        within = float(np.ravel(tiers[0].inside_rate)[0])
        traces.append(
            {
                "type": "scatter", "mode": "lines", "name": "roof in the memory's banks", "x": intensity,
                "y": np.minimum(within, intensity * inside) / 1e12, "line": {"color": "#999", "dash": "dash"},
            }
        )  # fmt: skip
    one = np.ones(1)
    stages = (
        ("prefill", one, s.prompt - s.cached, s.cached),
        ("step", s.batch, s.draft + 1.0, s.prompt + 0.5 * s.output),
    )
    for place, (stage, sequences, new, past) in enumerate(stages):
        work = work_of(np, m, s, sequences, new, past)
        size = _sizes(s)
        points = {
            "products": (
                2.0 * (work.dense * work.rows + work.experts * work.expert_rows + work.head * work.head_rows),
                (work.dense + work.experts) * size + 2.0 * work.head,
            ),
            "attention": (2.0 * work.entries * work.queries, work.entries * s.kv_bytes),
        }
        drawn = {
            name: both
            for name, both in points.items()
            if float(both[0][0]) > 0 and values[f"{stage}.{name}"] > 0
        }
        traces.append(
            {
                "type": "scatter",
                "mode": "markers+text",
                "name": STAGES[stage],
                "x": [float(work[0] / moved[0]) for work, moved in drawn.values()],
                "y": [
                    float(both[0][0]) / values[f"{stage}.{name}"] * 1e3 / 1e12 for name, both in drawn.items()
                ],
                "text": [PARTS[name] for name in drawn],
                "textposition": "top center",
                "marker": {"size": 10, "color": PALETTE[place]},
            }
        )
    return Picture(
        "The operators under the roof",
        "What is above the solid roof is done in memory, or reads its weights from several memories at once; "
        "weights of 8 bits run at twice the arrays' roof.",
        traces,
        {
            "xaxis": {"title": {"text": "operations for each byte of weights or cache"}, "type": "log"},
            "yaxis": {"title": {"text": "10^12 operations a second"}, "type": "log"},
        },
    )


def _sizes(serving: Any) -> Any:
    from cosearch_simulators.llm.serving import PRECISIONS

    sizes = np.array([one.weight_bytes for one in PRECISIONS.values()])
    return sizes[np.asarray(serving.precision, int)]


def _memories(values: Mapping[str, float], tiers: int) -> Picture:
    names = ["the first memory", "the second memory"][:tiers]
    there = [place for place in range(tiers) if values[f"tier_{place}.capacity_gib"] > 0]
    kinds = {
        "weights": [values[f"tier_{place}.weights_gib"] for place in there],
        "cache": [values[f"tier_{place}.cache_gib"] for place in there],
    }
    full = [values[f"tier_{place}.capacity_gib"] for place in there]
    kinds["free, or other models"] = [
        max(room - weights - cache, 0.0)
        for room, weights, cache in zip(full, *list(kinds.values()), strict=True)
    ]
    traces = [
        {
            "type": "bar",
            "name": name,
            "x": sizes,
            "y": [names[place] for place in there],
            "orientation": "h",
            "marker": {"color": colour},
        }
        for (name, sizes), colour in zip(kinds.items(), (*PALETTE[:2], "#DDDDDD"), strict=True)
    ]
    return Picture(
        "What the memories hold",
        f"Of {' and '.join(f'{size:.0f}' for size in full)} GiB on a chip.",
        traces,
        {"barmode": "stack", "height": 240, "xaxis": {"title": {"text": "GiB"}}},
        wide=False,
    )
