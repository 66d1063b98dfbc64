"""Designs a second of processor time, in batches of 10,000: what a batch has alike makes it cheaper."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from cosearch_simulators.llm.common.columns import rows, stacked
from cosearch_simulators.llm.devices import DEVICES
from cosearch_simulators.llm.engines.ours.entry import evaluate
from cosearch_simulators.llm.engines.tiered.entry import evaluate as evaluate_machines
from cosearch_simulators.llm.machines import Machine, Tier
from cosearch_simulators.llm.models import MODELS
from cosearch_simulators.llm.platforms import platform_named, platform_of
from cosearch_simulators.llm.serving import Serving

COUNT = 10_000


def speeds() -> dict[str, dict[str, float]]:
    """By what varies in the batch."""
    rng = np.random.default_rng(0)
    batch = np.arange(1.0, COUNT + 1.0) % 256 + 1.0
    devices = stacked([platform_of(one) for one in DEVICES.values()])
    platforms = rows(devices, rng.integers(0, len(DEVICES), COUNT))
    models = rows(stacked(list(MODELS.values())), rng.integers(0, len(MODELS), COUNT))
    mixed = Serving(
        batch=batch,
        tp=2.0 ** rng.integers(0, 4, COUNT),
        precision=rng.integers(0, 5, COUNT).astype(float),
        expert_precision=rng.integers(0, 5, COUNT).astype(float),
    )
    machine = Machine(
        arrays=batch, side=128.0, clock_ghz=1.0, lanes=1024.0, sram_bytes=2.0**25, interleaved=batch % 2
    )
    tiers = (
        Tier(2.0**36, 1e12, 3.9, inside_bandwidth=4e12, inside_rate=1e13, inside=1.0),
        Tier(2.0**38, 1e11, 14.0),
    )
    llama, h100 = MODELS["llama-3.1-70b"], platform_named("h100_sxm")
    return {
        "ours: batch on one device": _rate(lambda: evaluate(llama, h100, Serving(batch=batch, tp=8.0))),
        "ours: devices, precision, split, batch": _rate(lambda: evaluate(llama, platforms, mixed)),
        "ours: the same and all models": _rate(lambda: evaluate(models, platforms, mixed)),
        "tiered: arrays, batches in turns": _rate(
            lambda: evaluate_machines(MODELS["llama-3.1-8b"], machine, tiers, Serving(batch=batch))
        ),
    }


def _rate(run: Callable[[], object]) -> dict[str, float]:
    times = []
    for _ in range(5):
        begin = time.process_time()
        run()
        times.append(time.process_time() - begin)
    return {"designs a second": COUNT / min(times)}
