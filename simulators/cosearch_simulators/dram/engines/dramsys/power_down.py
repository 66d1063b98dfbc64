"""When a rank is put into power-down or self-refresh: DRAMSys 4's power-down manager "Staggered".

A rank for which no request waits enters power-down as soon as the timing rules allow, with rows open or
closed as they are. A request wakes it, and so does a refresh that is due; if it had all banks closed then, it
goes on into self-refresh instead, which the next request ends, and a refresh follows. A rank is first
considered when a command has been issued to it.

Steiner et al., "DRAMSys4.0: A Fast and Cycle-Accurate SystemC/TLM-Based DRAM Simulator", SAMOS 2020, and its
public source.
"""

# mypy: disable-error-code="no-untyped-def, no-untyped-call, call-overload"
from __future__ import annotations

from numba import njit

from cosearch_simulators.dram.common.queues import NONE
from cosearch_simulators.dram.common.timing import NEVER, PDEA, PDEP, PDXA, PDXP, REFAB, SREFEN, SREFEX
from cosearch_simulators.dram.engines.dramsys.refresh_managers import (
    ASLEEP,
    BARRED,
    FREE,
    OPEN_BANKS,
    POWER_STATE,
    REFRESH_DUE,
    refresh_anew,
)

NO_POWER_DOWN, STAGGERED = range(2)

AWAKE, ACTIVE_POWER_DOWN, PRECHARGE_POWER_DOWN, SELF_REFRESH, REFRESH_AFTERWARDS = range(5)
"""The power states. After self-refresh the rank has to be refreshed once more before it is awake."""

ENTER, LEAVE, ENTER_SELF_REFRESH, NO_REQUESTS, POWER_WANTED, SINCE = range(6)
"""By rank: whether it is to enter or leave power-down, or to enter self-refresh; whether no request waits for
it; the command that this needs next (NONE: none); since when it has been in its power state. Its cycles in
each state follow, at CYCLES_IN + state."""
CYCLES_IN = 6
POWER_FIELDS = CYCLES_IN + 5


@njit(nogil=True, _nrt=False)
def rank_is_idle(r, rank, power):
    """No request waits for the rank after a command to it."""
    power[NO_REQUESTS, r] = 1
    if rank[POWER_STATE, r] == AWAKE:
        power[ENTER, r] = 1


@njit(nogil=True, _nrt=False)
def request_came(r, rank, power):
    """A request came for a rank for which none waited."""
    power[NO_REQUESTS, r] = power[ENTER, r] = power[ENTER_SELF_REFRESH, r] = 0
    if rank[POWER_STATE, r] != AWAKE:
        power[LEAVE, r] = 1


@njit(nogil=True, _nrt=False)
def refresh_is_due(r, rank, power):
    """The refresh manager wants the rank awake."""
    power[ENTER, r] = 0
    if rank[POWER_STATE, r] != AWAKE:
        power[LEAVE, r] = 1


@njit(nogil=True, _nrt=False)
def power_command(r, rank, power):
    """The command that the rank's power state needs next, or NONE."""
    if power[LEAVE, r]:
        state = rank[POWER_STATE, r]
        if state == ACTIVE_POWER_DOWN:
            return PDXA
        if state == PRECHARGE_POWER_DOWN:
            return PDXP
        return SREFEX if state == SELF_REFRESH else REFAB
    if power[ENTER, r]:
        return PDEA if rank[OPEN_BANKS, r] > 0 else PDEP
    return SREFEN if power[ENTER_SELF_REFRESH, r] else NONE


@njit(nogil=True, _nrt=False)
def power_command_issued(command, r, now, rank, bank, power, refresh_interval, sets):
    """Change the power state of a rank after a command of `power_command`."""
    count_power_cycles(r, now, rank, power)
    banks = bank.shape[1] // rank.shape[1]
    first, end = r * banks, (r + 1) * banks
    if command in (PDEA, PDEP, SREFEN):
        power[ENTER, r] = 0
        for b in range(first, end):
            bank[BARRED, b] |= ASLEEP
        rank[POWER_STATE, r] = ACTIVE_POWER_DOWN if command == PDEA else PRECHARGE_POWER_DOWN
        if command == SREFEN:
            rank[POWER_STATE, r] = SELF_REFRESH
            power[ENTER_SELF_REFRESH, r] = 0
            rank[REFRESH_DUE, r] = NEVER
    elif command == SREFEX:
        rank[POWER_STATE, r] = REFRESH_AFTERWARDS
    else:
        rank[POWER_STATE, r] = AWAKE
        power[LEAVE, r] = 0
        for b in range(first, end):  # the refresh for which banks were blocked before self-refresh is done
            bank[BARRED, b] = FREE if command == REFAB else bank[BARRED, b] & ~ASLEEP
        if command == PDXP and power[NO_REQUESTS, r]:
            power[ENTER_SELF_REFRESH, r] = 1
        if command == REFAB:
            refresh_anew(r, now, rank, bank, refresh_interval, sets)


@njit(nogil=True, _nrt=False)
def count_power_cycles(r, now, rank, power):
    """Add the cycles since the last change to those of the rank's power state."""
    power[CYCLES_IN + rank[POWER_STATE, r], r] += max(0, now - power[SINCE, r])
    power[SINCE, r] = now
