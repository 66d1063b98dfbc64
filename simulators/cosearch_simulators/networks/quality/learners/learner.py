"""The contract of a learner: numpy in, numpy out; what it learned is a few named arrays."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]
Vector = NDArray[np.float64]


class Learner(ABC):
    """A regression of one target; the same rows and seed give the same numbers, whatever the batch.

    Attributes:
        kind: its name.
    """

    kind: ClassVar[str]

    @classmethod
    @abstractmethod
    def fit(cls, features: Matrix, target: Vector, *, seed: int = 0) -> Self:
        """Learn n rows, (n, features) and (n,)."""

    @abstractmethod
    def predict(self, features: Matrix) -> tuple[Vector, Vector]:
        """For each row the number, and how unsure it is (a standard deviation that is not calibrated yet)."""

    @abstractmethod
    def arrays(self) -> dict[str, NDArray[Any]]:
        """What it learned."""

    @classmethod
    @abstractmethod
    def of_arrays(cls, arrays: Mapping[str, NDArray[Any]], features: Matrix) -> Self:
        """The learner that `arrays` came from; `features` are the rows that it was fitted to."""


class Scale:
    """Standardised columns: each less its mean, over its deviation; a constant column is 0."""

    def __init__(self, features: Matrix) -> None:
        self.mean = features.mean(0)
        deviation = features.std(0)
        self.factor = np.where(
            deviation > 1e-9 * (1 + np.abs(self.mean)), 1 / np.maximum(deviation, 1e-30), 0
        )

    def __call__(self, features: Matrix) -> Matrix:
        """Standardise."""
        return np.asarray((features - self.mean) * self.factor)
