"""Pareto fronts and hypervolume, for every part of cosearch that compares designs by several objectives.

All arrays are minimised objectives, as `cosearch.objectives.minimised` gives them: smaller is better, and a
row that has a NaN (a design that is not `ok`) is never on a front and never adds volume.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cosearch.objectives import Objective

# How far behind the front's worst value the reference point lies, so that extreme designs still add volume.
REFERENCE_MARGIN = 0.1


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


def hypervolume_curve(minimised: ArrayLike, feasible: ArrayLike, reference: ArrayLike) -> NDArray[np.float64]:
    """The hypervolume of the feasible points among the first i + 1, for every i, shape (n,).

    Args:
        minimised: points of shape (n, m) in the order of their evaluation.
        feasible: bool of shape (n,).
        reference: shape (m,).
    """
    points, corner = np.asarray(minimised, dtype=np.float64), np.asarray(reference, dtype=np.float64)
    curve = np.zeros(len(points))
    useful = np.asarray(feasible, dtype=bool) & (points < corner).all(axis=1)
    front = np.empty((0, points.shape[1]))
    for i in np.flatnonzero(useful):
        if (front <= points[i]).all(axis=1).any():
            continue
        # A point adds its own box, less the part of that box which the front already dominates.
        shared = np.maximum(front, points[i])
        added = np.prod(corner - points[i]) - hypervolume(shared[pareto_mask(shared)], corner)
        curve[i] = max(added, 0.0)  # rounding
        front = np.vstack([front[(front < points[i]).any(axis=1)], points[i]])
    return np.cumsum(curve)


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
            worst, best = front[:, k].max(), front[:, k].min()
            corner[k] = worst + REFERENCE_MARGIN * ((worst - best) or abs(worst) or 1.0)
    return corner
