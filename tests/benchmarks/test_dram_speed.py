"""How many requests a second the DRAM simulator simulates, beside Ramulator 2.1 (pytest-benchmark).

Requests per second on one core are 20,000 over the printed times; `extra_info` has Ramulator's, from its host
times. All traces, as a table: `cosearch validate dram --cases FOLDER`.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cosearch_simulators.dram import Controllers, Trace, device, simulate
from cosearch_simulators.dram.trace_formats import read_trace
from cosearch_simulators.dram.validation import controllers_of, device_of

SAMPLE = Path(__file__).parents[1] / "reference" / "dram" / "ramulator2"
CASES = json.loads((SAMPLE / "cases.json").read_text())
ONE_A_TRACE = {case["trace"]: case for case in CASES if case["standard"] == "DDR4"}


@pytest.mark.parametrize("trace", sorted(ONE_A_TRACE))
def test_one_design(benchmark: Any, trace: str) -> None:
    case = ONE_A_TRACE[trace]
    channel, controller = device_of(case), controllers_of(case)
    requests = read_trace(SAMPLE / "traces" / f"{trace}.npz")
    result = benchmark(simulate, channel, controller, requests, wrap_addresses=True)
    benchmark.extra_info["reference_requests_per_s"] = len(requests) / case["host_seconds"]
    if benchmark.enabled:
        benchmark.extra_info["requests_per_s"] = len(requests) / benchmark.stats["median"]
    assert result.cycles[0] == case["result"]["cycles"]


def test_a_thousand_small_designs(benchmark: Any) -> None:
    """What a search does: many designs on a short trace, on two threads."""
    rng = np.random.default_rng(0)
    trace = Trace(rng.integers(0, 2**26, 1000) * 64, rng.random(1000) < 0.3)
    designs = Controllers(read_queue=1 + np.arange(1000) % 64, row_policy=["open", "closed_cap"] * 500)
    channel = device("DDR4", "DDR4_8Gb_x8", "DDR4_2400R")
    result = benchmark(simulate, channel, designs, trace, threads=2)
    if benchmark.enabled:
        benchmark.extra_info["designs_per_s"] = len(designs) / benchmark.stats["median"]
    assert result.error == [""] * 1000
