"""The cost of one mapping of a loop nest on a storage hierarchy, compiled: `cost_of`, one call a mapping.

Arrays only; `evaluation` is the front with names. A mapper calls `cost_of` from its own compiled loop:
nothing is allocated, everything lands in the arrays of `new_scratch`.

Loops, innermost first: the spatial loops of level 0, its temporal loops in their order, the spatial loops of
level 1, its temporal loops, and so on; the last level is the backing store. An instance of a level holds, of
each tensor that it keeps, the bounding box that the loops up to its own cover.

What moves (the semantics of Timeloop's dense model, Parashar et al., ISPASS 2019):

- A tile is filled when it differs from the one before it. Where it has moved forward along one axis only,
  what the two share stays (a sliding input window); where it has moved otherwise, all of it is filled.
- Nothing holds an operand between a MAC and the lowest level that keeps it: one read a MAC.
- Children of one parent that need the same words at the same step share one read where the level's network
  multicasts; partial sums of one output are added up on the way where it reduces.
- An output's tile goes up once each time it is left, as an update, and comes back, as a fill, unless it is
  new.

Where factors multiply to more than a dimension, all steps take their time, and only words that exist move:
see `ragged_nest`.
"""

# mypy: disable-error-code="no-untyped-def, no-untyped-call, assignment"
from __future__ import annotations

import numpy as np
from numba import njit

from cosearch_simulators.accelerator.common.movement import with_windows
from cosearch_simulators.accelerator.common.nest_tables import (
    BAD_FACTOR,
    BAD_ORDER,
    BUFFER_OVERFLOW,
    CAPACITY,
    COMPUTE_CYCLES,
    COUNT_OVERFLOW,
    CYCLES,
    ENERGY_PJ,
    FANOUT_EXCEEDED,
    FANOUT_X,
    FANOUT_Y,
    FILL_AND_DRAIN,
    FILL_DRAIN_CYCLES,
    FILLS,
    LARGEST_EXACT,
    MAC_PJ,
    MACS,
    MACS_A_CYCLE,
    NOT_ALLOWED,
    NOT_COVERED,
    NOTHING_FEEDS,
    READ_BANDWIDTH,
    READ_PJ,
    READS,
    RESULTS,
    SHARED_BANDWIDTH,
    TENSORS_OF,
    TILE,
    TIMELOOP,
    UPDATES,
    UTILISATION,
    VALID,
    WIDTH,
    WRITE_BANDWIDTH,
    WRITE_PJ,
)
from cosearch_simulators.accelerator.common.tile import tile_words
from cosearch_simulators.accelerator.engines.timeloop.exact_nest import count_exact, sharing_of
from cosearch_simulators.accelerator.engines.timeloop.ragged_nest import count_ragged


def new_scratch(levels: int) -> tuple[np.ndarray, ...]:
    """Arrays for `cost_of`: integers, floats, and its outputs `counts`, `result` and `fault`.

    Returns:
        `integers` (levels + 1, 40) and `floats` (levels + 1, 64), of use to nobody else; `counts` (levels, 3,
        4) by level, tensor and `READS`, `FILLS`, `UPDATES`, `TILE`; `result` (RESULTS,); `fault` (3,); and of
        the floats, (levels, 8) each, the extents and the spatial factors.
    """
    floats = np.zeros((levels + 1, 64), np.float64)
    return (
        np.zeros((levels + 1, 40), np.int64),
        floats,
        np.zeros((levels, 3, 4), np.float64),
        np.zeros(RESULTS, np.float64),
        np.zeros(3, np.float64),
        floats[:levels, 48:56],
        floats[:levels, 56:64],
    )


@njit(nogil=True, error_model="numpy")
def cost_of(table, allowed, constants, nest, temporal, order, spatial_x, spatial_y, keeps, options, scratch):
    """Cost one mapping.

    Args:
        table: (L, LEVEL_COLUMNS) float64, the levels of an architecture, innermost first.
        allowed: (L, 3) uint8, which tensors a level may hold.
        constants: (CONSTANTS,) float64.
        nest: (NEST_COLUMNS,) int64.
        temporal: (L, 8) integers, factor of each of `LOOPS`.
        order: (L, 8) integers, the loops of each level, innermost first.
        spatial_x: (L, 8) integers, factors along X between a level and the one below.
        spatial_y: (L, 8) integers, the same along Y.
        keeps: (L, 3) uint8, which tensors the mapping holds at a level.
        options: 0, or `TIMELOOP`.
        scratch: of `new_scratch(L)`.

    Returns:
        `VALID`, and counts and result are in the scratch; or why there is no such mapping, with `fault`.
    """
    integers, floats, counts, result, fault, extent, spread = scratch
    levels = table.shape[0]
    # integers[l]: 0 first loop of the level, 1 its first temporal loop, 8.. dimension of its loops
    # floats[l]: 0..7 extents, 8..23 factors of its loops, 24..39 their steps, 40..47 see below,
    #            48..55 extents beyond the ends of the dimensions, 56..63 spatial factors
    cover = floats[levels]
    fault[:] = 0.0
    window_spread = 0  # the window's loops that are spatial at some level, by bit
    ragged = False
    for loop in range(8):
        cover[loop] = 1.0

    for level in range(levels):
        across_x, across_y = 1, 1
        number = 0
        row_i, row_f = integers[level], floats[level]
        for loop in range(8):
            x, y = spatial_x[level, loop], spatial_y[level, loop]
            factor = x * y
            row_f[56 + loop] = factor
            if factor != 1 or x != 1:
                if x < 1 or y < 1:
                    fault[0], fault[1], fault[2] = level, loop, min(x, y)
                    return BAD_FACTOR
                across_x *= x
                across_y *= y
                if loop >= 4:
                    ragged |= (window_spread >> loop) & 1 == 1  # at two levels: windows coincide irregularly
                    window_spread |= 1 << loop
                row_i[8 + number] = loop
                row_f[8 + number] = factor
                row_f[24 + number] = cover[loop]
                cover[loop] *= factor
                number += 1
        if across_x > table[level, FANOUT_X] or across_y > table[level, FANOUT_Y]:
            wide = across_x > table[level, FANOUT_X]
            fault[0], fault[1], fault[2] = level, 0 if wide else 1, across_x if wide else across_y
            return FANOUT_EXCEEDED
        row_i[0] = number
        seen = 0
        for position in range(8):
            loop = order[level, position]
            if loop < 0 or loop > 7:
                fault[0] = level
                return BAD_ORDER
            seen |= 1 << loop
            factor = temporal[level, loop]
            if factor != 1:
                if factor < 1:
                    fault[0], fault[1], fault[2] = level, loop, factor
                    return BAD_FACTOR
                row_i[8 + number] = loop
                row_f[8 + number] = factor
                row_f[24 + number] = cover[loop]
                cover[loop] *= factor
                number += 1
        if seen != 255:
            fault[0] = level
            return BAD_ORDER
        row_i[1] = number
        for loop in range(8):
            row_f[loop] = row_f[48 + loop] = cover[loop]

    macs = 1.0
    for loop in range(8):
        size = nest[loop]
        macs *= size
        if cover[loop] != size:
            if cover[loop] < size:
                fault[0], fault[1], fault[2] = loop, cover[loop], size
                return NOT_COVERED
            ragged = True
    if ragged:  # the largest tile is the first, and ends with the dimension
        for level in range(levels):
            for loop in range(8):
                floats[level, loop] = min(floats[level, loop], float(nest[loop]))

    for level in range(levels):
        held = 0.0
        for tensor in range(3):
            words = tile_words(floats[level], nest, tensor)
            counts[level, tensor, READS] = 0.0
            counts[level, tensor, FILLS] = 0.0
            counts[level, tensor, UPDATES] = 0.0
            counts[level, tensor, TILE] = 0.0
            if keeps[level, tensor]:
                if not allowed[level, tensor]:
                    fault[0], fault[1] = level, tensor
                    return NOT_ALLOWED
                counts[level, tensor, TILE] = words
                held += words * table[level, WIDTH + tensor]
        if held > table[level, CAPACITY]:
            fault[0], fault[1], fault[2] = level, held, table[level, CAPACITY]
            return BUFFER_OVERFLOW
    for tensor in range(3):
        if not keeps[levels - 1, tensor]:
            fault[0], fault[1] = levels - 1, tensor
            return NOTHING_FEEDS

    # Products over the loops above each level, from the outside in; by level:
    # 40..42 temporal iterations down to the innermost loop that indexes the tensor, 43 all of them,
    # 44 instances, 45..47 spatial factors at the level that do not index the tensor.
    all_steps, instances = 1.0, 1.0
    to_weights, to_inputs, to_outputs = 1.0, 1.0, 1.0
    for level in range(levels - 1, -1, -1):
        row_i, row_f = integers[level], floats[level]
        row_f[40], row_f[41], row_f[42] = to_weights, to_inputs, to_outputs
        row_f[43], row_f[44] = all_steps, instances
        spatial = row_i[0]
        for position in range(row_i[1] - 1, spatial - 1, -1):
            all_steps *= row_f[8 + position]
            tensors = TENSORS_OF[row_i[8 + position]]
            if tensors & 1:
                to_weights = all_steps
            if tensors & 2:
                to_inputs = all_steps
            if tensors & 4:
                to_outputs = all_steps
        shared_weights, shared_inputs, shared_outputs = 1.0, 1.0, 1.0
        for position in range(spatial):
            factor = row_f[8 + position]
            instances *= factor
            tensors = TENSORS_OF[row_i[8 + position]]
            if not tensors & 1:
                shared_weights *= factor
            if not tensors & 2:
                shared_inputs *= factor
            if not tensors & 4:
                shared_outputs *= factor
        row_f[45], row_f[46], row_f[47] = shared_weights, shared_inputs, shared_outputs
    if all_steps * instances > LARGEST_EXACT:
        fault[0] = all_steps * instances
        return COUNT_OVERFLOW

    if ragged:
        count_ragged(table, nest, keeps, options, integers, floats, counts)
    else:
        macs_done = all_steps * instances
        count_exact(table, nest, keeps, options, temporal, order, spread, extent, floats, counts, macs_done)

    # Each level takes its time for its words; everything overlaps, but reads and writes of one port. The
    # order is Timeloop's; `mapper/search_cost.py` has the same sums, shorter, and a test holds them equal.
    compute = np.ceil(all_steps / constants[MACS_A_CYCLE])
    stalled = 1.0
    energy = macs * constants[MAC_PJ]
    for level in range(levels):
        present = floats[level, 44]
        read_rate, write_rate = 0.0, 0.0
        for tensor in range(3):
            if keeps[level, tensor]:
                reads = counts[level, tensor, READS]
                written = counts[level, tensor, FILLS] + counts[level, tensor, UPDATES]
                energy += reads * table[level, READ_PJ + tensor] + written * table[level, WRITE_PJ + tensor]
                read_rate += reads * table[level, WIDTH + tensor] / present / compute
                write_rate += written * table[level, WIDTH + tensor] / present / compute
        if table[level, SHARED_BANDWIDTH] != 0.0:
            busy = read_rate / table[level, READ_BANDWIDTH] + write_rate / table[level, WRITE_BANDWIDTH]
            stalled = min(stalled, 1.0 / max(busy, 1.0))
            continue
        if read_rate > 0.0:
            stalled = min(stalled, table[level, READ_BANDWIDTH] / read_rate)
        if write_rate > 0.0:
            stalled = min(stalled, table[level, WRITE_BANDWIDTH] / write_rate)
    cycles = compute / stalled
    if not options & TIMELOOP:  # which rounds up what its last bit has lost
        cycles = np.ceil(cycles - 1e-12 * cycles)
    units = 1.0
    for level in range(levels):
        units *= table[level, FANOUT_X] * table[level, FANOUT_Y]
    result[FILL_DRAIN_CYCLES] = 0.0
    if options & FILL_AND_DRAIN:
        result[FILL_DRAIN_CYCLES] = np.ceil(
            _fill_and_drain(table, nest, keeps, spread, extent, floats, counts)
        )
        cycles += result[FILL_DRAIN_CYCLES]
    result[CYCLES] = np.ceil(cycles)
    result[COMPUTE_CYCLES] = compute
    result[ENERGY_PJ] = energy
    result[MACS] = macs
    result[UTILISATION] = macs / (result[CYCLES] * units * constants[MACS_A_CYCLE])
    return VALID


@njit(nogil=True, error_model="numpy")
def _fill_and_drain(table, nest, keeps, spread, extent, floats, counts):
    """Cycles until the first tiles have come down, level by level, and the last outputs have gone up."""
    levels = table.shape[0]
    cycles = 0.0
    for parent in range(levels):
        down, up, enter = 0.0, 0.0, 0.0
        for tensor in range(3):
            child = parent - 1
            while child >= 0 and not keeps[child, tensor]:
                child -= 1
            if not keeps[parent, tensor] or child < 0:
                continue
            tile = counts[child, tensor, TILE]
            words = tile * floats[child, 44] / floats[parent, 44]
            sharing = sharing_of(table, floats, tensor, child, parent)
            if tensor == 1:
                sharing = with_windows(table, nest, spread, extent, child, parent, sharing)
            words /= sharing
            if tensor == 2:
                up += words * table[parent, WIDTH + 2]
            else:
                down += words * table[parent, WIDTH + tensor]
                enter = max(enter, tile * table[child, WIDTH + tensor] / table[child, WRITE_BANDWIDTH])
        cycles += max(down / table[parent, READ_BANDWIDTH], enter) + up / table[parent, WRITE_BANDWIDTH]
    return cycles
