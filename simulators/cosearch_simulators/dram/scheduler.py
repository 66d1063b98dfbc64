"""Which request goes next: the one whose next command is allowed first; of those allowed at once, the oldest.

That is first-ready first-come-first-served seen from any cycle before: as long as no command is issued and no
request arrives, the choice stays right, so idle cycles need not be visited. A choice is a key,
`(cycles to wait) << 32 | request`; the least is the best, and keys from `ABSENT` on mean none.
"""

# mypy: disable-error-code="no-untyped-def, no-untyped-call"
from __future__ import annotations

import numpy as np
from numba import njit

from cosearch_simulators.dram.queues import ABSENT, ACTIVATE, CONFLICT, HIT, NONE
from cosearch_simulators.dram.timing import ACT, PREPB, RD, WR

FRFCFS, FRFCFS_ROW_HIT, FCFS = range(3)

_LONGEST_WAIT = np.int64(1) << np.int64(28)


@njit(nogil=True)
def key_of(earliest, now, request):
    """The key of a request whose next command is allowed from cycle `earliest` on."""
    return (min(max(earliest - now, 0), _LONGEST_WAIT) << 32) + request


@njit(nogil=True)
def best_active(active_banks, active_count, active_request, is_write, row_of, open_row, earliest, now):
    """The best of the requests whose row was activated for them; one a bank at most."""
    best = ABSENT
    for k in range(active_count):
        bank = active_banks[k]
        request = active_request[bank]
        command = next_command(is_write[request], row_of[request], open_row[bank])
        best = min(best, key_of(earliest[command, bank], now, request))
    return best


@njit(nogil=True)
def next_command(write, row, open_row):
    """What a request needs next of its bank."""
    if open_row == NONE:
        return ACT
    if open_row == row:
        return WR if write else RD
    return PREPB


@njit(nogil=True)
def best_waiting(scheduler, oldest, column, keep_open, earliest, now):
    """The best of one queue.

    Args:
        scheduler: FRFCFS, FRFCFS_ROW_HIT or FCFS.
        oldest: int64 (wants, banks), of the queue.
        column: its column command.
        keep_open: int64 (banks,), ABSENT for banks that may not be precharged, else 0.
        earliest: int64 (commands, banks).
        now: the cycle.
    """
    activates, hits, conflicts = oldest[ACTIVATE], oldest[HIT], oldest[CONFLICT]
    may_activate, may_access, may_precharge = earliest[ACT], earliest[column], earliest[PREPB]
    best = ABSENT
    if scheduler == FCFS:
        first = ABSENT
        for bank in range(activates.size):
            request = min(activates[bank], hits[bank], conflicts[bank])
            if request < first:
                first = request
                if request == activates[bank]:
                    best = key_of(may_activate[bank], now, request)
                elif request == hits[bank]:
                    best = key_of(may_access[bank], now, request)
                else:
                    best = key_of(may_precharge[bank] + keep_open[bank], now, request)
        return best
    prefer_hits = scheduler == FRFCFS_ROW_HIT
    for bank in range(activates.size):
        conflict = conflicts[bank] + keep_open[bank]
        if prefer_hits and hits[bank] < conflict:
            conflict = ABSENT
        activate = key_of(may_activate[bank], now, activates[bank])
        access = key_of(may_access[bank], now, hits[bank])
        precharge = key_of(may_precharge[bank], now, conflict)
        best = min(best, min(activate, min(access, precharge)))
    return best


@njit(nogil=True)
def arrived(scheduler, best, since, oldest, column, keep_open, earliest, now, request, bank):
    """The best of a queue after `request` arrived in cycle `now`; `best` counts from cycle `since`."""
    if scheduler == FCFS and best < ABSENT:
        return best
    if oldest[ACTIVATE, bank] == request:
        return min(best, key_of(max(earliest[ACT, bank], now), since, request))
    if oldest[HIT, bank] == request:
        return min(best, key_of(max(earliest[column, bank], now), since, request))
    passed_over = scheduler == FRFCFS_ROW_HIT and oldest[HIT, bank] < ABSENT
    if oldest[CONFLICT, bank] == request and not passed_over:
        return min(best, key_of(max(earliest[PREPB, bank], now) + keep_open[bank], since, request))
    return best
