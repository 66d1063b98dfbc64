"""How the values of a metric become what trees learn: smaller is better, a logarithm where that helps.

What is worse than the median can be drawn together, so that a model does not spend itself on telling bad
designs from worse ones: the warping of bad values of X. Song et al., "The Vizier Gaussian process bandit
algorithm", arXiv:2408.11527, here by a logarithm, which has an inverse.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

Matrix = NDArray[np.float64]

# A metric whose values are all the same is only shifted, not scaled.
SMALLEST_SPREAD = 1e-12
# Of a warped scale, in spreads; and widths beyond its knee, drawn together, that are told apart.
SMALLEST_WIDTH, MOST_BEYOND = 1e-3, 50.0
# Of values that are told apart: the squares of what a model makes of them are numbers still.
FARTHEST_LOG = 300.0


@dataclass(frozen=True)
class MetricScale:
    """Values times a sign, perhaps their logarithms, in units of their spread.

    Attributes:
        sign: -1 where larger is better.
        logarithmic: whether logarithms are scaled.
        mean: that becomes 0.
        spread: that becomes 1.
        knee: scaled values above are drawn together.
        width: by how much the best scaled value is below the knee: above it, so far again counts 0.7 as much.
    """

    sign: float
    logarithmic: bool
    mean: float
    spread: float
    knee: float = np.inf
    width: float = 1.0

    @classmethod
    def warped(cls, values: Matrix, sign: float) -> MetricScale:
        """The same with values that are worse than the median drawn together."""
        plain = cls.of(values, sign)
        scaled = plain(values)
        knee = float(np.median(scaled))
        return replace(plain, knee=knee, width=max(knee - float(scaled.min()), SMALLEST_WIDTH))

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
        scaled = (self.sign * values - self.mean) / self.spread
        if not self.is_warped:
            return scaled
        beyond = np.maximum(scaled - self.knee, 0.0) / self.width
        return np.where(beyond > 0, self.knee + self.width * np.log1p(beyond), scaled)

    @property
    def is_warped(self) -> bool:
        """Whether it has a knee."""
        return bool(np.isfinite(self.knee))

    def minimised(self, scaled: Matrix) -> Matrix:
        """Back to the metric's unit, times the sign."""
        if self.is_warped:
            beyond = np.clip((scaled - self.knee) / self.width, 0.0, MOST_BEYOND)
            scaled = np.where(beyond > 0, self.knee + self.width * np.expm1(beyond), scaled)
        values = scaled * self.spread + self.mean
        if not self.logarithmic:
            return values
        return self.sign * np.exp(np.clip(self.sign * values, -FARTHEST_LOG, FARTHEST_LOG))


def skewness(values: Matrix) -> float:
    """How lopsided values are, as an absolute number; 0 where they are all the same."""
    spread = values.std()
    if spread <= SMALLEST_SPREAD:
        return 0.0
    return float(abs((((values - values.mean()) / spread) ** 3).mean()))
