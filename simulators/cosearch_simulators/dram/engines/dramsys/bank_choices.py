"""What a bank's machine wants next: which of the bank's requests, and the command for it.

Schedulers and page policies are DRAMSys', as `controllers` names them.
"""

# mypy: disable-error-code="no-untyped-def, no-untyped-call, call-overload"
from __future__ import annotations

from numba import njit

from cosearch_simulators.dram.common.queues import ABSENT, FOLLOWING, HEAD, HIT, NONE
from cosearch_simulators.dram.common.timing import ACT, PREPB, RD, WR
from cosearch_simulators.dram.engines.dramsys.frontend import ADDRESS, IS_WRITE, ROW
from cosearch_simulators.dram.engines.dramsys.refresh_managers import CHOSEN, OPEN_ROW, WAITING, WANTED
from cosearch_simulators.dram.engines.dramsys.service_classes import (
    BUFFER,
    FIFO,
    FRFCFS_GROUPED,
    choose_by_class,
)

OPEN, OPEN_ADAPTIVE, CLOSED, CLOSED_ADAPTIVE = range(4)


@njit(nogil=True, _nrt=False, forceinline=True)
def choose_command(bank, bank_state, ends, links, oldest, flight, last_is_write, page_policy, scheduler):
    """Set CHOSEN and WANTED of a bank for which requests wait."""
    chosen, wanted = bank_state[CHOSEN], bank_state[WANTED]
    row_of, address_of, is_write = flight[ROW], flight[ADDRESS], flight[IS_WRITE]
    mask = flight.shape[1] - 1
    row = bank_state[OPEN_ROW, bank]
    chosen[bank] = ends[BUFFER, HEAD, bank]
    wanted[bank] = ACT
    if row == NONE:
        return
    hit = oldest[BUFFER, HIT, bank]
    if scheduler != FIFO and hit < ABSENT:
        chosen[bank] = hit
        if scheduler == FRFCFS_GROUPED and is_write[hit & mask] != last_is_write:
            # The oldest hit of the other kind, unless an older one is for the same address.
            candidate = links[FOLLOWING, hit & mask]
            while candidate != NONE and chosen[bank] == hit:
                place_of = candidate & mask
                if row_of[place_of] == row and is_write[place_of] == last_is_write:
                    older = hit
                    while older != candidate and (
                        row_of[older & mask] != row or address_of[older & mask] != address_of[place_of]
                    ):
                        older = links[FOLLOWING, older & mask]
                    if older == candidate:
                        chosen[bank] = candidate
                candidate = links[FOLLOWING, place_of]
    request = chosen[bank]
    following = links[FOLLOWING, request & mask] if scheduler == FIFO else hit
    wanted[bank] = _access(bank, request, following, bank_state, links, flight, page_policy, scheduler)


@njit(nogil=True, _nrt=False)
def choose_command_by_class(
    now, bank, bank_state, ends, links, oldest, flight, player, last_is_write, controller
):
    """The same where the players are of several classes."""
    row, scheduler = bank_state[OPEN_ROW, bank], controller.scheduler
    request = choose_by_class(
        now, bank, row, ends, links, flight, player, last_is_write, scheduler, controller.starvation_cycles
    )
    bank_state[CHOSEN, bank] = request
    bank_state[WANTED, bank] = ACT
    if row == NONE:
        return
    following = oldest[BUFFER, HIT, bank]
    if scheduler == FIFO:
        following = ends[BUFFER, HEAD, bank]
        if following == request:
            following = links[FOLLOWING, request & (flight.shape[1] - 1)]
    policy = controller.page_policy
    bank_state[WANTED, bank] = _access(bank, request, following, bank_state, links, flight, policy, scheduler)


@njit(nogil=True, _nrt=False, forceinline=True)
def _access(bank, request, following, bank_state, links, flight, page_policy, scheduler):
    """The command that a request needs of an open row; `following` is the next in line, or the oldest hit."""
    row_of, is_write, row = flight[ROW], flight[IS_WRITE], bank_state[OPEN_ROW, bank]
    mask = flight.shape[1] - 1
    if row_of[request & mask] != row:
        return PREPB
    close = page_policy == CLOSED
    if page_policy == CLOSED_ADAPTIVE or (page_policy == OPEN_ADAPTIVE and bank_state[WAITING, bank] > 1):
        # Unless there is another hit: the next in line if the scheduler is in order, else any.
        other = following
        while other != NONE and (row_of[other & mask] != row or other == request) and scheduler != FIFO:
            other = links[FOLLOWING, other & mask]
        close = other == NONE or row_of[other & mask] != row
    return (WR if is_write[request & mask] else RD) + close
