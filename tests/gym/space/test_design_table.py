"""The table of designs against a dict of their keys."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cosearch.errors import DesignError
from cosearch.space import Categorical, DesignSpace, DesignTable, Integer, Ordinal, Permutation, Real
from cosearch.space import design_table as module
from space_strategies import Case, any_designs, cases

SMALL = DesignSpace([Integer("a", 0, 5), Ordinal("b", [1, 2, 4]), Categorical("c", ["x", "y"])])
LARGE = DesignSpace([Integer("n", 0, 10**9), Real("r", 0, 1), Permutation("p", range(9))])
BATCHES = st.lists(st.tuples(st.integers(0, 99), st.sampled_from([0, 1, 3, 5, 40, 300])), max_size=12)


def agrees_with_a_dict(space: DesignSpace, batches: list[tuple[int, int]]) -> None:
    table, known = DesignTable(space), dict[bytes, int]()
    for seed, n in batches:
        designs = any_designs(space, seed, n)
        keys = designs.keys()
        assert table.find(designs).tolist() == [known.get(key, -1) for key in keys]
        expected_new = [key not in known and key not in keys[:i] for i, key in enumerate(keys)]
        for key in keys:
            known.setdefault(key, len(known))
        numbers, new = table.add(designs)
        assert numbers.tolist() == [known[key] for key in keys]
        assert new.tolist() == expected_new
        assert len(table) == len(known)
    assert table.designs().keys() == list(known)


@given(BATCHES)
@settings(deadline=None)
@pytest.mark.parametrize("space", [SMALL, LARGE], ids=["small", "large"])
def test_it_knows_what_a_dict_knows(space: DesignSpace, batches: list[tuple[int, int]]) -> None:
    agrees_with_a_dict(space, batches)


@given(cases(), BATCHES)
@settings(deadline=None, max_examples=40)
def test_it_knows_the_designs_of_any_space(case: Case, batches: list[tuple[int, int]]) -> None:
    agrees_with_a_dict(case.space, batches)


@given(BATCHES)
@settings(deadline=None, max_examples=40)
def test_collisions_are_harmless(batches: list[tuple[int, int]]) -> None:
    with pytest.MonkeyPatch.context() as patch:  # three hashes for all designs
        patch.setattr(module, "_hashed", lambda rows: rows[:, 0] % np.uint64(3))
        patch.setattr(module, "_hashed_one", lambda words: words[0] % 3)
        agrees_with_a_dict(SMALL, batches)


@given(st.lists(st.lists(st.integers(0, 2**64 - 1), min_size=2, max_size=2), min_size=1, max_size=50))
def test_one_design_and_many_are_hashed_alike(rows: list[list[int]]) -> None:
    many = module._hashed(np.array(rows, dtype=np.uint64))
    assert many.tolist() == [module._hashed_one(row) for row in rows]


def test_hashes_of_neighbouring_designs_are_spread() -> None:
    table = DesignTable(SMALL)
    rows = table._table._padded(table._raw(SMALL.enumerate()))
    low_bits = np.bincount(module._hashed(rows) % np.uint64(4), minlength=4)
    assert low_bits.min() >= len(rows) / 8


def test_equal_designs_of_one_batch_are_new_once() -> None:
    design = SMALL.sample(1, 0)
    for n in (2, 4, 5, 100):
        numbers, new = DesignTable(SMALL).add(SMALL.from_index(np.repeat(design.index, n, axis=0)))
        assert numbers.tolist() == [0] * n
        assert new.tolist() == [True] + [False] * (n - 1)


def test_a_held_space_shares_the_table_of_the_free_one() -> None:
    table = DesignTable(SMALL)
    table.add(SMALL.enumerate())
    held = SMALL.hold({"b": 4, "c": "y"}).enumerate()
    assert table.designs(table.find(held)).keys() == held.keys()


def test_designs_of_another_space_are_refused() -> None:
    with pytest.raises(DesignError, match="of another space"):
        DesignTable(SMALL).add(LARGE.sample(1, 0))


def test_it_takes_at_most_forty_bytes_for_each_design_of_eleven_small_parameters() -> None:
    space = DesignSpace([Integer(f"p{i}", 0, 63) for i in range(11)])
    table, rng = DesignTable(space), np.random.default_rng(0)
    for _ in range(30):
        table.add(space.sample(10_000, rng))
        assert table.nbytes <= 40 * len(table)


def test_packed_designs_come_back() -> None:
    for space in (SMALL, LARGE):
        designs = space.sample(20, 0)
        packed = designs.packed()
        assert packed.dtype == space.key_dtype
        assert packed.flags.c_contiguous
        assert space.designs_from_packed(packed) == designs
        assert [row.tobytes() for row in packed] == designs.keys()
    wrong: list[Any] = [np.full((1, 3), 99), np.zeros((1, 2), dtype=int), [[0.5, 0, 0]], [["a", 0, 0]]]
    for array in wrong:
        with pytest.raises(DesignError):
            SMALL.designs_from_packed(array)
