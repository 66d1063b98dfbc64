"""Which of the commands that are wanted is issued: DRAMSys' multiplexer "Oldest", with classes.

On each command bus the command that ends first goes first, then a refresh manager's, then that of the most
urgent request: by class and then by age. Of two buses that which starts first goes first.
"""

# mypy: disable-error-code="no-untyped-def, no-untyped-call, assignment, call-overload"
from __future__ import annotations

import numpy as np
from numba import njit

from cosearch_simulators.dram.common.earliest import allowed_from
from cosearch_simulators.dram.common.queues import NONE
from cosearch_simulators.dram.common.timing import NEVER, REFSB
from cosearch_simulators.dram.engines.dramsys.frontend import ACCEPTED_AT, PLAYER
from cosearch_simulators.dram.engines.dramsys.power_down import NO_POWER_DOWN, POWER_WANTED
from cosearch_simulators.dram.engines.dramsys.refresh_managers import (
    ACTIVE,
    BARRED,
    BEING_BLOCKED,
    CHOSEN,
    FREE,
    REFRESH_COMMAND,
    REFRESH_NODE,
    WANTED,
)
from cosearch_simulators.dram.engines.dramsys.service_classes import class_of, is_held_back, wanted_turn

MACHINE, REFRESH_MANAGER, POWER_MANAGER = range(3)
"""Who wants a command."""

_LEAST_URGENT = NEVER
_CLASS_SHIFT = 48  # an urgency is class and number; a trace of 2^48 requests takes years


@njit(nogil=True, _nrt=False, forceinline=True)
def select_command(
    now,
    active_count,
    bank_state,
    rank_state,
    power,
    flight,
    player,
    earliest,
    bus_free,
    channel,
    rank_shift,
    sets,
    refresh_interval,
    power_down,
    classes,
    starvation_cycles,
):
    """When the next command may be issued (NEVER: never), which, for which (first) bank, and who wants it."""
    twin, bus_cycles, bus_of = channel.twin, channel.bus_cycles, channel.bus_of
    active, chosen, wanted, barred = (
        bank_state[ACTIVE],
        bank_state[CHOSEN],
        bank_state[WANTED],
        bank_state[BARRED],
    )
    refresh_command, power_wanted = rank_state[REFRESH_COMMAND], power[POWER_WANTED]
    ranks, rank_banks, banks = rank_state.shape[1], 1 << rank_shift, bank_state.shape[1]
    command = node = urgency = np.int64(NONE)
    source = MACHINE
    start = NEVER
    turn, turn_class = np.int64(NONE), NEVER
    if classes:
        turn, turn_class = wanted_turn(
            now, active_count, bank_state, flight, player, starvation_cycles, channel.turn_cycles
        )
    for bus in range(channel.buses):
        bus_end, bus_start, bus_command, bus_node, bus_urgency = NEVER, NEVER, NONE, NONE, NONE
        bus_source = MACHINE
        free = max(now, bus_free[bus])
        if refresh_interval > 0:
            for rank in range(ranks):
                candidate = refresh_command[rank]
                if candidate != NONE and bus_of[candidate] == bus:
                    candidate_node = rank_state[REFRESH_NODE, rank]
                    begin = max(free, allowed_from(earliest, candidate, candidate_node, banks, rank_shift))
                    if candidate == REFSB:
                        for member in range(candidate_node, (rank + 1) * rank_banks, sets):
                            begin = max(begin, earliest[REFSB, member])
                    end = begin + bus_cycles[candidate]
                    if end < bus_end:
                        bus_end, bus_start, bus_command, bus_node = end, begin, candidate, candidate_node
                        bus_source = REFRESH_MANAGER
        for k in range(active_count):
            bank = active[k]
            candidate = wanted[bank]
            if bus_of[candidate] != bus:
                continue
            begin = max(free, allowed_from(earliest, twin[candidate], bank, banks, rank_shift))
            bar = barred[bank]
            if bar != FREE and (begin > now or bar != BEING_BLOCKED):
                continue
            end = begin + bus_cycles[candidate]
            if end > bus_end:
                continue
            candidate_urgency = chosen[bank]
            if classes:
                if is_held_back(bank, turn, turn_class, now, bank_state, flight, player, starvation_cycles):
                    continue
                candidate_urgency = _urgency(candidate_urgency, now, flight, player, starvation_cycles)
            if end < bus_end or candidate_urgency < bus_urgency:
                bus_end, bus_start, bus_command, bus_node = end, begin, candidate, bank
                bus_urgency, bus_source = candidate_urgency, MACHINE
        if power_down != NO_POWER_DOWN:
            for rank in range(ranks):
                candidate = power_wanted[rank]
                if candidate != NONE and bus_of[candidate] == bus:
                    begin = max(free, earliest[candidate, banks + rank])
                    end = begin + bus_cycles[candidate]
                    if end < bus_end:
                        bus_end, bus_start, bus_command = end, begin, candidate
                        bus_node, bus_urgency, bus_source = (
                            rank * rank_banks,
                            _LEAST_URGENT,
                            POWER_MANAGER,
                        )
        if bus_start < start or (bus_start == start and bus_urgency < urgency):
            start, command, node, urgency, source = (
                bus_start,
                bus_command,
                bus_node,
                bus_urgency,
                bus_source,
            )
    return start, command, node, source


@njit(nogil=True, _nrt=False)
def _urgency(request, now, flight, player, starvation_cycles):
    """The less the sooner: by class and then by age; what has starved is of the most urgent class."""
    slot = request & (flight.shape[1] - 1)
    qos_class = class_of(flight[PLAYER, slot], flight[ACCEPTED_AT, slot], now, player, starvation_cycles)
    return (max(0, qos_class) << _CLASS_SHIFT) | request
