"""Accesses of a mapping whose factors multiply to the dimensions, in closed form; a part of `nest_kernel`."""

# mypy: disable-error-code="no-untyped-def, no-untyped-call, assignment"
from __future__ import annotations

import numpy as np
from numba import njit

from cosearch_simulators.accelerator.common.movement import input_fills, output_words, with_windows
from cosearch_simulators.accelerator.common.nest_tables import (
    FILLS,
    MULTICAST,
    NONE,
    READS,
    REDUCTION,
    TILE,
    UPDATES,
)


@njit(nogil=True, error_model="numpy")
def count_exact(table, nest, keeps, options, temporal, order, spread, extent, floats, counts, macs):
    """The accesses where the factors multiply to the dimensions."""
    levels = table.shape[0]
    for tensor in range(3):
        child = NONE
        traffic = macs
        for parent in range(levels):
            if not keeps[parent, tensor]:
                continue
            if child >= 0:
                tile = counts[child, tensor, TILE]
                if tensor == 1:
                    tiles = input_fills(nest, options, temporal, extent, order, floats[child, 43], child)
                else:
                    tiles = tile * floats[child, 40 + tensor]
                traffic = tiles * floats[child, 44]
            sharing = sharing_of(table, floats, tensor, child, parent)
            if tensor == 1:
                sharing = with_windows(table, nest, spread, extent, child, parent, sharing)
            arriving = traffic / sharing
            if tensor == 1:  # a whole number divided by one that is not
                arriving = np.rint(arriving)
            if tensor == 2:
                # Spatial loops above a level that do not index the outputs give its instances partial sums
                # of their own.
                outputs = 1.0
                for loop in (0, 1, 2, 4, 5):
                    outputs *= nest[loop]
                above = 1.0
                for level in range(levels - 1, parent, -1):
                    above *= floats[level, 47]
                below = above
                for level in range(parent, child, -1):
                    below *= floats[level, 47]
                read, filled = output_words(traffic, arriving, outputs, above, below)
                counts[parent, 2, UPDATES], counts[parent, 2, READS] = arriving, read
                if child >= 0:
                    counts[child, 2, FILLS] = filled
            else:
                counts[parent, tensor, READS] = arriving
                if child >= 0:
                    counts[child, tensor, FILLS] = traffic
            child = parent


@njit(nogil=True, error_model="numpy")
def sharing_of(table, floats, tensor, child, parent):
    """How many children's words one access of the parent stands for, but for windows that overlap."""
    network = REDUCTION if tensor == 2 else MULTICAST
    sharing = 1.0
    for level in range(child + 1, parent + 1):
        if table[level, network] != 0.0:
            sharing *= floats[level, 45 + tensor]
    return sharing
