"""A figure of a report: a picture with switches; `page.js` draws and colours it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosearch.objectives import Objective
from cosearch.pictures import Picture
from cosearch.report.comparison import Comparison
from cosearch.report.points import escape
from cosearch.report.words import short

LOG_RATIO = 30.0  # an axis with a larger range starts on a log scale
OFFERED_LOG_RATIO = 5.0  # and one with a larger range than this can be switched to it


@dataclass(frozen=True)
class Figure(Picture):
    """A picture that the report draws itself, with what the reader may switch in it; see `page.js`."""

    controls: dict[str, Any] = field(default_factory=dict)


def objective_axis(comparison: Comparison, objective: Objective) -> dict[str, Any]:
    """The axis of an objective: its unit and its better side, and no second prefix at the numbers."""
    better = "lower" if objective.direction == "min" else "higher"
    heading = comparison.scale(objective.metric).heading(objective.metric)
    return {
        "title": {"text": f"{escape(short(heading, 40))} · {better} is better"},
        "exponentformat": "power",
        "separatethousands": True,
    }


def log_control(axis: str, values: NDArray[np.float64]) -> dict[str, bool]:
    """Whether an axis can be put on a log scale and whether it starts there."""
    known = values[np.isfinite(values)]
    low, high = (float(known.min()), float(known.max())) if len(known) else (0.0, 0.0)
    if low <= 0 or high / OFFERED_LOG_RATIO < low:
        return {}
    return {axis: high / LOG_RATIO > low}
