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

from cosearch.errors import CosearchError, SpaceError
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


def test_held_spaces_of_earlier_versions_keep_their_hash() -> None:
    space = DesignSpace([Ordinal("rows", [8, 16]), Permutation("order", ["K", "C"])], ["rows == 16"])
    data = {**space.to_dict(), "held": {"rows": 8, "order": ["C", "K"]}}
    held = DesignSpace.from_dict(data)
    assert held.held == {"rows": 8, "order": ("C", "K")}
    assert held.to_dict() == data
    assert held.hash() == "312c7673c360caa11f7d3d6dcc44e868e3bcce5746026ad994e10dbaa0d19079"


LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 20),
    st.sampled_from([2**63, -(2**70), 10**400]),
    st.floats(allow_nan=True),
    st.text(alphabet="ab_.\n'\"(<>=1", max_size=6),
    st.sampled_from(["open", "rows", "order", "real", "integer", "ordinal", "rows > 8", "__class__"]),
)
JSON = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from([*"abk", "kind"]), inner),
    max_leaves=8,
)
WHOLE = DesignSpace(SPACE.parameters, SPACE.forbidden, name="toy", groups={"array": ["rows", "order"]})


@st.composite
def mutated(draw: st.DrawFn, data: Any, changes: int = 3) -> Any:
    """JSON data in which some values are replaced, dropped, doubled or moved."""
    root = {"root": json.loads(json.dumps(data))}
    for _ in range(draw(st.integers(1, changes))):
        places = list(_places(root))
        parent, key = draw(st.sampled_from(places))
        match draw(st.sampled_from(["replace", "replace", "drop", "double", "move", "wrap"])):
            case "drop" if parent is not root:
                del parent[key]
            case "double" if isinstance(parent, list):
                parent.append(parent[key])
            case "move":
                other, place = draw(st.sampled_from(places))
                parent[key] = json.loads(json.dumps(other[place])) if _is_small(other[place]) else None
            case "wrap":
                parent[key] = [parent[key]]
            case _:
                parent[key] = draw(JSON)
    return root["root"]


def _places(data: Any) -> Any:
    for key in data if isinstance(data, dict) else range(len(data)):
        yield data, key
        if isinstance(data[key], dict | list):
            yield from _places(data[key])


def _is_small(value: Any) -> bool:
    try:
        return len(json.dumps(value)) < 2000
    except ValueError:  # an integer of thousands of digits
        return False


@given(mutated({**WHOLE.to_dict(), "held": {"rows": 16, "order": ["C", "K", "P"]}}))
@settings(deadline=None, max_examples=600)
def test_any_json_is_a_space_or_refused_in_one_line(data: Any) -> None:
    try:
        space = DesignSpace.from_dict(data)
    except CosearchError as error:
        assert_is_one_short_line(error)
    else:
        assert DesignSpace.from_dict(space.to_dict()) == space
        assert len(space.hash()) == 64


@given(st.one_of(mutated(SPACE.default()), mutated([SPACE.default()] * 3), JSON))
@settings(deadline=None, max_examples=600)
def test_any_json_is_designs_or_refused_in_one_line(data: Any) -> None:
    for space in (SPACE, SPACE.hold({"rows": 8})):
        try:
            designs = space.designs(data)
        except CosearchError as error:
            assert_is_one_short_line(error)
        else:
            assert space.designs(designs.to_dicts()) == designs


@given(mutated({name: [value] * 3 for name, value in SPACE.default().items()}))
@settings(deadline=None, max_examples=300)
def test_any_columns_are_designs_or_refused_in_one_line(data: Any) -> None:
    try:
        designs = SPACE.designs(data)
    except CosearchError as error:
        assert_is_one_short_line(error)
    else:
        assert SPACE.designs(designs.to_dicts()) == designs


def assert_is_one_short_line(error: CosearchError) -> None:
    assert str(error)
    assert "\n" not in str(error)
    assert len(str(error)) < 2000


@pytest.mark.parametrize("depth", [50, 100_000])
def test_deep_lists_are_refused(depth: int) -> None:
    nested: Any = 1
    for _ in range(depth):
        nested = [nested]
    for data in (
        nested,
        {**SPACE.to_dict(), "parameters": nested},
        {**SPACE.to_dict(), "held": {"rows": nested}},
    ):
        with pytest.raises(CosearchError):
            DesignSpace.from_dict(data)
    for design in (nested, {**SPACE.default(), "rows": nested}, {**SPACE.default(), "order": nested}):
        with pytest.raises(CosearchError):
            SPACE.designs(design)


def test_endless_integers_are_refused() -> None:
    endless = 10**5000
    whole = SPACE.to_dict()
    for change in (
        {"name": endless},
        {"format": endless},
        {"held": {"rows": endless}},
        {"groups": {"a": [endless]}},
    ):
        with pytest.raises(CosearchError):
            DesignSpace.from_dict({**whole, **change})
    for name in ("queue", "rows", "voltage_v", "policy", "order"):
        with pytest.raises(CosearchError, match="is not allowed"):
            SPACE.designs({**SPACE.default(), name: endless})
    for arguments in ({"low": -endless}, {"high": endless}, {"step": endless}, {"default": endless}):
        with pytest.raises(CosearchError):
            Integer("n", **{"low": 0, "high": 9, **arguments})
    with pytest.raises(CosearchError):
        Ordinal("rows", [1, endless, endless])
