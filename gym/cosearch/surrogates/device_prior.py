"""What measured devices say about one that is not: how much each cause of a latency differs between devices.

A device's numbers are, on a scale on which they add up, what the training devices have in common, plus their
own ways, plus a cost for each value of a feature, wherever it stands, plus one for each value at its place.
How much each of these may differ in a new device is found by taking each training device in turn for the new
one, without its close relatives.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]

RELATED = 0.95
"""Devices whose ranks are so alike are of a family: a new device need not have one."""
KINDS = ("scale", "device", "value", "place")
GRID = (0.0, 0.03, 0.1, 0.3, 1.0)
NOISES = (0.03, 0.1, 0.3)
START = {"scale": 0.3, "device": 0.3, "value": 1.0, "place": 0.1}
START_NOISE = 0.1
CERTAIN = 3.0  # standard deviations of the level, of which nothing is known before
POOL, JUDGED, DRAWS = 400, 1200, 2


@dataclass(frozen=True)
class Prior:
    """A Gaussian prior of a device's standardised numbers, linear in known columns.

    Attributes:
        common: what all training devices say, (n,).
        columns: for each kind of cause its columns, each with a variance of about 1 in total, (n, k).
        spread: the standard deviation of each kind's effects.
        noise: the standard deviation of what follows no cause.
    """

    common: Matrix
    columns: dict[str, Matrix]
    spread: dict[str, float]
    noise: float

    def design(self) -> Matrix:
        """The columns, times the standard deviations of their weights, (n, p)."""
        parts = [np.full((len(self.common), 1), CERTAIN), self.spread["scale"] * self.common[:, None]]
        parts += [self.spread[kind] * block for kind, block in self.columns.items() if self.spread[kind] > 0]
        return np.concatenate(parts, axis=1)


def prior_of(devices: Matrix, features: Matrix, groups: Sequence[Sequence[int]]) -> Prior:
    """The prior that training devices give, before its spreads are tuned.

    Args:
        devices: standardised numbers of d devices, (n, d).
        features: a column for each value at each place, (n, k).
        groups: which columns are the same value at different places.
    """
    common = devices.mean(axis=1)
    own = devices - common[:, None]
    counts = np.stack([features[:, list(group)].sum(axis=1) for group in groups], axis=1)
    columns = {
        "device": own / np.sqrt(devices.shape[1]),
        "value": _whitened(counts),
        "place": _whitened(features),
    }
    return Prior(common, columns, dict(START), START_NOISE)


def tuned(devices: Matrix, features: Matrix, groups: Sequence[Sequence[int]], samples: int) -> Prior:
    """The prior with the spreads that predict each training device best from the others.

    Args:
        devices: standardised numbers of d devices, (n, d).
        features: a column for each value at each place, (n, k).
        groups: which columns are the same value at different places.
        samples: how many designs of the new device will be measured.
    """
    rng = np.random.default_rng(0)
    rows = rng.permutation(len(devices))[: POOL + JUDGED]
    cases = []
    for held_out in range(devices.shape[1]):
        others = [d for d in range(devices.shape[1]) if d != held_out]
        far = [d for d in others if rank_correlation(devices[rows, d], devices[rows, held_out]) < RELATED]
        chosen = far if far else others
        if chosen:
            prior = prior_of(devices[rows][:, chosen], features[rows], groups)
            cases.append((prior, devices[rows, held_out]))
    best = prior_of(devices, features, groups)
    if not cases:
        return best
    settings = {**best.spread, "noise": best.noise}
    score = _score(cases, settings, samples)
    for _ in range(2):
        for name in (*KINDS, "noise"):
            for value in NOISES if name == "noise" else GRID:
                if value == settings[name]:
                    continue
                tried = {**settings, name: value}
                if (found := _score(cases, tried, samples)) > score + 1e-4:
                    settings, score = tried, found
    noise = settings.pop("noise")
    return replace(best, spread=settings, noise=noise)


def chosen_rows(design: Matrix, noise: float, pool: NDArray[np.int64], samples: int) -> NDArray[np.int64]:
    """The rows whose measurement leaves least variance of all rows of a pool, one after the other.

    Args:
        design: columns times the standard deviations of their weights, (n, p).
        noise: the standard deviation of a measurement.
        pool: from which they are chosen.
        samples: how many.
    """
    here = design[pool]
    moments = here.T @ here
    covariance = np.eye(design.shape[1])
    found: list[int] = []
    for _ in range(samples):
        shared = here @ covariance
        variance = np.einsum("ij,ij->i", shared, here)
        gain = np.einsum("ij,ij->i", shared @ moments, shared) / (variance + noise**2)
        gain[found] = -1.0
        best = int(gain.argmax())
        found.append(best)
        covariance -= np.outer(shared[best], shared[best]) / (variance[best] + noise**2)
    return pool[found]


def predicted(prior: Prior, design: Matrix, rows: NDArray[np.int64], measured: Matrix) -> Matrix:
    """The device's numbers, (n,), on the scale of `measured`, up to a level and a positive factor."""
    here = prior.common[rows]
    spread = measured.std() or 1.0
    scaled = (measured - measured.mean()) / spread * (here.std() or 1.0) + here.mean()
    gram = design[rows] @ design[rows].T + prior.noise**2 * np.eye(len(rows))
    weights = design[rows].T @ np.linalg.solve(gram, scaled - here)
    found = prior.common + design @ weights
    return np.asarray((found - here.mean()) * spread / (here.std() or 1.0) + measured.mean())


def rank_correlation(left: Matrix, right: Matrix) -> float:
    """Spearman's; 0 where one side is constant."""
    from scipy.stats import rankdata

    if np.ptp(left) == 0 or np.ptp(right) == 0:
        return 0.0
    return float(np.corrcoef(rankdata(left), rankdata(right))[0, 1])


def _score(cases: Sequence[tuple[Prior, Matrix]], settings: dict[str, float], samples: int) -> float:
    spread = {kind: settings[kind] for kind in KINDS}
    found = []
    for prior, true in cases:
        tried = replace(prior, spread=spread, noise=settings["noise"])
        design = tried.design()
        for draw in range(DRAWS):
            order = np.random.default_rng(draw).permutation(len(true))
            pool = order[:POOL] if len(order) > 2 * POOL else order[: max(samples + 1, len(order) // 2)]
            rows = chosen_rows(design, tried.noise, pool, samples)
            judged = np.setdiff1d(order, rows)
            found.append(rank_correlation(predicted(tried, design, rows, true[rows])[judged], true[judged]))
    return float(np.mean(found))


def _whitened(columns: Matrix) -> Matrix:
    """Centred columns, all divided by one number, so that independent weights of 1 give a variance of 1."""
    centred = columns - columns.mean(axis=0)
    total = np.sqrt((centred**2).mean(axis=0).sum())
    return np.asarray(centred / (total if total > 0 else 1.0))
