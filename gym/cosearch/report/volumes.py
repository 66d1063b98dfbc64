"""Hypervolumes that can be compared whatever the units: in the box between the best and the reference."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cosearch.pareto import hypervolume, hypervolume_curve

MAX_CHECKPOINTS = 400  # at which a study's hypervolume is computed
MIN_CHECKPOINTS = 24
CURVE_WORK = 4e9  # a hypervolume of more than three objectives takes long where the front is large
ROUNDING = 1e-9


def checkpoints(evaluations: int, most: int = MAX_CHECKPOINTS) -> NDArray[np.int64]:
    """Numbers of evaluations, ascending up to all: every one of few, else denser at the beginning."""
    if evaluations <= most:
        return np.arange(1, evaluations + 1)
    early, even = np.geomspace(1, evaluations, most // 2), np.linspace(1, evaluations, most // 2)
    return np.unique(np.concatenate([early, even]).round().astype(np.int64))


@dataclass(frozen=True)
class UnitBox:
    """The box between the best values and the reference point, in which a hypervolume is between 0 and 1.

    So the largest and the smallest numbers that a metric can be have hypervolumes that can be compared.
    """

    low: NDArray[np.float64]
    spans: NDArray[np.float64]  # halves of them, which are finite for all numbers

    @classmethod
    def around(cls, front: NDArray[np.float64], reference: NDArray[np.float64]) -> UnitBox:
        """The box of the points that lie within the reference point."""
        inside = front[(front < reference).all(axis=1)]
        low = inside.min(axis=0) if len(inside) else np.zeros(len(reference))
        return cls(low, reference / 2 - low / 2 if len(inside) else np.ones(len(reference)))

    @property
    def volume(self) -> float:
        """Of the box, in the product of the objectives' units; infinite beyond the largest number."""
        with np.errstate(over="ignore", under="ignore"):
            return float(np.prod(2 * self.spans))

    def of(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """The points in the box's own coordinates: 0 is best, 1 the reference."""
        with np.errstate(over="ignore"):
            unit: NDArray[np.float64] = (points / 2 - self.low / 2) / self.spans
        return unit

    def hypervolume(self, points: NDArray[np.float64]) -> float:
        """Of some points, as a share of the box."""
        return hypervolume(self.of(points), np.ones(len(self.low)))

    def curve(
        self, points: NDArray[np.float64], front: NDArray[np.float64], whole: float
    ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """The checkpoints of a study and its hypervolume at these, as a share of `whole`."""
        n, m = points.shape
        most = CURVE_WORK / max(len(front), 1) ** (m - 2) if m > 3 else MAX_CHECKPOINTS
        at = checkpoints(n, int(min(max(most, MIN_CHECKPOINTS), MAX_CHECKPOINTS)))
        if whole <= 0.0:
            return at, np.zeros(len(at))
        unit = self.of(points)
        shares = hypervolume_curve(unit, ~np.isnan(unit).any(axis=1), np.ones(m), at) / whole
        shares[shares > 1 - ROUNDING] = 1.0
        return at, shares
