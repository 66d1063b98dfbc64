"""Traces that are read in pieces: the same requests, and the same numbers whatever the pieces."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cosearch_simulators.dram import (
    ADDRESS_MAPPINGS,
    BankMachineControllers,
    Controllers,
    Trace,
    TraceError,
    device,
    simulate,
)
from cosearch_simulators.dram.common.traces.formats import write_trace
from cosearch_simulators.dram.common.traces.streams import stream_trace, write_columns


def _trace(seed: int, requests: int, *, timed: bool = False) -> Trace:
    rng = np.random.default_rng(seed)
    near = rng.integers(0, 2**20, 5)[rng.integers(0, 5, requests)] + rng.integers(0, 64, requests)
    cycle = np.cumsum(rng.integers(0, 30, requests)) if timed else None
    return Trace(near * 64, rng.random(requests) < 0.4, cycle, "pieces")


def _rows(result: object) -> dict[str, list[float]]:
    return {name: np.asarray(getattr(result, name)).tolist() for name in result.__dataclass_fields__}  # type: ignore[attr-defined]


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    seed=st.integers(0, 2**32 - 1),
    pieces=st.integers(1, 40),
    timed=st.booleans(),
    memory=st.sampled_from([("DDR4", "DDR4_8Gb_x8", "DDR4_2400R"), ("DDR5", "DDR5_8Gb_x16", "DDR5_3200AN")]),
    channels=st.sampled_from([1, 2]),
)
def test_pieces_of_any_size_give_the_numbers_of_the_whole(
    seed: int, pieces: int, timed: bool, memory: tuple[str, str, str], channels: int, tmp_path_factory
) -> None:
    trace = _trace(seed, 150, timed=timed)
    path = tmp_path_factory.mktemp("pieces") / "pieces.npz"
    write_trace(trace, path)
    streamed = stream_trace(path, chunk_requests=pieces)
    chip = device(*memory, ranks=2, channels=channels, address_bits="RoBaRaCoCh")
    designs = Controllers(
        scheduler=["frfcfs", "frfcfs_row_hit", "fcfs"],
        row_policy=["open", "closed_cap", "closed_cap"],
        row_cap=[1, 1, 3],
        refresh=["all_bank", "none", chip.refresh_modes[-1]],
        address_mapping=list(ADDRESS_MAPPINGS),
        read_queue=[1, 8, 32],
        write_queue=[32, 8, 2],
    )
    np.testing.assert_equal(_rows(simulate(chip, designs, streamed)), _rows(simulate(chip, designs, trace)))
    if channels == 1:
        for policy in ("Open", "ClosedAdaptive"):
            one = BankMachineControllers(page_policy=policy, scheduler="FrFcfsGrp", arbiter="Reorder")
            np.testing.assert_equal(_rows(simulate(chip, one, streamed)), _rows(simulate(chip, one, trace)))


def test_requests_under_way_may_be_far_apart() -> None:
    # One request of a bank that is starved by hits of another: the ring has to grow many times.
    rows = np.zeros(6000, np.int64)
    rows[5] = 1
    chip = device("DDR4", "DDR4_8Gb_x8", "DDR4_2400R")
    line = rows * 2**17 + np.arange(6000) % 128
    trace = Trace(line * 64, np.zeros(6000, bool))
    result = simulate(chip, Controllers(scheduler="frfcfs_row_hit", read_queue=8, refresh="none"), trace)
    # The starved one is the last to be served, if at all: all others hit the first row.
    assert result.row_hits[0] + result.row_misses[0] + result.row_conflicts[0] >= 5990
    assert result.activates[0] <= 2


@pytest.mark.parametrize("name", ["t.npz", "t.stl", "t.stl.gz"])
def test_a_streamed_file_is_the_trace(name: str, tmp_path: Path) -> None:
    trace = _trace(3, 1000, timed=True)
    write_trace(trace, tmp_path / name)
    streamed = stream_trace(tmp_path / name, chunk_requests=64)
    assert streamed == trace
    assert (len(streamed), streamed.name, streamed.read_share) == (1000, "t", trace.read_share)
    assert [len(chunk) for chunk in streamed.chunks()] == [64] * 15 + [40]


def test_a_long_archive_is_written_in_pieces(tmp_path: Path) -> None:
    trace = _trace(4, 1000, timed=True)
    write_columns(tmp_path / "long.npz", 1000, lambda: trace.chunks(7))
    assert stream_trace(tmp_path / "long.npz") == trace
    with np.load(tmp_path / "long.npz") as archive:
        assert archive["address"].tolist() == trace.address_byte.tolist()
    with pytest.raises(TraceError, match="expected 900 requests, the pieces have 1000"):
        write_columns(tmp_path / "wrong.npz", 900, lambda: trace.chunks(7))


def test_a_file_that_changes_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "long.npz"
    write_trace(Trace(np.arange(300) * 64, np.zeros(300, bool)), path)
    trace = stream_trace(path, chunk_requests=100)
    assert len(trace) == 300
    write_trace(Trace(np.arange(200) * 64, np.zeros(200, bool)), path)
    with pytest.raises(TraceError, match="the file has changed since it was first read"):
        list(trace.chunks())
    path.unlink()
    with pytest.raises(TraceError, match="there is no such trace file"):
        list(trace.chunks())


def test_what_cannot_be_streamed_is_said(tmp_path: Path) -> None:
    with pytest.raises(TraceError, match="there is no such trace file"):
        stream_trace(tmp_path / "none.npz")
    write_trace(_trace(5, 10), tmp_path / "t.npz.gz")
    with pytest.raises(TraceError, match="a gzipped .npz cannot be read in pieces"):
        stream_trace(tmp_path / "t.npz.gz")
    np.savez(tmp_path / "other.npz", address=np.arange(3))
    with pytest.raises(TraceError, match="expected an array 'is_write' in the .npz, found address"):
        stream_trace(tmp_path / "other.npz")
    np.savez(tmp_path / "uneven.npz", address=np.arange(3), is_write=np.zeros(2, bool))
    with pytest.raises(TraceError, match="is_write must have one value for each of the 3 requests, got 2"):
        stream_trace(tmp_path / "uneven.npz")
    whole = tmp_path / "cut.npz"
    write_columns(whole, 1000, lambda: _trace(6, 1000).chunks())
    whole.write_bytes(whole.read_bytes()[:4000])
    with pytest.raises(TraceError, match="cut.npz: damaged .npz archive"):
        stream_trace(whole)


_PEAK = """
import resource, sys
from cosearch_simulators.dram import Controllers, device, simulate
from cosearch_simulators.dram.common.traces.streams import stream_trace
trace = stream_trace(sys.argv[1], chunk_requests=1 << 16)
result = simulate(device("DDR4", "DDR4_8Gb_x8", "DDR4_2400R"), Controllers(), trace)
assert result.reads_served[0] > 0.9 * len(trace)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def test_memory_does_not_grow_with_the_trace(tmp_path: Path) -> None:
    peaks = []
    for requests in (200_000, 2_000_000):

        def chunks(requests: int = requests):
            for start in range(0, requests, 1 << 16):
                index = np.arange(start, min(start + (1 << 16), requests))
                yield Trace(index % 2**24 * 64, np.zeros(index.size, bool))

        write_columns(tmp_path / "long.npz", requests, chunks)
        done = subprocess.run(
            [sys.executable, "-c", _PEAK, str(tmp_path / "long.npz")], capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        peaks.append(int(done.stdout))
    assert peaks[1] < 1.1 * peaks[0]  # the longer one's columns alone are 34 MB
