"""Pareto fronts and hypervolume against brute force and published values."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from cosearch.objectives import Objective
from cosearch.pareto import hypervolume, hypervolume_curve, pareto_mask, reference_point

# Small whole numbers make ties and duplicates common.
points_strategy = st.integers(1, 4).flatmap(
    lambda m: arrays(
        np.float64, st.tuples(st.integers(0, 12), st.just(m)), elements=st.integers(0, 4).map(float)
    )
)


def brute_force_front(points):
    return [
        not any((q <= p).all() and (q < p).any() for q in points if not np.isnan(q).any())
        and not np.isnan(p).any()
        for p in points
    ]


def brute_force_hypervolume(points, reference):
    """Counts the unit cells that some point dominates; exact for points with whole coordinates."""
    cells = np.indices([int(r) for r in reference]).reshape(len(reference), -1).T
    return float(sum(any((p <= cell).all() for p in points) for cell in cells))


@given(points_strategy)
def test_front_is_what_no_other_point_dominates(points):
    assert pareto_mask(points).tolist() == brute_force_front(points)


def test_front_ignores_points_that_are_not_numbers():
    points = np.array([[np.nan, 0.0], [1.0, 2.0], [2.0, 1.0], [2.0, 2.0], [np.nan, np.nan]])
    assert pareto_mask(points).tolist() == [False, True, True, False, False]
    assert pareto_mask(points[[0, 4]]).tolist() == [False, False]
    assert pareto_mask([]).tolist() == []


@given(points_strategy)
def test_hypervolume_counts_the_dominated_cells(points):
    reference = np.full(points.shape[1], 4.0)
    assert hypervolume(points, reference) == brute_force_hypervolume(points, reference)


def test_points_at_or_beyond_the_reference_add_nothing():
    assert hypervolume([[1.0, 3.0], [5.0, 0.0], [np.nan, 0.0]], [3.0, 3.0]) == 0.0
    assert hypervolume([[-np.inf, 3.0]], [3.0, 3.0]) == 0.0
    assert hypervolume(np.empty((0, 2)), [np.nan, np.nan]) == 0.0


def test_hypervolume_of_zdt1_matches_the_closed_form():
    # ZDT1's front is f2 = 1 - sqrt(f1); with reference (1.1, 1.1) it dominates 1.1**2 - 1/3.
    f1 = np.linspace(0, 1, 20001)
    front = np.column_stack([f1, 1 - np.sqrt(f1)])
    assert hypervolume(front, [1.1, 1.1]) == pytest.approx(1.1**2 - 1 / 3, abs=2e-4)


@given(points_strategy, st.randoms(use_true_random=False))
def test_curve_is_the_hypervolume_of_every_prefix(points, random):
    feasible = np.array([random.random() < 0.7 for _ in points], dtype=bool)
    points[[random.random() < 0.1 for _ in points]] = np.nan
    reference = np.full(points.shape[1], 4.0)
    expected = [hypervolume(points[: i + 1][feasible[: i + 1]], reference) for i in range(len(points))]
    assert hypervolume_curve(points, feasible, reference).tolist() == expected


def test_reference_point_lies_a_tenth_of_the_range_behind_the_worst_of_the_front():
    objectives = [Objective("latency_ns"), Objective("top1", "max")]
    first = np.array([[10.0, -0.5], [np.nan, np.nan], [900.0, -0.6]])  # the last is dominated
    second = np.array([[30.0, -0.9]])
    assert reference_point(objectives, [first, second]) == pytest.approx([32.0, -0.46])


def test_reference_point_takes_the_objectives_own_bound():
    objectives = [Objective("latency_ns", "min", reference=50.0), Objective("top1", "max", reference=0.4)]
    assert reference_point(objectives, [np.array([[10.0, -0.5]])]).tolist() == [50.0, -0.4]
    assert reference_point(objectives, []).tolist() == [50.0, -0.4]


def test_reference_point_of_a_single_value_still_leaves_volume():
    for value in (5.0, 0.0, -5.0):
        corner = reference_point([Objective("x")], [np.array([[value]])])
        assert hypervolume([[value]], corner) > 0


def test_reference_point_without_any_design_is_unknown():
    assert np.isnan(reference_point([Objective("x")], [np.empty((0, 1))])).all()
