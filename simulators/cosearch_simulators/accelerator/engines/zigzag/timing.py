"""Latency of an uneven mapping whose movements are known: stalls, initial loading and final off-loading.

The uniform latency model of Mei et al. (DATE 2022): every movement of an operand between two levels has a
period, a window of it in which the tile may be replaced, and the cycles that its port needs; what does not
fit stalls the array. A level that can hold two tiles leaves the whole period as window.
"""

# mypy: disable-error-code="no-untyped-def, no-untyped-call, assignment"
from __future__ import annotations

import numpy as np
from numba import njit

DOWN, UP = 0, 1
"""Towards the array and away from it."""


@njit(error_model="numpy")
def evaluate_latency(tables, cycles, scratch):
    """Latency in cycles of the mapping whose movements are in `scratch`."""
    stall = _stall(tables, cycles, scratch)
    onloading, offloading = _load(tables, cycles + stall, scratch)
    latency = cycles + stall + onloading + offloading
    scratch.latency[0], scratch.latency[1] = cycles, stall
    scratch.latency[2], scratch.latency[3], scratch.latency[4] = onloading, offloading, latency
    return latency


@njit(error_model="numpy")
def ceil_div(numerator, denominator):
    """The quotient rounded up; exact below 2^53, and several times faster than a division of integers."""
    return np.int64(np.ceil(numerator / denominator))


@njit(error_model="numpy")
def _stall(tables, cycles, scratch):
    """Cycles that the slowest port makes the array wait; fills every link's window on the way."""
    link, operands = scratch.link, tables.levels.size
    for turn in range(operands):
        a = (operands - 1 + turn) % operands  # the output takes what room there is before the inputs
        for level in range(tables.levels[a]):
            run = np.int64(1)
            if level > 0:
                m, part = tables.memory[a, level - 1], scratch.part_bits[a, level - 1]
                size = tables.size_bits[m]
                if 2 * scratch.busy_bits[m] > size:
                    if part + scratch.busy_bits[m] > size:
                        run = scratch.run[a, level - 1]
                    else:
                        scratch.busy_bits[m] += part
            for way in range(2):
                k = tables.link[a, level, way]
                if k >= 0:
                    link[k, 3] = link[k, 1] if run == 1 else link[k, 1] // run
    worst = np.int64(0)
    for p in range(tables.width.size):
        first, last = tables.port_start[p], tables.port_start[p + 1]
        stall = _port_stall(
            tables.port_links[first:last],
            link,
            scratch.cycles,
            scratch.order,
            scratch.gap,
            scratch.hidden,
            cycles,
        )
        scratch.stall[p] = stall
        worst = max(worst, stall)
    return worst


@njit(error_model="numpy")
def _port_stall(entries, link, cycles_at, order, gap, hidden, cycles):
    """Stall of one port, or slack where negative.

    A movement alone stalls by what its cycles exceed its window, every period but the first. Several
    movements add their stalls, and also wait where their windows overlap more than their slacks cover.
    """
    used, late, early, windows, everywhere = 0, np.int64(0), np.int64(0), np.int64(0), False
    for entry in range(entries.shape[0]):
        k = entries[entry, 0]
        if link[k, 0] == 0:
            continue
        period, count, window = link[k, 1], link[k, 2], link[k, 3]
        slack = (cycles_at[k, entries[entry, 1]] - window) * (count - 1)
        late += max(slack, 0)
        early += min(slack, 0)
        windows += window * (count - 1)
        everywhere = everywhere or window == period
        order[used] = k
        used += 1
    if used <= 1:
        return late + early
    union = cycles if everywhere else _covered(link, order[:used], gap, hidden, cycles)
    return late + max(np.int64(0), early + windows - union)


@njit(error_model="numpy")
def _covered(link, order, gap, hidden, cycles):
    """How many cycles lie in the window of one of these links.

    Windows open each period, and of two periods one divides the other: `gap[i]` is what the links from i on
    leave uncovered in a period of link i, `hidden[i]` what those after i leave uncovered in its window.
    """
    for i in range(1, order.size):  # long periods first
        k, at = order[i], i
        while at > 0 and link[order[at - 1], 1] < link[k, 1]:
            order[at] = order[at - 1]
            at -= 1
        order[at] = k
    for i in range(order.size - 1, -1, -1):
        period, window = link[order[i], 1], link[order[i], 3]
        hidden[i] = _uncovered(link, order, gap, hidden, window, i + 1)
        gap[i] = _uncovered(link, order, gap, hidden, period, i + 1) - hidden[i]
    return cycles - _uncovered(link, order, gap, hidden, cycles, 0)


@njit(error_model="numpy")
def _uncovered(link, order, gap, hidden, cycles, first):
    """How many of the first cycles the links from `first` on leave uncovered."""
    count = np.int64(0)
    for i in range(first, order.size):
        period, window = link[order[i], 1], link[order[i], 3]
        count += cycles // period * gap[i]
        cycles %= period
        if cycles <= window:
            return count
        count -= hidden[i]
    return count + cycles


@njit(error_model="numpy")
def _load(tables, cycles, scratch):
    """Cycles of initial loading of the inputs and of final off-loading of the output.

    What moves once may use the bandwidth that a port has left while the array computes, the largest first,
    down to the tile of a single innermost memory. An operand's levels follow each other and the slower port
    of each counts. Inputs take turns where they share both ports, the one with the longest way of its own
    first, which it goes while the next takes its turn.
    """
    output = tables.levels.size - 1
    for p in range(tables.width.size):
        first, last = tables.port_start[p], tables.port_start[p + 1]
        _hide(
            tables.port_links[first:last],
            tables.ends,
            tables.width[p],
            scratch.link,
            scratch.cycles,
            scratch.moved_bits,
            scratch.least_bits,
            scratch.loading,
            scratch.order,
            tables.returns,
            cycles,
        )
    way = scratch.way
    way[:] = 0
    for a in range(tables.levels.size):
        for level in range(1, tables.levels[a]):
            k = tables.link[a, level, UP if a == output else DOWN]
            alone = a == output or not tables.serial[k]
            way[a, np.int64(alone)] += max(scratch.loading[k, 0], scratch.loading[k, 1])
    loading = np.int64(0)
    for a in range(output):
        turns = way[a, 0]
        for b in range(output):
            if way[b, 1] > way[a, 1] or (way[b, 1] == way[a, 1] and b < a):
                turns += way[b, 0]
        loading = max(loading, turns + way[a, 1])
    return loading, way[output, 1]


@njit(error_model="numpy")
def _hide(entries, ends, width, link, cycles_at, moved_bits, least_bits, loading, order, returns, cycles):
    """`loading` at one port: a link's cycles, less what bandwidth left over takes of those that move once.

    Whole bits a cycle are left over; partial sums that come back are not waited for.
    """
    busy, once = 0.0, 0
    for entry in range(entries.shape[0]):
        k, end = entries[entry, 0], entries[entry, 1]
        if link[k, 0] == 0 or returns[k]:
            continue
        loading[k, end] = cycles_at[k, end]
        if link[k, 2] > 1:
            busy += moved_bits[k, end] // link[k, 1]
        elif ends[k, 1] >= 0:
            at = once
            while (
                at > 0 and cycles_at[entries[order[at - 1], 0], entries[order[at - 1], 1]] < cycles_at[k, end]
            ):
                order[at] = order[at - 1]
                at -= 1
            order[at] = entry
            once += 1
    if once == 0:
        return
    free = np.int64(max(0.0, width - busy) * cycles / width)
    for i in range(once):
        k, end = entries[order[i], 0], entries[order[i], 1]
        least = min(cycles_at[k, end], ceil_div(least_bits[k], width))
        hidden = min(free, cycles_at[k, end] - least)
        loading[k, end] -= hidden
        free -= hidden
