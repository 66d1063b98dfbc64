"""The values that parameters hold: strings, booleans, integers, floats and None, never numpy scalars.

In Python True == 1 == 1.0; here a boolean is never a number.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosearch.errors import SpaceError, nearest, shown

Value = Any


def as_numbers(values: Sequence[Value] | NDArray[Any]) -> NDArray[np.float64]:
    """The values as float64, NaN where a value is no number (a boolean is none)."""
    if isinstance(values, np.ndarray) and values.dtype.kind in "iuf":
        return values.astype(np.float64)
    if isinstance(values, np.ndarray):
        values = values.tolist()
    numbers = [float(v) if isinstance(v, float) or is_integer(v) else _as_float(v) for v in values]
    return np.array(numbers, dtype=np.float64)


def nearest_value(value: Value, values: Sequence[Value]) -> Value | None:
    """The number closest to a number, or the string closest to a string."""
    if isinstance(value, str):
        return nearest(value, [v for v in values if isinstance(v, str)])
    number = as_numbers([value])[0]
    numbers = [v for v in values if isinstance(v, int | float) and not isinstance(v, bool)]
    return min(numbers, key=lambda v: abs(v - number)) if numbers and not np.isnan(number) else None


def plain(value: Value) -> Value:
    """The value without numpy's scalar types."""
    return value.item() if isinstance(value, np.generic) else value


def _as_float(value: Value) -> float:
    return float(value) if isinstance(value, np.floating) else np.nan


def is_integer(value: Value) -> bool:
    """Whether the value is an integer that fits int64; a boolean is none."""
    return isinstance(value, int | np.integer) and not isinstance(value, bool) and abs(int(value)) < 2**63


def is_scalar(value: Value) -> bool:
    """Whether the value is of a type that a parameter can hold."""
    return value is None or isinstance(value, str | bool | int | float | np.generic)


class ValueTable:
    """Finds the positions of values in a list of values."""

    def __init__(self, values: Sequence[Value]) -> None:
        self._booleans = {value: i for i, value in enumerate(values) if isinstance(value, bool)}
        self._others = {value: i for i, value in enumerate(values) if not isinstance(value, bool)}

    def positions(self, values: Sequence[Value]) -> NDArray[np.int64]:
        """The positions; -1 where a value is not in the list."""
        types = set(map(type, values))
        if types <= {str, int, float, type(None)}:
            found = map(self._others.get, values, itertools.repeat(-1))
        else:
            found = map(self._position, values)
        return np.fromiter(found, dtype=np.int64, count=len(values))

    def _position(self, value: Value) -> int:
        if not is_scalar(value):
            return -1
        table = self._booleans if isinstance(value, bool | np.bool_) else self._others
        return table.get(value, -1)


def typed_array(values: tuple[Value, ...]) -> NDArray[Any]:
    """The values as bool, int64 or float64 if all are, else as objects."""
    kinds = {type(value) for value in values}
    if kinds == {bool}:
        return np.array(values, dtype=np.bool_)
    if kinds == {int} and max(abs(value) for value in values) < 2**63:
        return np.array(values, dtype=np.int64)
    if kinds in ({float}, {int, float}):
        return np.array(values, dtype=np.float64)
    objects = np.empty(len(values), dtype=object)
    objects[:] = values
    return objects


def clean_values(name: str, values: Iterable[Value]) -> tuple[Value, ...]:
    """The values of parameter `name` as plain Python objects.

    Raises:
        SpaceError: there is none, two are equal, or one is of a type that cannot be held.
    """
    if isinstance(values, str) or not isinstance(values, Iterable):
        raise SpaceError(f"parameter {name!r}: values must be a list, not {shown(values)}")
    cleaned = tuple(plain(value) for value in values)
    if not cleaned:
        raise SpaceError(f"parameter {name!r}: values is empty; expected at least one")
    seen: dict[Value, Value] = {}
    for value in cleaned:
        if not is_scalar(value) or value != value or value in (np.inf, -np.inf):
            raise SpaceError(
                f"parameter {name!r}: value {shown(value)} is not allowed; "
                "expected strings, booleans, finite numbers or None"
            )
        if value in seen:
            raise SpaceError(
                f"parameter {name!r}: values {shown(seen[value])} and {shown(value)} are equal; drop one"
            )
        seen[value] = value
    return cleaned
