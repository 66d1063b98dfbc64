"""One design of DRAMSys' controller: what the compiled kernel is given and what energy makes of its counters.

Batches, errors and the metrics that both controllers share are `common.batch`'s.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cosearch_simulators.dram.common import counters as out_at
from cosearch_simulators.dram.common import timing
from cosearch_simulators.dram.common.decoding import decode_channels
from cosearch_simulators.dram.common.device import Device
from cosearch_simulators.dram.common.mapping import AddressBits
from cosearch_simulators.dram.common.queues import NONE
from cosearch_simulators.dram.common.rules import COMMANDS
from cosearch_simulators.dram.common.traces.streams import StreamedTrace
from cosearch_simulators.dram.common.traces.trace import Trace
from cosearch_simulators.dram.engines.dramsys import frontend
from cosearch_simulators.dram.engines.dramsys import state as bank_machine_state
from cosearch_simulators.dram.engines.dramsys.controllers import (
    BANK_ADDRESS_MAPPINGS,
    BANK_REFRESH_POLICIES,
    BankMachineControllers,
)
from cosearch_simulators.dram.engines.dramsys.kernel import simulate_bank_machines
from cosearch_simulators.dram.engines.dramsys.state import (
    FINISHED_RUN,
    LARGER_RING,
    LEAST_RING,
    State,
    channel_of_device,
    controller_of,
    new_state,
    with_larger_rings,
)

REFRESH_MODES = {"all_bank": "AllBank", "per_bank": "PerBank", "same_bank": "SameBank"}
"""`Device.refresh_modes` as those policies."""

NO_STARVATION = 1 << 60


class Requests(NamedTuple):
    """Requests of one player, in order.

    Attributes:
        address: byte addresses.
        is_write: the kind.
        not_before: the cycle of the player's clock before which each is not sent.
    """

    address: NDArray[np.int64]
    is_write: NDArray[np.bool_]
    not_before: NDArray[np.int64]


@dataclass(frozen=True)
class Feed:
    """What the kernel is told of one trace player.

    Attributes:
        trace: the requests, in memory or streamed.
        clock_ps: the player's clock period; None: that of the memory.
        qos_class: the lower the more urgent.
    """

    trace: Trace | StreamedTrace
    clock_ps: int | None = None
    qos_class: int = 0

    @property
    def timed(self) -> bool:
        """Whether the trace says when it wants its requests."""
        return self.trace.timed

    def pieces(self, device: Device, mapping: int, channel: int) -> Iterator[Requests]:
        """The requests of one channel of the device, piece by piece."""
        runs = _channel_runs(device, mapping) if device.channels > 1 else None
        for chunk in self.trace.chunks():
            cycle = np.zeros(len(chunk), np.int64) if chunk.cycle is None else chunk.cycle
            if runs is None:
                yield Requests(chunk.address_byte, chunk.is_write, cycle)
                continue
            here = decode_channels(chunk.address_byte, runs) == channel
            if here.any():
                yield Requests(chunk.address_byte[here], chunk.is_write[here], cycle[here])


def run_channels(
    device: Device,
    feeds: Sequence[Feed],
    controller: Sequence[int],
    *,
    starvation_cycles: int = NO_STARVATION,
    sample_ends: Sequence[int] = (),
    each_channel: Callable[..., Iterable[Any]] = map,
) -> list[State]:
    """The last states of a memory's channels, which are independent: each player has a port to each.

    `each_channel` is `map`, or that of a pool, which runs them at once.
    """

    def run(channel: int) -> State:
        return run_players(
            device,
            feeds,
            controller,
            starvation_cycles=starvation_cycles,
            channel=channel,
            sample_ends=sample_ends,
        )

    return list(each_channel(run, range(device.channels)))


def total_counters(states: Sequence[State]) -> NDArray[np.int64]:
    """The counters of all channels together; energy is counted until the last is done."""
    counters = np.array([state.counters for state in states])
    total: NDArray[np.int64] = counters.sum(axis=0)
    total[out_at.CYCLES] = counters[:, out_at.CYCLES].max()
    total[bank_machine_state.POWER_CYCLES] = len(states) * counters[:, bank_machine_state.POWER_CYCLES].max()
    return total


def unsupported(device: Device, refresh: int) -> str:
    """Why the device cannot be refreshed so (a code of `BANK_REFRESH_POLICIES`), or an empty string."""
    policy = BANK_REFRESH_POLICIES[refresh]
    supported = ["NoRefresh", *(REFRESH_MODES[mode] for mode in device.refresh_modes)]
    return (
        ""
        if policy in supported
        else (
            f"refresh_policy {policy!r}: {device.organization} ({device.standard}) has {', '.join(supported)}"
        )
    )


def run_players(
    device: Device,
    feeds: Sequence[Feed],
    controller: Sequence[int],
    *,
    starvation_cycles: int = NO_STARVATION,
    logged_commands: int = 0,
    channel: int = 0,
    least_ring: int = LEAST_RING,
    sample_ends: Sequence[int] = (),
) -> State:
    """The last state of a channel that has served its share of the traces.

    Args:
        device: one channel of it is simulated.
        feeds: the trace players.
        controller: a row of `BankMachineControllers.arguments`.
        starvation_cycles: see `frontend`.
        logged_commands: how many commands at most are kept in `State.log`.
        channel: which.
        least_ring: requests for which there is place from the start, a power of two.
        sample_ends: cycles, rising; totals until the end of each are kept in `State.samples`.
    """
    mapping, *design = controller
    settings = controller_of(device, design, starvation_cycles)
    clocks, classes = [feed.clock_ps or device.tck_ps for feed in feeds], [feed.qos_class for feed in feeds]
    state = new_state(device, settings, clocks, classes, logged_commands, least_ring, sample_ends)
    queues = [_Queue(feed.pieces(device, int(mapping), channel)) for feed in feeds]
    bits, status = _address_runs(device, int(mapping)), NONE
    told = channel_of_device(device, settings.refresh, settings.power_down)
    columns = _load(queues, state)
    while status != FINISHED_RUN:
        if status == LARGER_RING:
            state = with_larger_rings(state)
        elif status != NONE:
            columns = _load(queues, state)
        for column in columns:  # one type of array, so that the clock is compiled once
            column.setflags(write=False)
        status = simulate_bank_machines(*columns, bits, told, settings, state)
    for p, feed in enumerate(feeds):
        if feed.timed:
            state.counters[out_at.READ_WAIT_SUM] += state.player[frontend.READ_WAIT, p]
            state.counters[out_at.READS_WAITED] += state.player[frontend.READ_COUNT, p]
    state.counters[out_at.TOOL_LATENCY_SUM] = state.counters[out_at.READ_LATENCY_SUM]
    state.counters[out_at.TOOL_READS] = state.counters[out_at.READS_SERVED]
    return state


def command_list(
    device: Device,
    controllers: BankMachineControllers,
    trace: Trace,
    *,
    trace_tck_ps: int | None = None,
    channel: int = 0,
) -> list[tuple[int, str, int]]:
    """Every command of the first design in a channel: its cycle, its name and its bank, or its first bank."""
    row = [int(column[0]) for column in controllers.arguments()]
    feed, most = Feed(trace, trace_tck_ps), 8 * len(trace) + 1024
    while True:
        state = run_players(device, [feed], row, logged_commands=most, channel=channel)
        logged = int(state.scalars[bank_machine_state.LOGGED])
        if logged < most:
            return [(cycle, COMMANDS[code], bank) for cycle, code, bank in state.log[:logged].tolist()]
        most *= 4


def energy_arguments(device: Device, counter: NDArray[np.int64]) -> dict[str, Any]:
    """What `energy.energy` is told beside the command counts, so that it counts as DRAMPower does."""
    del device
    return {
        "cycles": int(counter[bank_machine_state.POWER_CYCLES]),
        "precharges": int(counter[bank_machine_state.PRECHARGED_BANKS]),
        "refresh_counts_as_active": True,
        "bank_refreshes": int(counter[out_at.FIRST_COMMAND_COUNT + timing.REFPB]),
        "same_bank_refreshes": int(counter[out_at.FIRST_COMMAND_COUNT + timing.REFSB]),
        "active_power_down_cycles": int(counter[bank_machine_state.ACTIVE_POWER_DOWN_CYCLES]),
        "precharge_power_down_cycles": int(counter[bank_machine_state.PRECHARGE_POWER_DOWN_CYCLES]),
        "self_refresh_cycles": int(counter[bank_machine_state.SELF_REFRESH_CYCLES]),
    }


class _Queue:
    """The requests of a player that the kernel has not taken yet."""

    def __init__(self, pieces: Iterator[Requests]) -> None:
        self._pieces = pieces
        self._following = next(pieces, None)
        self.at_hand = Requests(np.empty(0, np.int64), np.empty(0, np.bool_), np.empty(0, np.int64))
        self.start = 0  # number of the first of them in the trace

    @property
    def end(self) -> int:
        return self.start + self.at_hand.address.size

    @property
    def ended(self) -> bool:
        return self._following is None

    def advance(self, position: int) -> None:
        """Drop what the kernel has taken, and get the next piece if that is all there was."""
        taken, left = position - self.start, self.end - position
        self.start = position
        if left or self._following is None:
            self.at_hand = Requests._make(column[taken:] for column in self.at_hand)
        else:
            self.at_hand, self._following = self._following, next(self._pieces, None)


def _load(queues: Sequence[_Queue], state: State) -> Requests:
    """The requests at hand of all players as columns, and in `state.player` where they are."""
    player, before = state.player, 0
    for p, queue in enumerate(queues):
        queue.advance(int(player[frontend.POSITION, p]))
        player[frontend.LOADED, p] = queue.end
        player[frontend.ENDED, p] = queue.ended
        player[frontend.ORIGIN, p] = before - queue.start
        before += queue.at_hand.address.size
    if len(queues) == 1:
        return queues[0].at_hand
    columns = zip(*(queue.at_hand for queue in queues), strict=True)
    return Requests._make(np.concatenate(column) for column in columns)


@lru_cache(maxsize=1024)
def _channel_runs(device: Device, mapping: int) -> tuple[NDArray[np.int64], ...]:
    """The arguments of `mapping.channel_of`."""
    return address_bits(device, mapping).channel_runs()


@lru_cache(maxsize=1024)
def _address_runs(device: Device, mapping: int) -> tuple[NDArray[np.int64], ...]:
    """The arguments of `mapping.decode_bits`."""
    return address_bits(device, mapping).runs()


def address_bits(device: Device, mapping: int) -> AddressBits:
    """The device's mapping of this code of `BANK_ADDRESS_MAPPINGS`."""
    if mapping == 0 and device.address_bits is not None:
        return device.address_bits
    return device.named_address_bits(BANK_ADDRESS_MAPPINGS[mapping or 1])
