"""Requests as bursts of a memory, and addresses beyond it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cosearch_simulators.dram import Controllers, Trace, device, simulate, stream_trace
from cosearch_simulators.dram.common.traces.bursts import in_bursts, within
from cosearch_simulators.dram.common.traces.formats import write_trace
from cosearch_simulators.errors import SimulatorError


def test_the_length_of_a_line_rules_and_else_what_requests_usually_move():
    trace = Trace([0x400140, 0x400180, 0x4001A0], [True, False, False], [0, 1, 2], length_byte=[32, 0, 128])
    bursts = in_bursts(trace, 64, 32)
    expected = [0x400140, 0x400180, 0x4001A0, 0x4001A0, 0x4001C0, 0x4001E0, 0x400200]
    assert bursts.address_byte.tolist() == expected
    assert bursts.cycle.tolist() == [0, 1, 1, 2, 2, 2, 2]
    assert bursts.is_write.tolist() == [True] + [False] * 6


@given(
    requests=st.lists(st.tuples(st.integers(0, 4000), st.integers(0, 300)), min_size=1, max_size=20),
    request_bytes=st.sampled_from([16, 32, 64, 128]),
    burst_bytes=st.sampled_from([16, 32, 64]),
)
def test_bursts_are_those_that_hold_a_byte_of_the_request(requests, request_bytes, burst_bytes):
    address, length = zip(*requests, strict=True)
    trace = Trace(address, [False] * len(requests), length_byte=length)
    expected = []
    for start, moved in requests:
        first, size = (start, moved) if moved else (start // request_bytes * request_bytes, request_bytes)
        touched = {byte // burst_bytes * burst_bytes for byte in range(first, first + size)}
        expected += sorted(touched)
    found = in_bursts(trace, request_bytes, burst_bytes).address_byte // burst_bytes * burst_bytes
    assert found.tolist() == expected


def test_a_streamed_trace_becomes_the_same_bursts(tmp_path):
    rng = np.random.default_rng(0)
    trace = Trace(
        rng.integers(0, 1 << 40, 500) // 8 * 8,
        rng.random(500) < 0.5,
        np.arange(500),
        length_byte=rng.integers(0, 200, 500),
    )
    write_trace(trace, tmp_path / "t.stl")
    streamed = stream_trace(tmp_path / "t.stl", chunk_requests=7)
    assert streamed == trace
    assert streamed.moved_bytes(64) == trace.moved_bytes(64)
    for beyond in ("fold", "shift", "refuse"):
        whole = within(in_bursts(trace, 64, 32), 1 << 30, beyond)
        pieces = within(in_bursts(streamed, 64, 32), 1 << 30, beyond)
        assert pieces == whole
        assert (pieces.highest_address, pieces.requests) == (whole.highest_address, whole.requests)


def test_addresses_beyond_a_memory_fold_or_shift():
    high = Trace([0x7FFF12345680, 0x7FFF12345700], [False, True])
    assert within(high, 1 << 30, "refuse") is high
    assert within(high, 1 << 30, "fold").address_byte.tolist() == [0x12345680, 0x12345700]
    assert within(high, 1 << 30, "shift").address_byte.tolist() == [0x45680, 0x45700]
    low = Trace([64], [False])
    assert within(low, 1 << 30, "shift") is low


def test_a_request_of_several_bursts_is_no_request_of_the_simulator():
    trace = Trace([0], [False], length_byte=[128])
    memory = device("DDR4", "DDR4_8Gb_x8", "DDR4_2400R")
    with pytest.raises(SimulatorError, match="moves 128 bytes, a burst of DDR4_8Gb_x8 64"):
        simulate(memory, Controllers(), trace)
