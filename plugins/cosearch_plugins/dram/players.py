"""Several traces at once as the workload of `dram-controller`: what a user writes, and what each measures.

Imported only when such a problem is built, as it needs the simulator.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from cosearch.errors import ArgumentError, WorkloadError
from cosearch.objectives import Metric
from cosearch_plugins.dram.bursts import in_bursts
from cosearch_plugins.dram.workload import absolute, read_fitting
from cosearch_simulators.documents import Document, load, parse
from cosearch_simulators.dram import Device, Player, PlayersResult, StreamedTrace, Trace
from cosearch_simulators.dram.players import MOST_CLASSES
from cosearch_simulators.errors import SimulatorError

OF_A_TIMED_PLAYER = (
    Metric("wait_ns", "ns", "average, from the cycle in which its trace wants a request to the arbiter"),
    Metric(
        "response_time_ns", "ns", "wait and latency together: nothing that a request waits for is left out"
    ),
)
OF_A_PLAYER = (
    Metric("latency_ns", "ns", "average of its reads and writes, from the arbiter to the response"),
    Metric("maximum_latency_ns", "ns", "of one of its requests"),
    Metric("finish_time_ns", "ns", "until its last response"),
    Metric("bandwidth_gb_per_s", "GB/s", "its bytes over that time"),
)


PACING_TCK_PS = 100  # to which a paced player's requests are rounded where it has no clock


class PlayerDescription(Document):
    """A player as a user writes it.

    Attributes:
        workload: as the argument of that name; a file is sought from the folder of the file it stands in.
        tck_ps: clock period of the player and of the trace's cycles, if it has any; default the device's.
        qos_class: quality of service: the lower, the more urgent are its requests.
        gb_per_s: that its requests are evenly spaced for, if the trace has no cycles; default: each is sent
            as soon as the one before it is accepted.
    """

    workload: str = Field(min_length=1)
    tck_ps: int | None = Field(None, ge=1, strict=True)
    qos_class: int = Field(0, ge=0, lt=MOST_CLASSES, strict=True)
    gb_per_s: float | None = Field(None, ge=0.001, le=10_000, strict=True)


@dataclass(frozen=True)
class Players:
    """Named players that share a memory.

    Attributes:
        by_name: their traces in bursts, clocks and classes.
        starvation_cycles: see `simulate_players`.
        reads: of all traces together.
        digest: a hash of all traces.
        arguments: what a study keeps: paths are absolute.
    """

    by_name: Mapping[str, Player]
    starvation_cycles: int
    reads: int
    digest: str
    arguments: Mapping[str, Mapping[str, Any]]

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
    players: str | Mapping[str, Any],
    devices: Sequence[Device],
    request_bytes: int,
    starvation_cycles: int,
    of_all: Sequence[Metric],
) -> Players:
    """The players of a YAML or JSON file, or of such an object.

    Args:
        players: the path, or {name: {"workload": ..., "tck_ps": ..., "qos_class": ...}}.
        devices: that their traces must fit.
        request_bytes: what a request of a trace moves.
        starvation_cycles: see `simulate_players`.
        of_all: the metrics of all players together, whose names are taken.

    Raises:
        ArgumentError: the file cannot be read, or a field is missing, unknown or has a bad value.
        UnknownNameError: there is neither such a generator nor such a file.
        WorkloadError: a trace cannot be made or read, or does not fit the devices.
    """
    read: dict[str, Player] = {}
    arguments: dict[str, dict[str, Any]] = {}
    digests, reads = [], 0
    for name, description in _descriptions(players).items():
        try:
            trace = read_fitting(
                description.workload, devices, description.tck_ps, f"tck_ps of player {name!r}"
            )
            sent, tck_ps = trace, description.tck_ps
            if description.gb_per_s is not None:
                tck_ps = tck_ps or PACING_TCK_PS
                sent = _paced(trace, request_bytes / description.gb_per_s * 1000 / tck_ps)
            bursts = in_bursts(sent, request_bytes, devices[0].transaction_bytes)
            read[name] = Player(bursts, tck_ps, description.qos_class)
        except WorkloadError as error:
            raise type(error)(f"player {name!r}: {error}") from None
        except SimulatorError as error:
            raise ArgumentError(f"player {name!r}: {error}") from None
        arguments[name] = description.model_dump(exclude_defaults=True)
        digests.append(trace.digest)
        reads += round(trace.read_share * trace.requests)
    digest = hashlib.sha256(" ".join(digests).encode()).hexdigest()
    found = Players(read, starvation_cycles, reads, digest, arguments)
    names = [metric.name for metric in (*of_all, *found.metrics)]
    for twice in {name for name in names if names.count(name) > 1}:
        raise ArgumentError(f"players: two metrics would be called {twice!r}; rename a player")
    return found


def _paced(trace: Trace | StreamedTrace, interval: float) -> Trace:
    """The trace with a request every so many cycles.

    Raises:
        WorkloadError: it has cycles of its own, or is too long to be held in memory.
    """
    if isinstance(trace, StreamedTrace) or trace.cycle is not None:
        has = "is streamed from its file" if isinstance(trace, StreamedTrace) else "has cycles of its own"
        raise WorkloadError(f"its trace {has}: leave out gb_per_s")
    cycle = (np.arange(len(trace)) * interval).astype(np.int64)
    return Trace(trace.address_byte, trace.is_write, cycle, trace.name)


def _descriptions(players: str | Mapping[str, Any]) -> dict[str, PlayerDescription]:
    where = players if isinstance(players, str) else "players"
    folder = Path(players).parent if isinstance(players, str) else Path()
    try:
        data = load(Path(players)) if isinstance(players, str) else players
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
        raise ArgumentError(str(error)) from None
    return found


def _metrics_of(player: Player) -> tuple[Metric, ...]:
    timed = next(iter(player.trace.chunks(1))).cycle is not None
    return OF_A_PLAYER + OF_A_TIMED_PLAYER if timed else OF_A_PLAYER
