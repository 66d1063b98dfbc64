"""The scale on which a metric is learned: the logarithm where it spans much, then standardised."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]
LOG_RATIO = 3.0
"""A positive metric whose largest value is more than so many times its smallest is learned as a logarithm."""
LARGEST_EXPONENT = 700.0


@dataclass(frozen=True)
class Scales:
    """How each of m metrics is learned.

    Attributes:
        logarithmic: which are learned as logarithms, (m,).
        offset: of the learned scale, (m,).
        width: of the learned scale, (m,), above 0.
        lowest: the smallest value that was seen, (m,): a prediction below 0 of what never was is cut there.
    """

    logarithmic: NDArray[np.bool_]
    offset: Matrix
    width: Matrix
    lowest: Matrix

    @classmethod
    def of(cls, values: Matrix) -> Scales:
        """The scales of the columns of an (n, m) array."""
        low, high = values.min(axis=0), values.max(axis=0)
        logarithmic = (low > 0) & (high > LOG_RATIO * low)
        plain = np.where(logarithmic, np.log(np.where(logarithmic, values, 1.0)), values)
        width = plain.std(axis=0)
        negligible = width <= 1e-12 * np.maximum(np.abs(plain).max(axis=0), 1e-300)
        return cls(logarithmic, plain.mean(axis=0), np.where(negligible, 1.0, width), low)

    def learned(self, values: Matrix) -> Matrix:
        """Values of the metrics on the learned scales, (n, m)."""
        plain = np.where(self.logarithmic, np.log(np.where(self.logarithmic, values, 1.0)), values)
        return np.asarray((plain - self.offset) / self.width)

    def back(self, learned: Matrix) -> Matrix:
        """The metrics of learned values, (n, m)."""
        plain = learned * self.width + self.offset
        if self.logarithmic.any():
            columns = self.logarithmic
            plain[:, columns] = np.exp(np.minimum(plain[:, columns], LARGEST_EXPONENT))
        return np.asarray(np.where((self.lowest >= 0) & (plain < 0), 0.0, plain))

    def half_width(self, predicted: Matrix, learned: Matrix) -> Matrix:
        """Half the width in the metric's unit of what is so wide on the learned scale, (n, m)."""
        slope = np.where(self.logarithmic, np.abs(predicted), 1.0)
        return np.asarray(learned * self.width * slope)
