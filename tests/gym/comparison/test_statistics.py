"""The statistics, against values worked out by hand, brute force and sampling theory."""

from __future__ import annotations

import numpy as np
import pytest

from cosearch.comparison.statistics import (
    interquartile_mean,
    mean,
    performance_profile,
    probability_of_improvement,
)


def test_the_interquartile_mean_is_that_of_the_middle_half_of_all_runs():
    scores = [np.array([0.0, 1.0, 2.0, 3.0]), np.array([4.0, 5.0, 6.0, 700.0])]
    assert interquartile_mean(scores).value == pytest.approx((2 + 3 + 4 + 5) / 4)
    assert mean(scores).value == pytest.approx((0 + 1 + 2 + 3 + 4 + 5 + 6 + 700) / 8)


def test_a_problem_that_is_hardest_of_all_is_dropped_by_the_one_and_counted_by_the_other():
    scores = [np.zeros(10)] + [np.ones(10) for _ in range(9)]
    assert interquartile_mean(scores).value == 1.0
    assert mean(scores).value == pytest.approx(0.9)


def test_seeds_are_drawn_within_a_problem():
    # every draw within the strata has the same mean; one over all runs would not
    scores = [np.full(5, 0.2), np.full(5, 0.9)]
    assert mean(scores) == pytest.approx((0.55, 0.55, 0.55))


def test_the_interval_is_that_of_the_normal_approximation():
    rng = np.random.default_rng(1)
    scores = [rng.normal(k, 1.0, 60) for k in range(4)]
    estimate = mean(scores)
    error = np.sqrt(sum(one.var() / 60 for one in scores)) / 4
    assert estimate.low == pytest.approx(estimate.value - 1.96 * error, abs=0.25 * error)
    assert estimate.high == pytest.approx(estimate.value + 1.96 * error, abs=0.25 * error)


def test_further_axes_are_kept():
    rng = np.random.default_rng(2)
    scores = [rng.random((6, 3)) for _ in range(2)]
    together = interquartile_mean(scores)
    for k in range(3):
        alone = interquartile_mean([one[:, k] for one in scores])
        assert (together.value[k], together.low[k], together.high[k]) == pytest.approx(tuple(alone))


def test_a_profile_is_the_share_of_runs_that_reach_a_score():
    scores = [np.array([0.1, 0.5]), np.array([0.9, 0.9])]
    assert performance_profile(scores, np.array([0.0, 0.3, 0.9, 1.0])).value.tolist() == [1, 0.75, 0.5, 0]


def test_the_probability_of_improvement_counts_all_pairs_and_halves_ties():
    first, second = [np.array([3.0, 1.0]), np.array([2.0, 2.0])], [np.array([2.0, 1.0]), np.array([2.0, 0.0])]
    by_hand = np.mean([(1 + 1 + 0 + 0.5) / 4, (0.5 + 1 + 0.5 + 1) / 4])
    assert probability_of_improvement(first, second).value == pytest.approx(by_hand)
    assert probability_of_improvement(second, first).value == pytest.approx(1 - by_hand)


def test_a_single_seed_has_no_interval():
    value, low, high = mean([np.array([0.5]), np.array([0.7])])
    assert value == pytest.approx(0.6)
    assert np.isnan([low, high]).all()
