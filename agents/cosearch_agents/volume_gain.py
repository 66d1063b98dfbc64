"""How much hypervolume each of many points would add to a front, for all points at once."""

from __future__ import annotations

import itertools

import numpy as np
from numpy.typing import NDArray

from cosearch.pareto import pareto_mask

Matrix = NDArray[np.float64]

# Points that are looked at together, so that memory stays small.
CHUNK = 4096
# Beyond so many cells a front is thinned out before its cells are made.
MOST_CELLS = 1500
# Points of a front that are used at first, by objectives, and the fewest: boxes grow fast with both.
MOST_POINTS = {4: 60, 5: 28, 6: 16}
FEWEST_POINTS = 5


class VolumeGain:
    """The gains over one front within a reference point; points are minimised, shape (n, m).

    The region that the front leaves is cut into boxes, as by R. Lacour, K. Klamroth, C. Fonseca, "A box
    decomposition algorithm to compute the hypervolume indicator", 2017, but by slices along the last
    objective: exact, and quick for the fronts of a few hundred points that searches have.
    """

    def __init__(self, front: Matrix, reference: Matrix) -> None:
        self.reference = np.asarray(reference, dtype=np.float64)
        inside = front[(front < self.reference).all(axis=1)]
        inside = np.unique(inside[pareto_mask(inside)], axis=0) if len(inside) else inside
        most = MOST_POINTS.get(len(self.reference), FEWEST_POINTS if len(self.reference) > 3 else len(inside))
        # the gain is too large near the points that are left out, never too small
        lower, upper = free_boxes(thinned(inside, most), self.reference)
        while len(lower) > MOST_CELLS and most > FEWEST_POINTS:
            most = max(min(most, len(inside)) * 2 // 3, FEWEST_POINTS)
            lower, upper = free_boxes(thinned(inside, most), self.reference)
        self.lower, self.upper = lower, upper

    def __call__(self, points: Matrix) -> Matrix:
        """The gain of each point alone, shape (n,)."""
        gains = np.empty(len(points))
        step = max(1, CHUNK * 64 // max(len(self.lower), 1))
        for start in range(0, len(points), step):
            part = points[start : start + step]
            volume = np.ones((len(part), len(self.lower)))
            for k in range(part.shape[1]):
                # a box's part that the point dominates: from the larger of both lower ends to the upper end
                volume *= np.maximum(self.upper[:, k] - np.maximum(part[:, k, None], self.lower[:, k]), 0.0)
            gains[start : start + step] = volume.sum(axis=1)
        return gains


def thinned(points: Matrix, most: int) -> Matrix:
    """At most so many of the points, spread over their order."""
    if len(points) <= most:
        return points
    return points[np.linspace(0, len(points) - 1, most).astype(int)]


def free_boxes(front: Matrix, reference: Matrix) -> tuple[Matrix, Matrix]:
    """Boxes that fill what no point of the front dominates, down to minus infinity: lower and upper corners.

    Args:
        front: mutually nondominated points within the reference, shape (k, m).
        reference: shape (m,).
    """
    m = len(reference)
    if m == 1:
        best = front[:, 0].min() if len(front) else reference[0]
        return np.array([[-np.inf]]), np.array([[best]])
    if m == 2:
        ordered = front[np.argsort(front[:, 0])]
        edges = np.concatenate([[-np.inf], ordered[:, 0], [reference[0]]])
        tops = np.concatenate([[reference[1]], ordered[:, 1]])
        lower = np.stack([edges[:-1], np.full(len(tops), -np.inf)], axis=1)
        return lower, np.stack([edges[1:], tops], axis=1)
    ordered = front[np.argsort(front[:, -1], kind="stable")]
    levels = np.concatenate([[-np.inf], np.unique(ordered[:, -1]), [reference[-1]]])
    lowers, uppers = [], []
    for low, high in itertools.pairwise(levels.tolist()):
        below = ordered[ordered[:, -1] <= low][:, :-1]
        below = np.unique(below[pareto_mask(below)], axis=0) if len(below) else below
        inner_lower, inner_upper = free_boxes(below, reference[:-1])
        n = len(inner_lower)
        lowers.append(np.column_stack([inner_lower, np.full(n, low)]))
        uppers.append(np.column_stack([inner_upper, np.full(n, high)]))
    return np.concatenate(lowers), np.concatenate(uppers)
