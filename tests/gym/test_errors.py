"""What counts as near enough to be suggested, and what messages show of long values."""

import pytest

from cosearch.errors import hint, nearest, shown, unknown_name


@pytest.mark.parametrize(
    ("name", "valid"),
    [
        ("opne", "open"),
        ("zpif", "zipf"),
        ("toi", "toy"),
        ("lef", "left"),
        ("alpah", "alpha"),
        ("row_polcy", "row_policy"),
        ("maxsteps", "max_steps"),
        ("Max-Steps", "max_steps"),
        ("latency", "latency_ns"),
        ("latncy", "latency_ns"),
        ("latency", "read_latency_ns"),
        ("analytic", "analytical"),
        ("RoBaRaChCo", "RoBaRaCoCh"),
        ("depth", "network.depth"),
        ("netwrok.depth", "network.depth"),
        ("objective", "objectives"),
        ("one-shot", "oneshot"),
        ("X", "x"),
    ],
)
def test_what_is_near(name: str, valid: str) -> None:
    others = ["something_else", "quite.different", "unit"]
    assert nearest(name, [*others, valid]) == valid
    assert hint(name, [*others, valid]) == f"; did you mean {valid!r}?"


@pytest.mark.parametrize(
    ("name", "valid"),
    [
        ("x", "y"),
        ("x", "xyz"),
        ("x", "max"),
        ("n", "rows"),
        ("ab", "ac"),
        ("width", "depth"),
        ("rows", "columns"),
        ("area", "latency"),
        ("energy", "latency_ns"),
        ("random", "nsga2"),
        ("cat", "caption"),
        ("", "rows"),
        ("__class__", "glass_house"),
        ("read_energy", "write_latency"),
    ],
)
def test_what_is_not_near(name: str, valid: str) -> None:
    assert nearest(name, [valid]) is None
    assert hint(name, [valid]) == ""


def test_the_nearest_of_several_is_named() -> None:
    assert nearest("bank", ["banks", "bank_groups", "rank"]) == "banks"
    assert nearest("int9", ["int4", "int8", "fp16"]) == "int8"
    assert nearest("pe_row", ["hardware.pe_rows", "hardware.pe_columns"]) == "hardware.pe_rows"


def test_names_are_listed_only_where_none_is_near_and_they_are_few() -> None:
    few, many = ["left", "right"], [f"name{i}" for i in range(13)]
    assert str(unknown_name("side", "lefft", few)) == "unknown side 'lefft'; did you mean 'left'?"
    assert str(unknown_name("side", "x", few)) == "unknown side 'x'; valid: left, right"
    assert str(unknown_name("side", "x", many)) == "unknown side 'x'"
    assert str(unknown_name("side", "x", [])) == "unknown side 'x'; there is none"


def test_long_values_are_cut() -> None:
    assert shown("a\nb") == "'a\\nb'"
    assert shown(list(range(1000)), 20) == "[0, 1, 2, 3, 4, 5, 6..."
    assert shown(10**5000) == "<int>"
