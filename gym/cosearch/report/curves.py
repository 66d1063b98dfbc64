"""Figures of what was reached after so many evaluations: hypervolume, or the best of a single objective."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosearch.pictures import PALETTE
from cosearch.quantities import number
from cosearch.report.comparison import Comparison
from cosearch.report.figure import Figure, log_control, objective_axis
from cosearch.report.points import Points, escape, rounded
from cosearch.report.volumes import MAX_CHECKPOINTS, checkpoints
from cosearch.report.words import reference_text, short

DASHES = ("solid", "dash", "dot", "dashdot")
BAND_STUDIES = 3  # from so many studies of one agent on, the median and the quartiles are drawn


@dataclass(frozen=True)
class Steps:
    """What a study had reached: from `at[k]` evaluations on `values[k]`, NaN while that is nothing."""

    label: str
    at: NDArray[np.int64]
    values: NDArray[np.float64]

    def after(self, evaluations: NDArray[np.int64]) -> NDArray[np.float64]:
        """The values after so many evaluations; a study that ended keeps its last one."""
        place = np.searchsorted(self.at, evaluations, side="right") - 1
        return np.where(place < 0, np.nan, self.values[np.maximum(place, 0)])


def best_so_far_figure(comparison: Comparison, points: Sequence[Points], thinned: str) -> Figure:
    """The best value of a single objective against evaluations, over the values of all designs."""
    objective = comparison.first.objectives[0]
    scale, sign = comparison.scale(objective.metric), 1 if objective.direction == "min" else -1
    curves = []
    for result in comparison.results:
        best = np.fmin.accumulate(result.minimised[:, 0])
        rows = np.flatnonzero(_changes(best))
        if len(rows) > MAX_CHECKPOINTS:
            rows = checkpoints(len(best)) - 1
        curves.append(Steps(result.label, rows + 1, scale.shown(sign * best[rows])))
    metric = objective.metric

    def hidden(p: Points) -> dict[str, Any]:  # the lines stand for the agents in the legend
        return {"showlegend": p.in_legend and p.kind == "violating"}

    return Figure(
        f"Best {short(metric)} so far",
        f"Each mark is a design, each line the best feasible {short(metric)} found so far. "
        f"{_band_words(comparison)}{thinned}",
        [
            *(p.trace(p.evaluation, p.metrics[metric]) | hidden(p) for p in points),
            *progress_traces(comparison, curves),
        ],
        {
            "xaxis": {"title": {"text": "evaluations"}},
            "yaxis": objective_axis(comparison, objective),
            "height": 460,
            "hovermode": "closest",
        },
        controls={"log": log_control("y", scale.shown(comparison.outcomes[metric]))},
    )


def hypervolume_figure(comparison: Comparison) -> Figure | None:
    """Hypervolume against evaluations, in percent of what all studies found together."""
    if len(comparison.first.objectives) == 1 or not any(r.share for r in comparison.results):
        return None
    curves = [Steps(r.label, r.checkpoints, 100 * r.shares) for r in comparison.results]
    most = max(len(r.data.designs) for r in comparison.results)
    known = max(len(r.checkpoints) for r in comparison.results)
    thinned = f" Computed at {known} points of each curve." if known < most else ""
    whole = "the combined front's" if len(comparison.results) > 1 else "the final"
    return Figure(
        "Hypervolume against evaluations",
        f"The share of {whole} hypervolume ({number(comparison.hypervolume)}, reference point "
        f"{reference_text(comparison)}) after so many evaluations. {_band_words(comparison)}{thinned}",
        progress_traces(comparison, curves),
        {
            "xaxis": {"title": {"text": "evaluations"}, "rangemode": "tozero"},
            "yaxis": {"title": {"text": "hypervolume [%]"}, "rangemode": "tozero"},
            "height": 400,
            "hovermode": "closest",
        },
        controls={"log": {"x": False}, "gap": len(comparison.results) > 1},
    )


def _band_words(comparison: Comparison) -> str:
    sizes = [sum(r.label == label for r in comparison.results) for label in comparison.labels]
    if max(sizes) < BAND_STUDIES:
        return ""
    lengths = {len(r.data.designs) for r in comparison.results}
    ended = " A study that ended early keeps its last value." if len(lengths) > 1 else ""
    return f"Lines are medians over seeds, bands the middle half.{ended}"


def progress_traces(comparison: Comparison, curves: Sequence[Steps]) -> list[dict[str, Any]]:
    """Step lines of each study or, for many studies of one agent, their median and quartiles."""
    traces: list[dict[str, Any]] = []
    for k, label in enumerate(comparison.labels):
        own = [curve for curve in curves if curve.label == label and len(curve.at)]
        colour, dash = PALETTE[k % len(PALETTE)], DASHES[k // len(PALETTE) % len(DASHES)]
        style = {"type": "scatter", "mode": "lines", "legendgroup": str(k), "legendrank": 1000 + k}
        name = escape(short(label))
        line = {"shape": "hv", "color": colour, "width": 2.2, "dash": dash}
        if len(own) < BAND_STUDIES:
            traces += [
                style | _steps(curve.at, curve.values) | {"line": line, "name": name, "showlegend": i == 0}
                for i, curve in enumerate(own)
            ]
            continue
        at = np.unique(np.concatenate([curve.at for curve in own]))
        matrix = np.array([curve.after(at) for curve in own])
        matrix[:, np.isnan(matrix).any(axis=0)] = np.nan  # until every study has found a feasible design
        low, middle, high = np.percentile(matrix, [25, 50, 75], axis=0)
        edge = {"shape": "hv", "width": 0, "color": colour}
        changed = _changes(low) | _changes(middle) | _changes(high)
        band = style | {"showlegend": False, "hoverinfo": "skip"}
        filled = {"line": edge, "fill": "tonexty", "fillcolor": f"{colour}33"}
        traces.append(band | _steps(at, high, changed) | {"line": edge})
        traces.append(band | _steps(at, low, changed) | filled)
        traces.append(style | _steps(at, middle) | {"line": line, "name": f"{name} ({len(own)} seeds)"})
    return traces


def _changes(curve: NDArray[np.float64]) -> NDArray[np.bool_]:
    changed = np.ones(len(curve), dtype=bool)
    changed[1:-1] = curve[1:-1] != curve[:-2]
    return changed & ~np.isnan(curve)


def _steps(
    at: NDArray[np.int64], values: NDArray[np.float64], changed: NDArray[np.bool_] | None = None
) -> dict[str, Any]:
    rows = np.flatnonzero(_changes(values) if changed is None else changed)
    return {"x": at[rows].tolist(), "y": rounded(values[rows])}
