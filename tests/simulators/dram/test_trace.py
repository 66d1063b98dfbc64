"""What a trace is, what it refuses, and how it is recognised."""

from __future__ import annotations

import hashlib
import pickle
import struct

import numpy as np
import pytest

from cosearch_simulators.dram import Controllers, Player, device, simulate
from cosearch_simulators.dram.common.traces.trace import Trace
from cosearch_simulators.errors import ConfigurationError, TraceError

READS = [False, False, True, False]


def test_columns_are_read_only_copies():
    addresses = np.array([0, 64, 128, 0])
    trace = Trace(addresses, READS)
    addresses[0] = 999
    assert trace.address_byte.tolist() == [0, 64, 128, 0]
    assert (trace.address_byte.dtype, trace.is_write.dtype) == (np.int64, np.bool_)
    with pytest.raises(ValueError):
        trace.address_byte[0] = 1


def test_summary():
    trace = Trace([0, 64, 130, 10], READS)  # byte 10 is in the line of byte 0
    assert len(trace) == trace.requests == 4
    assert trace.read_share == 0.75
    assert trace.footprint_bytes == 3 * 64


def test_digest_is_sha256_of_the_requests():
    expected = hashlib.sha256(b"requests" + struct.pack("<2q", 64, 2**40) + b"\x00\x01").hexdigest()
    assert Trace([64, 2**40], [False, True]).digest == expected


@pytest.mark.parametrize(
    "other",
    [
        Trace([0, 65], [False, True]),
        Trace([0, 64], [True, True]),
        Trace([0, 64], [False, True], [0, 0]),
        Trace([0], [False]),
    ],
)
def test_equality_is_about_the_requests(other):
    trace = Trace([0, 64], [False, True], name="a")
    same = Trace(np.array([0, 64], np.uint32), [False, True], name="b")
    assert trace == same
    assert hash(trace) == hash(same)
    assert trace != other


def test_a_pickled_copy_is_the_same_and_read_only():
    trace = Trace([0, 64], [False, True], [3, 4], name="t")
    copy = pickle.loads(pickle.dumps(trace))
    assert copy == trace
    assert copy.name == "t"
    assert not copy.address_byte.flags.writeable


def test_head():
    trace = Trace([0, 64, 128, 0], READS, [5, 6, 7, 8], name="t")
    assert trace.head(2) == Trace([0, 64], READS[:2], [5, 6])
    assert trace.head(99) == trace
    assert trace.head(2).name == "t"
    with pytest.raises(TraceError, match="at least one request, got 0"):
        trace.head(0)


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        (([], []), "at least one request"),
        (([0, 64, -64], [False] * 3), r"request 2 \(the first is 0\): address must be .*, got -64"),
        ((np.array([2**63], np.uint64), [False]), "got 9223372036854775808"),
        (([0.5], [False]), "address must be an array of integers, got float64"),
        (([0, 64], [False]), r"is_write must have one value for each of the 2 requests, got shape \(1,\)"),
        (([0, 64], [0, 1]), "is_write must be an array of bool, got int64"),
        (([0, 64], [False, True], [1]), r"cycle must have one value for each"),
        (([0, 64], [False, True], [1, -1]), r"request 1 .*: cycle must be"),
        (
            ([0, 64], [False, True], [1, 2**52]),
            r"request 1 .*: cycle must be at most 2\^40, got 4503599627370496",
        ),
        (
            ([[0, 64]], [False, True]),
            r"address must have one value for each of the 2 requests, got shape \(1, 2\)",
        ),
    ],
)
def test_a_wrong_trace_is_refused(columns, message):
    with pytest.raises(TraceError, match=message):
        Trace(*columns)


def test_a_clock_that_takes_a_trace_hours_away_is_refused() -> None:
    late = Trace(np.zeros(2, np.int64), np.zeros(2, np.bool_), np.array([0, 1 << 40]))
    chip = device("DDR4", "DDR4_8Gb_x8", "DDR4_2400R")
    with pytest.raises(ConfigurationError, match="cycle 1099511627776 at 1000000 ps is beyond 2748 s"):
        simulate(chip, Controllers(), late, trace_tck_ps=1_000_000)
    with pytest.raises(ConfigurationError, match="cycle 1099511627776 at 5000 ps is beyond"):
        Player(late, tck_ps=5000)
