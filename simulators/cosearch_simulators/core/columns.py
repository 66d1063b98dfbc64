"""Designs as columns: a frozen dataclass whose fields are arrays of one length, a row for each design.

A subclass declares its fields and, of those that hold names or are bounded, what is valid. A column of the
wrong kind is refused at once; a value that does not exist or is out of its bounds is left to `problems`, so
that one bad design does not spoil its batch.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from functools import cache, cached_property
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cosearch_simulators.core.names import unknown
from cosearch_simulators.errors import ConfigurationError, shown

LARGEST_COUNT = (1 << 31) - 1


class Columns:
    """Designs as the fields of a dataclass, each a column of length n, or 1, which stands for all.

    Attributes:
        WHAT: what the rows are, for messages.
        WORDS: the fields that hold text of any kind.
        NAMES: the fields that hold names, each with its valid names; a name's code is its position.
        COUNTS: the fields that hold whole numbers, each with the least and the largest.
        NUMBERS: fields of other numbers that are bounded, each with the least and the largest.
    """

    WHAT: ClassVar[str] = "design"
    WORDS: ClassVar[tuple[str, ...]] = ()
    NAMES: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    COUNTS: ClassVar[Mapping[str, tuple[int, int]]] = {}
    NUMBERS: ClassVar[Mapping[str, tuple[float, float]]] = {}

    def __post_init__(self) -> None:
        columns = {name: self._column(name) for name in self._fields()}
        length = max(column.size for column in columns.values())
        for name, column in columns.items():
            if column.size not in (1, length):
                raise ConfigurationError(
                    f"{self.WHAT} column {name} has {column.size} rows, expected 1 or {length}"
                )
            object.__setattr__(self, name, np.broadcast_to(column, length))

    def __len__(self) -> int:
        return np.asarray(getattr(self, self._fields()[0])).size

    def take(self, rows: ArrayLike) -> Self:
        """These rows, in this order."""
        which = np.asarray(rows)
        return type(self)(**{name: np.asarray(getattr(self, name))[which] for name in self._fields()})

    def codes(self, name: str) -> NDArray[np.int64]:
        """Positions of a named column's values in the tuple of its names; -1 for an unknown name."""
        return self._codes[name]

    @cached_property
    def _codes(self) -> dict[str, NDArray[np.int64]]:
        codes = {}
        for name, values in self.NAMES.items():
            known = {value: code for code, value in enumerate(values)}
            codes[name] = np.array([known.get(value, -1) for value in getattr(self, name).tolist()], np.int64)
        return codes

    def problems(self) -> list[str]:
        """For each design what is wrong with it, or an empty string."""
        problems = [""] * len(self)
        for name, known in self.NAMES.items():
            column = np.asarray(getattr(self, name))
            for i in (self.codes(name) < 0).nonzero()[0]:
                problems[i] = problems[i] or unknown(name, column[i], known)
        for name, (least, most) in (*self.COUNTS.items(), *self.NUMBERS.items()):
            column = np.asarray(getattr(self, name))
            outside = ~((column >= least) & (column <= most))
            if name in self.COUNTS and column.dtype.kind == "f":
                outside |= column != np.floor(column)
            for i in outside.nonzero()[0]:
                kind = "a whole number from" if name in self.COUNTS else "from"
                problems[i] = (
                    problems[i]
                    or f"{name} must be {kind} {least:g} to {most:g}, got {shown(column[i].item())}"
                )
        return problems

    @classmethod
    @cache  # asked for by every `len`
    def _fields(cls) -> tuple[str, ...]:
        return tuple(field.name for field in fields(cls))  # type: ignore[arg-type]

    def _column(self, name: str) -> NDArray[Any]:
        given = getattr(self, name)
        column = np.atleast_1d(np.asarray(given))
        if column.ndim != 1 or column.size == 0:
            raise ConfigurationError(
                f"{self.WHAT} column {name} must be one-dimensional and not empty, got {column.shape}"
            )
        if name in self.NAMES or name in self.WORDS:
            return column.astype(str)
        if column.dtype.kind not in "iuf":
            raise ConfigurationError(
                f"{self.WHAT} column {name} must hold numbers, got {shown(column.tolist()[:3])}"
            )
        if name not in self.COUNTS:
            return column.astype(np.float64)
        # One that is not whole stays as it is and is a problem of its own row.
        is_whole = column.dtype.kind in "iu" or bool(
            np.all((column == np.floor(column)) & (np.abs(column) <= LARGEST_COUNT))
        )
        return column.astype(np.int64) if is_whole else column.astype(np.float64)
