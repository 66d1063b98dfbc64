"""A family of small convolutional networks, and the same with bits for weights and activations.

Stem, then two stages of up to three convolutions with elastic width and kernel; the second stage halves the
image. `training.elastic` has the networks themselves.
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


class QuantisedSmallCnn(SmallCnn):
    """The family with bits for weights and activations; its features begin with `SmallCnn`'s."""

    name = "small-cnn-quantised"
    values = MappingProxyType(
        dict(SmallCnn.values) | dict.fromkeys(("weight_bits", "activation_bits"), (2, 3, 4, 5, 6, 8))
    )

    def active(self, codes: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Bits always are."""
        return np.concatenate([super().active(codes[:, :-2]), np.ones((len(codes), 2), bool)], axis=1)

    def features(self, codes: NDArray[np.int64]) -> NDArray[np.float64]:
        """Those of full precision, and what rounding does: bits and their noise."""
        before = FULL_PRECISION.features(codes[:, :-2])
        bits = self.numbers(codes)[:, -2:]
        return np.concatenate([before, bits, 4.0 ** (2 - bits)], axis=1)

    def choices(self, codes: NDArray[np.int64]) -> Iterator[Choice]:
        """Each design's network."""
        return FULL_PRECISION.choices(codes[:, : len(SmallCnn.values)])


FULL_PRECISION = SmallCnn()
LARGEST = Choice((WIDTHS[-1],) * STAGES, ((KERNELS[-1],) * LAYERS,) * STAGES)
SMALLEST = Choice((WIDTHS[0],) * STAGES, ((KERNELS[0],),) * STAGES)


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
