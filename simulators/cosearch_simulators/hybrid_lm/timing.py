"""How long prefill and decoding really take on this machine: one pinned thread, the median of repeats."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch

from cosearch_simulators.hybrid_lm.model import HybridModel
from cosearch_simulators.threads import one_torch_thread

MEDIAN_ERROR = 1.2533
"""The standard error of a median is so many times that of a mean, for normal noise."""

NORMAL_SPREAD = 1.4826
"""Standard deviations of normal noise for each median absolute deviation."""


@dataclass(frozen=True)
class Timed:
    """A median of repeats and its standard error, ms."""

    median_ms: float
    error_ms: float

    @classmethod
    def of(cls, seconds: list[float]) -> Timed:
        """Of single runs."""
        ms = np.array(seconds) * 1e3
        spread = NORMAL_SPREAD * float(np.median(np.abs(ms - np.median(ms))))
        return cls(float(np.median(ms)), MEDIAN_ERROR * spread / len(ms) ** 0.5)


@contextmanager
def pinned() -> Iterator[None]:
    """This process on one core, where the system can say so."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {sorted(cores)[os.getpid() % len(cores)]})  # workers do not all take the first
    try:
        yield
    finally:
        os.sched_setaffinity(0, cores)


@torch.inference_mode()
def timed(model: HybridModel, *, prompt: int, decoded: int, repeats: int) -> tuple[Timed, Timed]:
    """Prefill of `prompt` tokens, and each token decoded after it.

    Args:
        model: in the precision that is meant.
        prompt: tokens of one sequence.
        decoded: tokens that are decoded after each prefill.
        repeats: of prefill and decoding; one more goes before them, unmeasured.
    """
    tokens = torch.arange(prompt)[None] % 256
    prefills, steps = [], []
    with one_torch_thread(), pinned():
        for repeat in range(repeats + 1):
            memories = model.new_memories()
            began = time.perf_counter()
            following = model(tokens, memories)[:, -1:].argmax(dim=-1)
            ended = time.perf_counter()
            if repeat:
                prefills.append(ended - began)
            for _ in range(decoded):
                began = time.perf_counter()
                following = model(following, memories).argmax(dim=-1)
                ended = time.perf_counter()
                if repeat:
                    steps.append(ended - began)
    return Timed.of(prefills), Timed.of(steps)
