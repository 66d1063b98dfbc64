"""A Gaussian process over standardised features: a smooth part and a linear one.

Hyperparameters are fitted by scikit-learn on part of the rows, the rest is solved here, so that a fitted
process is one vector of weights and predicts with numpy alone.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from cosearch_simulators.networks.quality.learners.learner import Learner, Matrix, Scale, Vector

MOST_FOR_HYPERPARAMETERS = 600
MOST_ROWS = 6000
"""Of those that are learned; more are drawn from at random, for a process is cubic in them."""

BLOCK = 2048
"""Rows that are predicted at once: 2048 x 6000 numbers are 100 MB."""


class GaussianProcess(Learner):
    """See the module.

    Args:
        basis: the standardised rows that were learned, (m, features).
        scale: how features are standardised.
        weights: (m,).
        parameters: of the kernel: smooth variance, length, linear variance, noise variance; mean and
            deviation of the target.
    """

    kind: ClassVar[str] = "gaussian-process"

    def __init__(self, basis: Matrix, scale: Scale, weights: Vector, parameters: Vector) -> None:
        self._basis, self._scale, self._weights, self._parameters = basis, scale, weights, parameters
        self._norms = (basis**2).sum(1)
        self._linear = basis.T @ weights * parameters[2]

    @classmethod
    def fit(cls, features: Matrix, target: Vector, *, seed: int = 0) -> Self:
        """Hyperparameters by marginal likelihood, then one Cholesky factor of all rows."""
        from sklearn.gaussian_process import GaussianProcessRegressor
        from sklearn.gaussian_process.kernels import RBF, ConstantKernel, DotProduct, WhiteKernel

        rows = cls._rows(len(target), seed)
        scale = Scale(features)
        basis = scale(features[rows])
        mean, deviation = float(target.mean()), float(target.std()) or 1.0
        wanted = (target[rows] - mean) / deviation
        some = np.random.default_rng(seed).permutation(len(rows))[:MOST_FOR_HYPERPARAMETERS]
        width = np.sqrt(features.shape[1])
        kernel = ConstantKernel(5.0, (1e-3, 1e4)) * RBF(2 * width, (0.1 * width, 100 * width))
        kernel += ConstantKernel(0.1, (1e-8, 1e3)) * DotProduct(1e-3, "fixed")
        kernel += WhiteKernel(0.01, (1e-6, 1.0))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a hyperparameter at its bound is as good as it gets
            found = GaussianProcessRegressor(kernel).fit(basis[some], wanted[some]).kernel_
        parameters = np.array(
            [
                found.k1.k1.k1.constant_value,
                found.k1.k1.k2.length_scale,
                found.k1.k2.k1.constant_value,
                found.k2.noise_level,
                mean,
                deviation,
            ]
        )
        covariance = parameters[0] * _smooth(basis, basis, parameters[1]) + parameters[2] * (basis @ basis.T)
        covariance[np.diag_indices_from(covariance)] += max(parameters[3], 1e-6)
        weights = np.linalg.solve(covariance, wanted).astype(np.float32)  # as they are kept
        return cls(basis, scale, weights.astype(np.float64), parameters)

    def predict(self, features: Matrix) -> tuple[Vector, Vector]:
        """The mean; and a deviation that grows with the distance to the nearest row that was learned.

        It is that of a process that has learned this row alone: an upper bound, at the cost of the mean.
        """
        variance, length, _, noise, mean, deviation = self._parameters
        found, spread = np.empty(len(features)), np.empty(len(features))
        for begin in range(0, len(features), BLOCK):
            part = slice(begin, begin + BLOCK)
            rows = self._scale(features[part])
            likeness = _smooth(rows, self._basis, length, self._norms)
            found[part] = variance * np.einsum("ij,j->i", likeness, self._weights) + rows @ self._linear
            nearest = likeness.max(1)
            spread[part] = np.sqrt(noise + variance * (1 - nearest**2))
        return mean + deviation * found, deviation * spread

    def arrays(self) -> dict[str, NDArray[Any]]:
        """The weights and the hyperparameters; the rows are the table's."""
        return {"weights": self._weights.astype(np.float32), "parameters": self._parameters}

    @classmethod
    def of_arrays(cls, arrays: Mapping[str, NDArray[Any]], features: Matrix) -> Self:
        """The rows are drawn again as `fit` drew them."""
        scale = Scale(features)
        rows = cls._rows(len(features), 0)
        weights = arrays["weights"].astype(np.float64)
        return cls(scale(features[rows]), scale, weights, arrays["parameters"])

    @staticmethod
    def _rows(n: int, seed: int) -> NDArray[np.int64]:
        if n <= MOST_ROWS:
            return np.arange(n)
        return np.sort(np.random.default_rng(seed).permutation(n)[:MOST_ROWS])


def _smooth(rows: Matrix, basis: Matrix, length: float, norms: Vector | None = None) -> Matrix:
    """exp(-distance^2 / 2 length^2) of every row to every one of the basis."""
    squares = (basis**2).sum(1) if norms is None else norms
    likeness = rows @ basis.T
    likeness *= 2
    likeness -= squares
    likeness -= (rows**2).sum(1)[:, None]
    likeness /= 2 * length**2
    np.minimum(likeness, 0, out=likeness)
    return np.exp(likeness, out=likeness)
