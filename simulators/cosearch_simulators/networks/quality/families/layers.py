"""Parameters and MACs of inverted bottlenecks, over arrays of designs: free statistics for predictors.

They follow the published networks' own definitions (a test holds them against the counts in the tables).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray


class Count(NamedTuple):
    """Multiply-accumulates and weights of a part of n networks, each (n,)."""

    macs: NDArray[np.float64]
    params: NDArray[np.float64]


def divisible(channels: ArrayLike, by: int = 8) -> NDArray[np.int64]:
    """Channels rounded to a multiple, never by more than 10 % down (MobileNetV2's rule)."""
    wanted = np.asarray(channels, np.float64)
    rounded = np.maximum(by, (wanted + by / 2).astype(np.int64) // by * by)
    return np.where(rounded < 0.9 * wanted, rounded + by, rounded)


def convolution(pixels: ArrayLike, kernel: ArrayLike, inputs: ArrayLike, outputs: ArrayLike) -> Count:
    """A convolution with batch normalisation on output maps of these many pixels."""
    p, k, i, o = (np.asarray(value, np.float64) for value in (pixels, kernel, inputs, outputs))
    weights = k * k * i * o
    return Count(weights * p, weights + 2 * o)


def squeeze_excite(channels: ArrayLike, squeezed: ArrayLike) -> Count:
    """Two fully connected layers with biases over the mean of each channel."""
    c, s = np.asarray(channels, np.float64), np.asarray(squeezed, np.float64)
    return Count(2 * c * s, 2 * c * s + c + s)
