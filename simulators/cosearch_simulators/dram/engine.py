"""The clock of one DRAM channel: queues, scheduler, row policy, refresh and timing rules, one design a call.

The engine knows no standard: rules come compiled (`rules.CompiledRules`) and addresses decoded (`mapping`). It is
event-driven: a clock cycle in which nothing can happen is never visited. The order of steps inside one cycle is
that of Ramulator 2.1. Columns, checks and units are left to `simulation`.
"""

from __future__ import annotations

import numpy as np
from numba import njit

ACT, PREPB, PREAB, RD, RDA, WR, WRA, REFAB = range(8)
COMMAND_COUNT = 8
NEVER = np.int64(1) << np.int64(62)

FRFCFS, FRFCFS_ROW_HIT, FCFS = range(3)

CYCLES, ROW_HITS, ROW_MISSES, ROW_CONFLICTS = range(4)
READS_SERVED, WRITES_SERVED, READS_FORWARDED, WRITES_COALESCED = range(4, 8)
READ_LATENCY_SUM, ACTIVE_CYCLES, MAINTENANCE, OVERFLOWED = range(8, 12)
FIRST_COMMAND_COUNT = 12
COUNTERS = FIRST_COMMAND_COUNT + COMMAND_COUNT

_READ, _WRITE = 0, 1
_NONE = -1
_FILTER_BUCKETS = 1024  # a power of two well above the usual queue sizes


@njit(cache=True, nogil=True, inline="always")
def _ready(earliest, bank_nodes, bank, command):
    """The first cycle in which every rule allows `command` at `bank`."""
    cycle = np.int64(0)
    for level in range(bank_nodes.shape[1]):
        bound = earliest[bank_nodes[bank, level], command]
        if bound > cycle:
            cycle = bound
    return cycle


@njit(cache=True, nogil=True, inline="always")
def _ready_above(earliest, bank_nodes, bank, command, scope):
    """As `_ready` for a command that addresses the node of level `scope` over `bank`."""
    cycle = np.int64(0)
    for level in range(scope + 1):
        bound = earliest[bank_nodes[bank, level], command]
        if bound > cycle:
            cycle = bound
    return cycle


@njit(cache=True, nogil=True)
def _apply_rules(
    earliest, history, bank_nodes, first_node, level_banks, first, entries, bank, command, scope, now
):
    """Push back whatever must follow `command`, issued at cycle `now` to the node of level `scope` over `bank`."""
    banks = bank_nodes.shape[0]
    for e in range(first[command], first[command + 1]):
        level, following, cycles = entries[e, 0], entries[e, 1], entries[e, 2]
        window, sibling, offset = entries[e, 3], entries[e, 4], entries[e, 5]
        node = bank_nodes[bank, level]
        if sibling:
            parent_banks = level_banks[level - 1]
            low = first_node[level] + bank // parent_banks * parent_banks // level_banks[level]
            for other in range(low, low + parent_banks // level_banks[level]):
                if other != node and earliest[other, following] < now + cycles:
                    earliest[other, following] = now + cycles
            continue
        last = node
        if level > scope:
            low_bank = bank // level_banks[scope] * level_banks[scope]
            node = bank_nodes[low_bank, level]
            last = bank_nodes[min(low_bank + level_banks[scope], banks) - 1, level]
        for target in range(node, last + 1):
            since = now
            if window > 1:
                slot = offset + (target - first_node[level]) * window
                for k in range(window - 1):
                    history[slot + k] = history[slot + k + 1]
                history[slot + window - 1] = now
                since = history[slot]
                if since < 0:
                    continue
            if earliest[target, following] < since + cycles:
                earliest[target, following] = since + cycles


@njit(cache=True, nogil=True)
def run(
    bank_of, row_of, transaction_of, is_write, not_before,
    bank_nodes, first_node, level_banks, first, entries, history_size, refresh_level,
    read_latency, refresh_interval, close_delay,
    scheduler, row_cap, read_capacity, write_capacity, write_low, write_high,
):  # fmt: skip
    """Simulate one channel until the last request is accepted.

    Args:
        bank_of, row_of, transaction_of: int64 (requests,), what `mapping.decode` gives and the transaction number.
        is_write: bool (requests,).
        not_before: int64 (requests,) or empty: the clock cycle before which a request is not offered.
        bank_nodes, first_node, level_banks, first, entries, history_size, refresh_level: `rules.CompiledRules`.
        read_latency: cycles from a read command to its last data.
        refresh_interval: cycles between refreshes of a rank; 0: no refresh.
        close_delay: int64 (commands,), cycles from a command to the precharge that it implies (energy only).
        scheduler: FRFCFS, FRFCFS_ROW_HIT or FCFS.
        row_cap: column accesses after which an open row is closed; 0: rows stay open.
        read_capacity, write_capacity: entries of the read and the write queue.
        write_low, write_high: queue lengths below and above which write mode is left and entered.

    Returns:
        int64 (COUNTERS,), see the names above.
    """
    requests = bank_of.size
    banks, levels = bank_nodes.shape
    bank_level = levels - 1
    nodes = first_node[bank_level] + banks
    rank_banks = level_banks[refresh_level]
    ranks = banks // rank_banks
    out = np.zeros(COUNTERS, np.int64)

    earliest = np.zeros((nodes, COMMAND_COUNT), np.int64)
    history = np.full(max(history_size, 1), _NONE, np.int64)
    open_row = np.full(banks, _NONE, np.int64)
    column_accesses = np.zeros(banks, np.int64)
    precharge_pending = np.zeros(banks, np.bool_)
    active_slot = np.full(banks, _NONE, np.int64)
    active_banks = np.empty(banks, np.int64)
    active_count = 0
    # Activations for requests less those served. As in Ramulator 2.1, a request that is activated again (another one's
    # auto-precharge closed its row) leaves a surplus, which keeps the bank open while any request is active.
    guards = np.zeros(banks, np.int64)

    # A request lives in a slot. Waiting ones are linked by age in one list for each queue and bank.
    slots = read_capacity + write_capacity + banks
    free_slots = np.arange(slots)[::-1].copy()
    free_count = slots
    slot_request = np.empty(slots, np.int64)
    slot_row = np.empty(slots, np.int64)
    slot_arrive = np.empty(slots, np.int64)
    slot_counted = np.zeros(slots, np.bool_)
    following = np.empty(slots, np.int64)
    preceding = np.empty(slots, np.int64)
    head = np.full((2, banks), _NONE, np.int64)
    tail = np.full((2, banks), _NONE, np.int64)
    oldest_hit = np.full((2, banks), _NONE, np.int64)
    oldest_conflict = np.full((2, banks), _NONE, np.int64)
    busy_banks = np.empty((2, banks), np.int64)
    busy_at = np.full((2, banks), _NONE, np.int64)
    busy_count = np.zeros(2, np.int64)
    length = np.zeros(2, np.int64)
    waiting_writes = np.zeros(_FILTER_BUCKETS, np.int32)

    # Refreshes and injected precharges, in order: a bank, or banks + rank.
    ring = 2 * banks + 64 * ranks
    priority = np.empty(ring, np.int64)
    priority_head = 0
    priority_count = 0

    depart = np.empty(requests, np.int64)
    latency = np.empty(requests, np.int64)
    reads_left = 0

    open_banks = np.zeros(ranks, np.int64)
    open_since = np.zeros(ranks, np.int64)
    open_until = np.zeros(ranks, np.int64)

    clock = np.int64(0)
    request = 0
    blocked = False
    write_mode = False
    next_refresh = np.int64(refresh_interval) if refresh_interval > 0 else NEVER

    while True:
        # 1. The frontend offers the next entry.
        if not blocked and (not_before.size == 0 or not_before[request] <= clock):
            bank = bank_of[request]
            write = is_write[request]
            queue = _WRITE if write else _READ
            bucket = transaction_of[request] & (_FILTER_BUCKETS - 1)
            waits = False
            if waiting_writes[bucket] > 0:
                slot = head[_WRITE, bank]
                while slot != _NONE:
                    if transaction_of[slot_request[slot]] == transaction_of[request]:
                        waits = True
                        break
                    slot = following[slot]
            if waits:
                if write:
                    out[WRITES_COALESCED] += 1
                else:
                    out[READS_FORWARDED] += 1
                    depart[reads_left] = clock + 1
                    latency[reads_left] = 1
                    reads_left += 1
                request += 1
            elif length[queue] < (write_capacity if write else read_capacity):
                free_count -= 1
                slot = free_slots[free_count]
                slot_request[slot] = request
                slot_row[slot] = row_of[request]
                slot_arrive[slot] = clock
                slot_counted[slot] = False
                following[slot] = _NONE
                preceding[slot] = tail[queue, bank]
                if tail[queue, bank] == _NONE:
                    head[queue, bank] = slot
                    busy_at[queue, bank] = busy_count[queue]
                    busy_banks[queue, busy_count[queue]] = bank
                    busy_count[queue] += 1
                else:
                    following[tail[queue, bank]] = slot
                tail[queue, bank] = slot
                length[queue] += 1
                if write:
                    waiting_writes[bucket] += 1
                if open_row[bank] != _NONE:
                    if slot_row[slot] == open_row[bank]:
                        if oldest_hit[queue, bank] == _NONE:
                            oldest_hit[queue, bank] = slot
                    elif oldest_conflict[queue, bank] == _NONE:
                        oldest_conflict[queue, bank] = slot
                request += 1
            else:
                blocked = True
            if request == requests:
                break

        # 2. The controller's clock edge; refreshes fall due.
        now = clock + 1
        if now == next_refresh:
            next_refresh += refresh_interval
            for rank in range(ranks):
                if priority_count == ring:
                    out[OVERFLOWED] = 1
                    return out
                priority[(priority_head + priority_count) % ring] = banks + rank
                priority_count += 1
                out[MAINTENANCE] += 1

        # 3. The row policy.
        if row_cap > 0:
            for bank in range(banks):
                if (
                    column_accesses[bank] >= row_cap
                    and not precharge_pending[bank]
                    and _ready(earliest, bank_nodes, bank, PREPB) <= now
                ):
                    precharge_pending[bank] = True
                    priority[(priority_head + priority_count) % ring] = bank
                    priority_count += 1
                    out[MAINTENANCE] += 1

        # 4. Choose at most one command.
        command = _NONE
        chosen = _NONE
        chosen_bank = _NONE
        chosen_queue = _NONE
        scope = bank_level
        if True:
            oldest = NEVER
            for k in range(active_count):
                bank = active_banks[k]
                slot = active_slot[bank]
                write = is_write[slot_request[slot]]
                if open_row[bank] == _NONE:
                    wanted = ACT
                elif open_row[bank] == slot_row[slot]:
                    wanted = WR if write else RD
                else:
                    wanted = PREPB
                if slot_request[slot] < oldest and _ready(earliest, bank_nodes, bank, wanted) <= now:
                    oldest = slot_request[slot]
                    command, chosen, chosen_bank = wanted, slot, bank
            if command == _NONE and priority_count > 0:
                target = priority[priority_head]
                if target < banks:
                    if (
                        not (active_count > 0 and guards[target] > 0)
                        and _ready(earliest, bank_nodes, target, PREPB) <= now
                    ):
                        command, chosen_bank = PREPB, target
                else:
                    bank = (target - banks) * rank_banks
                    any_open = False
                    needed = False
                    for other in range(bank, bank + rank_banks):
                        any_open |= open_row[other] != _NONE
                        needed |= active_count > 0 and guards[other] > 0
                    wanted = PREAB if any_open else REFAB
                    if not (any_open and needed):
                        if _ready_above(earliest, bank_nodes, bank, wanted, refresh_level) <= now:
                            command, chosen_bank, scope = wanted, bank, refresh_level
            elif command == _NONE:
                if not write_mode:
                    write_mode = length[_WRITE] > write_high or length[_READ] == 0
                elif length[_WRITE] < write_low and length[_READ] != 0:
                    write_mode = False
                queue = _WRITE if write_mode else _READ
                column = WR if write_mode else RD
                oldest = NEVER
                for k in range(busy_count[queue]):
                    bank = busy_banks[queue, k]
                    if open_row[bank] == _NONE:
                        slot = head[queue, bank]
                        if slot_request[slot] < oldest and _ready(earliest, bank_nodes, bank, ACT) <= now:
                            oldest = slot_request[slot]
                            command, chosen, chosen_bank, chosen_queue = ACT, slot, bank, queue
                        continue
                    hit = oldest_hit[queue, bank]
                    if hit != _NONE:
                        if slot_request[hit] < oldest and _ready(earliest, bank_nodes, bank, column) <= now:
                            oldest = slot_request[hit]
                            command, chosen, chosen_bank, chosen_queue = column, hit, bank, queue
                    slot = oldest_conflict[queue, bank]
                    if slot != _NONE and not (active_count > 0 and guards[bank] > 0):
                        if (
                            scheduler == FRFCFS_ROW_HIT
                            and hit != _NONE
                            and slot_request[hit] <= slot_request[slot]
                        ):
                            continue
                        if slot_request[slot] < oldest and _ready(earliest, bank_nodes, bank, PREPB) <= now:
                            oldest = slot_request[slot]
                            command, chosen, chosen_bank, chosen_queue = PREPB, slot, bank, queue

        # 5. Issue it.
        if command != _NONE:
            bank = chosen_bank
            rank = bank // rank_banks
            if chosen != _NONE and not slot_counted[chosen]:
                slot_counted[chosen] = True
                if open_row[bank] == _NONE:
                    out[ROW_MISSES] += 1
                elif open_row[bank] == slot_row[chosen]:
                    out[ROW_HITS] += 1
                else:
                    out[ROW_CONFLICTS] += 1
            if row_cap > 0 and (command == RD or command == WR) and column_accesses[bank] >= row_cap:
                if _ready(earliest, bank_nodes, bank, command + 1) <= now:
                    command += 1
            _apply_rules(
                earliest, history, bank_nodes, first_node, level_banks, first, entries, bank, command, scope, now
            )  # fmt: skip
            out[FIRST_COMMAND_COUNT + command] += 1

            if command == RD or command == RDA or command == WR or command == WRA:
                column_accesses[bank] += 1
            elif command == ACT:
                if open_banks[rank] == 0:
                    if now > open_until[rank]:
                        out[ACTIVE_CYCLES] += open_until[rank] - open_since[rank]
                        open_since[rank] = now
                open_banks[rank] += 1
                open_row[bank] = slot_row[chosen]

            # Banks that this command closes.
            if command == PREAB or command == PREPB or command == RDA or command == WRA:
                low = bank if scope == bank_level else bank // rank_banks * rank_banks
                high = bank + 1 if scope == bank_level else low + rank_banks
                for other in range(low, high):
                    column_accesses[other] = 0
                    precharge_pending[other] = False
                    if open_row[other] != _NONE:
                        open_row[other] = _NONE
                        open_banks[rank] -= 1
                        open_until[rank] = max(open_until[rank], now + close_delay[command])
                        for queue in range(2):
                            oldest_hit[queue, other] = _NONE
                            oldest_conflict[queue, other] = _NONE

            # The request that it serves.
            if chosen == _NONE:
                if command != PREAB:
                    priority_head = (priority_head + 1) % ring
                    priority_count -= 1
            elif command != PREPB:
                serves = command != ACT
                if chosen_queue != _NONE:
                    queue = chosen_queue
                    before, after = preceding[chosen], following[chosen]
                    if before == _NONE:
                        head[queue, bank] = after
                    else:
                        following[before] = after
                    if after == _NONE:
                        tail[queue, bank] = before
                    else:
                        preceding[after] = before
                    if head[queue, bank] == _NONE:
                        last = busy_banks[queue, busy_count[queue] - 1]
                        busy_banks[queue, busy_at[queue, bank]] = last
                        busy_at[queue, last] = busy_at[queue, bank]
                        busy_count[queue] -= 1
                    length[queue] -= 1
                    blocked = False
                    if queue == _WRITE:
                        waiting_writes[transaction_of[slot_request[chosen]] & (_FILTER_BUCKETS - 1)] -= 1
                    if serves and open_row[bank] != _NONE and oldest_hit[queue, bank] == chosen:
                        slot = after
                        while slot != _NONE and slot_row[slot] != open_row[bank]:
                            slot = following[slot]
                        oldest_hit[queue, bank] = slot
                    if not serves:
                        active_slot[bank] = chosen
                        active_banks[active_count] = bank
                        active_count += 1
                elif serves:
                    guards[bank] -= 1
                    active_slot[bank] = _NONE
                    for k in range(active_count):
                        if active_banks[k] == bank:
                            active_count -= 1
                            active_banks[k] = active_banks[active_count]
                            break
                if serves:
                    if command == RD or command == RDA:
                        out[READS_SERVED] += 1
                        depart[reads_left] = now + read_latency
                        latency[reads_left] = now + read_latency - slot_arrive[chosen]
                        reads_left += 1
                    else:
                        out[WRITES_SERVED] += 1
                    free_slots[free_count] = chosen
                    free_count += 1
            if command == ACT:
                guards[bank] += 1
                for queue in range(2):
                    hit = _NONE
                    conflict = _NONE
                    slot = head[queue, bank]
                    while slot != _NONE and (hit == _NONE or conflict == _NONE):
                        if slot_row[slot] == open_row[bank]:
                            if hit == _NONE:
                                hit = slot
                        elif conflict == _NONE:
                            conflict = slot
                        slot = following[slot]
                    oldest_hit[queue, bank] = hit
                    oldest_conflict[queue, bank] = conflict
        clock = now

    # Reads leave in the order in which they were answered, so one that is still due holds back those behind it.
    for k in range(reads_left):
        if depart[k] > clock:
            break
        out[READ_LATENCY_SUM] += latency[k]
    for rank in range(ranks):
        until = clock if open_banks[rank] > 0 else min(open_until[rank], clock)
        out[ACTIVE_CYCLES] += until - open_since[rank]
    out[CYCLES] = clock
    return out
