"""Random and Sobol designs are allowed, reproducible and spread as promised."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from cosearch.errors import SpaceError
from cosearch.space import Categorical, DesignSpace, Integer, Ordinal, Permutation, Real
from space_strategies import Case, cases


@given(cases(), st.integers(0, 999))
@settings(max_examples=40, deadline=None)
def test_samples_are_allowed_and_reproducible(case: Case, seed: int) -> None:
    try:
        designs = case.space.sample(50, seed)
    except SpaceError:  # next to nothing of a continuous space is allowed
        assert case.space.cardinality() == np.inf
        return
    assert len(designs) == 50
    assert not any(case.is_forbidden(design) for design in designs)
    assert case.space.designs(designs.to_dicts()) == designs
    assert case.space.sample(50, np.random.default_rng(seed)) == designs


@given(cases(finite=True), st.integers(0, 999), st.integers(0, 40))
@settings(max_examples=40, deadline=None)
def test_sobol_designs_are_allowed_and_continue(case: Case, seed: int, skip: int) -> None:
    designs = case.space.sobol(50, seed)
    assert not any(case.is_forbidden(design) for design in designs)
    assert case.space.sobol(50 - skip, seed, skip=skip) == designs[skip:]
    assert case.space.sobol(5, seed) == designs[:5]


FREE = DesignSpace(
    [
        Categorical("c", ["a", "b", "c"]),
        Ordinal("o", [1, 2, 4, 8]),
        Integer("n", -3, 3),
        Permutation("p", [1, 2, 3]),
        Real("r", -1, 1),
        Real("log", 1e-3, 1e3, log=True),
        Integer("log_n", 1, 1000, log=True),
    ]
)


def test_each_parameter_is_uniform_on_its_scale() -> None:
    designs = FREE.sample(20_000, 7)
    for name in ("c", "o", "n", "p"):
        counts = np.bincount(designs.index[:, FREE.column_number(name)], minlength=FREE[name].size)
        assert stats.chisquare(counts).pvalue > 1e-4
    assert stats.kstest((designs["r"] + 1) / 2, "uniform").pvalue > 1e-4
    assert stats.kstest((np.log10(designs["log"]) + 3) / 6, "uniform").pvalue > 1e-4
    decade = np.log(1000.5 / 0.5) / np.log(10)
    assert (designs["log_n"] < 10).mean() == pytest.approx(np.log10(9.5 / 0.5) / decade, abs=0.02)


def test_sobol_points_are_spread_more_evenly_than_random_ones() -> None:
    space = DesignSpace([Real("x", 0, 1), Real("y", 0, 1)])
    from scipy.stats import qmc

    sobol, random = (space.to_unit(d) for d in (space.sobol(1024, 3), space.sample(1024, 3)))
    assert qmc.discrepancy(sobol) < qmc.discrepancy(random) / 10


@pytest.mark.parametrize("rule", ["a + b > 6", "a * b != 4", "a + b + 0 * c != 4"])
def test_allowed_designs_are_equally_likely_without_conditions(rule: str) -> None:
    space = DesignSpace(
        [Integer("a", 1, 9, default=2), Integer("b", 1, 9, default=2), Integer("c", 1, 2)], [rule]
    )
    designs = space.sample(5_000, 11)
    keys = {key: i for i, key in enumerate(space.enumerate().keys())}
    counts = np.bincount([keys[key] for key in designs.keys()], minlength=len(keys))
    assert stats.chisquare(counts).pvalue > 1e-4


def test_a_listed_component_keeps_the_odds_of_drawing_anew() -> None:
    parameters = [
        Categorical("z", [False, True]),
        Integer("x", 1, 20, default=10),
        Integer("y", 1, 20, default=7, when={"z": True}),
        Integer("w", 1, 50, default=25),
    ]
    space = DesignSpace(parameters, ["x != 10", "z and y != 7", "w != 25"])
    z = space.sample(4_000, 5)["z"]
    # half the draws have z off; of those with it on, 1 of 20 has y = 7
    assert z.mean() == pytest.approx(1 / 21, abs=0.015)
    assert space.sobol(500, 5)["z"].mean() == pytest.approx(1 / 21, abs=0.01)


def test_needles_are_found() -> None:
    parameters = [Integer(f"p{i}", 0, 99, default=7) for i in range(3)]
    space = DesignSpace([*parameters, Real("r", 0, 1)], [f"p{i} != 7" for i in range(3)])
    assert space.sample(10, 1)["p2"].tolist() == [7] * 10
    assert space.sobol(10, 1)["p0"].tolist() == [7] * 10


def test_hopeless_spaces_say_so() -> None:
    space = DesignSpace([Real("x", 0, 1)], ["x != 0.5"])
    with pytest.raises(SpaceError, match="draws of x are all forbidden"):
        space.sample(1, 0)
    with pytest.raises(SpaceError, match="Sobol points are forbidden"):
        space.sobol(1, 0)
    with pytest.raises(SpaceError, match="-1 designs"):
        space.sample(-1)
