"""The read and the write queue. A request is known by its number in the trace, which is also its age.

The requests of a queue are linked by age in one list for each bank. Of a bank's requests that want the same
next command a scheduler needs only the oldest, so these are kept at hand in `oldest[queue, want, bank]`.

Links and rows of requests may lie in a ring, at the number & `mask`; a mask of -1 is no ring.
"""

# mypy: disable-error-code="no-untyped-def, no-untyped-call, untyped-decorator"
from __future__ import annotations

import numpy as np

from cosearch_simulators.compilation import borrowing

READ, WRITE = 0, 1
ACTIVATE, HIT, CONFLICT = 0, 1, 2
"""What a bank's oldest request wants: its row opened, a column of the open row, or the open row closed."""

NONE = -1
ABSENT = np.int64(1) << np.int64(61)
"""Stands in `oldest` for no such request: older than nothing."""

HEAD, TAIL, FOLLOWING, PRECEDING = 0, 1, 0, 1
LARGEST_QUEUE = 65_536

BUCKETS = 1024  # counts waiting writes by address; a power of two well above the usual queue lengths


@borrowing
def write_waits(ends, links, waiting_writes, transaction_of, transaction, bank, mask):
    """Whether a write of this transaction is in the write queue."""
    if waiting_writes[transaction & (BUCKETS - 1)] == 0:
        return False
    request = ends[WRITE, HEAD, bank]
    while request != NONE:
        if transaction_of[request & mask] == transaction:
            return True
        request = links[FOLLOWING, request & mask]
    return False


@borrowing
def enqueue(ends, links, oldest, queue, bank, request, row, open_row, mask):
    """Append a request to its list."""
    last = ends[queue, TAIL, bank]
    links[FOLLOWING, request & mask] = NONE
    links[PRECEDING, request & mask] = last
    if last == NONE:
        ends[queue, HEAD, bank] = request
    else:
        links[FOLLOWING, last & mask] = request
    ends[queue, TAIL, bank] = request
    want = ACTIVATE if open_row == NONE else (HIT if row == open_row else CONFLICT)
    oldest[queue, want, bank] = min(oldest[queue, want, bank], request)


@borrowing
def dequeue(ends, links, oldest, queue, bank, request, row_of, open_row, mask):
    """Take a request that is served, or whose row is being opened, out of its list."""
    before, after = links[PRECEDING, request & mask], links[FOLLOWING, request & mask]
    if before == NONE:
        ends[queue, HEAD, bank] = after
    else:
        links[FOLLOWING, before & mask] = after
    if after == NONE:
        ends[queue, TAIL, bank] = before
    else:
        links[PRECEDING, after & mask] = before
    if oldest[queue, HIT, bank] == request:
        while after != NONE and row_of[after & mask] != open_row:
            after = links[FOLLOWING, after & mask]
        oldest[queue, HIT, bank] = ABSENT if after == NONE else after


@borrowing
def row_opened(ends, links, oldest, bank, row_of, open_row, mask):
    """Sort a bank's requests into hits and conflicts after an activate."""
    for queue in range(2):
        hit, conflict = ABSENT, ABSENT
        request = ends[queue, HEAD, bank]
        while request != NONE and (hit == ABSENT or conflict == ABSENT):
            if row_of[request & mask] == open_row:
                hit = min(hit, request)
            else:
                conflict = min(conflict, request)
            request = links[FOLLOWING, request & mask]
        oldest[queue, ACTIVATE, bank] = ABSENT
        oldest[queue, HIT, bank] = hit
        oldest[queue, CONFLICT, bank] = conflict


@borrowing
def row_closed(ends, oldest, bank):
    """All of a bank's requests want their row opened after a precharge."""
    for queue in range(2):
        head = ends[queue, HEAD, bank]
        oldest[queue, ACTIVATE, bank] = ABSENT if head == NONE else head
        oldest[queue, HIT, bank] = ABSENT
        oldest[queue, CONFLICT, bank] = ABSENT
