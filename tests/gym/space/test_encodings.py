"""Every encoding gives the same designs back, exactly, whatever the space."""

import functools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cosearch.errors import DesignError, SpaceError
from cosearch.space import Categorical, DesignSpace, Integer, Ordinal, Permutation, Real
from cosearch.space.convert.gymnasium import (
    MAX_DISCRETE,
    box,
    dict_space,
    from_box,
    from_dict_action,
    from_dict_actions,
    from_multi_discrete,
    multi_discrete,
    to_box,
    to_dict_action,
    to_dict_actions,
    to_multi_discrete,
)
from cosearch.space.convert.optuna import from_optuna, to_optuna
from space_strategies import Case, any_designs, cases

SEEDS = st.integers(0, 2**32)
FLOAT_ENCODINGS = {
    "unit": (DesignSpace.to_unit, DesignSpace.from_unit),
    "box": (to_box, from_box),
    "onehot": (DesignSpace.to_onehot, DesignSpace.from_onehot),
}


@given(cases(), SEEDS)
@settings(max_examples=100)
@pytest.mark.parametrize("encoding", ["unit", "box", "onehot"])
def test_float_encodings_are_exact(encoding: str, case: Case, seed: int) -> None:
    designs = any_designs(case.space, seed)
    encode, decode = FLOAT_ENCODINGS[encoding]
    array = encode(case.space, designs)
    assert array.dtype == np.float64
    assert array.min(initial=0) >= (-1 if encoding == "box" else 0)
    assert array.max(initial=0) <= 1
    assert decode(case.space, array) == designs


@given(cases(), SEEDS)
def test_dicts_and_columns_are_exact(case: Case, seed: int) -> None:
    designs = any_designs(case.space, seed)
    assert case.space.designs(designs.to_dicts()) == designs
    assert case.space.designs({name: designs.column(name) for name in case.space.names}) == designs
    assert case.space.from_index(designs.index) == designs
    assert case.space.designs(designs[0]) == designs[:1]


@given(cases(), SEEDS)
def test_multi_discrete_is_exact_or_refused(case: Case, seed: int) -> None:
    space, designs = case.space, any_designs(case.space, seed)
    free = [p for p in space.parameters if p.name not in space.held]
    if any(isinstance(p, Real) or max(p.digit_sizes, default=0) > MAX_DISCRETE for p in free):
        with pytest.raises(SpaceError, match="use box"):
            multi_discrete(space)
        return
    array = to_multi_discrete(space, designs)
    assert from_multi_discrete(space, array) == designs
    if array.shape[1]:
        assert all(multi_discrete(space).contains(row) for row in array)


@given(cases(), SEEDS)
def test_dict_actions_are_exact(case: Case, seed: int) -> None:
    space, designs = case.space, any_designs(case.space, seed)
    assert from_dict_actions(space, to_dict_actions(space, designs)) == designs
    action = to_dict_action(space, designs[:1])
    assert dict_space(space).contains(action)
    assert from_dict_action(space, action) == designs[:1]


@given(cases(), SEEDS)
def test_any_action_is_a_design(case: Case, seed: int) -> None:
    interval = box(case.space)
    interval.seed(seed % 2**31)
    actions = np.stack([interval.sample() for _ in range(5)])
    assert len(from_box(case.space, actions).to_dicts()) == 5
    assert len(from_box(case.space, actions.astype(np.float32))) == 5
    everything = dict_space(case.space)
    everything.seed(seed % 2**31)
    assert len(from_dict_action(case.space, everything.sample())) == 1


@given(cases(), SEEDS)
def test_keys_are_equal_exactly_for_equal_designs(case: Case, seed: int) -> None:
    designs = any_designs(case.space, seed, n=30)
    keys, dicts = designs.keys(), [repr(design) for design in designs]
    assert len(set(keys)) == len(set(dicts))
    assert len(set(zip(keys, dicts, strict=True))) == len(set(keys))


SPACE = DesignSpace(
    [
        Categorical("policy", ["open", "closed", "cap"]),
        Integer("cap", 1, 8, when={"policy": "cap"}),
        Ordinal("rows", [8, 16, 32, 64]),
        Permutation("order", ["K", "C", "P"], when={"rows": (8, 64)}),
        Real("voltage_v", 0.5, 1.5),
    ]
)
DESIGNS = SPACE.designs(
    [
        {"policy": "cap", "cap": 3, "rows": 8, "order": ("P", "K", "C"), "voltage_v": 0.75},
        {"policy": "open", "rows": 16, "voltage_v": 1.5},
    ]
)


def test_what_the_encodings_look_like() -> None:
    assert DESIGNS.index.tolist() == [[2, 2, 0, 4, 250_000_000_000], [0, -1, 1, -1, 1_000_000_000_000]]
    third, sixth = 1 / 3, 1 / 6
    assert SPACE.to_unit(DESIGNS) == pytest.approx(
        np.array(
            [
                # policy, cap, rows, keys of K, C and P (their places), voltage
                [5 * sixth, 2.5 / 8, 1 / 8, 0.5, 5 * sixth, sixth, 0.25],
                [sixth, 0.5, 3 / 8, 0.5, 0.5, 0.5, 1.0],
            ]
        )
    )
    assert SPACE.to_onehot(DESIGNS).tolist() == [
        [0, 0, 1, 2.5 / 8, 1, 0, 0, 0, 0, 0, 1, 1, 0, 0, 0, 1, 0, 0.25],
        [1, 0, 0, 0.0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1.0],
    ]
    assert SPACE.onehot_layout.names[7:11] == ("rows=64", "order[0]=K", "order[0]=C", "order[0]=P")
    assert to_box(SPACE, DESIGNS)[:, 0].tolist() == pytest.approx([2 * third, -2 * third])


def test_decoding_ignores_inactive_coordinates() -> None:
    unit = SPACE.to_unit(DESIGNS)
    unit[1, [1, 3, 4, 5]] = [0.9, 0.1, 0.2, 0.0]
    assert SPACE.from_unit(unit) == DESIGNS
    index = DESIGNS.index.copy()
    index[1, 1] = 77
    assert SPACE.from_index(index) == DESIGNS


def test_one_design_may_be_a_vector() -> None:
    assert SPACE.from_unit(SPACE.to_unit(DESIGNS)[0]) == DESIGNS[:1]
    assert SPACE.from_index(DESIGNS.index[1]) == DESIGNS[1:]


def test_one_hot_takes_the_largest_column_of_a_soft_code() -> None:
    soft = SPACE.to_onehot(DESIGNS) * 0.8 + 0.1
    soft[:, [3, 17]] = SPACE.to_onehot(DESIGNS)[:, [3, 17]]
    assert SPACE.from_onehot(soft) == DESIGNS


@pytest.mark.parametrize("encoding", ["unit", "box", "onehot"])
def test_wrong_arrays_are_refused(encoding: str) -> None:
    encode, of_space = FLOAT_ENCODINGS[encoding]
    decode, good = functools.partial(of_space, SPACE), encode(SPACE, DESIGNS)
    for wrong in (np.nan, 1.5, np.inf, -1.01):
        bad = good.copy()
        bad[1, 2] = wrong
        with pytest.raises(DesignError, match=r"design 1: coordinate 2 \(.*\) is"):
            decode(bad)
    with pytest.raises(DesignError, match="expected an array of shape"):
        decode(good[:, 1:])
    with pytest.raises(DesignError, match="expected an array of numbers"):
        decode([["a"] * good.shape[1]])


def test_wrong_indices_are_refused() -> None:
    with pytest.raises(DesignError, match=r"position 4 of 'rows' is out of range; expected 0 to 3"):
        SPACE.from_index([0, -1, 4, 0, 0])
    with pytest.raises(DesignError, match=r"position -1 of 'policy'"):
        SPACE.from_index([-1, -1, 2, 0, 0])
    with pytest.raises(DesignError, match="integers"):
        SPACE.from_index([0.0, -1.0, 2.0, 0.0, 0.0])
    discrete = DesignSpace([Ordinal("rows", [8, 16])])
    with pytest.raises(DesignError, match=r"rows\[position\] is 2; expected 0 to 1"):
        from_multi_discrete(discrete, [[0], [2]])


def test_empty_batches_pass_through_every_encoding() -> None:
    none = DESIGNS[:0]
    assert none.to_dicts() == [] == none.keys()
    assert SPACE.from_unit(SPACE.to_unit(none)) == none
    assert SPACE.from_onehot(SPACE.to_onehot(none)) == none
    assert SPACE.designs([]) == none
    assert from_optuna(SPACE, to_optuna(SPACE, none)) == none
