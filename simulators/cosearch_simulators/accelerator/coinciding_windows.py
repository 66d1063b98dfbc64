"""Words of input windows, also where those of several instances coincide; a part of `ragged_nest`."""

# mypy: disable-error-code="no-untyped-def, no-untyped-call"
from __future__ import annotations

from numba import njit

from cosearch_simulators.accelerator.nest_tables import (
    DILATION,
    MULTICAST,
    STRIDE,
)


@njit(nogil=True, error_model="numpy")
def distinct_words(
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
):
    """Words along an axis where windows of several instances coincide, each once a step: enumerated."""
    out, filter_ = 4 + axis, 6 + axis
    last_out = _offset(table, integers, floats, child, parent, 0, 0, out, int(shared_out) - 1, True)
    last_filter = _offset(table, integers, floats, child, parent, 0, 0, filter_, int(shared_filter) - 1, True)
    last_out += tile_of(floats, child, out)
    last_filter += tile_of(floats, child, filter_)
    whole_value = -1.0  # of a step at which nothing is cut
    words = 0.0
    for out_index in range(_accesses(table, integers, floats, child, parent, level, position, out)):
        out_base = _offset(table, integers, floats, child, parent, level, position, out, out_index, False)
        if out_base >= nest[out]:
            continue
        for filter_index in range(
            _accesses(table, integers, floats, child, parent, level, position, filter_)
        ):
            base = _offset(
                table, integers, floats, child, parent, level, position, filter_, filter_index, False
            )
            if base >= nest[filter_]:
                continue
            uncut = out_base + last_out <= nest[out] and base + last_filter <= nest[filter_]
            if uncut and whole_value >= 0.0:
                words += whole_value
                continue
            value = _distinct_at(
                table,
                nest,
                integers,
                floats,
                child,
                parent,
                axis,
                whole,
                move,
                shared_out,
                shared_filter,
                out_base,
                base,
            )
            if uncut:
                whole_value = value
            words += value
    return words


@njit(nogil=True, error_model="numpy")
def _distinct_at(
    table,
    nest,
    integers,
    floats,
    child,
    parent,
    axis,
    whole,
    move,
    shared_out,
    shared_filter,
    out_base,
    filter_base,
):
    """Words of the different windows among the instances that share, at one step."""
    stride, dilation = float(nest[STRIDE + axis]), float(nest[DILATION + axis])
    out_tile = tile_of(floats, child, 4 + axis)
    filter_tile = tile_of(floats, child, 6 + axis)
    span = (out_tile - 1.0) * stride + (filter_tile - 1.0) * dilation + 1.0
    filters = int(shared_filter)
    total = 0.0
    for one in range(int(shared_out) * filters):
        start, new = 0.0, 0.0
        for other in range(one, -1, -1):
            out = out_base + _offset(
                table, integers, floats, child, parent, 0, 0, 4 + axis, other // filters, True
            )
            tap = filter_base + _offset(
                table, integers, floats, child, parent, 0, 0, 6 + axis, other % filters, True
            )
            words = 0.0
            if out < nest[4 + axis] and tap < nest[6 + axis]:
                words = new_words(
                    min(out_tile, nest[4 + axis] - out),
                    min(filter_tile, nest[6 + axis] - tap),
                    stride,
                    dilation,
                    span,
                    whole,
                    move,
                )
            if other == one:
                start, new = out * stride + tap * dilation, words
                if new == 0.0:
                    break
            elif words == new and out * stride + tap * dilation == start:
                new = 0.0
                break
        total += new
    return total


@njit(nogil=True, error_model="numpy")
def _offset(table, integers, floats, child, parent, from_level, from_position, loop, index, shared):
    """Where the tile of a number stands: among those that share an access, or among the accesses."""
    offset = 0.0
    for level in range(child + 1, table.shape[0]):
        for position in range(integers[level, 1]):
            if integers[level, 8 + position] != loop:
                continue
            spatial = position < integers[level, 0]
            among = spatial and level <= parent and table[level, MULTICAST] != 0.0
            if among != shared or (
                not spatial and (level < from_level or (level == from_level and position < from_position))
            ):
                continue
            factor = int(floats[level, 8 + position])
            offset += (index % factor) * floats[level, 24 + position]
            index //= factor
    return offset


@njit(nogil=True, error_model="numpy")
def _accesses(table, integers, floats, child, parent, from_level, from_position, loop):
    """How many positions `_offset` tells apart when not `shared`."""
    number = 1.0
    for level in range(child + 1, table.shape[0]):
        for position in range(integers[level, 1]):
            spatial = position < integers[level, 0]
            if integers[level, 8 + position] != loop or (
                spatial and level <= parent and table[level, MULTICAST] != 0.0
            ):
                continue
            if spatial or level > from_level or (level == from_level and position >= from_position):
                number *= floats[level, 8 + position]
    return int(number)


@njit(nogil=True, error_model="numpy")
def new_words(out, filter_, stride, dilation, span, whole, move):
    """Words of a window of so many outputs and taps that the window before, a whole one, did not have."""
    extent = (out - 1.0) * stride + (filter_ - 1.0) * dilation + 1.0
    if whole or move == 0.0:
        return extent
    return max(0.0, extent - max(0.0, span - move))


@njit(nogil=True, error_model="numpy")
def tile_of(floats, child, loop):
    """Iterations of a loop that a child's tile spans, the end of the dimension left out of account."""
    return floats[child, 48 + loop] if child >= 0 else 1.0
