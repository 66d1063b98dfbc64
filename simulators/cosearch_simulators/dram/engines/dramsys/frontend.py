"""What stands between the traces and DRAMSys' controller: players, arbiter and the way of the responses.

A player sends a request on an edge of its own clock, not before the request's cycle and after the one before
it was taken. Arbiter `SIMPLE` passes it on and takes it when the controller does; `FIFO` and `REORDER` take
it themselves while fewer than `most_active` of the player's requests are under way, and pass one on a cycle.
The controller sends at most one response a cycle and a player gets at most one; response queue `REORDER`
keeps the order in which the controller accepted the requests, arbiter `REORDER` that of each player. All
delays of DRAMSys' arbiter, controller and PHY are 0, as its default is.

DRAMSys takes requests of several players as they come. Here `service_classes` says whose is next.

A request is known by its number in the order of acceptance, and by its player and number in that player's
trace. What is kept of requests under way lies in rings: at the number & the ring's mask.
"""

# mypy: disable-error-code="no-untyped-def, no-untyped-call, call-overload"
from __future__ import annotations

from numba import njit

from cosearch_simulators.dram.common.timing import NEVER

SIMPLE, FIFO, REORDER = range(3)
RESPONSE_FIFO, RESPONSE_REORDER = range(2)

PREVIOUS, SENT, NEXT_SENT, ACCEPTED, DONE, UNFINISHED, LAST_PLAYER = range(7)
"""The line into the controller: when it accepted the last request; when it sent its last response and, where
it keeps the order, whose is next; how many requests it has accepted and how many responses have reached their
player; the oldest request under way; whose request was accepted last."""
LINE_FIELDS = 7

POSITION, LOADED, ORIGIN, ENDED, ARRIVAL, TAKEN, FIRST_SINCE, RETURNED, LAST_RESPONSE = range(9)
QOS_CLASS, CLOCK_PS, READ_COUNT, READ_LATENCY, WRITE_COUNT, WRITE_LATENCY, MOST_LATENCY = range(9, 16)
READ_WAIT, WRITE_WAIT = range(16, 18)
"""By player: how many requests have been accepted and how many of the trace are at hand; what takes a number
to its place in the columns at hand; whether that is all of the trace; when the next request is at the arbiter
(NEVER: not known yet) and when the one before was taken; since when the next is the first in line; how many
responses it has got and when the last. Then its class, its clock's period and sums over its responses; and
how long after the trace's cycle those latencies begin, summed over its accepted requests."""
PLAYER_FIELDS = 18

ROW, ADDRESS, IS_WRITE, PLAYER, SEQUENCE, ACCEPTED_AT, DATA, COUNTED, FINISHED = range(9)
"""By request under way: what it wants, whose it is, its number there, when it was accepted, when its last
data is on the bus, whether its first command was issued, and whether it is no longer under way."""
FLIGHT_FIELDS = 9

ADMITTED, RESPONSE, COMPLETED, NUMBER = range(4)
"""By player and its request under way, in memory cycles: when the arbiter (or, if that is simple, the player)
let it go and when the player gets its response; its number in the order of acceptance. COMPLETED is by
response instead: when the player gets it."""
TURN_FIELDS = 4

UNKNOWN = -1


@njit(nogil=True, _nrt=False, forceinline=True)
def next_arrival(p, player, turns, not_before, tck_ps, arbiter, most_active):
    """Set ARRIVAL of a player's next request, the one before being taken."""
    request = player[POSITION, p]
    before = player[TAKEN, p]
    send = not_before[player[ORIGIN, p] + request]
    clock_ps = player[CLOCK_PS, p]
    if tck_ps == clock_ps:  # the same without divisions
        arrival = max(send, before + 1)
    else:
        send_ps = send * clock_ps
        if request > 0:
            send_ps = max(send_ps, (before * tck_ps // clock_ps + 1) * clock_ps)
        arrival = -(-send_ps // tck_ps)
    mask = turns.shape[2] - 1
    if arbiter != SIMPLE and request >= most_active:
        if player[RETURNED, p] > request - most_active:
            arrival = max(arrival, turns[COMPLETED, p, (request - most_active) & mask])
        else:
            arrival = NEVER
    if arrival < NEVER:
        turns[ADMITTED, p, request & mask] = arrival
        if arbiter != SIMPLE:
            player[TAKEN, p] = arrival
        player[FIRST_SINCE, p] = max(arrival, player[FIRST_SINCE, p])
    player[ARRIVAL, p] = arrival


@njit(nogil=True, _nrt=False, forceinline=True)
def next_offer(line, player):
    """When the next request reaches the controller: one a cycle does."""
    arrival = player[ARRIVAL, 0]
    for p in range(1, player.shape[1]):
        arrival = min(arrival, player[ARRIVAL, p])
    return max(arrival, line[PREVIOUS] + 1)


@njit(nogil=True, _nrt=False, forceinline=True)
def count_wait(p, write, wanted, player, turns, tck_ps):
    """Sum up how long after the trace's cycle `wanted` the player's next request was let go."""
    clock_ps = player[CLOCK_PS, p]
    if tck_ps != clock_ps:
        wanted = -(-wanted * clock_ps // tck_ps)
    admitted = turns[ADMITTED, p, player[POSITION, p] & (turns.shape[2] - 1)]
    player[READ_WAIT + write, p] += admitted - wanted


@njit(nogil=True, _nrt=False, forceinline=True)
def accept(now, p, line, player, flight, turns, arbiter):
    """The controller takes a player's next request; its number."""
    number, sequence = line[ACCEPTED], player[POSITION, p]
    slot, turn = number & (flight.shape[1] - 1), sequence & (turns.shape[2] - 1)
    flight[PLAYER, slot] = p
    flight[SEQUENCE, slot] = sequence
    flight[ACCEPTED_AT, slot] = now
    flight[DATA, slot] = UNKNOWN
    flight[COUNTED, slot] = flight[FINISHED, slot] = 0
    turns[NUMBER, p, turn] = number
    turns[RESPONSE, p, turn] = UNKNOWN
    line[ACCEPTED] += 1
    line[PREVIOUS] = now
    line[LAST_PLAYER] = p
    player[POSITION, p] += 1
    player[ARRIVAL, p] = NEVER
    player[FIRST_SINCE, p] = now + 1
    if arbiter == SIMPLE:
        player[TAKEN, p] = now
    return number


@njit(nogil=True, _nrt=False, forceinline=True)
def respond(request, data_end, line, player, flight, turns, response_queue, arbiter):
    """Send back a request whose last data is on the bus at `data_end`, with those that waited for it."""
    mask = flight.shape[1] - 1
    flight[DATA, request & mask] = data_end
    if response_queue == RESPONSE_FIFO:
        line[SENT] = max(data_end, line[SENT] + 1)
        _return(request, line, player, flight, turns, arbiter)
        return
    while line[NEXT_SENT] < line[ACCEPTED] and flight[DATA, line[NEXT_SENT] & mask] != UNKNOWN:
        sending = line[NEXT_SENT]
        line[SENT] = max(flight[DATA, sending & mask], line[SENT] + 1)
        _return(sending, line, player, flight, turns, arbiter)
        line[NEXT_SENT] += 1


@njit(nogil=True, _nrt=False, forceinline=True)
def _return(request, line, player, flight, turns, arbiter):
    """The arbiter's part: hand the response that was sent to the player, or keep it until its turn."""
    flight_mask, mask = flight.shape[1] - 1, turns.shape[2] - 1
    p, returning = flight[PLAYER, request & flight_mask], flight[SEQUENCE, request & flight_mask]
    turns[RESPONSE, p, returning & mask] = line[SENT]
    if arbiter == REORDER:
        returning = player[RETURNED, p]
    while returning < player[POSITION, p] and turns[RESPONSE, p, returning & mask] != UNKNOWN:
        done = player[RETURNED, p]
        response = max(turns[RESPONSE, p, returning & mask], player[LAST_RESPONSE, p] + 1)
        player[LAST_RESPONSE, p] = response
        turns[COMPLETED, p, done & mask] = response
        player[RETURNED, p] += 1
        line[DONE] += 1
        latency = response - turns[ADMITTED, p, returning & mask]
        slot = turns[NUMBER, p, returning & mask] & flight_mask
        if flight[IS_WRITE, slot]:
            player[WRITE_COUNT, p] += 1
            player[WRITE_LATENCY, p] += latency
        else:
            player[READ_COUNT, p] += 1
            player[READ_LATENCY, p] += latency
        player[MOST_LATENCY, p] = max(player[MOST_LATENCY, p], latency)
        flight[FINISHED, slot] = 1
        if arbiter != REORDER:
            return
        returning = player[RETURNED, p]


@njit(nogil=True, _nrt=False, forceinline=True)
def ring_is_full(line, flight):
    """Whether another request has no place in the ring, one place being the next request's already."""
    mask = flight.shape[1] - 1
    if line[ACCEPTED] - line[UNFINISHED] < mask:
        return False
    while line[UNFINISHED] < line[ACCEPTED] and flight[FINISHED, line[UNFINISHED] & mask]:
        line[UNFINISHED] += 1
    return line[ACCEPTED] - line[UNFINISHED] >= mask
