"""The data of DRAMSys' controller: what `clock.run` is told, and the state in which it stops."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from cosearch_simulators.dram.common import timing
from cosearch_simulators.dram.common.counters import COUNTERS, REFRESH_INTERVALS
from cosearch_simulators.dram.common.device import Device
from cosearch_simulators.dram.common.earliest import compile_pushes, new_earliest, new_history
from cosearch_simulators.dram.common.queues import ABSENT, NONE
from cosearch_simulators.dram.common.rules import COMMANDS
from cosearch_simulators.dram.common.timing import NEVER
from cosearch_simulators.dram.engines.dramsys import frontend, power_down, refresh_managers

POWER_CYCLES, PRECHARGED_BANKS = COUNTERS, COUNTERS + 1
ACTIVE_POWER_DOWN_CYCLES, PRECHARGE_POWER_DOWN_CYCLES, SELF_REFRESH_CYCLES = range(COUNTERS + 2, COUNTERS + 5)
BANK_MACHINE_COUNTERS = COUNTERS + 5
"""Beyond the common counters: the cycle until which energy is counted, precharges counted by bank, and the
cycles that ranks slept, summed over ranks."""

FINISHED_RUN, MORE_REQUESTS, LARGER_RING = range(3)
"""Why `run` returns: it is over; it needs more of a trace; the rings are full."""

NOW, LAST_COMMAND, ACTIVE_COUNT, LAST_BANK, LAST_IS_WRITE, HELD = range(6)
BUFFERED_READS, BUFFERED_WRITES, TOUCHED_COUNT, LOGGED, SAMPLED, LOOKED = range(6, 12)
"""The scalars of the state: the cycle, when the last command was (implied precharges included), how many
banks have requests, the bank of the last request accepted, the kind of the last access, whether a request
stands at a full buffer, what the buffer holds, how many entries `touched`, `log` and `samples` have, and,
with several classes, when was looked last for a request that finds a place."""
SCALARS = 12

REFRESH_COMMANDS = ((), ("PREab", "REFab"), ("REFpb",), ("REFsb",))
"""What each of those policies issues beside single precharges."""

SAMPLED_READS, SAMPLED_WRITES, SAMPLED_HITS, SAMPLED_LATENCY, SAMPLED_ANSWERED = 0, 1, 2, 5, 6
SAMPLE_FIELDS = 7
"""Of `State.samples`: read and write commands; row hits, misses and conflicts; the latency of the answered
reads, and how many they are."""

SELF_REFRESH_COMMANDS = ("SREFEN", "SREFEX", "REFab")

LEAST_RING = 128  # requests; it grows when that is too few, and a small one stays in the cache


class Channel(NamedTuple):
    """What `run` is told of the channel, all cycles of its clock.

    Attributes:
        twin, command_banks: of `rules.CompiledRules`.
        first, entries: of `earliest.Pushes`.
        bus_cycles, bus_of, buses: int64 (commands,), how long each command takes which command bus; how many.
        data_end: int64 (2,), cycles from a read and from a write command to its last data.
        burst_cycles: for which data are on the bus.
        turn_cycles: from a read to a write and back to a read of the same bank.
        close_delay, completion: int64 (commands,), energy only: cycles from a command to the precharge that
            it implies, and until it is over.
        active_to_precharge, refresh_active: energy only: the least cycles that a row is open, and those that
            an all-bank refresh counts as active.
        group_banks: banks in a bank group, or in a rank without groups.
        tck_ps: the clock's period.
    """

    twin: NDArray[np.int64]
    command_banks: NDArray[np.int64]
    first: NDArray[np.int64]
    entries: NDArray[np.int64]
    bus_cycles: NDArray[np.int64]
    bus_of: NDArray[np.int64]
    buses: int
    data_end: NDArray[np.int64]
    burst_cycles: int
    turn_cycles: int
    close_delay: NDArray[np.int64]
    completion: NDArray[np.int64]
    active_to_precharge: int
    refresh_active: int
    group_banks: int
    tck_ps: int


class Controller(NamedTuple):
    """One design: codes of `controllers`, cycles between two refreshes, and bounds."""

    refresh: int
    refresh_interval: int
    power_down: int
    page_policy: int
    scheduler: int
    buffer: int
    buffer_size: int
    response_queue: int
    most_postponed: int
    most_pulled_in: int
    arbiter: int
    most_active: int
    starvation_cycles: int


class State(NamedTuple):
    """All that a run leaves to be gone on with: int64 arrays, by the names of `frontend` and the managers.

    Attributes:
        earliest, history: see `earliest`.
        bus_free: (2,), when each command bus is free.
        bank, rank, power: (fields, banks or ranks).
        touched: the banks whose machines have to choose anew.
        ends, oldest: of `queues`.
        links, flight, turns: rings of requests under way, see `frontend`; `links` is `queues`'.
        line, player: see `frontend`.
        scalars: see above.
        issued: (commands, banks), commands by the (first) bank that they were for.
        outcomes: (3, banks), row hits, misses and conflicts.
        counters: (BANK_MACHINE_COUNTERS,), see the names above and in `common.counters`; complete at the end.
        log: (commands, 3), cycle, command and (first) bank of each command; empty: they are not kept.
        sample_ends: (samples + 1,), last cycles in rising order, then NEVER.
        samples: (SAMPLE_FIELDS, samples), totals up to the end of each of the first SAMPLED samples.
        busy: (2, samples), cycles in which data of reads and of writes are on the buses.
        data_until: (data buses,), see `data_bus`.
    """

    earliest: NDArray[np.int64]
    history: NDArray[np.int64]
    bus_free: NDArray[np.int64]
    bank: NDArray[np.int64]
    rank: NDArray[np.int64]
    power: NDArray[np.int64]
    touched: NDArray[np.int64]
    ends: NDArray[np.int64]
    oldest: NDArray[np.int64]
    links: NDArray[np.int64]
    flight: NDArray[np.int64]
    turns: NDArray[np.int64]
    line: NDArray[np.int64]
    player: NDArray[np.int64]
    scalars: NDArray[np.int64]
    issued: NDArray[np.int64]
    outcomes: NDArray[np.int64]
    counters: NDArray[np.int64]
    log: NDArray[np.int64]
    sample_ends: NDArray[np.int64]
    samples: NDArray[np.int64]
    busy: NDArray[np.int64]
    data_until: NDArray[np.int64]


@lru_cache(maxsize=1024)
def channel_of_device(device: Device, refresh: int, power_down_policy: int) -> Channel:
    """What the kernel is told of the device: of its rules only those about commands that are issued."""
    n, compiled = device.timings, device.compiled
    close_delay = np.zeros(len(COMMANDS), np.int64)
    close_delay[timing.RDA] = n["nRTP"]
    close_delay[timing.WRA] = device.write_latency_cycles + n["nWR"]
    # Until when DRAMPower counts energy after a command, if it is the last one.
    over = {"ACT": n["nRCD"], "PREpb": n["nRP"], "PREab": n["nRP"]}
    over |= dict.fromkeys(("RD", "RDA"), n["nRL"] + n["nDQSCK"] + 1 + n["nBL"])
    over |= dict.fromkeys(("WR", "WRA"), n["nWL"] + n["nBL"] + n["nWR"])
    issued = {"ACT", "PREpb", "RD", "RDA", "WR", "WRA", *REFRESH_COMMANDS[refresh]}
    if power_down_policy != power_down.NO_POWER_DOWN:
        issued |= {"PDEA", "PDXA", "PDEP", "PDXP", *(SELF_REFRESH_COMMANDS if refresh else ())}
    pushes = compile_pushes(compiled, device.topology.banks, issued)
    return Channel(
        twin=compiled.twin,
        command_banks=compiled.command_banks,
        first=pushes.first,
        entries=pushes.entries,
        bus_cycles=np.array(device.bus_cycles, np.int64),
        bus_of=np.array(device.bus_of, np.int64),
        buses=max(device.bus_of) + 1,
        data_end=np.array([device.read_latency_cycles, device.write_latency_cycles], np.int64),
        burst_cycles=n["nBL"],
        turn_cycles=_least_distance(device, "RD", "WR") + _least_distance(device, "WR", "RD"),
        close_delay=close_delay,
        completion=np.array([over.get(command, 0) for command in COMMANDS], np.int64),
        active_to_precharge=n["nRAS"],
        refresh_active=n["nRFC"] - n["nRP"],
        group_banks=device.topology.counts[-1],
        tck_ps=device.tck_ps,
    )


def _least_distance(device: Device, preceding: str, following: str) -> int:
    """Cycles between these commands to one bank."""
    return max(
        rule.cycles
        for rule in device.rules
        if preceding in rule.preceding and following in rule.following and not rule.sibling
    )


@lru_cache(maxsize=1024)
def _first_history(device: Device) -> NDArray[np.int64]:
    return new_history(device.compiled, device.topology.banks)


def controller_of(device: Device, row: Sequence[int], starvation_cycles: int) -> Controller:
    """The design of a row of `BankMachineControllers.arguments`, without the address mapping."""
    refresh = int(row[0])
    interval = device.timings[REFRESH_INTERVALS[refresh]] if refresh else 0
    return Controller._make((refresh, interval, *map(int, row[1:]), starvation_cycles))


def new_state(
    device: Device,
    controller: Controller,
    clock_ps: Sequence[int],
    qos_class: Sequence[int],
    logged_commands: int = 0,
    least_ring: int = LEAST_RING,
    sample_ends: Sequence[int] = (),
) -> State:
    """A channel before its first request, for players with these clocks and classes."""
    compiled, banks, players = device.compiled, device.topology.banks, len(clock_ps)
    rank_banks = int(compiled.command_banks[timing.REFAB])
    ranks, commands = banks // rank_banks, len(COMMANDS)
    bank = np.zeros((refresh_managers.BANK_FIELDS, banks), np.int64)
    bank[[refresh_managers.OPEN_ROW, refresh_managers.CHOSEN, refresh_managers.WANTED]] = NONE
    rank = np.zeros((refresh_managers.RANK_FIELDS, ranks), np.int64)
    rank[refresh_managers.REFRESH_DUE] = NEVER
    rank[refresh_managers.REFRESH_COMMAND] = NONE
    interval = controller.refresh_interval
    if interval:
        same_bank = controller.refresh == refresh_managers.SAME_BANK
        bank[refresh_managers.PENDING] = 1
        rank[refresh_managers.PENDING_COUNT] = device.topology.counts[-1] if same_bank else rank_banks
        rank[refresh_managers.REFRESH_DUE] = interval - np.arange(ranks) * (interval // ranks)
    power = np.zeros((power_down.POWER_FIELDS, ranks), np.int64)
    power[power_down.POWER_WANTED] = NONE
    line = np.zeros(frontend.LINE_FIELDS, np.int64)
    line[[frontend.PREVIOUS, frontend.SENT]] = -1
    player = np.zeros((frontend.PLAYER_FIELDS, players), np.int64)
    player[[frontend.TAKEN, frontend.LAST_RESPONSE]] = -1
    player[frontend.ARRIVAL] = NEVER
    player[frontend.QOS_CLASS] = qos_class
    player[frontend.CLOCK_PS] = clock_ps
    ring = least_ring
    while controller.arbiter != frontend.SIMPLE and ring < controller.most_active + 2:
        ring *= 2
    return State(
        earliest=new_earliest(banks, ranks),
        history=_first_history(device).copy(),
        bus_free=np.full(2, max(device.bus_of)),  # where there are two, DRAMSys starts a cycle later
        bank=bank,
        rank=rank,
        power=power,
        touched=np.zeros(banks + 2, np.int64),
        ends=np.full((2, 2, banks), NONE, np.int64),
        oldest=np.full((2, 3, banks), ABSENT, np.int64),
        links=np.full((2, ring), NONE, np.int64),
        flight=np.zeros((frontend.FLIGHT_FIELDS, ring), np.int64),
        turns=np.zeros((frontend.TURN_FIELDS, players, ring), np.int64),
        line=line,
        player=player,
        scalars=np.zeros(SCALARS, np.int64),
        issued=np.zeros((commands, banks), np.int64),
        outcomes=np.zeros((3, banks), np.int64),
        counters=np.zeros(BANK_MACHINE_COUNTERS, np.int64),
        log=np.zeros((logged_commands, 3), np.int64),
        sample_ends=np.array([*sample_ends, NEVER], np.int64),
        samples=np.zeros((SAMPLE_FIELDS, len(sample_ends)), np.int64),
        busy=np.zeros((2, len(sample_ends)), np.int64),
        data_until=np.zeros(device.data_buses, np.int64),
    )


def with_larger_rings(state: State) -> State:
    """The same state with rings of twice the size."""
    ring = state.flight.shape[1]
    requests = np.arange(max(0, int(state.line[frontend.ACCEPTED]) - ring), state.line[frontend.ACCEPTED])
    links, flight, turns = (
        np.zeros((*rings.shape[:-1], 2 * ring), np.int64)
        for rings in (state.links, state.flight, state.turns)
    )
    old, new = requests & (ring - 1), requests & (2 * ring - 1)
    links[:, new], flight[:, new] = state.links[:, old], state.flight[:, old]
    for p in range(state.player.shape[1]):
        position = int(state.player[frontend.POSITION, p])
        # The next request may have been admitted already.
        sequence = np.arange(max(0, position + 1 - ring), position + 1)
        turns[:, p, sequence & (2 * ring - 1)] = state.turns[:, p, sequence & (ring - 1)]
    return state._replace(links=links, flight=flight, turns=turns)
