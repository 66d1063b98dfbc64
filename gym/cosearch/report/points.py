"""The designs of a comparison as marks in a plot, with what a hover box says of each.

Columns that several plots need are stored once, in `Columns`, and referred to by `{"$ref": name}`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosearch.pictures import PALETTE
from cosearch.quantities import count
from cosearch.report.comparison import Comparison
from cosearch.report.study_result import StudyResult
from cosearch.report.words import parameter_value, plain, short, shown_name

SYMBOLS = ("circle", "diamond", "square", "triangle-up", "cross", "star", "hexagon")
DASHES = ("solid", "dash", "dot", "dashdot")
GREY = "#8A8F98"

MAX_DOMINATED = 6000  # drawn beside the front
MAX_DOMINATED_PER_PANEL = 2000  # where there are several plots
MAX_FRONT = 10_000  # a front of more is thinned as well
HOVER_DIGITS = 5
MAX_HOVER = 20  # parameters that a hover box lists


class Columns:
    """Arrays that the page holds once."""

    def __init__(self) -> None:
        self.arrays: dict[str, list[Any]] = {}

    def share(self, values: list[Any]) -> dict[str, str]:
        """A reference to these values."""
        name = f"c{len(self.arrays)}"
        self.arrays[name] = values
        return {"$ref": name}

    def resolved(self, trace: Mapping[str, Any]) -> dict[str, Any]:
        """A trace with the values that it refers to."""
        return {
            key: self.arrays[value["$ref"]] if isinstance(value, dict) and "$ref" in value else value
            for key, value in trace.items()
        }


def escape(text: Any) -> str:
    """Text for Plotly, which reads `<b>` and `&amp;` in labels and hover boxes as markup."""
    return plain(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def rounded(values: NDArray[np.float64]) -> list[float | None]:
    """Plain numbers of six significant digits, which is more than a screen can show; None for NaN."""
    return [float(f"{value:.6g}") if math.isfinite(value) else None for value in values.tolist()]


NOTHING: list[None] = [None]  # Plotly leaves a trace without a point out of the legend


@dataclass(frozen=True)
class Points:
    """Designs that are drawn alike: all of one agent's that are on the combined front, or are not."""

    name: str
    label: int
    kind: str  # front, dominated or violating
    metrics: dict[str, dict[str, str]]  # references
    evaluation: dict[str, str]
    hover: dict[str, str]
    hover_template: str
    in_legend: bool
    size: int  # of a mark, in pixels

    def trace(self, x: dict[str, str], y: dict[str, str]) -> dict[str, Any]:
        """A scatter trace."""
        front = self.kind == "front"
        colour = GREY if self.kind == "violating" else PALETTE[self.label % len(PALETTE)]
        symbol = "x-thin-open" if self.kind == "violating" else SYMBOLS[self.label % len(SYMBOLS)]
        return {
            "type": "scatter",
            "mode": "markers",
            "name": escape(short(self.name)),
            "x": x,
            "y": y,
            "customdata": self.hover,
            "hovertemplate": self.hover_template,
            "legendgroup": f"{self.kind if self.kind == 'violating' else self.label}",
            "showlegend": self.in_legend,
            "legendrank": 2000 if self.kind == "violating" else 1000 + self.label,
            "marker": {
                "color": colour,
                "symbol": symbol,
                "size": self.size,
                "opacity": {"front": 0.95, "violating": 0.7}.get(self.kind, 0.3),
                "line": {"width": 1 if front or self.kind == "violating" else 0},
            },
        }


def collect_points(
    comparison: Comparison, columns: Columns, most: int | None = None
) -> tuple[list[Points], str]:
    """What to draw, and a sentence on what is left out, if something is.

    Args:
        comparison: the studies.
        columns: takes what several plots need.
        most: designs beside the front; default what a page that is drawn once can take.
    """
    chosen: list[tuple[str, int, str, list[tuple[StudyResult, NDArray[np.int64]]]]] = []
    masks: dict[str, Callable[[StudyResult], NDArray[np.bool_]]] = {
        "violating": lambda r: r.data.outcomes.ok & ~r.feasible,
        "dominated": lambda r: r.feasible & ~r.combined_front,
        "front": lambda r: r.combined_front,
    }
    rest = sum(int((masks["violating"](r) | masks["dominated"](r)).sum()) for r in comparison.results)
    limit = MAX_DOMINATED if len(comparison.first.objectives) <= 2 else MAX_DOMINATED_PER_PANEL
    limit = limit if most is None else min(most, limit)
    front = sum(int(r.combined_front.sum()) for r in comparison.results)
    step, front_step = max(1, -(-rest // limit)), max(1, -(-front // MAX_FRONT))
    drawn = 0
    for kind, mask in masks.items():
        for number_, label in enumerate(comparison.labels):
            rows = [
                (r, np.flatnonzero(mask(r))[:: front_step if kind == "front" else step])
                for r in comparison.results
                if r.label == label
            ]
            size = sum(len(part) for _, part in rows)
            drawn += size
            # an agent that found nothing of the front keeps its place in the legend
            if size or kind == "front":
                name = "violates a constraint" if kind == "violating" else label
                chosen.append((name, number_, kind, rows))
    template = _hover_template(comparison)
    sizes = {"front": 9, "violating": 6, "dominated": 5}

    def rings(label: int) -> int:  # so that a design that several agents found shows all of them
        return min(len(comparison.labels) - 1 - label, 4)

    one = len(comparison.first.objectives) == 1  # is drawn against evaluations
    points = [
        Points(
            name,
            label,
            kind,
            {
                o.metric: columns.share(
                    _shown(comparison, o.metric, [r.data.outcomes[o.metric][part] for r, part in rows])
                    or NOTHING
                )
                for o in comparison.first.objectives
            },
            columns.share([int(i) + 1 for _, part in rows for i in part] or NOTHING) if one else {},
            columns.share([row for r, part in rows for row in _hover_rows(comparison, r, part)]),
            template,
            kind == "front" or (kind == "violating" and k == 0),
            sizes[kind] + (2 * rings(label) if kind == "front" else 0),
        )
        for k, (name, label, kind, rows) in enumerate(chosen)
    ]
    whole = ", the whole front among them" if front_step == 1 and front else ""
    thinned = f" {drawn:,} of {rest + front:,} designs are drawn{whole}." if drawn < rest + front else ""
    return points, thinned


def _shown(comparison: Comparison, metric: str, parts: Sequence[NDArray[np.float64]]) -> list[float | None]:
    return rounded(comparison.scale(metric).shown(np.concatenate(parts)))


def _hover_template(comparison: Comparison) -> str:
    lines = ["<b>%{customdata[0]}</b>"]
    metrics = [*comparison.goal_metrics, *comparison.other_metrics]
    names = [*metrics, *comparison.first.space.names[:MAX_HOVER]]
    for k, name in enumerate(names, start=1):
        if k == len(metrics) + 1:
            lines.append("")
        shown = shown_name(comparison, name) if k <= len(metrics) else name
        lines.append(f"{escape(short(shown))}: %{{customdata[{k}]}}")
    left_out = len(comparison.first.space) - MAX_HOVER
    if left_out > 0:
        lines.append(f"and {count(left_out, 'more parameter')}")
    return "<br>".join(lines) + "<extra></extra>"


def _hover_rows(comparison: Comparison, result: StudyResult, rows: NDArray[np.int64]) -> list[list[Any]]:
    data = result.data
    place = next(k for k, one in enumerate(comparison.results) if one is result)
    names = [*comparison.goal_metrics, *comparison.other_metrics]
    scales = [comparison.scale(metric) for metric in names]
    values = [data.outcomes[metric][rows].tolist() for metric in names]
    texts = []
    for position, row, design in zip(range(len(rows)), rows.tolist(), data.designs[rows], strict=True):
        who = f"{short(result.label, 40)} · seed {data.record.seed} · evaluation {row + 1}"
        metrics = [
            scale.quantity(column[position], HOVER_DIGITS)
            for column, scale in zip(values, scales, strict=True)
        ]
        parameters = [
            short(parameter_value(design[name])) if name in design else "(inactive)"
            for name in data.space.names[:MAX_HOVER]
        ]
        # the last two say to the live page which design it is
        texts.append([*(escape(text) for text in (who, *metrics, *parameters)), place, row])
    return texts
