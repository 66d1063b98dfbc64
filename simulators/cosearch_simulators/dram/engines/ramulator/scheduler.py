"""Which request goes next: the one whose next command is allowed first; of those allowed at once, the oldest.

That is first-ready first-come-first-served seen from any cycle before: as long as no command is issued and no
request arrives, the choice stays right, so idle cycles need not be visited. A choice is a key,
`(cycles to wait) << 32 | request`; the least is the best, and keys from `ABSENT` on mean none.
"""

# mypy: disable-error-code="no-untyped-def, no-untyped-call, untyped-decorator, assignment"
from __future__ import annotations

import numpy as np

from cosearch_simulators.compilation import borrowing, inlined
from cosearch_simulators.dram.common.queues import ABSENT, ACTIVATE, CONFLICT, HIT, NONE
from cosearch_simulators.dram.common.timing import ACT, PREPB, RD, WR

FRFCFS, FRFCFS_ROW_HIT, FCFS = range(3)

_LONGEST_WAIT = np.int64(1) << np.int64(28)


@borrowing
def key_of(earliest, now, request):
    """The key of a request whose next command is allowed from cycle `earliest` on."""
    return (min(max(earliest - now, 0), _LONGEST_WAIT) << 32) + request


@inlined
def best_active(
    active_banks, active_count, active_request, is_write, row_of, mask, open_row, earliest, rank_shift, now
):
    """The best of the requests whose row was activated for them; one a bank at most."""
    best = ABSENT
    for k in range(active_count):
        bank = active_banks[k]
        request = active_request[bank]
        command = next_command(is_write[request & mask], row_of[request & mask], open_row[bank])
        allowed = max(earliest[command, bank], earliest[command, open_row.size + (bank >> rank_shift)])
        best = min(best, key_of(allowed, now, request))
    return best


@borrowing
def next_command(write, row, open_row):
    """What a request needs next of its bank."""
    if open_row == NONE:
        return ACT
    if open_row == row:
        return WR if write else RD
    return PREPB


@inlined
def best_waiting(scheduler, oldest, column, keep_open, earliest, rank_banks, now):
    """The best of one queue.

    Args:
        scheduler: FRFCFS, FRFCFS_ROW_HIT or FCFS.
        oldest: int64 (wants, banks), of the queue.
        column: its column command.
        keep_open: int64 (banks,), ABSENT for banks that may not be precharged, else 0.
        earliest: int64 (commands, banks + ranks).
        rank_banks: banks of a rank.
        now: the cycle.
    """
    activates, hits, conflicts = oldest[ACTIVATE], oldest[HIT], oldest[CONFLICT]
    may_activate, may_access, may_precharge = earliest[ACT], earliest[column], earliest[PREPB]
    banks = activates.size
    best = ABSENT
    if scheduler == FCFS:
        first = ABSENT
        for bank in range(banks):
            request = min(activates[bank], hits[bank], conflicts[bank])
            if request < first:
                first = request
                rank = banks + bank // rank_banks
                if request == activates[bank]:
                    best = key_of(max(may_activate[bank], may_activate[rank]), now, request)
                elif request == hits[bank]:
                    best = key_of(max(may_access[bank], may_access[rank]), now, request)
                else:
                    allowed = max(may_precharge[bank], may_precharge[rank])
                    best = key_of(allowed + keep_open[bank], now, request)
        return best
    prefer_hits = scheduler == FRFCFS_ROW_HIT
    for low in range(0, banks, rank_banks):
        rank = banks + low // rank_banks
        activate_from = max(may_activate[rank], now)
        access_from = max(may_access[rank], now)
        precharge_from = max(may_precharge[rank], now)
        for k in range(rank_banks):
            bank = np.uint64(low) + np.uint64(k)  # unsigned: an index that cannot be negative is cheaper
            conflict = conflicts[bank] + keep_open[bank]
            if prefer_hits and hits[bank] < conflict:
                conflict = ABSENT
            activate = ((max(may_activate[bank], activate_from) - now) << 32) + activates[bank]
            access = ((max(may_access[bank], access_from) - now) << 32) + hits[bank]
            precharge = ((max(may_precharge[bank], precharge_from) - now) << 32) + conflict
            best = min(best, min(activate, min(access, precharge)))
    return best


@borrowing
def arrived(scheduler, best, since, oldest, column, keep_open, earliest, rank_shift, now, request, bank):
    """The best of a queue after `request` arrived in cycle `now`; `best` counts from cycle `since`."""
    if scheduler == FCFS and best < ABSENT:
        return best
    rank = oldest.shape[1] + (bank >> rank_shift)
    if oldest[ACTIVATE, bank] == request:
        return min(best, key_of(max(earliest[ACT, bank], earliest[ACT, rank], now), since, request))
    if oldest[HIT, bank] == request:
        return min(best, key_of(max(earliest[column, bank], earliest[column, rank], now), since, request))
    passed_over = scheduler == FRFCFS_ROW_HIT and oldest[HIT, bank] < ABSENT
    if oldest[CONFLICT, bank] == request and not passed_over:
        allowed = max(earliest[PREPB, bank], earliest[PREPB, rank], now)
        return min(best, key_of(allowed + keep_open[bank], since, request))
    return best
