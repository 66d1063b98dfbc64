"""Figures of the parameters' importance: one bar chart for each objective."""

from __future__ import annotations

import numpy as np

from cosearch.pictures import PALETTE
from cosearch.quantities import percent
from cosearch.report.figure import Figure
from cosearch.report.importance import Importance
from cosearch.report.points import escape, rounded
from cosearch.report.words import basis, importance_caution, short

MAX_BARS = 15
MIN_BARS = 5
VISIBLE = 0.005


def importance_bars(importance: Importance, title: str) -> Figure:
    """A bar for each parameter, the most important on top."""
    ranked = np.argsort(importance.total)[::-1][:MAX_BARS]
    # not all of many bars that cannot be seen
    order = ranked[: max(MIN_BARS, int((importance.total[ranked] >= VISIBLE).sum()))][::-1]
    total = importance.total[order]
    left_out = len(importance.parameters) - len(order)
    rest = f" The {left_out} least important parameters are left out." if left_out else ""
    scale = " on a log scale" if importance.log else ""
    return Figure(
        title,
        f"From {basis(importance)}{scale}; the trees explain "
        f"{percent(max(importance.explained, 0.0))} of the variance of designs that they did not see.{rest}",
        [
            {
                "type": "bar",
                "orientation": "h",
                "x": rounded(total),
                "y": [escape(short(importance.parameters[i], 22)) for i in order],
                "error_x": {
                    "type": "data",
                    "symmetric": False,
                    "array": rounded(np.maximum(importance.high[order] - total, 0)),
                    "arrayminus": rounded(np.maximum(total - importance.low[order], 0)),
                    "thickness": 1.2,
                    "width": 3,
                },
                "marker": {"color": PALETTE[0]},
                "hovertemplate": "%{y}: %{x:.3f}<extra></extra>",
            }
        ],
        {
            "xaxis": {"title": {"text": "total-effect index"}, "rangemode": "tozero"},
            "yaxis": {"type": "category", "automargin": True},
            "height": 120 + 24 * len(order),
        },
        caution=importance_caution(importance),
        wide=False,
    )
