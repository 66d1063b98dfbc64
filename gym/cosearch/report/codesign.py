"""Figures of joint search: quality against cost by hardware, beside one fixed hardware; strategies compared.

They are for problems whose space has a group `hardware` beside other parameters.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cosearch.comparison.statistics import mean
from cosearch.objectives import Objective
from cosearch.pareto import hypervolume, pareto_mask
from cosearch.pictures import PALETTE
from cosearch.quantities import count
from cosearch.report.comparison import Comparison, same_goal
from cosearch.report.figure import Figure, log_control, objective_axis
from cosearch.report.points import GREY, escape, rounded
from cosearch.report.words import parameter_value, short

HARDWARE = "hardware"
MOST_COLOURS = 7
MOST_GREY = 2000
STAIRS = "#111111"


@dataclass(frozen=True)
class Seen:
    """Feasible designs as the figure shows them.

    Attributes:
        cost: (n,) of the objective that is minimised.
        quality: (n,) of the one that is maximised.
        hardware: (n,) the number of each design's hardware among `names`.
        names: of the distinct hardware, in words.
    """

    cost: NDArray[np.float64]
    quality: NDArray[np.float64]
    hardware: NDArray[np.int64]
    names: list[str]

    def front(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Those of the rows that no other of them dominates, the cheapest first, one of equal ones."""
        values = np.column_stack([self.cost[rows], -self.quality[rows]])
        kept = np.flatnonzero(pareto_mask(values))
        _, first = np.unique(values[kept], axis=0, return_index=True)
        return rows[kept[first]]


def codesign_figures(comparison: Comparison, others: Sequence[Comparison]) -> list[Figure]:
    """The figures; none where the space has no hardware, or no quality is weighed against a cost.

    Args:
        comparison: the studies.
        others: all comparisons of the page: those of the same goal whose hardware is held are the fixed ones.
    """
    found = [_by_hardware(comparison, others), _strategies(comparison)]
    return [figure for figure in found if figure is not None]


def _objectives(comparison: Comparison) -> tuple[Objective, Objective] | None:
    """A cost and a quality."""
    objectives = comparison.first.objectives
    cost = next((one for one in objectives if one.direction == "min"), None)
    quality = next((one for one in objectives if one.direction == "max"), None)
    free = set(comparison.first.space.groups.get(HARDWARE, ())) - set(comparison.first.space.held)
    return (cost, quality) if cost and quality and free else None


def _seen(comparisons: Sequence[Comparison], cost: Objective, quality: Objective) -> Seen:
    space = comparisons[0].first.space
    columns = [space.names.index(name) for name in space.groups[HARDWARE]]
    index = np.concatenate([one.designs.index[one.feasible] for one in comparisons])
    costs, qualities = (
        np.concatenate([one.outcomes[objective.metric][one.feasible] for one in comparisons])
        for objective in (cost, quality)
    )
    kinds, first, which = np.unique(index[:, columns], axis=0, return_index=True, return_inverse=True)
    differ = [column for k, column in enumerate(columns) if len(np.unique(kinds[:, k])) > 1]
    names = []
    for row in space.from_index(index[first]):
        shown = [space.names[column] for column in differ if space.names[column] in row]
        names.append(", ".join(parameter_value(row[name]) for name in shown))
    return Seen(costs, qualities, which.ravel(), names)


def _by_hardware(comparison: Comparison, others: Sequence[Comparison]) -> Figure | None:
    chosen = _objectives(comparison)
    if chosen is None or not comparison.feasible.any():
        return None
    cost, quality = chosen
    fixed = [one for one in others if one is not comparison and _is_fixed(comparison, one)]
    seen = _seen([comparison, *fixed], cost, quality)
    free = np.arange(len(seen.cost)) < int(comparison.feasible.sum())
    if len(np.unique(seen.hardware[free])) < 2:
        return None
    joint = seen.front(np.flatnonzero(free))
    candidates = np.unique(seen.hardware[~free] if fixed else seen.hardware)
    fronts = {k: seen.front(np.flatnonzero(seen.hardware == k)) for k in candidates.tolist()}
    reference = np.array([seen.cost.max(), -seen.quality.min()])
    volumes = {
        k: hypervolume(np.column_stack([seen.cost[rows], -seen.quality[rows]]), reference)
        for k, rows in fronts.items()
    }
    best = max(volumes, key=lambda k: volumes[k])
    scales = comparison.scale(cost.metric), comparison.scale(quality.metric)

    def points(rows: NDArray[np.int64]) -> dict[str, list[float | None]]:
        x, y = scales[0].shown(seen.cost[rows]), scales[1].shown(seen.quality[rows])
        return {"x": rounded(x), "y": rounded(y)}

    usual, often = np.unique(seen.hardware[joint], return_counts=True)
    coloured = usual[np.argsort(-often, kind="stable")][:MOST_COLOURS].tolist()
    rest = np.flatnonzero(free & ~np.isin(seen.hardware, coloured))
    marks = {"type": "scatter", "mode": "markers"}
    traces = [
        marks
        | points(rest[:: max(1, -(-len(rest) // MOST_GREY))])
        | {"name": "other hardware", "marker": {"color": GREY, "size": 4, "opacity": 0.35}}
    ]
    for place, kind in enumerate(coloured):
        rows = np.flatnonzero(free & (seen.hardware == kind))
        colour = {"color": PALETTE[place % len(PALETTE)], "size": 8}
        traces.append(marks | points(rows) | {"name": escape(short(seen.names[kind], 60)), "marker": colour})
    lines = {"type": "scatter", "mode": "lines", "hoverinfo": "skip"}
    stairs = {"shape": "hv", "color": STAIRS, "width": 2.0}
    name = f"best fixed hardware: {short(seen.names[best], 60)}"
    traces.append(lines | points(joint) | {"name": "network and hardware together", "line": stairs})
    dashed = {"name": escape(name), "line": stairs | {"dash": "dash"}}
    traces.append(lines | points(fronts[best]) | dashed)
    where = (
        f"The best of {count(len(candidates), 'hardware design')} that studies here hold, by hypervolume"
        if fixed
        else "No study holds the hardware: the best fixed one is that whose designs here dominate the most, "
        "which is fewer designs than a search of its own would try"
    )
    return Figure(
        f"{short(quality.metric)} against {short(cost.metric)} by hardware",
        "Each mark is a feasible design; those whose hardware is on the front have a colour for it. "
        f"Solid: the front of all. Dashed: the front of one hardware for all networks. {where}.",
        traces,
        {
            "xaxis": objective_axis(comparison, cost),
            "yaxis": objective_axis(comparison, quality),
            "height": 520,
            "hovermode": "closest",
        },
        controls={"log": log_control("x", scales[0].shown(seen.cost))},
    )


def _is_fixed(comparison: Comparison, other: Comparison) -> bool:
    """Whether the other's studies are of the same goal with all of the hardware held."""
    names = set(comparison.first.space.groups.get(HARDWARE, ()))
    same = same_goal(comparison.first.record, other.first.record)
    return same and names <= set(other.first.space.held) and bool(other.feasible.any())


def _strategies(comparison: Comparison) -> Figure | None:
    """What each strategy reached at the budget that all had; none where no strategy is compared."""
    labels = comparison.labels
    if len(labels) < 2 or not any(":" in label for label in labels) or _objectives(comparison) is None:
        return None
    budget = min(len(result.data.designs) for result in comparison.results)
    shares = {
        label: np.array(
            [
                100 * r.shares[max(int(np.searchsorted(r.checkpoints, budget, side="right")) - 1, 0)]
                for r in comparison.results
                if r.label == label and len(r.shares)
            ]
        )
        for label in labels
    }
    found = {label: mean([values]) for label, values in shares.items() if len(values)}
    value, low, high = (np.array([float(one[k]) for one in found.values()]) for k in range(3))
    names = [f"{escape(short(label))} ({count(len(shares[label]), 'seed')})" for label in found]
    return Figure(
        "Strategies at equal budget",
        f"The hypervolume of all objectives after {budget:,} evaluations, in percent of that of everything "
        "that these studies found: mean over seeds, with 95 % bootstrap intervals.",
        [
            {
                "type": "scatter",
                "mode": "markers",
                "x": rounded(value),
                "y": names,
                "error_x": {
                    "type": "data",
                    "symmetric": False,
                    "array": rounded(np.nan_to_num(high - value)),
                    "arrayminus": rounded(np.nan_to_num(value - low)),
                },
                "marker": {"color": PALETTE[0], "size": 9},
                "showlegend": False,
            }
        ],
        {
            "xaxis": {"title": {"text": "hypervolume, %"}},
            "yaxis": {"type": "category", "automargin": True, "autorange": "reversed"},
            "height": 120 + 40 * len(found),
        },
    )
