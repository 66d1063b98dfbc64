"""Batches of designs, and what is said about wrong ones."""

import pickle
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cosearch.errors import DesignError, SpaceError, UnknownNameError
from cosearch.space import Categorical, Designs, DesignSpace, Integer, Ordinal, Permutation, Real
from space_strategies import Case, any_designs, cases

SPACE = DesignSpace(
    [
        Categorical("row_policy", ["open", "closed", "closed_cap"]),
        Integer("cap", 1, 16, when={"row_policy": ("closed_cap",)}),
        Ordinal("banks", [4, 8, 16, 32]),
        Real("voltage_v", 0.8, 1.2),
        Permutation("order", ["K", "C", "P"]),
        Categorical("flag", [True, False]),
    ],
    name="toy",
)
GOOD: dict[str, Any] = {
    "row_policy": "open",
    "banks": 8,
    "voltage_v": 1.1,
    "order": ("P", "C", "K"),
    "flag": True,
}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"banks": 12},
            r"parameter 'banks': 12 is not allowed; expected one of 4, 8, 16, 32; the nearest is 8",
        ),
        ({"banks": "8"}, "'8' is not allowed"),
        ({"banks": None}, "None is not allowed"),
        ({"banks": [8]}, r"\[8\] is not allowed"),
        ({"row_policy": "opne"}, "the nearest is 'open'"),
        ({"voltage_v": 2}, r"2 is not allowed; expected a number from 0.8 to 1.2; the nearest is 1.2"),
        ({"voltage_v": float("nan")}, "nan is not allowed"),
        ({"order": ("K", "C")}, "in some order"),
        ({"order": ("K", "C", "C")}, "in some order"),
        ({"order": "KCP"}, "in some order"),
        ({"flag": 1}, "1 is not allowed; expected one of True, False"),
        ({"bank": 8}, "unknown parameter 'bank'; did you mean 'banks'"),
        (
            {"cap": 3},
            r"'cap' is inactive, so leave it out, not 3; it needs row_policy = 'closed_cap' \(is 'open'\)",
        ),
        ({"row_policy": "closed_cap"}, "'cap' is missing; expected an integer from 1 to 16"),
        ({"row_policy": "closed_cap", "cap": 17}, "the nearest is 16"),
        ({"row_policy": "closed_cap", "cap": 1.5}, "1.5 is not allowed; expected an integer"),
    ],
)
def test_wrong_designs_are_named_in_one_line(change: dict[str, Any], message: str) -> None:
    with pytest.raises(DesignError, match=message) as caught:
        SPACE.designs({**GOOD, **change})
    assert "\n" not in str(caught.value)
    with pytest.raises(DesignError, match="design 1: "):
        SPACE.designs([GOOD, {**GOOD, **change}])


def test_missing_parameters_and_things_that_are_no_designs() -> None:
    with pytest.raises(DesignError, match="'banks' is missing"):
        SPACE.designs({name: value for name, value in GOOD.items() if name != "banks"})
    for thing in (None, 7, "open", [7]):
        with pytest.raises(DesignError, match="expected a dict"):
            SPACE.designs(thing)  # type: ignore[arg-type]
    with pytest.raises(DesignError, match="missing"):
        SPACE.designs({})


def test_columns() -> None:
    designs = SPACE.designs(
        {
            "row_policy": ["open", "closed_cap"],
            "cap": [0, 5],  # the first is inactive, so anything may stand there
            "banks": np.array([4, 32]),
            "voltage_v": np.array([0.8, 1.0]),
            "order": [["K", "C", "P"], ["C", "K", "P"]],
            "flag": np.array([True, False]),
        }
    )
    assert designs[1] == {
        "row_policy": "closed_cap",
        "cap": 5,
        "banks": 32,
        "voltage_v": 1.0,
        "order": ("C", "K", "P"),
        "flag": False,
    }
    assert "cap" not in designs[0]
    assert designs.column("cap").tolist() == [8, 5]  # the default where inactive
    assert designs.active("cap").tolist() == [False, True]
    assert designs["banks"].dtype == np.int64
    assert designs["flag"].dtype == np.bool_
    assert designs["order"].tolist() == [["K", "C", "P"], ["C", "K", "P"]]
    assert [type(value) for value in designs[1].values()] == [str, int, int, float, tuple, bool]


def test_wrong_columns() -> None:
    columns = {name: [value, value] for name, value in GOOD.items()}
    assert len(SPACE.designs(columns)) == 2
    with pytest.raises(DesignError, match="'flag': 1 values; expected 2"):
        SPACE.designs({**columns, "flag": [True]})
    with pytest.raises(DesignError, match="design 1: parameter 'banks': 9"):
        SPACE.designs({**columns, "banks": [8, 9]})
    with pytest.raises(DesignError, match="'cap' is missing"):
        SPACE.designs({**columns, "row_policy": ["open", "closed_cap"]})
    with pytest.raises(DesignError, match="unknown parameter 'bank'"):
        SPACE.designs({**columns, "bank": [8, 8]})


def test_a_batch_is_a_sequence() -> None:
    designs = SPACE.designs([GOOD, {**GOOD, "banks": 16}, {**GOOD, "banks": 32}])
    assert designs[-1]["banks"] == 32
    assert list(designs) == designs.to_dicts()
    assert designs[1:]["banks"].tolist() == designs[[1, 2]]["banks"].tolist() == [16, 32]
    assert designs[np.array([True, False, True])]["banks"].tolist() == [8, 32]
    assert Designs.concat([designs[:1], designs[1:]]) == designs
    assert designs[:1] != designs[1:2]
    assert GOOD in designs
    with pytest.raises(IndexError):
        designs[3]
    with pytest.raises(UnknownNameError, match="did you mean 'banks'"):
        designs["bank"]
    with pytest.raises(ValueError, match="read-only"):
        designs.index[0, 0] = 1
    with pytest.raises(SpaceError, match="at least one batch"):
        Designs.concat([])
    with pytest.raises(SpaceError, match="one space"):
        Designs.concat([designs, DesignSpace([Ordinal("a", [1])]).sample(1, 0)])


@given(cases(), st.integers(0, 999))
def test_batches_and_spaces_survive_pickling(case: Case, seed: int) -> None:
    designs = any_designs(case.space, seed)
    copy = pickle.loads(pickle.dumps(designs))
    assert copy == designs
    assert copy.keys() == designs.keys()
    assert not copy.index.flags.writeable


def test_a_space_is_a_collection_of_parameters() -> None:
    assert SPACE["banks"].size == 4
    assert "banks" in SPACE
    assert "bank" not in SPACE
    assert len(SPACE) == 6
    assert [parameter.name for parameter in SPACE] == list(SPACE.names)
    with pytest.raises(UnknownNameError, match="unknown parameter 'volts'"):
        SPACE["volts"]
    assert SPACE.default() == {
        "row_policy": "open",
        "banks": 8,
        "voltage_v": 1.0,
        "order": ("K", "C", "P"),
        "flag": True,
    }
    assert DesignSpace(SPACE.parameters, name="toy") == SPACE
    assert DesignSpace(SPACE.parameters[:5], name="toy") != SPACE
    assert DesignSpace([Categorical("a", [1])]) != DesignSpace([Categorical("a", [True])])
