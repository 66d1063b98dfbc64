"""The metrics of fleets, with the simulator's units and definitions."""

from __future__ import annotations

from cosearch.objectives import Metric

_OF = {
    "usd_per_hour": ("USD", "price of the instances that are on, as the mean over time"),
    "ttft_p99_ms": ("ms", "from a request's arrival to its first token, 99th percentile"),
    "tpot_p99_ms": ("ms", "between two tokens of a request, as its mean, 99th percentile"),
    "goodput_per_s": (
        "1/s",
        "requests that meet both service levels, a second of the time in which requests came",
    ),
    "attainment": ("1", "share of the requests that meet both service levels"),
    "ttft_p50_ms": ("ms", "from a request's arrival to its first token, median"),
    "tpot_p50_ms": ("ms", "between two tokens of a request, as its mean, median"),
    "gap_p99_ms": ("ms", "between two tokens of a request, each gap counted, 99th percentile"),
    "latency_p99_ms": ("ms", "from a request's arrival to its last token, 99th percentile"),
    "tokens_per_s": ("1/s", "tokens generated, a second from the first arrival to the last token"),
    "usd_per_million_tokens": ("USD", "price of the instances, for a million generated tokens"),
    "gpu_hours": ("h", "devices times the time that they are paid for"),
    "energy_per_token_j": ("J", "of all devices that are on, for each generated token"),
    "utilisation": ("1", "share of the paid time in which steps run"),
    "cache_use": ("1", "share of the caches that requests hold, as the mean over time"),
    "waiting": ("1", "requests that wait, as the mean over time"),
    "preemptions": ("1", "times that a request had to make room"),
    "prefix_hits": ("1", "share of the prompts' tokens that were found in a cache"),
    "devices": ("1", "of all instances"),
}

METRICS = tuple(Metric(name, unit, words) for name, (unit, words) in _OF.items())
