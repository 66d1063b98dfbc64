"""What the judges of both tools share: reading a number of a case, and timing a design."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from reprlib import repr as short
from typing import Any

import numpy as np

from cosearch_simulators.dram.common.memspecs.checks import is_number
from cosearch_simulators.dram.common.result import DramResult
from cosearch_simulators.errors import SimulatorError

TIMED_RUNS = 3


def number_of(case: Mapping[str, Any], field: str, *, positive: bool = False) -> float:
    """A field of a case as a number from 0, or above it.

    Raises:
        KeyError: it is missing.
        SimulatorError: it is no such number.
    """
    value = case[field]
    if not is_number(value, 0, 1e300) or (positive and value == 0):
        least = "above 0" if positive else "of 0 or more"
        raise SimulatorError(f"field {field!r} must be a number {least}, got {short(value)}")
    return float(value)


def timed(evaluate: Callable[[], DramResult]) -> tuple[DramResult, float]:
    """One design's result, and the median of the processor time in seconds of `TIMED_RUNS` simulations.

    One more goes before them: it compiles, and fills what is kept of a device.
    """
    seconds = []
    for _ in range(1 + TIMED_RUNS):
        start = time.process_time()
        result = evaluate()
        seconds.append(time.process_time() - start)
    return result, max(float(np.median(seconds[1:])), 1e-9)


def speed_medians(speeds: Mapping[str, list[tuple[float, float]]]) -> dict[str, dict[str, float]]:
    """For each trace and "all" the medians of our and the reference's requests/s and of their ratio."""
    groups = {**dict(sorted(speeds.items())), "all": [pair for pairs in speeds.values() for pair in pairs]}
    return {
        trace: {
            "requests_per_s": float(np.median([ours for ours, _ in pairs])),
            "reference_requests_per_s": float(np.median([theirs for _, theirs in pairs])),
            "ratio": float(np.median([ours / theirs for ours, theirs in pairs])),
        }
        for trace, pairs in groups.items()
    }
