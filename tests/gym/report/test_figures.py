"""The report's figures for Python: plotly figures with the numbers of the page."""

from __future__ import annotations

import numpy as np
import pytest

from cosearch.errors import ArgumentError
from cosearch.objectives import feasible, minimised
from cosearch.pareto import hypervolume, pareto_mask, reference_point
from cosearch.report import front_figure, history_figure, importance_figure
from report_studies import ALL_OBJECTIVES, make_study


def marks(figure, axis):
    return np.concatenate(
        [np.array(t[axis], dtype=float) for t in figure.data if t.mode == "markers" and t.x]
    )


def test_the_front_figure_has_every_design_in_the_unit_of_its_axis():
    study = make_study(120)
    figure = front_figure(study)
    ran = study.outcomes.ok
    assert figure.layout.xaxis.title.text.startswith("latency [ms]")
    assert np.sort(marks(figure, "x")) * 1e6 == pytest.approx(
        np.sort(study.outcomes["latency_ns"][ran]), rel=1e-5
    )
    assert np.sort(marks(figure, "y")) * 1e6 == pytest.approx(
        np.sort(study.outcomes["energy_pj"][ran]), rel=1e-5
    )
    assert figure.layout.title.text == "Pareto front"
    assert figure.layout.xaxis.type == "log"


def test_several_objectives_are_plots_side_by_side():
    figure = front_figure([make_study(80, ALL_OBJECTIVES, seed=s) for s in range(2)])
    titles = {note.text for note in figure.layout.annotations}
    assert len(titles) == 6
    assert "energy_pj against latency_ns" in titles
    assert len({trace.xaxis for trace in figure.data}) == 6
    named = [trace.name for trace in figure.data if trace.showlegend]
    assert len(named) == len(set(named))


def test_the_history_ends_at_each_studys_share_of_the_hypervolume():
    studies = [make_study(60, seed=s) for s in range(2)]
    fronts = []
    for study in studies:
        points = minimised(study.objectives, study.outcomes)[feasible(study.constraints, study.outcomes)]
        fronts.append(points[pareto_mask(points)])
    reference = reference_point(studies[0].objectives, fronts)
    whole = hypervolume(np.concatenate(fronts), reference)
    ends = [trace.y[-1] for trace in history_figure(studies).data]
    assert ends == pytest.approx([100 * hypervolume(front, reference) / whole for front in fronts], rel=1e-5)


def test_the_history_of_one_objective_is_the_best_so_far():
    study = make_study(60, ALL_OBJECTIVES[:1])
    line = next(trace for trace in history_figure(study).data if trace.mode == "lines")
    best = np.where(feasible(study.constraints, study.outcomes), study.outcomes["latency_ns"], np.inf).min()
    assert history_figure(study).layout.yaxis.title.text.startswith("latency [us]")
    assert line.y[-1] * 1e3 == pytest.approx(best, rel=1e-5)
    assert list(line.y) == sorted(line.y, reverse=True)


def test_importance_is_a_bar_for_each_parameter_and_a_chart_for_each_objective():
    figure = importance_figure(make_study(200))
    assert [trace.type for trace in figure.data] == ["bar", "bar"]
    assert figure.data[0].y[-1] in ("rows", "columns")


def test_without_anything_to_show_a_figure_says_why():
    nothing = make_study(0)
    assert front_figure(nothing).layout.annotations[0].text == "No design has been evaluated yet"
    never = make_study(30, constraints=["area_mm2<=0.01"])
    assert history_figure(never).layout.annotations[0].text == "No feasible design has been found yet"
    assert importance_figure(make_study(5)).layout.annotations[0].text.startswith("Too few designs")


def test_studies_that_cannot_be_compared_are_refused():
    with pytest.raises(ArgumentError, match="the studies form 2 groups"):
        front_figure([make_study(10), make_study(10, constraints=[])])
    with pytest.raises(ArgumentError, match="there is no study"):
        history_figure([])
