"""NPU designs as columns: one row a design, many designs a batch."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cosearch_simulators.core.columns import Columns

Floats = NDArray[np.float64]

DATAFLOWS = ("output_stationary", "weight_stationary", "input_stationary")
"""What stays in the array; a dataflow's code is its position."""

SCHEDULES = ("any_core", "one_core")
"""Any free core takes the next tile; or all tiles of an operator run on one core, so that independent
operators run side by side."""


@dataclass(frozen=True, eq=False)
class Npus(Columns):
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

    WHAT = "NPU"
    NAMES = {"dataflow": DATAFLOWS, "schedule": SCHEDULES}  # noqa: RUF012
    COUNTS = {  # noqa: RUF012
        "cores": (1, 1024),
        "array_rows": (1, 4096),
        "array_columns": (1, 4096),
        "vector_lanes": (1, 65_536),
        "buffers": (1, 16),
    }
    NUMBERS = dict.fromkeys(("buffer_kib", "dma_gb_per_s", "dram_gb_per_s", "clock_ghz"), (1e-9, 1e12))

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
                self.codes("dataflow").astype(np.float64),
                self.codes("schedule").astype(np.float64),
            ],
            axis=1,
        )
