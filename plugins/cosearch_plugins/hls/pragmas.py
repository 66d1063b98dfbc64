"""The pragmas of one kernel as a design space, found in the points that were synthesised."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosearch.errors import ArgumentError
from cosearch.space import Categorical, Designs, DesignSpace, Ordinal
from cosearch.space.parameters import Parameter

FLATTEN, OFF, COARSE = "flatten", "off", "coarse"
"""What a pipeline pragma can say; the tables write coarse as an empty text."""

_LEAST_ROWS = 5
_PRAGMA = re.compile(r"_*([A-Za-z]+)_*(L\d+(?:_\d+)*)")
Point = Mapping[str, Any]


class PragmaSpace:
    """The pragmas of the points of one kernel.

    A pragma is inactive inside a loop that is flattened, which unrolls all loops within: it is so wherever an
    outer loop's pipeline pragma is `flatten` and every point has the pragma at its neutral value there.

    Args:
        points: the m points that were synthesised, all with the same pragmas.
        label: the space's name.

    Attributes:
        space: the design space; `PARA_L0` (unrolling), `PIPE_L0`, `TILE_L0` and so on.
        measured: the points as designs, in their order.
    """

    def __init__(self, points: Sequence[Point], label: str) -> None:
        self._pragmas = sorted(points[0], key=_place)
        for pragma in self._pragmas:
            for row, point in enumerate(points, start=1):
                kind = type(points[0][pragma])
                if kind not in (int, str) or type(point[pragma]) is not kind:
                    raise ArgumentError(
                        f"point {row}: {pragma} is {point[pragma]!r}; expected all words or all factors"
                    )
        names = {pragma: _name(pragma) for pragma in self._pragmas}
        columns = {pragma: np.array([_value(point[pragma]) for point in points], object) for pragma in names}
        parameters: list[Parameter] = []
        for pragma in self._pragmas:
            column = columns[pragma]
            when = {
                names[outer]: [value for value in _values(columns[outer]) if value != FLATTEN]
                for outer in self._pragmas
                if _outer(outer, pragma) and _is_switched_off(column, columns[outer])
            }
            values = _values(column)
            kind = Categorical if isinstance(values[0], str) else Ordinal
            parameters.append(
                kind(names[pragma], values, default=_neutral(column), when=when, description=_meaning(pragma))
            )
        self.space = DesignSpace(parameters, name=label)
        rows = [
            {names[pragma]: columns[pragma][row] for pragma in self._pragmas} for row in range(len(points))
        ]
        self.measured: Designs = self.space.designs([self._active(row) for row in rows])
        self._coordinates = self._coordinates_of(self.measured)

    def _active(self, design: dict[str, Any]) -> dict[str, Any]:
        """Without the pragmas that another one makes meaningless."""
        kept: dict[str, Any] = {}
        for parameter in self.space:
            if all(kept.get(parent) in values for parent, values in parameter.when.items()):
                kept[parameter.name] = design[parameter.name]
        return kept

    def nearest(self, designs: Designs) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """For each of n designs the place of the nearest measured point, and its distance.

        The distance adds up over the pragmas: 1 for another word, the share of the pragma's range in powers
        of two for another factor. Of equally near points it is the first.
        """
        wanted = self._coordinates_of(designs)
        places = np.empty(len(designs), np.int64)
        distances = np.empty(len(designs))
        for start in range(0, len(designs), 64):
            part = slice(start, start + 64)
            apart = np.abs(wanted[part, None, :] - self._coordinates[None, :, :]).sum(axis=2)
            places[part] = apart.argmin(axis=1)
            distances[part] = apart.min(axis=1)
        return places, distances

    def _coordinates_of(self, designs: Designs) -> NDArray[np.float64]:
        columns = []
        for parameter in self.space:
            active = designs.active(parameter.name)
            if isinstance(parameter, Ordinal):
                factors = np.log2(np.where(active, np.asarray(designs[parameter.name], float), 1.0))
                columns.append(factors / max(np.log2(float(max(parameter.values))), 1.0))
                continue
            words = np.where(active, np.asarray(designs[parameter.name], object), parameter.default)
            # One column for each word, a half in each of two that differ: 1 in all.
            columns += [np.where(words == word, 0.5, 0.0) for word in parameter.values]  # type: ignore[attr-defined]
        return np.stack(columns, axis=1)


def _name(pragma: str) -> str:
    match = _PRAGMA.fullmatch(pragma)
    return f"{match[1]}_{match[2]}" if match else re.sub(r"\W+", "_", pragma).strip("_")


def _loop(pragma: str) -> tuple[int, ...]:
    match = _PRAGMA.fullmatch(pragma)
    return tuple(int(part) for part in match[2][1:].split("_")) if match else ()


def _place(pragma: str) -> tuple[tuple[int, ...], bool, str]:
    return _loop(pragma), "PIPE" not in pragma, pragma  # of one loop the pipeline comes first


def _outer(outer: str, pragma: str) -> bool:
    """Whether one is a pipeline pragma of a loop that is named before the other's: outer loops are."""
    return "PIPE" in outer and _loop(outer) < _loop(pragma)


def _meaning(pragma: str) -> str:
    kind = _name(pragma).partition("_")[0]
    said = {
        "PARA": "copies of the loop's body",
        "TILE": "iterations of a tile",
        "PIPE": "how it is pipelined",
    }
    return said.get(kind, "")


def _value(value: Any) -> Any:
    return COARSE if value == "" else value


def _values(column: NDArray[Any]) -> list[Any]:
    return sorted(set(column.tolist()), key=lambda value: (isinstance(value, str), value))


def _neutral(column: NDArray[Any]) -> Any:
    values = _values(column)
    return next((value for value in (OFF, 1) if value in values), values[0])


def _is_switched_off(column: NDArray[Any], pipeline: NDArray[Any]) -> bool:
    flat = pipeline == FLATTEN
    if flat.sum() < _LEAST_ROWS or flat.all():
        return False
    neutral = _neutral(column)
    return bool(np.all(column[flat] == neutral) and np.any(column[~flat] != neutral))
