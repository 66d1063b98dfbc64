"""Training on text, and what the trained network needs for each byte of text that it has not seen."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import torch
from torch.nn import functional as F

from cosearch_simulators.errors import SimulatorError
from cosearch_simulators.hybrid_lm.architecture import Architecture
from cosearch_simulators.hybrid_lm.corpus import Corpus
from cosearch_simulators.hybrid_lm.model import HybridModel

CONTEXT = 128
"""Bytes of a sequence in training and scoring."""

BATCH = 8
"""Sequences of a step."""

LEARNING_RATE = 4e-3
"""At width 128; it falls with the root of the width. AdamW, a tenth of the steps to warm up, then a cosine.
Found by trying 1e-3, 2e-3, 4e-3 and 8e-3 on the default design."""

WARM_UP, LEAST_RATE, DECAY, LARGEST_GRADIENT = 0.1, 0.05, 0.1, 1.0
SCORED_SEQUENCES = 64


class DivergedError(SimulatorError):
    """A training whose loss is no number any more."""


def train(
    model: HybridModel,
    architecture: Architecture,
    corpus: Corpus,
    *,
    steps: int,
    seed: int,
    say: Callable[[int, float], None] = lambda step, loss: None,
) -> None:
    """Train in place, on sequences drawn by the seed.

    Raises:
        DivergedError: at which step.
    """
    rng = np.random.default_rng([seed, 1])
    rate = LEARNING_RATE * (128 / architecture.width) ** 0.5
    matrices = [p for p in model.parameters() if p.ndim >= 2]
    others = [p for p in model.parameters() if p.ndim < 2]
    optimiser = torch.optim.AdamW(
        [{"params": matrices, "weight_decay": DECAY}, {"params": others, "weight_decay": 0.0}],
        lr=rate,
        betas=(0.9, 0.95),
    )
    warm_up = max(1, round(WARM_UP * steps))
    model.train()
    for step in range(steps):
        done = max(0.0, (step - warm_up) / max(1, steps - warm_up))
        cosine = LEAST_RATE + (1 - LEAST_RATE) * (1 + math.cos(math.pi * done)) / 2
        for group in optimiser.param_groups:
            group["lr"] = rate * min((step + 1) / warm_up, cosine)
        starts = rng.integers(0, len(corpus.train) - CONTEXT - 1, BATCH)
        text = torch.from_numpy(corpus.train[starts[:, None] + np.arange(CONTEXT + 1)].astype(np.int64))
        scores = model(text[:, :-1])
        loss = F.cross_entropy(scores.reshape(-1, scores.shape[-1]), text[:, 1:].reshape(-1))
        value = float(loss.detach())
        if not math.isfinite(value):
            raise DivergedError(f"the training diverged at step {step + 1} of {steps}: its loss is {value}")
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), LARGEST_GRADIENT)
        optimiser.step()
        say(step, value)
    model.eval()


@torch.no_grad()
def bits_for_each_byte(model: HybridModel, corpus: Corpus) -> tuple[float, float]:
    """Cross-entropy in bits on fixed sequences of the held-out text, and its standard error over them."""
    starts = np.linspace(0, len(corpus.held_out) - CONTEXT - 1, SCORED_SEQUENCES).astype(np.int64)
    text = torch.from_numpy(corpus.held_out[starts[:, None] + np.arange(CONTEXT + 1)].astype(np.int64))
    scores = model(text[:, :-1]).float()
    losses = F.cross_entropy(scores.transpose(1, 2), text[:, 1:], reduction="none").mean(dim=1) / math.log(2)
    return float(losses.mean()), float(losses.std()) / SCORED_SEQUENCES**0.5
