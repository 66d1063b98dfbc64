"""An ensemble of small multi-layer perceptrons: trained by PyTorch side by side, evaluated by numpy.

It may begin from weights that were learned on something cheaper: free statistics of random networks
(FBNetV3, arXiv:2006.02049) or another target, such as full precision (APQ, arXiv:2006.08509).
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from cosearch_simulators.networks.quality.learners.learner import Learner, Matrix, Scale, Vector

MEMBERS, WIDTH = 5, 96
BATCH, RATE, DECAY = 64, 3e-3, 1e-3
STEPS = 3000
"""For each member; fewer for few rows, so that none is seen more than `MOST_EPOCHS` times."""

MOST_EPOCHS = 200
PRETRAINING_STEPS = 800
Layers = list[tuple[NDArray[np.float64], NDArray[np.float64]]]
"""Of each layer weights (members, inputs, outputs) and biases (members, 1, outputs)."""


class MlpEnsemble(Learner):
    """See the module.

    Args:
        scale: how features are standardised.
        layers: the learned weights.
        target: mean and deviation of the target.
    """

    kind: ClassVar[str] = "mlp"

    def __init__(self, scale: Scale, layers: Layers, target: Vector) -> None:
        self._scale, self._layers, self._target = scale, layers, target

    @property
    def inputs(self) -> int:
        """How many features it sees."""
        return int(self._layers[0][0].shape[1])

    @classmethod
    def fit(
        cls,
        features: Matrix,
        target: Vector,
        *,
        seed: int = 0,
        begin: MlpEnsemble | None = None,
    ) -> Self:
        """Adam with a cosine schedule, every member on bootstrapped batches of its own order.

        Args:
            features: (n, features).
            target: (n,).
            seed: of weights and batches.
            begin: an ensemble that was trained on the same features, or on the first of them; its last layer
                is taken over too.
        """
        known = np.stack([target], axis=1)
        return cls._trained(features, known, seed=seed, begin=begin)

    @classmethod
    def pretrain(cls, features: Matrix, statistics: Matrix, *, seed: int = 0) -> Self:
        """An ensemble that has learned several statistics, (n, statistics), of many networks."""
        return cls._trained(features, statistics, seed=seed, begin=None, most=PRETRAINING_STEPS)

    @classmethod
    def _trained(
        cls, features: Matrix, known: Matrix, *, seed: int, begin: MlpEnsemble | None, most: int = STEPS
    ) -> Self:
        import torch

        scale = Scale(features) if begin is None else _widened(begin._scale, Scale(features))
        mean, deviation = known.mean(0), np.where(known.std(0) > 0, known.std(0), 1.0)
        rate = RATE
        if begin is not None and begin._target.shape[1] == known.shape[1]:  # it is right from the first step
            (mean, deviation), rate = begin._target, RATE / 4
        inputs = torch.tensor(scale(features), dtype=torch.float32)
        wanted = torch.tensor((known - mean) / deviation, dtype=torch.float32)
        rng = torch.Generator().manual_seed(seed)
        sizes = [features.shape[1], WIDTH, WIDTH, known.shape[1]]
        layers = []
        for into, out in pairwise(sizes):
            weight = torch.randn(MEMBERS, into, out, generator=rng) * (1.5 / into) ** 0.5
            layers.append((weight, torch.zeros(MEMBERS, 1, out)))
        if begin is not None:
            layers = _begun(layers, begin._layers)
        parameters = [part.requires_grad_() for layer in layers for part in layer]
        n = len(features)
        batch = min(BATCH, n)
        steps = max(1, min(most, MOST_EPOCHS * n // batch))
        optimiser = torch.optim.AdamW(parameters, lr=rate, weight_decay=DECAY)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, rate, total_steps=steps)
        for _ in range(steps):
            rows = torch.randint(n, (MEMBERS, batch), generator=rng)
            loss = ((_forward(inputs[rows], layers, torch) - wanted[rows]) ** 2).mean((1, 2)).sum()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
        learned = [
            (w.detach().numpy().astype(np.float64), b.detach().numpy().astype(np.float64)) for w, b in layers
        ]
        return cls(scale, learned, np.stack([mean, deviation]))

    def predict(self, features: Matrix) -> tuple[Vector, Vector]:
        """Mean of the members, and their standard deviation; of the first target."""
        rows = self._scale(features)
        found = np.stack(
            [_member(rows, [(w[i], b[i]) for w, b in self._layers])[:, 0] for i in range(MEMBERS)]
        )
        mean, deviation = self._target[:, 0]
        return mean + deviation * found.mean(0), deviation * found.std(0, ddof=1)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Weights and biases by layer."""
        found = {"mean": self._scale.mean, "factor": self._scale.factor, "target": self._target}
        for i, (weight, bias) in enumerate(self._layers):
            found |= {f"weight_{i}": weight, f"bias_{i}": bias}
        return found

    @classmethod
    def of_arrays(cls, arrays: Mapping[str, NDArray[Any]], features: Matrix) -> Self:
        """As they were."""
        scale = Scale(features)
        scale.mean, scale.factor = arrays["mean"], arrays["factor"]
        count = sum(name.startswith("weight_") for name in arrays)
        layers = [(arrays[f"weight_{i}"], arrays[f"bias_{i}"]) for i in range(count)]
        return cls(scale, layers, arrays["target"])


def _forward(rows: Any, layers: Any, torch: Any) -> Any:
    for weight, bias in layers[:-1]:
        rows = torch.nn.functional.silu(rows @ weight + bias)
    return rows @ layers[-1][0] + layers[-1][1]


def _member(rows: Matrix, layers: Layers) -> Matrix:
    for weight, bias in layers[:-1]:
        rows = rows @ weight + bias
        rows = rows / (1 + np.exp(-np.clip(rows, -60, None)))
    return rows @ layers[-1][0] + layers[-1][1]


def _widened(known: Scale, whole: Scale) -> Scale:
    """The scale of before for the columns of before, and its own for those that are new."""
    whole.mean[: len(known.mean)], whole.factor[: len(known.factor)] = known.mean, known.factor
    return whole


def _begun(layers: Any, before: Layers) -> Any:
    """The layers of before; inputs that are new, and other outputs, begin at random."""
    import torch

    found = []
    for (weight, bias), (old_weight, old_bias) in zip(layers, before, strict=True):
        if old_weight.shape[2] == weight.shape[2]:
            new = weight.clone()
            new[:, : old_weight.shape[1]] = torch.tensor(old_weight, dtype=torch.float32)
            weight, bias = new, torch.tensor(old_bias, dtype=torch.float32)
        found.append((weight, bias))
    return found
