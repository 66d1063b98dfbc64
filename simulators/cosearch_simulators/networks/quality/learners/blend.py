"""The mean of a Gaussian process and of boosted trees: where one is off, the other is seldom off alike."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from cosearch_simulators.networks.quality.learners.gaussian_process import GaussianProcess
from cosearch_simulators.networks.quality.learners.learner import Learner, Matrix, Vector
from cosearch_simulators.networks.quality.learners.trees import Trees

SHARE = 0.55
"""Of the process; the rest is the trees'."""


class Blend(Learner):
    """See the module."""

    kind: ClassVar[str] = "blend"

    def __init__(self, process: GaussianProcess, trees: Trees) -> None:
        self._process, self._trees = process, trees

    @classmethod
    def fit(cls, features: Matrix, target: Vector, *, seed: int = 0) -> Self:
        """Both on all rows."""
        return cls(GaussianProcess.fit(features, target, seed=seed), Trees.fit(features, target, seed=seed))

    def predict(self, features: Matrix) -> tuple[Vector, Vector]:
        """The mean; unsure as the process is, and where the two differ."""
        (smooth, spread), (stepped, _) = self._process.predict(features), self._trees.predict(features)
        mean = SHARE * smooth + (1 - SHARE) * stepped
        return mean, np.hypot(spread, (smooth - stepped) / 2)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Of both."""
        return self._process.arrays() | self._trees.arrays()

    @classmethod
    def of_arrays(cls, arrays: Mapping[str, NDArray[Any]], features: Matrix) -> Self:
        """Of both."""
        return cls(GaussianProcess.of_arrays(arrays, features), Trees.of_arrays(arrays, features))
