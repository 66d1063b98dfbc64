"""How numbers are written for people: one prefix for each column, and nothing but rounding is lost."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from cosearch.quantities import EXPONENTS, Scale, number, quantity, relative_error

sizes = st.floats(1e-280, 1e280) | st.floats(1e-3, 1e12)
values = st.lists(st.just(0.0) | sizes | sizes.map(lambda value: -value), min_size=1, max_size=20)
UNITS = (
    "ns", "us", "s", "pJ", "J", "mW", "W", "Hz", "MHz", "B", "kB", "GB/s", "pJ s", "bit/s", "mm2", "um2",
    "mm^2", "cycles", "1", "%", "dB", "bytes", "", "mm2/s", "<b>",
)  # fmt: skip
units = st.sampled_from(UNITS)


def read(text):
    return float(text.replace(",", ""))


def power_of(unit):
    """What ten to the power of it a unit is worth, as SI has it."""
    if area := re.match(r"(um|mm)(?=\^?2$)", unit):
        return {"um": -12, "mm": -6}[area[0]]
    head = re.split("[/ ]", unit)[0]
    base = next(b for b in ("cycles", "Hz", "bit", "s", "J", "W", "B") if head.endswith(b))
    return EXPONENTS[head.removesuffix(base)]


@pytest.mark.parametrize(
    ("metric", "unit", "column", "heading", "texts"),
    [
        ("energy_pj", "pJ", [3.12142e9], "energy [mJ]", ["3.12"]),
        ("latency_ns", "ns", [394_000.0], "latency [ms]", ["0.394"]),
        ("latency_ns", "ns", [394.0, 12.0], "latency_ns [ns]", ["394", "12"]),
        ("latency_ns", "ns", [2e6, 3e6, 9e9], "latency [ms]", ["2", "3", "9,000"]),
        ("time_s", "s", [5000.0], "time_s [s]", ["5,000"]),
        ("area_um2", "um2", [2_500_000.0], "area [mm2]", ["2.5"]),
        ("area_mm2", "mm2", [0.25, 400.0], "area_mm2 [mm2]", ["0.25", "400"]),
        ("area_mm2", "mm2", [0.0025], "area [um2]", ["2,500"]),
        ("bandwidth_gb_per_s", "GB/s", [0.0123, 0.0124], "bandwidth [MB/s]", ["12.3", "12.4"]),
        ("dram_bytes", "B", [3_500_000.0], "dram_bytes [MB]", ["3.5"]),
        ("edp_pj_s", "pJ s", [4.2e6], "edp [uJ s]", ["4.2"]),
        ("clock", "cycles", [394_000.0], "clock [cycles]", ["394,000"]),
        ("clock", "cycles", [3_121_420.0], "clock [Mcycles]", ["3.12"]),
        ("top1", "1", [0.731234567], "top1", ["0.73123"]),
        ("gain", "dB", [1234567.0], "gain [dB]", ["1,234,567"]),
        ("power_w", "W", [0.0], "power_w [W]", ["0"]),
        ("energy_pj", "pJ", [3.12142e9, 3.12149e9], "energy [mJ]", ["3.1214", "3.1215"]),
    ],
)
def test_columns_as_a_person_would_write_them(metric, unit, column, heading, texts):
    scale = Scale.of(unit, column)
    assert scale.heading(metric) == heading
    assert [scale.text(value) for value in column] == texts


@given(values, units)
@example([1e-3, 1e-3, 1.7e308], "s")
def test_the_number_times_its_prefix_is_the_value(column, unit):
    scale = Scale.of(unit, column)
    factor = 1.0 if scale.unit in ("", unit) else 10.0 ** (power_of(scale.unit) - power_of(unit))
    for value in column:
        text = scale.text(value)
        assert text != "–"
        assert read(text) * factor == pytest.approx(value, rel=0.51e-2, abs=0.0)
        assert len(re.sub(r"e.*|\D", "", text).lstrip("0")) <= max(
            6, math.ceil(math.log10(abs(read(text)) + 1))
        )


@given(values, units)
def test_order_is_kept(column, unit):
    scale = Scale.of(unit, column)
    shown = [read(scale.text(value)) for value in sorted(column)]
    assert shown == sorted(shown)


@given(
    st.lists(st.floats(1e-9, 1e15), min_size=1, max_size=20), st.sampled_from(["ns", "pJ", "mW", "B", "Hz"])
)
def test_the_typical_value_is_neither_tiny_nor_long(column, unit):
    scale = Scale.of(unit, column)
    middle = sorted(column)[(len(column) - 1) // 2]
    smallest, largest = {
        "ns": (1e-6, 1e9),
        "pJ": (1e-3, 1e21),
        "mW": (1e-9, 1e12),
        "B": (1, 1e15),
        "Hz": (1, 1e12),
    }[unit]
    if smallest <= middle < largest:
        assert 0.0999 < scale.shown(middle) < 1000.1


@given(st.lists(st.floats(0.01, 0.0101), min_size=2, max_size=10, unique=True))
def test_values_that_differ_in_six_digits_stay_apart(column):
    scale = Scale.of("GB/s", column)
    assert len({scale.text(value) for value in column}) == len({number(1000 * value, 6) for value in column})


def test_what_is_no_number_counts_for_nothing():
    scale = Scale.of("ns", np.array([np.nan, np.inf, 5e6]))
    assert (scale.unit, scale.text(np.nan), scale.text(5e6)) == ("ms", "–", "5")
    assert Scale.of("ns", []).unit == "ns"


def test_single_quantities():
    assert quantity(3.12142e9, "pJ") == "3.121 mJ"
    assert quantity(0.5, "1") == "0.5"
    assert quantity(float("nan"), "ns") == "– ns"
    assert relative_error(0.03) == "3 %"
