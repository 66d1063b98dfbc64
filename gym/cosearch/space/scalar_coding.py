"""Designs as flat dicts of named scalars, which is what Optuna, pymoo and ConfigSpace work on.

How a parameter is coded there is one of three: its value under its own name, its integer coordinates under
"rows[position]" or "order[0]", or its unit coordinate under "voltage_v[unit]".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from cosearch.errors import DesignError, shown
from cosearch.space.conditions import INACTIVE
from cosearch.space.parameters import Parameter, Positions
from cosearch.space.values import as_numbers

if TYPE_CHECKING:
    from cosearch.space.design_space import DesignSpace


@dataclass(frozen=True)
class Coding:
    """How one parameter appears in a library: its names, and from positions a list of scalars for each name.

    `decode` gives -1 for scalars that no value has.
    """

    parameter: Parameter
    names: tuple[str, ...]
    encode: Callable[[Positions], list[list[Any]]]
    decode: Callable[[list[list[Any]], int], Positions]


def by_value(parameter: Parameter) -> Coding:
    """The value itself."""
    return Coding(
        parameter,
        (parameter.name,),
        lambda positions: [parameter.values_at(positions)],
        lambda columns, n: parameter.positions_of(columns[0]),
    )


def by_digits(parameter: Parameter) -> Coding:
    """Its integer coordinates."""

    def decode(columns: list[list[Any]], n: int) -> Positions:
        numbers = np.array([as_numbers(column) for column in columns]).reshape(len(columns), n).T
        good = ((numbers >= 0) & (numbers < parameter.digit_sizes) & (numbers % 1 == 0)).all(axis=1)
        digits = np.where(good[:, None], numbers, 0).astype(np.int64)
        return np.where(good, parameter.from_digits(digits), -1)

    return Coding(
        parameter,
        tuple(parameter.digit_names()),
        lambda positions: parameter.to_digits(positions).T.tolist(),
        decode,
    )


def by_unit(parameter: Parameter) -> Coding:
    """Its unit coordinate."""

    def decode(columns: list[list[Any]], n: int) -> Positions:
        numbers = as_numbers(columns[0])
        good = (numbers >= 0) & (numbers <= 1)
        return np.where(good, parameter.from_unit(np.where(good, numbers, 0.0)[:, None]), -1)

    return Coding(
        parameter,
        (f"{parameter.name}[unit]",),
        lambda positions: [parameter.to_unit(positions).tolist()],
        decode,
    )


def to_rows(index: Positions, codings: Sequence[Coding], *, only_active: bool) -> list[dict[str, Any]]:
    """One dict for each design; position 0 stands for inactive parameters, unless `only_active`."""
    rows: list[dict[str, Any]] = [{} for _ in range(len(index))]
    for j, coding in enumerate(codings):
        positions = index[:, j]
        which = np.flatnonzero(positions >= 0) if only_active else np.arange(len(index))
        columns = coding.encode(np.maximum(positions[which], 0))
        for name, column in zip(coding.names, columns, strict=True):
            for i, scalar in zip(which.tolist(), column, strict=True):
                rows[i][name] = scalar
    return rows


def from_rows(space: DesignSpace, rows: Sequence[Mapping[str, Any]], codings: Sequence[Coding]) -> Positions:
    """The canonical index array; what the rows hold for inactive parameters is ignored.

    Raises:
        DesignError: an active parameter is missing or has a scalar that no value has.
    """
    for row in rows:
        if not isinstance(row, Mapping):
            raise DesignError(f"{shown(row)} is not a dict of {', '.join(codings[0].names)}, ...")
    index = np.full((len(rows), len(space)), INACTIVE, dtype=np.int64, order="F")
    for j, coding in enumerate(codings):
        which = np.flatnonzero(space.active_column(index, j))
        mine = [rows[i] for i in which.tolist()]
        for name in coding.names:
            for row in mine:
                if name not in row:
                    raise DesignError(f"{name!r} is missing; expected {space.expected(j)}")
        columns = [[row[name] for row in mine] for name in coding.names]
        positions = coding.decode(columns, len(mine))
        if j in space.held_positions:
            positions[positions != space.held_positions[j]] = -1
        for i in np.flatnonzero(positions < 0)[:1]:
            given = {name: mine[i][name] for name in coding.names}
            raise DesignError(
                f"{shown(given)} codes no value of {coding.parameter.name!r}; expected {space.expected(j)}"
            )
        index[which, j] = positions
    return index
