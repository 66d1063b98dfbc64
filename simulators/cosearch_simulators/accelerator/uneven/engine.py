"""What one uneven mapping costs: latency with stalls, initial loading and final off-loading, and energy.

The latency is the uniform model of Mei et al. (DATE 2022): every movement of an operand between two levels has
a period, a window of it in which the tile may be replaced, and the cycles that its port needs; what does not fit
stalls the array. A level that can hold two tiles leaves the whole period as window. The energy is that of
ZigZag (Mei et al., IEEE Transactions on Computers 2021): accesses of every memory times their cost.

Loops run from the innermost to the outermost. `boundaries[a, l]` is the number of loops that level l of operand
a and the levels below it hold; loops that do not index the operand and come next stay with the level, because
they need no room there. Everything here is compiled; `kernel` has the entry points.
"""

# mypy: disable-error-code="no-untyped-def, no-untyped-call"
from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

DOWN, UP = 0, 1
READ_FOR_LOW, WRITTEN_BY_LOW, READ_FOR_HIGH, WRITTEN_BY_HIGH = 0, 1, 2, 3


class Scratch(NamedTuple):
    """The engine's working memory, which holds the breakdowns of the last mapping that it saw.

    Attributes:
        boundaries: (a, l) after loops that need no room have moved down.
        accesses: (a, l, 4) of full words: read for the level below, written by it, read for the level above,
            written by it.
        energy_pj: (a, l).
        held_bits: (m) what the memory holds: outputs that are finished there at their final bits.
        needed_bits: (m) what it must be able to hold: outputs that are worked on there at the bits of partial sums.
        tile_bits: (a, l) an operand's part of it.
        run: (a, l) iterations of the level's outermost loops that do not index the operand.
        link: (k, 4) active, period, how many periods, window.
        cycles: (k, 2) that the tile takes at either port.
        moved_bits: (k, 2) a period.
        least_bits: (k) of a single innermost tile, which can be moved at no other time than at first or last.
        loading: (k, 2) cycles that initial loading or final off-loading takes at either port.
        stall: (p) stall, or slack where negative.
        temporal: (d) iterations of each loop up to a level.
        order: (k) links of a port, those with long periods first.
        gap: (k) cycles of a period that no window covers.
        hidden: (k) cycles of a window that no later window covers.
        latency: (5) compute, stall, initial loading, final off-loading, total.
    """

    boundaries: NDArray[np.int64]
    accesses: NDArray[np.int64]
    energy_pj: NDArray[np.float64]
    held_bits: NDArray[np.int64]
    needed_bits: NDArray[np.int64]
    tile_bits: NDArray[np.int64]
    run: NDArray[np.int64]
    link: NDArray[np.int64]
    cycles: NDArray[np.int64]
    moved_bits: NDArray[np.int64]
    least_bits: NDArray[np.int64]
    loading: NDArray[np.int64]
    stall: NDArray[np.int64]
    temporal: NDArray[np.float64]
    order: NDArray[np.int64]
    gap: NDArray[np.int64]
    hidden: NDArray[np.int64]
    latency: NDArray[np.int64]


@njit
def make_scratch(tables):
    """Working memory for these tables."""
    operands, deepest = tables.memory.shape
    links = tables.ends.shape[0]
    return Scratch(
        np.zeros((operands, deepest), np.int64),
        np.zeros((operands, deepest, 4), np.int64),
        np.zeros((operands, deepest), np.float64),
        np.zeros(tables.size_bits.size, np.int64),
        np.zeros(tables.size_bits.size, np.int64),
        np.zeros((operands, deepest), np.int64),
        np.zeros((operands, deepest), np.int64),
        np.zeros((links, 4), np.int64),
        np.zeros((links, 2), np.int64),
        np.zeros((links, 2), np.int64),
        np.zeros(links, np.int64),
        np.zeros((links, 2), np.int64),
        np.zeros(tables.width.size, np.int64),
        np.zeros(tables.relevant.shape[1], np.float64),
        np.zeros(links, np.int64),
        np.zeros(links, np.int64),
        np.zeros(links, np.int64),
        np.zeros(5, np.int64),
    )


@njit
def elements(tables, a, temporal, spatial):
    """Different elements of an operand that these iterations touch.

    Of a sum s * x + d * y with s and d without common divisor, x in 0..X-1 and y in 0..Y-1, exactly
    (X - d)(Y - s) pairs repeat an earlier value where both are positive.
    """
    total = 1.0
    for i in range(tables.indices[a]):
        one, factor = tables.index[a, i, 0], tables.index[a, i, 1]
        other, other_factor = tables.index[a, i, 2], tables.index[a, i, 3]
        x = temporal[one] * spatial[one]
        if other < 0:
            total *= x
        else:
            y = temporal[other] * spatial[other]
            total *= x * y - max(0.0, x - other_factor) * max(0.0, y - factor)
    return total


@njit
def _ceil_div(numerator, denominator):
    return (numerator + denominator - 1) // denominator


@njit
def evaluate(tables, loops, sizes, boundaries, scratch):
    """Latency in cycles, energy in pJ and bits above capacity of one mapping; the rest is in `scratch`."""
    cycles = np.int64(1)
    for k in range(loops.size):
        cycles *= sizes[k]
    scratch.held_bits[:] = 0
    scratch.needed_bits[:] = 0
    scratch.link[:, 0] = 0
    energy = tables.mac_pj[0]
    for a in range(tables.levels.size):
        energy += _move(tables, loops, sizes, boundaries, cycles, a, scratch)
    over = np.int64(0)
    for m in range(tables.size_bits.size):
        over = max(over, scratch.needed_bits[m] - tables.size_bits[m])
    stall = _stall(tables, cycles, scratch)
    onloading, offloading = _load(tables, cycles + stall, scratch)
    latency = cycles + stall + onloading + offloading
    scratch.latency[0], scratch.latency[1] = cycles, stall
    scratch.latency[2], scratch.latency[3], scratch.latency[4] = onloading, offloading, latency
    return latency, energy, over


@njit
def _move(tables, loops, sizes, boundaries, cycles, a, scratch):
    """One operand's movements: periods, bits and accesses. Returns their energy."""
    n, levels, output = loops.size, tables.levels[a], a == tables.levels.size - 1
    temporal = scratch.temporal
    temporal[:] = 1.0
    reduced = n - 1  # the outermost loop that does not index the operand
    while reduced >= 0 and tables.relevant[a, loops[reduced]]:
        reduced -= 1
    tile = np.int64(np.rint(elements(tables, a, temporal, tables.served[a, 0])))
    whole = np.int64(1)
    inner, period, innermost = 0, np.int64(1), np.int64(0)
    for level in range(levels):
        scratch.energy_pj[a, level] = 0.0
        for direction in range(4):
            scratch.accesses[a, level, direction] = 0
    for level in range(levels):
        held = period
        if level == 0 and not output:  # the unit keeps an input; it hands every partial sum back
            k = 0
            while k < n and not tables.relevant[a, loops[k]]:
                held *= sizes[k]
                k += 1
        partial = output and (level == 0 or reduced >= inner)
        bits = tables.bits[a] if partial else tables.final_bits[a]
        if level == 1:
            innermost = whole * bits
        upper_tile = np.int64(tile * tables.distinct[a, level])
        upper_whole = np.int64(elements(tables, a, temporal, tables.served_whole[a, level + 1]))
        for way in range(2):
            k = tables.link[a, level, way]
            if k < 0 or (output and way == DOWN and not partial):
                continue
            scratch.link[k, 0], scratch.link[k, 1], scratch.link[k, 2] = 1, held, cycles // held
            scratch.least_bits[k] = innermost
            for end in range(2):
                if end == 1 and level == 0:
                    continue
                port = tables.ends[k, end]
                moved = (upper_whole if end == 0 else whole) * bits
                scratch.moved_bits[k, end] = moved
                scratch.cycles[k, end] = _ceil_div(moved, tables.width[port])
                at, direction = level - end, way if end == 0 else (WRITTEN_BY_HIGH - way)
                words = _ceil_div((upper_tile if end == 0 else tile) * bits, tables.narrowest[port])
                scratch.accesses[a, at, direction] = np.int64(
                    words
                    * (tables.narrowest[port] / tables.width[port])
                    * (cycles // held * tables.instances[a, at])
                    + 1e-9
                )
        outer = max(boundaries[a, level], inner)
        while outer < n and not tables.relevant[a, loops[outer]]:
            outer += 1
        if level == levels - 1:
            outer = n
        run = np.int64(1)
        for k in range(inner, outer):
            temporal[loops[k]] *= sizes[k]
            period *= sizes[k]
            run = 1 if tables.relevant[a, loops[k]] else run * sizes[k]
        tile = np.int64(np.rint(elements(tables, a, temporal, tables.served[a, level + 1])))
        whole = np.int64(elements(tables, a, temporal, tables.served_whole[a, level + 1]))
        m = tables.memory[a, level]
        scratch.boundaries[a, level] = outer
        scratch.run[a, level] = run
        scratch.tile_bits[a, level] = tile * (tables.bits[a] if reduced >= outer else tables.final_bits[a])
        scratch.held_bits[m] += scratch.tile_bits[a, level]
        scratch.needed_bits[m] += tile * (tables.bits[a] if reduced >= inner else tables.final_bits[a])
        inner = outer
    energy = 0.0
    for level in range(levels):
        m = tables.memory[a, level]
        reads = scratch.accesses[a, level, READ_FOR_LOW] + scratch.accesses[a, level, READ_FOR_HIGH]
        writes = scratch.accesses[a, level, WRITTEN_BY_LOW] + scratch.accesses[a, level, WRITTEN_BY_HIGH]
        scratch.energy_pj[a, level] = reads * tables.read_pj[m] + writes * tables.write_pj[m]
        energy += scratch.energy_pj[a, level]
    return energy


@njit
def _stall(tables, cycles, scratch):
    """Cycles that the slowest port makes the array wait; fills every link's window on the way."""
    for a in range(tables.levels.size):
        for level in range(tables.levels[a]):
            for way in range(2):
                k = tables.link[a, level, way]
                if k >= 0 and scratch.link[k, 0]:
                    scratch.link[k, 3] = _window(tables, a, level, scratch.link[k, 1], scratch)
    worst = np.int64(0)
    for p in range(tables.width.size):
        scratch.stall[p] = _port_stall(tables, p, cycles, scratch)
        worst = max(worst, scratch.stall[p])
    return worst


@njit
def _window(tables, a, level, period, scratch):
    """Cycles of a period in which the tile below a level may be replaced.

    All of them where two tiles fit: the memory is at most half full, or the operand's tile fits into what is
    free. Else the tile must stay until its last use begins.
    """
    if level == 0:
        return period
    m, tile = tables.memory[a, level - 1], scratch.tile_bits[a, level - 1]
    held, size = scratch.held_bits[m], tables.size_bits[m]
    if 2 * held <= size or tile + held <= size:
        return period
    return period // scratch.run[a, level - 1]


@njit
def _port_stall(tables, p, cycles, scratch):
    """Stall of one port, or slack where negative.

    A movement alone stalls by what its cycles exceed its window, every period but the first. Several movements
    add their stalls, and also wait where their windows overlap more than their slacks cover.
    """
    used, late, early, windows, everywhere = 0, np.int64(0), np.int64(0), np.int64(0), False
    for entry in range(tables.port_start[p], tables.port_start[p + 1]):
        k, end = tables.port_links[entry, 0], tables.port_links[entry, 1]
        if scratch.link[k, 0] == 0:
            continue
        period, count, window = scratch.link[k, 1], scratch.link[k, 2], scratch.link[k, 3]
        slack = (scratch.cycles[k, end] - window) * (count - 1)
        late += max(slack, 0)
        early += min(slack, 0)
        windows += window * (count - 1)
        everywhere = everywhere or window == period
        at = used  # longest period first: shorter ones divide it
        while at > 0 and scratch.link[scratch.order[at - 1], 1] < period:
            scratch.order[at] = scratch.order[at - 1]
            at -= 1
        scratch.order[at] = k
        used += 1
    if used <= 1:
        return late + early
    union = cycles if everywhere else _covered(scratch, cycles, used)
    return late + max(np.int64(0), early + windows - union)


@njit
def _covered(scratch, cycles, used):
    """How many cycles lie in the window of a link of `order`.

    Windows open each period, and each period divides the one before it: `gap[i]` is what the links from i on
    leave uncovered in a period of link i, `hidden[i]` what those after i leave uncovered in its window.
    """
    for i in range(used - 1, -1, -1):
        period, window = scratch.link[scratch.order[i], 1], scratch.link[scratch.order[i], 3]
        scratch.hidden[i] = _uncovered(scratch, window, i + 1, used)
        scratch.gap[i] = _uncovered(scratch, period, i + 1, used) - scratch.hidden[i]
    return cycles - _uncovered(scratch, cycles, 0, used)


@njit
def _uncovered(scratch, cycles, first, used):
    """How many of the first cycles the links from `first` on leave uncovered."""
    count = np.int64(0)
    for i in range(first, used):
        period, window = scratch.link[scratch.order[i], 1], scratch.link[scratch.order[i], 3]
        count += cycles // period * scratch.gap[i]
        cycles %= period
        if cycles <= window:
            return count
        count -= scratch.hidden[i]
    return count + cycles


@njit
def _load(tables, cycles, scratch):
    """Cycles of initial loading of the inputs and of final off-loading of the output.

    What moves once may use the bandwidth that a port has left while the array computes, the largest first, down
    to the tile of a single innermost memory. An operand's levels follow each other, the slower port of each
    counts, and operands take turns where they share both ports.
    """
    output = tables.levels.size - 1
    for p in range(tables.width.size):
        _hide(tables, p, cycles, scratch)
    loading, offloading, turns = np.int64(0), np.int64(0), np.int64(0)
    for a in range(tables.levels.size):
        chain = np.int64(0)
        for level in range(1, tables.levels[a]):
            k = tables.link[a, level, UP if a == output else DOWN]
            slower = max(scratch.loading[k, 0], scratch.loading[k, 1])
            if a != output and tables.serial[k]:
                turns += slower
            else:
                chain += slower
        if a == output:
            offloading = chain
        else:
            loading = max(loading, chain)
    return loading + turns, offloading


@njit
def _hide(tables, p, cycles, scratch):
    """`loading` at one port: a link's cycles, less what bandwidth left over takes of those that move once."""
    busy, once = 0.0, 0
    for entry in range(tables.port_start[p], tables.port_start[p + 1]):
        k, end = tables.port_links[entry, 0], tables.port_links[entry, 1]
        if scratch.link[k, 0] == 0:
            continue
        scratch.loading[k, end] = scratch.cycles[k, end]
        if scratch.link[k, 2] > 1:
            busy += scratch.moved_bits[k, end] / scratch.link[k, 1]
        elif tables.ends[k, 1] >= 0:
            at = once
            while at > 0 and _cycles_at(tables, p, scratch, scratch.order[at - 1]) < scratch.cycles[k, end]:
                scratch.order[at] = scratch.order[at - 1]
                at -= 1
            scratch.order[at] = entry
            once += 1
    free = np.int64(max(0.0, tables.width[p] - np.floor(busy)) * cycles / tables.width[p])
    for i in range(once):
        k, end = tables.port_links[scratch.order[i], 0], tables.port_links[scratch.order[i], 1]
        least = min(scratch.cycles[k, end], _ceil_div(scratch.least_bits[k], tables.width[p]))
        hidden = min(free, scratch.cycles[k, end] - least)
        scratch.loading[k, end] -= hidden
        free -= hidden


@njit
def _cycles_at(tables, p, scratch, entry):
    return scratch.cycles[tables.port_links[entry, 0], tables.port_links[entry, 1]]
