"""Extremely randomised regression trees in numpy, all trees grown at once, one level at a time.

They are what `importance.py` asks how the metrics depend on the parameters: trees need no scaling, take
categories and numbers alike, and are fitted to thousands of designs in about a second.

Source: P. Geurts, D. Ernst, L. Wehenkel, "Extremely randomized trees", Machine Learning 63 (2006): at every
node one random cut a parameter, of which the one that reduces the variance most is taken.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

SPLIT_SIZE = 5  # nodes with fewer rows are leaves; the paper's n_min for regression
MAX_DEPTH = 40
LEAF = -1


@dataclass(frozen=True)
class Forest:
    """Trees as flat arrays of nodes.

    Attributes:
        roots: the root of each tree, shape (trees,).
        column: the column that a node compares, `LEAF` for a leaf, shape (nodes,).
        cut: rows with a smaller or equal value go to `left`, others to `left + 1`.
        left: the left child; the right one is the next node.
        value: the mean of the node's training targets.
    """

    roots: NDArray[np.int64]
    column: NDArray[np.int64]
    cut: NDArray[np.float64]
    left: NDArray[np.int64]
    value: NDArray[np.float64]

    @classmethod
    def fit(
        cls,
        features: NDArray[np.float64],
        blocks: Sequence[slice],
        target: NDArray[np.float64],
        samples: NDArray[np.int64],
        rng: np.random.Generator,
    ) -> Forest:
        """Grow one tree for each row of `samples`.

        Args:
            features: shape (n, columns).
            blocks: the columns of each parameter; a cut tries one column of each.
            target: shape (n,).
            samples: the rows of `features` that each tree sees, shape (trees, k).
            rng: for columns and cuts.
        """
        trees, size = samples.shape
        rows = samples.ravel()  # kept ordered by node, so that a node is a run of rows
        starts = np.arange(trees) * size
        names = np.arange(trees)  # the node number of each run
        levels: list[tuple[NDArray, ...]] = []
        n_nodes = trees
        for _ in range(MAX_DEPTH):
            y = target[rows]
            counts = np.diff(np.append(starts, len(rows)))
            sums = np.add.reduceat(y, starts)
            column, cut = _best_cuts(features, blocks, y, rows, starts, counts, sums, rng)
            split = column != LEAF
            left = np.full(len(names), LEAF)
            left[split] = n_nodes + 2 * np.arange(split.sum())
            n_nodes += 2 * int(split.sum())
            levels.append((names, column, cut, left, sums / counts))
            if not split.any():
                break
            kept = np.repeat(split, counts)
            run = np.repeat(np.arange(len(names)), counts)[kept]
            rows = rows[kept]
            child = left[run] + (features[rows, column[run]] > cut[run])
            order = np.argsort(child, kind="stable")
            rows, child = rows[order], child[order]
            starts = np.flatnonzero(np.diff(child, prepend=-1))
            names = child[starts]
        node, *nodes = (np.concatenate(part) for part in zip(*levels, strict=True))
        column, cut, left, value = (part[np.argsort(node)] for part in nodes)
        return cls(np.arange(trees), column, cut, left, value)

    def predict(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """Every tree's prediction, shape (trees, n)."""
        n = len(features)
        node = np.repeat(self.roots, n)
        row = np.tile(np.arange(n), len(self.roots))
        active = np.flatnonzero(self.column[node] != LEAF)
        while len(active):
            at = node[active]
            node[active] = self.left[at] + (features[row[active], self.column[at]] > self.cut[at])
            active = active[self.column[node[active]] != LEAF]
        return self.value[node].reshape(len(self.roots), n)


def _best_cuts(
    features: NDArray[np.float64],
    blocks: Sequence[slice],
    y: NDArray[np.float64],
    rows: NDArray[np.int64],
    starts: NDArray[np.int64],
    counts: NDArray[np.int64],
    sums: NDArray[np.float64],
    rng: np.random.Generator,
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The column and the cut of each node, `LEAF` where it has too few rows or no cut helps."""
    best_column = np.full(len(starts), LEAF)
    best_cut = np.zeros(len(starts))
    # a cut's gain in squared error must be more than rounding
    best_score = sums**2 / counts * (1 + 1e-12)
    run = np.repeat(np.arange(len(starts)), counts)
    for block in blocks:
        columns = rng.integers(block.start, block.stop, len(starts))
        x = features[rows, columns[run]]
        low, high = np.minimum.reduceat(x, starts), np.maximum.reduceat(x, starts)
        cut = low + rng.random(len(starts)) * (high - low)
        goes_left = x <= cut[run]
        left_count = np.add.reduceat(goes_left, starts, dtype=np.int64)
        left_sum = np.add.reduceat(np.where(goes_left, y, 0.0), starts)
        right_count = counts - left_count
        score = left_sum**2 / np.maximum(left_count, 1) + (sums - left_sum) ** 2 / np.maximum(right_count, 1)
        better = (counts >= SPLIT_SIZE) & (low < high) & (right_count > 0) & (score > best_score)
        best_column[better], best_cut[better] = columns[better], cut[better]
        best_score[better] = score[better]
    return best_column, best_cut
