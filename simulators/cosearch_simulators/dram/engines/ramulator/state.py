"""What the clock keeps of a channel between two calls, so that a trace can be fed to it in pieces.

Requests under way lie in rings, at their number & (the ring's size - 1); a ring that is too small is replaced
by one of twice the size. Nothing else grows with the trace.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from cosearch_simulators.dram.common import timing
from cosearch_simulators.dram.common.device import Device
from cosearch_simulators.dram.common.earliest import compile_pushes, new_earliest, new_history
from cosearch_simulators.dram.common.queues import ABSENT, BUCKETS, NONE
from cosearch_simulators.dram.common.rules import COMMANDS
from cosearch_simulators.dram.common.timing import NEVER

Counts = NDArray[np.int64]

NO_REFRESH, ALL_BANK, PER_BANK, SAME_BANK = range(4)

CLOCK, REQUEST, OFFERED, BLOCKED, WRITE_MODE, NEXT_REFRESH, REFRESH_TURN = range(7)
ACTIVE_COUNT, ACTIVE_STALE, ACTIVE_BEST, ACTIVE_SINCE = range(7, 11)
WAITING_QUEUE, WAITING_STALE, WAITING_BEST, WAITING_SINCE = range(11, 15)
PRIORITY_HEAD, PRIORITY_COUNT, CAPPED_COUNT, CAP_CYCLE, DEPARTURES, LATENCY_SUM = range(15, 21)
READS_SERVED, WRITES_SERVED, READS_FORWARDED, WRITES_COALESCED, MAINTENANCE = range(21, 26)
READ_WAIT, READS_WAITED, LAST_WRITE = range(26, 29)
SCALARS = 29
"""The clock, the number of the next request and whether it was offered in this cycle already; the other
variables of `clock.run`, by their names there; counts; how long accepted reads of a trace with cycles have
waited for that, and how many they are; when the last write command was issued."""

ROW, TRANSACTION, BANK, IS_WRITE, ARRIVED, COUNTED, NUMBER = range(7)
FLIGHT_FIELDS = 7
"""Of a request under way: what it wants, when it was accepted, whether its first command was issued, and its
number, or NONE for an empty place."""

OPEN_BANKS, OPEN_SINCE, OPEN_UNTIL, ACTIVE_CYCLES = range(4)
RANK_FIELDS = 4

_LEAST_RING = 256


class Channel(NamedTuple):
    """A device as `clock.run` needs it.

    Attributes:
        rank_banks, group_banks: banks of a rank and of a bank group.
        twin: of `rules.CompiledRules`.
        first, entries: of `earliest.Pushes`.
        read_latency: cycles from a read command to its last data.
        first_data: int64 (2,), cycles from a read and from a write command to its first data.
        burst_cycles: for which data are on the bus.
        close_delay: int64 (commands,), cycles from a command to the precharge that it implies (energy only).
    """

    rank_banks: int
    group_banks: int
    twin: Counts
    first: Counts
    entries: Counts
    read_latency: int
    first_data: Counts
    burst_cycles: int
    close_delay: Counts


class Setting(NamedTuple):
    """A controller as `clock.run` needs it.

    Attributes:
        refresh: NO_REFRESH, ALL_BANK, PER_BANK or SAME_BANK.
        refresh_interval: cycles between refreshes of a rank.
        scheduler: FRFCFS, FRFCFS_ROW_HIT or FCFS.
        row_cap: column accesses after which an open row is closed; 0: rows stay open.
        read_capacity, write_capacity: entries of the read and the write queue.
        write_low, write_high: queue lengths below and above which write mode is left and entered.
    """

    refresh: int
    refresh_interval: int
    scheduler: int
    row_cap: int
    read_capacity: int
    write_capacity: int
    write_low: float
    write_high: float


class State(NamedTuple):
    """A channel in the middle of a run.

    Attributes:
        scalars: (SCALARS,).
        earliest, history: see `earliest`.
        ranks: (RANK_FIELDS, ranks).
        open_row: (banks,).
        ends, oldest, length, waiting_writes, links: see `queues`; `links` is a ring.
        flight: (FLIGHT_FIELDS, ring).
        active: (2, banks), each bank's request whose row was activated for it, and a list of these banks.
        guards: (3, banks), activates for requests less requests served, ABSENT where it is above 0, and 0.
            As in Ramulator 2.1, a request that is activated again (another one's auto-precharge closed its
            row) leaves a surplus, which keeps its bank open while any request is active.
        priority: maintenance, strictly in order, see `clock.run`.
        caps: (2, banks), column accesses since a row was opened, and whether its precharge is pending.
        departures: (2, ring), when a read leaves and its latency; of the last reads only.
        commands: (commands, banks), how many were issued, by the first bank that each addresses.
        outcomes: (3, banks), row hits, misses and conflicts.
        sample_ends: (samples,), in which cycle each sample ends.
        busy: (2, samples), cycles in which data of reads and of writes are on the buses.
        data_until: (data buses,), see `data_bus`.
    """

    scalars: Counts
    earliest: Counts
    history: Counts
    ranks: Counts
    open_row: Counts
    ends: Counts
    oldest: Counts
    length: Counts
    waiting_writes: Counts
    links: Counts
    flight: Counts
    active: Counts
    guards: Counts
    priority: Counts
    caps: Counts
    departures: Counts
    commands: Counts
    outcomes: Counts
    sample_ends: Counts
    busy: Counts
    data_until: Counts


def channel_of_device(device: Device, refresh: int) -> Channel:
    """The device's constants under a refresh mode."""
    n, compiled = device.timings, device.compiled
    issued = {"ACT", "PREpb", "RD", "RDA", "WR", "WRA"}
    issued.update(((), ("PREab", "REFab"), ("REFpb",), ("REFsb",))[refresh])
    pushes = compile_pushes(compiled, device.topology.banks, issued)
    close_delay = np.zeros(len(COMMANDS), np.int64)
    close_delay[timing.RDA] = n["nRTP"]
    close_delay[timing.WRA] = device.write_latency_cycles + n["nWR"]
    return Channel(
        rank_banks=int(compiled.command_banks[timing.REFAB]),
        group_banks=device.topology.counts[-1],
        twin=compiled.twin,
        first=pushes.first,
        entries=pushes.entries,
        read_latency=device.read_latency_cycles,
        first_data=np.array([device.read_latency_cycles, device.write_latency_cycles]) - n["nBL"],
        burst_cycles=n["nBL"],
        close_delay=close_delay,
    )


def new_state(device: Device, channel: Channel, setting: Setting, sample_ends: Sequence[int] = ()) -> State:
    """A channel in cycle 0."""
    banks = device.topology.banks
    ranks = banks // channel.rank_banks
    scalars = np.zeros(SCALARS, np.int64)
    scalars[[ACTIVE_STALE, WAITING_STALE]] = 1
    scalars[[ACTIVE_BEST, WAITING_BEST]] = ABSENT
    scalars[NEXT_REFRESH] = setting.refresh_interval if setting.refresh != NO_REFRESH else NEVER
    scalars[CAP_CYCLE] = NEVER
    active = np.full((2, banks), NONE, np.int64)
    flight = np.zeros((FLIGHT_FIELDS, _LEAST_RING), np.int64)
    flight[NUMBER] = NONE
    return State(
        scalars=scalars,
        earliest=new_earliest(banks, ranks),
        history=new_history(device.compiled, banks),
        ranks=np.zeros((RANK_FIELDS, ranks), np.int64),
        open_row=np.full(banks, NONE, np.int64),
        ends=np.full((2, 2, banks), NONE, np.int64),
        oldest=np.full((2, 3, banks), ABSENT, np.int64),
        length=np.zeros(2, np.int64),
        waiting_writes=np.zeros(BUCKETS, np.int64),
        links=np.full((2, _LEAST_RING), NONE, np.int64),
        flight=flight,
        active=active,
        guards=np.zeros((3, banks), np.int64),
        priority=np.zeros(2 * banks + 64 * ranks, np.int64),
        caps=np.zeros((2, banks), np.int64),
        departures=np.zeros((2, 1 << (2 * channel.read_latency + 4).bit_length()), np.int64),
        commands=np.zeros((len(COMMANDS), banks), np.int64),
        outcomes=np.zeros((3, banks), np.int64),
        sample_ends=np.array(sample_ends, np.int64),
        busy=np.zeros((2, len(sample_ends)), np.int64),
        data_until=np.zeros(device.data_buses, np.int64),
    )


def with_larger_rings(state: State) -> State:
    """The same state with rings of twice the size."""
    ring = state.flight.shape[1]
    flight = np.zeros((FLIGHT_FIELDS, 2 * ring), np.int64)
    flight[NUMBER] = NONE
    links = np.full((2, 2 * ring), NONE, np.int64)
    old = np.flatnonzero(state.flight[NUMBER] != NONE)
    new = state.flight[NUMBER, old] & (2 * ring - 1)
    flight[:, new], links[:, new] = state.flight[:, old], state.links[:, old]
    return state._replace(flight=flight, links=links)


def active_cycles(state: State) -> Counts:
    """Clock cycles until now in which each rank had an open bank: int64 (ranks,)."""
    clock, ranks = state.scalars[CLOCK], state.ranks
    until = np.where(ranks[OPEN_BANKS] > 0, clock, np.minimum(ranks[OPEN_UNTIL], clock))
    return np.asarray(ranks[ACTIVE_CYCLES] + until - ranks[OPEN_SINCE])


def departed_latency_sum(state: State) -> int:
    """Latency of the reads that have left, in cycles.

    Reads leave in the order in which they were answered: one that is still due holds back those behind it.
    """
    clock, count = int(state.scalars[CLOCK]), int(state.scalars[DEPARTURES])
    ring = state.departures.shape[1]
    last = np.arange(max(0, count - ring), count) & (ring - 1)
    due = np.flatnonzero(state.departures[0, last] > clock)
    still_here = state.departures[1, last[due[0] :]].sum() if due.size else 0
    return int(state.scalars[LATENCY_SUM] - still_here)
