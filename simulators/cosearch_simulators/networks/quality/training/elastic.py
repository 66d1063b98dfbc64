"""Small convolutional networks whose weights can be shared: every one is cut out of the largest.

A narrower layer uses the first channels (MatFormer, arXiv:2310.07707, and Once-for-All's order), a smaller
kernel the middle (BigNAS, arXiv:2003.11142). Normalisation is over a whole image (one group), so no
statistics have to be found again for a sub-network.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from cosearch_simulators.networks.quality.families.small_cnn import LARGEST, Choice


class ElasticNetwork:
    """Weights for one choice, and for every choice that is smaller.

    Args:
        shape: channels, height and width of an image.
        classes: how many there are.
        choice: the largest network that it can be.
        seed: of the first weights.

    Attributes:
        normalised: whether layers are normalised; scores look at networks that are not.
        bits: of weights and of activations, to which they are rounded (symmetric, a scale for each output
            channel; from 0 to the largest of each image); None: they are not.
    """

    def __init__(self, shape: tuple[int, int, int], classes: int, choice: Choice = LARGEST, seed: int = 0):
        import torch

        rng = torch.Generator().manual_seed(seed)

        def weights(*sizes: int) -> Any:
            fan_in = int(np.prod(sizes[1:]))
            return torch.randn(*sizes, generator=rng) * (2 / fan_in) ** 0.5

        self.choice, self.classes, self.normalised = choice, classes, True
        self.bits: tuple[int, int] | None = None
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
                cut = self._rounded_weights(weight[:width, : rows.shape[1], inside, inside])
                stride = 2 if stage and layer == 0 else 1
                found = functional.conv2d(rows, cut, stride=stride, padding=kernel // 2)
                if self.normalised:
                    found = functional.group_norm(found, 1, scale[:width], shift[:width])
                found = functional.relu(found)
                rows = self._rounded(found + rows if found.shape == rows.shape else found)
        weight, bias = self._head
        return rows.mean((2, 3)) @ weight[:, : rows.shape[1]].T + bias

    def _rounded_weights(self, weight: Any) -> Any:
        """To signed numbers of so many bits."""
        if self.bits is None:
            return weight
        most = 2 ** (self.bits[0] - 1) - 1
        scale = weight.detach().abs().amax((1, 2, 3), keepdim=True).clamp(min=1e-12) / most
        return (weight / scale).round() * scale

    def _rounded(self, rows: Any) -> Any:
        """To unsigned numbers of so many bits; what is below 0 stays, for there is nothing after a ReLU."""
        if self.bits is None:
            return rows
        scale = rows.detach().amax((1, 2, 3), keepdim=True).clamp(min=1e-12) / (2 ** self.bits[1] - 1)
        return (rows / scale).round() * scale
