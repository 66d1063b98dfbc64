"""Few-shot transfer: the numbers of a new device from a few of its measurements and many of other devices.

The setting of H. Lee et al., "HELP: Hardware-Adaptive Efficient Latency Prediction for NAS via
Meta-Learning", NeurIPS 2021. `device_prior` says what the other devices teach; which designs to measure
follows from it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosearch.errors import ArgumentError
from cosearch.surrogates.boosting import Growth, grown, total
from cosearch.surrogates.device_prior import (
    Prior,
    chosen_rows,
    predicted,
    rank_correlation,
    tuned,
)
from cosearch.surrogates.feature_columns import value_columns
from cosearch.surrogates.threads import one_thread

Matrix = NDArray[np.float64]
POOL = 2000
FEWEST_SAMPLES = 2
SMOOTHING = Growth(rounds=100, rate=0.2, leaves=31, least=8, shrink=1.0)
LINKS = ("identity", "logarithm", "reciprocal")


@dataclass(frozen=True)
class Transfer:
    """What training devices teach, ready for new ones.

    Attributes:
        prior: of a new device.
        design: the prior's columns, times the standard deviations of their weights, (n, p).
        link: the scale on which numbers add up.
        samples: how many designs of a new device are measured.
    """

    prior: Prior
    design: Matrix
    link: str
    samples: int

    @classmethod
    def of(cls, features: Sequence[Sequence[Any]], devices: Matrix, samples: int) -> Transfer:
        """Learn from training devices.

        Args:
            features: columns that describe n designs.
            devices: numbers of d devices, (n, d).
            samples: how many designs of a new device will be measured.

        Raises:
            ArgumentError: for too few designs or samples.
        """
        if not FEWEST_SAMPLES <= samples < len(devices):
            raise ArgumentError(
                f"samples must be at least {FEWEST_SAMPLES} and fewer than the {len(devices):,} designs, "
                f"not {samples}"
            )
        columns, groups = value_columns(features)
        with one_thread():
            link = _link(columns, devices)
            scaled = _smoothed(columns, _standardised(_linked(devices, link)))
            prior = tuned(scaled, columns, groups, samples)
        return cls(prior, prior.design(), link, samples)

    def choose(self, seed: int, *, among: NDArray[np.int64] | None = None) -> NDArray[np.int64]:
        """The designs to measure, by number, out of a random part of all."""
        rows = np.arange(len(self.design)) if among is None else among
        pool = np.random.default_rng(seed).permutation(rows)[:POOL]
        return chosen_rows(self.design, self.prior.noise, pool, self.samples)

    def predict(self, rows: NDArray[np.int64], measured: Matrix) -> Matrix:
        """The new device's numbers for all designs, (n,).

        Args:
            rows: the designs that were measured.
            measured: their numbers.
        """
        found = predicted(self.prior, self.design, rows, _linked(measured[:, None], self.link)[:, 0])
        return _unlinked(found, self.link)


def judged(
    transfer: Transfer, target: Matrix, seeds: int, *, at_random: bool = False
) -> list[dict[str, Any]]:
    """How well a device is predicted, once for each seed, on the designs that were not measured.

    Args:
        transfer: what other devices teach.
        target: the device's numbers, (n,); NaN where they are not known.
        seeds: how often it is tried.
        at_random: whether the measured designs are drawn, not chosen.
    """
    known = np.flatnonzero(np.isfinite(target))
    found = []
    for seed in range(seeds):
        if at_random:
            rows = np.random.default_rng(seed).permutation(known)[: transfer.samples]
        else:
            rows = transfer.choose(seed, among=known)
        others = np.setdiff1d(known, rows)
        guess = transfer.predict(rows, target[rows])
        error = np.abs(guess[others] - target[others]) / np.abs(target[others]).clip(1e-12)
        found.append(
            {
                "seed": seed,
                "spearman": rank_correlation(guess[others], target[others]),
                "median_relative_error": float(np.median(error)),
                "samples": rows.tolist(),
            }
        )
    return found


def _link(columns: Matrix, devices: Matrix) -> str:
    """The scale on which the training devices' numbers are most nearly sums over the columns."""
    if not (devices > 0).all():
        return "identity"
    centred = columns - columns.mean(axis=0)
    gram = centred.T @ centred + 1e-3 * len(columns) * np.eye(columns.shape[1]) / columns.shape[1]
    explained = {}
    for link in LINKS:
        scaled = _standardised(_linked(devices, link))
        fitted = centred @ np.linalg.solve(gram, centred.T @ scaled)
        explained[link] = np.mean(
            [rank_correlation(fitted[:, d], scaled[:, d]) for d in range(devices.shape[1])]
        )
    best = max(explained, key=explained.__getitem__)
    return best if explained[best] > explained["identity"] + 1e-3 else "identity"


def _linked(values: Matrix, link: str) -> Matrix:
    if link == "identity":
        return values
    safe = np.maximum(values, 1e-300)
    return np.log(safe) if link == "logarithm" else -1.0 / safe


def _unlinked(values: Matrix, link: str) -> Matrix:
    if link == "identity":
        return values
    return np.exp(np.minimum(values, 700.0)) if link == "logarithm" else -1.0 / np.minimum(values, -1e-12)


def _standardised(values: Matrix) -> Matrix:
    width = values.std(axis=0)
    return np.asarray((values - values.mean(axis=0)) / np.where(width > 0, width, 1.0))


def _smoothed(columns: Matrix, devices: Matrix) -> Matrix:
    """The devices' numbers less the noise of their measurement: what trees say of them."""
    return total(grown(columns, devices, SMOOTHING), columns)
