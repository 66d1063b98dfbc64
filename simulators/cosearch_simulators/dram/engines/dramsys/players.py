"""Several trace players on one memory under DRAMSys' controller, each with its own clock and class.

A player has a port to each channel, on which it sends at most a request a cycle of its clock. What the
classes do is said in `service_classes`.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cosearch_simulators.core.numbers import whole
from cosearch_simulators.dram.common.argument_checks import (
    ANY_TRACE,
    check_kind,
    check_on_error,
    described,
    devices_and_designs,
)
from cosearch_simulators.dram.common.batch import STALLS, OnError, raise_first
from cosearch_simulators.dram.common.counters import STALLED
from cosearch_simulators.dram.common.device import Device
from cosearch_simulators.dram.common.result import DramResult, result_of
from cosearch_simulators.dram.common.trace_checks import LARGEST_TCK_PS, beyond, too_late
from cosearch_simulators.dram.common.traces.streams import StreamedTrace
from cosearch_simulators.dram.common.traces.trace import Trace
from cosearch_simulators.dram.engines.dramsys import frontend
from cosearch_simulators.dram.engines.dramsys.controllers import BankMachineControllers
from cosearch_simulators.dram.engines.dramsys.simulation import (
    Feed,
    energy_arguments,
    run_channels,
    total_counters,
    unsupported,
)
from cosearch_simulators.dram.engines.dramsys.state import State
from cosearch_simulators.errors import ConfigurationError, SimulatorError
from cosearch_simulators.threads import threads_of

MOST_CLASSES = 1 << 14
LONGEST_STARVATION = 1 << 40  # cycles: the longest run


@dataclass(frozen=True)
class Player:
    """A trace that is sent to the controller beside others.

    Attributes:
        trace: its requests.
        tck_ps: clock period of the player and of the trace's `cycle` column; None: the memory's.
        qos_class: quality of service: the lower, the more urgent are its requests.

    Raises:
        ConfigurationError: no trace, a period below 1 ps, or a class that is not from 0 to 16,383.
    """

    trace: Trace | StreamedTrace
    tck_ps: int | None = None
    qos_class: int = 0

    def __post_init__(self) -> None:
        check_kind("trace of a player", self.trace, ANY_TRACE)
        if self.tck_ps is not None:
            whole("tck_ps of a player", self.tck_ps, 1, LARGEST_TCK_PS)
        if late := too_late(self.trace, self.tck_ps):
            raise ConfigurationError(late)
        whole("qos_class of a player", self.qos_class, 0, MOST_CLASSES - 1)


@dataclass(frozen=True, eq=False)
class PlayersResult:
    """Metrics of n designs and p players. Designs with an error have NaN, and 0 in the counts.

    Attributes:
        total: of all players together, n rows.
        requests: int (n, p), requests served.
        latency_ns: (n, p), from the moment in which the arbiter (or, if that is "Simple", the player) lets a
            request go to its response, averaged over reads and writes.
        maximum_latency_ns: (n, p), of one request.
        wait_ns: (n, p), how long after the cycle in which the trace wants it a request is let go, on average;
            NaN where the player's trace has no cycles.
        finish_time_ns: (n, p), when the player has its last response.
        bandwidth_gb_per_s: (n, p), the player's bytes over its finish time.
    """

    total: DramResult
    requests: NDArray[np.int64]
    latency_ns: NDArray[np.float64]
    maximum_latency_ns: NDArray[np.float64]
    wait_ns: NDArray[np.float64]
    finish_time_ns: NDArray[np.float64]
    bandwidth_gb_per_s: NDArray[np.float64]


def simulate_players(
    devices: Device | Sequence[Device],
    controllers: BankMachineControllers,
    players: Sequence[Player],
    *,
    starvation_cycles: int = 1000,
    threads: int | None = None,
    on_error: OnError = "raise",
    wrap_addresses: bool = False,
) -> PlayersResult:
    """Simulate every design on the players' traces. One player gives what `simulate` gives.

    Args:
        devices: one device for all designs, or one a design.
        controllers: the designs' controllers; a single one stands for every device. Each player may have
            `max_active_transactions` under way.
        players: at least one.
        starvation_cycles: memory cycles after which a request goes before all classes, counted while it is
            first in its player's line, and again from when the controller has accepted it. That bounds how
            long other classes pass it, not how long a row's hits pass others of their class and bank.
        threads: designs simulated at once; None as of `simulate`.
        on_error: "raise" stops at the first design that cannot be simulated, "mark" leaves the reason in
            `PlayersResult.total.error` and goes on.
        wrap_addresses: let addresses beyond the device's capacity wrap around.

    Example:
        >>> from cosearch_simulators.dram import device
        >>> trace = Trace(range(0, 64_000, 64), [False] * 1000)
        >>> ddr4 = device("DDR4", "DDR4_8Gb_x8", "DDR4_2400R")
        >>> two = [Player(trace), Player(trace, tck_ps=2000, qos_class=1)]
        >>> simulate_players(ddr4, BankMachineControllers(), two).requests.tolist()
        [[1000, 1000]]

    Raises:
        ConfigurationError: an argument of another kind, no player, devices and designs of different numbers,
            `starvation_cycles` out of bounds, `threads` below 1, or a design out of bounds ("raise").
        SimulatorError: an address beyond a device's capacity, or a controller that stalls ("raise").
    """
    check_kind("controllers", controllers, (BankMachineControllers,))
    designs, count = devices_and_designs(devices, controllers)
    players = checked_players(players)
    whole("starvation_cycles", starvation_cycles, 1, LONGEST_STARVATION)
    check_on_error(on_error)
    threads = threads_of(threads)
    rows = list(zip(*(np.broadcast_to(column, count) for column in controllers.arguments()), strict=True))
    errors = controllers.problems() * (count // len(controllers))
    kinds: list[type[Exception]] = [ConfigurationError] * count

    feeds = feeds_of(players)

    def run(i: int) -> list[State] | None:
        if not errors[i]:
            errors[i] = unsupported(designs[i], rows[i][1])
        if not errors[i] and not wrap_addresses:
            kinds[i] = SimulatorError
            errors[i] = next(filter(None, (beyond(designs[i], player.trace) for player in players)), "")
        if errors[i]:
            return None
        states = run_channels(designs[i], feeds, rows[i], starvation_cycles=starvation_cycles)
        if any(state.counters[STALLED] for state in states):
            errors[i] = STALLS
        return None if errors[i] else states

    if threads == 1 or count == 1:
        found = [run(i) for i in range(count)]
    else:
        with ThreadPoolExecutor(threads) as pool:
            found = list(pool.map(run, range(count)))
    if on_error == "raise":
        raise_first(errors, kinds)
    return _result(designs, found, errors, np.array([feed.timed for feed in feeds]))


def checked_players(players: Sequence[Player]) -> list[Player]:
    """The players as a list.

    Raises:
        ConfigurationError: they are no players, or none.
    """
    if isinstance(players, (str, bytes, dict, *ANY_TRACE)) or not hasattr(players, "__iter__"):
        raise ConfigurationError(f"players must be a sequence of Player, got {described(players)}")
    found = list(players)
    for i, player in enumerate(found):
        check_kind(f"players[{i}]", player, (Player,))
    if not found:
        raise ConfigurationError("players must be at least one Player, got none")
    return found


def feeds_of(players: Sequence[Player]) -> list[Feed]:
    """The players as the kernel is told of them."""
    return [Feed(player.trace, player.tck_ps, player.qos_class) for player in players]


def _result(
    designs: Sequence[Device],
    found: Sequence[list[State] | None],
    errors: list[str],
    timed: NDArray[np.bool_],
) -> PlayersResult:
    shape = len(designs), timed.size
    requests = np.zeros(shape, np.int64)
    latency, most, wait, finish, bandwidth = (np.full(shape, np.nan) for _ in range(5))
    for i, (device, states) in enumerate(zip(designs, found, strict=True)):
        if states is None:
            continue
        player, tck_ns = np.array([state.player for state in states]), device.tck_ps / 1000.0
        total = player.sum(axis=0)
        requests[i] = total[frontend.READ_COUNT] + total[frontend.WRITE_COUNT]
        latency[i] = (total[frontend.READ_LATENCY] + total[frontend.WRITE_LATENCY]) * tck_ns / requests[i]
        waits = total[frontend.READ_WAIT] + total[frontend.WRITE_WAIT]
        wait[i] = np.where(timed, waits * tck_ns / requests[i], np.nan)
        most[i] = player[:, frontend.MOST_LATENCY].max(axis=0) * tck_ns
        finish[i] = player[:, frontend.LAST_RESPONSE].max(axis=0) * tck_ns
        bandwidth[i] = requests[i] * device.transaction_bytes / finish[i]
    counters = [None if states is None else total_counters(states) for states in found]
    return PlayersResult(
        total=result_of(designs, counters, errors, energy_arguments),
        requests=requests,
        latency_ns=latency,
        maximum_latency_ns=most,
        wait_ns=wait,
        finish_time_ns=finish,
        bandwidth_gb_per_s=bandwidth,
    )
