"""What moves between two levels that keep a tensor: counted here for the nest, the search and gradients.

`input_fills` and `with_windows` run over a mapping's factors and are the same compiled code for
`engines/timeloop`, which costs one mapping with all its counts, and for the mapper's search, which keeps
products up to date from step to step; they are inlined, for calls with so many arrays take longer than the
work. `window_step` and `output_words` also take arrays of any library.
"""

# mypy: disable-error-code="no-untyped-def, no-untyped-call"
from __future__ import annotations

from numba import njit
from numba.extending import register_jitable

from cosearch_simulators.accelerator.common.nest_tables import DILATION, MULTICAST, STRIDE, TIMELOOP
from cosearch_simulators.accelerator.common.tile import coinciding, newly_held, window


@register_jitable(nogil=True, error_model="numpy", inline="always")
def window_step(nest, loop, step):
    """Rows and columns by which the input's window moves with a loop of the window that goes on by `step`."""
    if loop == 4:
        return step * nest[STRIDE], 0.0
    if loop == 5:
        return 0.0, step * nest[STRIDE + 1]
    if loop == 6:
        return step * nest[DILATION], 0.0
    return 0.0, step * nest[DILATION + 1]


@register_jitable(nogil=True, error_model="numpy", inline="always")
def output_words(traffic, arriving, outputs, parent_partial, child_partial):
    """Outputs that a parent reads to add to what arrives, and that come back to a child of what it sends.

    New ones are read from nowhere: each output once for each of the partial sums that instances of the level
    have of it, `parent_partial` and `child_partial`.
    """
    return arriving - outputs * parent_partial, traffic - outputs * child_partial


@njit(nogil=True, error_model="numpy", forceinline=True)
def input_fills(nest, options, temporal, extent, order, steps, child):
    """Words of the inputs that fill one instance of a level: all of each tile, or what slides into it.

    Args:
        nest: (NEST_COLUMNS,).
        options: 0 or `TIMELOOP`.
        temporal: (L, 8) factors.
        extent: (L, 8) products of all factors up to the level.
        order: (L, 8) loops, innermost first.
        steps: of all loops above the child.
        child: the level.
    """
    here = extent[child]
    rows, columns = window(here, nest, 0), window(here, nest, 1)
    plane = here[0] * here[1] * here[3]
    tile = plane * rows * columns
    remaining = steps  # iterations of this loop and those around it
    words, back_rows, back_columns = 0.0, 0.0, 0.0  # how far the inner loops' return moves the window
    for level in range(child + 1, temporal.shape[0]):
        for position in range(8):
            loop = order[level, position]
            factor = temporal[level, loop]
            if factor == 1:
                continue
            step_rows, step_columns = 0.0, 0.0
            if loop >= 4:
                step_rows, step_columns = window_step(nest, loop, extent[level, loop] / factor)
            elif loop != 2:  # from here on, no two tiles in a row have a word in common
                return words + tile * remaining
            outer = remaining / factor
            move_rows, move_columns = step_rows - back_rows, step_columns - back_columns
            new = newly_held(plane, rows, columns, move_rows, move_columns)
            words += (factor - 1.0) * outer * new
            returns = 1.0 if options & TIMELOOP else factor - 1.0
            back_rows += returns * step_rows
            back_columns += returns * step_columns
            remaining = outer
    return words + tile


@njit(nogil=True, error_model="numpy", forceinline=True)
def with_windows(table, nest, spread, extent, child, parent, sharing):
    """How many children share a word of the inputs: `sharing`, times over where their windows overlap.

    Args:
        table: (L, LEVEL_COLUMNS).
        nest: (NEST_COLUMNS,).
        spread: (L, 8) spatial factors.
        extent: (L, 8) products of all factors up to the level.
        child: the level that the words go to.
        parent: that they come from.
        sharing: how many do whose windows are the same.
    """
    for axis in range(2):
        out_factor, out_step, filter_factor, filter_step = 1.0, 0.0, 1.0, 0.0
        for level in range(child + 1, parent + 1):
            if table[level, MULTICAST] == 0.0:
                continue
            if spread[level, 4 + axis] > 1.0:
                out_factor *= spread[level, 4 + axis]
                if out_step == 0.0:
                    out_step = nest[STRIDE + axis] * (extent[level - 1, 4 + axis] if level else 1.0)
            if spread[level, 6 + axis] > 1.0:
                filter_factor *= spread[level, 6 + axis]
                if filter_step == 0.0:
                    filter_step = nest[DILATION + axis] * (extent[level - 1, 6 + axis] if level else 1.0)
        if out_factor > 1.0 and filter_factor > 1.0:
            sharing *= coinciding(out_factor, out_step, filter_factor, filter_step)
    return sharing
