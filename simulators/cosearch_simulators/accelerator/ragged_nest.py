"""Accesses of a mapping whose factors multiply to more than a dimension; a part of `nest_kernel`.

The loops run through all their factors and decide, step by step, where each tile stands and whether it has
moved. What moves is what exists of a tile: iterations at or beyond the size of their dimension do no work and
move no word, and a tile that lies wholly beyond moves nothing.

The walk is never walked. All steps at which a certain loop advances and the loops inside it return are
counted together: along each dimension the tiles there are whole ones and at most one that the end cuts. From
a loop to the next one out, those change along its dimension only.
"""

# mypy: disable-error-code="no-untyped-def, no-untyped-call"
from __future__ import annotations

from numba import njit

from cosearch_simulators.accelerator.coinciding_windows import distinct_words, new_words, tile_of
from cosearch_simulators.accelerator.nest_tables import (
    AXIS_OF,
    DILATION,
    FILLS,
    MULTICAST,
    READS,
    REDUCTION,
    STRIDE,
    TENSORS_OF,
    TIMELOOP,
    UPDATES,
)

# Columns of the integers where each loop of a level is found, -1 where it has one iteration.
_TEMPORAL, _SPATIAL = 24, 32
# Columns of the floats' last row: by dimension the whole tiles and the iterations of the cut one at the steps
# being counted, and by loop of the window the instances that share an access.
_FULL, _REST, _SHARED = 8, 16, 24


@njit(nogil=True, error_model="numpy")
def count_ragged(table, nest, keeps, options, integers, floats, counts):
    """Fill `counts` from the loops that `nest_kernel.cost_of` has laid out."""
    for level in range(table.shape[0]):
        integers[level, _TEMPORAL : _SPATIAL + 8] = -1
        for position in range(integers[level, 1]):
            kind = _SPATIAL if position < integers[level, 0] else _TEMPORAL
            integers[level, kind + integers[level, 8 + position]] = position
    for tensor in range(3):
        child = -1
        for parent in range(table.shape[0]):
            if not keeps[parent, tensor]:
                continue
            for of in (-1, parent):  # what enters the children, then what the parent's accesses stand for
                if child < 0 and of < 0:
                    continue
                words = _moves(table, nest, options, integers, floats, tensor, child, of)
                level = child if of < 0 else parent
                partial = 0.0
                if tensor == 2:
                    partial = _partial_sums(table, nest, integers, floats, level)
                if of < 0:
                    counts[child, tensor, FILLS] = words - partial
                elif tensor == 2:
                    counts[parent, 2, UPDATES] = words
                    counts[parent, 2, READS] = words - partial
                else:
                    counts[parent, tensor, READS] = words
            child = parent


@njit(nogil=True, error_model="numpy")
def _moves(table, nest, options, integers, floats, tensor, child, parent):
    """Words that enter all instances of a child, or, with a parent, that its accesses stand for."""
    levels = table.shape[0]
    state = floats[levels]
    for loop in range(8):
        state[_FULL + loop], state[_REST + loop] = _tiles(
            table, nest, integers, floats, tensor, child, parent, child + 1, 0, loop
        )
    if tensor == 1:
        for loop in range(4, 8):
            state[_SHARED + loop] = _shared_factor(table, integers, floats, child, parent, loop)
    words = 0.0
    inner = False  # whether a loop inside indexes the tensor (of inputs: other than by the window)
    back_rows, back_columns = 0.0, 0.0
    for level in range(child + 1, levels + 1):
        first = level == levels  # the very first tile comes last here
        start = 0 if first or child < 0 else integers[level, 0]
        for position in range(start, 1 if first or child < 0 else integers[level, 1]):
            move_rows, move_columns = 0.0, 0.0
            whole = True  # with no tile below, every step of every loop
            if not first and child >= 0:
                loop, factor, step = (
                    integers[level, 8 + position],
                    floats[level, 8 + position],
                    floats[level, 24 + position],
                )
                step_rows, step_columns = 0.0, 0.0
                if (TENSORS_OF[loop] >> tensor) & 1:
                    axis = AXIS_OF[loop] if tensor == 1 else -1
                    if axis < 0:
                        inner = True
                    elif axis == 0:
                        step_rows = step * nest[STRIDE if loop == 4 else DILATION]
                    else:
                        step_columns = step * nest[(STRIDE if loop == 5 else DILATION) + 1]
                move_rows, move_columns = step_rows - back_rows, step_columns - back_columns
                whole = (
                    inner or min(move_rows, move_columns) < 0.0 or (move_rows > 0.0 and move_columns > 0.0)
                )
                returns = 1.0 if options & TIMELOOP else factor - 1.0
                back_rows += returns * step_rows
                back_columns += returns * step_columns
            moved = whole or move_rows != 0.0 or move_columns != 0.0
            # Steps at which this loop stands anywhere, less those at which it stands at its first iteration.
            for outside in range(1 if first or child < 0 else 2):
                if outside:
                    state[_FULL + loop], state[_REST + loop] = _tiles(
                        table, nest, integers, floats, tensor, child, parent, level, position + 1, loop
                    )
                if moved:
                    words += (1.0 - 2.0 * outside) * _words(
                        table,
                        nest,
                        integers,
                        floats,
                        tensor,
                        child,
                        parent,
                        level,
                        position + outside,
                        whole,
                        move_rows,
                        move_columns,
                    )
        if child < 0:
            break
    return words


@njit(nogil=True, error_model="numpy")
def _words(
    table, nest, integers, floats, tensor, child, parent, level, position, whole, move_rows, move_columns
):
    """Words that move at all steps where the loops inside (level, position) stand at the start."""
    words = 1.0
    state = floats[table.shape[0]]
    for loop in range(8):
        indexed = (TENSORS_OF[loop] >> tensor) & 1
        if tensor == 1 and AXIS_OF[loop] >= 0:
            continue
        full, rest = state[_FULL + loop], state[_REST + loop]
        if indexed:
            words *= full * tile_of(floats, child, loop) + rest
        else:
            words *= full + (1.0 if rest > 0.0 else 0.0)
    if tensor == 1:
        for axis in range(2):
            move = move_columns if axis else move_rows
            words *= _window_words(
                table, nest, integers, floats, child, parent, level, position, axis, whole, move
            )
    return words


@njit(nogil=True, error_model="numpy")
def _stands(integers, table, level, position, from_level, from_position, tensor, parent, loop):
    """Whether a loop counts for one iteration: temporal and inside the cut, or spatial and shared."""
    if position >= integers[level, 0]:
        return level < from_level or (level == from_level and position < from_position)
    if (TENSORS_OF[loop] >> tensor) & 1 or level > parent:
        return False
    return table[level, REDUCTION if tensor == 2 else MULTICAST] != 0.0


@njit(nogil=True, error_model="numpy")
def _tiles(table, nest, integers, floats, tensor, child, parent, from_level, from_position, loop):
    """How many tiles along a dimension are whole, and the iterations of the one that the end cuts."""
    levels = table.shape[0]
    inside = 1.0
    for level in range(child + 1, levels):
        for column in (_TEMPORAL + loop, _SPATIAL + loop):
            position = integers[level, column]
            if position >= 0 and not _stands(
                integers, table, level, position, from_level, from_position, tensor, parent, loop
            ):
                inside *= floats[level, 8 + position]
    left, full = float(nest[loop]), 0.0
    for level in range(levels - 1, child, -1):
        for column in (_TEMPORAL + loop, _SPATIAL + loop):
            position = integers[level, column]
            if position < 0 or _stands(
                integers, table, level, position, from_level, from_position, tensor, parent, loop
            ):
                continue
            factor, step = floats[level, 8 + position], floats[level, 24 + position]
            inside /= factor
            last = min(factor - 1.0, (left - 1.0) // step)
            full += last * inside
            left -= last * step
            if left >= step:
                return full + inside, 0.0
    if left >= tile_of(floats, child, loop):
        return full + 1.0, 0.0
    return full, left


@njit(nogil=True, error_model="numpy")
def _window_words(table, nest, integers, floats, child, parent, level, position, axis, whole, move):
    """Words along one axis of the input, summed over the steps and the instances."""
    stride, dilation = float(nest[STRIDE + axis]), float(nest[DILATION + axis])
    out_tile = tile_of(floats, child, 4 + axis)
    filter_tile = tile_of(floats, child, 6 + axis)
    span = (out_tile - 1.0) * stride + (filter_tile - 1.0) * dilation + 1.0
    state = floats[table.shape[0]]
    shared_out, shared_filter = state[_SHARED + 4 + axis], state[_SHARED + 6 + axis]
    if shared_out > 1.0 and shared_filter > 1.0:
        return distinct_words(
            table,
            nest,
            integers,
            floats,
            child,
            parent,
            level,
            position,
            axis,
            whole,
            move,
            shared_out,
            shared_filter,
        )
    outs, out_rest = state[_FULL + 4 + axis], state[_REST + 4 + axis]
    filters, filter_rest = state[_FULL + 6 + axis], state[_REST + 6 + axis]
    words = 0.0
    for cut in range(4):  # none, the outputs, the filter, both
        number = (1.0 if cut & 1 else outs) * (1.0 if cut & 2 else filters)
        out, taps = out_rest if cut & 1 else out_tile, filter_rest if cut & 2 else filter_tile
        if out > 0.0 and taps > 0.0:
            words += number * new_words(out, taps, stride, dilation, span, whole, move)
    return words


@njit(nogil=True, error_model="numpy")
def _shared_factor(table, integers, floats, child, parent, loop):
    """Instances along a loop among which the networks between child and parent multicast."""
    factor = 1.0
    for level in range(child + 1, parent + 1):
        for position in range(integers[level, 0]):
            if integers[level, 8 + position] == loop and table[level, MULTICAST] != 0.0:
                factor *= floats[level, 8 + position]
    return factor


@njit(nogil=True, error_model="numpy")
def _partial_sums(table, nest, integers, floats, level):
    """Outputs that each instance of a level ever holds, in all instances: their first write reads nothing."""
    words = 1.0
    for loop in range(8):
        if (TENSORS_OF[loop] >> 2) & 1:
            words *= nest[loop]
        else:
            full, rest = _tiles(table, nest, integers, floats, 2, level, -1, table.shape[0], 0, loop)
            words *= full + (1.0 if rest > 0.0 else 0.0)
    return words
