"""Boxes of tensors: what a box holds, what it newly holds, what several boxes share.

The words of a tile are counted here and nowhere else: compiled code calls `window` and `tile_words` with
numbers, others with arrays of any library.
"""

# mypy: disable-error-code="no-untyped-def, no-untyped-call"
from __future__ import annotations

from numba import njit
from numba.extending import register_jitable

from cosearch_simulators.accelerator.common.nest_tables import DILATION, STRIDE


@register_jitable(nogil=True, error_model="numpy", inline="always")
def window(extent, nest, axis):
    """Rows (axis 0) or columns (1) of the input that a box with these iterations of each loop touches."""
    steps = (extent[4 + axis] - 1.0) * nest[STRIDE + axis]
    return steps + (extent[6 + axis] - 1.0) * nest[DILATION + axis] + 1.0


@register_jitable(nogil=True, error_model="numpy", inline="always")
def tile_words(extent, nest, tensor):
    """Words of a tensor in a box with these iterations of each loop, of a nest's row of `nest_tables`."""
    if tensor == 0:
        return extent[0] * extent[2] * extent[3] * extent[6] * extent[7]
    if tensor == 2:
        return extent[0] * extent[1] * extent[2] * extent[4] * extent[5]
    rows, columns = window(extent, nest, 0), window(extent, nest, 1)
    return extent[0] * extent[1] * extent[3] * rows * columns


@njit(nogil=True, error_model="numpy", inline="always")
def newly_held(plane, rows, columns, move_rows, move_columns):
    """Words of a window of inputs that were not there before it moved: all, unless it slid along one axis."""
    if move_rows == 0.0 and move_columns >= 0.0:
        return plane * rows * min(move_columns, columns)
    if move_columns == 0.0 and move_rows >= 0.0:
        return plane * columns * min(move_rows, rows)
    return plane * rows * columns


@njit(nogil=True, error_model="numpy")
def coinciding(out_factor, out_step, filter_factor, filter_step):
    """How many times over the windows of these positions cover what they cover together, along one axis.

    Windows (i, k) and (i + b, k - a) coincide, where a : b is the ratio of the steps in lowest terms.
    """
    a, b = int(out_step), int(filter_step)
    while b:
        a, b = b, a % b
    pairs = out_factor * filter_factor
    apart = max(0.0, out_factor - filter_step / a) * max(0.0, filter_factor - out_step / a)
    return pairs / (pairs - apart)
