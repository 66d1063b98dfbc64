"""Units: how many of one are one of another, against the SI's own definitions."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from cosearch import units
from cosearch.registry import registry


@pytest.mark.parametrize(
    ("given", "wanted", "times"),
    [
        ("us", "ns", 1000),
        ("ms", "s", Fraction(1, 1000)),
        ("h", "s", 3600),
        ("min", "ms", 60_000),
        ("mJ", "pJ", 10**9),
        ("MJ", "mJ", 10**9),
        ("GB/s", "MB/s", 1000),
        ("GB/s", "B/ns", 1),
        ("pJ/bit", "nJ/bit", Fraction(1, 1000)),
        ("MiB", "B", 1 << 20),
        ("GiB", "MiB", 1024),
        ("um2", "mm2", Fraction(1, 10**6)),
        ("mm^2", "mm²", 1),
        ("cm2", "mm2", 100),
        ("%", "1", Fraction(1, 100)),
        ("µs", "us", 1),
        ("dB", "dB", 1),
        ("pJ s", "pJ s", 1),
    ],
)
def test_units_of_one_kind_convert(given, wanted, times):
    assert units.factor(given, wanted) == times
    assert units.factor(wanted, given) == 1 / Fraction(times)


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ("ns", "pJ"),
        ("cycles", "ns"),
        ("GB/s", "GB"),
        ("mm2", "mm"),
        ("dB", "1"),
        ("furlong", "ns"),
        ("", "ns"),
    ],
)
def test_units_of_different_kinds_do_not(given, wanted):
    assert units.factor(given, wanted) is None


def test_conversion_rounds_once():
    values = np.array([0.1, 3.3, 254.63083333333336])
    assert units.converted(values, units.factor("ns", "us")).tolist() == (values / 1000).tolist()
    assert units.converted(values, units.factor("us", "ns")).tolist() == (values * 1000).tolist()


@pytest.mark.parametrize(
    ("end", "wanted", "unit"),
    [
        ("us", "ns", "us"),
        ("mj", "pJ", "mJ"),
        ("mb", "B", "MB"),
        ("gb_per_s", "MB/s", "GB/s"),
        ("per_s", "1/s", "1/s"),
        ("per_min", "1/s", "1/min"),
        ("x", "ns", None),
    ],
)
def test_a_unit_at_the_end_of_a_name(end, wanted, unit):
    assert units.spelled(end, wanted) == unit


def test_a_rate_s_name_carries_its_unit():
    assert units.stem("goodput_per_s", "1/s") == "goodput"
    assert units.stem("bandwidth_gb_per_s", "GB/s") == "bandwidth"
    assert units.stem("devices", "1") == "devices"


def test_every_built_in_metric_fits_itself():
    found = {
        metric.unit for problem in registry().problems.values() for metric in getattr(problem, "metrics", ())
    }
    assert {"ns", "pJ", "mm2"} <= found
    for unit in found:
        assert units.factor(unit, unit) == 1
        assert units.fitting(unit)[0] == unit


def test_a_number_too_large_for_the_unit_is_infinite_without_a_warning():
    assert units.converted(np.array([1e308, 2.0]), units.factor("s", "ns")).tolist() == [np.inf, 2e9]
