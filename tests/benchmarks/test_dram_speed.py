"""How many requests a second the DRAM simulator simulates, beside Ramulator 2.1 (pytest-benchmark).

Requests per second on one core are 20,000 over the printed times; `extra_info` has Ramulator's, from its host
times. All traces, as a table: `cosearch validate dram --cases FOLDER`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cosearch_simulators.dram import (
    ADDRESS_MAPPINGS,
    ROW_POLICIES,
    SCHEDULERS,
    Controllers,
    Trace,
    device,
    simulate,
    stream_trace,
)
from cosearch_simulators.dram.common.traces.formats import read_trace
from cosearch_simulators.dram.common.traces.streams import write_columns
from cosearch_simulators.dram.engines.ramulator import evaluate
from cosearch_simulators.dram.engines.ramulator.validation import controllers_of, device_of

SAMPLE = Path(__file__).parents[1] / "reference" / "dram" / "ramulator2"
CASES = json.loads((SAMPLE / "cases.json").read_text())
ONE_A_TRACE = {case["trace"]: case for case in CASES if case["standard"] == "DDR4"}


@pytest.mark.parametrize("trace", sorted(ONE_A_TRACE))
def test_one_design(benchmark: Any, trace: str) -> None:
    case = ONE_A_TRACE[trace]
    channel, controller = device_of(case), controllers_of(case)
    requests = read_trace(SAMPLE / "traces" / f"{trace}.npz")
    result = benchmark(evaluate, channel, controller, requests, wrap_addresses=True, drain=False)
    benchmark.extra_info["reference_requests_per_s"] = len(requests) / case["host_seconds"]
    if benchmark.enabled:
        benchmark.extra_info["requests_per_s"] = len(requests) / benchmark.stats["median"]
    assert result.cycles[0] == case["result"]["cycles"]


def test_a_thousand_designs(benchmark: Any) -> None:
    """What a search does: a thousand designs on a trace of 10,000 requests, on two threads; under 3 s."""
    rng = np.random.default_rng(0)
    trace = Trace(rng.integers(0, 2**26, 10_000) * 64, rng.random(10_000) < 0.3)
    designs = Controllers(
        scheduler=rng.choice(SCHEDULERS, 1000),
        row_policy=rng.choice(ROW_POLICIES, 1000),
        row_cap=rng.integers(1, 17, 1000),
        address_mapping=rng.choice(ADDRESS_MAPPINGS, 1000),
        read_queue=2 ** rng.integers(2, 7, 1000),
        write_queue=2 ** rng.integers(2, 7, 1000),
    )
    channel = device("DDR4", "DDR4_8Gb_x8", "DDR4_2400R")
    result = benchmark.pedantic(
        simulate, (channel, designs, trace), {"threads": 2}, rounds=2, warmup_rounds=1
    )
    if benchmark.enabled:
        benchmark.extra_info["designs_per_s"] = len(designs) / benchmark.stats["median"]
    assert result.error == [""] * 1000


def test_a_long_trace_streams(benchmark: Any, tmp_path: Path) -> None:
    """A million requests from a file, in pieces."""

    def chunks() -> Iterator[Trace]:
        rng = np.random.default_rng(0)
        for start in range(0, 1_000_000, 100_000):
            yield Trace(np.arange(start, start + 100_000) * 64, rng.random(100_000) < 0.3)

    write_columns(tmp_path / "long.npz", 1_000_000, chunks)
    channel = device("DDR4", "DDR4_8Gb_x8", "DDR4_2400R")
    result = benchmark(simulate, channel, Controllers(), stream_trace(tmp_path / "long.npz"))
    if benchmark.enabled:
        benchmark.extra_info["requests_per_s"] = 1_000_000 / benchmark.stats["median"]
    assert result.row_hits[0] > 900_000
