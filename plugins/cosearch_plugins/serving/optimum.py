"""The least that a mix of instances can cost, by integer programming: proven, not searched."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cosearch.errors import ArgumentError

Floats = NDArray[np.float64]

PARTS = 4
"""A bucket is shared out in quarters, over two kinds of instances at most."""
MOST_KINDS = 2
LIMIT_S = 120.0


@dataclass(frozen=True, eq=False)
class Optimum:
    """A cheapest mix.

    Attributes:
        usd_per_hour: its price.
        counts: instances of each kind.
        parts: quarters of each bucket on each kind, (kinds, b).
        proven: whether the solver has shown that nothing is cheaper.
    """

    usd_per_hour: float
    counts: NDArray[np.int64]
    parts: NDArray[np.int64]
    proven: bool


def cheapest(load: Floats, prices: Floats) -> Optimum:
    """Solve the mixed-integer program with HiGHS (`scipy.optimize.milp`).

    Args:
        load: (kinds, b), instances of each kind that each bucket fills; infinite where it cannot be served.
        prices: (kinds,), of an instance.

    Raises:
        ArgumentError: a bucket that no kind can serve.
    """
    from scipy.optimize import Bounds, LinearConstraint, milp
    from scipy.sparse import coo_array

    g, b = load.shape
    can = np.isfinite(load)
    if not can.any(axis=0).all():
        raise ArgumentError("no kind of instance serves every bucket of requests within the levels")
    size, n_counts = g * b, g
    columns = 2 * size + n_counts  # parts, whether any, counts
    rows: list[int] = []
    places: list[int] = []
    values: list[float] = []
    low: list[float] = []
    high: list[float] = []

    def row(entries: list[tuple[int, float]], least: float, most: float) -> None:
        for place, value in entries:
            rows.append(len(low))
            places.append(place)
            values.append(value)
        low.append(least)
        high.append(most)

    for j in range(b):
        row([(k * b + j, 1.0) for k in range(g)], PARTS, PARTS)
        row([(size + k * b + j, 1.0) for k in range(g)], 0, MOST_KINDS)
        for k in range(g):
            row([(k * b + j, 1.0), (size + k * b + j, -float(PARTS))], -np.inf, 0)
    for k in range(g):
        filled = [(k * b + j, load[k, j] / PARTS) for j in range(b) if can[k, j]]
        row([*filled, (2 * size + k, -1.0)], -np.inf, 1e-9)
    most = np.concatenate(
        [
            np.where(can, PARTS, 0).ravel(),
            np.ones(size),
            np.full(g, np.ceil(np.where(can, load, 0).sum()) + 1),
        ]
    )
    found = milp(
        np.concatenate([np.zeros(2 * size), prices]),
        constraints=LinearConstraint(
            coo_array((values, (rows, places)), (len(low), columns)).tocsc(), low, high
        ),
        integrality=np.ones(columns),
        bounds=Bounds(np.zeros(columns), most),
        options={"mip_rel_gap": 0.0, "time_limit": LIMIT_S},
    )
    if found.x is None:
        raise ArgumentError(f"the cheapest mix was not found: {found.message}")
    whole = np.rint(found.x).astype(np.int64)
    counts = whole[2 * size :]
    price = round(float((counts * prices).sum()), 6)
    return Optimum(price, counts, whole[:size].reshape(g, b), found.status == 0)
