"""Figures of the Pareto front: one plot for each pair of objectives."""

from __future__ import annotations

import math
from itertools import combinations
from typing import Any

from cosearch.objectives import Objective
from cosearch.report.comparison import Comparison
from cosearch.report.curves import best_so_far_figure
from cosearch.report.figure import Figure, log_control, objective_axis
from cosearch.report.points import GREY, MAX_FRONT, Columns, collect_points, rounded
from cosearch.report.words import short

MAX_PAIRED = 5  # objectives that are drawn against each other


def front_figures(comparison: Comparison, columns: Columns, most: int | None = None) -> list[Figure]:
    """The Pareto front: one plot for each pair of objectives; for one objective the best so far.

    Args:
        comparison: the studies.
        columns: takes what several plots need.
        most: designs beside the front that are drawn; default what a page that is drawn once can take.
    """
    if not comparison.outcomes.ok.any():
        return []
    points, thinned = collect_points(comparison, columns, most)
    objectives = comparison.first.objectives
    if len(objectives) == 1:
        return [best_so_far_figure(comparison, points, thinned)]
    pairs = list(combinations(objectives[:MAX_PAIRED], 2))
    figures = []
    for x, y in pairs:
        title = "Pareto front" if len(pairs) == 1 else f"{short(y.metric)} against {short(x.metric)}"
        caption = (
            "Each mark is a design: strong on the front, faint where dominated. Hover over one to see it."
        )
        if len(pairs) > 1:
            caption = f"The front of all {len(objectives)} objectives, seen from two of them."
        traces = [p.trace(p.metrics[x.metric], p.metrics[y.metric]) for p in points]
        if len(pairs) == 1 and len(comparison.front_rows):
            traces.insert(0, _staircase(comparison, x, y))
        figures.append(
            Figure(
                title,
                caption + thinned,
                traces,
                {
                    "xaxis": objective_axis(comparison, x),
                    "yaxis": objective_axis(comparison, y),
                    "height": 520 if len(pairs) == 1 else 380,
                    "hovermode": "closest",
                },
                controls=_scatter_controls(comparison, x, y),
                wide=len(pairs) == 1,
            )
        )
    return figures


def _staircase(comparison: Comparison, x: Objective, y: Objective) -> dict[str, Any]:
    rows = comparison.front_rows[:: max(1, -(-len(comparison.front_rows) // MAX_FRONT))]
    # sorted by x, the best first; between two designs nothing better than the worse of them was found
    return {
        "type": "scatter",
        "mode": "lines",
        "x": rounded(comparison.scale(x.metric).shown(comparison.outcomes[x.metric][rows])),
        "y": rounded(comparison.scale(y.metric).shown(comparison.outcomes[y.metric][rows])),
        "line": {"shape": "hv", "color": GREY, "width": 1.5},
        "hoverinfo": "skip",
        "showlegend": False,
    }


def _scatter_controls(comparison: Comparison, x: Objective, y: Objective) -> dict[str, Any]:
    controls: dict[str, Any] = {"log": {}}
    zoom = {}
    for axis, objective in (("x", x), ("y", y)):
        values = comparison.scale(objective.metric).shown(comparison.outcomes[objective.metric])
        controls["log"] |= log_control(axis, values)
        front = values[comparison.front_rows].tolist()
        if len(front) > 1:
            low, high = min(front), max(front)
            margin = 0.06 * ((high - low) or abs(high) or 1.0)
            low = low - margin if low <= 0 else max(low - margin, low / 1.2)
            if math.isfinite(low) and math.isfinite(high + margin):
                zoom[axis] = [low, high + margin]
    if len(zoom) == 2 and not comparison.front[comparison.outcomes.ok].all():
        controls["zoom"] = zoom
    return controls
