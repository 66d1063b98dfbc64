"""The features of a table of designs as columns of numbers: one for each value at each place."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosearch.errors import ArgumentError

Matrix = NDArray[np.float64]
MOST_VALUES = 16
"""A feature of numbers with more values counts as a number."""
MOST_COLUMNS = 2000


def value_columns(features: Sequence[Sequence[Any]]) -> tuple[Matrix, list[list[int]]]:
    """A column for each value of each feature, and which of them are the same value at different places.

    A feature of few values is a column of 0 and 1 for each; one of many numbers is the number itself and its
    square. A feature that holds lists, as JSON text too, is a feature for each of their places.

    Args:
        features: one column of n values for each feature.

    Returns:
        The columns, (n, k), and groups of their numbers.

    Raises:
        ArgumentError: for features that are neither names nor numbers, or of which none varies.
    """
    places = [place for feature in features for place in _places(list(feature))]
    columns: list[Matrix] = []
    groups: dict[Any, list[int]] = {}
    for number, place in enumerate(places):
        values = sorted(set(place), key=lambda value: (isinstance(value, str), value))
        if len(values) < 2:
            continue
        if len(values) <= MOST_VALUES or any(isinstance(value, str) for value in values):
            for value in values:
                # places that have the same values are places of the same kind
                groups.setdefault((tuple(values), value), []).append(len(columns))
                columns.append(np.array([one == value for one in place], dtype=float))
        else:
            plain = np.array(place, dtype=float)
            plain = (plain - plain.mean()) / plain.std()
            for power in (plain, plain**2):
                groups[number, len(columns)] = [len(columns)]
                columns.append(power)
        if len(columns) > MOST_COLUMNS:
            raise ArgumentError(
                f"the features have more than {MOST_COLUMNS:,} values; name fewer, or numbers"
            )
    if not columns:
        raise ArgumentError("no feature varies; name columns that tell the designs apart")
    return np.stack(columns, axis=1), list(groups.values())


def _places(feature: list[Any]) -> list[list[Any]]:
    """A feature as one or, where it holds lists, several columns of plain values."""
    rows = [_list_of(value) for value in feature]
    if all(row is not None for row in rows):
        longest = max(len(row) for row in rows if row is not None)
        padded = [[*row, *[-1] * (longest - len(row))] for row in rows if row is not None]
        return [[_plain(row[k]) for row in padded] for k in range(longest)]
    return [[_plain(value) for value in feature]]


def _list_of(value: Any) -> list[Any] | None:
    if isinstance(value, str) and value.startswith("["):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return None
    return list(value) if isinstance(value, list | tuple | np.ndarray) else None


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, int | float) and value == value:
        return value
    if isinstance(value, str):
        return value
    raise ArgumentError(f"a feature has the value {value!r:.60}; expected names or numbers in every row")
