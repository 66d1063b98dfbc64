"""Counting, listing and neighbours, against itertools."""

import math
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cosearch.errors import DesignError, SpaceError
from cosearch.space import Categorical, DesignSpace, Forbidden, Integer, Ordinal, Permutation, Real
from space_strategies import Case, any_designs, cases


@given(cases(finite=True))
@settings(max_examples=100, deadline=None)
def test_all_designs_are_counted_and_listed_in_order(case: Case) -> None:
    expected = case.every_design()
    assert case.space.cardinality() == len(expected)
    listed = case.space.enumerate()
    assert [repr(design) for design in listed] == [repr(design) for design in expected]


@given(cases(finite=True), st.integers(0, 999))
@settings(deadline=None)
def test_neighbours_are_one_step_away_and_allowed(case: Case, seed: int) -> None:
    space = case.space
    design = space.sample(1, seed)
    around = space.neighbours(design)
    assert space.allowed(around).all()
    assert len(set(around.keys())) == len(around)
    assert design.keys()[0] not in around.keys()
    if not any(space.conditions):  # otherwise a step may set children to their defaults
        for other in range(len(around)):
            assert design.keys()[0] in space.neighbours(around[[other]]).keys()


def test_neighbours_by_kind() -> None:
    space = DesignSpace(
        [
            Categorical("policy", ["open", "closed", "cap"]),
            Integer("cap", 1, 9, step=2, when={"policy": "cap"}),
            Ordinal("rows", [8, 16, 32]),
            Permutation("order", ["K", "C", "P"]),
            Real("voltage_v", 0.0, 10.0),
        ],
        ["policy == 'closed'"],
    )
    design = {"policy": "open", "rows": 8, "order": ("K", "C", "P"), "voltage_v": 0.5}
    changed = [{k: v for k, v in d.items() if design.get(k) != v} for d in space.neighbours(design)]
    assert changed == [
        {"policy": "cap", "cap": 5},  # the new child starts at its default
        {"rows": 16},
        {"order": ("C", "K", "P")},
        {"order": ("K", "P", "C")},
        {"voltage_v": 0.4},
        {"voltage_v": 0.6},
        {"voltage_v": 1.5},
    ]
    with pytest.raises(DesignError, match="neighbours of 2 designs"):
        space.neighbours([design, design])


def test_large_spaces_are_counted_without_listing_them() -> None:
    # 40 free parameters, and a chain of 30 rules that reads two neighbouring parameters each
    free = [Integer(f"free{i}", 1, 1000) for i in range(40)]
    chain = [Integer(f"link{i}", 0, 9, default=i % 10) for i in range(30)]
    rules = [f"link{i} == link{i + 1}" for i in range(29)]
    space = DesignSpace([*free, *chain], rules)
    started = time.perf_counter()
    assert space.cardinality() == 1000**40 * 10 * 9**29
    assert time.perf_counter() - started < 5


def test_a_child_with_many_values_is_counted() -> None:
    space = DesignSpace(
        [
            Categorical("kind", ["small", "large"]),
            Integer("size", 1, 10**12, when={"kind": "large"}),
            Permutation("order", range(20), when={"kind": "small"}),
        ]
    )
    assert space.cardinality() == 10**12 + math.factorial(20)


def test_real_spaces_are_infinite_and_cannot_be_listed() -> None:
    space = DesignSpace([Real("r", 0, 1)])
    assert space.cardinality() == math.inf
    with pytest.raises(SpaceError, match="has inf designs"):
        space.enumerate()


def test_limits() -> None:
    space = DesignSpace([Integer("a", 1, 1000), Integer("b", 1, 1000)])
    assert len(space.enumerate()) == 10**6
    with pytest.raises(SpaceError, match="has 1000000 designs; expected at most limit=10"):
        space.enumerate(limit=10)
    tied = DesignSpace([Integer(f"p{i}", 1, 1000) for i in range(3)], ["p0 + p1 + p2 == 3000"])
    with pytest.raises(SpaceError, match="combinations to look at"):
        tied.cardinality()


def test_functions_count_too() -> None:
    space = DesignSpace(
        [Permutation("order", range(5)), Ordinal("rows", [1, 2])],
        [Forbidden(lambda c: c["order"][:, 0] == 4, "4 first")],
    )
    assert space.cardinality() == 2 * 96
    assert len(space.enumerate()) == 192
    assert (space.enumerate()["order"][:, 0] != 4).all()


@given(cases(), st.integers(0, 999))
@settings(deadline=None)
def test_neighbours_exist_in_any_space(case: Case, seed: int) -> None:
    design = any_designs(case.space, seed, n=1)
    around = case.space.neighbours(design)
    assert case.space.allowed(around).all()
    assert (np.array(around.keys(), dtype=object) != design.keys()[0]).all()
