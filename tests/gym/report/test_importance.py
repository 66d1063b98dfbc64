"""Parameter importances against functions whose Sobol indices are known in closed form."""

from __future__ import annotations

import numpy as np
import pytest

from cosearch.report.importance import MAX_DESIGNS, parameter_importance
from cosearch.space import Categorical, DesignSpace, Integer, Permutation, Real


def unit_cube(dimensions, low=0.0, high=1.0):
    return DesignSpace([Real(f"x{i}", low, high) for i in range(dimensions)])


def importance_of(space, function, n=2000):
    designs = space.sample(n, 1)
    return parameter_importance(space, designs, "y", np.asarray(function(designs), dtype=float))


def test_additive_function():
    # The total index of a_i x_i is a_i**2 over the sum of all a**2.
    weights = np.array([4.0, 2.0, 1.0, 0.0, 0.0])
    result = importance_of(unit_cube(5), lambda d: sum(w * d[f"x{i}"] for i, w in enumerate(weights)))
    assert result.total == pytest.approx(weights**2 / (weights**2).sum(), abs=0.06)
    assert result.total[3:].max() < 0.005
    assert result.explained > 0.95


def test_ishigami_function_with_its_interaction():
    # T. Ishigami and T. Homma 1990, a = 7, b = 0.1: total indices 0.558, 0.442, 0.244; x2 acts only with x0.
    def ishigami(d):
        return np.sin(d["x0"]) + 7 * np.sin(d["x1"]) ** 2 + 0.1 * d["x2"] ** 4 * np.sin(d["x0"])

    result = importance_of(unit_cube(3, -np.pi, np.pi), ishigami, 4000)
    assert result.total == pytest.approx([0.558, 0.442, 0.244], abs=0.08)


def test_categories_without_order():
    # One of five equally likely values, weights 1 and 2: the variances are in the ratio 1 : 4.
    space = DesignSpace([Categorical(name, list("vwxyz")) for name in ("one", "two", "none")])
    result = importance_of(space, lambda d: 1.0 * (d["one"] == "x") + 2.0 * (d["two"] == "y"))
    assert result.total == pytest.approx([0.2, 0.8, 0.0], abs=0.06)


def test_order_of_a_permutation():
    space = DesignSpace([Permutation("loops", ["K", "C", "P"]), Integer("noise", 0, 9)])
    result = importance_of(space, lambda d: (d["loops"][:, 0] == "C") + 0.0)
    assert result.total == pytest.approx([1.0, 0.0], abs=0.05)


def test_parameter_that_is_only_sometimes_active():
    # y = kind * (1 + x) for kind 0 or 1, x uniform: variance 0.604, of which kind alone explains 0.5625.
    space = DesignSpace([Categorical("kind", [0, 1]), Real("x", 0, 1, when={"kind": 1}), Real("z", 0, 1)])
    result = importance_of(space, lambda d: d["kind"] * (1 + d["x"]))
    total_kind = np.mean((1 + np.linspace(0, 1, 10001)) ** 2) / 4 / (0.5625 + 1 / 24)
    assert result.total == pytest.approx([total_kind, 1 / 24 / (0.5625 + 1 / 24), 0.0], abs=0.05)


def test_metric_over_many_orders_of_magnitude_is_taken_on_a_log_scale():
    result = importance_of(unit_cube(2), lambda d: np.exp(10 * d["x0"] + 5 * d["x1"]))
    assert result.log
    assert result.total == pytest.approx([0.8, 0.2], abs=0.05)


def test_noise_is_not_explained():
    rng = np.random.default_rng(0)
    assert importance_of(unit_cube(4), lambda d: rng.random(len(d)), 400).explained < 0.1


def test_the_spread_shrinks_with_more_designs_and_few_designs_are_said_to_be_few():
    few = importance_of(unit_cube(4), lambda d: d["x0"] + d["x1"], 30)
    many = importance_of(unit_cube(4), lambda d: d["x0"] + d["x1"], 3000)
    assert (few.high - few.low)[:2].sum() > 2 * (many.high - many.low)[:2].sum()
    assert few.few
    assert not many.few
    assert (few.low <= few.high).all()


def test_nothing_is_said_of_a_constant_or_of_hardly_any_design():
    space = unit_cube(2)
    assert importance_of(space, lambda d: np.full(len(d), 3.0)) is None
    assert importance_of(space, lambda d: d["x0"], 9) is None
    assert importance_of(space, lambda d: np.full(len(d), np.nan)) is None


def test_designs_without_a_value_are_left_out():
    space = unit_cube(2)
    designs = space.sample(600, 1)
    values = designs["x0"].copy()
    values[::2] = np.nan
    result = parameter_importance(space, designs, "y", values)
    assert result.designs == 300
    assert result.total == pytest.approx([1.0, 0.0], abs=0.02)


def test_the_same_designs_give_the_same_importance():
    first, second = (importance_of(unit_cube(3), lambda d: d["x0"] * d["x1"], 200) for _ in range(2))
    assert first.total.tolist() == second.total.tolist()


def test_of_many_designs_a_sample_is_taken():
    space = unit_cube(2)
    designs = space.sample(MAX_DESIGNS + 2000, 1)
    values = designs["x0"].copy()
    values[:500] = np.nan
    result = parameter_importance(space, designs, "y", values)
    assert (result.designs, result.known) == (MAX_DESIGNS, MAX_DESIGNS + 1500)
    assert result.total == pytest.approx([1.0, 0.0], abs=0.02)


@pytest.mark.parametrize("largest", [1.7e308, 5e-324 * 2**20])
def test_numbers_at_the_ends_of_the_floating_point_range(largest):
    result = importance_of(unit_cube(2), lambda d: largest * (2 * d["x0"] - 1), 400)
    assert result.total == pytest.approx([1.0, 0.0], abs=0.05)
