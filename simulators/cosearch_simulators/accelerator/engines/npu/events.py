"""The clock of a multi-core NPU: tiles flow through each core's load, matrix, vector and store units.

Every core is a pipeline of four units that work at the same time on different tiles; a tile holds one of the
core's buffers from the start of its load to the end of its store, so two buffers overlap transfers with
computing. All cores share the DRAM: n transfers at a time each move at the speed of their core's DMA, or a
n-th of the DRAM's. A tile's inputs may be loaded when the operators that produce them are stored; its weights
before that. The idea of an event-driven model above cycles is VPU-EM's (Qi et al., "VPU-EM: An Event-based
Modeling Framework to Evaluate NPU Performance and Power Efficiency at Scale", 2023).
"""

# mypy: disable-error-code="no-untyped-def, no-untyped-call"
from __future__ import annotations

import numpy as np
from numba import njit

LOAD, MATRIX, VECTOR, STORE = range(4)
UNITS = ("load", "matrix", "vector", "store")
"""A unit's code is its position."""

TILES, SHARED, WEIGHTS, INPUTS, MATRIX_NS, VECTOR_NS, OUTPUTS = range(7)
"""Columns of an operator: how many tiles; bytes that a core loads once for all its tiles; bytes of weights
and of inputs that each tile loads; ns of the matrix and of the vector unit and bytes stored for each tile."""
COLUMNS = 7

CORE, UNIT, OPERATOR, START, END, AMOUNT = range(6)
"""Columns of the log: one row for each piece of work of a unit; times in ns; bytes of a transfer, else ns."""
LOG_COLUMNS = 6

_FREE, _WEIGHTS, _WAITING, _INPUTS = range(4)  # what a load unit does
_NONE = -1


@njit(nogil=True)
def run(
    operators,
    first_producer,
    producers,
    cores,
    buffers,
    buffer_bytes,
    dma_bytes_per_ns,
    dram_bytes_per_ns,
    pinned,
    log,
):
    """Run all operators to the end.

    Args:
        operators: float64 (operators, COLUMNS).
        first_producer, producers: int64, operator i needs
            `producers[first_producer[i]:first_producer[i + 1]]`.
        cores: how many cores.
        buffers: tiles that a core holds at a time; 1: nothing overlaps inside a core.
        buffer_bytes: of each core; a tile of the next operator that has no room beside those of the one
            before waits until they have left.
        dma_bytes_per_ns: of each core's load unit and of its store unit.
        dram_bytes_per_ns: of all transfers together.
        pinned: whether all tiles of an operator run on one core; else any free core takes the next tile.
        log: float64 (rows, LOG_COLUMNS), filled with what the units do, as far as its rows go.

    Returns:
        The time of the last store in ns, busy_ns float64 (cores, 4), bytes moved, and rows of the log.
    """
    count = operators.shape[0]
    assigned = np.zeros(count, np.int64)
    stored = np.zeros(count, np.int64)
    owner = np.full(count, _NONE, np.int64)
    doing = np.full(cores, _FREE, np.int64)
    resident = np.full(cores, _NONE, np.int64)  # the operator whose shared bytes a core has loaded
    tile = np.zeros((cores, buffers), np.int64)  # the operators of the tiles that a core holds, in a ring
    passed = np.zeros((cores, 4), np.int64)  # tiles that each unit has finished
    taken = np.zeros(cores, np.int64)
    busy = np.zeros((cores, 4), np.bool_)
    left = np.zeros((cores, 4))  # bytes or ns
    amount = np.zeros((cores, 4))  # what was left in the beginning
    since = np.zeros((cores, 4))
    busy_ns = np.zeros((cores, 4))
    moved_bytes = 0.0
    rows = 0
    lowest = 0  # the first operator with tiles to assign
    now = 0.0

    while True:
        # Start whatever can start; what takes no time ends at once and may let others start.
        changed = True
        while changed:
            changed = False
            for core in range(cores):
                for unit in (STORE, VECTOR, MATRIX):
                    if not busy[core, unit] and passed[core, unit] < passed[core, unit - 1]:
                        operator = tile[core, passed[core, unit] % buffers]
                        left[core, unit] = operators[operator, MATRIX_NS + unit - MATRIX]
                        amount[core, unit], since[core, unit] = left[core, unit], now
                        if left[core, unit] > 0.0:
                            busy[core, unit] = True
                            if unit == STORE:
                                moved_bytes += left[core, unit]
                        else:
                            passed[core, unit] += 1
                            stored[operator] += unit == STORE
                            changed = True
                if doing[core] == _FREE and taken[core] - passed[core, STORE] < buffers:
                    while lowest < count and assigned[lowest] == operators[lowest, TILES]:
                        lowest += 1
                    chosen = _next(
                        operators, first_producer, producers, assigned, stored, owner, pinned, core, lowest
                    )
                    if chosen != _NONE and _has_room(
                        operators, tile[core], passed[core, STORE], taken[core], chosen, buffer_bytes
                    ):
                        assigned[chosen] += 1
                        if pinned:
                            owner[chosen] = core
                        tile[core, taken[core] % buffers] = chosen
                        taken[core] += 1
                        doing[core] = _WEIGHTS
                        left[core, LOAD] = operators[chosen, WEIGHTS]
                        if resident[core] != chosen:
                            resident[core] = chosen
                            left[core, LOAD] += operators[chosen, SHARED]
                        busy[core, LOAD] = left[core, LOAD] > 0.0
                        moved_bytes += left[core, LOAD]
                        amount[core, LOAD], since[core, LOAD] = left[core, LOAD], now
                        changed = True
                if doing[core] == _WEIGHTS and not busy[core, LOAD]:
                    doing[core] = _WAITING
                if doing[core] == _WAITING:
                    operator = tile[core, (taken[core] - 1) % buffers]
                    if _produced(operators, first_producer, producers, stored, operator):
                        doing[core] = _INPUTS
                        left[core, LOAD] = operators[operator, INPUTS]
                        busy[core, LOAD] = left[core, LOAD] > 0.0
                        moved_bytes += left[core, LOAD]
                        amount[core, LOAD], since[core, LOAD] = left[core, LOAD], now
                if doing[core] == _INPUTS and not busy[core, LOAD]:
                    doing[core] = _FREE
                    passed[core, LOAD] += 1
                    changed = True

        # Go to the next end.
        transfers = 0
        for core in range(cores):
            transfers += busy[core, LOAD] + busy[core, STORE]
        speed = min(dma_bytes_per_ns, dram_bytes_per_ns / max(transfers, 1))
        step = np.inf
        for core in range(cores):
            for unit in range(4):
                if busy[core, unit]:
                    rate = speed if unit in (LOAD, STORE) else 1.0
                    step = min(step, left[core, unit] / rate)
        if step == np.inf:
            break
        now += step
        for core in range(cores):
            for unit in range(4):
                if not busy[core, unit]:
                    continue
                rate = speed if unit in (LOAD, STORE) else 1.0
                busy_ns[core, unit] += step
                if left[core, unit] / rate > step * (1.0 + 1e-12):
                    left[core, unit] -= step * rate
                    continue
                busy[core, unit] = False
                left[core, unit] = 0.0
                place = taken[core] - 1 if unit == LOAD else passed[core, unit]
                operator = tile[core, place % buffers]
                if rows < log.shape[0]:
                    log[rows, CORE], log[rows, UNIT], log[rows, OPERATOR] = core, unit, operator
                    log[rows, START], log[rows, END] = since[core, unit], now
                    log[rows, AMOUNT] = amount[core, unit]
                    rows += 1
                if unit != LOAD:
                    passed[core, unit] += 1
                    stored[operator] += unit == STORE

    return now, busy_ns, moved_bytes, rows


@njit(nogil=True)
def _has_room(operators, held, first, end, chosen, buffer_bytes):
    """Whether a tile fits beside those that a core holds, the bytes that tiles share included."""
    needed, before = 0.0, _NONE
    for place in range(first, end + 1):
        operator = chosen if place == end else held[place % held.size]
        needed += operators[operator, WEIGHTS] + operators[operator, INPUTS] + operators[operator, OUTPUTS]
        if operator != before:
            needed += operators[operator, SHARED]
        before = operator
    return first == end or needed <= buffer_bytes * (1.0 + 1e-9)


@njit(nogil=True)
def _produced(operators, first_producer, producers, stored, operator):
    """Whether all that an operator needs is in the DRAM."""
    for k in range(first_producer[operator], first_producer[operator + 1]):
        if stored[producers[k]] < operators[producers[k], TILES]:
            return False
    return True


@njit(nogil=True)
def _next(operators, first_producer, producers, assigned, stored, owner, pinned, core, lowest):
    """The operator whose next tile a core takes: the first that is ready, else the first that will be."""
    ahead = _NONE
    for operator in range(lowest, operators.shape[0]):
        if assigned[operator] == operators[operator, TILES]:
            continue
        if pinned and owner[operator] != _NONE and owner[operator] != core:
            continue
        if _produced(operators, first_producer, producers, stored, operator):
            return operator
        if ahead == _NONE and _produced(operators, first_producer, producers, assigned, operator):
            ahead = operator
    return ahead
