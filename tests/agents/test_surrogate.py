"""What `qlognehvi` is made of: inputs, scales, the fitted model, and the search over designs."""

from __future__ import annotations

import numpy as np
import pytest

from cosearch import (
    Categorical,
    Constraint,
    DesignSpace,
    Forbidden,
    Integer,
    Objective,
    Ordinal,
    Outcomes,
    Permutation,
    Real,
)
from cosearch_agents.discrete_acquisition import LocalSearch
from cosearch_agents.gaussian_process import Scale, encode, fit

SPACE = DesignSpace(
    [
        Categorical("kind", ["a", "b", "c"]),
        Ordinal("size", [1, 2, 4, 8], when={"kind": ["a", "b"]}),
        Integer("banks", 1, 8),
        Permutation("order", ["m", "n", "k"]),
    ],
    forbidden=[Forbidden("size * banks > 32", reason="too large")],
)


def test_inputs_tell_all_designs_apart_and_categories_are_equally_far_from_each_other():
    everything = SPACE.enumerate()
    inputs = encode(SPACE, everything)
    assert len(np.unique(inputs, axis=0)) == len(everything)
    assert inputs.min() >= 0
    assert inputs.max() <= 1
    kinds = DesignSpace([Categorical("kind", ["a", "b", "c"])])
    points = encode(kinds, kinds.enumerate())
    distances = np.linalg.norm(points[:, None] - points[None], axis=-1)[~np.eye(3, dtype=bool)]
    assert np.ptp(distances) == 0


def test_order_is_kept_where_there_is_one():
    sizes = DesignSpace([Ordinal("size", [1, 2, 4, 8])])
    assert np.all(np.diff(encode(sizes, sizes.enumerate())[:, 0]) > 0)


@pytest.mark.parametrize(("sign", "best"), [(-1.0, 0), (1.0, -1)])
def test_scaled_values_are_larger_where_they_are_better(sign, best):
    values = np.array([1.0, 10.0, 100.0, 1000.0])
    scale = Scale.of(values, sign)
    assert scale.logarithmic
    scaled = scale(values)
    assert scaled.argmax() == best % 4
    assert np.allclose([scaled.mean(), scaled.std(ddof=1)], [0, 1])
    assert np.allclose(np.diff(scaled), np.diff(scaled)[0])  # equal factors are equal steps


def test_values_with_a_zero_are_not_put_on_a_logarithmic_scale():
    assert not Scale.of(np.array([0.0, 1.0, 100.0]), -1.0).logarithmic


def test_the_model_predicts_what_it_was_not_shown_and_knows_where_designs_fail():
    space = DesignSpace([Real("x", 0, 1), Real("y", 0, 1)])
    designs, unseen = space.sobol(60, seed=0), space.sobol(40, seed=1)

    def truth(designs):
        x, y = designs["x"], designs["y"]
        return {"latency_ns": np.exp(2 * x + np.sin(3 * y)), "area_mm2": x + y**2}

    outcomes = Outcomes.of(truth(designs), errors=["crash" if x > 0.8 else "" for x in designs["x"]])
    surrogate = fit(
        encode(space, designs), outcomes, [Objective("latency_ns")], [Constraint("area_mm2", "<=", 0.7)]
    )
    import torch

    mean = surrogate.model.posterior(torch.from_numpy(encode(space, unseen))).mean.detach().numpy()
    runs = unseen["x"] < 0.75
    assert np.corrcoef(mean[runs, 0], -np.log(truth(unseen)["latency_ns"][runs]))[0, 1] > 0.99
    meets = mean[runs, 1] >= surrogate.bounds[0]
    assert (meets == (truth(unseen)["area_mm2"][runs] <= 0.7)).mean() > 0.95
    fails = mean[:, 2] < surrogate.bounds[1]
    assert (fails == (unseen["x"] > 0.8)).mean() > 0.9


def hill(designs):
    """One summit, reached by single steps: kind b, large size, few banks, order as listed."""
    index = designs.index
    return -(
        np.abs(index[:, 0] - 1) + np.abs(index[:, 1] - 3) + 0.5 * np.abs(index[:, 2] - 2) + index[:, 3]
    ).astype(float)


def test_local_search_finds_the_best_allowed_design_from_anywhere():
    everything = SPACE.enumerate()
    best = everything[int(hill(everything).argmax())]
    for seed in range(5):
        search = LocalSearch(hill, SPACE, set(), np.random.default_rng(0))
        assert search.maximum(SPACE.sample(4, seed))[0] == best


def test_local_search_returns_the_best_design_that_is_not_excluded():
    everything = SPACE.enumerate()
    order = np.argsort(-hill(everything), kind="stable")
    excluded = set(everything[order[:1]].keys())
    search = LocalSearch(hill, SPACE, excluded, np.random.default_rng(0))
    assert hill(search.maximum(SPACE.sample(4, 0))) == hill(everything[order[1:2]])


def test_local_search_evaluates_no_design_twice():
    seen = []

    def value(designs):
        seen.extend(designs.keys())
        return hill(designs)

    LocalSearch(value, SPACE, set(), np.random.default_rng(0)).maximum(SPACE.sample(30, 0))
    assert len(seen) == len(set(seen))


def test_local_search_refines_real_numbers():
    space = DesignSpace([Real("x", 0, 1), Real("y", 0, 1)])
    peak = np.array([0.1234, 0.9876])
    search = LocalSearch(
        lambda d: -((space.to_unit(d) - peak) ** 2).sum(axis=1), space, set(), np.random.default_rng(0)
    )
    assert np.abs(space.to_unit(search.maximum(space.sample(50, 0))) - peak).max() < 5e-3
