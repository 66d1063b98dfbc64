"""From what a user writes (dicts of values) to positions, with one clear line for every mistake."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from cosearch.errors import MAX_NAMES_SHOWN, DesignError, hint, shown
from cosearch.space.arrays import as_integers
from cosearch.space.conditions import INACTIVE
from cosearch.space.design_rows import DesignRows, DesignsLike
from cosearch.space.parameters import Positions
from cosearch.space.space_model import SpaceModel

_MISSING: Any = object()


def parse(space: SpaceModel, designs: DesignsLike) -> Positions:
    """The canonical index array of designs in any form; see `DesignSpace.designs`.

    Raises:
        DesignError: an unknown, missing or inactive parameter, a value that it cannot have, or no designs.
    """
    if isinstance(designs, DesignRows):
        if designs.space is space or designs.space == space:
            return designs.index
        if not space.is_like(designs.space):
            raise DesignError(f"the designs are of another space than {space.label}")
        return parse_index(space, designs.index)
    if isinstance(designs, Mapping):
        return parse_columns(space, designs) if _is_columns(space, designs) else parse_rows(space, [designs])
    if not isinstance(designs, Sequence) or isinstance(designs, str):
        raise DesignError(
            f"{shown(designs)} are not designs; expected a dict, a list of dicts or a dict of columns"
        )
    return parse_rows(space, designs)


def parse_rows(space: SpaceModel, rows: Sequence[Mapping[str, Any]]) -> Positions:
    """The canonical index array of designs given as dicts; each holds exactly its active parameters.

    Raises:
        DesignError: an unknown, missing or inactive parameter, or a value that it cannot have.
    """
    for i, row in enumerate(rows):
        if not isinstance(row, Mapping):
            raise DesignError(f"{_where(i, len(rows))}{shown(row)} is not a design; expected a dict")
        if not row.keys() <= space.column_of.keys():
            _reject_unknown(space, row, _where(i, len(rows)))
    index = np.full((len(rows), len(space)), INACTIVE, dtype=np.int64, order="F")
    for j, parameter in enumerate(space.parameters):
        values = [row.get(parameter.name, _MISSING) for row in rows]
        given = np.array([value is not _MISSING for value in values], dtype=bool)
        active = space.active_column(index, j)
        for i in np.flatnonzero(given != active)[:1]:
            raise DesignError(_where(i, len(rows)) + _activity_complaint(space, j, values[i], rows[i]))
        present = values if given.all() else [value for value in values if value is not _MISSING]
        positions = space.positions_of(j, present)
        for i in np.flatnonzero(positions < 0)[:1]:
            where = _where(np.flatnonzero(given)[i], len(rows))
            raise DesignError(where + space.complaint(j, present[i]))
        index[given, j] = positions
    return index


def parse_columns(space: SpaceModel, columns: Mapping[str, Any]) -> Positions:
    """The canonical index array of designs given as {parameter: values of all designs}.

    A column holds something in every row, so what it holds where the parameter is inactive is ignored.

    Raises:
        DesignError: an unknown or missing parameter, columns of different length, or a wrong value.
    """
    _reject_unknown(space, columns, "")
    lengths = {name: len(column) for name, column in columns.items()}
    n = max(lengths.values())
    for name, length in lengths.items():
        if length != n:
            raise DesignError(f"parameter {name!r}: {length} values; expected {n}, as for the others")
    index = np.full((n, len(space)), INACTIVE, dtype=np.int64, order="F")
    for j, parameter in enumerate(space.parameters):
        active = space.active_column(index, j)
        if parameter.name not in columns:
            if active.any():
                raise DesignError(f"parameter {parameter.name!r} is missing; expected {space.expected(j)}")
            continue
        column = columns[parameter.name]
        positions = space.positions_of(j, column)
        for i in np.flatnonzero((positions < 0) & active)[:1]:
            raise DesignError(_where(i, n) + space.complaint(j, column[i]))
        index[:, j] = np.where(active, positions, INACTIVE)
    return index


def parse_index(space: SpaceModel, array: ArrayLike) -> Positions:
    """The canonical index array of positions; what inactive parameters hold is ignored.

    Raises:
        DesignError: a wrong shape or dtype, or an active parameter's position out of range.
    """
    index = np.array(as_integers(array, len(space)), order="F")
    inactive = []
    for j, conditions in enumerate(space.conditions):
        if conditions:
            off = ~space.active_column(index, j)
            index[off, j] = INACTIVE
            inactive.append((j, off))
    wrong = (index < space.lowest) | (index > space.highest)
    for j, off in inactive:
        wrong[off, j] = False
    if wrong.any():
        i, j = np.argwhere(wrong)[0]
        low, high = space.lowest[j], space.highest[j]
        expected = f"{low}, at which it is held" if j in space.held_positions else f"{low} to {high}"
        raise DesignError(
            f"{_where(i, len(index))}position {index[i, j]} of {space.names[j]!r} is out of range; "
            f"expected {expected}"
        )
    return index


def _is_columns(space: SpaceModel, rows: Mapping[str, Any]) -> bool:
    """Whether a dict holds whole columns instead of one design."""
    return bool(rows) and all(_is_column(space, name, values) for name, values in rows.items())


def _is_column(space: SpaceModel, name: str, values: Any) -> bool:
    if not isinstance(values, list | tuple | np.ndarray) or getattr(values, "ndim", 1) == 0:
        return False
    if name in space and space.parameter(name).holds_orders:
        return len(values) == 0 or isinstance(values[0], list | tuple | np.ndarray)
    return True


def _reject_unknown(space: SpaceModel, row: Mapping[str, Any], where: str) -> None:
    for name in row:
        if name not in space:
            end = hint(name, space.names)
            if not end and len(space) <= MAX_NAMES_SHOWN:
                end = f"; expected {', '.join(space.names)}"
            raise DesignError(f"{where}unknown parameter {shown(name)}{end}")


def _activity_complaint(space: SpaceModel, column: int, value: Any, row: Mapping[str, Any]) -> str:
    parameter = space.parameters[column]
    if value is _MISSING:
        return f"parameter {parameter.name!r} is missing; expected {space.expected(column)}"
    needs = " and ".join(
        f"{parent} {'= ' + repr(values[0]) if len(values) == 1 else 'in ' + repr(values)} "
        f"({'is ' + shown(row[parent]) if parent in row else 'is inactive'})"
        for parent, values in parameter.when.items()
    )
    return f"parameter {parameter.name!r} is inactive, so leave it out, not {shown(value)}; it needs {needs}"


def _where(i: int | np.integer[Any], n: int) -> str:
    return f"design {i}: " if n > 1 else ""
