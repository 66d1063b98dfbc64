"""Parallel coordinates: an axis for each parameter and each objective, a line for each design."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosearch.quantities import number
from cosearch.report.comparison import Comparison
from cosearch.report.figure import LOG_RATIO, Figure
from cosearch.report.points import MAX_FRONT, rounded
from cosearch.report.words import parameter_value, plain, short
from cosearch.space import Designs
from cosearch.space.parameters import Parameter

MAX_LINES = 4000
MAX_TICKS = 10
INACTIVE = -0.12  # where an axis of [0, 1] shows that its parameter is inactive


def parallel_figure(comparison: Comparison) -> Figure | None:
    """All feasible designs, or those that ran if none is feasible; None if none ran."""
    some_feasible = bool(comparison.feasible.any())
    shown = comparison.feasible if some_feasible else comparison.outcomes.ok
    if not shown.any():
        return None
    rest = np.flatnonzero(shown & ~comparison.front)
    front = comparison.front_rows[::-1]
    possible = len(rest) + len(front)
    whole = len(front) <= MAX_FRONT
    # what is drawn last lies on top
    rows = np.concatenate([_thinned(rest, MAX_LINES), _thinned(front, MAX_FRONT)])
    designs = comparison.designs[rows]
    parameters = [p for p in comparison.first.space.parameters if p.size > 1]  # one value is no axis
    axes = [_parameter_axis(parameter, designs) for parameter in parameters]
    colours = []
    for objective in comparison.first.objectives:
        axis = _objective_axis(comparison, objective.metric, comparison.outcomes[objective.metric][rows])
        colours.append({"axis": len(axes), "reversed": objective.direction == "max"})
        axes.append(axis)
    on_front = [bool(value) for value in comparison.front[rows]]
    thinned = ""
    if len(rows) < possible:
        among = ", the whole front among them" if whole and len(front) else ""
        thinned = f" {len(rows):,} of {possible:,} designs are drawn{among}."
    who = "feasible design" if some_feasible else "design that ran (none is feasible)"
    return Figure(
        "Parallel coordinates",
        f"Each line is a {who}; blue ones are the better ones. Drag along an axis to keep only the lines "
        f"through that part, click it to release them.{thinned}",
        [],
        {"height": 480},
        controls={
            "axes": axes,
            "colours": colours,
            "subset": on_front if 0 < sum(on_front) < len(rows) else None,
        },
        min_width=62 * len(axes),
    )


def _parameter_axis(parameter: Parameter, designs: Designs) -> dict[str, Any]:
    """Positions on the parameter's own scale, from 0 to 1, with its values as ticks."""
    positions = designs.index[:, designs.space.column_number(parameter.name)]
    inactive = positions < 0
    unit = _unit(parameter, np.where(inactive, parameter.default_index, positions))
    unit[inactive] = INACTIVE
    if parameter.size <= MAX_TICKS:
        ticks = np.arange(parameter.size)
    elif parameter.kind == "permutation":
        ticks = np.unique(positions[~inactive])
    elif parameter.unit_width == 1 and parameter.kind in ("integer", "real"):
        ticks = np.unique(parameter.from_unit(np.linspace(0, 1, 5)[:, None]))
    else:
        ticks = np.arange(parameter.size)
    if len(ticks) > MAX_TICKS:
        ticks = ticks[np.linspace(0, len(ticks) - 1, MAX_TICKS).astype(int)]
    tick_values = _unit(parameter, ticks)
    texts = [short(plain(_tick(value)), 14) for value in parameter.values_at(ticks)]
    low = 0.0
    if inactive.any():
        tick_values, texts, low = np.append(tick_values, INACTIVE), [*texts, "inactive"], INACTIVE
    return {
        "label": short(plain(parameter.name), 22),
        "values": rounded(unit),
        "range": [low, 1.0],
        "tickvals": rounded(tick_values),
        "ticktext": texts,
    }


def _unit(parameter: Parameter, positions: NDArray[np.int64]) -> NDArray[np.float64]:
    if parameter.kind == "permutation":  # its place in the list of all orders
        return (positions + 0.5) / parameter.size
    return np.array(parameter.to_unit(positions), dtype=np.float64)


def _tick(value: Any) -> str:
    number_ = isinstance(value, int | float) and not isinstance(value, bool)
    return number(value, 3) if number_ and isinstance(value, float) else parameter_value(value)


def _objective_axis(comparison: Comparison, metric: str, values: NDArray[np.float64]) -> dict[str, Any]:
    """Positions from 0 to 1 between the smallest and the largest value, or between their logarithms."""
    scale = comparison.scale(metric)
    low, high = float(values.min()), float(values.max())
    log = low > 0 and high / LOG_RATIO > low
    if log:
        values, low, high = np.log10(values), math.log10(low), math.log10(high)
    half = high / 2 - low / 2  # of the largest numbers the whole difference is none
    positions = (values / 2 - low / 2) / half if half > 0 else np.full(len(values), 0.5)
    places = np.linspace(0, 1, 5) if half > 0 else np.array([0.5])
    ticks = [low * (1 - place) + high * place for place in places.tolist()]
    return {
        "label": short(plain(scale.heading(metric)), 22),
        "values": rounded(positions),
        "range": [0.0, 1.0],
        "tickvals": rounded(places),
        "ticktext": [number(float(scale.shown(10**tick if log else tick)), 3) for tick in ticks],
    }


def _thinned(rows: NDArray[np.int64], most: int) -> NDArray[np.int64]:
    return rows if len(rows) <= most else rows[np.linspace(0, len(rows) - 1, most).astype(int)]
