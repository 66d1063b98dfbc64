"""NPU designs as columns: one row a design, many designs a batch."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cosearch_simulators.errors import ConfigurationError, nearest_or_all

Floats = NDArray[np.float64]

DATAFLOWS = ("output_stationary", "weight_stationary", "input_stationary")
"""What stays in the array; a dataflow's code is its position."""

SCHEDULES = ("any_core", "one_core")
"""Any free core takes the next tile; or all tiles of an operator run on one core, so that independent
operators run side by side."""


@dataclass(frozen=True, eq=False)
class Npus:
    """n NPU designs. Every column has length n, or 1, which stands for all.

    Attributes:
        cores: how many.
        array_rows, array_columns: multiply-accumulate units of each core's systolic array.
        vector_lanes: vector operations a cycle of each core.
        buffer_kib: each core's local memory.
        buffers: tiles that share it; 1: a core does one thing at a time; 2: double buffering.
        dma_gb_per_s: of each core, for loads and for stores.
        dram_gb_per_s: of the memory that all cores share.
        clock_ghz: of arrays and vector units.
        dataflow: of `DATAFLOWS`.
        schedule: of `SCHEDULES`.

    Raises:
        ConfigurationError: columns of different lengths, or words for numbers. Values out of bounds are
            left to `problems`.
    """

    cores: ArrayLike = 2
    array_rows: ArrayLike = 32
    array_columns: ArrayLike = 32
    vector_lanes: ArrayLike = 32
    buffer_kib: ArrayLike = 512
    buffers: ArrayLike = 2
    dma_gb_per_s: ArrayLike = 32.0
    dram_gb_per_s: ArrayLike = 51.2
    clock_ghz: ArrayLike = 1.0
    dataflow: ArrayLike = "weight_stationary"
    schedule: ArrayLike = "any_core"

    WHOLE = {  # noqa: RUF012
        "cores": 1024,
        "array_rows": 4096,
        "array_columns": 4096,
        "vector_lanes": 65_536,
        "buffers": 16,
    }
    """The largest of each column of whole numbers."""

    def __post_init__(self) -> None:
        columns = {f.name: np.atleast_1d(np.asarray(getattr(self, f.name))) for f in fields(self)}
        length = max(column.size for column in columns.values())
        for name, column in columns.items():
            if column.ndim != 1 or column.size not in (1, length):
                raise ConfigurationError(
                    f"NPU column {name} has shape {column.shape}, expected 1 or {length} rows"
                )
            if name not in ("dataflow", "schedule"):
                try:
                    list(map(float, column))
                except (TypeError, ValueError):
                    raise ConfigurationError(
                        f"NPU column {name} must be numbers, got {column.tolist()[:3]}"
                    ) from None
            object.__setattr__(self, name, np.broadcast_to(column, length))

    def __len__(self) -> int:
        return np.asarray(self.cores).size

    def problems(self) -> list[str]:
        """For each design what is wrong with it, or an empty string."""
        found = [""] * len(self)
        for field in fields(self):
            column = np.asarray(getattr(self, field.name))
            for i, value in enumerate(column):
                found[i] = found[i] or self._problem(field.name, value)
        return found

    def _problem(self, name: str, value: object) -> str:
        known = {"dataflow": DATAFLOWS, "schedule": SCHEDULES}.get(name)
        if known is not None:
            if value in known:
                return ""
            return f"unknown {name} {str(value)!r}, {nearest_or_all(value, known)}"
        number = float(value)  # type: ignore[arg-type]
        if name in self.WHOLE and not (1 <= number <= self.WHOLE[name] and number.is_integer()):
            return f"{name} must be a whole number from 1 to {self.WHOLE[name]}, got {value}"
        return "" if 1e-9 <= number <= 1e12 else f"{name} must be from 1e-09 to 1e+12, got {value}"

    def arrays(self) -> Floats:
        """float64 (n, tiling.DESIGN_COLUMNS), as `tiling.plan` reads them."""
        return np.stack(
            [
                np.asarray(self.cores, np.float64),
                np.asarray(self.array_rows, np.float64),
                np.asarray(self.array_columns, np.float64),
                np.asarray(self.vector_lanes, np.float64),
                np.asarray(self.buffer_kib, np.float64) * 1024,
                np.asarray(self.buffers, np.float64),
                np.asarray(self.dma_gb_per_s, np.float64),
                np.asarray(self.dram_gb_per_s, np.float64),
                np.asarray(self.clock_ghz, np.float64),
                _codes(self.dataflow, DATAFLOWS),
                _codes(self.schedule, SCHEDULES),
            ],
            axis=1,
        )


def _codes(column: ArrayLike, names: tuple[str, ...]) -> Floats:
    values = np.asarray(column)
    return np.select([values == name for name in names], np.arange(len(names), dtype=np.float64), -1.0)
