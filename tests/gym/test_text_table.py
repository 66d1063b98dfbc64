"""Tables on a terminal: whatever the width, no word and no number is split."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from cosearch.text_table import print_columns

words = st.text(st.characters(categories=["Ll", "Nd"]), min_size=1, max_size=14)
cells = st.lists(words, min_size=0, max_size=5).map(" ".join)


def printed(width, heads, rows, numeric=()):
    file = io.StringIO()
    print_columns(Console(file=file, width=width), "Title", heads, rows, numeric)
    return file.getvalue()


@given(
    st.integers(30, 90),
    st.integers(1, 9).flatmap(
        lambda k: st.lists(st.lists(cells, min_size=k, max_size=k), min_size=1, max_size=5)
    ),
)
def test_every_word_is_there_whole_and_no_line_is_too_long(width, rows):
    heads = [f"head{k}" for k in range(len(rows[0]))]
    text = printed(width, heads, rows)
    assert max(map(len, text.splitlines())) <= width
    found = text.split()
    for word in [*heads, *(word for row in rows for cell in row for word in cell.split())]:
        assert word in found


def test_a_table_that_fits_is_one():
    text = printed(40, ["name", "value"], [["a", 1], ["b", 22]], ["value"])
    assert [line.rstrip() for line in text.splitlines()] == [
        "Title",
        "name  value",
        "a         1",
        "b        22",
    ]


def test_a_table_that_is_too_wide_goes_on_below_with_its_rows_numbered():
    heads = ["latency [ns]", "energy [pJ]", "dataflow", "rows"]
    rows = [["123.45", "67.8", "row_stationary", 16], ["99", "70", "weight_stationary", 8]]
    lines = [line.rstrip() for line in printed(36, heads, rows, heads[:2]).splitlines()]
    assert lines == [
        "Title",
        "#  latency [ns]  energy [pJ]",
        "1        123.45         67.8",
        "2            99           70",
        "",
        "#  dataflow           rows",
        "1  row_stationary     16",
        "2  weight_stationary  8",
    ]


@pytest.mark.parametrize("text", ["[bold]x[/]", "a\x1b[31mb", "two\nlines"])
def test_a_cell_is_never_markup_or_a_control_code(text):
    shown = printed(60, ["name"], [[text]])
    assert "\x1b" not in shown
    assert len(shown.splitlines()) == 3
