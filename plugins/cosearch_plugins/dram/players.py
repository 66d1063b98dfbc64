"""Several traces at once as the workload of `dram-controller`: what a user writes, and what each measures.

Imported only when such a problem is built, as it needs the simulator.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from cosearch.errors import ArgumentError, UnknownNameError, WorkloadError
from cosearch.objectives import Metric
from cosearch_plugins.dram.dramsys_file import Source
from cosearch_plugins.dram.workload import absolute, check_fits, read_workload, trace_clock_ps, trace_text
from cosearch_simulators.documents import Document, load, parse
from cosearch_simulators.dram import Device, Player, PlayersResult, StreamedTrace, Trace
from cosearch_simulators.dram.common.traces.bursts import BeyondCapacity, in_bursts, within
from cosearch_simulators.dram.common.traces.trace import LARGEST_CYCLE
from cosearch_simulators.dram.engines.dramsys.players import MOST_CLASSES
from cosearch_simulators.errors import SimulatorError

OF_A_TIMED_PLAYER = (
    Metric("wait_ns", "ns", "average, from the cycle in which its trace wants a request to the arbiter"),
    Metric(
        "response_time_ns", "ns", "wait and latency together: nothing that a request waits for is left out"
    ),
)
OF_A_PLAYER = (
    Metric("latency_ns", "ns", "average of its reads and writes, from the arbiter to the response"),
    Metric("maximum_latency_ns", "ns", "of one of its requests, likewise without the wait for the arbiter"),
    Metric("finish_time_ns", "ns", "until its last response"),
    Metric("bandwidth_gb_per_s", "GB/s", "its bytes over that time"),
)


PACING_TCK_PS = 100  # to which a paced player's requests are rounded where it has no clock


class PlayerDescription(Document):
    """A player as a user writes it.

    Attributes:
        workload: as the argument of that name; a file is sought from the folder of the file it stands in.
        tck_ps: clock period of the player and of the trace's cycles, if it has any; default the device's, or
            `PACING_TCK_PS` with `gb_per_s`.
        qos_class: quality of service: the lower, the more urgent are its requests.
        gb_per_s: what its requests, evenly spaced, are to move, if the trace has no cycles; default: each is
            sent as soon as the one before it is accepted.
        offset_bytes: what is added to its addresses.
    """

    workload: str = Field(min_length=1)
    tck_ps: int | None = Field(None, ge=1, strict=True)
    qos_class: int = Field(0, ge=0, lt=MOST_CLASSES, strict=True)
    gb_per_s: float | None = Field(None, ge=0.001, le=10_000, strict=True)
    offset_bytes: int = Field(0, ge=0, lt=2**62, strict=True)


@dataclass(frozen=True)
class Players:
    """Named players that share a memory.

    Attributes:
        by_name: their traces in bursts, clocks and classes.
        starvation_cycles: see `simulate_players`.
        reads: of all traces together.
        about: what they send, in a line.
    """

    by_name: Mapping[str, Player]
    starvation_cycles: int
    reads: int
    about: str

    @property
    def timed(self) -> bool:
        """Whether all of them say when they want their requests."""
        return all(player.trace.timed for player in self.by_name.values())

    @property
    def metrics(self) -> list[Metric]:
        """Those of each player, with its name in front."""
        return [
            Metric(f"{name}_{metric.name}", metric.unit, f"of {name}: {metric.description}")
            for name, player in self.by_name.items()
            for metric in _metrics_of(player)
        ]

    def measured(self, result: PlayersResult) -> dict[str, NDArray[np.float64]]:
        """The columns of `metrics`."""
        columns = {metric.name: getattr(result, metric.name) for metric in OF_A_PLAYER}
        columns |= {"wait_ns": result.wait_ns, "response_time_ns": result.wait_ns + result.latency_ns}
        return {
            f"{name}_{metric.name}": columns[metric.name][:, i]
            for i, (name, player) in enumerate(self.by_name.items())
            for metric in _metrics_of(player)
        }


def read_players(
    sources: Sequence[Source],
    devices: Sequence[Device],
    starvation_cycles: int,
    of_all: Sequence[Metric],
    beyond_capacity: BeyondCapacity = "refuse",
) -> Players:
    """The players with their traces on the devices.

    Args:
        sources: who sends.
        devices: that their traces must fit.
        starvation_cycles: see `simulate_players`.
        of_all: the metrics of all players together, whose names are taken.
        beyond_capacity: what becomes of addresses that the devices do not have.

    Raises:
        ArgumentError: a trace has cycles of an unknown length, or two metrics would have one name.
        WorkloadError: a trace does not fit the devices.
    """
    read: dict[str, Player] = {}
    texts = []
    peak = devices[0].peak_bandwidth_gb_per_s
    reads = 0
    for source in sources:
        trace, tck_ps = source.trace, source.tck_ps
        try:
            bursts = in_bursts(trace, source.request_bytes, devices[0].transaction_bytes)
            bursts = within(bursts, min(device.capacity_bytes for device in devices), beyond_capacity)
            check_fits(source.label, bursts, devices, tck_ps, "its tck_ps")
            read[source.name] = Player(bursts, tck_ps, source.qos_class)
        except (WorkloadError, ArgumentError) as error:
            raise type(error)(f"player {source.name!r}: {error}") from None
        except SimulatorError as error:
            raise ArgumentError(f"player {source.name!r}: {error}") from None
        reads += round(trace.read_share * trace.requests)
        text = trace_text(
            *(trace, peak, tck_ps or devices[0].tck_ps, source.request_bytes), bursts.highest_address
        )
        texts.append(f"{source.name}: {text}")
    found = Players(read, starvation_cycles, reads, ". ".join(texts))
    names = [metric.name for metric in (*of_all, *found.metrics)]
    for twice in {name for name in names if names.count(name) > 1}:
        raise ArgumentError(f"players: two metrics would be called {twice!r}; rename a player")
    return found


def described_sources(players: Mapping[str, Any], device: Device, request_bytes: int) -> list[Source]:
    """Who sends, as the user describes them.

    Args:
        players: {name: {"workload": ..., "tck_ps": ..., "qos_class": ...}}.
        device: of the memory.
        request_bytes: what a request of a trace moves.

    Raises:
        ArgumentError: a field is missing, unknown or has a bad value.
        UnknownNameError: there is neither such a generator nor such a file.
        WorkloadError: a trace cannot be made or read.
    """
    found = []
    for name, description in descriptions(players).items():
        try:
            trace = _trace_of(description, request_bytes, device)
        except (WorkloadError, UnknownNameError, ArgumentError) as error:
            raise type(error)(f"player {name!r}: {error}") from None
        except SimulatorError as error:
            raise ArgumentError(f"player {name!r}: {error}") from None
        own_ps = trace_clock_ps(description.workload, trace)
        tck_ps = description.tck_ps or (own_ps if description.gb_per_s is None else PACING_TCK_PS)
        found.append(Source(name, description.workload, trace, tck_ps, description.qos_class, request_bytes))
    return found


def _trace_of(description: PlayerDescription, request_bytes: int, device: Device) -> Trace | StreamedTrace:
    """The player's trace, moved and paced."""
    gb_per_s = description.gb_per_s
    trace = read_workload(
        description.workload,
        peak_gb_per_s=device.peak_bandwidth_gb_per_s,
        request_bytes=request_bytes,
        device=device,
    )
    if gb_per_s is None and not description.offset_bytes:
        return trace
    if isinstance(trace, StreamedTrace):
        raise WorkloadError("its trace is streamed from its file: leave out gb_per_s and offset_bytes")
    cycle = trace.cycle
    if gb_per_s is not None:
        if cycle is not None:
            raise WorkloadError("its trace has cycles of its own: leave out gb_per_s")
        tck_ps, moved_bytes = (
            description.tck_ps or PACING_TCK_PS,
            max(request_bytes, device.transaction_bytes),
        )
        moved = np.full(len(trace), float(moved_bytes))
        if trace.length_byte is not None:
            moved = np.where(trace.length_byte > 0, trace.length_byte, moved)
        begins = (np.cumsum(moved) - moved) / gb_per_s * 1000 / tck_ps
        most = device.channels * device.transaction_bytes * 1000 / tck_ps
        if gb_per_s > most:
            raise WorkloadError(
                f"gb_per_s is {gb_per_s:g}, but a clock of {tck_ps} ps, with a burst a cycle and channel, "
                f"sends {most:g} GB/s at most"
            )
        cycle = begins.astype(np.int64)
        if cycle[-1] > LARGEST_CYCLE:
            raise WorkloadError(f"{len(trace)} requests at {gb_per_s:g} GB/s take too long: raise gb_per_s")
    address_byte = trace.address_byte + description.offset_bytes
    return Trace(address_byte, trace.is_write, cycle, trace.name, trace.length_byte)


def descriptions(players: str | Mapping[str, Any]) -> dict[str, PlayerDescription]:
    """The players of a YAML or JSON file, or of such an object, the paths of their traces made absolute.

    Raises:
        ArgumentError: the file cannot be read, or a field is missing, unknown or has a bad value.
    """
    where, folder, data = "players", Path(), players
    try:
        if isinstance(players, str):
            where, folder = f"players {players}", Path(players).parent
            data = load(Path(players))
        if not isinstance(data, Mapping) or not data:
            raise ArgumentError(
                f"{where}: expected a mapping of at least one player, such as "
                '{"cpu": {"workload": "zipf", "qos_class": 0}}'
            )
        found = {}
        for name, fields in data.items():
            if not isinstance(name, str) or not name.isidentifier():
                raise ArgumentError(f"{where}: player name {name!r} must be an identifier such as 'cpu'")
            description = parse(PlayerDescription, fields, f"{where}: player {name!r}")
            found[name] = description.model_copy(update={"workload": absolute(description.workload, folder)})
    except SimulatorError as error:
        raise ArgumentError(str(error) if str(error).startswith("players") else f"players: {error}") from None
    return found


def _metrics_of(player: Player) -> tuple[Metric, ...]:
    return OF_A_PLAYER + OF_A_TIMED_PLAYER if player.trace.timed else OF_A_PLAYER
