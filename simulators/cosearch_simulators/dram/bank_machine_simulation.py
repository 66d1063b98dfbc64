"""One design of DRAMSys' controller: what the compiled kernel is given and what energy makes of its counters.

Batches, errors and the metrics that both controllers share are `simulation`'s.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosearch_simulators.dram import bank_machines, frontend, power_down, refresh_managers, timing
from cosearch_simulators.dram.bank_machines import (
    FINISHED_RUN,
    LARGER_RING,
    Channel,
    Controller,
    State,
)
from cosearch_simulators.dram.device import Device
from cosearch_simulators.dram.kernel import simulate_bank_machines
from cosearch_simulators.dram.queues import ABSENT, NONE
from cosearch_simulators.dram.rules import COMMANDS
from cosearch_simulators.dram.timing import NEVER
from cosearch_simulators.dram.trace import Trace

REFRESH_INTERVALS = ("", "nREFI", "nREFIpb", "nREFIsb")
"""The timing name of the interval of each of `bank_machine_controllers.BANK_REFRESH_POLICIES`."""

REFRESH_COMMANDS = ((), ("PREab", "REFab"), ("REFpb",), ("REFsb",))
"""What each of those policies issues beside single precharges."""

SELF_REFRESH_COMMANDS = ("SREFEN", "SREFEX", "REFab")

_LEAST_RING = 128  # requests; it grows when that is too few, and a small one stays in the cache
_NO_STARVATION = 1 << 60


@dataclass(frozen=True)
class Feed:
    """What the kernel is told of one trace player.

    Attributes:
        chunks: the trace in pieces, at least one.
        clock_ps: the player's clock period.
        qos_class: the lower the more urgent.
    """

    chunks: Iterable[Trace]
    clock_ps: int
    qos_class: int = 0


def run_bank_machines(
    device: Device, trace: Trace, trace_tck_ps: int | None, *controller: int
) -> NDArray[np.int64]:
    """The counters of `bank_machines.run` for one design and one trace."""
    return run_players(device, [Feed((trace,), trace_tck_ps or device.tck_ps)], controller).counters


def run_players(
    device: Device,
    feeds: Sequence[Feed],
    controller: Sequence[int],
    *,
    starvation_cycles: int = _NO_STARVATION,
    logged_commands: int = 0,
) -> State:
    """The last state of a channel that has served the traces.

    Args:
        device: with `address_bits`.
        feeds: the trace players.
        controller: a row of `BankMachineControllers.arguments`.
        starvation_cycles: see `frontend`.
        logged_commands: how many commands at most are kept in `State.log`.
    """
    assert device.address_bits is not None
    settings = _controller(device, controller, starvation_cycles)
    state = _new_state(device, settings, feeds, logged_commands)
    queues = [_Queue(feed) for feed in feeds]
    bits, status = device.address_bits.runs(), NONE
    channel = _channel(device, settings.refresh, settings.power_down)
    columns = _load(queues, state)
    while status != FINISHED_RUN:
        if status == LARGER_RING:
            state = _with_larger_rings(state)
        elif status != NONE:
            columns = _load(queues, state)
        status = simulate_bank_machines(*columns, bits, channel, settings, state)
    return state


def energy_arguments(counter: NDArray[np.int64]) -> dict[str, Any]:
    """What `energy.energy` is told beside the command counts, so that it counts as DRAMPower does."""
    return {
        "cycles": int(counter[bank_machines.POWER_CYCLES]),
        "precharges": int(counter[bank_machines.PRECHARGED_BANKS]),
        "refresh_counts_as_active": True,
    }


class _Queue:
    """The requests of a player that the kernel has not taken yet."""

    def __init__(self, feed: Feed) -> None:
        self._chunks = iter(feed.chunks)
        self._following = next(self._chunks, None)
        self.address: NDArray[np.int64] = np.empty(0, np.int64)
        self.is_write: NDArray[np.bool_] = np.empty(0, np.bool_)
        self.not_before: NDArray[np.int64] = np.empty(0, np.int64)
        self.start = 0  # number of the first of them in the trace

    @property
    def end(self) -> int:
        return self.start + self.address.size

    @property
    def ended(self) -> bool:
        return self._following is None

    def advance(self, position: int) -> None:
        """Drop what the kernel has taken, and get the next piece if that is all there was."""
        taken = position - self.start
        self.start = position
        chunk = self._following
        if taken < self.address.size or chunk is None:
            self.address, self.is_write = self.address[taken:], self.is_write[taken:]
            self.not_before = self.not_before[taken:]
            return
        self.address, self.is_write = chunk.address_byte, chunk.is_write
        self.not_before = np.zeros(len(chunk), np.int64) if chunk.cycle is None else chunk.cycle
        self._following = next(self._chunks, None)


def _load(queues: Sequence[_Queue], state: State) -> tuple[NDArray[Any], ...]:
    """The requests at hand of all players as columns, and in `state.player` where they are."""
    player, before = state.player, 0
    for p, queue in enumerate(queues):
        queue.advance(int(player[frontend.POSITION, p]))
        player[frontend.LOADED, p] = queue.end
        player[frontend.ENDED, p] = queue.ended
        player[frontend.ORIGIN, p] = before - queue.start
        before += queue.address.size
    if len(queues) == 1:
        return queues[0].address, queues[0].is_write, queues[0].not_before
    return (
        np.concatenate([queue.address for queue in queues]),
        np.concatenate([queue.is_write for queue in queues]),
        np.concatenate([queue.not_before for queue in queues]),
    )


@lru_cache(maxsize=1024)
def _channel(device: Device, refresh: int, power_down_policy: int) -> Channel:
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
    is_issued = np.array([command in issued for command in COMMANDS])
    kept = is_issued[compiled.entries[:, 0]]
    return Channel(
        twin=compiled.twin,
        command_banks=compiled.command_banks,
        first=np.concatenate([[0], np.cumsum(kept)])[compiled.first],
        entries=np.ascontiguousarray(compiled.entries[kept]),
        bus_cycles=np.array(device.bus_cycles, np.int64),
        bus_of=np.array(device.bus_of, np.int64),
        data_end=np.array([device.read_latency_cycles, device.write_latency_cycles], np.int64),
        close_delay=close_delay,
        completion=np.array([over.get(command, 0) for command in COMMANDS], np.int64),
        active_to_precharge=n["nRAS"],
        refresh_active=n["nRFC"] - n["nRP"],
        group_banks=device.topology.counts[-1],
        tck_ps=device.tck_ps,
    )


def _controller(device: Device, row: Sequence[int], starvation_cycles: int) -> Controller:
    refresh = int(row[0])
    interval = device.timings[REFRESH_INTERVALS[refresh]] if refresh else 0
    return Controller._make((refresh, interval, *map(int, row[1:]), starvation_cycles))


def _new_state(device: Device, controller: Controller, feeds: Sequence[Feed], logged_commands: int) -> State:
    compiled, banks, players = device.compiled, device.topology.banks, len(feeds)
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
    player[frontend.QOS_CLASS] = [feed.qos_class for feed in feeds]
    player[frontend.CLOCK_PS] = [feed.clock_ps for feed in feeds]
    ring = _LEAST_RING
    while controller.arbiter != frontend.SIMPLE and ring < controller.most_active + 2:
        ring *= 2
    return State(
        earliest=np.zeros((commands, banks), np.int64),
        history=timing.new_history(compiled.entries, compiled.history_size, banks),
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
        scalars=np.zeros(bank_machines.SCALARS, np.int64),
        counters=np.zeros(bank_machines.BANK_MACHINE_COUNTERS, np.int64),
        log=np.zeros((logged_commands, 3), np.int64),
    )


def _with_larger_rings(state: State) -> State:
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
