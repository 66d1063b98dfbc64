"""What is measured of a fleet: names, units, and one definition of each."""

from __future__ import annotations

from collections.abc import Mapping

PERCENTILES = (50, 90, 99)

TIMES = {
    "ttft": "from a request's arrival to its first token",
    "tpot": "between two tokens of a request, as its mean",
    "latency": "from a request's arrival to its last token",
    "gap": "between two tokens of a request, each gap counted",
}

_OTHERS: Mapping[str, tuple[str, str]] = {
    "attainment": ("1", "share of the requests that meet both service levels"),
    "ttft_attainment": ("1", "share of the requests that meet the level of the first token"),
    "tpot_attainment": ("1", "share of the requests that meet the level of every further token"),
    "goodput_per_s": ("1/s", "requests that meet both levels, a second of the time in which requests came"),
    "requests_per_s": ("1/s", "requests served, a second from the first arrival to the last token"),
    "tokens_per_s": ("1/s", "tokens generated, a second from the first arrival to the last token"),
    "usd_per_hour": ("USD", "price of the instances that are on, as the mean over time"),
    "usd_per_million_tokens": ("USD", "price of the instances, for a million generated tokens"),
    "gpu_hours": ("h", "devices times the time that they are paid for"),
    "energy_per_token_j": ("J", "of all devices that are on, for each generated token"),
    "utilisation": ("1", "share of the paid time in which steps run"),
    "cache_use": ("1", "share of the caches that requests hold, as the mean over time"),
    "cache_use_most": ("1", "the largest share of the caches that requests held"),
    "waiting": ("1", "requests that wait, as the mean over time"),
    "waiting_most": ("1", "the most requests that waited"),
    "wait_mean_ms": ("ms", "from a request's arrival to its first step, as the mean"),
    "batch": ("1", "requests under way on an instance that is on, as the mean over time"),
    "preemptions": ("1", "times that a request had to make room"),
    "prefix_hits": ("1", "share of the prompts' tokens that were found in a cache"),
    "moved_gb": ("GB", "of caches over the links between instances"),
    "devices": ("1", "of all instances"),
    "requests": ("1", "that were served"),
}

UNITS: dict[str, str] = {
    f"{name}_{which}_ms": "ms" for name in TIMES for which in ("mean", *(f"p{p}" for p in PERCENTILES))
} | {name: unit for name, (unit, _) in _OTHERS.items()}
UNITS.pop("gap_mean_ms")

METRICS: dict[str, str] = {
    name: (
        f"{TIMES[name.split('_')[0]]}, "
        + ("mean" if "_mean_" in name else f"{name.split('_')[1][1:]}th percentile")
        + " over the requests"
        if name.split("_")[0] in TIMES and name.endswith("_ms")
        else _OTHERS[name][1]
    )
    for name in UNITS
}
