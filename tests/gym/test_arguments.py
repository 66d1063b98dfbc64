from __future__ import annotations

from typing import Literal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cosearch.arguments import assignment, check_arguments, parse_assignments
from cosearch.errors import ArgumentError

scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
values = st.recursive(
    scalars, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=5
)


@given(st.from_regex(r"[a-z_]+", fullmatch=True), values)
def test_an_argument_is_read_back_from_the_recorded_command(name, value):
    assert parse_assignments([assignment(name, value)], "--set") == {name: value}


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ('players={"a": {"b": 1, "b": 2}}', "--set 'players': 'b' is given twice"),
        ("players=" + "[" * 100_000, "--set 'players': the value is nested too deeply"),
        ("threads=" + "7" * 5000, "--set 'threads': a number has 5,000 digits"),
    ],
)
def test_json_that_hides_something_is_refused_in_one_line(text, line):
    with pytest.raises(ArgumentError, match=line):
        parse_assignments([text], "--set")


def test_text_that_looks_like_a_number_stays_text():
    assert assignment("trace", "7") == 'trace="7"'
    assert assignment("workload", "zipf") == "workload=zipf"


def takes(*, lanes: int = 1, clock_ghz: float = 1.0, trace: str = "", fast: bool = False) -> None:
    """A constructor."""


@pytest.mark.parametrize("name", ["lanes", "clock_ghz"])
def test_true_is_no_number(name):
    with pytest.raises(ArgumentError, match=f"problem p: {name} must be a .*number, got True"):
        check_arguments(takes, {name: True}, "problem p")


def test_every_kind_that_an_argument_may_have_is_told():
    def searches(*, device: bool | Literal["speed_grade"] = False) -> None:
        """A constructor of a union."""

    with pytest.raises(ArgumentError, match="device must be true, false or 'speed_grade', got 'foo'"):
        check_arguments(searches, {"device": "foo"}, "problem p")


def test_true_is_a_switch_and_can_be_a_name():
    assert check_arguments(takes, {"fast": True, "trace": True}, "p") == {"fast": True, "trace": "true"}


def test_numbers_of_numpy_are_numbers():
    checked = check_arguments(takes, {"lanes": np.int64(4), "clock_ghz": np.float32(0.5)}, "problem p")
    assert checked == {"lanes": 4, "clock_ghz": 0.5}
    assert [type(value) for value in checked.values()] == [int, float]
    with pytest.raises(ArgumentError, match="lanes"):
        check_arguments(takes, {"lanes": np.float64(4.5)}, "problem p")
