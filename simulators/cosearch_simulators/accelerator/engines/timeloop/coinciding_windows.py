"""Words of input windows, also where those of several instances coincide; a part of `ragged_nest`."""

# mypy: disable-error-code="no-untyped-def, no-untyped-call"
from __future__ import annotations

from numba import njit

from cosearch_simulators.accelerator.common.nest_tables import (
    DILATION,
    FIRST,
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
    sliding,
    move,
    back,
    shared_out,
    shared_filter,
):
    """Words along an axis where windows of several instances coincide, each once a step: enumerated."""
    out, filter_ = 4 + axis, 6 + axis
    last_out = _offset(table, integers, floats, child, parent, FIRST, FIRST, out, int(shared_out) - 1, True)
    last_filter = _offset(
        table, integers, floats, child, parent, FIRST, FIRST, filter_, int(shared_filter) - 1, True
    )
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
            # Neither this tile nor the one before, `back` further along the dimension that does not advance.
            uncut = (
                out_base + last_out + (back if sliding == filter_ else 0.0) <= nest[out]
                and base + last_filter + (back if sliding == out else 0.0) <= nest[filter_]
            )
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
                sliding,
                move,
                back,
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
    sliding,
    move,
    back,
    shared_out,
    shared_filter,
    out_base,
    filter_base,
):
    """Words of the different windows among the instances that share, at one step."""
    stride, dilation = float(nest[STRIDE + axis]), float(nest[DILATION + axis])
    out_tile = tile_of(floats, child, 4 + axis)
    filter_tile = tile_of(floats, child, 6 + axis)
    filters = int(shared_filter)
    total = 0.0
    for one in range(int(shared_out) * filters):
        end, new = 0.0, 0.0
        for other in range(one, -1, -1):
            out = out_base + _offset(
                table, integers, floats, child, parent, FIRST, FIRST, 4 + axis, other // filters, True
            )
            tap = filter_base + _offset(
                table, integers, floats, child, parent, FIRST, FIRST, 6 + axis, other % filters, True
            )
            outs, taps = min(out_tile, nest[4 + axis] - out), min(filter_tile, nest[6 + axis] - tap)
            extent, words = 0.0, 0.0
            if outs > 0.0 and taps > 0.0:
                words = extent = (outs - 1.0) * stride + (taps - 1.0) * dilation + 1.0
                if sliding >= 0:
                    if sliding == 4 + axis:
                        outs, taps = out_tile, min(filter_tile, nest[6 + axis] - tap - back)
                    else:
                        outs, taps = min(out_tile, nest[4 + axis] - out - back), filter_tile
                    if outs > 0.0 and taps > 0.0:
                        words -= kept_words(
                            extent, (outs - 1.0) * stride + (taps - 1.0) * dilation + 1.0, move
                        )
            here = out * stride + tap * dilation + extent
            if other == one:
                end, new = here, words
                if new == 0.0:
                    break
            elif words == new and here == end:  # the new words are the last of a window
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
def kept_words(extent, held, move):
    """Words of a window that are in the one before, which had `held` and started `move` words earlier."""
    return max(0.0, min(extent, held - move))


@njit(nogil=True, error_model="numpy")
def tile_of(floats, child, loop):
    """Iterations of a loop that a child's tile spans, the end of the dimension left out of account."""
    return floats[child, 48 + loop] if child >= 0 else 1.0
