"""Variation of designs for evolutionary and local search: every parameter changes as its kind allows.

An ordered parameter moves by a step whose size is drawn, small ones most often; an unordered one is drawn
anew; of a permutation two items are swapped. Only active parameters are changed on purpose; what a change
activates gets the other parent's value where that has one, else a random one.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cosearch import Designs, DesignSpace
from cosearch.space import Permutation
from cosearch.space.parameters import Parameter

Positions = NDArray[np.int64]
# The smallest and the largest typical step of an ordered parameter in the unit interval.
STEPS = (0.01, 0.5)
# Rounds of variation after which forbidden children are given up.
ROUNDS = 8


class Variation:
    """Children of designs of one space."""

    def __init__(self, space: DesignSpace) -> None:
        self.space = space
        self.free = np.array([j for j in range(len(space)) if j not in space.fixed], dtype=np.int64)

    def children(
        self,
        parents: Designs,
        others: Designs,
        rng: np.random.Generator,
        *,
        crossover: float = 0.9,
        mutations: float = 1.5,
    ) -> Designs:
        """The allowed ones of n children, one of each pair of parents.

        Args:
            parents: n designs.
            others: n designs.
            rng: draws everything.
            crossover: the share of children that take parameters of both parents.
            mutations: the mean number of changed parameters.
        """
        index = self._filled(parents.index, others.index, rng)
        other = self._filled(others.index, parents.index, rng)
        both = rng.random(len(index)) < crossover
        taken = (rng.random(index.shape) < rng.random((len(index), 1))) & both[:, None]
        index = np.where(taken, other, index)
        active = self.space.canonical(np.asfortranarray(index.copy())) >= 0
        self._mutate(index, active, rng, mutations)
        return self._allowed(index)

    def mutants(self, parents: Designs, rng: np.random.Generator, *, mutations: float = 1.5) -> Designs:
        """The allowed ones of n mutants, each changed in at least one parameter."""
        index = self._filled(parents.index, parents.index, rng)
        self._mutate(index, parents.index >= 0, rng, max(mutations, 1.0), least=1)
        return self._allowed(index)

    def one_mutant(
        self, parent: Designs, rng: np.random.Generator, *, mutations: float = 1.0
    ) -> Designs | None:
        """An allowed mutant of one design; None if none is found."""
        for _ in range(ROUNDS):
            found = self.mutants(parent, rng, mutations=mutations)
            if len(found) and found.keys()[0] != parent.keys()[0]:
                return found
        return None

    def _allowed(self, index: Positions) -> Designs:
        found = Designs(self.space, self.space.canonical(np.asfortranarray(index)))
        return found[np.flatnonzero(found.allowed)]

    def _filled(self, index: Positions, other: Positions, rng: np.random.Generator) -> Positions:
        """A copy in which inactive parameters have a value."""
        if (index >= 0).all():
            return index.copy()
        layout = self.space.unit_layout
        drawn = layout.decode(
            rng.random((len(index), layout.width)), [p.from_unit for p in self.space.parameters]
        )
        return np.where(index >= 0, index, np.where(other >= 0, other, drawn))

    def _mutate(
        self,
        index: Positions,
        active: NDArray[np.bool_],
        rng: np.random.Generator,
        mutations: float,
        least: int = 0,
    ) -> None:
        """Change some of the active parameters, in place."""
        if not len(self.free) or not len(index):
            return
        candidates = active[:, self.free]
        weight = np.where(candidates, rng.random(candidates.shape), np.inf)
        wanted = least + rng.poisson(max(mutations - least, 0.0), len(index))
        rank = weight.argsort(axis=1, kind="stable").argsort(axis=1, kind="stable")
        change = (rank < wanted[:, None]) & candidates
        for k in np.flatnonzero(change.any(axis=0)).tolist():
            j, rows = int(self.free[k]), np.flatnonzero(change[:, k])
            index[rows, j] = moved(self.space.parameters[j], index[rows, j], rng)


def moved(parameter: Parameter, positions: Positions, rng: np.random.Generator) -> Positions:
    """Other positions of a parameter, shape (n,); near ones more often where there is an order."""
    n, size = len(positions), parameter.size
    if size == 1:
        return positions
    if isinstance(parameter, Permutation):
        orders = parameter.orders(positions).copy()
        k = orders.shape[1]
        first = rng.integers(k, size=n)
        second = (first + rng.integers(1, k, size=n)) % k
        rows = np.arange(n)
        orders[rows, first], orders[rows, second] = orders[rows, second], orders[rows, first]
        return parameter.ranks(orders)
    if not parameter.ordered:
        return (positions + rng.integers(1, size, size=n)) % size
    low, high = np.log(STEPS)
    scale = np.exp(rng.uniform(low, high, n))
    unit = np.asarray(parameter.to_unit(positions), dtype=np.float64).reshape(n)
    there = unit + scale * rng.standard_normal(n)
    there = np.abs(there)
    there = np.clip(np.where(there > 1, 2 - there, there), 0.0, 1.0)
    found = parameter.from_unit(there[:, None])
    same = found == positions
    if same.any():
        step = np.where(rng.random(n) < 0.5, 1, -1)
        step = np.where((positions + step < 0) | (positions + step >= size), -step, step)
        found = np.where(same, positions + step, found)
    return found
