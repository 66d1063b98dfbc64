"""A family of small convolutional networks whose weights can be shared: every one is cut out of the largest.

Stem, then two stages of up to three convolutions with elastic width and kernel; the second stage halves the
image. A narrower layer uses the first channels (MatFormer, arXiv:2310.07707, and Once-for-All's order), a
smaller kernel the middle (BigNAS, arXiv:2003.11142). Normalisation is over a whole image (one group), so no
statistics have to be found again for a sub-network.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosearch_simulators.networks.quality.families.family import Family, Raw

STAGES, LAYERS = 2, 3
DEPTHS, WIDTHS, KERNELS = (1, 2, 3), (2, 4, 8, 16), (1, 3, 5)
LEAST_SIDE = 4
"""Of an image: the second stage halves it."""

_POSITIONS = [(stage, layer) for stage in range(STAGES) for layer in range(LAYERS)]


@dataclass(frozen=True)
class Choice:
    """One network: by stage its width and the kernels of its layers."""

    widths: tuple[int, ...]
    kernels: tuple[tuple[int, ...], ...]


class SmallCnn(Family):
    """The family as parameters."""

    name = "small-cnn"
    values = MappingProxyType(
        {f"depth_{stage + 1}": DEPTHS for stage in range(STAGES)}
        | {f"width_{stage + 1}": WIDTHS for stage in range(STAGES)}
        | {f"kernel_{stage + 1}_{layer + 1}": KERNELS for stage, layer in _POSITIONS}
    )

    def active(self, codes: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Layers beyond their stage's depth are not active."""
        inside = np.arange(LAYERS) <= codes[:, :STAGES, None]
        always = np.ones((len(codes), 2 * STAGES), bool)
        return np.concatenate([always, inside.reshape(len(codes), -1)], axis=1)

    def features(self, codes: NDArray[np.int64]) -> NDArray[np.float64]:
        """Values, one-hots and counts for an image of 8 x 8."""
        counts = self.free_statistics(codes)
        numbers = [np.log(counts[name])[:, None] for name in ("macs", "params")]
        return np.concatenate([self.numbers(codes), self.one_hot(codes), *numbers], axis=1)

    def free_statistics(
        self, codes: NDArray[np.int64], shape: tuple[int, int, int] = (1, 8, 8), classes: int = 10
    ) -> dict[str, NDArray[np.float64]]:
        """Multiply-accumulates and weights."""
        counted = [_counted(choice, shape, classes) for choice in self.choices(codes)]
        macs, params = np.array(counted, np.float64).reshape(-1, 2).T
        return {"macs": macs, "params": params}

    def choices(self, codes: NDArray[np.int64]) -> Iterator[Choice]:
        """Each design as a `Choice`."""
        numbers = self.numbers(codes).astype(int)
        for row in numbers:
            depths, widths = row[:STAGES], row[STAGES : 2 * STAGES]
            kernels = row[2 * STAGES :].reshape(STAGES, LAYERS)
            yield Choice(
                tuple(map(int, widths)),
                tuple(tuple(map(int, kernels[s, : depths[s]])) for s in range(STAGES)),
            )

    def reads(self, names: frozenset[str]) -> bool:
        """Tables that name the parameters as we do."""
        return set(self.values) <= names

    def designs_of(self, table: Raw) -> dict[str, NDArray[Any]]:
        """The columns themselves."""
        return {name: table[name] for name in self.values}


LARGEST = Choice((WIDTHS[-1],) * STAGES, ((KERNELS[-1],) * LAYERS,) * STAGES)
SMALLEST = Choice((WIDTHS[0],) * STAGES, ((KERNELS[0],),) * STAGES)


class ElasticNetwork:
    """Weights for one choice, and for every choice that is smaller.

    Args:
        shape: channels, height and width of an image.
        classes: how many there are.
        choice: the largest network that it can be.
        seed: of the first weights.

    Attributes:
        normalised: whether layers are normalised; scores look at networks that are not.
    """

    def __init__(self, shape: tuple[int, int, int], classes: int, choice: Choice = LARGEST, seed: int = 0):
        import torch

        rng = torch.Generator().manual_seed(seed)

        def weights(*sizes: int) -> Any:
            fan_in = int(np.prod(sizes[1:]))
            return torch.randn(*sizes, generator=rng) * (2 / fan_in) ** 0.5

        self.choice, self.classes, self.normalised = choice, classes, True
        self._stem = [weights(choice.widths[0], shape[0], 3, 3)]
        self._layers: dict[tuple[int, int], list[Any]] = {}
        inputs = choice.widths[0]
        for stage, kernels in enumerate(choice.kernels):
            width = choice.widths[stage]
            for layer, kernel in enumerate(kernels):
                into = inputs if layer == 0 else width
                scale = [torch.ones(width), torch.zeros(width)]
                self._layers[stage, layer] = [weights(width, into, kernel, kernel), *scale]
            inputs = width
        self._head = [weights(classes, inputs) * 0.5, torch.zeros(classes)]
        for part in self.parameters():
            part.requires_grad_()

    def parameters(self) -> list[Any]:
        """All trained tensors."""
        return [*self._stem, *(part for layer in self._layers.values() for part in layer), *self._head]

    def __call__(self, images: Any, choice: Choice | None = None) -> Any:
        """Logits (n, classes) of images, by the whole network or by a smaller one cut out of it."""
        from torch.nn import functional

        chosen = choice or self.choice
        rows = functional.conv2d(images, self._stem[0][: chosen.widths[0]], padding=1)
        for stage, kernels in enumerate(chosen.kernels):
            width = chosen.widths[stage]
            for layer, kernel in enumerate(kernels):
                weight, scale, shift = self._layers[stage, layer]
                margin = (weight.shape[-1] - kernel) // 2
                inside = slice(margin, margin + kernel)
                cut = weight[:width, : rows.shape[1], inside, inside]
                stride = 2 if stage and layer == 0 else 1
                found = functional.conv2d(rows, cut, stride=stride, padding=kernel // 2)
                if self.normalised:
                    found = functional.group_norm(found, 1, scale[:width], shift[:width])
                found = functional.relu(found)
                rows = found + rows if found.shape == rows.shape else found
        weight, bias = self._head
        return rows.mean((2, 3)) @ weight[:, : rows.shape[1]].T + bias


def _counted(choice: Choice, shape: tuple[int, int, int], classes: int) -> tuple[int, int]:
    """Multiply-accumulates and weights of one network."""
    channels, height, width = shape
    pixels, inputs = height * width, choice.widths[0]
    params = 9 * channels * inputs
    macs = params * pixels
    for stage, kernels in enumerate(choice.kernels):
        outputs = choice.widths[stage]
        for layer, kernel in enumerate(kernels):
            if stage and layer == 0:
                height, width = -(-height // 2), -(-width // 2)
                pixels = height * width
            weights = kernel * kernel * inputs * outputs
            macs += weights * pixels
            params += weights + 2 * outputs
            inputs = outputs
    return macs + inputs * classes, params + inputs * classes + classes
