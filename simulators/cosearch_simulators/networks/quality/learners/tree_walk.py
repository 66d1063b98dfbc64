"""Walking many trees for many rows; compiled."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from cosearch_simulators.compilation import announce_compilation


@njit(cache=True, nogil=True)
def walk(rows: Any, roots: Any, owner: Any, feature: Any, threshold: Any, right: Any, sums: Any) -> None:
    """Add every tree's number to its owner's sum, for each row.

    Args:
        rows: float32 (n, features).
        roots: int32 (trees + 1,).
        owner: int8 (trees,).
        feature: int16 (nodes,), -1 at a leaf.
        threshold: float32 (nodes,).
        right: int32 (nodes,).
        sums: float64 (n, owners), in and out.
    """
    for row in range(rows.shape[0]):
        for tree in range(roots.size - 1):
            node = np.int64(roots[tree])
            while feature[node] >= 0:
                if rows[row, feature[node]] <= threshold[node]:
                    node += 1
                else:
                    node = np.int64(right[node])
            sums[row, owner[tree]] += threshold[node]


announce_compilation(walk, "the walk through a predictor's trees", "1 to 3 s")
