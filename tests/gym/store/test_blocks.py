"""Packing: what goes in comes out, and damage is never taken for data."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from cosearch.errors import StoreError
from cosearch.outcomes import Outcomes
from cosearch.store import blocks, packing
from cosearch.store.blocks import Block
from cosearch.store.runs import Runs, unpacked

FLOATS = st.floats(allow_nan=True, allow_infinity=True, width=64)
WIDTHS = st.integers(1, 5)
TEXTS = st.sampled_from(["", "out of range", "timed out", "\u00fcber\u2028\U0001f600", "x" * 1000])


@st.composite
def made_blocks(draw, widths=WIDTHS):
    n = draw(st.integers(1, 40))
    dtype = draw(st.sampled_from(["<i1", "<i2", "<i4", "<i8"]))
    codes = draw(arrays.arrays(np.int8, n, elements=st.integers(0, 2)))

    def column(elements, kind):
        one = draw(elements)
        many = np.array(draw(st.lists(elements, min_size=n, max_size=n)), dtype=kind)
        return draw(st.sampled_from([one, many, np.full(n, one, dtype=kind)]))

    outcomes = Outcomes(
        {name: draw(arrays.arrays(np.float64, n, elements=FLOATS)) for name in ("a", "b\u00e9")},
        draw(st.sampled_from([codes, np.zeros(n, dtype=np.int8)])),
        [draw(TEXTS) for _ in range(n)],
        standard_error={"a": draw(arrays.arrays(np.float64, n, elements=FLOATS))}
        if draw(st.booleans())
        else {},
        seconds=draw(arrays.arrays(np.float64, n, elements=FLOATS)) if draw(st.booleans()) else None,
    )
    if not outcomes.codes.any():
        outcomes.reason[:] = ""
    return Block(
        draw(arrays.arrays(np.dtype(dtype), (n, draw(widths)), elements=st.integers(-1, 100))),
        outcomes,
        column(st.integers(-5, 10**12), np.int64),
        column(st.booleans(), bool),
        column(st.sampled_from(["rough", "exact", "\u00e9xact"]), np.str_),
        column(st.integers(-(2**62), 2**62), np.int64),
        column(st.floats(0, 1e9), np.float64),
    )


def assert_same(one, other):
    n = len(one)
    np.testing.assert_array_equal(one.designs, other.designs)
    assert one.designs.dtype == other.designs.dtype
    for mine, theirs in ((one.outcomes.metrics, other.outcomes.metrics),
                         (one.outcomes.standard_error, other.outcomes.standard_error)):  # fmt: skip
        assert list(mine) == list(theirs)
        for name in mine:
            assert mine[name].tobytes() == theirs[name].tobytes()
    np.testing.assert_array_equal(one.outcomes.codes, other.outcomes.codes)
    assert one.outcomes.reason.tolist() == other.outcomes.reason.tolist()
    assert (one.outcomes.seconds is None) == (other.outcomes.seconds is None)
    if one.outcomes.seconds is not None:
        np.testing.assert_array_equal(one.outcomes.seconds, other.outcomes.seconds)
    np.testing.assert_array_equal(one.numbers(), other.numbers())
    for name in ("charged", "fidelity", "seed", "seconds"):
        mine, theirs = (np.broadcast_to(np.asarray(getattr(block, name)), n) for block in (one, other))
        np.testing.assert_array_equal(mine, theirs)


@given(made_blocks(), st.integers(0, 2**40))
@settings(max_examples=150, deadline=None)
def test_a_block_comes_out_as_it_went_in(block, first):
    assert_same(packing.unpack(packing.pack(block, first, "exact"), first, "exact"), block)


@given(made_blocks(), st.data())
@settings(max_examples=150, deadline=None)
def test_a_block_that_is_not_as_written_is_refused(block, data):
    payload = packing.pack(block, 7, "exact")
    at = data.draw(st.integers(0, len(payload) - 1))
    flipped = bytearray(payload)
    flipped[at] ^= 1 << data.draw(st.integers(0, 7))
    for damaged in (bytes(flipped), payload[:at], payload + b"\0"):
        with pytest.raises(StoreError):
            packing.unpack(damaged, 7, "exact")


@given(st.binary(max_size=300), st.integers(0, 20), st.integers(0, 5))
@settings(max_examples=150, deadline=None)
def test_nonsense_with_a_right_checksum_is_refused_or_read(body, n, columns):
    head = packing._HEAD.pack(packing.MAGIC, packing.VERSION, columns, n)
    payload = head + packing._CRC.pack(packing._checksum(0, head, body)) + body
    with pytest.raises(StoreError):
        packing.unpack(payload, 0, "exact")


@given(st.lists(made_blocks(widths=st.just(2)), min_size=1, max_size=4))
@settings(max_examples=30, deadline=None)
def test_blocks_put_together_are_their_evaluations_in_order(parts):
    whole = blocks.concat(parts)
    begin = 0
    for part in parts:
        got = whole.take(np.arange(begin, begin + len(part)))
        np.testing.assert_array_equal(got.designs, part.designs)
        np.testing.assert_array_equal(got.numbers(), part.numbers())
        assert got.outcomes.metrics["a"].tobytes() == part.outcomes.metrics["a"].tobytes()
        np.testing.assert_array_equal(
            np.broadcast_to(np.asarray(got.fidelity), len(part)),
            np.broadcast_to(np.asarray(part.fidelity), len(part)),
        )
        begin += len(part)
    assert begin == len(whole)


def test_what_follows_from_a_rule_takes_no_room():
    """11 one-byte positions and 2 metrics are 27 bytes; the rest is a header for each block."""
    n = 1000
    outcomes = Outcomes({"a": np.zeros(n), "b": np.zeros(n)}, np.zeros(n, dtype=np.int8))
    block = Block(np.zeros((n, 11), dtype=np.int8), outcomes, 500, True, "exact", 0, 1.5)
    assert len(packing.pack(block, 500, "exact")) < 27 * n + 150


@given(st.lists(st.lists(st.integers(0, 2**40), max_size=20), max_size=20))
@settings(max_examples=200, deadline=None)
def test_tells_come_out_in_the_order_in_which_they_went_in(groups):
    runs = Runs()
    for group in groups:
        runs.add(np.array(group, dtype=np.int64))
    everything = [row for group in groups for row in group]
    assert unpacked(runs.packed()).tolist() == everything
    assert runs.n == len(everything)


def test_tells_of_consecutive_rows_are_a_few_bytes():
    runs = Runs()
    for row in range(10_000):
        runs.add(np.array([row]))
    assert len(runs.packed()) < 12


@given(st.binary(max_size=30).filter(any))
def test_damaged_tells_are_refused(body):
    runs = Runs()
    runs.add(np.arange(3, 1000))
    if body != runs.packed():
        with pytest.raises(StoreError):
            unpacked(body)
