"""What stands between the trace and DRAMSys' controller: trace player, arbiter and the way of the responses.

The player sends a request on an edge of its own clock, not before the request's cycle and after the one
before it was taken. Arbiter `SIMPLE` passes it on and takes it when the controller does; `FIFO` and
`REORDER` take it themselves while fewer than `most_active` requests are under way, and pass one on a cycle.
The controller and the arbiter return at most one response a cycle; response queue `REORDER` and arbiter
`REORDER` keep the order of the requests. All delays of DRAMSys' arbiter, controller and PHY are 0, as its
default is.
"""

# mypy: disable-error-code="no-untyped-def, no-untyped-call"
from __future__ import annotations

import numpy as np
from numba import njit

from cosearch_simulators.dram.timing import NEVER

SIMPLE, FIFO, REORDER = range(3)
RESPONSE_FIFO, RESPONSE_REORDER = range(2)

OFFER, PREVIOUS, TAKEN, DONE, SENT, NEXT_SENT, NEXT_RETURNED = range(7)
"""The state: when the next request reaches the controller (NEVER: not known yet) and when it accepted the one
before; when that one was taken off the player; how many responses have reached the player; when the
controller sent its last response; whose response is next to be sent and returned, where the order is kept."""

SEND, ADMITTED, DATA, RESPONSE, COMPLETED = range(5)
"""Times by request: the player's cycle before which it is not sent; then in memory cycles when the arbiter
(or, if that is simple, the player) let it go, when its last data is on the bus and when the player gets its
response. COMPLETED is by response instead: when the player gets it."""

_UNKNOWN = -1


@njit(nogil=True)
def new_frontend(not_before):
    """The state, and times (5, requests)."""
    state = np.zeros(7, np.int64)
    state[PREVIOUS] = state[TAKEN] = state[SENT] = -1
    times = np.full((5, not_before.size), _UNKNOWN, np.int64)
    times[SEND] = not_before
    return state, times


@njit(nogil=True)
def next_offer(request, state, times, tck_ps, player_ps, arbiter, most_active):
    """Set OFFER for a request, the one before being accepted; NEVER as long as it cannot be told."""
    before = state[PREVIOUS] if arbiter == SIMPLE else state[TAKEN]
    if tck_ps == player_ps:  # the same without divisions
        arrival = max(times[SEND, request], before + 1)
    else:
        send_ps = times[SEND, request] * player_ps
        if request > 0:
            send_ps = max(send_ps, (before * tck_ps // player_ps + 1) * player_ps)
        arrival = -(-send_ps // tck_ps)
    offer = arrival
    if arbiter != SIMPLE:
        if request >= most_active:
            if state[DONE] > request - most_active:
                arrival = max(arrival, times[COMPLETED, request - most_active])
            else:
                arrival = NEVER
        offer = max(arrival, state[PREVIOUS] + 1)
    if arrival < NEVER:
        times[ADMITTED, request] = state[TAKEN] = arrival
    state[OFFER] = offer


@njit(nogil=True)
def respond(request, data_end, state, times, response_queue, arbiter):
    """Send back a request whose last data is on the bus at `data_end`, with those that waited for it."""
    times[DATA, request] = data_end
    sending = request if response_queue == RESPONSE_FIFO else state[NEXT_SENT]
    while sending < times.shape[1] and times[DATA, sending] != _UNKNOWN:
        state[SENT] = max(times[DATA, sending], state[SENT] + 1)
        _return(sending, state, times, arbiter)
        state[NEXT_SENT] += 1
        sending = times.shape[1] if response_queue == RESPONSE_FIFO else state[NEXT_SENT]


@njit(nogil=True)
def _return(request, state, times, arbiter):
    """The arbiter's part: hand the response that was sent to the player, or keep it until its turn."""
    times[RESPONSE, request] = state[SENT]
    returning = state[NEXT_RETURNED] if arbiter == REORDER else request
    while returning < times.shape[1] and times[RESPONSE, returning] != _UNKNOWN:
        done = state[DONE]
        if done > 0:
            times[RESPONSE, returning] = max(times[RESPONSE, returning], times[COMPLETED, done - 1] + 1)
        times[COMPLETED, done] = times[RESPONSE, returning]
        state[DONE] += 1
        state[NEXT_RETURNED] += 1
        returning = state[NEXT_RETURNED] if arbiter == REORDER else times.shape[1]
