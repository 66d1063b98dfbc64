"""What a search says of itself while it runs, kept up to date from the front alone."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from cosearch.comparison.finding import find_front
from cosearch.comparison.fronts import as_front
from cosearch.objectives import Objective, feasible, minimised
from cosearch.outcomes import Outcomes
from cosearch.pareto import Front, hypervolume, pareto_mask, reference_point
from cosearch.progress import LiveProgress
from small_problems import TwoSpheres

points_strategy = st.integers(1, 4).flatmap(
    lambda m: arrays(
        np.float64, st.tuples(st.integers(1, 60), st.just(m)), elements=st.integers(0, 6).map(float)
    )
)


@given(points_strategy, st.integers(1, 60))
def test_a_front_that_grows_in_parts_is_the_front_of_all(points, size):
    front = Front(points.shape[1])
    for begin in range(0, len(points), size):
        before = front.points.copy()
        part = points[begin : begin + size]
        new = front.add(part)
        assert sorted(map(tuple, new)) == sorted(
            {tuple(p) for p in front.points} - {tuple(p) for p in before}
        )
    expected = points[pareto_mask(points)]
    assert sorted(map(tuple, np.repeat(front.points, front.counts, axis=0))) == sorted(map(tuple, expected))
    assert len(front) == len(expected)


@pytest.mark.parametrize("size", [1, 3, 7, 100])
def test_progress_is_the_same_whatever_the_parts(size):
    references = ["left:min:reference=900", "right:min:reference=900"]
    problem = TwoSpheres(objectives=references, constraints=["sum<=1"])
    outcomes = problem.evaluate(problem.space.sample(100, 0))
    live = LiveProgress(problem, 100)
    for begin in range(0, 100, size):
        live.add(outcomes.take(slice(begin, begin + size)))
    progress = live.report(100, 2.0)
    meets = feasible(problem.constraints, outcomes)
    values = minimised(problem.objectives, outcomes)[meets]
    assert 0 < progress.infeasible == int((~meets).sum())
    assert (progress.evaluations, progress.failed, progress.proposals) == (100, 0, 100)
    assert progress.pareto_size == int(pareto_mask(values).sum())
    assert progress.best == {o.metric: values[:, k].min() for k, o in enumerate(problem.objectives)}
    assert progress.hypervolume == pytest.approx(hypervolume(values, [900, 900]))


def test_a_hypervolume_is_shown_only_where_it_means_the_same_in_every_study():
    problem = TwoSpheres()
    outcomes = problem.evaluate(problem.space.sample(50, 0))
    live = LiveProgress(problem, 100)
    live.add(outcomes)
    assert np.isnan(live.report(50, 1.0).hypervolume)
    known = as_front(find_front(problem))
    live = LiveProgress(problem, 100, known)
    live.add(outcomes)
    values = minimised(problem.objectives, outcomes)
    assert 0 < live.report(50, 1.0).normalised_hypervolume == known.share(values) < 1


def test_why_nothing_is_feasible_is_told_after_a_few_designs():
    problem = TwoSpheres(constraints=["left<=-1", "right>=0"])
    outcomes = problem.evaluate(problem.space.sample(40, 0))
    live = LiveProgress(problem, 100)
    live.add(outcomes.take(slice(0, 31)))
    assert live.report(31, 1.0).trouble == ""
    live.add(outcomes.take(slice(31, 40)))
    assert live.report(40, 1.0).trouble == "none of 40 designs is feasible: left<=-1 is not met (40)"
    live.add(TwoSpheres().evaluate([{"x": -5, "y": 0, "shape": "round"}]))
    assert live.report(41, 1.0).trouble != ""  # that one violates it as well
    other = LiveProgress(TwoSpheres(), 100)
    other.add(outcomes)
    assert other.report(40, 1.0).trouble == ""


def test_only_the_front_is_kept():
    problem = TwoSpheres()
    live = LiveProgress(problem, 10**6)
    rng = np.random.default_rng(0)
    for _ in range(20):
        metrics = {metric.name: rng.random(10_000) for metric in problem.metrics}
        live.add(Outcomes(metrics, np.zeros(10_000, dtype=np.int8)))
    assert len(live.front.points) < 60
    assert live.report(200_000, 1.0).evaluations == 200_000


def test_metrics_near_the_largest_number_are_no_trouble():
    problem = TwoSpheres()
    live = LiveProgress(problem, 10)
    metrics = {metric.name: np.array([1.7e308, -1.7e308, 0.0]) for metric in problem.metrics}
    live.add(Outcomes(metrics, np.zeros(3, dtype=np.int8)))
    progress = live.report(3, 1.0)
    assert progress.pareto_size == 1
    assert progress.best == {o.metric: -1.7e308 for o in problem.objectives}
    corner = reference_point([Objective("x")], [np.array([[1.7e308], [-1.7e308]])])
    assert np.isfinite(corner).all()
