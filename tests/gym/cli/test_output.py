"""How tables write numbers: in a README and in the terminal alike."""

from __future__ import annotations

import pytest

from cosearch.quantities import number, relative_error


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0 %"),
        (1.307e-16, "0 %"),
        (1e-8, "0.000001 %"),
        (0.000131, "0.0131 %"),
        (0.03, "3 %"),
        (0.123456, "12.3 %"),
        (0.9996, "99.9 %"),
        (1.0, "100 %"),
        (12.345, "1,230 %"),
        (float("inf"), ""),
    ],
)
def test_relative_errors_are_percentages(value: float, text: str) -> None:
    assert relative_error(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (3570080.4, "3,570,080"),
        (999.96, "1,000"),
        (13.2049, "13.2"),
        (0.99731, "0.9973"),
        (1.0, "1"),
        (0.0, "0"),
    ],
)
def test_other_numbers_have_their_thousands_apart(value: float, text: str) -> None:
    assert number(value, 4) == text
