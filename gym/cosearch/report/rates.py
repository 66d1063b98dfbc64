"""How fast studies evaluate: evaluations in each second against the time since they began."""

from __future__ import annotations

import numpy as np

from cosearch.pictures import PALETTE
from cosearch.report.comparison import Comparison
from cosearch.report.figure import Figure
from cosearch.report.points import escape, rounded
from cosearch.report.words import short

BINS = 80
MOST_STUDIES = 30


def rate_figure(comparison: Comparison) -> Figure | None:
    """A line for each study; None where no time was recorded."""
    timed = [r for r in comparison.results if len(r.data.seconds) and r.data.seconds.max() > 0]
    if not timed:
        return None
    traces = []
    for result in timed[:MOST_STUDIES]:
        seconds = result.data.seconds
        bins = max(2, min(BINS, len(seconds) // 4))
        counts, edges = np.histogram(seconds, bins, (0.0, float(seconds.max()) * (1 + 1e-9)))
        label = comparison.labels.index(result.label)
        traces.append(
            {
                "type": "scatter",
                "mode": "lines",
                "name": escape(short(result.data.record.name)),
                "x": rounded((edges[:-1] + edges[1:]) / 2),
                "y": rounded(counts / np.diff(edges)),
                "line": {"shape": "hvh", "width": 1.8, "color": PALETTE[label % len(PALETTE)]},
            }
        )
    left_out = len(timed) - len(traces)
    more = f" The first {len(traces)} studies are drawn." if left_out else ""
    return Figure(
        "Evaluations in each second",
        f"While a study ran; pauses are left out.{more}",
        traces,
        {
            "xaxis": {"title": {"text": "time since the study began [s]"}, "rangemode": "tozero"},
            "yaxis": {"title": {"text": "evaluations/s"}, "rangemode": "tozero"},
            "height": 400,
            "hovermode": "closest",
            "showlegend": len(traces) > 1,
        },
    )
