"""Memory-controller designs as columns: one row a design, many designs a batch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from difflib import get_close_matches
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cosearch_simulators.dram.mapping import ADDRESS_MAPPINGS
from cosearch_simulators.errors import ConfigurationError

SCHEDULERS = ("frfcfs", "frfcfs_row_hit", "fcfs")
"""First-ready first-come-first-served; the same that never closes a row under an older hit; strictly in
order."""

ROW_POLICIES = ("open", "closed_cap")
"""Rows stay open; a row is closed after `row_cap` column accesses."""

REFRESH_POLICIES = ("none", "all_bank", "per_bank", "same_bank")
"""None; all banks of a rank at once; its banks one after another; the same bank of every bank group at once,
one after another. A refresh is a request that goes before all others, as Ramulator's maintenance does."""

DEVICE_MAPPING = "device"
"""The address mapping that is the device's own `address_bits`."""

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


@dataclass(frozen=True, eq=False)
class Controllers(Columns):
    """n controller designs. Every column has length n, or 1, which stands for all.

    Attributes:
        scheduler: of `SCHEDULERS`.
        row_policy: of `ROW_POLICIES`.
        row_cap: column accesses before a row is closed (ignored by "open").
        refresh: of `REFRESH_POLICIES`; what a device has is in its `refresh_modes`.
        address_mapping: of `mapping.ADDRESS_MAPPINGS`, or "device": the device's own `address_bits`.
        read_queue: entries of the read queue.
        write_queue: entries of the write queue.
        write_low_watermark: share of the write queue under which writing stops, when reads wait; above 0, or
            it would never stop.
        write_high_watermark: share of the write queue over which writing starts.

    Example:
        >>> len(Controllers(scheduler=["frfcfs", "fcfs"], read_queue=16))
        2

    Raises:
        ConfigurationError: columns of different lengths, or of the wrong kind. Values out of bounds are left
            to `problems`, so that one bad design does not spoil its batch.
    """

    scheduler: ArrayLike = "frfcfs"
    row_policy: ArrayLike = "open"
    row_cap: ArrayLike = 4
    refresh: ArrayLike = "all_bank"
    address_mapping: ArrayLike = "RoBaRaCoCh"
    read_queue: ArrayLike = 32
    write_queue: ArrayLike = 32
    write_low_watermark: ArrayLike = 0.2
    write_high_watermark: ArrayLike = 0.8

    NAMES = {  # noqa: RUF012
        "scheduler": SCHEDULERS,
        "row_policy": ROW_POLICIES,
        "refresh": REFRESH_POLICIES,
        "address_mapping": (*ADDRESS_MAPPINGS, DEVICE_MAPPING),
    }
    COUNTS = {"row_cap": 1, "read_queue": 1, "write_queue": 1}  # noqa: RUF012

    def problems(self) -> list[str]:
        """For each design what is wrong with it, or an empty string."""
        problems = super().problems()
        low, high = np.asarray(self.write_low_watermark), np.asarray(self.write_high_watermark)
        for i in np.flatnonzero(~((low > 0) & (low < high) & (high <= 1))):
            problems[i] = problems[i] or (
                f"write watermarks must satisfy 0 < low < high <= 1, got low {low[i]:g} and high {high[i]:g}"
            )
        return problems
