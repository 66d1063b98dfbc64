"""Which units of an accelerator's array a mapping gives work, over all levels that have an array."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from cosearch_simulators.accelerator.system.architecture import Architecture


def used_units(
    architecture: Architecture, spatial_x: NDArray[np.int32], spatial_y: NDArray[np.int32]
) -> NDArray[np.bool_]:
    """The units as they are drawn, (rows, columns): those of an inner array are neighbours.

    An array that only has columns is drawn down the rows where the arrays inside of it have columns alone.

    Args:
        architecture: the one.
        spatial_x: (levels, loops) a mapping's factors along X.
        spatial_y: (levels, loops) along Y.
    """
    used = np.ones((1, 1), bool)
    for level, factors_x, factors_y in zip(architecture.levels, spatial_x, spatial_y, strict=True):
        columns, rows = level.array[0], int(np.prod(level.array[1:]))
        across, down = np.arange(columns) < factors_x.prod(), np.arange(rows) < factors_y.prod()
        if rows == 1 and used.shape[0] == 1 < used.shape[1]:
            across, down = down, across
        used = np.kron(np.outer(down, across), used)
    return used


def array_words(
    architecture: Architecture, spatial_x: NDArray[np.int32], spatial_y: NDArray[np.int32]
) -> str:
    """What each level with an array gives work, of its instances below: "14 x 9 of Buffer's 14 x 12"."""
    words = []
    for level, factors_x, factors_y in zip(architecture.levels, spatial_x, spatial_y, strict=True):
        sizes = [level.array[0], int(np.prod(level.array[1:]))]
        work = [int(factors_x.prod()), int(factors_y.prod())]
        if max(sizes) > 1:
            axes = 2 if min(sizes) > 1 else 1
            order = slice(None) if axes == 2 or sizes[0] > 1 else slice(None, None, -1)
            words.append(
                f"{' x '.join(map(str, work[order][:axes]))} of {level.name}'s "
                f"{' x '.join(map(str, sizes[order][:axes]))}"
            )
    return ", ".join(reversed(words))
