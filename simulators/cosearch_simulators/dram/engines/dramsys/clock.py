"""The clock of one DRAM channel under DRAMSys' controller.

Each bank has a machine that takes a request from the bank's buffer and names the command that it needs; a
multiplexer issues the oldest request's command among those that are ready, of the more urgent class first.
A refresh manager and a power-down manager a rank name commands too (`refresh_managers`, `power_down`) and may
bar the machines. In front of them `frontend` plays the traces through the arbiter and takes the responses
back. Timing is `earliest`'s and buffers are `queues`', which Ramulator's controller shares.

The steps follow DRAMSys 4 (Steiner et al., "DRAMSys4.0: A Fast and Cycle-Accurate SystemC/TLM-Based DRAM
Simulator", SAMOS 2020, and its public source). Cycles in which nothing can happen are not visited.
"""

# mypy: disable-error-code="no-untyped-def, no-untyped-call, assignment, call-overload"
from __future__ import annotations

import numpy as np
from numba import njit

from cosearch_simulators.dram.common.counters import (
    ACTIVE_CYCLES,
    CONFLICT,
    CYCLES,
    FIRST_COMMAND_COUNT,
    HIT,
    MAINTENANCE,
    MISS,
    READ_LATENCY_SUM,
    READS_SERVED,
    ROW_HITS,
    STALLED,
    WRITES_SERVED,
)
from cosearch_simulators.dram.common.data_bus import occupy
from cosearch_simulators.dram.common.earliest import push_back
from cosearch_simulators.dram.common.queues import (
    NONE,
    dequeue,
    enqueue,
    row_closed,
    row_opened,
)
from cosearch_simulators.dram.common.timing import (
    ACT,
    NEVER,
    PREAB,
    PREPB,
    RD,
    REFAB,
    REFSB,
    WR,
)
from cosearch_simulators.dram.engines.dramsys.bank_choices import choose_command, choose_command_by_class
from cosearch_simulators.dram.engines.dramsys.frontend import (
    ADDRESS,
    ARRIVAL,
    COUNTED,
    DONE,
    ENDED,
    IS_WRITE,
    LAST_RESPONSE,
    LOADED,
    ORIGIN,
    POSITION,
    QOS_CLASS,
    READ_COUNT,
    READ_LATENCY,
    ROW,
    SIMPLE,
    accept,
    count_wait,
    next_arrival,
    next_offer,
    respond,
    ring_is_full,
)
from cosearch_simulators.dram.engines.dramsys.multiplexer import (
    POWER_MANAGER,
    REFRESH_MANAGER,
    select_command,
)
from cosearch_simulators.dram.engines.dramsys.power_down import (
    ACTIVE_POWER_DOWN,
    AWAKE,
    CYCLES_IN,
    NO_POWER_DOWN,
    POWER_WANTED,
    PRECHARGE_POWER_DOWN,
    SELF_REFRESH,
    count_power_cycles,
    power_command,
    power_command_issued,
    rank_is_idle,
    refresh_is_due,
    request_came,
)
from cosearch_simulators.dram.engines.dramsys.refresh_managers import (
    ACTIVE,
    ALL_BANK,
    CHOSEN,
    OPEN_BANKS,
    OPEN_CYCLES,
    OPEN_ROW,
    OPEN_SINCE,
    OPEN_UNTIL,
    OPENED_AT,
    PLACE,
    POWER_STATE,
    PRECHARGES,
    RANK_WAITING,
    REFRESH_COMMAND,
    REFRESH_DUE,
    SAME_BANK,
    WAITING,
    refresh_all_banks,
    refresh_issued,
    refresh_some_banks,
)
from cosearch_simulators.dram.engines.dramsys.service_classes import (
    BUFFER,
    FRFCFS_GROUPED,
    choose_player,
    has_space,
    next_arrival_after,
)
from cosearch_simulators.dram.engines.dramsys.state import (
    ACTIVE_COUNT,
    ACTIVE_POWER_DOWN_CYCLES,
    BUFFERED_READS,
    BUFFERED_WRITES,
    FINISHED_RUN,
    HELD,
    LARGER_RING,
    LAST_BANK,
    LAST_COMMAND,
    LAST_IS_WRITE,
    LOGGED,
    LOOKED,
    MORE_REQUESTS,
    NOW,
    POWER_CYCLES,
    PRECHARGE_POWER_DOWN_CYCLES,
    PRECHARGED_BANKS,
    SAMPLED,
    SAMPLED_ANSWERED,
    SAMPLED_HITS,
    SAMPLED_LATENCY,
    SAMPLED_READS,
    SAMPLED_WRITES,
    SELF_REFRESH_CYCLES,
    TOUCHED_COUNT,
)


@njit(nogil=True, _nrt=False)
def run(bank_in, row_in, address_in, is_write_in, not_before, device, controller, state):
    """Go on with a channel until the last response has reached its player, or until something is missing.

    Args:
        bank_in, row_in: int64 (requests,), the requests at hand of all players, player by player, as
            `player[ORIGIN]` and `player[LOADED]` say; what `mapping` makes of their addresses.
        address_in: int64 (requests,), byte addresses.
        is_write_in: bool (requests,).
        not_before: int64 (requests,): the player's clock cycle before which a request is not sent.
        device: a `Channel`.
        controller: a `Controller`.
        state: a `State`, changed in place.

    Returns:
        `FINISHED_RUN`, `MORE_REQUESTS` or `LARGER_RING`.
    """
    command_banks, first, entries = device.command_banks, device.first, device.entries
    bus_cycles, bus_of, close_delay = device.bus_cycles, device.bus_of, device.close_delay
    refresh, refresh_interval, power_down = (
        controller.refresh,
        controller.refresh_interval,
        controller.power_down,
    )
    scheduler, arbiter = controller.scheduler, controller.arbiter
    most_active, tck_ps = controller.most_active, device.tck_ps
    earliest, history, bus_free, touched = state.earliest, state.history, state.bus_free, state.touched
    flat_earliest = earliest.reshape(-1)
    bank_state, rank_state, power, out = state.bank, state.rank, state.power, state.counters
    ends, oldest, links, flight, turns = state.ends, state.oldest, state.links, state.flight, state.turns
    line, player, scalars, log, issued = state.line, state.player, state.scalars, state.log, state.issued
    outcomes, sample_ends, busy, data_until = (
        state.outcomes,
        state.sample_ends,
        state.busy,
        state.data_until,
    )

    open_row, waiting, active, place = (
        bank_state[OPEN_ROW],
        bank_state[WAITING],
        bank_state[ACTIVE],
        bank_state[PLACE],
    )
    chosen = bank_state[CHOSEN]
    open_banks, rank_waiting = rank_state[OPEN_BANKS], rank_state[RANK_WAITING]
    refresh_due, refresh_command = rank_state[REFRESH_DUE], rank_state[REFRESH_COMMAND]
    power_state, power_wanted = rank_state[POWER_STATE], power[POWER_WANTED]
    row_of, address_of, is_write = flight[ROW], flight[ADDRESS], flight[IS_WRITE]
    mask = flight.shape[1] - 1

    ranks, players = rank_state.shape[1], player.shape[1]
    rank_banks = command_banks[REFAB]
    rank_shift = 0  # log2 of a rank's banks: a division by a variable is slow
    while 1 << rank_shift < rank_banks:
        rank_shift += 1
    sets = device.group_banks if refresh == SAME_BANK else rank_banks
    rounds = 1 if refresh == ALL_BANK else sets
    most_postponed, most_pulled_in = controller.most_postponed * rounds, controller.most_pulled_in * rounds
    buffer, buffer_size = controller.buffer, controller.buffer_size
    starvation_cycles, data_end, completion = (
        controller.starvation_cycles,
        device.data_end,
        device.completion,
    )
    managed = refresh_interval > 0 or power_down != NO_POWER_DOWN
    # Not a plain False, for which numba would compile what it is given to once more.
    classes, most_urgent = np.bool_(False), player[QOS_CLASS, 0]
    known, final = 0, True
    for p in range(players):
        most_urgent = min(most_urgent, player[QOS_CLASS, p])
        classes |= player[QOS_CLASS, p] != player[QOS_CLASS, 0]
        known += player[LOADED, p]
        final &= player[ENDED, p] != 0
        if player[ARRIVAL, p] == NEVER and player[POSITION, p] < player[LOADED, p]:
            next_arrival(p, player, turns, not_before, tck_ps, arbiter, most_active)
    offer = next_offer(line, player)
    now, last_command, active_count = scalars[NOW], scalars[LAST_COMMAND], scalars[ACTIVE_COUNT]
    last_bank, last_is_write, looked = scalars[LAST_BANK], scalars[LAST_IS_WRITE], scalars[LOOKED]
    held, touched_count, logged = scalars[HELD] != 0, scalars[TOUCHED_COUNT], scalars[LOGGED]
    buffered_reads, buffered_writes = scalars[BUFFERED_READS], scalars[BUFFERED_WRITES]
    sample_end = sample_ends[scalars[SAMPLED]]
    may_lack = True
    status = FINISHED_RUN
    while line[DONE] < known or not final:
        # 1. Pause where the next request of a player, or a place for it, is missing.
        if may_lack:
            may_lack = False
            for p in range(players):
                if player[POSITION, p] == player[LOADED, p] and not player[ENDED, p]:
                    status = MORE_REQUESTS
            if ring_is_full(line, flight):
                status = LARGER_RING
            if status != FINISHED_RUN:
                break

        # 2. The machines of touched banks choose a request and the command that it needs.
        for k in range(touched_count):
            if waiting[touched[k]] > 0:
                if classes:
                    choose_command_by_class(
                        now,
                        touched[k],
                        bank_state,
                        ends,
                        links,
                        oldest,
                        flight,
                        player,
                        last_is_write,
                        controller,
                    )
                    continue
                choose_command(
                    touched[k],
                    bank_state,
                    ends,
                    links,
                    oldest,
                    flight,
                    last_is_write,
                    controller.page_policy,
                    scheduler,
                )
        touched_count = 0

        # 3. Refresh managers and power-down managers.
        due = NEVER
        if managed:
            for rank in range(ranks):
                refresh_command[rank] = power_wanted[rank] = NONE
                if now >= refresh_due[rank]:
                    if power_down != NO_POWER_DOWN:
                        refresh_is_due(rank, rank_state, power)
                    if power_down == NO_POWER_DOWN or power_state[rank] == AWAKE:
                        if refresh == ALL_BANK:
                            refresh_all_banks(
                                rank, now, rank_state, bank_state, refresh_interval, most_postponed
                            )
                        else:
                            refresh_some_banks(
                                rank,
                                now,
                                rank_state,
                                bank_state,
                                refresh_interval,
                                most_postponed,
                                refresh,
                                sets,
                            )
                if power_down != NO_POWER_DOWN:
                    power_wanted[rank] = power_command(rank, rank_state, power)
                    if power_wanted[rank] != NONE:
                        refresh_command[rank] = NONE
                if refresh_due[rank] > now:
                    due = min(due, refresh_due[rank])

        # 4. The multiplexer.
        start, command, node, source = select_command(
            now,
            active_count,
            bank_state,
            rank_state,
            power,
            flight,
            player,
            earliest,
            bus_free,
            device,
            rank_shift,
            sets,
            refresh_interval,
            power_down,
            classes,
            starvation_cycles,
        )

        # 5. The next request arrives, or the command is issued, or something else comes first.
        coming = offer
        if held:
            coming = next_arrival_after(looked, player) if classes else NEVER
        look = False
        rank = NONE
        if start > now and coming <= now:
            held = look = True
            looked = now
        elif start > now and (start >= due or start > coming):
            now = max(now, min(start, min(due, coming)))
            if now == NEVER:
                out[STALLED] = 1
                break
            continue
        else:
            # 6. Issue the command.
            now = start
            if now > sample_end:
                sample_end = _sample(now, state)
            rank = node >> rank_shift
            members = (rank + 1) * rank_banks if command == REFSB else node + 1
            for member in range(node, members, sets):
                push_back(flat_earliest, history, first, entries, member, command, now)
            bus_free[bus_of[command]] = now + bus_cycles[command]
            issued[command, node] += 1
            if logged < log.shape[0]:
                log[logged, 0], log[logged, 1], log[logged, 2] = now, command, node
                logged += 1
            if now >= last_command:
                last_command = now
                out[POWER_CYCLES] = now + completion[command]
            if command == REFAB:
                rank_state[OPEN_CYCLES, rank] += device.refresh_active
            if source == POWER_MANAGER:
                power_command_issued(
                    command, rank, now, rank_state, bank_state, power, refresh_interval, sets
                )
            elif source == REFRESH_MANAGER:
                out[MAINTENANCE] += 1
                if command == PREAB or command == PREPB:  # noqa: SIM109
                    for bank in range(node, node + command_banks[command]):
                        if open_row[bank] != NONE:
                            open_row[bank] = NONE
                            open_banks[rank] -= 1
                            bank_state[PRECHARGES, bank] += 1
                            row_closed(ends, oldest, bank)
                            touched[touched_count] = bank
                            touched_count += 1
                    rank_state[OPEN_UNTIL, rank] = max(rank_state[OPEN_UNTIL, rank], now)
                else:
                    refresh_issued(
                        rank, rank_state, bank_state, refresh_interval, most_pulled_in, refresh, sets
                    )
            else:
                bank = node
                request = chosen[bank]
                slot = request & mask
                if not flight[COUNTED, slot]:
                    flight[COUNTED, slot] = 1
                    outcomes[MISS if command == ACT else (CONFLICT if command == PREPB else HIT), bank] += 1
                if command == ACT:
                    open_row[bank] = row_of[slot]
                    bank_state[OPENED_AT, bank] = now
                    row_opened(ends, links, oldest, bank, row_of, open_row[bank], mask)
                    open_until = rank_state[OPEN_UNTIL, rank]
                    if open_banks[rank] == 0 and now > open_until:
                        rank_state[OPEN_CYCLES, rank] += open_until - rank_state[OPEN_SINCE, rank]
                        rank_state[OPEN_SINCE, rank] = now
                    open_banks[rank] += 1
                elif command == PREPB:
                    open_row[bank] = NONE
                    open_banks[rank] -= 1
                    rank_state[OPEN_UNTIL, rank] = max(rank_state[OPEN_UNTIL, rank], now)
                    bank_state[PRECHARGES, bank] += 1
                    row_closed(ends, oldest, bank)
                else:
                    dequeue(ends, links, oldest, BUFFER, bank, request, row_of, open_row[bank], mask)
                    waiting[bank] -= 1
                    if waiting[bank] == 0:
                        active_count -= 1
                        active[place[bank]] = active[active_count]
                        place[active[active_count]] = place[bank]
                    rank_waiting[rank] -= 1
                    write = is_write[slot]
                    if write:
                        buffered_writes -= 1
                    else:
                        buffered_reads -= 1
                    if command != RD and command != WR:
                        precharged_at = max(
                            now + close_delay[command],
                            bank_state[OPENED_AT, bank] + device.active_to_precharge,
                        )
                        open_row[bank] = NONE
                        open_banks[rank] -= 1
                        rank_state[OPEN_UNTIL, rank] = max(rank_state[OPEN_UNTIL, rank], precharged_at)
                        bank_state[PRECHARGES, bank] += 1
                        if precharged_at >= last_command:
                            last_command = precharged_at
                            out[POWER_CYCLES] = precharged_at + completion[PREPB]
                        row_closed(ends, oldest, bank)
                    out[WRITES_SERVED if write else READS_SERVED] += 1
                    if busy.shape[1] > 0:
                        after_data = now + data_end[write]
                        occupy(
                            after_data - device.burst_cycles,
                            after_data,
                            rank if data_until.size > 1 else 0,
                            data_until,
                            sample_ends,
                            busy[write],
                        )
                    respond(
                        request,
                        now + data_end[write],
                        line,
                        player,
                        flight,
                        turns,
                        controller.response_queue,
                        arbiter,
                    )
                    if write != last_is_write:
                        last_is_write = write
                        if scheduler == FRFCFS_GROUPED:
                            for k in range(active_count):
                                other = active[k]
                                if other != bank and open_row[other] != NONE:
                                    touched[touched_count] = other
                                    touched_count += 1
                    look = held
                    if arbiter != SIMPLE:  # what waited for a response
                        for p in range(players):
                            if player[ARRIVAL, p] == NEVER and player[POSITION, p] < player[LOADED, p]:
                                next_arrival(p, player, turns, not_before, tck_ps, arbiter, most_active)
                        offer = next_offer(line, player)
                touched[touched_count] = bank
                touched_count += 1

        # 7. The buffer takes the request that is at the controller.
        p = NONE
        if look and (
            classes or has_space(buffer, buffer_size, buffered_reads, buffered_writes, waiting, last_bank)
        ):
            p = 0
            if players > 1:
                p = choose_player(
                    now,
                    line,
                    player,
                    classes,
                    most_urgent,
                    bank_in,
                    buffer,
                    buffer_size,
                    buffered_reads,
                    buffered_writes,
                    waiting,
                    starvation_cycles,
                )
        if p != NONE:
            source_place = player[ORIGIN, p] + player[POSITION, p]
            count_wait(
                p, np.int64(is_write_in[source_place]), not_before[source_place], player, turns, tck_ps
            )
            accepted = accept(now, p, line, player, flight, turns, arbiter)
            slot = accepted & mask
            bank = bank_in[source_place]
            row_of[slot] = row_in[source_place]
            address_of[slot] = address_in[source_place]
            is_write[slot] = is_write_in[source_place]
            enqueue(ends, links, oldest, BUFFER, bank, accepted, row_of[slot], open_row[bank], mask)
            if waiting[bank] == 0:
                active[active_count] = bank
                place[bank] = active_count
                active_count += 1
            waiting[bank] += 1
            if is_write[slot]:
                buffered_writes += 1
            else:
                buffered_reads += 1
            if power_down != NO_POWER_DOWN and rank_waiting[bank >> rank_shift] == 0:
                request_came(bank >> rank_shift, rank_state, power)
            rank_waiting[bank >> rank_shift] += 1
            last_bank = bank
            held = False
            if player[POSITION, p] < player[LOADED, p]:
                next_arrival(p, player, turns, not_before, tck_ps, arbiter, most_active)
            may_lack = True
            offer = next_offer(line, player)
            touched[touched_count] = bank
            touched_count += 1
        if power_down != NO_POWER_DOWN and rank != NONE and rank_waiting[rank] == 0:
            rank_is_idle(rank, rank_state, power)

    scalars[NOW], scalars[LAST_COMMAND], scalars[ACTIVE_COUNT] = now, last_command, active_count
    scalars[LAST_BANK], scalars[LAST_IS_WRITE], scalars[HELD] = last_bank, last_is_write, held
    scalars[BUFFERED_READS], scalars[BUFFERED_WRITES] = buffered_reads, buffered_writes
    scalars[TOUCHED_COUNT], scalars[LOGGED], scalars[LOOKED] = touched_count, logged, looked
    if status == FINISHED_RUN:
        _finish(state)
    return status


@njit(nogil=True, _nrt=False)
def _finish(state):
    """Complete the counters when the last response has reached its player."""
    out, rank_state = state.counters, state.rank
    for p in range(state.player.shape[1]):
        out[READ_LATENCY_SUM] += state.player[READ_LATENCY, p]
        out[CYCLES] = max(out[CYCLES], state.player[LAST_RESPONSE, p])
    out[POWER_CYCLES] = max(0, out[POWER_CYCLES] - 1)
    for rank in range(rank_state.shape[1]):
        open_until = rank_state[OPEN_UNTIL, rank]
        until = out[POWER_CYCLES] if rank_state[OPEN_BANKS, rank] > 0 else open_until
        rank_state[OPEN_CYCLES, rank] += max(0, until - rank_state[OPEN_SINCE, rank])
        count_power_cycles(rank, out[POWER_CYCLES], rank_state, state.power)
        out[ACTIVE_CYCLES] += rank_state[OPEN_CYCLES, rank]
        out[ACTIVE_POWER_DOWN_CYCLES] += state.power[CYCLES_IN + ACTIVE_POWER_DOWN, rank]
        out[PRECHARGE_POWER_DOWN_CYCLES] += state.power[CYCLES_IN + PRECHARGE_POWER_DOWN, rank]
        out[SELF_REFRESH_CYCLES] += state.power[CYCLES_IN + SELF_REFRESH, rank]
    for bank in range(state.bank.shape[1]):
        out[PRECHARGED_BANKS] += state.bank[PRECHARGES, bank]
        for command in range(state.issued.shape[0]):
            out[FIRST_COMMAND_COUNT + command] += state.issued[command, bank]
        for outcome in range(3):
            out[ROW_HITS + outcome] += state.outcomes[outcome, bank]
    _sample(NEVER, state)


@njit(nogil=True, _nrt=False)
def _sample(now, state):
    """Note the totals for all samples that end before a cycle, the first in which they change; the next end.

    All of them change only with a command, so none that comes later has to be looked at.
    """
    scalars, ends, samples = state.scalars, state.sample_ends, state.samples
    while ends[scalars[SAMPLED]] < now:
        k = scalars[SAMPLED]
        samples[SAMPLED_READS, k] = state.counters[READS_SERVED]
        samples[SAMPLED_WRITES, k] = state.counters[WRITES_SERVED]
        for bank in range(state.outcomes.shape[1]):
            for outcome in range(3):
                samples[SAMPLED_HITS + outcome, k] += state.outcomes[outcome, bank]
        for p in range(state.player.shape[1]):
            samples[SAMPLED_LATENCY, k] += state.player[READ_LATENCY, p]
            samples[SAMPLED_ANSWERED, k] += state.player[READ_COUNT, p]
        scalars[SAMPLED] += 1
    return ends[scalars[SAMPLED]]
