"""Samples of a trace: where the windows are, and what is made of a run of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from cosearch_simulators.dram import Controllers, Trace, device, simulate, stream_trace
from cosearch_simulators.dram.common.trace_samples import (
    LEAST_REQUESTS,
    MOST_REQUESTS,
    WINDOWS,
    sample_trace,
    scale_to_whole,
)
from cosearch_simulators.dram.common.traces.formats import write_trace
from cosearch_simulators.dram.common.traces.generators import generate

MEMORY = device("DDR4", "DDR4_8Gb_x8", "DDR4_2400R")


def numbered(requests: int, cycle: np.ndarray | None = None) -> Trace:
    return Trace(np.arange(requests) * 64, np.zeros(requests, bool), cycle)


def test_each_window_is_in_the_middle_of_its_part() -> None:
    sample = sample_trace(numbered(16_000))
    windows = sample.trace.address_byte.reshape(WINDOWS, -1) // 64
    assert windows.shape[1] == 250
    assert (np.diff(windows, axis=1) == 1).all()
    assert windows[:, 125].tolist() == [1000 + 2000 * i for i in range(WINDOWS)]
    assert sample.share == 1 / 8


def test_a_short_trace_or_one_with_few_reads_is_its_own_sample() -> None:
    short = numbered(2 * LEAST_REQUESTS - 1)
    assert sample_trace(short).trace is short
    assert sample_trace(short).share == 1.0
    assert sample_trace(numbered(2 * LEAST_REQUESTS)).share == 0.5
    few = Trace(np.arange(16_000) * 64, np.ones(16_000, bool))
    assert sample_trace(few, least_reads=1).trace is few


def test_a_long_trace_is_sampled_up_to_a_limit() -> None:
    assert len(sample_trace(numbered(16 * MOST_REQUESTS)).trace) == MOST_REQUESTS


def test_a_streamed_trace_has_the_same_sample(tmp_path: Path) -> None:
    trace = generate("zipf", requests=16_000)
    write_trace(trace, tmp_path / "zipf.npz")
    streamed = stream_trace(tmp_path / "zipf.npz", chunk_requests=777)
    assert sample_trace(streamed).trace == sample_trace(trace).trace


def test_cycles_leave_out_what_lies_between_the_windows() -> None:
    sample = sample_trace(numbered(16_000, np.arange(16_000) * 10))
    assert sample.trace.cycle is not None
    assert sample.trace.cycle.tolist() == (np.arange(2000) * 10).tolist()
    assert (sample.cycles, sample.whole_cycles) == (20_000, 159_990)


@pytest.mark.parametrize("refresh", ["all_bank", "none"])
def test_a_uniform_trace_is_what_its_sample_says(refresh: str) -> None:
    trace, memory = generate("random", requests=40_000), MEMORY
    controllers = Controllers(refresh=refresh)
    whole = simulate(memory, controllers, trace)
    sample = sample_trace(trace)
    run = simulate(memory, controllers, sample.trace)
    found = scale_to_whole(
        run, sample, [memory], refreshes=[refresh != "none"], refresh_counts_as_active=False
    )
    for name in ("time_ns", "energy_pj", "activate_energy_pj", "background_energy_pj", "bandwidth_gb_per_s"):
        assert getattr(found, name)[0] == pytest.approx(getattr(whole, name)[0], rel=0.05), name
    assert found.refresh_energy_pj[0] == pytest.approx(whole.refresh_energy_pj[0], rel=0.08)
    assert found.latency_ns[0] == run.latency_ns[0]
    parts = ("activate", "read", "write", "refresh", "background")
    assert found.energy_pj[0] == pytest.approx(sum(getattr(found, f"{p}_energy_pj")[0] for p in parts))
    assert found.power_mw[0] == pytest.approx(found.energy_pj[0] / found.time_ns[0])


def test_a_slow_trace_takes_the_time_of_its_cycles() -> None:
    trace = generate("random", requests=16_000)
    slow = Trace(trace.address_byte, trace.is_write, np.arange(16_000) * 100)
    memory, sample = MEMORY, sample_trace(slow)
    controllers = Controllers()
    run = simulate(memory, controllers, sample.trace)
    found = scale_to_whole(run, sample, [memory], refreshes=[True], refresh_counts_as_active=False)
    whole = simulate(memory, controllers, slow)
    assert found.time_ns[0] == pytest.approx(whole.time_ns[0], rel=0.001)
    assert found.background_energy_pj[0] == pytest.approx(whole.background_energy_pj[0], rel=0.05)
