"""The clock of one DRAM channel under Ramulator 2.1's controller: one design a call.

The engine knows no standard: rules come compiled (`earliest.Pushes`) and addresses decoded (`mapping`).
Timing is left to `earliest`, the queues to `queues`, the choice among their requests to `scheduler`, what is
kept from call to call to `state`; columns, checks and units to `common.batch` and `common.result`. Steps
inside a cycle follow Ramulator's; cycles in which nothing can happen are not visited.
"""

# mypy: disable-error-code="no-untyped-def, no-untyped-call, untyped-decorator, assignment"
from __future__ import annotations

import numpy as np

from cosearch_simulators.compilation import borrowing
from cosearch_simulators.dram.common.counters import CONFLICT, HIT, MISS
from cosearch_simulators.dram.common.data_bus import occupy
from cosearch_simulators.dram.common.earliest import allowed_from, push_back
from cosearch_simulators.dram.common.queues import (
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
from cosearch_simulators.dram.common.timing import (
    ACT,
    NEVER,
    PREAB,
    PREPB,
    RD,
    RDA,
    REFAB,
    REFPB,
    REFSB,
    WR,
)
from cosearch_simulators.dram.engines.ramulator import state as at
from cosearch_simulators.dram.engines.ramulator.scheduler import (
    arrived,
    best_active,
    best_waiting,
    next_command,
)
from cosearch_simulators.dram.engines.ramulator.state import ALL_BANK, PER_BANK, SAME_BANK

TRACE_TAKEN, TIME_UP, LARGER_RING, STANDSTILL, DRAINED = range(5)
"""Why `run` returns: all requests that it was given are accepted; its time is over; it has to be called again
with larger rings; nothing can ever be issued again, or refreshes come faster than they can be served; all
requests that were accepted have had their last command."""

_REQUEST = (np.int64(1) << np.int64(32)) - np.int64(1)  # the request's part of a scheduler's key


@borrowing
def run(bank_of, row_of, transaction_of, is_write_of, not_before, offset, until, channel, setting, state):
    """Go on until the last request is accepted, or until a cycle is over.

    Args:
        bank_of, row_of, transaction_of: int64 (requests,), what `mapping.decode_bits` gives and the
            transaction number.
        is_write_of: bool (requests,).
        not_before: int64 (requests,) or empty: the clock cycle before which a request is not offered.
        offset: number of the first of these requests; of none, the channel goes on without requests.
        until: the last cycle; NEVER without requests: until all is served.
        channel, setting, state: see `state`; `state` is changed in place.

    Returns:
        Of TRACE_TAKEN and its neighbours, the one that applies.
    """
    rank_banks, group_banks, twin, first, entries = (
        channel.rank_banks,
        channel.group_banks,
        channel.twin,
        channel.first,
        channel.entries,
    )
    refresh, scheduler, row_cap = setting.refresh, setting.scheduler, setting.row_cap
    earliest, history, open_row = state.earliest, state.history, state.open_row
    flat_earliest = earliest.reshape(-1)
    ends, oldest, length, links, waiting_writes = (
        state.ends,
        state.oldest,
        state.length,
        state.links,
        state.waiting_writes,
    )
    rows, transactions, banks_wanted = (
        state.flight[at.ROW],
        state.flight[at.TRANSACTION],
        state.flight[at.BANK],
    )
    is_write, arrive, counted = state.flight[at.IS_WRITE], state.flight[at.ARRIVED], state.flight[at.COUNTED]
    number = state.flight[at.NUMBER]
    mask = number.size - 1
    active_request, active_banks = state.active[0], state.active[1]
    guards, keep_open = state.guards[0], state.guards[1]
    column_accesses, precharge_pending = state.caps[0], state.caps[1]
    open_banks, open_since, open_until = (
        state.ranks[at.OPEN_BANKS],
        state.ranks[at.OPEN_SINCE],
        state.ranks[at.OPEN_UNTIL],
    )
    active_cycles = state.ranks[at.ACTIVE_CYCLES]
    priority = state.priority
    depart, latency = state.departures[0], state.departures[1]
    departure_mask = depart.size - 1
    commands, outcomes, busy, data_until = state.commands, state.outcomes, state.busy, state.data_until
    banks, ranks = open_row.size, open_banks.size
    keep_none = state.guards[2]
    rank_shift = 0  # log2 of a rank's banks: a division by a variable is slow
    while 1 << rank_shift < rank_banks:
        rank_shift += 1

    scalars = state.scalars
    clock, request, offered = scalars[at.CLOCK], scalars[at.REQUEST], scalars[at.OFFERED] != 0
    blocked, write_mode = scalars[at.BLOCKED] != 0, scalars[at.WRITE_MODE] != 0
    next_refresh, refresh_turn = scalars[at.NEXT_REFRESH], scalars[at.REFRESH_TURN]
    active_count, active_stale = scalars[at.ACTIVE_COUNT], scalars[at.ACTIVE_STALE] != 0
    # The best of the active requests and of one queue, and the cycle that their keys count from.
    active_best, active_since = scalars[at.ACTIVE_BEST], scalars[at.ACTIVE_SINCE]
    waiting_queue, waiting_stale = scalars[at.WAITING_QUEUE], scalars[at.WAITING_STALE] != 0
    waiting_best, waiting_since = scalars[at.WAITING_BEST], scalars[at.WAITING_SINCE]
    # Maintenance, strictly in order: a bank to precharge, `banks` + the rank to refresh, or `banks` + `ranks`
    # + the bank, or the first of the banks, to refresh.
    priority_head, priority_count = scalars[at.PRIORITY_HEAD], scalars[at.PRIORITY_COUNT]
    capped_count = scalars[at.CAPPED_COUNT]  # banks whose row reached the cap, with no precharge pending
    cap_cycle = scalars[at.CAP_CYCLE]  # when the first of them may be precharged
    departures, latency_sum = scalars[at.DEPARTURES], scalars[at.LATENCY_SUM]
    read_wait, reads_waited = scalars[at.READ_WAIT], scalars[at.READS_WAITED]

    requests = offset + bank_of.size
    offering, sampled = bank_of.size > 0, busy.shape[1] > 0
    draining = not offering and until == NEVER
    watched_from = 0 if draining else until  # one comparison a cycle: two cost some traces 9 %
    status = TIME_UP
    while True:
        # 1. The next request is offered.
        if (
            offering
            and not offered
            and not blocked
            and (not_before.size == 0 or not_before[request - offset] <= clock)
        ):
            place = request - offset
            bank, transaction = bank_of[place], transaction_of[place]
            queue = WRITE if is_write_of[place] else READ
            if write_waits(ends, links, waiting_writes, transactions, transaction, bank, mask):
                if queue == WRITE:
                    scalars[at.WRITES_COALESCED] += 1
                else:
                    scalars[at.READS_FORWARDED] += 1
                    depart[departures & departure_mask] = clock + 1
                    latency[departures & departure_mask] = 1
                    latency_sum += 1
                    departures += 1
                request += 1
            elif length[queue] < (setting.write_capacity if queue == WRITE else setting.read_capacity):
                slot = request & mask
                if number[slot] != NONE:
                    status = LARGER_RING
                    break
                number[slot] = request
                rows[slot] = row_of[place]
                transactions[slot] = transaction
                banks_wanted[slot] = bank
                is_write[slot] = queue
                arrive[slot] = clock
                counted[slot] = 0
                enqueue(ends, links, oldest, queue, bank, request, rows[slot], open_row[bank], mask)
                length[queue] += 1
                if queue == WRITE:
                    waiting_writes[transaction & (BUCKETS - 1)] += 1
                if queue == waiting_queue and not waiting_stale:
                    waiting_best = arrived(
                        scheduler,
                        waiting_best,
                        waiting_since,
                        oldest[queue],
                        WR if queue == WRITE else RD,
                        keep_open if active_count > 0 else keep_none,
                        earliest,
                        rank_shift,
                        clock + 1,
                        request,
                        bank,
                    )
                request += 1
            else:
                blocked = True
            if not blocked and queue == READ and not_before.size > 0:
                read_wait += clock - not_before[place]
                reads_waited += 1
            if request == requests:
                status = TRACE_TAKEN
                offered = True
                break
        offered = False

        # 2. The clock edge; refreshes fall due, then rows that reached the cap.
        now = clock + 1
        if now > watched_from:
            if not draining:
                offered = True
                break
            if length[READ] + length[WRITE] + active_count == 0:
                status = DRAINED
                break
        if now == next_refresh:
            next_refresh += setting.refresh_interval
            for rank in range(ranks):
                target = banks + rank
                if refresh != ALL_BANK:
                    target = banks + ranks + rank * rank_banks + refresh_turn
                if priority_count < priority.size:
                    priority[(priority_head + priority_count) % priority.size] = target
                priority_count += 1
                scalars[at.MAINTENANCE] += 1
            refresh_turn = (refresh_turn + 1) % (group_banks if refresh == SAME_BANK else rank_banks)
        if capped_count > 0 and (active_stale or cap_cycle <= now):
            cap_cycle = NEVER
            for bank in range(banks):
                if column_accesses[bank] >= row_cap and not precharge_pending[bank]:
                    allowed = allowed_from(earliest, PREPB, bank, banks, rank_shift)
                    if allowed > now:
                        cap_cycle = min(cap_cycle, allowed)
                        continue
                    precharge_pending[bank] = 1
                    capped_count -= 1
                    if priority_count < priority.size:
                        priority[(priority_head + priority_count) % priority.size] = bank
                    priority_count += 1
                    scalars[at.MAINTENANCE] += 1
        if priority_count > priority.size:
            status = STANDSTILL
            break

        # 3. Choose at most one command: for an active request, else the head of maintenance, else of a queue.
        command = chosen = bank = from_queue = np.int64(NONE)
        finishes_head = False
        next_event = min(next_refresh, cap_cycle if capped_count > 0 else NEVER)
        if active_count > 0:
            if active_stale:
                active_best = best_active(
                    active_banks,
                    active_count,
                    active_request,
                    is_write,
                    rows,
                    mask,
                    open_row,
                    earliest,
                    rank_shift,
                    now,
                )
                active_since = now
            soonest = active_since + (active_best >> 32)
            next_event = min(next_event, soonest)
            if soonest <= now:
                chosen = active_best & _REQUEST
        active_stale = False
        if chosen == NONE and priority_count > 0:
            target = priority[priority_head]
            kept = False
            finishes_head = True
            if target < banks:
                kept = active_count > 0 and guards[target] > 0
                wanted, first_bank = PREPB, target
                allowed = allowed_from(earliest, PREPB, target, banks, rank_shift)
            elif refresh == ALL_BANK:
                rank = target - banks
                first_bank = rank * rank_banks
                finishes_head = open_banks[rank] == 0
                wanted = REFAB if finishes_head else PREAB
                if active_count > 0 and not finishes_head:
                    for other in range(first_bank, first_bank + rank_banks):
                        kept |= guards[other] > 0
                allowed = earliest[wanted, banks + rank]
            else:
                first_bank = target - banks - ranks
                rank = first_bank >> rank_shift
                wanted = REFPB if refresh == PER_BANK else REFSB
                allowed = earliest[wanted, banks + rank]
                last_bank = first_bank + 1 if refresh == PER_BANK else (rank + 1) * rank_banks
                for other in range(first_bank, last_bank, group_banks):
                    if open_row[other] != NONE:
                        kept = active_count > 0 and guards[other] > 0
                        finishes_head = False
                        wanted, first_bank = PREPB, other
                        allowed = allowed_from(earliest, PREPB, other, banks, rank_shift)
                        break
                    allowed = max(allowed, earliest[wanted, other])
            if not kept:
                next_event = min(next_event, allowed)
                if allowed <= now:
                    command, bank = wanted, first_bank
        elif chosen == NONE:
            if not write_mode:
                write_mode = length[WRITE] > setting.write_high or length[READ] == 0
            elif length[WRITE] < setting.write_low and length[READ] != 0:
                write_mode = False
            queue = WRITE if write_mode else READ
            if waiting_stale or queue != waiting_queue:
                waiting_best = best_waiting(
                    scheduler,
                    oldest[queue],
                    WR if write_mode else RD,
                    keep_open if active_count > 0 else keep_none,
                    earliest,
                    rank_banks,
                    now,
                )
                waiting_queue, waiting_since, waiting_stale = queue, now, False
            if waiting_best < ABSENT:
                soonest = waiting_since + (waiting_best >> 32)
                next_event = min(next_event, soonest)
                if soonest <= now:
                    chosen, from_queue = waiting_best & _REQUEST, queue
        slot = chosen & mask
        if chosen != NONE:
            bank = banks_wanted[slot]
            command = next_command(is_write[slot], rows[slot], open_row[bank])

        # 4. Nothing to issue: go to the next cycle in which something can happen.
        if command == NONE:
            if offering and not blocked:
                next_event = min(
                    next_event,
                    now + 1 if not_before.size == 0 else max(now, not_before[request - offset]) + 1,
                )
            if next_event == NEVER and until == NEVER:
                status = STANDSTILL
                break
            clock = min(next_event - 1, until)
            continue

        # 5. Issue the command.
        clock = now
        active_stale = waiting_stale = True
        rank = bank >> rank_shift
        if chosen != NONE and not counted[slot]:
            counted[slot] = 1
            if open_row[bank] == NONE:
                outcomes[MISS, bank] += 1
            elif open_row[bank] == rows[slot]:
                outcomes[HIT, bank] += 1
            else:
                outcomes[CONFLICT, bank] += 1
        if (
            row_cap > 0
            and (command == RD or command == WR)  # noqa: SIM109
            and column_accesses[bank] >= row_cap
            and allowed_from(earliest, twin[command + 1], bank, banks, rank_shift) <= now
        ):
            command += 1  # with auto-precharge
        members = (rank + 1) * rank_banks if command == REFSB else bank + 1
        for member in range(bank, members, group_banks):
            push_back(flat_earliest, history, first, entries, member, command, now)
        commands[command, bank] += 1

        # 6. Move the request that it serves.
        if chosen == NONE:
            if finishes_head:
                priority_head = (priority_head + 1) % priority.size
                priority_count -= 1
        elif command == ACT:
            if from_queue != NONE:
                dequeue(ends, links, oldest, from_queue, bank, chosen, rows, NONE, mask)
                length[from_queue] -= 1
                if from_queue == WRITE:
                    waiting_writes[transactions[slot] & (BUCKETS - 1)] -= 1
                blocked = False
                active_request[bank] = chosen
                active_banks[active_count] = bank
                active_count += 1
            guards[bank] += 1
            keep_open[bank] = ABSENT
        elif command != PREPB:
            if from_queue != NONE:
                dequeue(ends, links, oldest, from_queue, bank, chosen, rows, open_row[bank], mask)
                length[from_queue] -= 1
                if from_queue == WRITE:
                    waiting_writes[transactions[slot] & (BUCKETS - 1)] -= 1
                blocked = False
            else:
                guards[bank] -= 1
                keep_open[bank] = ABSENT if guards[bank] > 0 else 0
                active_request[bank] = NONE
                active_count -= 1
                for k in range(active_count):
                    if active_banks[k] == bank:
                        active_banks[k] = active_banks[active_count]
            number[slot] = NONE
            if sampled:
                kind = is_write[slot]
                first_data = now + channel.first_data[kind]
                occupy(
                    first_data,
                    first_data + channel.burst_cycles,
                    rank if data_until.size > 1 else 0,
                    data_until,
                    state.sample_ends,
                    busy[kind],
                )
            if command <= RDA:
                scalars[at.READS_SERVED] += 1
                depart[departures & departure_mask] = now + channel.read_latency
                latency[departures & departure_mask] = now + channel.read_latency - arrive[slot]
                latency_sum += now + channel.read_latency - arrive[slot]
                departures += 1
            else:
                scalars[at.WRITES_SERVED] += 1
                scalars[at.LAST_WRITE] = now

        # 7. Change the state of the banks.
        if command == ACT:
            open_row[bank] = rows[slot]
            row_opened(ends, links, oldest, bank, rows, open_row[bank], mask)
            if open_banks[rank] == 0 and now > open_until[rank]:
                active_cycles[rank] += open_until[rank] - open_since[rank]
                open_since[rank] = now
            open_banks[rank] += 1
        elif command == RD or command == WR:  # noqa: SIM109
            column_accesses[bank] += 1
            if column_accesses[bank] == row_cap:
                capped_count += 1
        elif command < REFAB:
            for closed in range(bank, bank + (rank_banks if command == PREAB else 1)):
                if row_cap > 0 and column_accesses[closed] >= row_cap and not precharge_pending[closed]:
                    capped_count -= 1
                column_accesses[closed] = 0
                precharge_pending[closed] = 0
                if open_row[closed] != NONE:
                    open_row[closed] = NONE
                    open_banks[rank] -= 1
                    open_until[rank] = max(open_until[rank], now + channel.close_delay[command])
                    row_closed(ends, oldest, closed)

    scalars[at.CLOCK], scalars[at.REQUEST], scalars[at.OFFERED] = clock, request, offered
    scalars[at.BLOCKED], scalars[at.WRITE_MODE] = blocked, write_mode
    scalars[at.NEXT_REFRESH], scalars[at.REFRESH_TURN] = next_refresh, refresh_turn
    scalars[at.ACTIVE_COUNT], scalars[at.ACTIVE_STALE] = active_count, active_stale
    scalars[at.ACTIVE_BEST], scalars[at.ACTIVE_SINCE] = active_best, active_since
    scalars[at.WAITING_QUEUE], scalars[at.WAITING_STALE] = waiting_queue, waiting_stale
    scalars[at.WAITING_BEST], scalars[at.WAITING_SINCE] = waiting_best, waiting_since
    scalars[at.PRIORITY_HEAD], scalars[at.PRIORITY_COUNT] = priority_head, priority_count
    scalars[at.CAPPED_COUNT], scalars[at.CAP_CYCLE] = capped_count, cap_cycle
    scalars[at.DEPARTURES], scalars[at.LATENCY_SUM] = departures, latency_sum
    scalars[at.READ_WAIT], scalars[at.READS_WAITED] = read_wait, reads_waited
    return status
