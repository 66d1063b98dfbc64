"""What one uneven mapping moves between the levels, and the energy of that.

The energy is that of ZigZag (Mei et al., IEEE Transactions on Computers 2021): accesses of every memory times
their cost. The latency is left to `timing`.

Loops run from the innermost to the outermost. `boundaries[a, l]` is the number of loops that level l of
operand a and the levels below it hold; loops that do not index the operand and come next stay with the level,
because they need no room there. Everything here is compiled; `kernel` has the entry points.
"""

# mypy: disable-error-code="no-untyped-def, no-untyped-call, assignment"
from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from cosearch_simulators.accelerator.engines.zigzag.timing import DOWN, ceil_div, evaluate_latency

READ_FOR_LOW, WRITTEN_BY_LOW, READ_FOR_HIGH, WRITTEN_BY_HIGH = 0, 1, 2, 3


class Scratch(NamedTuple):
    """The engine's working memory, which holds the breakdowns of the last mapping that it saw.

    Attributes:
        boundaries: (a, l) after loops that need no room have moved down.
        accesses: (a, l, 4) of full words: read for the level below, written by it, read for the level above,
            written by it.
        energy_pj: (a, l).
        held_bits: (m) what the memory holds: outputs that are finished there at their final bits.
        needed_bits: (m) what it must be able to hold: outputs that are worked on there as partial sums.
        part_bits: (a, l) what of the level's tile is used until the outermost loops that index it step on.
        busy_bits: (m) the sum of these; and of second ones, where there is room for them.
        run: (a, l) iterations of the level's outermost loops that do not index the operand.
        link: (k, 4) active, period, how many periods, window.
        cycles: (k, 2) that the tile takes at either port.
        moved_bits: (k, 2) a period.
        least_bits: (k) of a single innermost tile, which can be moved at no other time than at first or last.
        loading: (k, 2) cycles that initial loading or final off-loading takes at either port.
        way: (a, 2) the same of all levels, where an operand takes turns with others and where it does not.
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
    part_bits: NDArray[np.int64]
    busy_bits: NDArray[np.int64]
    run: NDArray[np.int64]
    link: NDArray[np.int64]
    cycles: NDArray[np.int64]
    moved_bits: NDArray[np.int64]
    least_bits: NDArray[np.int64]
    loading: NDArray[np.int64]
    way: NDArray[np.int64]
    stall: NDArray[np.int64]
    temporal: NDArray[np.float64]
    order: NDArray[np.int64]
    gap: NDArray[np.int64]
    hidden: NDArray[np.int64]
    latency: NDArray[np.int64]


@njit(error_model="numpy")
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
        np.zeros(tables.size_bits.size, np.int64),
        np.zeros((operands, deepest), np.int64),
        np.zeros((links, 4), np.int64),
        np.zeros((links, 2), np.int64),
        np.zeros((links, 2), np.int64),
        np.zeros(links, np.int64),
        np.zeros((links, 2), np.int64),
        np.zeros((operands, 2), np.int64),
        np.zeros(tables.width.size, np.int64),
        np.zeros(tables.relevant.shape[1], np.float64),
        np.zeros(links, np.int64),
        np.zeros(links, np.int64),
        np.zeros(links, np.int64),
        np.zeros(5, np.int64),
    )


@njit(error_model="numpy")
def elements(terms, served, a, level, temporal):
    """Different elements of operand a that these iterations touch in what an instance of a level serves.

    Of a sum s * x + d * y with s and d without common divisor, x in 0..X-1 and y in 0..Y-1, exactly
    (X - d)(Y - s) pairs repeat an earlier value where both are positive. Averages of positions are rounded
    down for it.
    """
    total = 1.0
    for i in range(terms.shape[1]):
        one, other = terms[a, i, 0], terms[a, i, 2]
        if one < 0:
            break
        x = temporal[one] * served[a, level, one]
        if other < 0:
            total *= x
        else:
            x, y = np.floor(x + 1e-9), np.floor(temporal[other] * served[a, level, other] + 1e-9)
            total *= x * y - max(0.0, x - terms[a, i, 3]) * max(0.0, y - terms[a, i, 1])
    return total


@njit(error_model="numpy")
def evaluate(tables, loops, sizes, boundaries, scratch):
    """Latency in cycles, energy in pJ and bits above capacity of one mapping; the rest is in `scratch`."""
    cycles, energy, over = evaluate_energy(tables, loops, sizes, boundaries, scratch)
    return evaluate_latency(tables, cycles, scratch), energy, over


@njit(error_model="numpy")
def evaluate_energy(tables, loops, sizes, boundaries, scratch):
    """Iterations, energy in pJ and bits above capacity of one mapping."""
    cycles = np.int64(1)
    for k in range(loops.size):
        cycles *= sizes[k]
    scratch.held_bits[:] = 0
    scratch.needed_bits[:] = 0
    scratch.busy_bits[:] = 0
    scratch.link[:, 0] = 0
    energy = tables.mac_pj[0]
    for a in range(tables.levels.size):
        energy += _move(tables, loops, sizes, boundaries, cycles, a, scratch)
    over = np.int64(0)
    for m in range(tables.size_bits.size):
        over = max(over, scratch.needed_bits[m] - tables.size_bits[m])
    return cycles, energy, over


@njit(error_model="numpy")
def _move(tables, loops, sizes, boundaries, cycles, a, scratch):
    """One operand's movements: periods, bits and accesses. Returns their energy."""
    n, levels, output = loops.size, tables.levels[a], a == tables.levels.size - 1
    terms, temporal = tables.terms, scratch.temporal
    temporal[:] = 1.0
    reduced = n - 1  # the outermost loop that does not index the operand
    while reduced >= 0 and (tables.relevant[a, loops[reduced]] or sizes[reduced] == 1):
        reduced -= 1
    tile = np.int64(np.rint(elements(terms, tables.served, a, 0, temporal)))
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
        count = cycles // held
        partial = output and (reduced >= inner or tables.joined_later[level])
        bits = tables.bits[a] if partial else tables.final_bits[a]
        if level == 1:
            innermost = whole * bits
        upper_tile = np.int64(tile * tables.distinct[a, level])
        upper_whole = np.int64(whole * tables.distinct_whole[a, level])
        for way in range(2):
            k = tables.link[a, level, way]
            if k < 0 or (output and way == DOWN and not partial):
                continue
            scratch.link[k, 0], scratch.link[k, 1], scratch.link[k, 2] = 1, held, count
            scratch.least_bits[k] = innermost
            for end in range(2):
                if end == 1 and level == 0:
                    continue
                port = tables.ends[k, end]
                moved = (upper_whole if end == 0 else whole) * bits
                scratch.moved_bits[k, end] = moved
                scratch.cycles[k, end] = ceil_div(moved, tables.width[port])
                at, direction = level - end, way if end == 0 else (WRITTEN_BY_HIGH - way)
                words = ceil_div((upper_tile if end == 0 else tile) * bits, tables.narrowest[port])
                accesses = words * tables.word_share[port] * (count * tables.instances[a, at])
                scratch.accesses[a, at, direction] = np.int64(accesses + 1e-9)
        outer = max(boundaries[a, level], inner)
        while outer < n and not tables.relevant[a, loops[outer]]:
            outer += 1
        if level == levels - 1:
            outer = n
        run, parts = np.int64(1), np.int64(1)
        for k in range(inner, outer):
            temporal[loops[k]] *= sizes[k]
            period *= sizes[k]
            run = 1 if tables.relevant[a, loops[k]] else run * sizes[k]
            parts = parts * sizes[k] if tables.alone[a, loops[k]] else 1
        tile = np.int64(np.rint(elements(terms, tables.served, a, level + 1, temporal)))
        whole = np.int64(elements(terms, tables.served_whole, a, level + 1, temporal))
        m = tables.memory[a, level]
        unfinished = output and level < levels - 1 and (reduced >= outer or tables.joined_later[level + 1])
        scratch.boundaries[a, level] = outer
        scratch.run[a, level] = run
        held_bits = tile * (tables.bits[a] if unfinished else tables.final_bits[a])
        scratch.held_bits[m] += held_bits
        scratch.part_bits[a, level] = held_bits // parts
        scratch.busy_bits[m] += scratch.part_bits[a, level]
        scratch.needed_bits[m] += tile * (tables.bits[a] if partial else tables.final_bits[a])
        inner = outer
    energy = 0.0
    for level in range(levels):
        m = tables.memory[a, level]
        reads = scratch.accesses[a, level, READ_FOR_LOW] + scratch.accesses[a, level, READ_FOR_HIGH]
        writes = scratch.accesses[a, level, WRITTEN_BY_LOW] + scratch.accesses[a, level, WRITTEN_BY_HIGH]
        scratch.energy_pj[a, level] = reads * tables.read_pj[m] + writes * tables.write_pj[m]
        energy += scratch.energy_pj[a, level]
    return energy
