"""Pareto fronts and hypervolume, for every part of cosearch that compares designs by several objectives.

All arrays are minimised objectives, as `cosearch.objectives.minimised` gives them: smaller is better, and a
row that has a NaN (a design that is not `ok`) is never on a front and never adds volume.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cosearch.objectives import Objective

# How far behind the front's worst value the reference point lies, so that extreme designs still add volume.
REFERENCE_MARGIN = 0.1
FEW = 4  # points are taken into a front one by one below it
LARGEST = float(np.finfo(np.float64).max)
RIVALS = 12  # points of a front that are asked first whether they dominate a new one


def pareto_mask(minimised: ArrayLike) -> NDArray[np.bool_]:
    """Which of n points no other point dominates, shape (n,); equal points are kept or dropped together.

    Args:
        minimised: points of shape (n, m); an empty list is no point.
    """
    points = np.asarray(minimised, dtype=np.float64)
    if not points.size:
        return np.zeros(len(points), dtype=np.bool_)
    mask = np.array(~np.isnan(points).any(axis=1), dtype=np.bool_)
    if mask.any():
        import moocore

        mask[mask] = moocore.is_nondominated(points[mask], keep_weakly=True)
    return mask


def hypervolume(minimised: ArrayLike, reference: ArrayLike) -> float:
    """The volume that the points dominate within the reference point, in the product of their units.

    Args:
        minimised: points of shape (n, m); one that is not better than the reference everywhere adds nothing.
        reference: shape (m,).
    """
    points, corner = np.asarray(minimised, dtype=np.float64), np.asarray(reference, dtype=np.float64)
    inside = (points < corner).all(axis=1)
    if not inside.any():
        return 0.0
    import moocore

    return float(moocore.hypervolume(points[inside], ref=corner))


class Front:
    """The front of all points that were added so far; equal points stand in it once, with their number.

    Attributes:
        points: shape (k, m), no two alike.
        counts: how many of the added points each stands for, shape (k,).
    """

    def __init__(self, n_objectives: int) -> None:
        self.points: NDArray[np.float64] = np.empty((0, n_objectives))
        self.counts: NDArray[np.int64] = np.empty(0, dtype=np.int64)

    def __len__(self) -> int:
        return int(self.counts.sum())

    def add(self, minimised: NDArray[np.float64]) -> NDArray[np.float64]:
        """Take in points without NaN, shape (n, m); returns those that stand in the front now as new ones."""
        points = minimised if len(minimised) < FEW else self._unbeaten(minimised)
        if len(points) >= FEW:
            return self._merge(points[pareto_mask(points)])
        new = [point for point in points if self._add_one(point)]
        if len(new) > 1:  # a later one may have dominated an earlier one
            new = [point for point in new if _everywhere(np.equal, self.points, point).any()]
        return np.array(new) if new else self.points[:0]

    def _unbeaten(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """The points without most of those that the front dominates: a few of its points tell them."""
        if not len(self.points):
            return points
        columns = np.asfortranarray(points)
        beaten = np.zeros(len(points), dtype=np.bool_)
        for rival in self.points[np.linspace(0, len(self.points) - 1, RIVALS).astype(int)]:
            beaten |= _everywhere(np.greater_equal, columns, rival) & ~_everywhere(np.equal, columns, rival)
        return points[~beaten]

    def _add_one(self, point: NDArray[np.float64]) -> bool:
        no_worse = _everywhere(np.less_equal, self.points, point)
        row = int(no_worse.argmax()) if len(no_worse) else 0
        if len(no_worse) and no_worse[row]:
            self.counts[row] += bool((self.points[row] == point).all())
            return False
        kept = ~_everywhere(np.greater_equal, self.points, point)
        self.points = np.asfortranarray(np.concatenate([self.points[kept], point[None]]))
        self.counts = np.append(self.counts[kept], 1)
        return True

    def _merge(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Take in points of which none dominates another."""
        old = len(self.points)
        both = np.concatenate([self.points, points])
        counts = np.append(self.counts, np.ones(len(points), dtype=np.int64))
        rows = np.flatnonzero(pareto_mask(both))
        rows = rows[np.lexsort((rows, *both[rows].T[::-1]))]  # of equal points the older first
        first = np.append(True, (both[rows[1:]] != both[rows[:-1]]).any(axis=1))
        self.points = np.asfortranarray(both[rows[first]])
        self.counts = np.add.reduceat(counts[rows], np.flatnonzero(first))
        return both[rows[first & (rows >= old)]]


def _everywhere(
    compare: Callable[..., NDArray[np.bool_]], points: NDArray[np.float64], point: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """Where a comparison with a point holds in every column: much faster than `all` over a short axis."""
    holds = compare(points[:, 0], point[0])
    for k in range(1, points.shape[1]):
        holds &= compare(points[:, k], point[k])
    return holds


def hypervolume_curve(
    minimised: ArrayLike, feasible: ArrayLike, reference: ArrayLike, at: ArrayLike | None = None
) -> NDArray[np.float64]:
    """The hypervolume of the feasible points among the first k, for every k in `at`.

    Args:
        minimised: points of shape (n, m) in the order of their evaluation.
        feasible: bool of shape (n,).
        reference: shape (m,).
        at: numbers of points, ascending; default 1 to n.
    """
    points, corner = np.asarray(minimised, dtype=np.float64), np.asarray(reference, dtype=np.float64)
    ends = np.arange(1, len(points) + 1) if at is None else np.asarray(at, dtype=np.int64)
    useful = np.flatnonzero(np.asarray(feasible, dtype=bool) & (points < corner).all(axis=1))
    curve = np.zeros(len(ends))
    front, volume, begin = Front(len(corner)), 0.0, 0
    for k, end in enumerate(np.searchsorted(useful, ends)):
        before = front.points
        new = front.add(points[useful[begin : max(begin, end)]])
        if len(new) == 1:
            # A point adds its own box, less the part of that box which the front already dominates.
            shared = np.maximum(before, new[0])
            added = np.prod(corner - new[0]) - hypervolume(shared[pareto_mask(shared)], corner)
            volume += max(float(added), 0.0)  # rounding
        elif len(new):
            volume = max(hypervolume(front.points, corner), volume)
        curve[k], begin = volume, max(begin, end)
    return curve


def reference_point(objectives: Sequence[Objective], minimised: Sequence[ArrayLike]) -> NDArray[np.float64]:
    """The reference point that makes the hypervolumes of several studies comparable, minimised, shape (m,).

    An objective's own `reference` where it has one; otherwise the worst value on the combined front of all
    studies (its nadir) plus a tenth of that front's range, as `infer_reference_point` of BoTorch: a reference
    at the worst design of all would make every front look perfect. NaN where there is no value to go by; the
    hypervolume is then 0.

    Args:
        objectives: m objectives.
        minimised: the feasible points of each study, each of shape (n, m).
    """
    points = np.concatenate(
        [np.asarray(part, dtype=np.float64) for part in minimised] or [np.empty((0, len(objectives)))]
    )
    front = points[pareto_mask(points)]
    corner = np.full(len(objectives), np.nan)
    for k, objective in enumerate(objectives):
        if objective.reference is not None:
            corner[k] = objective.reference if objective.direction == "min" else -objective.reference
        elif len(front):
            worst, best = float(front[:, k].max()), float(front[:, k].min())
            # a tenth of each, because the difference of the largest numbers is none
            margin = REFERENCE_MARGIN * worst - REFERENCE_MARGIN * best
            corner[k] = min(worst + (margin or REFERENCE_MARGIN * (abs(worst) or 1.0)), LARGEST)
    return corner
