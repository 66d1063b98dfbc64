"""An architecture and a batch of mappings as arrays, which the compiled code of every engine reads."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class CompiledArchitecture:
    """An architecture as the kernel's arrays, levels innermost first and the backing store last.

    Attributes:
        names: of the levels.
        table: (L, LEVEL_COLUMNS), see `nest_tables`.
        allowed: (L, 3), which tensors a level may hold.
        constants: (CONSTANTS,), see `nest_tables`.
        area_mm2: of everything but the backing store; 0 where no areas are given.
    """

    names: tuple[str, ...]
    table: NDArray[np.float64]
    allowed: NDArray[np.uint8]
    constants: NDArray[np.float64]
    area_mm2: float = 0.0


@dataclass(frozen=True)
class Mappings:
    """A batch of mappings for architectures with L levels, innermost first; loops in the order of `LOOPS`.

    Attributes:
        temporal: (n, L, 8) iterations of each loop at each level.
        order: (n, L, 8) each level's loops by number, innermost first.
        spatial_x: (n, L, 8) instances along X between a level and the one below it (the MACs for level 0).
        spatial_y: (n, L, 8) the same along Y.
        keeps: (n, L, 3) which tensors stay at a level; None for all that the architecture allows.
    """

    temporal: NDArray[np.int32]
    order: NDArray[np.int8]
    spatial_x: NDArray[np.int32]
    spatial_y: NDArray[np.int32]
    keeps: NDArray[np.uint8] | None = None

    def __len__(self) -> int:
        return len(self.temporal)
