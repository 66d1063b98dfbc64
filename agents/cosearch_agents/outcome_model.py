"""The models of all metrics that a search needs, and what they say together of designs.

Outputs are larger-is-better, standardised, and logarithms where a metric is positive and less skewed that
way. `Belief` draws joint samples of what the designs that matter are truly worth: those that were measured
(with noise) and those under way, which are thereby fantasised.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cosearch.objectives import Constraint, Objective
from cosearch.outcomes import Outcomes
from cosearch.pareto import pareto_mask
from cosearch_agents import gaussian_process
from cosearch_agents.gaussian_process import GaussianProcess, Matrix

# A metric whose values are all the same is only shifted, not scaled.
SMALLEST_SPREAD = 1e-12
# How far the reference point lies behind the worst value seen, as in `cosearch.pareto.reference_point`.
REFERENCE_MARGIN = 0.1
LEAST_VARIANCE = 1e-9
# Designs that were measured of which samples are drawn together, at most.
MOST_MEASURED = 150


@dataclass(frozen=True)
class Scale:
    """How the values of a metric become an output of the models, larger is better."""

    sign: float
    logarithmic: bool
    mean: float
    spread: float

    @classmethod
    def of(cls, values: Matrix, sign: float) -> Scale:
        """The scale that these values of a metric call for."""
        logarithmic = bool((values > 0).all()) and _skewness(np.log(values)) < _skewness(values)
        transformed = sign * (np.log(values) if logarithmic else values)
        spread = float(transformed.std(ddof=1)) if len(transformed) > 1 else 0.0
        return cls(sign, logarithmic, float(transformed.mean()), spread if spread > SMALLEST_SPREAD else 1.0)

    def __call__(self, values: ArrayLike) -> Matrix:
        """Values of the metric as outputs; minus infinity where a logarithm does not exist."""
        values = np.asarray(values, dtype=np.float64)
        if self.logarithmic:
            with np.errstate(divide="ignore", invalid="ignore"):
                values = np.where(values > 0, np.log(values), -np.inf)
        return (self.sign * values - self.mean) / self.spread

    def variance(self, values: Matrix, standard_error: Matrix) -> Matrix:
        """The variance of outputs whose values have these standard errors; 0 where none is known."""
        relative = standard_error / values if self.logarithmic else standard_error
        return np.nan_to_num((relative / self.spread) ** 2)


def _skewness(values: Matrix) -> float:
    largest = float(np.abs(values).max(initial=0.0)) or 1.0
    values = values / largest  # the cube of a large number is none
    spread = values.std()
    return float(abs(((values - values.mean()) ** 3).mean()) / spread**3) if spread > SMALLEST_SPREAD else 0.0


@dataclass(frozen=True)
class Surrogate:
    """The fitted models of the objectives, then of the constrained metrics, then of whether a design runs.

    Attributes:
        models: one for each output.
        objectives: how many of them are objectives.
        inputs: those of the designs that ran, (n, inputs).
        reference: the hypervolume reference point in outputs, (objectives,).
        bounds: outputs that constraints ask for at least, and 1/2 for running if some designs do not run.
    """

    models: Sequence[GaussianProcess]
    objectives: int
    inputs: Matrix
    reference: Matrix
    bounds: Matrix

    def means(self, inputs: Matrix) -> Matrix:
        """The posterior means at k points, (k, outputs)."""
        return np.stack([model.at(inputs)[0] for model in self.models], axis=1)


def fit(
    inputs: Matrix,
    owner: NDArray[np.int64],
    outcomes: Outcomes,
    objectives: Sequence[Objective],
    constraints: Sequence[Constraint],
    *,
    sparse: bool = False,
) -> Surrogate:
    """Fit one Gaussian process for each output to the designs that ran, and one to whether a design runs.

    Args:
        inputs: of n designs, (n, inputs).
        owner: the parameter of each input.
        outcomes: theirs; at least one is `ok`.
        objectives: what is modelled first.
        constraints: what is modelled next.
        sparse: whether to believe that few parameters matter.
    """
    ok = outcomes.ok
    uses = [(o.metric, -1.0 if o.direction == "min" else 1.0) for o in objectives]
    uses += [(c.metric, -1.0 if c.operator == "<=" else 1.0) for c in constraints]
    models, scales, outputs = [], [], []
    for metric, sign in uses:
        values = outcomes[metric][ok]
        scale = Scale.of(values, sign)
        noise = outcomes.standard_error.get(metric)
        known = None if noise is None else scale.variance(values, noise[ok])
        scales.append(scale)
        outputs.append(scale(values))
        models.append(gaussian_process.fit(inputs[ok], owner, outputs[-1], known_noise=known, sparse=sparse))
    m = len(objectives)
    bounds = [float(scale(c.bound)) for c, scale in zip(constraints, scales[m:], strict=True)]
    reference = _reference(np.stack(outputs, axis=1), np.array(bounds), objectives, scales)
    if not ok.all():
        models.append(gaussian_process.fit(inputs, owner, ok.astype(np.float64), sparse=sparse))
        bounds.append(0.5)
    return Surrogate(models, m, inputs[ok], reference, np.array(bounds))


def _reference(
    outputs: Matrix, bounds: Matrix, objectives: Sequence[Objective], scales: Sequence[Scale]
) -> Matrix:
    """The given reference point, and a tenth of the range behind the worst value seen where none is given.

    Not behind the front found so far: what trades more than that front does would count nothing.
    """
    m = len(objectives)
    met = (outputs[:, m:] >= bounds).all(axis=1)
    points = outputs[met, :m] if met.any() else outputs[:, :m]
    spread = np.ptp(points, axis=0)
    worst = points.min(axis=0) - REFERENCE_MARGIN * np.where(spread > 0, spread, 1.0)
    given = [
        np.nan if o.reference is None else float(s(o.reference))
        for o, s in zip(objectives, scales, strict=False)
    ]
    return np.where(np.isfinite(given), np.nan_to_num(given), worst)


class Belief:
    """Joint samples of the outputs of the designs that matter, and what follow from them for others.

    Matter: those measured that are on the front in some sample (BoTorch's `prune_baseline`), and those under
    way.

    Attributes:
        values: samples of their outputs, (samples, designs, outputs).
    """

    def __init__(
        self,
        surrogate: Surrogate,
        under_way: Matrix,
        samples: int,
        rng: np.random.Generator,
        *,
        chosen: int = 0,
    ) -> None:
        """Draw samples.

        Args:
            surrogate: the models.
            under_way: the inputs of designs that are under way, (k, inputs).
            samples: how many to draw.
            rng: draws them.
            chosen: how many designs will be added by `add`.
        """
        self.surrogate, self.samples = surrogate, samples
        measured = self._measured(rng)
        outputs = len(surrogate.models)
        self._points = np.concatenate([surrogate.inputs[measured], under_way])
        self._normals = normals(samples, (len(self._points) + chosen) * outputs, rng).reshape(
            samples, -1, outputs
        )
        self._draw()

    def add(self, inputs: Matrix) -> None:
        """Take in one more design that is under way, (1, inputs); earlier samples stay what they are."""
        self._points = np.concatenate([self._points, inputs])
        self._draw()

    def at(self, inputs: Matrix) -> tuple[Matrix, Matrix]:
        """For each sample the mean of the outputs of k points, and their common standard deviation.

        Returns:
            means (samples, k, outputs) and deviations (k, outputs).
        """
        means = np.empty((self.samples, len(inputs), len(self.surrogate.models)))
        deviations = np.empty(means.shape[1:])
        for j, (model, (white, inverse)) in enumerate(zip(self.surrogate.models, self._known, strict=True)):
            mean, own = model.at(inputs)
            shared = (model.prior(inputs, self._points) - own @ white.T) @ inverse.T
            means[:, :, j] = mean + (shared @ self._used[:, :, j].T).T
            variance = 1.0 - np.einsum("ij,ij->i", own, own) - np.einsum("ij,ij->i", shared, shared)
            deviations[:, j] = np.sqrt(np.maximum(variance, LEAST_VARIANCE))
        return means, deviations

    def meets(self) -> NDArray[np.bool_]:
        """Which of the designs meet all constraints and run, in each sample, (samples, designs)."""
        m = self.surrogate.objectives
        return np.logical_and.reduce(self.values[:, :, m:] >= self.surrogate.bounds, axis=2)

    def _draw(self) -> None:
        from scipy.linalg import cholesky, solve_triangular

        count = len(self._points)
        self._used = self._normals[:, :count]
        self._known = []
        self.values = np.empty((self.samples, count, len(self.surrogate.models)))
        for j, model in enumerate(self.surrogate.models):
            mean, white = model.at(self._points)
            covariance = model.prior(self._points, self._points) - white @ white.T
            covariance.flat[:: count + 1] += LEAST_VARIANCE
            lower = cholesky(_positive(covariance), lower=True, check_finite=False)
            self.values[:, :, j] = mean + self._used[:, :, j] @ lower.T
            self._known.append(
                (white, solve_triangular(lower, np.eye(count), lower=True, check_finite=False))
            )

    def _measured(self, rng: np.random.Generator) -> NDArray[np.int64]:
        """The rows of the measured designs that are on the front of those that meet the constraints."""
        surrogate = self.surrogate
        m, inputs = surrogate.objectives, surrogate.inputs
        values = np.empty((self.samples, len(inputs), len(surrogate.models)))
        for j, model in enumerate(surrogate.models):
            mean, white = model.at(inputs)
            variance = np.maximum(1.0 - np.einsum("ij,ij->i", white, white), 0.0)
            # the noise of neighbours is hardly correlated, and this only chooses
            values[:, :, j] = mean + np.sqrt(variance) * rng.standard_normal((self.samples, len(inputs)))
        met = np.logical_and.reduce(values[:, :, m:] >= surrogate.bounds, axis=2)
        times = np.zeros(len(inputs))
        for sample, meets in zip(values[:, :, :m], met, strict=True):
            times += pareto_mask(np.where(meets[:, None], -sample, np.nan))
        kept = np.flatnonzero(times)
        return (
            kept if len(kept) <= MOST_MEASURED else np.sort(np.argsort(-times, kind="stable")[:MOST_MEASURED])
        )


def normals(count: int, width: int, rng: np.random.Generator) -> Matrix:
    """Standard normal numbers that fill space evenly, (count, width)."""
    from scipy.special import ndtri
    from scipy.stats import qmc

    if width == 0:
        return np.empty((count, 0))
    even = qmc.Sobol(width, rng=rng).random_base2(max(count - 1, 0).bit_length())[:count]
    return np.asarray(ndtri(np.clip(even, 1e-9, 1.0 - 1e-9)))


def _positive(covariance: Matrix) -> Matrix:
    """The same with what rounding made negative lifted, as little as a factorisation needs."""
    smallest = float(np.linalg.eigvalsh(covariance)[0]) if len(covariance) else 1.0
    if smallest < LEAST_VARIANCE / 2:
        covariance = covariance + (LEAST_VARIANCE - smallest) * np.eye(len(covariance))
    return covariance
