"""The `info` of environments: of one episode as plain values, of many as columns in Gymnasium's vector form.

Both have `design` (parameters that are chosen and active), `metrics`, `objectives` in the order of the
problem's, infinitely bad where the status is not `ok`, `status` and `reason`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosearch.objectives import Objective
from cosearch.outcomes import OK
from cosearch.space import Designs, Parameter

Columns = Mapping[str, NDArray[Any]]


def info_of_one(
    design: dict[str, Any],
    metrics: Mapping[str, float],
    status: str,
    reason: str,
    objectives: Sequence[Objective],
) -> dict[str, Any]:
    """The info of a single environment; a metric is None where the status is not `ok`."""
    ok = status == OK
    values = [metrics[o.metric] if ok else _worst(o) for o in objectives]
    return {
        "design": design,
        "metrics": dict(metrics) if ok else dict.fromkeys(metrics),
        "objectives": np.array(values),
        "status": status,
        "reason": reason,
    }


def info_of_many(
    designs: Designs,
    metrics: Columns,
    status: NDArray[Any],
    reason: NDArray[Any],
    objectives: Sequence[Objective],
    here: NDArray[np.bool_],
) -> dict[str, Any]:
    """The info of n rows: a dict of arrays, and beside each its mask `_key`.

    Args:
        designs: of all rows, like the columns after it.
        metrics: one column each.
        status: of each row, (n,) of object.
        reason: of each row.
        objectives: the problem's.
        here: the rows that the info is of, (n,).
    """
    parameters = {p.name: (_column(designs, p), here & designs.active(p.name)) for p in designs.space}
    ok = status == OK
    values = np.stack([np.where(ok, metrics[o.metric], _worst(o)) for o in objectives], axis=1)
    return {
        "design": _masked(parameters),
        "_design": here.copy(),
        "metrics": _masked({name: (column.copy(), here & ok) for name, column in metrics.items()}),
        "_metrics": here.copy(),
        **_masked(
            {
                "objectives": (values, here.copy()),
                "status": (status, here.copy()),
                "reason": (reason.copy(), here.copy()),
            }
        ),
    }


def _worst(objective: Objective) -> float:
    return np.inf if objective.direction == "min" else -np.inf


def _column(designs: Designs, parameter: Parameter) -> NDArray[Any]:
    column = designs.column(parameter.name)
    if column.ndim == 1:
        return column
    orders = np.empty(len(designs), dtype=object)  # one tuple a row, as in a single environment
    orders[:] = [tuple(order) for order in column.tolist()]
    return orders


def _masked(columns: Mapping[str, tuple[NDArray[Any], NDArray[np.bool_]]]) -> dict[str, NDArray[Any]]:
    return {
        key: array
        for name, pair in columns.items()
        for key, array in zip((name, f"_{name}"), pair, strict=True)
    }
