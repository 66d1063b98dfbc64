"""Reports on very many evaluations, and on metrics at the ends of the floating-point range."""

from __future__ import annotations

import io
import json
import re
import tracemalloc

import numpy as np
import pytest
from rich.console import Console

from cosearch.objectives import feasible, minimised
from cosearch.outcomes import Outcomes
from cosearch.pareto import hypervolume, pareto_mask, reference_point
from cosearch.report import report_data, terminal_report
from cosearch.report.comparison import compare
from cosearch.report.page import report_page
from cosearch.report.points import MAX_FRONT
from cosearch.report.volumes import checkpoints
from report_studies import METRICS, SPACE, make_study, simulate

MANY = 200_000


@pytest.fixture(scope="module")
def large():
    designs = SPACE.sample(MANY, 0)
    return make_study(MANY, designs=designs, outcomes=simulate(designs))


def embedded(page):
    return json.loads(re.search(r'<script type="application/json" id="report">(.*?)</script>', page, re.S)[1])


def test_a_page_of_very_many_evaluations_stays_small_and_keeps_the_front_whole(large):
    tracemalloc.start()
    try:
        page = report_page([large], pictures=False)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 500e6
    assert len(page) < 15_000_000
    values = minimised(large.objectives, large.outcomes)
    values[~feasible(large.constraints, large.outcomes)] = np.nan
    front = int(pareto_mask(values).sum())
    ran = int(large.outcomes.ok.sum())
    data = embedded(page)
    traces = [trace for trace in data["figures"][0]["traces"] if trace.get("mode") == "markers"]
    drawn = [len(data["columns"][trace["x"]["$ref"]]) for trace in traces]
    assert drawn[-1] == front
    assert f"{sum(drawn):,} of {ran:,} designs are drawn, the whole front among them." in page
    lines = data["figures"][2]["controls"]
    assert sum(lines["subset"]) == front
    assert "From a random 4,000 of " in page
    assert re.search(r"Computed at \d+ points of each curve\.", page)


def test_the_hypervolume_at_the_checkpoints_is_that_of_all_before(large):
    (comparison,) = compare([large])
    (result,) = comparison.results
    values = minimised(large.objectives, large.outcomes)
    values[~feasible(large.constraints, large.outcomes)] = np.nan
    reference = reference_point(large.objectives, [values])
    assert len(result.checkpoints) < 500
    for k in (0, 7, 100, len(result.checkpoints) - 1):
        part = values[: result.checkpoints[k]]
        expected = hypervolume(part[pareto_mask(part)], reference)
        assert result.shares[k] * comparison.hypervolume == pytest.approx(expected, rel=1e-9, abs=1e-300)
    assert result.share == 1.0


def test_checkpoints_are_all_of_few_and_end_at_all_of_many():
    assert checkpoints(5).tolist() == [1, 2, 3, 4, 5]
    assert checkpoints(0).tolist() == []
    many = checkpoints(10**6)
    assert (many[0], many[-1]) == (1, 10**6)
    assert (np.diff(many) > 0).all()
    assert len(many) <= 400


def test_a_front_of_very_many_designs_is_thinned_and_that_is_said():
    designs = SPACE.sample(30_000, 0)
    x = np.linspace(0, 1, len(designs))
    outcomes = Outcomes.of({"latency_ns": 1 + x, "energy_pj": 2 - x, "area_mm2": x, "top1": x})
    page = report_page([make_study(len(designs), designs=designs, outcomes=outcomes, constraints=[])])
    data = embedded(page)
    marks = [trace for trace in data["figures"][0]["traces"] if trace.get("mode") == "markers"]
    assert 0 < sum(len(data["columns"][trace["x"]["$ref"]]) for trace in marks) <= MAX_FRONT
    assert "of 30,000 designs are drawn." in page
    assert "The CSV has the first 10,000; `cosearch export` writes all." in page
    assert len(page) < 25_000_000


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (1e308, -1e308),
        (1.7976931348623157e308, 1.7e308),
        (1e308, 1e-308),
        (5e-324, 2e-323),
        (-1.7976931348623157e308, 1.7976931348623157e308),
    ],
)
@pytest.mark.parametrize(
    "objectives", [["latency_ns:min"], ["latency_ns:min", "energy_pj:min"], ["latency_ns:min", "top1:max"]]
)
def test_metrics_at_the_ends_of_the_range_crash_no_report(first, second, objectives, recwarn):
    designs = SPACE.sample(60, 0)
    share = np.linspace(0, 1, len(designs))
    falling = first * (1 - share) + second * share
    metrics = {metric["name"]: falling[:: 1 if k % 2 else -1] for k, metric in enumerate(METRICS)}
    studies = [
        make_study(60, objectives, designs=designs, outcomes=Outcomes.of(metrics), constraints=[], seed=s)
        for s in range(2)
    ]
    data = json.loads(json.dumps(report_data(studies), allow_nan=False))
    assert data[0]["pareto"]
    console = Console(file=io.StringIO(), width=160)
    terminal_report(studies, console)
    assert "Traceback" not in console.file.getvalue()
    assert embedded(report_page(studies))["figures"]
    assert [str(w.message) for w in recwarn if issubclass(w.category, RuntimeWarning)] == []
