from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from cosearch.arguments import assignment, parse_assignments

scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
values = st.recursive(
    scalars, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=5
)


@given(st.from_regex(r"[a-z_]+", fullmatch=True), values)
def test_an_argument_is_read_back_from_the_recorded_command(name, value):
    assert parse_assignments([assignment(name, value)], "--set") == {name: value}


def test_text_that_looks_like_a_number_stays_text():
    assert assignment("trace", "7") == 'trace="7"'
    assert assignment("workload", "zipf") == "workload=zipf"
