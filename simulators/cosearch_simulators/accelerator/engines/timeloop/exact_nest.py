"""Accesses of a mapping whose factors multiply to the dimensions, in closed form; a part of `nest_kernel`."""

# mypy: disable-error-code="no-untyped-def, no-untyped-call, assignment"
from __future__ import annotations

import numpy as np
from numba import njit

from cosearch_simulators.accelerator.common.nest_tables import (
    AXIS_OF,
    DILATION,
    FILLS,
    MULTICAST,
    NONE,
    READS,
    REDUCTION,
    STRIDE,
    TENSORS_OF,
    TILE,
    TIMELOOP,
    UPDATES,
)
from cosearch_simulators.accelerator.common.tile import coinciding, newly_held, window


@njit(nogil=True, error_model="numpy")
def count_exact(table, nest, keeps, options, integers, floats, counts, macs):
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
                    tiles = _input_fills(nest, options, integers, floats, child)
                else:
                    tiles = tile * floats[child, 40 + tensor]
                traffic = tiles * floats[child, 44]
            arriving = traffic / sharing_of(table, nest, integers, floats, tensor, child, parent)
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
                counts[parent, 2, UPDATES] = arriving
                counts[parent, 2, READS] = arriving - outputs * above
                if child >= 0:
                    for level in range(parent, child, -1):
                        above *= floats[level, 47]
                    counts[child, 2, FILLS] = traffic - outputs * above
            else:
                counts[parent, tensor, READS] = arriving
                if child >= 0:
                    counts[child, tensor, FILLS] = traffic
            child = parent


@njit(nogil=True, error_model="numpy")
def sharing_of(table, nest, integers, floats, tensor, child, parent):
    """How many children's words one access of the parent stands for."""
    network = REDUCTION if tensor == 2 else MULTICAST
    sharing = 1.0
    for level in range(child + 1, parent + 1):
        if table[level, network] != 0.0:
            sharing *= floats[level, 45 + tensor]
    if tensor != 1:
        return sharing
    for axis in range(2):
        # (factor, step) of the spatial loops of the output and of the filter that move the window along this
        # axis
        out_factor, out_step, filter_factor, filter_step = 1.0, 0.0, 1.0, 0.0
        for level in range(child + 1, parent + 1):
            if table[level, MULTICAST] == 0.0:
                continue
            for position in range(integers[level, 0]):
                loop = integers[level, 8 + position]
                if loop == 4 + axis:
                    out_factor *= floats[level, 8 + position]
                    if out_step == 0.0:
                        out_step = floats[level, 24 + position] * nest[STRIDE + axis]
                elif loop == 6 + axis:
                    filter_factor *= floats[level, 8 + position]
                    if filter_step == 0.0:
                        filter_step = floats[level, 24 + position] * nest[DILATION + axis]
        if out_factor > 1.0 and filter_factor > 1.0:
            sharing *= coinciding(out_factor, out_step, filter_factor, filter_step)
    return sharing


@njit(nogil=True, error_model="numpy")
def _input_fills(nest, options, integers, floats, child):
    """Words of the inputs that one instance of a level is filled with."""
    extent = floats[child]
    rows, columns = window(extent, nest, 0), window(extent, nest, 1)
    plane = extent[0] * extent[1] * extent[3]
    tile = plane * rows * columns
    remaining = extent[43]  # iterations of this loop and those around it
    words = 0.0
    back_rows, back_columns = 0.0, 0.0  # how far the inner loops' return moves the window
    levels = floats.shape[0] - 1
    for level in range(child + 1, levels):
        row_i, row_f = integers[level], floats[level]
        for position in range(row_i[0], row_i[1]):
            loop, factor = row_i[8 + position], row_f[8 + position]
            axis = AXIS_OF[loop]
            outer = remaining / factor
            step_rows, step_columns = 0.0, 0.0
            if axis == 0:
                step_rows = row_f[24 + position] * nest[STRIDE if loop == 4 else DILATION]
            elif axis == 1:
                step_columns = row_f[24 + position] * nest[(STRIDE if loop == 5 else DILATION) + 1]
            elif TENSORS_OF[loop] & 2:
                return words + tile * remaining  # from here on, no two tiles in a row have a word in common
            move_rows, move_columns = step_rows - back_rows, step_columns - back_columns
            new = newly_held(plane, rows, columns, move_rows, move_columns)
            words += (factor - 1.0) * outer * new
            returns = 1.0 if options & TIMELOOP else factor - 1.0
            back_rows += returns * step_rows
            back_columns += returns * step_columns
            remaining = outer
    return words + tile
