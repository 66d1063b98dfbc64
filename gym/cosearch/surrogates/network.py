"""The model `mlp`: a few small networks, trained by PyTorch, which disagree where they are unsure."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from cosearch.surrogates.threads import one_thread

Matrix = NDArray[np.float64]
NETWORKS = 3
WIDTH = 96
STEPS, BATCH, RATE, DECAY = 2000, 64, 3e-3, 1e-4


@dataclass(frozen=True)
class Networks:
    """Networks of two hidden layers whose mean is the prediction.

    Attributes:
        layers: for each of three layers the weights, (networks, in, out), and the biases, (networks, out).
    """

    layers: tuple[tuple[NDArray[np.float32], NDArray[np.float32]], ...]
    name: ClassVar[str] = "mlp"
    most_designs: ClassVar[int] = 1_000_000

    @classmethod
    def fit(cls, inputs: Matrix, outputs: Matrix, seed: int) -> Networks:
        """Fit to n designs: inputs (n, inputs), standardised outputs (n, m)."""
        import torch

        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        generator = torch.Generator().manual_seed(seed)
        x = torch.tensor(2.0 * inputs - 1.0, dtype=torch.float32)
        y = torch.tensor(outputs, dtype=torch.float32)
        sizes = (inputs.shape[1], WIDTH, WIDTH, outputs.shape[1])
        layers = []
        for before, after in itertools.pairwise(sizes):
            weight = torch.randn(NETWORKS, before, after, generator=generator) * (2.0 / before) ** 0.5
            layers.append((weight.requires_grad_(), torch.zeros(NETWORKS, after).requires_grad_()))
        optimiser = torch.optim.AdamW([p for layer in layers for p in layer], lr=RATE, weight_decay=DECAY)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, STEPS)
        for _ in range(STEPS):
            rows = torch.randint(len(x), (NETWORKS, min(BATCH, len(x))), generator=generator)
            hidden = x[rows]
            for k, (weight, bias) in enumerate(layers):
                hidden = torch.baddbmm(bias[:, None], hidden, weight)
                if k < len(layers) - 1:
                    hidden = torch.nn.functional.silu(hidden)
            loss = ((hidden - y[rows]) ** 2).mean()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
        torch.set_num_threads(threads)
        return cls(tuple((w.detach().numpy().copy(), b.detach().numpy().copy()) for w, b in layers))

    def predict(self, inputs: Matrix) -> tuple[Matrix, Matrix]:
        """The mean of the networks and their standard deviation, (n, m) each."""
        each = []
        with one_thread():
            for k in range(NETWORKS):
                hidden = (2.0 * inputs - 1.0).astype(np.float32)
                for layer, (weight, bias) in enumerate(self.layers):
                    hidden = hidden @ weight[k] + bias[k]
                    if layer < len(self.layers) - 1:
                        hidden = hidden / (1.0 + np.exp(-np.clip(hidden, -60, 60)))
                each.append(hidden.astype(np.float64))
        return np.mean(each, axis=0), np.std(each, axis=0)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """What a file keeps."""
        named = ((f"weight_{k}", f"bias_{k}") for k in range(len(self.layers)))
        return {
            name: array
            for names, layer in zip(named, self.layers, strict=True)
            for name, array in zip(names, layer, strict=True)
        }

    @classmethod
    def of_arrays(cls, arrays: Mapping[str, NDArray[Any]], inputs: int, outputs: int) -> Networks:
        """The inverse of `arrays`; `ValueError` for what is no such model."""
        layers = tuple(
            tuple(np.asarray(arrays[f"{name}_{k}"], dtype=np.float32) for name in ("weight", "bias"))
            for k in range(3)
        )
        sizes = (inputs, WIDTH, WIDTH, outputs)
        for (weight, bias), before, after in zip(layers, sizes, sizes[1:], strict=False):
            if weight.shape != (NETWORKS, before, after) or bias.shape != (NETWORKS, after):
                raise ValueError("its networks are of other designs or metrics")
        return cls(layers)  # type: ignore[arg-type]
