"""Figures of what is known of agents: scores against evaluations, performance profiles, the lottery."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cosearch.comparison.statistics import Estimate
from cosearch.pictures import PALETTE
from cosearch.quantities import count
from cosearch.report.agents import THRESHOLDS, AgentsCompared
from cosearch.report.figure import Figure
from cosearch.report.lottery import Lottery
from cosearch.report.points import escape, rounded
from cosearch.report.words import short


def agents_figures(compared: AgentsCompared) -> list[Figure]:
    """Scores against evaluations, and the share of runs that reach a score."""
    return [
        Figure(
            "Normalised hypervolume against evaluations",
            f"Interquartile mean over {count(len(compared.problems), 'problem')} and all seeds; bands are "
            "95 % stratified bootstrap intervals. 1 is the known front's hypervolume.",
            _bands(compared, compared.at, compared.curves),
            {
                "xaxis": {"title": {"text": "evaluations"}, "type": "linear"},
                "yaxis": {"title": {"text": "normalised hypervolume"}},
                "height": 460,
                "hovermode": "closest",
            },
            controls={"log": {"x": True}},
        ),
        Figure(
            "Performance profile",
            f"The share of runs that reach a normalised hypervolume within {compared.budget:,} evaluations, "
            "with 95 % intervals: a curve above another one is better at every bar.",
            _bands(compared, THRESHOLDS, compared.profiles),
            {
                "xaxis": {"title": {"text": "normalised hypervolume"}},
                "yaxis": {"title": {"text": "share of runs"}, "range": [0, 1.02]},
                "height": 400,
                "hovermode": "closest",
            },
            wide=False,
        ),
        _improvement_figure(compared),
    ]


def _bands(
    compared: AgentsCompared, at: NDArray[Any], estimates: dict[str, Estimate]
) -> list[dict[str, Any]]:
    traces: list[dict[str, Any]] = []
    for k, agent in enumerate(compared.agents):
        colour = PALETTE[k % len(PALETTE)]
        line = {"color": colour, "width": 2.2, "dash": ("solid", "dash", "dot")[k // len(PALETTE) % 3]}
        style = {"type": "scatter", "mode": "lines", "legendgroup": agent, "x": at.tolist()}
        estimate = estimates[agent]
        if np.isfinite(np.asarray(estimate.low)).all():
            edge = {"width": 0, "color": colour}
            band = style | {"showlegend": False, "hoverinfo": "skip", "line": edge}
            traces.append(band | {"y": _values(estimate.high)})
            fill = {"fill": "tonexty", "fillcolor": f"{colour}33"}
            traces.append(band | {"y": _values(estimate.low)} | fill)
        traces.append(style | {"y": _values(estimate.value), "name": escape(short(agent)), "line": line})
    return traces


def _improvement_figure(compared: AgentsCompared) -> Figure:
    best = max(compared.agents, key=lambda agent: float(compared.curves[agent].value[-1]))
    others = [agent for agent in compared.agents if agent != best]
    found = [compared.improvements[best, agent] for agent in others]
    value, low, high = (np.array([float(e[i]) for e in found]) for i in range(3))
    return Figure(
        "Probability of improvement",
        f"How likely a run of {best}, the best by its interquartile mean, beats one of each other agent "
        f"after {compared.budget:,} evaluations, with 95 % intervals; 0.5 is a tie.",
        [
            {
                "type": "scatter",
                "mode": "markers",
                "x": rounded(value),
                "y": [escape(short(agent)) for agent in others],
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
            "xaxis": {"title": {"text": f"P({escape(short(best))} is better)"}, "range": [-0.02, 1.02]},
            "yaxis": {"type": "category", "automargin": True},
            "height": 400,
        },
        wide=False,
    )


def lottery_figure(found: Sequence[Lottery], problem: str) -> Figure:
    """ArchGym's picture: for each agent the scores of all its hyperparameters and seeds."""
    own = [one for one in found if one.problem == problem]
    traces = []
    for k, one in enumerate(own):
        last = [scores[:, -1] for scores in one.scores]
        traces.append(
            {
                "type": "box",
                "name": escape(short(one.agent)),
                "y": rounded(np.concatenate(last)),
                "text": [escape(one.label(i)) for i, each in enumerate(last) for _ in each],
                "boxpoints": "all",
                "jitter": 0.5,
                "pointpos": 0,
                "marker": {"color": PALETTE[k % len(PALETTE)], "size": 4, "opacity": 0.6},
                "showlegend": False,
            }
        )
    budget = min(int(one.at[-1]) for one in own)
    return Figure(
        f"Best found over hyperparameters: {problem}",
        f"Each mark is a study: a choice of hyperparameters and a seed, after {budget:,} evaluations.",
        traces,
        {"yaxis": {"title": {"text": "normalised hypervolume"}}, "height": 420, "hovermode": "closest"},
    )


def _values(column: ArrayLike) -> list[float | None]:
    return rounded(np.asarray(column, dtype=np.float64))
