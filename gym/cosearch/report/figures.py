"""The report's figures for Python: what `Study.plot_front()` and its like return.

They are the page's own figures, as `plotly.graph_objects.Figure`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from cosearch.errors import ArgumentError
from cosearch.report.bars import importance_bars
from cosearch.report.comparison import Comparison, compare
from cosearch.report.curves import hypervolume_figure
from cosearch.report.figure import Figure
from cosearch.report.front import front_figures
from cosearch.report.points import Columns, escape
from cosearch.store import StudyData

if TYPE_CHECKING:
    from plotly.graph_objects import Figure as PlotlyFigure

PER_ROW = 3  # plots beside each other
PANEL_HEIGHT = 380


def front_figure(studies: StudyData | Sequence[StudyData]) -> PlotlyFigure:
    """The Pareto front among all designs, a plot for each pair of objectives; for one the best so far.

    Args:
        studies: one study, or several that can be compared.

    Raises:
        ArgumentError: if the studies cannot be compared, or there is none.
    """
    columns = Columns()
    return _plotly(front_figures(_comparison(studies), columns), columns, "No design has been evaluated yet")


def history_figure(studies: StudyData | Sequence[StudyData]) -> PlotlyFigure:
    """What was reached after so many evaluations: the hypervolume, or the best of a single objective.

    Args:
        studies: one study, or several that can be compared.

    Raises:
        ArgumentError: if the studies cannot be compared, or there is none.
    """
    comparison, columns = _comparison(studies), Columns()
    if len(comparison.first.objectives) == 1:
        figures = front_figures(comparison, columns)
    else:
        volume = hypervolume_figure(comparison)
        figures = [] if volume is None else [volume]
    return _plotly(figures, columns, "No feasible design has been found yet")


def importance_figure(studies: StudyData | Sequence[StudyData]) -> PlotlyFigure:
    """How much each parameter matters, one bar chart for each objective.

    Args:
        studies: one study, or several that can be compared.

    Raises:
        ArgumentError: if the studies cannot be compared, or there is none.
    """
    known = [importance for importance in _comparison(studies).importances if importance is not None]
    bars = [importance_bars(importance, importance.metric) for importance in known]
    return _plotly(bars, Columns(), "Too few designs to tell which parameters matter")


def _comparison(studies: StudyData | Sequence[StudyData]) -> Comparison:
    groups = compare([studies] if isinstance(studies, StudyData) else studies)
    if len(groups) != 1:
        found = "there is no study" if not groups else f"the studies form {len(groups)} groups"
        raise ArgumentError(
            f"expected studies that can be compared, of one problem with the same arguments, fidelity, "
            f"objectives and constraints; {found}"
        )
    return groups[0]


def _plotly(figures: Sequence[Figure], columns: Columns, without: str) -> PlotlyFigure:
    """One figure of them all, side by side; with none, a figure that says why."""
    from plotly.graph_objects import Figure as PlotlyFigure
    from plotly.subplots import make_subplots

    if not figures:
        text = {"text": without, "showarrow": False, "xref": "paper", "yref": "paper", "x": 0.5, "y": 0.5}
        return PlotlyFigure(layout={"template": "plotly_white", "annotations": [text]})
    if len(figures) == 1:
        layout = _layout(figures[0]) | {
            "template": "plotly_white",
            "title": {"text": escape(figures[0].title)},
        }
        return PlotlyFigure([columns.resolved(trace) for trace in figures[0].traces], layout)
    width = min(PER_ROW, len(figures))
    height = -(-len(figures) // width)
    titles = [escape(figure.title) for figure in figures]
    together = make_subplots(rows=height, cols=width, subplot_titles=titles)
    for k, figure in enumerate(figures):
        place = {"row": k // width + 1, "col": k % width + 1}
        for trace in figure.traces:
            named = columns.resolved(trace) | ({"showlegend": False} if k else {})
            together.add_trace(named, **place)
        layout = _layout(figure)
        together.update_xaxes(layout.get("xaxis", {}), **place)
        together.update_yaxes(layout.get("yaxis", {}), **place)
    together.update_layout(template="plotly_white", height=PANEL_HEIGHT * height, hovermode="closest")
    return together


def _layout(figure: Figure) -> dict[str, Any]:
    """The figure's layout, with the axes on a log scale that the page shows so."""
    layout = dict(figure.layout)
    for axis, log in figure.controls.get("log", {}).items():
        if log:
            layout[f"{axis}axis"] = {**layout[f"{axis}axis"], "type": "log"}
    return layout
