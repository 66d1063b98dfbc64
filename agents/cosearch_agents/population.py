"""A population that takes one design at a time and drops the worst: steady-state NSGA-II.

K. Deb et al., "A fast and elitist multiobjective genetic algorithm: NSGA-II", IEEE Transactions on
Evolutionary Computation 6(2), 2002 (rank, crowding, constrained domination); J. Durillo et al., "On the
effect of the steady-state selection scheme in multi-objective genetic algorithms", EMO 2009.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]


class Population:
    """Rows of an archive, at most `size`, with their ranks.

    Args:
        size: how many are kept.
        objectives: how many there are.

    Attributes:
        rows: of the members in the archive, in the order in which they came, shape (k,).
        rank: 0 is the best, shape (k,).
        crowding: larger is lonelier within a rank, shape (k,).
    """

    def __init__(self, size: int, objectives: int) -> None:
        self.size = size
        self.rows = np.empty(0, dtype=np.int64)
        self.rank = np.empty(0, dtype=np.int64)
        self.crowding = np.empty(0)
        self._values: Matrix = np.empty((0, objectives))
        self._violation = np.empty(0)

    def add(self, row: int, values: Matrix, violation: float) -> None:
        """Take one in, and drop the worst if there are too many.

        Args:
            row: of the archive.
            values: its objectives, smaller is better, shape (objectives,).
            violation: 0 if it is feasible, infinity if it did not run.
        """
        self.rows = np.append(self.rows, row)
        self._values = np.concatenate([self._values, np.nan_to_num(values, nan=np.inf)[None]])
        self._violation = np.append(self._violation, violation)
        self.rank = ranks(self._values, self._violation)
        self.crowding = crowding(self._values, self.rank)
        if len(self.rows) > self.size:
            worst = np.lexsort((np.arange(len(self.rows)), self.crowding, -self.rank))[0]
            kept = np.arange(len(self.rows)) != worst
            self.rows, self._values, self._violation = (
                self.rows[kept],
                self._values[kept],
                self._violation[kept],
            )
            self.rank, self.crowding = self.rank[kept], self.crowding[kept]

    def tournament(self, n: int, rng: np.random.Generator, rivals: int = 2) -> NDArray[np.int64]:
        """The rows of n winners, each the best of some members drawn at random."""
        order = np.empty(len(self.rows), dtype=np.int64)
        order[np.lexsort((-self.crowding, self.rank))] = np.arange(len(self.rows))
        drawn = rng.integers(len(self.rows), size=(n, rivals))
        winner = order[drawn].argmin(axis=1)
        return self.rows[drawn[np.arange(n), winner]]


def ranks(values: Matrix, violation: Matrix) -> NDArray[np.int64]:
    """The front that each belongs to, from 0; what is infeasible comes behind, by its violation, shape (n,).

    Args:
        values: smaller is better, shape (n, objectives).
        violation: 0 where feasible, shape (n,).
    """
    import moocore

    rank = np.zeros(len(values), dtype=np.int64)
    left = np.flatnonzero(violation <= 0)
    if values.shape[1] == 1:
        rank[left] = np.unique(values[left, 0], return_inverse=True)[1]
    elif len(left):
        rank[left] = moocore.pareto_rank(values[left])
    front = int(rank[left].max(initial=-1)) + 1
    missed = np.flatnonzero(violation > 0)
    if len(missed):
        rank[missed] = front + np.unique(violation[missed], return_inverse=True)[1]
    return rank


def crowding(values: Matrix, rank: NDArray[np.int64]) -> Matrix:
    """How far the neighbours within a rank are, shape (n,); 0 for all but one of equals."""
    distance = np.zeros(len(values))
    if values.shape[1] == 1 or not len(values):
        return distance
    for rows in np.split(order := np.argsort(rank, kind="stable"), 1 + np.flatnonzero(np.diff(rank[order]))):
        if len(rows) == 1:
            distance[rows] = np.inf
            continue
        points, first = np.unique(values[rows], axis=0, return_index=True)
        if not np.isfinite(points).all():
            continue
        found = np.zeros(len(points))
        for column in points.T:
            order = np.argsort(column, kind="stable")
            span = column[order[-1]] - column[order[0]]
            found[order[[0, -1]]] = np.inf
            if len(order) > 2 and span > 0:
                found[order[1:-1]] += (column[order[2:]] - column[order[:-2]]) / span
        distance[rows[first]] = found
    return distance
