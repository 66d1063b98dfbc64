"""What a request's class of service decides: whose request is accepted, and which of a bank's goes next.

A player's requests are of its class; the lower, the more urgent. DRAMSys knows no classes: where all players
are of one, everything is as there. With several, as in controllers for systems on chips,

- the arbiter passes on the most urgent request for which the buffer has a place, of one class by turns, and
  the last place of a buffer is kept for the most urgent class;
- a bank serves its most urgent requests first, by its scheduler among those of one class, but requests for
  one address in the order in which they came;
- the multiplexer (`multiplexer`) takes of the commands that are ready at once that of the most urgent; and
  once a request has been in the buffer for as long as it takes to turn the data bus and turn it back, it
  holds back the less urgent reads or writes that would keep it waiting for its own turn of the bus.

A request that waits for `starvation_cycles`, first in its player's line or again in the buffer, goes before
all classes.
"""

# mypy: disable-error-code="no-untyped-def, no-untyped-call, call-overload"
from __future__ import annotations

from numba import njit

from cosearch_simulators.dram.common.queues import FOLLOWING, HEAD, NONE
from cosearch_simulators.dram.common.timing import NEVER, RD, WRA
from cosearch_simulators.dram.engines.dramsys.frontend import (
    ACCEPTED_AT,
    ADDRESS,
    ARRIVAL,
    FIRST_SINCE,
    IS_WRITE,
    LAST_PLAYER,
    ORIGIN,
    PLAYER,
    POSITION,
    QOS_CLASS,
    ROW,
)
from cosearch_simulators.dram.engines.dramsys.refresh_managers import ACTIVE, BARRED, CHOSEN, FREE, WANTED

BANKWISE, READ_WRITE, SHARED = range(3)
FIFO, FRFCFS, FRFCFS_GROUPED = range(3)
BUFFER = 0  # of the two queues that `queues` keeps only one is used

STARVED = -1
"""The class of a request that has waited too long."""


@njit(nogil=True, _nrt=False)
def class_of(p, since, now, player, starvation_cycles):
    """The class of a player's request that has waited since a cycle."""
    return STARVED if now - since >= starvation_cycles else player[QOS_CLASS, p]


@njit(nogil=True, _nrt=False)
def has_space(buffer, size, reads, writes, waiting, bank):
    """Whether a buffer with these reads and writes, or that of the bank, takes another request."""
    if buffer == BANKWISE:
        return waiting[bank] < size
    if buffer == READ_WRITE:
        return max(reads, writes) < size
    return reads + writes < size


@njit(nogil=True, _nrt=False)
def choose_player(
    now,
    line,
    player,
    classes,
    most_urgent,
    bank_in,
    buffer,
    buffer_size,
    reads,
    writes,
    waiting,
    starvation_cycles,
):
    """Whose request the arbiter passes on; with several classes NONE if there is a place for none."""
    players = player.shape[1]
    best, best_class = NONE, NEVER
    for turn in range(1, players + 1):
        p = (line[LAST_PLAYER] + turn) % players
        if player[ARRIVAL, p] > now:
            continue
        qos_class = class_of(p, player[FIRST_SINCE, p], now, player, starvation_cycles)
        if qos_class >= best_class:
            continue
        if classes:
            size = buffer_size if qos_class <= most_urgent else max(1, buffer_size - 1)
            bank = bank_in[player[ORIGIN, p] + player[POSITION, p]]
            if not has_space(buffer, size, reads, writes, waiting, bank):
                continue
        best, best_class = p, qos_class
    return best


@njit(nogil=True, _nrt=False)
def next_arrival_after(looked, player):
    """When the next request comes to those that stand at the controller since `looked`."""
    arrival = NEVER
    for p in range(player.shape[1]):
        if player[ARRIVAL, p] > looked:
            arrival = min(arrival, player[ARRIVAL, p])
    return arrival


@njit(nogil=True, _nrt=False)
def choose_by_class(now, bank, row, ends, links, flight, player, last_is_write, scheduler, starvation_cycles):
    """The request that a bank serves next, its open row (NONE: closed) being `row`."""
    mask = flight.shape[1] - 1
    best, best_order = NONE, NEVER
    request = ends[BUFFER, HEAD, bank]
    while request != NONE:
        slot = request & mask
        since = flight[ACCEPTED_AT, slot]
        order = 4 * class_of(flight[PLAYER, slot], since, now, player, starvation_cycles)
        if scheduler != FIFO and flight[ROW, slot] != row:
            order += 2
        elif scheduler == FRFCFS_GROUPED and flight[IS_WRITE, slot] != last_is_write:
            order += 1
        if order < best_order:
            best, best_order = request, order
        request = links[FOLLOWING, slot]
    older = ends[BUFFER, HEAD, bank]  # of the same address, if there is one
    while flight[ADDRESS, older & mask] != flight[ADDRESS, best & mask]:
        older = links[FOLLOWING, older & mask]
    return older


@njit(nogil=True, _nrt=False)
def wanted_turn(now, active_count, bank_state, flight, player, starvation_cycles, turn_cycles):
    """The most urgent request (NONE: none) that wants data and has waited for a turn, and its class."""
    best, best_class = NONE, NEVER
    for k in range(active_count):
        bank = bank_state[ACTIVE, k]
        request = bank_state[CHOSEN, bank]
        slot = request & (flight.shape[1] - 1)
        since = flight[ACCEPTED_AT, slot]
        if RD <= bank_state[WANTED, bank] <= WRA and bank_state[BARRED, bank] == FREE:
            qos_class = class_of(flight[PLAYER, slot], since, now, player, starvation_cycles)
            older = qos_class == best_class and request < best
            if now - since >= turn_cycles and (qos_class < best_class or older):
                best, best_class = request, qos_class
    return best, best_class


@njit(nogil=True, _nrt=False)
def is_held_back(bank, turn, turn_class, now, bank_state, flight, player, starvation_cycles):
    """Whether what a bank wants would keep the data bus from the turn that `wanted_turn` has found."""
    mask = flight.shape[1] - 1
    slot = bank_state[CHOSEN, bank] & mask
    if turn == NONE or not RD <= bank_state[WANTED, bank] <= WRA:
        return False
    if flight[IS_WRITE, slot] == flight[IS_WRITE, turn & mask]:
        return False
    since = flight[ACCEPTED_AT, slot]
    return class_of(flight[PLAYER, slot], since, now, player, starvation_cycles) > turn_class
