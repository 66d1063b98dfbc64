"""Which designs a report shows up close, and what becomes of them when something is wrong."""

from __future__ import annotations

import re

import numpy as np
import pytest

import pictured_problem
from cosearch import Categorical, DesignSpace, Integer, Outcomes, Study
from cosearch.registry import registry
from cosearch.report import report_data
from cosearch.report.comparison import compare
from cosearch.report.design_pictures import MAX_DESIGNS, TITLE, chosen_designs
from cosearch.report.page import report_page
from cosearch.report.rendering import environment
from report_studies import ALL_OBJECTIVES, make_study
from small_problems import TwoSpheres


@pytest.fixture(scope="module", autouse=True)
def pictured_plugin():
    if "pictured-cache" not in registry().problems:
        registry().register(pictured_problem, "pictured-problem")


def run(problem, budget=40, **options):
    return Study.create(problem, "uniform", budget=budget, **options).run()


@pytest.mark.parametrize("n_objectives", [1, 2, 3, 4])
def test_the_best_of_each_objective_is_shown_and_no_more_than_four(n_objectives):
    study = make_study(300, ALL_OBJECTIVES[:n_objectives])
    (comparison,) = compare([study])
    chosen = chosen_designs(comparison)
    assert len({row for row, _ in chosen}) == len(chosen) <= MAX_DESIGNS
    meets = study.outcomes.ok & (study.outcomes["area_mm2"] <= 12)
    best = {"latency_ns": "lowest", "energy_pj": "lowest", "area_mm2": "lowest", "top1": "highest"}
    named = [objective.metric for objective in study.objectives][: 3 if n_objectives > 1 else 1]
    for metric in named:
        rows = [row for row, why in chosen if f"{best[metric]} {metric}" in why]
        values = study.outcomes[metric][meets]
        extreme = values.max() if best[metric] == "highest" else values.min()
        assert [comparison.outcomes[metric][row] for row in rows] == [extreme]
    assert ("knee of the front" in chosen[-1][1]) == (n_objectives > 1)


def test_the_knee_is_where_the_front_bends():
    space = DesignSpace([Integer("x", 0, 20)])
    designs = space.designs([{"x": x} for x in range(21)])
    x = np.arange(21)
    outcomes = Outcomes.of(
        {"latency_ns": 1e6 - 100.0 * x, "energy_pj": np.where(x <= 15, x, 15 + 9 * (x - 15))}
    )
    study = make_study(21, space=space, designs=designs, outcomes=outcomes, constraints=[])
    (comparison,) = compare([study])
    knees = [comparison.designs[row]["x"] for row, why in chosen_designs(comparison) if "knee" in why]
    assert knees == [15]


def test_a_design_that_is_best_at_everything_is_shown_once():
    space = DesignSpace([Categorical("x", ["a", "b"])])
    outcomes = Outcomes.of({"latency_ns": [1.0, 2.0], "energy_pj": [1.0, 2.0]})
    designs = space.designs([{"x": "a"}, {"x": "b"}])
    study = make_study(2, space=space, designs=designs, outcomes=outcomes, constraints=[])
    (chosen,) = chosen_designs(compare([study])[0])
    assert chosen[1] == "lowest latency_ns, lowest energy_pj, knee of the front"


def test_no_feasible_design_is_no_section():
    assert chosen_designs(compare([make_study(30, constraints=["area_mm2<=0.01"])])[0]) == []
    assert TITLE not in report_page([make_study(30, constraints=["area_mm2<=0.01"])])


def test_a_problem_without_pictures_is_no_section():
    assert TITLE not in report_page([run(TwoSpheres())])


def test_a_problem_that_is_not_installed_is_one_line():
    page = report_page([make_study(30)])
    assert len(re.findall(TITLE, page)) == 1
    assert "No pictures: unknown problem &#39;test-chip&#39;" in page
    assert TITLE not in report_page([make_study(30)], pictures=False)


def test_a_problem_that_has_changed_is_one_line(monkeypatch):
    study = run(pictured_problem.PicturedCache())
    monkeypatch.setattr(pictured_problem.PicturedCache, "version", 1)
    assert "another version of problem pictured-cache (v0, here v1" in report_page([study])


def test_a_problem_that_cannot_be_built_is_one_line(monkeypatch):
    study = run(pictured_problem.PicturedCache())

    def fail(self, **arguments):
        raise ZeroDivisionError("no voltage")

    monkeypatch.setattr(pictured_problem.PicturedCache, "__init__", fail)
    assert "No pictures: ZeroDivisionError: no voltage" in report_page([study])


@pytest.mark.parametrize(
    ("trouble", "says"),
    [
        ("raise", "RuntimeError: no ink &lt;b&gt;left&lt;/b&gt;"),
        ("half", "MemoryError: out of paper"),
        ("wrong", "expected a cosearch.Picture, not a str"),
    ],
)
def test_pictures_that_fail_are_a_line_each_and_the_page_is_there(trouble, says):
    page = report_page([run(pictured_problem.PicturedCache(trouble=trouble))])
    assert f"A picture is missing: {says}" in page
    assert "How to reproduce" in page
    assert "second line" not in page


def test_progress_names_the_design_that_is_being_drawn():
    said = []
    study = run(pictured_problem.PicturedCache())
    report_page([study], progress=said.append)
    n = len(chosen_designs(compare([study])[0]))
    assert said == [f"drawing the pictures of design {k} of {n} of pictured-cache" for k in range(1, n + 1)]


def test_the_report_for_machines_has_no_pictures():
    (entry,) = report_data([run(pictured_problem.PicturedCache())])
    assert "Miss rate" not in str(entry)


def test_long_names_may_be_broken_behind_their_underscores_only():
    parts = environment().get_template("parts.html.j2").module
    html = parts.design({"energy_pj": "1 pJ"}, {"SPAD_memory_depth": 16, "<b>": "a_b"})
    assert "<dt>SPAD_<wbr>memory_<wbr>depth</dt><dd>16</dd>" in html
    assert "<dt>energy_<wbr>pj</dt>" in html
    assert "<dt>&lt;b&gt;</dt><dd>a_b</dd>" in html
