"""The growing of boosted trees, which numba compiles; imported where it is called, since that takes a while.

Squared loss, histograms over binned inputs, best leaf first, as LightGBM grows them (G. Ke et al., "LightGBM:
A Highly Efficient Gradient Boosting Decision Tree", NeurIPS 2017). One thread: machines that search are busy.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def _histogram(binned: Any, residual: Any, rows: Any, total: Any, count: Any) -> None:
    total[:] = 0.0
    count[:] = 0.0
    for i in rows:
        r = residual[i]
        for f in range(binned.shape[1]):
            b = binned[i, f]
            total[f, b] += r
            count[f, b] += 1.0


@njit(cache=True, nogil=True)
def _best(total: Any, count: Any, bins: Any, least: int, shrink: float) -> Any:
    """The best split of a leaf: its gain, the input and the last bin that goes left."""
    gain, feature, cut = 0.0, -1, -1
    s, n = total[0].sum(), count[0].sum()
    whole = s * s / (n + shrink)
    for f in range(len(bins)):
        left, here = 0.0, 0.0
        for b in range(bins[f] - 1):
            left += total[f, b]
            here += count[f, b]
            if here < least or count[f, b] == 0.0:
                continue
            if n - here < least:
                break
            found = left * left / (here + shrink) + (s - left) ** 2 / (n - here + shrink) - whole
            if found > gain:
                gain, feature, cut = found, f, b
    return gain, feature, cut


@njit(cache=True, nogil=True)
def boosted(
    binned: Any,
    bins: Any,
    target: Any,
    rounds: int,
    rate: float,
    leaves: int,
    least: int,
    shrink: float,
    stop: float,
) -> Any:
    """Boost trees on one output.

    Args:
        binned: (n, inputs), uint8.
        bins: the number of bins of each input.
        target: (n,), centred.
        rounds: at most so many trees.
        rate: by which each tree's leaves are multiplied.
        leaves: at most, of a tree.
        least: rows in a leaf.
        shrink: added to the number of rows in a leaf, against trust in few.
        stop: no more trees where the residuals' variance is this share of the target's.

    Returns:
        roots, feature, cut, left, right, value of all nodes; feature is -1 for a leaf.
    """
    n, p = binned.shape
    widest = bins.max()
    per_tree = 2 * leaves - 1
    feature = np.full(rounds * per_tree, -1, dtype=np.int32)
    cut = np.zeros(rounds * per_tree, dtype=np.int32)
    left = np.zeros(rounds * per_tree, dtype=np.int32)
    right = np.zeros(rounds * per_tree, dtype=np.int32)
    value = np.zeros(rounds * per_tree)
    roots = np.zeros(rounds, dtype=np.int32)
    residual = target.copy()
    enough = stop * (target**2).mean()
    total, count = np.zeros((leaves, p, widest)), np.zeros((leaves, p, widest))
    order = np.arange(n)
    begin, end, node_of = np.zeros(leaves, np.int64), np.zeros(leaves, np.int64), np.zeros(leaves, np.int32)
    gains, where, at = np.zeros(leaves), np.zeros(leaves, np.int64), np.zeros(leaves, np.int64)
    used, trees = 0, 0
    spare = np.empty(n, dtype=np.int64)
    for t in range(rounds):
        if (residual**2).mean() <= enough:
            break
        roots[t] = used
        trees += 1
        begin[0], end[0], node_of[0] = 0, n, used
        used += 1
        _histogram(binned, residual, order, total[0], count[0])
        gains[0], where[0], at[0] = _best(total[0], count[0], bins, least, shrink)
        grown = 1
        while grown < leaves:
            k = gains[:grown].argmax()
            if gains[k] <= 1e-12:
                break
            f, c, node = where[k], at[k], node_of[k]
            low, high = begin[k], end[k]
            a, b = low, 0
            for j in range(low, high):
                i = order[j]
                if binned[i, f] <= c:
                    order[a] = i
                    a += 1
                else:
                    spare[b] = i
                    b += 1
            order[a:high] = spare[:b]
            feature[node], cut[node], left[node], right[node] = f, c, used, used + 1
            begin[grown], end[grown], node_of[grown] = a, high, used + 1
            end[k], node_of[k] = a, used
            used += 2
            if a - low <= high - a:  # count the smaller side, the other is the difference
                total[grown], count[grown] = total[k], count[k]
                _histogram(binned, residual, order[low:a], total[k], count[k])
                total[grown] -= total[k]
                count[grown] -= count[k]
            else:
                _histogram(binned, residual, order[a:high], total[grown], count[grown])
                total[k] -= total[grown]
                count[k] -= count[grown]
            gains[k], where[k], at[k] = _best(total[k], count[k], bins, least, shrink)
            gains[grown], where[grown], at[grown] = _best(total[grown], count[grown], bins, least, shrink)
            grown += 1
        for leaf in range(grown):
            s = 0.0
            for j in range(begin[leaf], end[leaf]):
                s += residual[order[j]]
            step = rate * s / (end[leaf] - begin[leaf] + shrink)
            value[node_of[leaf]] = step
            for j in range(begin[leaf], end[leaf]):
                residual[order[j]] -= step
    return (*(roots[:trees], feature[:used], cut[:used], left[:used], right[:used], value[:used]),)
