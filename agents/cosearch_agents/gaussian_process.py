"""Gaussian processes over designs: the inputs, the kernel, the fit and the posterior, in closed form.

Inputs: an ordered parameter is its coordinate in the unit cube, an unordered one its one-hot columns, an
inactive one a constant (the parameters that it depends on are inputs as well). The kernel is the squared
exponential with one length scale for each parameter, over the distance of coordinates where there is an order
and the Hamming distance where there is none.

Hyperparameters maximise the posterior. Their priors are those of C. Hvarfner, E. Hellsten, L. Nardi, "Vanilla
Bayesian Optimization Performs Great in High Dimensions", ICML 2024 (BoTorch's default), or, `sparse`, that of
D. Eriksson, M. Jankowiak, "High-Dimensional Bayesian Optimization with Sparse Axis-Aligned Subspaces", UAI
2021: inverse squared length scales are half-Cauchy with a common, half-Cauchy scale, so that only parameters
that the data speak for matter.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]

# The prior of the noise variance of standardised outputs, log-normal, and its floor.
NOISE_LOCATION, NOISE_SCALE, LEAST_NOISE = -4.0, 1.0, 1e-5
# The prior of a length scale, log-normal: location sqrt(2) + log(d) / 2.
LENGTH_SCALE = math.sqrt(3.0)
SPARSE_SCALE = 0.1  # of the half-Cauchy prior of the common scale
BOUNDS = (math.log(5e-3), math.log(1e4))
# More designs than this are first fitted by so many of them, which leaves little to do for all.
ROUGH = 80
ROUGH_ITERATIONS, ITERATIONS, FINAL_ITERATIONS = 60, 60, 12
JITTER = 1e-10


@dataclass
class GaussianProcess:
    """A Gaussian process that is conditioned on standardised outputs.

    Attributes:
        inputs: of n designs, (n, inputs).
        owner: the parameter of each input, (inputs,).
        outputs: of the designs, (n,).
        lengths: the length scale of each parameter.
        noise: the variance of the noise.
        known_noise: the variance of each output where it was measured, (n,), in addition.
    """

    inputs: Matrix
    owner: NDArray[np.int64]
    outputs: Matrix
    lengths: Matrix
    noise: float
    known_noise: Matrix
    mean: float = field(init=False)

    def __post_init__(self) -> None:
        from scipy.linalg import cholesky, solve_triangular

        self._scaled = self.inputs / self.lengths[self.owner]
        self.covariance = _correlation(self._scaled, self._scaled)
        noisy = self.covariance + np.diag(self.noise + self.known_noise)
        lower = cholesky(noisy, lower=True, check_finite=False)
        self._inverse = solve_triangular(lower, np.eye(len(noisy)), lower=True, check_finite=False)
        ones = self._inverse @ np.ones(len(noisy))
        white = self._inverse @ self.outputs
        self.mean = float(ones @ white / (ones @ ones))
        self._weights = self._inverse.T @ (white - self.mean * ones)

    def at(self, inputs: Matrix) -> tuple[Matrix, Matrix]:
        """The posterior mean at k points, (k,), and their whitened covariances with the data, (k, n).

        The posterior covariance of two points is their prior one, less the product of these rows.
        """
        cross = _correlation(inputs / self.lengths[self.owner], self._scaled)
        return self.mean + cross @ self._weights, cross @ self._inverse.T

    def prior(self, left: Matrix, right: Matrix) -> Matrix:
        """The prior covariance of two sets of points, (k, l)."""
        lengths = self.lengths[self.owner]
        return _correlation(left / lengths, right / lengths)

    def posterior(self, inputs: Matrix) -> tuple[Matrix, Matrix]:
        """Mean and variance, without noise, at k points, (k,) each."""
        mean, white = self.at(inputs)
        return mean, np.maximum(1.0 - np.einsum("ij,ij->i", white, white), JITTER)


def fit(
    inputs: Matrix,
    owner: NDArray[np.int64],
    outputs: Matrix,
    *,
    known_noise: Matrix | None = None,
    sparse: bool = False,
) -> GaussianProcess:
    """The Gaussian process whose hyperparameters are the most probable ones.

    Args:
        inputs: of n designs, (n, inputs).
        owner: the parameter of each input.
        outputs: standardised, (n,).
        known_noise: the measured variance of each output, (n,).
        sparse: whether to believe that few parameters matter.
    """
    known = np.zeros(len(outputs)) if known_noise is None else known_noise
    count = int(owner.max()) + 1
    # where the prior is most dense
    start = np.full(count, math.sqrt(2.0) + math.log(count) / 2 - LENGTH_SCALE**2)
    if sparse:
        start = np.append(start, math.log(SPARSE_SCALE))
    theta = np.append(start, NOISE_LOCATION)
    rounds = [(np.arange(len(outputs)), ITERATIONS)]
    if len(outputs) > 1.5 * ROUGH:
        some = np.random.default_rng(len(outputs)).permutation(len(outputs))[:ROUGH]
        rounds = [(some, ROUGH_ITERATIONS), (np.arange(len(outputs)), FINAL_ITERATIONS)]
    for rows, iterations in rounds:
        theta = _maximised(
            _Posterior(inputs[rows], owner, outputs[rows], known[rows], sparse), theta, iterations
        )
    return GaussianProcess(
        inputs, owner, outputs, np.exp(theta[:count]), math.exp(theta[-1]) + LEAST_NOISE, known
    )


def _maximised(posterior: _Posterior, theta: Matrix, iterations: int) -> Matrix:
    from scipy.optimize import minimize

    found = minimize(
        posterior,
        theta,
        jac=True,
        method="L-BFGS-B",
        bounds=[BOUNDS] * (len(theta) - 1) + [(math.log(LEAST_NOISE) - 4.0, 2.0)],
        options={"maxiter": iterations, "ftol": 1e-5},
    )
    return np.asarray(found.x)


class _Posterior:
    """Minus the log posterior density of hyperparameters for each design, and its gradient.

    Hyperparameters are the logarithms of the length scales, of the common scale where sparse, and of the
    noise.
    """

    def __init__(
        self,
        inputs: Matrix,
        owner: NDArray[np.int64],
        outputs: Matrix,
        known_noise: Matrix,
        sparse: bool,
    ) -> None:
        self.inputs, self.owner, self.outputs, self.known_noise = inputs, owner, outputs, known_noise
        self.sparse = sparse
        self.count = int(owner.max()) + 1

    def __call__(self, theta: Matrix) -> tuple[float, Matrix]:
        value, slope = self._likelihood(theta[: self.count], theta[-1])
        prior, prior_slope = self._prior(theta)
        n = len(self.outputs)
        full = np.zeros(len(theta))
        full[: self.count], full[-1] = slope[:-1], slope[-1]
        return (value + prior) / n, (full + prior_slope) / n

    def _likelihood(self, log_lengths: Matrix, log_noise: float) -> tuple[float, Matrix]:
        from scipy.linalg.lapack import dpotrf, dpotri

        noise = math.exp(log_noise)
        scaled = self.inputs * np.exp(-log_lengths)[self.owner]
        correlation = _correlation(scaled, scaled)
        noisy = correlation.copy()
        noisy.flat[:: len(noisy) + 1] += noise + LEAST_NOISE + self.known_noise
        lower, failed = dpotrf(noisy, lower=1)
        if failed:
            return 1e10, np.zeros(len(log_lengths) + 1)
        inverse, _ = dpotri(lower, lower=1)
        inverse = np.tril(inverse) + np.tril(inverse, -1).T
        ones, solved = inverse.sum(axis=1), inverse @ self.outputs
        weights = solved - (ones @ self.outputs / ones.sum()) * ones
        value = 0.5 * self.outputs @ weights + np.log(np.diag(lower)).sum()
        pull = inverse - np.outer(weights, weights)
        slope_noise = 0.5 * noise * np.trace(pull)
        pull *= correlation
        # sum_ab P_ab (x_a - x_b)^2, for each input
        spread = 2 * (pull.sum(axis=1) @ scaled**2 - np.einsum("ij,ij->j", scaled, pull @ scaled))
        slope = 0.5 * np.bincount(self.owner, spread, minlength=self.count)
        return float(value), np.append(slope, slope_noise)

    def _prior(self, theta: Matrix) -> tuple[float, Matrix]:
        slope = np.zeros(len(theta))
        gap = (theta[-1] - NOISE_LOCATION) / NOISE_SCALE
        value, slope[-1] = 0.5 * gap**2 + theta[-1], gap / NOISE_SCALE + 1.0
        log_lengths = theta[: self.count]
        if not self.sparse:
            gaps = (log_lengths - math.sqrt(2.0) - math.log(self.count) / 2) / LENGTH_SCALE
            slope[: self.count] = gaps / LENGTH_SCALE + 1.0
            return value + float(0.5 * gaps @ gaps + log_lengths.sum()), slope
        # half-Cauchy densities of 1 / length^2 and of the common scale, by the logarithms of both
        log_scale = theta[self.count]
        ratio = -2.0 * log_lengths - log_scale
        odds = 1.0 / (1.0 + np.exp(-2.0 * ratio))
        value += float(np.logaddexp(0.0, 2.0 * ratio).sum() - ratio.sum())
        slope[: self.count] = -2.0 * (2.0 * odds - 1.0)
        beyond = 2.0 * (log_scale - math.log(SPARSE_SCALE))
        value += float(np.logaddexp(0.0, beyond)) - log_scale
        slope[self.count] = -(2.0 * odds - 1.0).sum() + 2.0 / (1.0 + math.exp(-beyond)) - 1.0
        return value, slope


def _correlation(left: Matrix, right: Matrix) -> Matrix:
    """exp(-distance^2 / 2) of two sets of scaled points."""
    exponent = left @ right.T
    exponent -= 0.5 * np.einsum("ij,ij->i", left, left)[:, None]
    exponent -= 0.5 * np.einsum("ij,ij->i", right, right)
    np.minimum(exponent, 0.0, out=exponent)
    return np.exp(exponent, out=exponent)
