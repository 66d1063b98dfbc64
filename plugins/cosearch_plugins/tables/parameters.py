"""A table's columns as the parameters of a design space.

Numbers become an `Ordinal`, texts and truth values a `Categorical`, orders (lists, or texts such as `2-0-1`,
in which every value is the same items) a `Permutation`. A column with empty cells is a conditional parameter:
another column must decide, value by value, whether its cells are empty.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosearch.errors import ArgumentError
from cosearch.space import Categorical, DesignSpace, Ordinal, Permutation
from cosearch.space.parameters import Parameter
from cosearch_plugins.tables.reading import Column

MOST_VALUES = 100_000
"""Of one parameter."""

_ORDER = re.compile(r"[^-,\s]+(?:[-,][^-,\s]+){2,}")


def parameter_name(text: str) -> str:
    """A column's name as a parameter's: an identifier."""
    name = re.sub(r"\W+", "_", text.strip()) or "_"
    return f"_{name}" if name[0].isdigit() else name


class TableSpace:
    """The space of a table's parameter columns, and each row's positions in it.

    Args:
        columns: the parameters' columns, of equal length m.
        label: the space's name.

    Raises:
        ArgumentError: a column cannot be a parameter, or is empty in places that no other column explains.

    Attributes:
        space: the design space.
        rows: int64 (m, d), the positions of each row's values, of an inactive parameter 0.
        columns: by parameter the name of its column.
    """

    def __init__(self, columns: Sequence[Column], label: str) -> None:
        names = {column.name: parameter_name(column.name) for column in columns}
        if len(set(names.values())) < len(names):
            listed = list(names.values())
            twice = next(name for name in listed if listed.count(name) > 1)
            raise ArgumentError(f"two columns would both be called {twice!r}; rename one")
        coded = {column.name: _coded(column) for column in columns}
        conditions = {column.name: _condition(column, columns, coded) for column in columns}
        parameters: list[Parameter] = []
        self.columns: dict[str, str] = {}
        rows = []
        for name in _parents_first(conditions):
            values, codes = coded[name]
            condition = conditions[name]
            when = None
            if condition is not None:
                parent, codes_of_parent = condition
                when = {names[parent]: [coded[parent][0][code] for code in codes_of_parent]}
            parameter, positions = _parameter(names[name], values, when, name)
            parameters.append(parameter)
            rows.append(np.where(codes < 0, 0, positions[codes]))
            self.columns[names[name]] = name
        self.space = DesignSpace(parameters, name=label)
        self.rows: NDArray[np.int64] = np.stack(rows, axis=1).astype(np.int64)


def _coded(column: Column) -> tuple[list[Any], NDArray[np.int64]]:
    """The distinct values, rising where they have an order, and each row's code; -1 where a cell is empty."""
    there = column.there.copy()
    if column.values.dtype.kind == "f":
        bad = there & ~np.isfinite(column.values)
        if bad.any():
            raise ArgumentError(
                f"row {int(np.flatnonzero(bad)[0]) + 1}: the parameter {column.name!r} is "
                f"{column.values[np.flatnonzero(bad)[0]]}; expected a number"
            )
    if not there.any():
        raise ArgumentError(f"the column {column.name!r} is empty; it can be no parameter")
    codes = np.full(len(there), -1, np.int64)
    if column.values.dtype == object:
        known: dict[Any, int] = {}
        codes[there] = [known.setdefault(value, len(known)) for value in column.values[there].tolist()]
        distinct: list[Any] = list(known)
    else:
        found, codes[there] = np.unique(column.values[there], return_inverse=True)
        distinct = found.tolist()
        if column.values.dtype.kind == "f" and all(value.is_integer() for value in distinct):
            distinct = [int(value) for value in distinct]
    if len(distinct) > MOST_VALUES:
        raise ArgumentError(
            f"the column {column.name!r} has {len(distinct):,} values, a parameter at most {MOST_VALUES:,}"
        )
    return distinct, codes


def _condition(
    column: Column, columns: Sequence[Column], coded: Mapping[str, tuple[list[Any], NDArray[np.int64]]]
) -> tuple[str, list[int]] | None:
    """The column that decides whether a cell of this one is empty, and its values where it is not."""
    if column.there.all():
        return None
    for other in columns:
        codes = coded[other.name][1]
        # The parent may itself be empty in places, where this one has to be empty too.
        if other.name == column.name or (column.there & (codes < 0)).any():
            continue
        filled = np.bincount(codes[column.there], minlength=len(coded[other.name][0])) > 0
        empty = np.bincount(codes[~column.there & (codes >= 0)], minlength=len(filled)) > 0
        if not (filled & empty).any() and empty.any():
            return other.name, np.flatnonzero(filled).tolist()
    row = int(np.flatnonzero(~column.there)[0]) + 1
    raise ArgumentError(
        f"row {row}: the parameter {column.name!r} is empty, and no other parameter decides where it is; "
        "fill the cells, or add a column that says when it applies"
    )


def _parents_first(conditions: Mapping[str, tuple[str, list[int]] | None]) -> list[str]:
    ordered: list[str] = []

    def place(name: str, below: tuple[str, ...]) -> None:
        if name in ordered:
            return
        if name in below:
            raise ArgumentError(
                f"the columns {' and '.join(map(repr, below))} are empty by each other's values"
            )
        condition = conditions[name]
        if condition is not None:
            place(condition[0], (*below, name))
        ordered.append(name)

    for name in conditions:
        place(name, ())
    return ordered


def _parameter(
    name: str, values: list[Any], when: Mapping[str, Any] | None, column: str
) -> tuple[Parameter, NDArray[np.int64]]:
    """The parameter of these values, and for each the position that it has there."""
    orders = [_order(value) for value in values]
    if all(order is not None for order in orders) and len({tuple(sorted(map(str, o))) for o in orders}) == 1:  # type: ignore[arg-type]
        items = sorted(orders[0], key=str)  # type: ignore[arg-type]
        permutation = Permutation(name, items, when=when)
        return permutation, permutation.positions_of([tuple(order) for order in orders])  # type: ignore[arg-type]
    if any(isinstance(value, tuple) for value in values):
        raise ArgumentError(f"the column {column!r} holds lists that are no orders of the same items")
    is_ordered = all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)
    listed = Ordinal(name, values, when=when) if is_ordered else Categorical(name, values, when=when)
    return listed, np.arange(len(values))


def _order(value: Any) -> tuple[Any, ...] | None:
    """The items of a value that is an order of at least three, in text or as a list; else None."""
    if isinstance(value, str) and _ORDER.fullmatch(value):
        value = tuple(re.split("[-,]", value))
    if isinstance(value, tuple) and len(value) > 1 and len(set(value)) == len(value):
        return value
    return None
