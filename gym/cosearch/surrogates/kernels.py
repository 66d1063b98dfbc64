"""The loops over designs that numba compiles. Imported where they are called: numba takes a while to load."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

BLOCK = 128  # designs


@njit(cache=True, nogil=True)
def look_up(index: Any, parameter: Any, start: Any, lookup: Any, table: Any, out: Any) -> None:
    """Copy rows of a table.

    Args:
        index: positions, (n, parameters), -1 where inactive.
        parameter: those that the table tells apart, (k,).
        start: where the lookup of each begins in `lookup`, (k,).
        lookup: what each position adds to the row number, inactive first.
        table: (rows, m).
        out: (n, m).
    """
    n, m = out.shape
    for i in range(n):
        row = 0
        for k in range(len(parameter)):
            row += lookup[start[k] + index[i, parameter[k]] + 1]
        for j in range(m):
            out[i, j] = table[row, j]


@njit(cache=True, nogil=True)
def sum_trees(
    inputs: Any, roots: Any, output: Any, feature: Any, threshold: Any, left: Any, right: Any, values: Any,
    out: Any, squares: Any,
) -> None:  # fmt: skip
    """Add up the leaves of trees: those of tree t in column `output[t]`, or in all where that is -1.

    Many designs go down a tree side by side, level by level, so that no step waits for another design's.

    Args:
        inputs: (n, inputs), float32.
        roots: the root node of each tree.
        output: the column of each tree; -1 for trees with a value for each column.
        feature: the input that a node looks at; -1 for a leaf.
        threshold: a node goes left where the input is at most this.
        left: child of a node, behind it.
        right: child of a node, behind it.
        values: of nodes, (nodes, 1) or (nodes, m).
        out: (n, m), to which the sums are added.
        squares: (n, m), to which the squares are added for trees with a value for each column; or (0, 0).
    """
    n, m = out.shape
    count = len(feature)
    looks = np.empty(count, np.int32)
    cut = np.empty(count, np.float32)
    child = np.empty(2 * count, np.int32)
    height = np.zeros(count, np.int32)
    for node in range(count - 1, -1, -1):  # children stand behind their parents
        if feature[node] < 0:  # a leaf leads to itself
            looks[node], cut[node] = 0, np.inf
            child[2 * node], child[2 * node + 1] = node, node
        else:
            looks[node], cut[node] = feature[node], threshold[node]
            child[2 * node], child[2 * node + 1] = left[node], right[node]
            height[node] = 1 + max(height[left[node]], height[right[node]])
    at = np.empty(BLOCK, np.int32)
    for start in range(0, n, BLOCK):
        rows = min(n - start, BLOCK)
        for t in range(len(roots)):
            for i in range(rows):
                at[i] = roots[t]
            for _ in range(height[roots[t]]):
                for i in range(rows):
                    node = at[i]
                    at[i] = child[2 * node + (inputs[start + i, looks[node]] > cut[node])]
            if output[t] >= 0:
                for i in range(rows):
                    out[start + i, output[t]] += values[at[i], 0]
            else:
                for i in range(rows):
                    for j in range(m):
                        out[start + i, j] += values[at[i], j]
                        if len(squares):
                            squares[start + i, j] += values[at[i], j] ** 2


@njit(cache=True, nogil=True, fastmath=True)
def nearest_distance(designs: Any, anchors: Any, out: Any) -> None:
    """The mean absolute difference of each row of `designs` to the nearest row of `anchors`."""
    n, d = designs.shape
    for i in range(n):
        best = 1e30
        for a in range(len(anchors)):
            total = 0.0
            for j in range(d):
                total += abs(designs[i, j] - anchors[a, j])
            best = min(best, total)
        out[i] = best / d
