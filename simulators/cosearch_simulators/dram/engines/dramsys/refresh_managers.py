"""When a rank or some of its banks are refreshed: DRAMSys 4's refresh managers.

Every refresh interval one refresh is due: of the whole rank (`ALL_BANK`), of one bank (`PER_BANK`) or of the
banks with the same number in all bank groups (`SAME_BANK`). While requests wait for all that could be
refreshed it is postponed, up to a bound; then it is forced, and the banks take no further requests until it
is done. While none wait, refreshes are pulled in. By bank, each is refreshed once in a round, those first for
which nothing waits. Both bounds count in rounds. DRAMSys closes a set of same banks by one command (PREsb);
here each open bank of it is closed by itself.

Steiner et al., "DRAMSys4.0: A Fast and Cycle-Accurate SystemC/TLM-Based DRAM Simulator", SAMOS 2020, and its
public source.
"""

# mypy: disable-error-code="no-untyped-def, no-untyped-call, call-overload"
from __future__ import annotations

from numba import njit

from cosearch_simulators.dram.common.queues import NONE
from cosearch_simulators.dram.common.timing import PREAB, PREPB, REFAB, REFPB, REFSB

NO_REFRESH, ALL_BANK, PER_BANK, SAME_BANK = range(4)

OPEN_ROW, OPENED_AT, WAITING, ACTIVE, PLACE, CHOSEN, WANTED, BARRED, PENDING, PRECHARGES = range(10)
"""By bank: its open row (NONE: closed) and since when; how many requests wait; the banks with requests, in
any order, and the place of a bank there; what its machine does next, a request and its command; what bars
its machine; whether its refresh of this round is pending; how often it was closed."""
BANK_FIELDS = 10

OPEN_BANKS, OPEN_SINCE, OPEN_UNTIL, OPEN_CYCLES, RANK_WAITING, POWER_STATE = range(6)
REFRESH_DUE, REFRESH_COMMAND, REFRESH_NODE, REFRESH_SET, OWED, PULLING_IN, KEEP, PENDING_COUNT = range(6, 14)
"""By rank: how many banks are open, since when, until when the last was, and for how many cycles before; how
many requests wait; its power state. Then of its refresh manager: when a refresh is due; the command it wants
(NONE: nothing) and for which bank, or the rank's first; the first bank of the set to refresh; refreshes
postponed, less those pulled in; whether it is pulling in; whether the choice of a set stands; how many of
the round are pending."""
RANK_FIELDS = 14

FREE, BLOCKED, BEING_BLOCKED, ASLEEP = 0, 1, 2, 4
"""What bars a bank's machine. What is ready in the moment of blocking may still be issued."""


@njit(nogil=True, _nrt=False)
def refresh_anew(r, now, rank, bank, refresh_interval, sets):
    """The rank has been refreshed after self-refresh."""
    if refresh_interval == 0:
        return
    rank[REFRESH_DUE, r] = now + refresh_interval
    rank[PULLING_IN, r] = rank[KEEP, r] = 0
    first = r * (bank.shape[1] // rank.shape[1])
    for s in range(sets):
        bank[PENDING, first + s] = 1
    rank[PENDING_COUNT, r] = sets


@njit(nogil=True, _nrt=False)
def refresh_all_banks(r, now, rank, bank, interval, most_postponed):
    """Decide about a refresh of a rank that is due."""
    if now >= rank[REFRESH_DUE, r] + interval:
        rank[REFRESH_DUE, r] += interval
        rank[PULLING_IN, r] = 0
    banks = bank.shape[1] // rank.shape[1]
    if not rank[PULLING_IN, r] and rank[OWED, r] == most_postponed:
        for b in range(r * banks, (r + 1) * banks):
            _block(b, bank)
    elif rank[RANK_WAITING, r] > 0:
        if not rank[PULLING_IN, r]:
            rank[OWED, r] += 1
        rank[PULLING_IN, r] = 0
        rank[REFRESH_DUE, r] += interval
        return
    rank[REFRESH_NODE, r] = r * banks
    rank[REFRESH_COMMAND, r] = PREAB if rank[OPEN_BANKS, r] > 0 else REFAB


@njit(nogil=True, _nrt=False)
def refresh_some_banks(r, now, rank, bank, interval, most_postponed, mode, sets):
    """Decide about a refresh of one of a rank's sets of banks that is due."""
    if now >= rank[REFRESH_DUE, r] + interval:
        rank[REFRESH_DUE, r] += interval
        rank[PULLING_IN, r] = 0
    first = r * (bank.shape[1] // rank.shape[1])
    end = first + (bank.shape[1] // rank.shape[1])
    forced = not rank[PULLING_IN, r] and rank[OWED, r] == most_postponed
    found = False
    if not rank[KEEP, r]:
        oldest = NONE
        for chosen in range(first, first + sets):
            if bank[PENDING, chosen]:
                if oldest == NONE:
                    oldest = chosen
                if not _requests_wait(chosen, end, bank, mode, sets):
                    rank[REFRESH_SET, r] = chosen
                    found = True
                    break
        if not found:
            rank[REFRESH_SET, r] = oldest
    if not found and not forced:
        if not rank[PULLING_IN, r]:
            rank[OWED, r] += 1
        rank[PULLING_IN, r] = 0
        rank[REFRESH_DUE, r] += interval
        return
    b = rank[REFRESH_SET, r]
    members = end if mode == SAME_BANK else b + 1
    for member in range(b, members, sets):
        if bank[OPEN_ROW, member] != NONE:
            rank[REFRESH_COMMAND, r] = PREPB
            rank[REFRESH_NODE, r] = member
            return
    rank[REFRESH_NODE, r] = b
    rank[REFRESH_COMMAND, r] = REFSB if mode == SAME_BANK else REFPB
    if forced:
        rank[KEEP, r] = 1
        for member in range(b, members, sets):
            _block(member, bank)


@njit(nogil=True, _nrt=False)
def refresh_issued(r, rank, bank, interval, most_pulled_in, mode, sets):
    """A refresh that its manager wanted has been issued."""
    first = r * (bank.shape[1] // rank.shape[1])
    end = first + (bank.shape[1] // rank.shape[1])
    if mode == ALL_BANK:
        for b in range(first, end):
            bank[BARRED, b] = FREE
    else:
        b = rank[REFRESH_SET, r]
        for member in range(b, end if mode == SAME_BANK else b + 1, sets):
            bank[BARRED, member] = FREE
        rank[KEEP, r] = 0
        bank[PENDING, b] = 0
        rank[PENDING_COUNT, r] -= 1
        if rank[PENDING_COUNT, r] == 0:
            rank[PENDING_COUNT, r] = sets
            for s in range(sets):
                bank[PENDING, first + s] = 1
    if rank[PULLING_IN, r]:
        rank[OWED, r] -= 1
    rank[PULLING_IN, r] = 1
    if rank[OWED, r] == -most_pulled_in:
        rank[PULLING_IN, r] = 0
        rank[REFRESH_DUE, r] += interval


@njit(nogil=True, _nrt=False)
def _block(b, bank):
    if bank[BARRED, b] == FREE:
        bank[BARRED, b] = BEING_BLOCKED
    elif bank[BARRED, b] == BEING_BLOCKED:
        bank[BARRED, b] = BLOCKED


@njit(nogil=True, _nrt=False)
def _requests_wait(b, end, bank, mode, sets):
    for member in range(b, end if mode == SAME_BANK else b + 1, sets):  # noqa: SIM110
        if bank[WAITING, member] > 0:
            return True
    return False
