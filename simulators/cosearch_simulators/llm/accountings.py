"""One entry for all engines: a deployment in the accounting that is asked for."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from cosearch_simulators.core.result import Result
from cosearch_simulators.llm.engines.genz import entry as genz
from cosearch_simulators.llm.engines.llm_viewer import entry as llm_viewer
from cosearch_simulators.llm.engines.ours import entry as ours
from cosearch_simulators.llm.models import Model
from cosearch_simulators.llm.platforms import Platform
from cosearch_simulators.llm.serving import PRECISIONS, Serving

ACCOUNTINGS = ("ours", "genz", "llm-viewer")

SHARED = (
    "ttft_ms",
    "tpot_ms",
    "latency_ms",
    "tokens_per_s",
    "tokens_per_s_device",
    "memory_gib",
    "usd_per_million_tokens",
    "devices",
)
"""Metrics of every accounting."""

GIB = float(1 << 30)


def evaluate(model: Model, platform: Platform, serving: Serving, accounting: str = "ours") -> Result:
    """Metrics of each design; of `genz` and `llm-viewer` those of `SHARED`.

    GenZ knows one precision, that of the weights, and splits attention by tensor only; LLM-Viewer knows one
    device: that is how they cost a design that asks for more. Neither knows windows, latent attention or
    recurrent layers: such a model is refused.

    Args:
        model: NumPy columns of one length, or numbers.
        platform: as model.
        serving: as model.
        accounting: one of `ACCOUNTINGS`.
    """
    if accounting == "ours":
        return ours.evaluate(model, platform, serving)
    codes = np.atleast_1d(np.asarray(serving.precision)).astype(int)
    weight = np.array([one.weight_bytes for one in PRECISIONS.values()])[codes]
    if accounting == "genz":
        simpler = for_genz(serving)
        found = genz.evaluate(model, platform, simpler)
        per_replica = simpler.tp * serving.ep * serving.pp
        memory = found["required_gib"]
    else:
        settings = llm_viewer.Settings(weight_bytes=weight)
        found = llm_viewer.evaluate(model, platform, serving, settings)
        per_replica = np.ones(1)
        memory = found["step_memory_gb"] * 1e9 / GIB
    return completed(model, platform, serving, found, per_replica, memory)


def for_genz(serving: Serving) -> Serving:
    """Deployments as GenZ knows them: numbers of 4, 2, 1 or 0.5 bytes, attention split by tensor only."""
    codes = np.atleast_1d(np.asarray(serving.precision)).astype(int)
    weight = np.array([one.weight_bytes for one in PRECISIONS.values()])[codes]
    ranks = np.asarray(serving.tp) * serving.attention_dp
    size = np.where(weight < 1, 0.5, weight)
    return replace(serving, kv_bytes=size, attention_dp=1.0, tp=ranks / serving.ep)


def completed(
    model: Model, platform: Platform, serving: Serving, found: Result, per_replica: Any, memory: Any
) -> Result:
    """The shared metrics, from a prompt's and a step's time of the whole batch."""
    latency = found["ttft_ms"] + found["tpot_ms"] * (np.asarray(serving.output) - 1.0)
    rate = np.asarray(serving.batch) * serving.replicas * serving.output / latency * 1e3
    devices = np.broadcast_to(per_replica * np.asarray(serving.replicas), latency.shape)
    columns = {
        "ttft_ms": found["ttft_ms"],
        "tpot_ms": found["tpot_ms"],
        "latency_ms": latency,
        "tokens_per_s": rate,
        "tokens_per_s_device": rate / devices,
        "memory_gib": memory,
        "usd_per_million_tokens": devices * platform.usd_per_hour / 3600.0 / rate * 1e6,
        "devices": devices,
    }
    reason = found.reason.copy()
    other = np.asarray(model.window_layers) + model.latent_layers + model.recurrent_layers
    capacity = np.broadcast_to(np.asarray(platform.memory_bytes) / GIB, latency.shape)
    for row in range(latency.size):
        if not reason[row] and np.broadcast_to(other, latency.shape)[row] > 0:
            reason[row] = "this accounting knows full attention only"
        elif not reason[row] and memory[row] > capacity[row]:
            reason[row] = f"needs {memory[row]:.1f} GiB on a device, has {capacity[row]:.1f}"
    return Result.of(columns, reason)
