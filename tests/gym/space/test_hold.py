"""Holding parameters at a value; the property tests beside this file draw held spaces too."""

import copy
import json
import pickle
from typing import Any

import numpy as np
import optuna as optuna_library
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cosearch.errors import DesignError, SpaceError, UnknownNameError
from cosearch.space import Categorical, DesignSpace, Forbidden, Integer, Ordinal, Permutation, Real
from cosearch.space.convert import configspace, gymnasium, optuna, pymoo
from space_strategies import Case, cases, is_same

ENCODINGS = [
    (DesignSpace.to_unit, DesignSpace.from_unit),
    (DesignSpace.to_onehot, DesignSpace.from_onehot),
    (gymnasium.to_box, gymnasium.from_box),
    (gymnasium.to_multi_discrete, gymnasium.from_multi_discrete),
    (gymnasium.to_dict_actions, gymnasium.from_dict_actions),
    (optuna.to_optuna, optuna.from_optuna),
    (pymoo.to_pymoo, pymoo.from_pymoo),
    (configspace.to_config, configspace.from_config),
]


def reverses_in_a_small_array(columns: Any) -> Any:
    return (columns["order"][:, 0] == "C") & (columns["rows"] < 16)


SPACE = DesignSpace(
    [
        Categorical("policy", ["open", "closed", "cap"]),
        Integer("cap", 1, 9, step=2, when={"policy": "cap"}),
        Categorical("adaptive", [False, True], when={"cap": [1, 3]}),
        Ordinal("precision", ["int4", "int8", "fp16"]),
        Ordinal("rows", [8, 16, 32]),
        Permutation("order", ["K", "C", "P"]),
    ],
    [
        "policy == 'closed' and precision < 'int8'",
        "cap > 5 and rows == 8",
        Forbidden(reverses_in_a_small_array, "reversed in a small array"),
    ],
    name="toy",
)


@given(cases(finite=True), st.integers(0, 99), st.data())
@settings(deadline=None)
def test_a_held_space_has_the_designs_with_these_values(case: Case, seed: int, data: st.DataObject) -> None:
    design = case.space.sample(1, seed)[0]
    names = data.draw(st.lists(st.sampled_from(list(design)), unique=True))
    expected = [
        other
        for other in case.space.enumerate()
        if all(name not in other or is_same(other[name], design[name]) for name in names)
    ]
    held = case.space.hold({name: design[name] for name in names})
    assert [repr(other) for other in held.enumerate()] == [repr(other) for other in expected]
    assert repr(held.default()) in map(repr, expected)


@pytest.mark.parametrize(
    "values",
    [
        {"policy": "closed"},  # a condition that can never hold, and a rule that always half does
        {"policy": "cap", "cap": 9},  # grandchildren that can never be active
        {"precision": "int4"},  # a rule that compares with values that are gone
        {"order": ["C", "K", "P"]},  # a rule that is a function
        {"cap": 7},  # held where it is active
    ],
    ids=str,
)
def test_conditions_and_rules_go_on(values: dict[str, Any]) -> None:
    def fits(design: dict[str, Any]) -> bool:
        return all(
            name not in design or design[name] == (tuple(value) if isinstance(value, list) else value)
            for name, value in values.items()
        )

    held = SPACE.hold(values)
    expected = [design for design in SPACE.enumerate() if fits(design)]
    assert list(held.enumerate()) == expected
    assert held.cardinality() == len(expected)
    drawn = held.sample(500, 0)
    assert all(design in expected for design in drawn)
    assert SPACE.from_index(drawn.index) == SPACE.designs(list(drawn)) == SPACE.designs(drawn)
    assert drawn.keys() == SPACE.designs(drawn).keys()
    assert held.designs(SPACE.designs(drawn)) == drawn


def test_what_is_held_takes_no_other_value() -> None:
    held = SPACE.hold({"rows": 32})
    assert held.held == {"rows": 32}
    with pytest.raises(DesignError, match=r"'rows': 8 is not allowed; expected 32, at which it is held$"):
        held.designs({**held.default(), "rows": 8})
    with pytest.raises(DesignError, match="expected 32, at which it is held"):
        held.hold({"rows": 16})
    both = held.hold({"precision": "fp16"})
    assert both == SPACE.hold({"precision": "fp16", "rows": 32})
    assert SPACE.hold({}) is SPACE


def test_a_forbidden_default_gives_way_to_the_nearest() -> None:
    space = DesignSpace(
        [Integer("x", 0, 9, default=0), Integer("y", 0, 9, default=0), Ordinal("z", [1, 2, 3])], ["x > y"]
    )
    default = space.hold({"x": 5}).default()
    assert default["x"] == 5
    assert default["y"] >= 5
    assert default["z"] == 2


@pytest.mark.parametrize("real", [[], [Real("r", 0, 1)]], ids=["finite", "infinite"])
def test_wrong_wishes_are_one_line(real: list[Real]) -> None:
    space = DesignSpace([*SPACE.parameters, *real], SPACE.forbidden, name="toy")
    with pytest.raises(UnknownNameError, match="unknown parameter 'polcy'; did you mean 'policy'"):
        space.hold({"polcy": "open"})
    with pytest.raises(DesignError, match="'policy': 'opne' is not allowed; .* the nearest is 'open'"):
        space.hold({"policy": "opne"})
    with pytest.raises(DesignError, match="'cap' cannot be held: it is inactive with policy at 'open'"):
        space.hold({"policy": "open", "cap": 3})
    with pytest.raises(SpaceError, match='no allowed design with policy="closed", precision="int4"'):
        space.hold({"policy": "closed", "precision": "int4"})


def test_it_is_another_space_in_json_in_its_hash_and_in_a_copy() -> None:
    space = DesignSpace(SPACE.parameters, [rule for rule in SPACE.forbidden if rule.expression], name="toy")
    held = space.hold({"policy": "cap", "order": ["C", "K", "P"]})
    assert held != space
    assert held.hash() not in (space.hash(), space.hold({"policy": "cap"}).hash())
    for same in (
        DesignSpace.from_dict(json.loads(json.dumps(held.to_dict()))),
        pickle.loads(pickle.dumps(held)),
        copy.copy(held),
    ):
        assert same == held
        assert same.held == held.held
        assert same.hash() == held.hash()
        assert same.sample(20, 1) == held.sample(20, 1)


def test_held_reals_and_permutations_pass_through_every_encoding() -> None:
    space = DesignSpace([Real("v", 0.5, 1.5), Permutation("order", [1, 2, 3]), Integer("n", 1, 4)])
    held = space.hold({"v": 0.75, "order": [3, 1, 2]})
    designs = held.enumerate()
    assert [design["n"] for design in designs] == [1, 2, 3, 4]
    assert designs[0] == {"v": 0.75, "order": (3, 1, 2), "n": 1}
    assert designs["order"].shape == (4, 3)
    for encode, decode in ENCODINGS:
        assert decode(held, encode(held, designs)) == designs


@pytest.mark.parametrize("items", [["a"], ["a", "b"], [1, 2, 3]])
def test_a_held_permutation_is_read_as_one_design_and_as_a_column(items: list[Any]) -> None:
    for other in ([], [Integer("n", 1, 4)]):
        held = DesignSpace([Permutation("order", items), *other]).hold({"order": items[::-1]})
        designs = held.enumerate()
        assert held.designs(designs[0]) == designs[:1]
        assert held.designs(designs.to_dicts()) == designs
        assert held.designs({name: designs.column(name) for name in held.names}) == designs


def is_small(space: DesignSpace) -> bool:
    """Whether it can be counted, and has less than a million designs."""
    try:
        return space.cardinality() < 1e6
    except SpaceError:
        return False


@given(cases(), st.integers(0, 99), st.data())
@settings(deadline=None, max_examples=60)
def test_holding_is_a_mask_over_the_same_columns(case: Case, seed: int, data: st.DataObject) -> None:
    design = case.space.sample(1, seed)[0]
    names = data.draw(st.lists(st.sampled_from(list(design)), unique=True))
    held = case.space.hold({name: design[name] for name in names})
    assert held.parameters == case.space.parameters
    assert (held.unit_dim, held.onehot_dim, held.key_dtype) == (
        *(case.space.unit_dim, case.space.onehot_dim, case.space.key_dtype),
    )
    drawn = held.sample(20, seed)
    free = case.space.from_index(drawn.index)
    assert drawn.keys() == free.keys()
    assert drawn.to_dicts() == free.to_dicts()
    assert held.designs_from_packed(free.packed()) == held.designs(free) == drawn
    assert (held.to_unit(drawn) == case.space.to_unit(free)).all()
    assert (held.to_onehot(drawn) == case.space.to_onehot(free)).all()
    assert optuna.to_optuna(held, drawn) == optuna.to_optuna(case.space, free)
    anything = np.random.default_rng(seed).random((20, held.unit_dim))
    for decoded in (held.from_unit(anything), held.sobol(5, seed) if is_small(held) else drawn):
        for name in names:
            assert {repr(row[name]) for row in decoded if name in row} <= {repr(design[name])}


def test_another_value_is_refused_by_every_decoder() -> None:
    held = SPACE.hold({"rows": 32, "order": ["C", "K", "P"]})
    other = SPACE.designs({**held.default(), "rows": 8})
    with pytest.raises(DesignError, match="position 0 of 'rows' is out of range; expected 2, at which it is"):
        held.from_index(other.index)
    with pytest.raises(DesignError, match="position 0 of 'rows'"):
        held.designs(other)
    for encode, decode in [
        (optuna.to_optuna, optuna.from_optuna),
        (pymoo.to_pymoo, pymoo.from_pymoo),
        (configspace.to_config, configspace.from_config),
    ]:
        with pytest.raises(DesignError, match="codes no value of 'rows'; expected 32, at which it is held"):
            decode(held, encode(SPACE, other))
    action = gymnasium.to_multi_discrete(held, held.default())
    assert gymnasium.multi_discrete(held).nvec.tolist()[4:] == [1, 1, 1]
    action[0, 4] = 1
    with pytest.raises(DesignError, match=r"rows\[position\] is 1; expected 0 to 0"):
        gymnasium.from_multi_discrete(held, action)


def test_libraries_draw_only_what_is_held() -> None:
    held = SPACE.hold({"rows": 32, "order": ["C", "K", "P"], "policy": "cap"})
    expected = {"rows": 32, "order": ("C", "K", "P"), "policy": "cap"}
    trial = optuna_library.create_study(sampler=optuna_library.samplers.RandomSampler(seed=1)).ask()
    variables = pymoo.pymoo_variables(held)
    drawn = [
        optuna.suggest(held, trial),
        *pymoo.from_pymoo(held, [{name: variable.sample() for name, variable in variables.items()}]),
        *configspace.from_config(held, configspace.config_space(held).sample_configuration(3)),
        *gymnasium.from_multi_discrete(held, gymnasium.multi_discrete(held).sample()),
    ]
    for design in drawn:
        assert {name: design[name] for name in expected} == expected


def test_no_neighbour_moves_what_is_held() -> None:
    held = SPACE.hold({"rows": 32, "policy": "cap"})
    design = held.default()
    around = held.neighbours(design)
    assert set(around["rows"]) == {32}
    assert set(around["policy"]) == {"cap"}
    assert len(SPACE.hold(SPACE.default()).neighbours(SPACE.default())) == 0
