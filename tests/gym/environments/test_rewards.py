"""Rewards against values worked out by hand from the papers' formulas."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from cosearch.environments.rewards import REWARDS, VectorReward, make_reward, reward_class
from cosearch.errors import ArgumentError, UnknownNameError
from cosearch.objectives import Constraint, Objective
from cosearch.outcomes import Outcomes

LATENCY, ENERGY, ACCURACY = Objective("latency", "min"), Objective("energy", "min"), Objective("top1", "max")


def reward(name, objectives, metrics, units, constraints=(), errors=None, memories=None, **arguments):
    outcomes = Outcomes.of(metrics, errors=errors)
    scorer = make_reward(reward_class(name), objectives, constraints, arguments)
    memories = [scorer.new_memory() for _ in range(len(outcomes))] if memories is None else memories
    return scorer(outcomes, np.array(units, dtype=float), memories)


def test_weighted_sum():
    metrics = {"latency": [10.0, 30.0], "top1": [0.5, 0.8]}
    got = reward(
        "weighted_sum", [LATENCY, ACCURACY], metrics, [20.0, 0.5], weights={"latency": 0.25, "top1": 2}
    )
    # -0.25 * 10/20 + 2 * 0.5/0.5;  -0.25 * 30/20 + 2 * 0.8/0.5
    assert got == pytest.approx([1.875, 2.825])


def test_the_default_design_of_a_minimised_problem_has_weighted_sum_minus_one():
    metrics = {"latency": [7.0], "energy": [9e9]}
    assert reward("weighted_sum", [LATENCY, ENERGY], metrics, [7.0, 9e9]) == pytest.approx([-1.0])


def test_augmented_chebyshev():
    metrics = {"latency": [10.0], "energy": [6.0]}
    got = reward(
        "chebyshev", [LATENCY, ENERGY], metrics, [10.0, 2.0], weights=[0.5, 0.5], targets={"latency": 4.0}
    )
    # distances 0.5 * (10 - 4) / 10 = 0.3 and 0.5 * (6 - 0) / 2 = 1.5
    assert got == pytest.approx([-(1.5 + 0.05 * 1.8)])


def test_augmented_chebyshev_reaches_the_concave_part_of_a_front_where_a_weighted_sum_does_not():
    angle = np.linspace(0, np.pi / 2, 91)
    concave = {"latency": np.cos(angle), "energy": np.sin(angle)}  # minimised: the ends are the sum's optima
    objectives, units = [LATENCY, ENERGY], [1.0, 1.0]
    assert reward("weighted_sum", objectives, concave, units).argmax() in (0, 90)
    assert reward("chebyshev", objectives, concave, units).argmax() == 45


def test_target_ratio_is_archgyms():
    metrics = {"latency": [30.0, 10.0], "energy": [4.0, 6.0]}
    targets = {"latency": 20.0, "energy": 5.0}
    got = reward("target_ratio", [LATENCY, ENERGY], metrics, [1.0, 1.0], targets=targets)
    # 20 / |20 - 30| * 5 / |5 - 4|, and the same from the other side
    assert got == pytest.approx([10.0, 10.0])


def test_a_one_sided_target_ratio_does_not_pay_for_worse():
    metrics = {"latency": [10.0, 19.0, 20.0, 30.0], "top1": [0.9, 0.9, 0.8, 0.4]}
    got = reward(
        *("target_ratio", [LATENCY, ACCURACY], metrics, [1.0, 1.0]),
        targets={"latency": 20.0, "top1": 0.8},
        one_sided=True,
        tolerance=0.01,
    )
    assert got == pytest.approx([1e4, 1e4, 1e4, 2.0 * 2.0])


def test_target_ratio_is_finite_at_the_target():
    got = reward(
        "target_ratio", [LATENCY], {"latency": [20.0]}, [1.0], targets={"latency": 20.0}, tolerance=0.01
    )
    assert got == pytest.approx([100.0])


def test_mnasnet_soft_constraint():
    metrics = {"top1": [0.75, 0.75], "latency": [80.0, 160.0]}
    got = reward("mnasnet", [ACCURACY, LATENCY], metrics, [9.0, 9.0], targets={"latency": 80.0})
    # The paper chose -0.07 so that doubling the latency costs about 5 % of the accuracy.
    assert got == pytest.approx([0.75, 0.75 * 2**-0.07])
    assert got[1] / got[0] == pytest.approx(0.95, abs=0.005)


def test_mnasnet_hard_constraint():
    metrics = {"top1": [0.7, 0.7], "latency": [40.0, 160.0]}
    got = reward(
        "mnasnet", [ACCURACY, LATENCY], metrics, [1.0, 1.0], targets={"latency": 80.0}, alpha=0.0, beta=-1.0
    )
    assert got == pytest.approx([0.7, 0.35])


def test_tunas_counts_both_sides_of_the_target():
    metrics = {"top1": [76.0, 76.0, 76.0], "latency": [84.0, 42.0, 126.0]}
    got = reward("tunas", [ACCURACY, LATENCY], metrics, [70.0, 1.0], targets={"latency": 84.0})
    # 0.76 - 0.1 |T / T0 - 1|
    assert got == pytest.approx([0.76, 0.71, 0.71])


def test_tunas_reads_an_accuracy_as_a_share_where_it_is_one():
    metrics = {"top1": [0.8], "latency": [12.0]}
    got = reward("tunas", [ACCURACY, LATENCY], metrics, [0.7, 10.0], beta=-0.07)
    assert got == pytest.approx([0.8 - 0.07 * 0.2])
    assert reward("tunas", [ACCURACY, LATENCY], metrics, [0.7, 12.0], full=2.0) == pytest.approx([0.4])


def test_fbnet_is_minus_cross_entropy_times_the_logarithm_of_the_latency():
    metrics = {"top1": [0.5, 1.0, 0.5], "latency": [np.e * 1000, 5e4, 900.0]}
    got = reward("fbnet", [ACCURACY, LATENCY], metrics, [0.5, 1.0], scale=1000.0)
    # ln 2 * 0.2 * ln(e)^0.6; no cross-entropy; a latency below 1 us has no logarithm
    assert got == pytest.approx([-0.2 * np.log(2), 0.0, 0.0])
    slower = reward("fbnet", [ACCURACY, LATENCY], {"top1": [0.5], "latency": [np.exp(32)]}, [0.5, 1.0])
    assert slower == pytest.approx([-0.2 * np.log(2) * 32**0.6])


def test_rena_pays_nothing_for_more_than_the_targets_ask():
    metrics = {"top1": [0.8, 0.8, 0.8], "latency": [5.0, 20.0, 20.0], "energy": [1.0, 1.0, 6.0]}
    targets = {"latency": 10.0, "energy": 4.0}
    got = reward("rena", [ACCURACY, LATENCY, ENERGY], metrics, [0.5, 1.0, 1.0], targets=targets, base=0.5)
    # within; twice the latency: 0.5^1; and 1.5 times the energy: 0.5^1.5
    assert got == pytest.approx([0.8, 0.4, 0.8 * 0.5**1.5])
    default = reward("rena", [ACCURACY, LATENCY, ENERGY], metrics, [0.5, 1.0, 1.0], targets=targets)
    assert default[1] == pytest.approx(0.72)


def test_nasaic_is_accuracy_minus_what_the_specifications_are_missed_by():
    metrics = {"top1": [0.9, 0.9, 0.9], "latency": [80.0, 120.0, 120.0], "area": [4.0, 4.0, 8.0]}
    specifications = [Constraint("latency", "<=", 100.0), Constraint("area", "<=", 4.0)]
    got = reward(
        "nasaic",
        [ACCURACY],
        metrics,
        [1.0],
        specifications,
        weights=[1.0],
        limits={"latency": 150.0, "area": 12.0},
    )
    # penalties 0; (120 - 100) / (150 - 100) = 0.4; 0.4 + (8 - 4) / (12 - 4) = 0.9; times rho = 10;
    # from the floor of -10 down, squeezed into 10 (and 0.01 more, so that whoever misses is below the floor)
    assert got == pytest.approx([0.9, -10 - 10 * 4.01 / 14.01, -10 - 10 * 9.01 / 19.01])


def test_nasaic_without_limits_measures_by_the_bound_and_knows_lower_bounds():
    metrics = {"top1": [0.5], "bandwidth": [6.0]}
    got = reward("nasaic", [ACCURACY], metrics, [1.0], [Constraint("bandwidth", ">=", 8.0)], rho=1.0)
    assert got == pytest.approx([-10 - 10 * 0.26 / 10.26])


def test_nasaic_takes_a_limit_on_either_side_of_a_metric():
    metrics = {"top1": [0.5, 0.5, 0.5], "voltage": [0.7, 1.0, 1.3]}
    window = [Constraint("voltage", ">=", 0.8), Constraint("voltage", "<=", 1.2)]
    got = reward("nasaic", [ACCURACY], metrics, [1.0], window, rho=1.0, limits={"voltage": [0.6, 1.6]})
    # (0.8 - 0.7) / (0.8 - 0.6); within; (1.3 - 1.2) / (1.6 - 1.2)
    assert got == pytest.approx([-10 - 10 * 0.51 / 10.51, 0.5, -10 - 10 * 0.26 / 10.26])
    with pytest.raises(ArgumentError, match=r"beyond its bound 0\.8, not at 1\.6; for both sides give \[low"):
        reward("nasaic", [ACCURACY], metrics, [1.0], window, limits={"voltage": 1.6})


def test_hypervolume_improvements_of_one_environment_add_up_to_its_hypervolume():
    rng = np.random.default_rng(3)
    points = rng.integers(0, 12, size=(40, 2)).astype(float)
    scorer = make_reward(
        REWARDS["hypervolume_improvement"],
        [LATENCY, ENERGY],
        [],
        {"references": {"latency": 10, "energy": 10}},
    )
    memory, total = scorer.new_memory(), 0.0
    for latency, energy in points:
        outcomes = Outcomes.of({"latency": [latency], "energy": [energy]})
        total += scorer(outcomes, np.ones(2), [memory])[0]
    cells = itertools.product(range(10), range(10))  # brute force: unit cells that some point dominates
    dominated = sum(any(p[0] <= x and p[1] <= y for p in points) for x, y in cells)
    assert total == pytest.approx(dominated)


def test_hypervolume_improvement_of_a_single_objective_is_the_improvement_on_the_best():
    scorer = make_reward(REWARDS["hypervolume_improvement"], [LATENCY], [], {})
    memory = scorer.new_memory()
    got = [scorer(Outcomes.of({"latency": [v]}), np.array([4.0]), [memory])[0] for v in (9.0, 6.0, 7.0, 2.0)]
    assert got == pytest.approx([0.0, 0.5, 0.0, 1.0])  # the reference is twice the unit, 8


def test_vector_reward_is_to_be_maximised():
    scorer = VectorReward([LATENCY, ACCURACY], [])
    got = scorer(Outcomes.of({"latency": [10.0], "top1": [0.6]}), np.array([5.0, 0.3]), [None])
    assert got == pytest.approx(np.array([[-2.0, 2.0]]))


@pytest.mark.parametrize("failure_reward", [None, -3.0, -1e6, 0.0, 7.0])
@pytest.mark.parametrize("name", [*REWARDS, "vector"])
def test_no_design_that_fails_or_misses_a_constraint_is_worth_more_than_another(name, failure_reward):
    rng = np.random.default_rng(0)
    metrics = {
        "latency": np.exp(rng.normal(0, 8, 400)),  # from 1e-9 to 1e9 of the unit
        "top1": rng.normal(0, 3, 400),
        "area": np.exp(rng.normal(0, 5, 400)),
    }
    errors = ["rejected" if i % 9 == 0 else "" for i in range(400)]
    outcomes = Outcomes.of(metrics, errors=errors)
    scorer = (VectorReward if name == "vector" else reward_class(name))(
        [LATENCY, ACCURACY], [Constraint("area", "<=", 1.0)], failure_reward=failure_reward
    )
    memories = [scorer.new_memory() for _ in range(400)]
    got = scorer(outcomes, np.ones(2), memories).reshape(400, -1)
    assert np.isfinite(got).all()
    valid = outcomes.ok & (outcomes["area"] <= 1.0)
    missing = outcomes.ok & ~valid
    assert got[valid].min() >= scorer.floor > got[missing].max()
    assert got[missing].min() >= scorer.failure_reward == got[~outcomes.ok].max()
    nearest = np.argsort(outcomes["area"][missing])
    assert (np.diff(got[missing][nearest], axis=0) <= 0).all()
    assert got[missing].max() > got[missing].min()


def test_low_scores_are_squeezed_in_their_order_and_others_are_what_the_formula_says():
    latency = np.array([1.0, 5.0, 5.4, 5.5, 20.0, 1e3, 1e9, 1e300])
    got = reward("weighted_sum", [LATENCY], {"latency": latency}, [1.0])
    assert got[:3] == pytest.approx(-latency[:3])
    assert (np.diff(got[:-1]) < 0).all()
    assert got[3] == pytest.approx(-5.5, abs=0.01)  # the squeeze begins smoothly
    assert got[-1] == pytest.approx(-9.0)


@pytest.mark.parametrize("name", [*REWARDS])
def test_better_is_never_rewarded_less(name):
    latency = np.array([5.0, 6.0, 8.0, 16.0])
    got = reward(name, [LATENCY, ACCURACY], {"latency": latency, "top1": [0.7, 0.6, 0.5, 0.1]}, [10.0, 0.5])
    assert (np.diff(got) <= 0).all()
    assert got[0] > got[-1]


@pytest.mark.parametrize("name", [*REWARDS])
def test_a_batch_is_scored_like_its_designs_one_by_one(name):
    metrics = {"latency": np.array([5.0, 6.0, 8.0]), "top1": np.array([0.1, 0.6, 0.5])}
    together = reward(name, [LATENCY, ACCURACY], metrics, [10.0, 0.5])
    alone = [
        reward(name, [LATENCY, ACCURACY], {k: v[i : i + 1] for k, v in metrics.items()}, [10.0, 0.5])[0]
        for i in range(3)
    ]
    assert together.tolist() == alone


@pytest.mark.parametrize(
    ("name", "arguments", "says"),
    [
        ("weighted_sum", {"weights": [1.0]}, "2 numbers"),
        ("weighted_sum", {"weights": [1.0, -1.0]}, "at least 0"),
        ("weighted_sum", {"weights": {"latency": 1.0}}, "no weight for top1"),
        ("weighted_sum", {"failure_reward": float("nan")}, "failure_reward must be finite, not nan"),
        ("chebyshev", {"rho": -0.5}, "rho must be finite and at least 0, not -0.5"),
        (
            "target_ratio",
            {"targets": {"latency": 0.0}},
            "target of latency must be finite and above 0, not 0",
        ),
        ("target_ratio", {"tolerance": 0.0}, "tolerance must be finite and above 0, not 0"),
        ("mnasnet", {"beta": 1.0}, "beta must be finite and at most 0, not 1"),
        ("tunas", {"beta": 0.5}, "beta must be finite and at most 0, not 0.5"),
        ("rena", {"base": 1.5}, "base must be at most 1, not 1.5"),
        ("fbnet", {"scale": 0.0}, "scale must be finite and above 0, not 0"),
        ("fbnet", {"full": -1.0}, "full must be finite and above 0, not -1"),
        ("nasaic", {"rho": "much"}, "rho must be a number, got 'much'"),
        ("nasaic", {"limits": {"latency": 1.0}}, "beyond its bound 2, not at 1"),
    ],
)
def test_a_bad_argument_is_rejected_with_its_name_bound_and_value(name, arguments, says):
    with pytest.raises(ArgumentError, match=says):
        make_reward(REWARDS[name], [LATENCY, ACCURACY], [Constraint("latency", "<=", 2.0)], arguments)


def test_unknown_names_are_rejected_with_the_nearest():
    with pytest.raises(UnknownNameError, match="weighted_sum"):
        reward_class("weighted-sums")
    with pytest.raises(UnknownNameError, match="did you mean 'latency'"):
        make_reward(REWARDS["weighted_sum"], [LATENCY], [], {"weights": {"latncy": 1.0}})
