"""By how much designs are expected to improve on what is known: the acquisition functions, in logarithms.

Given a joint sample of what the known designs are worth (`Belief`), the outcome of another design is
Gaussian. So the expected hypervolume improvement over each sample's front is a closed sum over the boxes
that the front leaves free (K. Yang, M. Emmerich, A. Deutz, T. Baeck, "Efficient Computation of Expected
Hypervolume Improvement Using Box Decomposition Algorithms", JOGO 75, 2019), and their mean is the noisy
expected hypervolume improvement of S. Daulton, M. Balandat, E. Bakshy, "Parallel Bayesian Optimization of
Multiple Noisy Objectives with Expected Hypervolume Improvement", NeurIPS 2021, without Monte Carlo over
the candidate; for one objective, noisy expected improvement (B. Letham et al., Bayesian Analysis 14(2),
2019). Each is multiplied by the probability that all constraints are met.

With many objectives or a long front of three the boxes are too many: there the hypervolume is the mean of
random scalarisations (R. Zhang, D. Golovin, "Random Hypervolume Scalarizations for Provable Multi-Objective
Black Box Optimization", ICML 2020), whose cost grows with the objectives and no faster.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from cosearch.pareto import pareto_mask
from cosearch_agents.gaussian_process import Matrix
from cosearch_agents.outcome_model import Belief, normals

Positions = NDArray[np.int64]
# Logarithms of the worth of k designs by their inputs, (k,).
Criterion = Callable[[Matrix], Matrix]

# Beyond so many objectives, and so many points of a front of three, the hypervolume is sampled.
BOXED_OBJECTIVES, BOXED_POINTS = 3, 60
# Boxes times samples, which are fewer where a front is long.
BOXED_WORK, LEAST_SAMPLES = 1500, 4
DIRECTIONS = 64
AUGMENTATION = 0.05  # of the Chebyshev scalarisation, as in ParEGO
SOFTNESS = 0.01  # of the improvement over a known value, as a share of the front's range
TINY = 1e-300
# Candidates that are looked at together.
CHUNK = 512


def expected_improvement(belief: Belief, rng: np.random.Generator) -> Criterion:
    """The noisy expected (hypervolume) improvement of designs, one at a time.

    Args:
        belief: samples of what is known.
        rng: draws the directions of sampled hypervolumes.
    """
    m = belief.surrogate.objectives
    fronts = _fronts(belief)
    longest = max(map(len, fronts))
    if m > BOXED_OBJECTIVES or (m == BOXED_OBJECTIVES and longest > BOXED_POINTS):
        return _sampled_hypervolume(belief, fronts, rng)
    used = max(LEAST_SAMPLES, BOXED_WORK // max(longest, 1))
    free = [boxes(front, belief.surrogate.reference) for front in fronts[:used]]

    def worth(means: Matrix, deviations: Matrix) -> Matrix:
        return np.stack(
            [
                _boxed(mean[:, :m], deviations[:, :m], *box)
                for mean, box in zip(means[: len(free)], free, strict=True)
            ]
        )

    return _constrained(belief, worth, len(free))


def scalarised_improvement(belief: Belief, rng: np.random.Generator) -> Criterion:
    """ParEGO: the improvement of the augmented Chebyshev scalarisation by random weights.

    J. Knowles, "ParEGO", IEEE Trans. Evolutionary Computation 10(1), 2006, as BoTorch's qLogNParEGO.
    """
    m = belief.surrogate.objectives
    weights = rng.dirichlet(np.ones(m))
    fronts = _fronts(belief)
    low, span = _range(fronts, belief.surrogate.reference)

    def scalarised(points: Matrix) -> Matrix:
        weighted = weights * (points - low) / span
        return weighted.min(axis=-1) + AUGMENTATION * weighted.sum(axis=-1)

    best = np.array(
        [scalarised(f).max() if len(f) else scalarised(belief.surrogate.reference) for f in fronts]
    )
    draws = normals(belief.samples, m, rng)

    def worth(means: Matrix, deviations: Matrix) -> Matrix:
        points = means[:, :, :m] + deviations[:, :m] * draws[:, None, :]
        return SOFTNESS * _softplus((scalarised(points) - best[:, None]) / SOFTNESS)

    return _constrained(belief, worth, belief.samples)


def _sampled_hypervolume(belief: Belief, fronts: list[Matrix], rng: np.random.Generator) -> Criterion:
    m = belief.surrogate.objectives
    reference = belief.surrogate.reference
    _, span = _range(fronts, reference)
    directions = np.abs(rng.standard_normal((DIRECTIONS, m)))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True) * span
    # how far each direction's ray is dominated, in each sample
    reached = np.array([_reach(front - reference, directions).max(axis=0, initial=0.0) for front in fronts])
    draws = normals(belief.samples, m, rng)

    def worth(means: Matrix, deviations: Matrix) -> Matrix:
        result = np.empty(means.shape[:2])
        for s, (mean, known) in enumerate(zip(means, reached, strict=True)):
            reach = _reach(mean[:, :m] + deviations[:, :m] * draws[s] - reference, directions)
            beyond = SOFTNESS * _softplus((reach - known) / SOFTNESS)
            result[s] = ((known + beyond) ** m - known**m).mean(axis=1) + TINY
        return result

    return _constrained(belief, worth, belief.samples)


def _reach(points: Matrix, directions: Matrix) -> Matrix:
    """How far along each direction from the origin points dominate, (points, directions); at least 0."""
    reach = points[:, :1] / directions[:, 0]
    for j in range(1, directions.shape[1]):
        np.minimum(reach, points[:, j : j + 1] / directions[:, j], out=reach)
    return reach


def _range(fronts: list[Matrix], reference: Matrix) -> tuple[Matrix, Matrix]:
    """The worst value of each objective on the fronts, and how far the best lies above it."""
    points = np.concatenate([*fronts, reference[None]])
    low, high = points.min(axis=0), points.max(axis=0)
    return low, np.where(high > low, high - low, 1.0)


def _fronts(belief: Belief) -> list[Matrix]:
    """The front of what meets the constraints in each sample, larger is better."""
    m = belief.surrogate.objectives
    fronts = []
    for values, meets in zip(belief.values[:, :, :m], belief.meets(), strict=True):
        points = values[meets & (values > belief.surrogate.reference).all(axis=1)]
        fronts.append(np.unique(points[pareto_mask(-points)], axis=0))
    return fronts


def _constrained(belief: Belief, worth: Callable[[Matrix, Matrix], Matrix], samples: int) -> Criterion:
    """The logarithm of the mean over samples of a worth, (samples, k), times the chance to be feasible."""
    m, bounds = belief.surrogate.objectives, belief.surrogate.bounds

    def criterion(inputs: Matrix) -> Matrix:
        parts = []
        for start in range(0, len(inputs), CHUNK):
            means, deviations = belief.at(inputs[start : start + CHUNK])
            with np.errstate(divide="ignore"):
                logarithms = np.log(worth(means, deviations))
            if len(bounds):
                from scipy.special import log_ndtr

                gaps = (means[:samples, :, m:] - bounds) / deviations[:, m:]
                logarithms = logarithms + log_ndtr(gaps).sum(axis=2)
            top = logarithms.max(axis=0)
            finite = np.where(np.isfinite(top), top, 0.0)
            with np.errstate(divide="ignore"):
                parts.append(np.log(np.exp(logarithms - finite).mean(axis=0)) + finite)
        return np.concatenate(parts)

    return criterion


def boxes(front: Matrix, reference: Matrix) -> tuple[list[Matrix], Positions, Positions]:
    """What a front leaves free above the reference, cut into boxes that do not overlap.

    Args:
        front: (k, m) points, m <= 3, none of which dominates another, all above the reference; larger is
            better.
        reference: (m,).

    Returns:
        For each objective the values at which boxes begin or end, ascending, the last infinite; and where
        each box begins and ends among them, (boxes, m) each.
    """
    m = len(reference)
    values = [np.unique(np.append(front[:, j], reference[j])) for j in range(m)]
    ranks = np.stack([np.searchsorted(values[j], front[:, j]) for j in range(m)], axis=1)
    ends = [len(column) for column in values]
    if m == 1:
        low, high = np.array([[ranks.max(initial=0)]]), np.array([ends])
    elif m == 2:
        low, high = _strips(ranks, ends)
    else:
        low, high = _swept(ranks, ends)
    return [np.append(column, np.inf) for column in values], low, high


def _strips(ranks: Positions, ends: list[int]) -> tuple[Positions, Positions]:
    """For two objectives: above each step of the staircase."""
    order = ranks[np.argsort(ranks[:, 0])]
    low = np.column_stack([np.append(0, order[:, 0]), np.append(order[:, 1], 0)])
    high = np.column_stack([np.append(order[:, 0], ends[0]), np.full(len(low), ends[1])])
    return low, high


def _swept(ranks: Positions, ends: list[int]) -> tuple[Positions, Positions]:
    """For three: a plane sinks along the third; where it meets a point, the strips over that point end."""
    strips: list[list[int]] = [[0, ends[0], 0, ends[2]]]  # first from, first to, second from, third to
    done: list[tuple[int, ...]] = []
    for x, y, z in ranks[np.argsort(-ranks[:, 2], kind="stable")].tolist():
        over = [strip for strip in strips if strip[0] < x and strip[2] < y]
        if not over:
            continue
        done += [(a, b, c, z, top) for a, b, c, top in over if top > z]
        begin, end, last = over[0][0], over[-1][1], over[-1][2]
        at = strips.index(over[0])
        new = [[begin, min(x, end), y, z]]
        if end > x:
            new.append([x, end, last, z])
        strips[at : at + len(over)] = new
    done += [(a, b, c, 0, top) for a, b, c, top in strips if top > 0]
    a, b, c, z, top = np.array(done, dtype=np.int64).T
    return np.column_stack([a, c, z]), np.column_stack([b, np.full(len(a), ends[1]), top])


def _boxed(mean: Matrix, deviation: Matrix, values: list[Matrix], low: Positions, high: Positions) -> Matrix:
    """The expected volume that Gaussian points add, (k,): of each box the product of the expected sides."""
    product = None
    for j, column in enumerate(values):
        above = np.zeros((len(mean), len(column)))  # expected excess over each value; 0 over infinity
        above[:, :-1] = deviation[:, j, None] * _excess(
            (mean[:, j, None] - column[:-1]) / deviation[:, j, None]
        )
        side = above[:, low[:, j]]
        if len(low) > 1 or high[0, j] < len(column) - 1:
            side = side - above[:, high[:, j]]
        product = side if product is None else product * side
    assert product is not None
    return np.maximum(product, 0.0).sum(axis=1)


def _excess(z: Matrix) -> Matrix:
    """E[max(Z + z, 0)] of a standard normal Z, exact to rounding far below 0 as well."""
    from scipy.special import erfcx

    # phi(z) (1 - |z| Mills(|z|)) for -|z|, and z more above 0
    size = np.abs(z)
    tail = np.exp(-0.5 * z * z) / math.sqrt(2 * math.pi)
    tail *= 1.0 - size * math.sqrt(math.pi / 2) * erfcx(size / math.sqrt(2))
    return np.maximum(tail, 0.0) + np.maximum(z, 0.0)


def _softplus(x: Matrix) -> Matrix:
    return np.logaddexp(0.0, x)
