"""How well a dataflow fits a layer on an array in the best case: least steps, most units that share a word.

Compiled; one call for each layer, array and dataflow.
"""

# mypy: disable-error-code="no-untyped-def, no-untyped-call"
from __future__ import annotations

import numpy as np
from numba import njit

STEPS, SHARE_WEIGHTS, SHARE_INPUTS, SHARE_OUTPUTS, SPREAD_COLUMNS = range(5)
"""Columns of the result: steps of the array for the whole layer, and how many units at most need the same
word of a tensor, or add to the same output, in one step."""

_G, _N, _K, _C, _P, _Q, _R, _S = range(8)


@njit(nogil=True, cache=True)
def fit(sizes, along_x, along_y, columns, rows):
    """The best case of one layer.

    Args:
        sizes: (8,) iterations of each loop.
        along_x: (8,) bool, the loops that may be spread along X.
        along_y: (8,) bool, along Y.
        columns: units along X.
        rows: units along Y.

    Returns:
        float64 (SPREAD_COLUMNS,).
    """
    out = np.empty(SPREAD_COLUMNS)
    out[STEPS] = _least_steps(sizes, along_x, along_y, columns, rows)
    units = float(columns * rows)
    for tensor, loops in ((SHARE_WEIGHTS, (_N, _P, _Q)), (SHARE_OUTPUTS, (_C, _R, _S))):
        x, y, both = 1.0, 1.0, 1.0
        for loop in loops:
            x *= sizes[loop] if along_x[loop] else 1
            y *= sizes[loop] if along_y[loop] else 1
            both *= sizes[loop] if along_x[loop] or along_y[loop] else 1
        out[tensor] = min(min(x, columns) * min(y, rows), both)
    kx = min(float(columns), float(sizes[_K])) if along_x[_K] else 1.0
    ky = min(float(rows), float(sizes[_K])) if along_y[_K] else 1.0
    filters = min(kx * ky, float(sizes[_K]))
    window, crossed = 1.0, True
    for pixel, tap in ((_P, _R), (_Q, _S)):
        if (along_x[pixel] or along_y[pixel]) and (along_x[tap] or along_y[tap]):
            # Of o x f units with windows that overlap at most min(o, f) need the same input.
            window *= min(sizes[pixel], sizes[tap])
            crossed = crossed and not along_y[pixel] and not along_x[tap]
    shared = min(filters * window, units)
    if window > 1.0:
        shared = min(shared, min(columns * ky, kx * rows) if crossed else np.sqrt(units * filters))
    out[SHARE_INPUTS] = shared
    return out


@njit(nogil=True, cache=True)
def _least_steps(sizes, along_x, along_y, columns, rows):
    """The least product of ceil(size / spread) over all ways to spread the loops, exactly.

    A loop that takes `a` of `x` units leaves `x // a` to the others: states are the quotients of both axes.
    """
    xs, ys = _quotients(columns), _quotients(rows)
    best = np.ones((columns + 1, rows + 1))
    after = np.ones((columns + 1, rows + 1))
    for loop in range(8):
        size = sizes[loop]
        if size == 1:
            continue
        wide, high = along_x[loop], along_y[loop]
        for x in xs:
            for y in ys:
                least = np.inf
                for i in xs:
                    a = x // i if wide else 1
                    if i > x:
                        continue
                    for j in ys:
                        b = y // j if high else 1
                        if j > y:
                            continue
                        steps = -(-size // (a * b)) * best[x // a, y // b]
                        least = min(least, steps)
                        if not high:
                            break
                    if not wide:
                        break
                after[x, y] = least
        for x in xs:
            for y in ys:
                best[x, y] = after[x, y]
    return best[columns, rows]


@njit(nogil=True, cache=True)
def _quotients(number):
    """All distinct number // k, ascending."""
    seen = np.zeros(number + 1, np.bool_)
    for k in range(1, number + 1):
        seen[number // k] = True
    return np.flatnonzero(seen)
