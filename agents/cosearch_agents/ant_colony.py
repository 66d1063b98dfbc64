"""The agent `ant-colony`: ants lay a design value by value, where good designs have left their scent.

M. Dorigo, L. Gambardella, "Ant colony system", IEEE Transactions on Evolutionary Computation 1(1), 1997, in
the form of M. Guntsch, M. Middendorf, "A population based approach for ACO", 2002: the scent of a value is
how many of the best designs have it, so nothing evaporates and nothing has to be remembered. Of several
objectives the best are ranked as in NSGA-II. A parameter of many values has the scent on parts of its
range.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from cosearch import Designs, DesignSpace, Integer, Permutation, Real, Results
from cosearch_agents.archive import HistoryAgent, initial, own_fidelity
from cosearch_agents.population import Population

# Parts that the range of a parameter of many values has, and ants for each design that is asked.
PARTS = 16
ANTS = 8


class AntColonyAgent(HistoryAgent):
    """Ant colony: values that good designs have are chosen more often; results may come in any order."""

    name = "ant-colony"
    hyperparameters = DesignSpace(
        [
            Integer(
                "population", 1, 1000, default=12, log=True, description="best designs that leave a scent"
            ),
            Real(
                "greed", 0.0, 1.0, default=0.3, description="share of choices that follow the strongest scent"
            ),
            Real(
                "scent",
                0.1,
                100.0,
                default=4.0,
                log=True,
                description="of a value that all best designs have",
            ),
            initial(16),
        ]
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._best = Population(self.settings["population"], len(self.objectives))

    def propose(self, n: int, rng: np.random.Generator) -> Designs:
        """What the ants lay."""
        first = self.beginning(n, self.settings["initial"])
        if first is not None:
            return first
        if not len(self._best.rows):
            return self.random_new(n, rng)
        ants = max(32, ANTS * n)
        best = self.archive.designs.index[self._best.rows]
        index = np.empty((ants, len(self.space)), dtype=np.int64, order="F")
        for j, parameter in enumerate(self.space):
            theirs = best[best[:, j] >= 0, j]
            if isinstance(parameter, Permutation):
                index[:, j] = self._orders(parameter, theirs, ants, rng)
            elif parameter.size <= PARTS:
                weight = self._scent(np.bincount(theirs, minlength=parameter.size))
                index[:, j] = self._chosen(weight, ants, rng)
            else:
                unit = np.asarray(parameter.to_unit(theirs), dtype=np.float64).reshape(-1)
                at = np.minimum((unit * PARTS).astype(np.int64), PARTS - 1)
                weight = self._scent(np.bincount(at, minlength=PARTS))
                there = (self._chosen(weight, ants, rng) + rng.random(ants)) / PARTS
                index[:, j] = parameter.from_unit(there[:, None])
        return Designs(self.space, self.space.canonical(index))

    def tell(self, results: Results) -> None:
        """Take results, one after the other."""
        before = len(self.archive)
        super().tell(results)
        for row in range(before, before + int(own_fidelity(self.task, results).sum())):
            if np.isfinite(self.archive.violation[row]):
                self._best.add(row, self.archive.values[row], float(self.archive.violation[row]))

    def _scent(self, counts: Any) -> Any:
        return 1.0 + self.settings["scent"] * len(counts) * counts / max(len(self._best.rows), 1)

    def _chosen(self, weight: Any, n: int, rng: np.random.Generator) -> Any:
        """A value for each ant."""
        drawn = np.searchsorted(np.cumsum(weight / weight.sum()), rng.random(n), side="right")
        drawn = np.minimum(drawn, len(weight) - 1)
        strongest = rng.choice(np.flatnonzero(weight == weight.max()), size=n)
        return np.where(rng.random(n) < self.settings["greed"], strongest, drawn)

    def _orders(self, parameter: Permutation, theirs: Any, n: int, rng: np.random.Generator) -> Any:
        """Orders of items: at each place, of the items that are left one that the best designs have there."""
        k = len(parameter.items)
        counts = np.zeros((k, k))
        for order in parameter.orders(theirs):
            counts[np.arange(k), order] += 1
        orders = np.empty((n, k), dtype=np.int64)
        for ant in range(n):
            left = np.ones(k, dtype=bool)
            for place in range(k):
                weight = np.where(left, self._scent(counts[place]), 0.0)
                orders[ant, place] = self._chosen(weight, 1, rng)[0]
                left[orders[ant, place]] = False
        return parameter.ranks(orders)
