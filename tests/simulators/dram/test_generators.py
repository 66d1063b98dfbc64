"""Generated traces against the definition of their pattern."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cosearch_simulators.dram.common.traces.generators import CYCLE_PS, GENERATORS, generate
from cosearch_simulators.errors import TraceError

KIB = 1024
MIB = 1024**2

# SHA-256 of 10,000 requests with seed 7: the same on every machine, or studies could not be compared.
DIGESTS = {
    "multicore": "179a6cd6907d1b8ff634f9465ac1f4cb444d63a54529537d8c769cd1e9cec60e",
    "stream": "8fd284961197e7d14efc9527d5f7050029e97f59745a1517dd671acf15d814bb",
    "random": "49a219cf4ea90b665aa5e0249a36e12abfc96f07dd0495c23688f5ddaa503308",
    "strided": "acd95895f78d9910febc7cce8cac9e9bbed4f87c5d5e914170ed1243e6f72a8a",
    "row_bursts": "18d9d9c760c3ebc67187b995fad79c1ec3a2d3b7e47caa2d0fc5b3421fa7da15",
    "multi_stream": "59699f3c298d534c01b2bb65f4c74d3de2541e45c60248804a544135f0daba4a",
    "zipf": "7bb904218d7fb93f350e634471766ceb0bfb8c792d7b37862ec26745301f80aa",
    "pointer_chase": "dc84235e3d9198508d39db63fe041d5d8e1a66c99d6e310fd1aa5bcb7b82dcd8",
    "gups": "896069f6f1d37f2f7d7299f86d14572bc15c7f4462d591250855dd984ef694e1",
}


def lines(name: str, **arguments) -> np.ndarray:
    return generate(name, **arguments).address_byte // 64


@pytest.mark.parametrize("name", GENERATORS)
def test_the_same_seed_gives_the_same_bits_everywhere(name):
    assert generate(name, seed=7, requests=10_000).digest == DIGESTS[name]


@pytest.mark.parametrize("name", sorted(set(GENERATORS) - {"stream", "strided"}))
def test_another_seed_gives_another_trace(name):
    assert (lines(name, seed=1) != lines(name, seed=2)).any()


@pytest.mark.parametrize("name", GENERATORS)
@settings(max_examples=20, deadline=None)
@given(requests=st.integers(1, 3000), footprint_rows=st.integers(1, 40), seed=st.integers(0, 2**64 - 1))
def test_every_trace_is_aligned_and_inside_its_footprint(name, requests, footprint_rows, seed):
    footprint_bytes = footprint_rows * 8192
    trace = generate(name, requests=requests, footprint_bytes=footprint_bytes, seed=seed)
    assert len(trace) == requests
    assert trace.name == name
    assert trace.timed == (name == "multicore")
    assert (trace.address_byte % 64 == 0).all()
    assert trace.address_byte.max() < footprint_bytes


@pytest.mark.parametrize("name", ["stream", "random", "strided", "row_bursts", "zipf"])
@pytest.mark.parametrize("write_share", [0, 0.25, 0.3333, 1])
def test_the_share_of_writes_is_exact_and_spread_out(name, write_share):
    is_write = generate(name, requests=3000, write_share=write_share).is_write
    assert is_write.sum() == round(3000 * write_share)
    # The halves differ by chance only: 5 standard deviations of a draw of 1500 from 3000 without replacement.
    deviation = (write_share * (1 - write_share) * 1500 / 2) ** 0.5
    assert abs(is_write[:1500].sum() - is_write.sum() / 2) <= 5 * deviation


@pytest.mark.parametrize("name", GENERATORS)
def test_requests_come_at_random_times_and_ask_for_what_is_said(name):
    trace = generate(name, requests=40_000, gb_per_s=5)
    time_ns = trace.cycle * CYCLE_PS / 1000
    assert (np.diff(time_ns) >= 0).all()
    assert 40_000 * 64 / time_ns[-1] == pytest.approx(5, rel=0.05)
    # Of a Poisson process the mean and the deviation of the gaps are equal; bursts are more uneven.
    assert np.std(np.diff(time_ns)) / np.mean(np.diff(time_ns)) > 0.95


def test_multicore_bursts_are_consecutive_lines_and_write_backs_return():
    trace = generate("multicore", requests=20_000, cores=1, burst_requests=16, stream_share=0, gb_per_s=0.5)
    line = trace.address_byte // 64
    # One core at a low load, so that bursts hardly overlap: 1/16 of the lines begin one.
    assert np.mean(np.diff(line) == 1) == pytest.approx(15 / 16, abs=0.02)
    assert trace.read_share == pytest.approx(0.75, abs=0.04)
    first_half = set(line[~trace.is_write].tolist())
    assert np.mean([one in first_half for one in line[trace.is_write]]) > 0.9


def test_a_multicore_stream_goes_on_where_it_was():
    line = lines("multicore", requests=2000, cores=1, stream_share=1, write_share=0, gb_per_s=0.05)
    assert np.mean(np.diff(line) == 1) > 0.99


def test_stream_is_sequential_and_wraps():
    assert lines("stream", requests=10, footprint_bytes=256).tolist() == [0, 1, 2, 3, 0, 1, 2, 3, 0, 1]


def test_strided_walks_a_matrix_by_columns():
    address = generate("strided", requests=16, footprint_bytes=4 * 256, stride_bytes=256).address_byte
    matrix = np.arange(0, 4 * 256, 64).reshape(4, 4)  # four rows of 256 bytes, four lines each
    assert address.tolist() == matrix.T.ravel().tolist()


def test_random_is_uniform():
    count = np.bincount(lines("random", requests=64_000, footprint_bytes=64 * 64), minlength=64)
    chi_square = ((count - 1000) ** 2 / 1000).sum()
    assert chi_square < 132  # the 99.9999 % quantile with 63 degrees of freedom is 131.4


def test_row_bursts_stay_in_their_row_and_are_sequential():
    burst = lines("row_bursts", requests=1600, row_bytes=2 * KIB, burst_requests=16).reshape(100, 16)
    rows = burst // 32
    assert (rows == rows[:, :1]).all()
    assert (np.diff(burst % 32, axis=1) % 32 == 1).all()
    assert len(np.unique(rows[:, 0])) > 90  # 100 draws out of 32768 rows


def test_multi_stream_takes_turns():
    trace = generate("multi_stream", requests=600, footprint_bytes=3 * MIB, streams=3, write_streams=1)
    for stream in range(3):
        own = trace.address_byte[stream::3] // 64
        part = MIB // 64
        assert (own // part == stream).all()
        assert (np.diff(own) % part == 1).all()
        assert (trace.is_write[stream::3] == (stream == 2)).all()


def test_zipf_follows_its_law():
    # 400,000 draws over 64 rows: the k-th most popular row gets k ** -s / sum of the requests.
    for exponent in (0.0, 0.8, 1.2):
        row = lines("zipf", requests=400_000, footprint_bytes=64 * 8 * KIB, exponent=exponent) // 128
        count = np.sort(np.bincount(row, minlength=64))[::-1]
        share = np.arange(1.0, 65.0) ** -exponent
        expected = 400_000 * share / share.sum()
        # Sorting biases the ranks of nearly equal rows by a standard deviation or two; hence 5.
        assert (np.abs(count - expected) < 5 * np.sqrt(expected)).all()


def test_zipf_shuffles_the_ranks_and_spreads_over_the_row():
    line = lines("zipf", requests=50_000, footprint_bytes=64 * 8 * KIB, exponent=1.5)
    popular = [np.bincount(lines("zipf", seed=s, exponent=1.5) // 128).argmax() for s in range(4)]
    assert len(set(popular)) > 1
    assert len(np.unique(line % 128)) == 128


def test_pointer_chase_is_one_cycle_over_all_lines():
    nodes = 1000
    visited = lines("pointer_chase", requests=3 * nodes, footprint_bytes=nodes * 64)
    assert sorted(visited[:nodes]) == list(range(nodes))
    following = dict(pairwise(visited))
    assert all(following[a] == b for a, b in pairwise(visited))
    assert (np.abs(np.diff(visited)) == 1).mean() < 0.02  # a random order: 2 in 1000 are neighbours
    assert generate("pointer_chase").read_share == 1.0


def test_a_short_pointer_chase_visits_no_line_twice():
    assert len(np.unique(lines("pointer_chase", requests=5000, footprint_bytes=2**40))) == 5000


@pytest.mark.parametrize("requests", [1, 2, 999, 1000])
def test_gups_reads_and_then_writes_each_line(requests):
    trace = generate("gups", requests=requests)
    pairs = trace.address_byte[: requests // 2 * 2].reshape(-1, 2)
    assert (pairs[:, 0] == pairs[:, 1]).all()
    assert (trace.is_write == (np.arange(requests) % 2 == 1)).all()
    assert len(np.unique(pairs)) >= 0.99 * len(pairs)


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("ziph", {}, "unknown trace generator 'ziph'; did you mean 'zipf'?"),
        ("qqq", {}, "unknown trace generator 'qqq'; valid: multicore, stream, random,"),
        ("zipf", {"exponnet": 1}, "generator 'zipf' has no argument 'exponnet'; did you mean 'exponent'?"),
        (
            "gups",
            {"write_share": 1},
            "generator 'gups' has no argument 'write_share'; valid: requests, seed,",
        ),
        ("random", {"requests": 0}, "'random': requests must be a whole number from 1 to 100000000, got 0"),
        ("random", {"requests": 10.5}, "requests must be a whole number from 1 to 100000000, got 10.5"),
        ("random", {"seed": -1}, "seed must be a whole number from 0"),
        ("random", {"write_share": 1.5}, "write_share must be a number from 0 to 1, got 1.5"),
        ("random", {"write_share": "half"}, "write_share must be a number from 0 to 1, got 'half'"),
        ("random", {"footprint_bytes": 100}, "footprint_bytes must be a multiple of 64, got 100"),
        ("strided", {"footprint_bytes": 6144}, "must be a multiple of stride_bytes=4096, got 6144"),
        ("row_bursts", {"row_bytes": 3 * KIB}, "must be a multiple of row_bytes=3072, got 67108864"),
        ("zipf", {"footprint_bytes": 4 * KIB}, "must be a multiple of row_bytes=8192, got 4096"),
        ("zipf", {"exponent": float("nan")}, "exponent must be a number from 0 to 10, got nan"),
        ("random", {"gb_per_s": 0}, "gb_per_s must be a number from 0.001 to 10000, got 0"),
        ("multicore", {"cores": 0}, "cores must be a whole number from 1 to 4096, got 0"),
        ("multi_stream", {"write_streams": 5}, "write_streams must be a whole number from 0 to 4, got 5"),
        (
            "multi_stream",
            {"streams": 8, "footprint_bytes": 64},
            "a 64-byte line for each of 8 streams, got 64",
        ),
    ],
)
def test_wrong_arguments_are_explained(name, arguments, message):
    with pytest.raises(TraceError) as error:
        generate(name, **arguments)
    assert message in str(error.value)
