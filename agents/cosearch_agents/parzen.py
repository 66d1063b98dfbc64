"""Parzen estimators over designs: how likely each value is among good designs, and among the others.

J. Bergstra et al., "Algorithms for hyper-parameter optimization", NIPS 2011; S. Falkner, A. Klein, F.
Hutter, "BOHB: robust and efficient hyperparameter optimization at scale", ICML 2018. A design's density is
the mean of kernels around known designs; a kernel is a product over the parameters, so it knows which
values go together.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cosearch import Designs, DesignSpace
from cosearch_agents.variation import Variation

Matrix = NDArray[np.float64]

# The narrowest kernel, in the unit interval, and the least share of a kernel that is spread over all values.
NARROWEST = 0.03
PRIOR = 0.1


class Parzen:
    """The density of some designs."""

    def __init__(self, space: DesignSpace, designs: Designs) -> None:
        self.space, self.designs = space, designs
        self._unit = space.to_unit(designs)
        self.width = np.maximum(self._unit.std(axis=0) * len(designs) ** (-1 / 5), NARROWEST)

    def logarithm(self, designs: Designs) -> Matrix:
        """The logarithm of the density at designs, up to a constant, shape (n,)."""
        unit = self.space.to_unit(designs)
        total = np.zeros((len(designs), len(self.designs)))
        for j, (parameter, block) in enumerate(
            zip(self.space.parameters, self.space.unit_layout.blocks, strict=True)
        ):
            there, here = designs.index[:, j, None], self.designs.index[None, :, j]
            if parameter.ordered:
                apart = (unit[:, block] - self._unit[:, block].T) / self.width[block]
                kernel = np.exp(-0.5 * apart**2)
            else:
                kernel = (there == here).astype(np.float64)
            kernel = np.where((there < 0) != (here < 0), 0.0, np.where(there < 0, 1.0, kernel))
            total += np.log((1 - PRIOR) * kernel + PRIOR)
        peak = total.max(axis=1)
        return peak + np.log(np.exp(total - peak[:, None]).mean(axis=1))

    def sample(self, n: int, variation: Variation, rng: np.random.Generator) -> Designs:
        """Designs near the known ones."""
        first, second = (self.designs[rng.integers(len(self.designs), size=n)] for _ in range(2))
        return variation.children(first, second, rng, crossover=0.5, mutations=1.5)


def most_promising(
    space: DesignSpace, good: Designs, others: Designs, candidates: Designs, variation: Variation
) -> NDArray[np.int64]:
    """The rows of candidates, first those that are likely among good designs and unlikely among others."""
    if not len(candidates):
        return np.empty(0, dtype=np.int64)
    ratio = Parzen(space, good).logarithm(candidates) - Parzen(space, others).logarithm(candidates)
    return np.argsort(-ratio, kind="stable")
