"""What stands between the trace and DRAMSys' controller: the trace player, the arbiter, the responses' way back.

The player sends a request on an edge of its own clock, not before the request's cycle and after the one before
it was taken. Arbiter `SIMPLE` passes it on and takes it when the controller does; `FIFO` and `REORDER` take it
themselves while fewer than `most_active` requests are under way, and pass one on a cycle. The controller and the
arbiter return at most one response a cycle; response queue `REORDER` and arbiter `REORDER` keep the order of the
requests. All delays of DRAMSys' arbiter, controller and PHY are 0, as its default is.
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
before; when that one was taken off the player; how many responses have reached the player; when the controller
sent its last response; whose response is next to be sent and to be returned, where the order is kept."""

_UNKNOWN = -1


@njit(nogil=True)
def new_frontend(requests):
    """The state, and by request or response: completed_at, data_at, response_at, admitted."""
    state = np.zeros(7, np.int64)
    state[PREVIOUS] = state[TAKEN] = state[SENT] = -1
    return (
        state,
        np.full(requests, _UNKNOWN, np.int64),
        np.full(requests, _UNKNOWN, np.int64),
        np.full(requests, _UNKNOWN, np.int64),
        np.full(requests, _UNKNOWN, np.int64),
    )


@njit(nogil=True)
def next_offer(request, state, completed_at, admitted, not_before, tck_ps, player_ps, arbiter, most_active):
    """Set OFFER for a request, the one before being accepted; NEVER as long as it cannot be told."""
    before = state[PREVIOUS] if arbiter == SIMPLE else state[TAKEN]
    send_ps = not_before[request] * player_ps
    if request > 0:
        send_ps = max(send_ps, (before * tck_ps // player_ps + 1) * player_ps)
    arrival = -(-send_ps // tck_ps)
    if arbiter == SIMPLE:
        admitted[request] = arrival
        state[OFFER] = arrival
        return
    if request >= most_active:
        if state[DONE] <= request - most_active:
            state[OFFER] = NEVER
            return
        arrival = max(arrival, completed_at[request - most_active])
    admitted[request] = arrival
    state[TAKEN] = arrival
    state[OFFER] = max(arrival, state[PREVIOUS] + 1)


@njit(nogil=True)
def respond(state, completed_at, data_at, response_at, request, data_end, response_queue, arbiter):
    """Send back a request whose last data is on the bus at `data_end`, with those that waited for it."""
    if response_queue == RESPONSE_FIFO:
        state[SENT] = max(data_end, state[SENT] + 1)
        _return(state, completed_at, response_at, request, state[SENT], arbiter)
        return
    data_at[request] = data_end
    while state[NEXT_SENT] < data_at.size and data_at[state[NEXT_SENT]] != _UNKNOWN:
        state[SENT] = max(data_at[state[NEXT_SENT]], state[SENT] + 1)
        _return(state, completed_at, response_at, state[NEXT_SENT], state[SENT], arbiter)
        state[NEXT_SENT] += 1


@njit(nogil=True)
def _return(state, completed_at, response_at, request, sent, arbiter):
    """The arbiter's part: hand the response to the player, or keep it until its turn."""
    if arbiter != REORDER:
        completed_at[state[DONE]] = response_at[request] = sent
        state[DONE] += 1
        return
    response_at[request] = sent
    while state[NEXT_RETURNED] < response_at.size and response_at[state[NEXT_RETURNED]] != _UNKNOWN:
        returned = response_at[state[NEXT_RETURNED]]
        if state[DONE] > 0:
            returned = max(returned, completed_at[state[DONE] - 1] + 1)
        completed_at[state[DONE]] = response_at[state[NEXT_RETURNED]] = returned
        state[DONE] += 1
        state[NEXT_RETURNED] += 1
