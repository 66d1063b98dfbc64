"""The values of parameters as cells of a table, and back."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from cosearch.errors import ArgumentError
from cosearch.json_text import json_value
from cosearch.space import Categorical, DesignSpace


def cell_text(value: Any) -> str:
    """A parameter's value as the text of a cell: text as it is, anything else as JSON."""
    return value if isinstance(value, str) else json.dumps(value)


def cell_values(space: DesignSpace, name: str, cells: Sequence[str | None]) -> list[Any]:
    """Text cells as values of the parameter; what is none stays text, for the space to complain about."""
    if name not in space:
        return list(cells)
    parameter = space[name]
    if isinstance(parameter, Categorical) and not parameter.holds_orders:
        known = {cell_text(value): value for value in parameter.values}
        return [known.get(cell, cell) if cell is not None else None for cell in cells]
    parsed = [_json_or_text(cell) for cell in cells]
    if parameter.holds_orders:
        # an order of nothing: ignored where the parameter is inactive, else the space complains
        return [[] if cell in (None, "") else cell for cell in parsed]
    return parsed


def typed_values(space: DesignSpace, name: str, cells: Sequence[Any]) -> list[Any]:
    """Cells of a typed column, in which all else than numbers and booleans is text, as values."""
    if all(cell is None or isinstance(cell, str) for cell in cells):
        return cell_values(space, name, cells)
    return list(cells)


def _json_or_text(cell: str | None) -> Any:
    try:
        return None if cell is None else json_value(cell)
    except (json.JSONDecodeError, ArgumentError):
        return cell
