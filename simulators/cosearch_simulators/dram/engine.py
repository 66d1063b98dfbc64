"""The clock of one DRAM channel under a memory controller: one design a call.

The engine knows no standard: rules come compiled (`rules.CompiledRules`) and addresses decoded (`mapping`).
Timing is left to `timing`, the queues to `queues`, the choice among their requests to `scheduler`; columns,
checks and units to `simulation`. Steps inside a cycle follow Ramulator 2.1; cycles in which nothing can
happen are not visited.
"""

# mypy: disable-error-code="no-untyped-def, no-untyped-call, assignment"
from __future__ import annotations

import numpy as np
from numba import njit

from cosearch_simulators.dram.queues import (
    ABSENT,
    BUCKETS,
    NONE,
    READ,
    WRITE,
    dequeue,
    enqueue,
    row_closed,
    row_opened,
    write_waits,
)
from cosearch_simulators.dram.scheduler import arrived, best_active, best_waiting, next_command
from cosearch_simulators.dram.timing import (
    ACT,
    COMMAND_COUNT,
    NEVER,
    PREAB,
    PREPB,
    RD,
    RDA,
    REFAB,
    WR,
    apply_rules,
    new_history,
)

CYCLES, ROW_HITS, ROW_MISSES, ROW_CONFLICTS = range(4)
READS_SERVED, WRITES_SERVED, READS_FORWARDED, WRITES_COALESCED = range(4, 8)
READ_LATENCY_SUM, ACTIVE_CYCLES, MAINTENANCE, STALLED = range(8, 12)
FIRST_COMMAND_COUNT = 12
COUNTERS = FIRST_COMMAND_COUNT + COMMAND_COUNT

_REQUEST = (np.int64(1) << np.int64(32)) - np.int64(1)  # the request's part of a scheduler's key


@njit(nogil=True)
def run(
    bank_of,
    row_of,
    transaction_of,
    is_write,
    not_before,
    banks,
    twin,
    command_banks,
    first,
    entries,
    history_size,
    read_latency,
    refresh_interval,
    close_delay,
    scheduler,
    row_cap,
    read_capacity,
    write_capacity,
    write_low,
    write_high,
):
    """Simulate one channel until the last request is accepted.

    Args:
        bank_of, row_of, transaction_of: int64 (requests,), what `mapping.decode` gives and the transaction
            number.
        is_write: bool (requests,).
        not_before: int64 (requests,) or empty: the clock cycle before which a request is not offered.
        banks: banks of the channel.
        twin, command_banks, first, entries, history_size: of `rules.CompiledRules`.
        read_latency: cycles from a read command to its last data.
        refresh_interval: cycles between refreshes of a rank; 0: no refresh.
        close_delay: int64 (commands,), cycles from a command to the precharge that it implies (energy only).
        scheduler: FRFCFS, FRFCFS_ROW_HIT or FCFS.
        row_cap: column accesses after which an open row is closed; 0: rows stay open.
        read_capacity, write_capacity: entries of the read and the write queue.
        write_low, write_high: queue lengths below and above which write mode is left and entered.

    Returns:
        int64 (COUNTERS,), see the names above. STALLED is set when nothing can ever be issued again, or
        refreshes come faster than they can be served.
    """
    requests = bank_of.size
    rank_banks = command_banks[REFAB]
    ranks = banks // rank_banks
    out = np.zeros(COUNTERS, np.int64)

    earliest = np.zeros((COMMAND_COUNT, banks), np.int64)
    history = new_history(entries, history_size, banks)
    open_row = np.full(banks, NONE, np.int64)
    open_banks = np.zeros(ranks, np.int64)
    open_since = np.zeros(ranks, np.int64)
    open_until = np.zeros(ranks, np.int64)

    ends = np.full((2, 2, banks), NONE, np.int64)
    links = np.empty((2, requests), np.int64)
    oldest = np.full((2, 3, banks), ABSENT, np.int64)
    length = np.zeros(2, np.int64)
    waiting_writes = np.zeros(BUCKETS, np.int64)
    counted = np.zeros(requests, np.bool_)
    active_request = np.full(banks, NONE, np.int64)
    active_banks = np.empty(banks, np.int64)
    active_count = 0
    # Activates for requests less requests served. As in Ramulator 2.1, a request that is activated again
    # (another one's auto-precharge closed its row) leaves a surplus, which keeps its bank open while any
    # request is active.
    guards = np.zeros(banks, np.int64)
    keep_open = np.zeros(banks, np.int64)  # ABSENT where guards say so
    keep_none = np.zeros(banks, np.int64)

    # Maintenance, strictly in order: a bank to precharge, or `banks` + the rank to refresh.
    ring = 2 * banks + 64 * ranks
    priority = np.empty(ring, np.int64)
    priority_head = priority_count = 0
    column_accesses = np.zeros(banks, np.int64)
    precharge_pending = np.zeros(banks, np.bool_)
    capped_count = 0  # banks whose row reached the cap and that have no precharge pending
    cap_cycle = NEVER  # when the first of them may be precharged

    arrive = np.empty(requests, np.int64)
    depart = np.empty(requests, np.int64)
    latency = np.empty(requests, np.int64)
    departures = 0

    clock = now = np.int64(0)
    request = 0
    blocked = False
    write_mode = False
    next_refresh = np.int64(refresh_interval) if refresh_interval > 0 else NEVER

    # The best of the active requests and of one queue, and the cycle that their keys count from.
    active_stale = waiting_stale = True
    active_best = waiting_best = ABSENT
    active_since = waiting_since = np.int64(0)
    waiting_queue = READ

    while True:
        # 1. The next request is offered.
        if not blocked and (not_before.size == 0 or not_before[request] <= clock):
            bank, transaction = bank_of[request], transaction_of[request]
            queue = WRITE if is_write[request] else READ
            if write_waits(ends, links, waiting_writes, transaction_of, transaction, bank):
                if queue == WRITE:
                    out[WRITES_COALESCED] += 1
                else:
                    out[READS_FORWARDED] += 1
                    depart[departures], latency[departures] = clock + 1, 1
                    departures += 1
                request += 1
            elif length[queue] < (write_capacity if queue == WRITE else read_capacity):
                enqueue(ends, links, oldest, queue, bank, request, row_of[request], open_row[bank], -1)
                length[queue] += 1
                if queue == WRITE:
                    waiting_writes[transaction & (BUCKETS - 1)] += 1
                arrive[request] = clock
                if queue == waiting_queue and not waiting_stale:
                    waiting_best = arrived(
                        scheduler,
                        waiting_best,
                        waiting_since,
                        oldest[queue],
                        WR if queue == WRITE else RD,
                        keep_open if active_count > 0 else keep_none,
                        earliest,
                        clock + 1,
                        request,
                        bank,
                    )
                request += 1
            else:
                blocked = True
            if request == requests:
                break

        # 2. The clock edge; refreshes fall due, then rows that reached the cap.
        now = clock + 1
        if now == next_refresh:
            next_refresh += refresh_interval
            for rank in range(ranks):
                if priority_count < ring:
                    priority[(priority_head + priority_count) % ring] = banks + rank
                else:
                    out[STALLED] = 1
                priority_count += 1
                out[MAINTENANCE] += 1
        if capped_count > 0 and (active_stale or cap_cycle <= now):
            cap_cycle = NEVER
            for bank in range(banks):
                if column_accesses[bank] >= row_cap and not precharge_pending[bank]:
                    if earliest[PREPB, bank] > now:
                        cap_cycle = min(cap_cycle, earliest[PREPB, bank])
                        continue
                    precharge_pending[bank] = True
                    capped_count -= 1
                    if priority_count < ring:
                        priority[(priority_head + priority_count) % ring] = bank
                    else:
                        out[STALLED] = 1
                    priority_count += 1
                    out[MAINTENANCE] += 1
        if out[STALLED]:
            return out

        # 3. Choose at most one command: for an active request, else the head of maintenance, else of a queue.
        command = chosen = bank = from_queue = np.int64(NONE)
        next_event = min(next_refresh, cap_cycle if capped_count > 0 else NEVER)
        if active_count > 0:
            if active_stale:
                active_best = best_active(
                    active_banks, active_count, active_request, is_write, row_of, open_row, earliest, now
                )
                active_since = now
            soonest = active_since + (active_best >> 32)
            next_event = min(next_event, soonest)
            if soonest <= now:
                chosen = active_best & _REQUEST
        active_stale = False
        if chosen == NONE and priority_count > 0:
            target = priority[priority_head]
            if target < banks:
                kept = active_count > 0 and guards[target] > 0
                wanted, node, first_bank = PREPB, target, target
            else:
                node = target - banks
                first_bank = node * rank_banks
                kept = False
                if active_count > 0 and open_banks[node] > 0:
                    for other in range(first_bank, first_bank + rank_banks):
                        kept |= guards[other] > 0
                wanted = PREAB if open_banks[node] > 0 else REFAB
            if not kept:
                next_event = min(next_event, earliest[wanted, node])
                if earliest[wanted, node] <= now:
                    command, bank = wanted, first_bank
        elif chosen == NONE:
            if not write_mode:
                write_mode = length[WRITE] > write_high or length[READ] == 0
            elif length[WRITE] < write_low and length[READ] != 0:
                write_mode = False
            queue = WRITE if write_mode else READ
            if waiting_stale or queue != waiting_queue:
                waiting_best = best_waiting(
                    scheduler,
                    oldest[queue],
                    WR if write_mode else RD,
                    keep_open if active_count > 0 else keep_none,
                    earliest,
                    now,
                )
                waiting_queue, waiting_since, waiting_stale = queue, now, False
            if waiting_best < ABSENT:
                soonest = waiting_since + (waiting_best >> 32)
                next_event = min(next_event, soonest)
                if soonest <= now:
                    chosen, from_queue = waiting_best & _REQUEST, queue
        if chosen != NONE:
            bank = bank_of[chosen]
            command = next_command(is_write[chosen], row_of[chosen], open_row[bank])

        # 4. Nothing to issue: go to the next cycle in which something can happen.
        if command == NONE:
            if not blocked:
                next_event = min(
                    next_event, now + 1 if not_before.size == 0 else max(now, not_before[request]) + 1
                )
            if next_event == NEVER:
                out[STALLED] = 1
                return out
            clock = next_event - 1
            continue

        # 5. Issue the command.
        clock = now
        active_stale = waiting_stale = True
        rank = bank // rank_banks
        if chosen != NONE and not counted[chosen]:
            counted[chosen] = True
            if open_row[bank] == NONE:
                out[ROW_MISSES] += 1
            elif open_row[bank] == row_of[chosen]:
                out[ROW_HITS] += 1
            else:
                out[ROW_CONFLICTS] += 1
        if (
            row_cap > 0
            and (command == RD or command == WR)  # noqa: SIM109
            and column_accesses[bank] >= row_cap
            and earliest[twin[command + 1], bank] <= now
        ):
            command += 1  # with auto-precharge
        apply_rules(earliest, history, first, entries, bank, command, now)
        out[FIRST_COMMAND_COUNT + command] += 1

        # 6. Move the request that it serves.
        if chosen == NONE:
            if command != PREAB:
                priority_head = (priority_head + 1) % ring
                priority_count -= 1
        elif command == ACT:
            if from_queue != NONE:
                dequeue(ends, links, oldest, from_queue, bank, chosen, row_of, NONE, -1)
                length[from_queue] -= 1
                if from_queue == WRITE:
                    waiting_writes[transaction_of[chosen] & (BUCKETS - 1)] -= 1
                blocked = False
                active_request[bank] = chosen
                active_banks[active_count] = bank
                active_count += 1
            guards[bank] += 1
            keep_open[bank] = ABSENT
        elif command != PREPB:
            if from_queue != NONE:
                dequeue(ends, links, oldest, from_queue, bank, chosen, row_of, open_row[bank], -1)
                length[from_queue] -= 1
                if from_queue == WRITE:
                    waiting_writes[transaction_of[chosen] & (BUCKETS - 1)] -= 1
                blocked = False
            else:
                guards[bank] -= 1
                keep_open[bank] = ABSENT if guards[bank] > 0 else 0
                active_request[bank] = NONE
                active_count -= 1
                for k in range(active_count):
                    if active_banks[k] == bank:
                        active_banks[k] = active_banks[active_count]
            if command <= RDA:
                out[READS_SERVED] += 1
                depart[departures] = now + read_latency
                latency[departures] = now + read_latency - arrive[chosen]
                departures += 1
            else:
                out[WRITES_SERVED] += 1

        # 7. Change the state of the banks.
        if command == ACT:
            open_row[bank] = row_of[chosen]
            row_opened(ends, links, oldest, bank, row_of, open_row[bank], -1)
            if open_banks[rank] == 0 and now > open_until[rank]:
                out[ACTIVE_CYCLES] += open_until[rank] - open_since[rank]
                open_since[rank] = now
            open_banks[rank] += 1
        elif command == RD or command == WR:  # noqa: SIM109
            column_accesses[bank] += 1
            if column_accesses[bank] == row_cap:
                capped_count += 1
        elif command != REFAB:
            for closed in range(bank, bank + command_banks[command]):
                if row_cap > 0 and column_accesses[closed] >= row_cap and not precharge_pending[closed]:
                    capped_count -= 1
                column_accesses[closed] = 0
                precharge_pending[closed] = False
                if open_row[closed] != NONE:
                    open_row[closed] = NONE
                    open_banks[rank] -= 1
                    open_until[rank] = max(open_until[rank], now + close_delay[command])
                    row_closed(ends, oldest, closed)

    # Reads leave in the order in which they were answered: one that is still due holds back those behind it.
    for k in range(departures):
        if depart[k] > clock:
            break
        out[READ_LATENCY_SUM] += latency[k]
    for rank in range(ranks):
        until = clock if open_banks[rank] > 0 else min(open_until[rank], clock)
        out[ACTIVE_CYCLES] += until - open_since[rank]
    out[CYCLES] = clock
    return out
