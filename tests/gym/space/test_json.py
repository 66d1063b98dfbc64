"""A space as JSON: round trip, stable hash, and a schema that accepts exactly its designs."""

import json
import os
import subprocess
import sys
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cosearch.errors import SpaceError
from cosearch.space import Categorical, DesignSpace, Forbidden, Integer, Ordinal, Permutation, Real
from space_strategies import Case, any_designs, cases

SPACE = DesignSpace(
    [
        Categorical("policy", ["open", "closed", "cap"], description="what a row does after an access"),
        Integer("cap", 3, 15, step=4, when={"policy": "cap"}),
        Integer("queue", 4, 64, step=4, default=16),
        Ordinal("rows", [8, 16, 32], default=8),
        Real("voltage_v", 0.5, 1.5),
        Permutation("order", ["K", "C", "P"]),
        Categorical("limit", [None, True, 2]),
    ],
    [Forbidden("queue > rows * 4", reason="the queue outgrows the array")],
    name="toy",
)


@given(cases())
@settings(deadline=None)
def test_spaces_survive_json(case: Case) -> None:
    copy = DesignSpace.from_dict(json.loads(json.dumps(case.space.to_dict())))
    assert copy == case.space
    assert copy.hash() == case.space.hash()


@given(cases(), st.integers(0, 999))
@settings(deadline=None, max_examples=50)
def test_the_schema_accepts_every_design(case: Case, seed: int) -> None:
    schema = json.loads(json.dumps(case.space.json_schema()))
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    for design in any_designs(case.space, seed, n=10):
        validator.validate(json.loads(json.dumps(design)))


@pytest.mark.parametrize(
    "change",
    [
        {"policy": "opne"},
        {"policy": "cap"},
        {"cap": 3},
        {"policy": "cap", "cap": 4},
        {"queue": 6},
        {"queue": 68},
        {"rows": "8"},
        {"voltage_v": 1.6},
        {"order": ["K", "C"]},
        {"order": ["K", "C", "C"]},
        {"limit": 1},
        {"limit": False},
        {"more": 1},
    ],
)
def test_the_schema_refuses_what_the_space_refuses(change: dict[str, Any]) -> None:
    validator = jsonschema.Draft202012Validator(SPACE.json_schema())
    design = json.loads(json.dumps(SPACE.default()))
    validator.validate(design)
    assert not validator.is_valid(design | change)
    with pytest.raises(ValueError):
        SPACE.designs(design | change)


def test_the_hash_is_the_same_in_every_process() -> None:
    script = (
        "import json, sys; from cosearch.space import DesignSpace;"
        "space = DesignSpace.from_dict(json.load(sys.stdin));"
        "print(space.hash(), b''.join(space.sample(5, 1).keys()).hex())"
    )
    printed = {
        subprocess.run(
            [sys.executable, "-c", script],
            input=json.dumps(SPACE.to_dict()),
            env=os.environ | {"PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(sys.path)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.split()[0]
        for seed in ("0", "12345")
    }
    assert printed == {SPACE.hash()}


def test_the_hash_is_written_down() -> None:
    # a study found on disk must still match its space: change FORMAT when this has to change
    space = DesignSpace([Ordinal("rows", [8, 16]), Real("voltage_v", 0.5, 1.5)], ["rows == 16"])
    assert space.hash() == "f76b273e3e18206e26703e6db95679373f0d0710e5106ad07f9ecb3b43fa8711"


def test_what_the_hash_depends_on() -> None:
    def hashed(*values: Any, rule: str = "a == 2", **arguments: Any) -> str:
        return DesignSpace([Ordinal("a", values, default=1, **arguments)], [rule]).hash()

    assert hashed(1, 2) == hashed(1, 2, description="words")
    assert len({hashed(1, 2), hashed(1, 2, 3), hashed(2, 1), hashed(1, 2.0), hashed(1, 2, rule="a > 1")}) == 5


def test_functions_are_named_and_hashed_but_not_read_back() -> None:
    def large(columns: Any) -> Any:
        return columns["rows"] > 16

    space = DesignSpace(SPACE.parameters, [Forbidden(large, "large")])
    with pytest.raises(SpaceError, match="is a function, which JSON does not hold"):
        DesignSpace.from_dict(space.to_dict())
    assert DesignSpace.from_dict(space.to_dict(), drop_functions=True) == DesignSpace(SPACE.parameters)
    assert space.hash() == DesignSpace(SPACE.parameters, [Forbidden(large, "large")]).hash()
    assert space.hash() != DesignSpace(SPACE.parameters, [Forbidden(large, "too large")]).hash()
    assert space.json_schema()["x-forbidden"][0]["reason"] == "large"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": 99}, "not a design space of format"),
        ({"parameters": [{"kind": "ordnal", "name": "a", "values": [1]}]}, "did you mean 'ordinal'"),
        ({"parameters": [{"kind": "ordinal", "name": "a"}]}, "cannot be read"),
        ({"parameters": [{"name": "a"}]}, "cannot be read"),
        ({"forbidden": [{"expression": "nothing > 1", "reason": ""}]}, "unknown parameter 'nothing'"),
    ],
)
def test_damaged_json_is_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(SpaceError, match=message):
        DesignSpace.from_dict(SPACE.to_dict() | change)
