"""Units: the SI brochure's prefixes and derived units, IEC 80000-13's binary prefixes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cosearch.command_simulator import UnitError, converted

SCALED = ["fs", "ps", "ns", "us", "µs", "ms", "s", "min", "h"]


@pytest.mark.parametrize(
    ("value", "unit", "wanted", "expected"),
    [
        (12345, "ps", "ns", 12.345),
        (1, "h", "s", 3600),
        (2.5, "GHz", "MHz", 2500),
        (1, "kWh", "MJ", 3.6),
        (3, "mW", "pJ/ns", 3),
        (1, "GB/s", "Gbps", 8),
        (1, "KiB", "B", 1024),
        (64, "kbit", "bytes", 8000),
        (1, "mm^2", "um^2", 1e6),
        (1, "mm2", "um²", 1e6),
        (7, "pJ*ns", "fJ·us", 7),
        (50, "%", "1", 0.5),
        (5, "tokens/ms", "tokens/s", 5000),
        (3, "Mcycles", "cycles", 3e6),
        (4, "anything of mine", "anything of mine", 4),
    ],
)
def test_a_number_in_another_unit(value, unit, wanted, expected):
    assert converted(value, unit, wanted) == expected


@pytest.mark.parametrize(
    ("unit", "wanted"),
    [("ns", "pJ"), ("cycles", "ns"), ("mm", "mm^2"), ("nss", "ns"), ("GB", "GB/s"), ("1", "ns")],
)
def test_what_measures_something_else_is_refused(unit, wanted):
    with pytest.raises(UnitError, match="which is no unit for"):
        converted(1.0, unit, wanted)


def test_a_unit_that_may_mean_two_things_is_refused():
    with pytest.raises(UnitError, match="say kB or KiB"):
        converted(1.0, "KB", "B")


@given(st.floats(1e-6, 1e6), st.sampled_from(SCALED), st.sampled_from(SCALED))
def test_there_and_back_is_the_same_to_the_last_digit(value, unit, wanted):
    assert converted(converted(value, unit, wanted), wanted, unit) == pytest.approx(value, rel=4e-16)
