"""Dataclasses of numbers as dataclasses of columns, and back: what an engine computes on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from typing import Any, TypeVar

import array_api_compat
import numpy as np

Described = TypeVar("Described")


def namespace_of(*described: Any) -> Any:
    """The array library of the fields that are arrays; NumPy where none is."""
    arrays = [
        value
        for one in described
        for value in vars(one).values()
        if not isinstance(value, (int, float, np.generic)) and hasattr(value, "shape")
    ]
    return (
        array_api_compat.array_namespace(*arrays) if arrays else array_api_compat.array_namespace(np.ones(1))
    )


def as_columns(xp: Any, one: Described) -> Described:
    """Every field an array of `xp`, float64; a number becomes an array of one."""
    found = {}
    # The compatible namespace's `asarray` costs more than all fields of a single design need.
    made = np.array if array_api_compat.is_numpy_namespace(xp) else xp.asarray
    for name, value in vars(one).items():
        if hasattr(value, "shape") and not isinstance(value, np.generic):
            found[name] = value if value.dtype == xp.float64 else xp.astype(value, xp.float64)
        else:
            found[name] = made([float(value)], dtype=xp.float64)
    return type(one)(**found)


def stacked(many: Sequence[Described]) -> Described:
    """Columns of these, a row for each."""
    kind = type(many[0])
    names = [field.name for field in fields(kind)]  # type: ignore[arg-type]
    return kind(**{name: np.array([getattr(one, name) for one in many], np.float64) for name in names})


def rows(of: Described, which: Any) -> Described:
    """These rows of columns."""
    return type(of)(**{name: value[which] for name, value in vars(of).items()})
