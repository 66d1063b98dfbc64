"""Accesses of a mapping whose factors multiply to more than a dimension; a part of `nest_kernel`.

The loops run through all their factors and decide, step by step, where each tile stands and whether it has
moved. What moves is what exists of a tile: iterations at or beyond the size of their dimension do no work and
move no word, and a tile that lies wholly beyond moves nothing. Where a window slides, what stays is what
exists of the tile before: the end of a dimension may have cut that one and not this one.

The walk is never walked. All steps at which a certain loop advances and the loops inside it return are
counted together: along each dimension the tiles there are whole ones and at most one that the end cuts. From
a loop to the next one out, those change along its dimension only.
"""

# mypy: disable-error-code="no-untyped-def, no-untyped-call"
from __future__ import annotations

from numba import njit

from cosearch_simulators.accelerator.common.movement import window_step
from cosearch_simulators.accelerator.common.nest_tables import (
    AXIS_OF,
    DILATION,
    FILLS,
    FIRST,
    MULTICAST,
    NONE,
    OUTPUTS,
    READS,
    REDUCTION,
    STRIDE,
    TENSORS_OF,
    TIMELOOP,
    UPDATES,
)
from cosearch_simulators.accelerator.engines.timeloop.coinciding_windows import (
    distinct_words,
    kept_words,
    tile_of,
)

# Columns of the integers where each loop of a level is found, -1 where it has one iteration.
_TEMPORAL, _SPATIAL = 24, 32
# Columns of the floats' last row. By dimension: whole tiles and iterations of the cut one at the steps being
# counted, instances that share an access (of the window's), iterations by which the loops inside go back. Of
# the dimension that shares its axis with the loop that advances, how many tiles before were whole and the
# iterations of the one that was cut.
_FULL, _REST, _SHARED, _BACK, _BEFORE = 8, 16, 24, 32, 40


@njit(nogil=True, error_model="numpy")
def count_ragged(table, nest, keeps, options, integers, floats, counts):
    """Fill `counts` from the loops that `nest_kernel.cost_of` has laid out."""
    for level in range(table.shape[0]):
        integers[level, _TEMPORAL : _SPATIAL + 8] = -1
        for position in range(integers[level, 1]):
            kind = _SPATIAL if position < integers[level, 0] else _TEMPORAL
            integers[level, kind + integers[level, 8 + position]] = position
    for tensor in range(3):
        child = NONE
        for parent in range(table.shape[0]):
            if not keeps[parent, tensor]:
                continue
            for of in (NONE, parent):  # what enters the children, then what the parent's accesses stand for
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
            table, nest, integers, floats, tensor, child, parent, child + 1, FIRST, loop, float(nest[loop])
        )
        state[_BACK + loop] = 0.0
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
            loop, sliding, move = FIRST, NONE, 0.0
            whole = True  # with no tile below, every step of every loop
            if not first and child >= 0:
                loop, factor, step = (
                    integers[level, 8 + position],
                    floats[level, 8 + position],
                    floats[level, 24 + position],
                )
                step_rows, step_columns = 0.0, 0.0
                if (TENSORS_OF[loop] >> tensor) & 1:
                    if tensor == 1 and AXIS_OF[loop] >= 0:
                        step_rows, step_columns = window_step(nest, loop, step)
                    else:
                        inner = True
                move_rows, move_columns = step_rows - back_rows, step_columns - back_columns
                whole = (
                    inner or min(move_rows, move_columns) < 0.0 or (move_rows > 0.0 and move_columns > 0.0)
                )
                if not whole and tensor == 1 and AXIS_OF[loop] >= 0:
                    sliding, move = loop, max(move_rows, move_columns)
                    other = 10 + 2 * AXIS_OF[loop] - loop
                    state[_BEFORE], state[_BEFORE + 1] = _tiles(
                        table, nest, integers, floats, tensor, child, parent, level, position, other,
                        nest[other] - state[_BACK + other],
                    )  # fmt: skip
                returns = 1.0 if options & TIMELOOP else factor - 1.0
                state[_BACK + loop] += returns * step
                back_rows += returns * step_rows
                back_columns += returns * step_columns
            moved = whole or sliding >= 0
            # Steps at which this loop stands anywhere, less those at which it stands at its first iteration.
            for outside in range(1 if first or child < 0 else 2):
                if outside:
                    state[_FULL + loop], state[_REST + loop] = _tiles(
                        table, nest, integers, floats, tensor, child, parent, level, position + 1, loop,
                        float(nest[loop]),
                    )  # fmt: skip
                if moved:
                    words += (1.0 - 2.0 * outside) * _words(
                        table, nest, integers, floats, tensor, child, parent, level, position + outside,
                        sliding, move,
                    )  # fmt: skip
        if child < 0:
            break
    return words


@njit(nogil=True, error_model="numpy")
def _words(table, nest, integers, floats, tensor, child, parent, level, position, sliding, move):
    """Words that move at all steps where the loops inside (level, position) stand at the start.

    `sliding` is the loop along which a window has slid by `move` rows or columns, -1 where all is new.
    """
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
            slides = sliding if sliding >= 0 and AXIS_OF[sliding] == axis else -1
            words *= _window_words(
                table, nest, integers, floats, child, parent, level, position, axis, slides, move
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
def _tiles(table, nest, integers, floats, tensor, child, parent, from_level, from_position, loop, end):
    """How many tiles along a dimension are whole, and the iterations of the one that the end cuts."""
    if end <= 0.0:
        return 0.0, 0.0
    levels = table.shape[0]
    inside = 1.0
    for level in range(child + 1, levels):
        for column in (_TEMPORAL + loop, _SPATIAL + loop):
            position = integers[level, column]
            if position >= 0 and not _stands(
                integers, table, level, position, from_level, from_position, tensor, parent, loop
            ):
                inside *= floats[level, 8 + position]
    left, full = end, 0.0
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
def _window_words(table, nest, integers, floats, child, parent, level, position, axis, sliding, move):
    """Words along one axis of the input, summed over the steps and the instances."""
    state = floats[table.shape[0]]
    out, tap = 4 + axis, 6 + axis
    other = out + tap - sliding
    back = state[_BACK + other] if sliding >= 0 else 0.0
    if state[_SHARED + out] > 1.0 and state[_SHARED + tap] > 1.0:
        return distinct_words(
            table, nest, integers, floats, child, parent, level, position, axis, sliding, move, back,
            state[_SHARED + out], state[_SHARED + tap],
        )  # fmt: skip
    stride, dilation = float(nest[STRIDE + axis]), float(nest[DILATION + axis])
    words = 0.0
    for cut in range(4):  # none, the outputs, the filter, both
        outs, out_number = _some_tiles(floats, state, child, out, cut & 1)
        taps, tap_number = _some_tiles(floats, state, child, tap, cut & 2)
        words += out_number * tap_number * ((outs - 1.0) * stride + (taps - 1.0) * dilation + 1.0)
    if sliding < 0:
        return words
    # Of the tile before, what can stay: the loop that advances had a whole one.
    tile, other_tile = tile_of(floats, child, sliding), tile_of(floats, child, other)
    pace, other_pace = (stride, dilation) if sliding == out else (dilation, stride)
    for cut in range(4):
        now, number = _some_tiles(floats, state, child, sliding, cut & 1)
        if cut & 2:
            before, other_number = state[_BEFORE + 1], 1.0 if state[_BEFORE + 1] > 0.0 else 0.0
        else:
            before, other_number = other_tile, state[_BEFORE]
        if number * other_number > 0.0:
            # A loop that returns by one tile or more stands at a whole one again.
            other_now = other_tile if back > 0.0 else before
            extent = (now - 1.0) * pace + (other_now - 1.0) * other_pace + 1.0
            held = (tile - 1.0) * pace + (before - 1.0) * other_pace + 1.0
            words -= number * other_number * kept_words(extent, held, move)
    return words


@njit(nogil=True, error_model="numpy")
def _some_tiles(floats, state, child, loop, cut):
    """Iterations and number of the tiles along a dimension that are whole, or of the one that is cut."""
    if not cut:
        return tile_of(floats, child, loop), state[_FULL + loop]
    return state[_REST + loop], 1.0 if state[_REST + loop] > 0.0 else 0.0


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
            full, rest = _tiles(
                table,
                nest,
                integers,
                floats,
                OUTPUTS,
                level,
                NONE,
                table.shape[0],
                FIRST,
                loop,
                float(nest[loop]),
            )
            words *= full + (1.0 if rest > 0.0 else 0.0)
    return words
