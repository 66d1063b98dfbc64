"""Controllers as columns: one row for each design, many designs in a batch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from difflib import get_close_matches
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from cosearch_simulators.errors import ConfigurationError

LARGEST_QUEUE = 65_536


class Columns:
    """Designs as the fields of a dataclass, each a column of length n, or 1, which stands for all.

    Attributes:
        NAMES: the fields that hold names, each with its valid names.
        COUNTS: the fields that hold whole numbers, each with the least.
    """

    NAMES: ClassVar[Mapping[str, tuple[str, ...]]]
    COUNTS: ClassVar[Mapping[str, int]]

    def __post_init__(self) -> None:
        columns = {f.name: self._column(f.name) for f in fields(self)}  # type: ignore[arg-type]
        length = max(column.size for column in columns.values())
        for name, column in columns.items():
            if column.size not in (1, length):
                raise ConfigurationError(
                    f"controller column {name} has {column.size} rows, expected 1 or {length}"
                )
            object.__setattr__(self, name, np.broadcast_to(column, length))

    def __len__(self) -> int:
        return np.asarray(getattr(self, next(iter(self.NAMES)))).size

    def codes(self, name: str) -> NDArray[np.int64]:
        """Positions of a named column's values in the tuple of its names; -1 for an unknown name."""
        return self._codes[name]

    @cached_property
    def _codes(self) -> dict[str, NDArray[np.int64]]:
        codes = {}
        for name, values in self.NAMES.items():
            known = {value: code for code, value in enumerate(values)}
            found = [known.get(value, -1) for value in getattr(self, name).tolist()]
            codes[name] = np.array(found, np.int64)
        return codes

    def problems(self) -> list[str]:
        """For each design what is wrong with it, or an empty string."""
        problems = [""] * len(self)
        for name, known in self.NAMES.items():
            column = np.asarray(getattr(self, name))
            for i in (self.codes(name) < 0).nonzero()[0]:
                nearest = get_close_matches(str(column[i]), known, n=1, cutoff=0.0)[0]
                problems[i] = problems[i] or f"unknown {name} {str(column[i])!r}, the nearest is {nearest!r}"
        for name, least in self.COUNTS.items():
            column = np.asarray(getattr(self, name))
            for i in ((column < least) | (column > LARGEST_QUEUE)).nonzero()[0]:
                problems[i] = problems[i] or f"{name} must be {least} to {LARGEST_QUEUE}, got {column[i]}"
        return problems

    def _column(self, name: str) -> NDArray[Any]:
        column = np.atleast_1d(np.asarray(getattr(self, name)))
        if column.ndim != 1 or column.size == 0:
            raise ConfigurationError(
                f"controller column {name} must be one-dimensional and not empty, got {column.shape}"
            )
        if name in self.NAMES:
            return column.astype(str)
        if name in self.COUNTS:
            if column.dtype.kind not in "iu" and not (
                column.dtype.kind == "f" and np.all(column == np.floor(column))
            ):
                raise ConfigurationError(
                    f"controller column {name} must hold whole numbers, got {column.dtype}"
                )
            return column.astype(np.int64)
        if column.dtype.kind not in "iuf":
            raise ConfigurationError(f"controller column {name} must hold numbers, got {column.dtype}")
        return column.astype(np.float64)
