"""The clock of one DRAM channel under DRAMSys' controller: one design a call.

Each bank has a machine that takes a request from the bank's buffer and names the command that it needs; a
multiplexer issues the oldest request's command among those that are ready; a refresh manager a rank may block
the machines. In front of them `frontend` plays the trace through the arbiter and takes the responses back.
Timing is `timing`'s and buffers are `queues`', as in `engine`, which is Ramulator's controller on the same
rules.

The steps follow DRAMSys 4 (Steiner et al., "DRAMSys4.0: A Fast and Cycle-Accurate SystemC/TLM-Based DRAM
Simulator", SAMOS 2020, and its public source). Cycles in which nothing can happen are not visited.
"""

# mypy: disable-error-code="no-untyped-def, no-untyped-call, assignment"
from __future__ import annotations

import numpy as np
from numba import njit

from cosearch_simulators.dram.engine import (
    ACTIVE_CYCLES,
    COUNTERS,
    CYCLES,
    FIRST_COMMAND_COUNT,
    MAINTENANCE,
    READ_LATENCY_SUM,
    READS_SERVED,
    ROW_CONFLICTS,
    ROW_HITS,
    ROW_MISSES,
    STALLED,
    WRITES_SERVED,
)
from cosearch_simulators.dram.frontend import (
    ADMITTED,
    COMPLETED,
    DONE,
    OFFER,
    PREVIOUS,
    RESPONSE,
    new_frontend,
    next_offer,
    respond,
)
from cosearch_simulators.dram.queues import (
    ABSENT,
    FOLLOWING,
    HEAD,
    HIT,
    NONE,
    dequeue,
    enqueue,
    row_closed,
    row_opened,
)
from cosearch_simulators.dram.timing import (
    ACT,
    COMMAND_COUNT,
    NEVER,
    PREAB,
    PREPB,
    RD,
    REFAB,
    WR,
    apply_rules,
    new_history,
)

OPEN, OPEN_ADAPTIVE, CLOSED, CLOSED_ADAPTIVE = range(4)
FIFO, FRFCFS, FRFCFS_GROUPED = range(3)
BANKWISE, READ_WRITE, SHARED = range(3)

POWER_CYCLES, PRECHARGED_BANKS = COUNTERS, COUNTERS + 1
BANK_MACHINE_COUNTERS = COUNTERS + 2
"""Beyond the engine's counters: the cycle until which energy is counted, and precharges counted by bank."""

_BUFFER = 0  # of the two queues that `queues` keeps only one is used


@njit(nogil=True)
def run(
    bank_of,
    row_of,
    address_of,
    is_write,
    not_before,
    banks,
    twin,
    command_banks,
    first,
    entries,
    history_size,
    bus_cycles,
    bus_of,
    data_end,
    refresh_interval,
    close_delay,
    completion,
    active_to_precharge,
    refresh_active,
    tck_ps,
    player_ps,
    page_policy,
    scheduler,
    buffer,
    buffer_size,
    response_queue,
    most_postponed,
    most_pulled_in,
    arbiter,
    most_active,
):
    """Simulate one channel until the last response has reached the trace player.

    Args:
        bank_of, row_of: int64 (requests,), what `mapping.decode_bits` gives.
        address_of: int64 (requests,), byte addresses.
        is_write: bool (requests,).
        not_before: int64 (requests,): the player's clock cycle before which a request is not sent.
        banks: banks of the channel.
        twin, command_banks, first, entries, history_size: of `rules.CompiledRules`.
        bus_cycles, bus_of: int64 (commands,), how long each command takes which command bus.
        data_end: int64 (2,), cycles from a read and from a write command to its last data.
        refresh_interval: cycles between refreshes of a rank; 0: no refresh.
        close_delay, completion, active_to_precharge, refresh_active: energy only: cycles from a command to
            the precharge that it implies (commands,) and until it is over (commands,), the least cycles that
            a row is open, and those that a refresh counts as active.
        tck_ps, player_ps: clock periods of the memory and of the trace player.
        page_policy, scheduler, buffer, response_queue, arbiter: codes of `bank_machine_controllers`.
        buffer_size: requests for each bank, for each of reads and writes, or in all.
        most_postponed, most_pulled_in: refresh intervals.
        most_active: requests between the arbiter and the player, unless the arbiter is simple.

    Returns:
        int64 (BANK_MACHINE_COUNTERS,), see the names above and in `engine`.
    """
    requests = bank_of.size
    rank_banks = command_banks[REFAB]
    ranks = banks // rank_banks
    rank_shift = 0  # log2 of a rank's banks: a division by a variable is slow
    while 1 << rank_shift < rank_banks:
        rank_shift += 1
    out = np.zeros(BANK_MACHINE_COUNTERS, np.int64)

    earliest = np.zeros((COMMAND_COUNT, banks), np.int64)
    history = new_history(entries, history_size, banks)
    buses = bus_of.max() + 1
    bus_free = np.full(2, buses - 1)  # where it has two, DRAMSys starts a cycle later
    open_row = np.full(banks, NONE, np.int64)
    opened_at = np.zeros(banks, np.int64)
    open_banks = np.zeros(ranks, np.int64)
    open_since = np.zeros(ranks, np.int64)
    open_until = np.zeros(ranks, np.int64)
    last_command = np.int64(0)  # when, implied precharges included

    # A bank's requests, and what its machine does next: a request, its command (NONE: nothing).
    ends = np.full((2, 2, banks), NONE, np.int64)
    links = np.empty((2, requests), np.int64)
    oldest = np.full((2, 3, banks), ABSENT, np.int64)
    waiting = np.zeros(banks, np.int64)
    active = np.empty(banks, np.int64)  # the banks with requests, in any order
    place = np.empty(banks, np.int64)  # of a bank in `active`
    active_count = 0
    chosen = np.full(banks, NONE, np.int64)
    wanted = np.full(banks, NONE, np.int64)
    counted = np.zeros(requests, np.bool_)
    buffered = np.zeros(2, np.int64)  # reads, writes
    last_bank = 0
    last_is_write = False

    rank_waiting = np.zeros(ranks, np.int64)
    blocked = np.zeros(ranks, np.bool_)
    being_blocked = np.zeros(ranks, np.bool_)  # what is ready in that moment may still be issued
    refresh_due = np.full(ranks, NEVER, np.int64)
    refresh_command = np.full(ranks, NONE, np.int64)
    owed = np.zeros(ranks, np.int64)  # refreshes postponed, less those pulled in
    pulling_in = np.zeros(ranks, np.bool_)
    if refresh_interval > 0:
        for rank in range(ranks):
            refresh_due[rank] = refresh_interval - rank * (refresh_interval // ranks)

    state, times = new_frontend(not_before)
    held = False  # the next request is at the controller, whose buffer is full
    accepted = 0
    next_offer(accepted, state, times, tck_ps, player_ps, arbiter, most_active)
    now = np.int64(0)

    touched = np.empty(banks + 2, np.int64)  # the banks whose machines have to choose anew
    touched_count = 0

    while state[DONE] < requests:
        # 1. The machines of touched banks choose a request and the command that it needs.
        for k in range(touched_count):
            bank = touched[k]
            if waiting[bank] == 0:
                continue
            row = open_row[bank]
            chosen[bank] = ends[_BUFFER, HEAD, bank]
            wanted[bank] = ACT
            if row == NONE:
                continue
            hit = oldest[_BUFFER, HIT, bank]
            if scheduler != FIFO and hit < ABSENT:
                chosen[bank] = hit
                if scheduler == FRFCFS_GROUPED and is_write[hit] != last_is_write:
                    # The oldest hit of the other kind, unless an older one is for the same address.
                    candidate = links[FOLLOWING, hit]
                    while candidate != NONE and chosen[bank] == hit:
                        if row_of[candidate] == row and is_write[candidate] == last_is_write:
                            older = hit
                            while older != candidate and (
                                row_of[older] != row or address_of[older] != address_of[candidate]
                            ):
                                older = links[FOLLOWING, older]
                            if older == candidate:
                                chosen[bank] = candidate
                        candidate = links[FOLLOWING, candidate]
            request = chosen[bank]
            if row_of[request] != row:
                wanted[bank] = PREPB
                continue
            close = page_policy == CLOSED
            if page_policy == CLOSED_ADAPTIVE or (page_policy == OPEN_ADAPTIVE and waiting[bank] > 1):
                # Unless there is another hit: the next in line if the scheduler is in order, else any.
                other = links[FOLLOWING, request] if scheduler == FIFO else hit
                while other != NONE and (row_of[other] != row or other == request) and scheduler != FIFO:
                    other = links[FOLLOWING, other]
                close = other == NONE or row_of[other] != row
            wanted[bank] = (WR if is_write[request] else RD) + close
        touched_count = 0

        # 2. Refresh managers.
        due = NEVER
        for rank in range(ranks if refresh_interval > 0 else 0):
            refresh_command[rank] = NONE
            if now >= refresh_due[rank]:
                if now >= refresh_due[rank] + refresh_interval:
                    refresh_due[rank] += refresh_interval
                    pulling_in[rank] = False
                if not pulling_in[rank] and owed[rank] == most_postponed:
                    being_blocked[rank] = not blocked[rank]
                    blocked[rank] = True
                    refresh_command[rank] = PREAB if open_banks[rank] > 0 else REFAB
                elif rank_waiting[rank] > 0:
                    if not pulling_in[rank]:
                        owed[rank] += 1
                    pulling_in[rank] = False
                    refresh_due[rank] += refresh_interval
                else:
                    refresh_command[rank] = PREAB if open_banks[rank] > 0 else REFAB
            if refresh_command[rank] == NONE:
                due = min(due, refresh_due[rank])

        # 3. The multiplexer: on each bus what ends first and then the oldest; of the two what starts first.
        command = node = request = np.int64(NONE)
        start = NEVER
        for bus in range(buses):
            bus_end, bus_start, bus_command, bus_node, bus_request = NEVER, NEVER, NONE, NONE, NONE
            free = max(now, bus_free[bus])
            if refresh_interval > 0:
                for rank in range(ranks):
                    candidate = refresh_command[rank]
                    if candidate != NONE and bus_of[candidate] == bus:
                        begin = max(free, earliest[candidate, rank])
                        end = begin + bus_cycles[candidate]
                        if end < bus_end:
                            bus_end, bus_start, bus_command, bus_node = end, begin, candidate, rank
            for k in range(active_count):
                bank = active[k]
                candidate = wanted[bank]
                if bus_of[candidate] != bus:
                    continue
                begin = max(free, earliest[twin[candidate], bank])
                if refresh_interval > 0:
                    rank = bank >> rank_shift
                    if blocked[rank] and (begin > now or not being_blocked[rank]):
                        continue
                end = begin + bus_cycles[candidate]
                if end < bus_end or (end == bus_end and chosen[bank] < bus_request):
                    bus_end, bus_start, bus_command, bus_node = end, begin, candidate, bank
                    bus_request = chosen[bank]
            if bus_start < start or (bus_start == start and bus_request < request):
                start, command, node, request = bus_start, bus_command, bus_node, bus_request

        # 4. The next request arrives, or the command is issued, or something else comes first.
        offer = NEVER if held or accepted == requests else state[OFFER]
        if start > now and offer <= now:
            held = True
            space = _has_space(buffer, buffer_size, buffered, waiting, last_bank)
        elif start > now and (start >= due or start > offer):
            now = max(now, min(start, min(due, offer)))
            if now == NEVER:
                out[STALLED] = 1
                return out
            continue
        else:
            # 5. Issue the command.
            now = start
            apply_rules(
                earliest,
                history,
                first,
                entries,
                node * rank_banks if request == NONE else node,
                command,
                now,
            )
            bus_free[bus_of[command]] = now + bus_cycles[command]
            out[FIRST_COMMAND_COUNT + command] += 1
            space = False
            rank = node if request == NONE else node >> rank_shift
            if now >= last_command:
                last_command = now
                out[POWER_CYCLES] = now + completion[command]
            if request == NONE:
                out[MAINTENANCE] += 1
                if command == PREAB:
                    for bank in range(rank * rank_banks, (rank + 1) * rank_banks):
                        if open_row[bank] != NONE:
                            open_row[bank] = NONE
                            out[PRECHARGED_BANKS] += 1
                            row_closed(ends, oldest, bank)
                            touched[touched_count] = bank
                            touched_count += 1
                    open_banks[rank] = 0
                    open_until[rank] = max(open_until[rank], now)
                else:
                    out[ACTIVE_CYCLES] += refresh_active
                    blocked[rank] = False
                    if pulling_in[rank]:
                        owed[rank] -= 1
                    pulling_in[rank] = True
                    if owed[rank] == -most_pulled_in:
                        pulling_in[rank] = False
                        refresh_due[rank] += refresh_interval
                continue

            bank = node
            if not counted[request]:
                counted[request] = True
                if command == ACT:
                    out[ROW_MISSES] += 1
                elif command == PREPB:
                    out[ROW_CONFLICTS] += 1
                else:
                    out[ROW_HITS] += 1
            if command == ACT:
                open_row[bank] = row_of[request]
                opened_at[bank] = now
                row_opened(ends, links, oldest, bank, row_of, open_row[bank])
                if open_banks[rank] == 0 and now > open_until[rank]:
                    out[ACTIVE_CYCLES] += open_until[rank] - open_since[rank]
                    open_since[rank] = now
                open_banks[rank] += 1
            elif command == PREPB:
                open_row[bank] = NONE
                open_banks[rank] -= 1
                open_until[rank] = max(open_until[rank], now)
                out[PRECHARGED_BANKS] += 1
                row_closed(ends, oldest, bank)
            else:
                dequeue(ends, links, oldest, _BUFFER, bank, request, row_of, open_row[bank])
                waiting[bank] -= 1
                if waiting[bank] == 0:
                    active_count -= 1
                    active[place[bank]] = active[active_count]
                    place[active[active_count]] = place[bank]
                rank_waiting[rank] -= 1
                write = is_write[request]
                buffered[int(write)] -= 1
                if command != RD and command != WR:
                    precharged_at = max(now + close_delay[command], opened_at[bank] + active_to_precharge)
                    open_row[bank] = NONE
                    open_banks[rank] -= 1
                    open_until[rank] = max(open_until[rank], precharged_at)
                    out[PRECHARGED_BANKS] += 1
                    if precharged_at >= last_command:
                        last_command = precharged_at
                        out[POWER_CYCLES] = precharged_at + completion[PREPB]
                    row_closed(ends, oldest, bank)
                out[WRITES_SERVED if write else READS_SERVED] += 1
                respond(request, now + data_end[int(write)], state, times, response_queue, arbiter)
                if write != last_is_write:
                    last_is_write = write
                    if scheduler == FRFCFS_GROUPED:
                        for k in range(active_count):
                            other = active[k]
                            if other != bank and open_row[other] != NONE:
                                touched[touched_count] = other
                                touched_count += 1
                if held:
                    space = _has_space(buffer, buffer_size, buffered, waiting, last_bank)
                elif state[OFFER] == NEVER and accepted < requests:
                    next_offer(
                        accepted,
                        state,
                        times,
                        tck_ps,
                        player_ps,
                        arbiter,
                        most_active,
                    )
            touched[touched_count] = bank
            touched_count += 1

        # 6. The buffer takes the request that is at the controller.
        if held and space:
            bank = bank_of[accepted]
            enqueue(ends, links, oldest, _BUFFER, bank, accepted, row_of[accepted], open_row[bank])
            if waiting[bank] == 0:
                active[active_count] = bank
                place[bank] = active_count
                active_count += 1
            waiting[bank] += 1
            rank_waiting[bank >> rank_shift] += 1
            buffered[int(is_write[accepted])] += 1
            last_bank = bank
            held = False
            state[PREVIOUS] = now
            accepted += 1
            if accepted < requests:
                next_offer(
                    accepted,
                    state,
                    times,
                    tck_ps,
                    player_ps,
                    arbiter,
                    most_active,
                )
            touched[touched_count] = bank
            touched_count += 1

    for k in range(requests):
        if not is_write[k]:
            out[READ_LATENCY_SUM] += times[RESPONSE, k] - times[ADMITTED, k]
    out[CYCLES] = times[COMPLETED, requests - 1]
    out[POWER_CYCLES] -= 1
    for rank in range(ranks):
        until = out[POWER_CYCLES] if open_banks[rank] > 0 else open_until[rank]
        out[ACTIVE_CYCLES] += max(0, until - open_since[rank])
    return out


@njit(nogil=True)
def _has_space(buffer, buffer_size, buffered, waiting, last_bank):
    """Whether the buffer takes another request."""
    if buffer == BANKWISE:
        return waiting[last_bank] < buffer_size
    if buffer == READ_WRITE:
        return max(buffered[0], buffered[1]) < buffer_size
    return buffered[0] + buffered[1] < buffer_size
