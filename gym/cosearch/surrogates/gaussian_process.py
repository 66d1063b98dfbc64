"""The model `gp`: a Gaussian process for each output, Matérn 5/2 with a length scale for each input.

The hyperparameters are those that make the data most likely, found by scikit-learn on some of the designs.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from cosearch.surrogates.threads import one_thread

Matrix = NDArray[np.float64]
TUNED_ON = 200
LENGTHS, NOISES = (0.05, 50.0), (1e-6, 1.0)
AT_ONCE = 2048
ITERATIONS = 40


@dataclass(frozen=True)
class GaussianProcesses:
    """One Gaussian process for each of m outputs over the same n designs.

    Attributes:
        inputs: of the designs, (n, inputs).
        lengths: (m, inputs).
        variance: (m,).
        noise: (m,).
        weights: of each design, (m, n).
        inverse: of the lower Cholesky factor of each covariance, (m, n, n).
    """

    inputs: Matrix
    lengths: Matrix
    variance: Matrix
    noise: Matrix
    weights: Matrix
    inverse: NDArray[np.float32]
    name: ClassVar[str] = "gp"
    most_designs: ClassVar[int] = 1500

    @classmethod
    def fit(cls, inputs: Matrix, outputs: Matrix, seed: int) -> GaussianProcesses:
        """Fit to n designs: inputs (n, inputs), standardised outputs (n, m)."""
        some = np.random.default_rng(seed).permutation(len(inputs))[:TUNED_ON]
        with one_thread():
            found = [_tuned(inputs[some], column[some]) for column in outputs.T]
            lengths, variance, noise = (np.array([one[k] for one in found]) for k in range(3))
            solved = [
                _conditioned(inputs, column, *parts)
                for column, *parts in zip(outputs.T, lengths, variance, noise, strict=True)
            ]
        weights, inverse = (np.array([one[k] for one in solved]) for k in range(2))
        return cls(inputs, lengths, variance, noise, weights, inverse.astype(np.float32))

    def predict(self, inputs: Matrix) -> tuple[Matrix, Matrix]:
        """Means and standard deviations, noise included, (n, m) each."""
        mean, spread = np.empty((2, len(inputs), len(self.variance)))
        with one_thread():
            for first in range(0, len(inputs), AT_ONCE):
                here = slice(first, first + AT_ONCE)
                for j, variance in enumerate(self.variance):
                    cross = variance * _matern(inputs[here], self.inputs, self.lengths[j])
                    white = cross.astype(np.float32) @ self.inverse[j].T
                    mean[here, j] = cross @ self.weights[j]
                    left = variance - np.einsum("ij,ij->i", white, white).astype(np.float64)
                    spread[here, j] = np.sqrt(np.maximum(left, 0.0) + self.noise[j])
        return mean, spread

    def arrays(self) -> dict[str, NDArray[Any]]:
        """What a file keeps."""
        names = ("inputs", "lengths", "variance", "noise", "weights", "inverse")
        return {name: getattr(self, name) for name in names}

    @classmethod
    def of_arrays(cls, arrays: Mapping[str, NDArray[Any]], inputs: int, outputs: int) -> GaussianProcesses:
        """The inverse of `arrays`; `ValueError` for what is no such model."""
        names = ("inputs", "lengths", "variance", "noise", "weights")
        doubles = {name: np.asarray(arrays[name], dtype=np.float64) for name in names}
        made = cls(**doubles, inverse=np.asarray(arrays["inverse"], dtype=np.float32))
        n = len(made.inputs)
        shapes = [getattr(made, name).shape for name in (*names, "inverse")]
        if shapes != [(n, inputs), (outputs, inputs), (outputs,), (outputs,), (outputs, n), (outputs, n, n)]:
            raise ValueError("its Gaussian processes are of other designs or metrics")
        return made


def _tuned(inputs: Matrix, output: Matrix) -> tuple[Matrix, float, float]:
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.gaussian_process.kernels import ConstantKernel, Matern, WhiteKernel

    d = inputs.shape[1]
    kernel = ConstantKernel(1.0, (1e-2, 1e3)) * Matern(
        np.full(d, np.sqrt(d) / 2), LENGTHS, nu=2.5
    ) + WhiteKernel(1e-3, NOISES)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # a length scale at its bound is an idle input
        found = (
            GaussianProcessRegressor(kernel, alpha=1e-10, optimizer=_maximised).fit(inputs, output).kernel_
        )
    lengths = np.broadcast_to(np.asarray(found.k1.k2.length_scale, dtype=float), d)
    return lengths, float(found.k1.k1.constant_value), float(found.k2.noise_level)


def _maximised(objective: Any, start: Matrix, bounds: Matrix) -> tuple[Matrix, float]:
    """L-BFGS, as scikit-learn's own, but not for ever: most of the gain comes first."""
    from scipy.optimize import minimize

    found = minimize(
        objective, start, jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": ITERATIONS}
    )
    return found.x, float(found.fun)


def _conditioned(
    inputs: Matrix, output: Matrix, lengths: Matrix, variance: float, noise: float
) -> tuple[Matrix, Matrix]:
    from scipy.linalg import cholesky, solve_triangular

    covariance = variance * _matern(inputs, inputs, lengths) + (noise + 1e-10) * np.eye(len(inputs))
    inverse = solve_triangular(cholesky(covariance, lower=True), np.eye(len(inputs)), lower=True)
    return inverse.T @ (inverse @ output), inverse


def _matern(left: Matrix, right: Matrix, lengths: Matrix) -> Matrix:
    """The correlations of two sets of inputs, Matérn 5/2."""
    a, b = left / lengths, right / lengths
    squared = (a**2).sum(axis=1)[:, None] - 2 * a @ b.T + (b**2).sum(axis=1)
    distance = np.sqrt(5.0 * np.maximum(squared, 0.0))
    return np.asarray((1.0 + distance + distance**2 / 3.0) * np.exp(-distance))
