"""How the values of a metric become what trees learn: smaller is better, a logarithm where that helps."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Matrix = NDArray[np.float64]

# A metric whose values are all the same is only shifted, not scaled.
SMALLEST_SPREAD = 1e-12


@dataclass(frozen=True)
class MetricScale:
    """Values times a sign, perhaps their logarithms, in units of their spread."""

    sign: float
    logarithmic: bool
    mean: float
    spread: float

    @classmethod
    def of(cls, values: Matrix, sign: float) -> MetricScale:
        """The scale that these values of a metric call for; `sign` is -1 where larger is better."""
        logarithmic = bool((values > 0).all()) and skewness(np.log(values)) < skewness(values)
        transformed = sign * (np.log(values) if logarithmic else values)
        spread = float(transformed.std())
        return cls(sign, logarithmic, float(transformed.mean()), spread if spread > SMALLEST_SPREAD else 1.0)

    def __call__(self, values: ArrayLike) -> Matrix:
        """Values of the metric on this scale; infinite where a logarithm does not exist."""
        values = np.asarray(values, dtype=np.float64)
        if self.logarithmic:
            with np.errstate(divide="ignore", invalid="ignore"):
                values = np.where(values > 0, np.log(values), np.where(np.isnan(values), np.nan, -np.inf))
        return (self.sign * values - self.mean) / self.spread

    def minimised(self, scaled: Matrix) -> Matrix:
        """Back to the metric's unit, times the sign."""
        values = scaled * self.spread + self.mean
        return self.sign * np.exp(np.clip(self.sign * values, -700.0, 700.0)) if self.logarithmic else values


def skewness(values: Matrix) -> float:
    """How lopsided values are, as an absolute number; 0 where they are all the same."""
    spread = values.std()
    if spread <= SMALLEST_SPREAD:
        return 0.0
    return float(abs((((values - values.mean()) / spread) ** 3).mean()))
