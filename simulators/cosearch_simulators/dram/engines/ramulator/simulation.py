"""One design of Ramulator's controller: what the compiled clock is given, channel by channel.

The channels of a memory are independent: each has a port of its own, to which its requests are offered in
order, at most one a cycle, whatever the other channels do. A memory is done when its last channel has
accepted its last request; until then the others go on with what they hold, and with refreshes.

Batches, errors and metrics are `common.batch`'s.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cosearch_simulators.dram.common import counters as out_at
from cosearch_simulators.dram.common import timing
from cosearch_simulators.dram.common.counters import REFRESH_INTERVALS
from cosearch_simulators.dram.common.decoding import decode_channels, decode_requests
from cosearch_simulators.dram.common.device import Device
from cosearch_simulators.dram.common.mapping import DEVICE_MAPPING, AddressBits
from cosearch_simulators.dram.common.traces.streams import StreamedTrace
from cosearch_simulators.dram.common.traces.trace import CHUNK_REQUESTS, Trace
from cosearch_simulators.dram.engines.ramulator import clock
from cosearch_simulators.dram.engines.ramulator import state as at
from cosearch_simulators.dram.engines.ramulator.controllers import Controllers
from cosearch_simulators.dram.engines.ramulator.kernel import run_channel
from cosearch_simulators.dram.engines.ramulator.state import (
    Channel,
    Setting,
    State,
    active_cycles,
    channel_of_device,
    departed_latency_sum,
    new_state,
    with_larger_rings,
)

_NEVER = int(timing.NEVER)

_channel_of_device = lru_cache(1024)(channel_of_device)
_named_address_bits = lru_cache(1024)(Device.named_address_bits)


class Requests(NamedTuple):
    """Requests of one channel as the clock takes them: the first arguments of `clock.run`."""

    bank_of: NDArray[np.int64]
    row_of: NDArray[np.int64]
    transaction_of: NDArray[np.int64]
    is_write: NDArray[np.bool_]
    not_before: NDArray[np.int64]

    def where(self, chosen: NDArray[np.bool_]) -> Requests:
        """The requests that are chosen."""
        not_before = self.not_before[chosen] if self.not_before.size else self.not_before
        return Requests(
            self.bank_of[chosen],
            self.row_of[chosen],
            self.transaction_of[chosen],
            self.is_write[chosen],
            not_before,
        )


class Decoding(NamedTuple):
    """All that the decoding of a trace depends on beside the trace."""

    bits: AddressBits
    transaction_bytes: int
    channels: int
    tck_ps: int
    trace_tck_ps: int


def decoding_of(device: Device, mapping: str, trace_tck_ps: int | None) -> Decoding:
    """How a device decodes a trace under an address mapping."""
    bits = device.address_bits if mapping == DEVICE_MAPPING else _named_address_bits(device, mapping)
    assert bits is not None
    return Decoding(
        bits, device.transaction_bytes, device.channels, device.tck_ps, trace_tck_ps or device.tck_ps
    )


def decode(chunk: Trace, decoding: Decoding) -> list[Requests]:
    """The requests of each channel."""
    not_before = np.empty(0, np.int64)
    if chunk.cycle is not None:
        not_before = -(-chunk.cycle * decoding.trace_tck_ps // decoding.tck_ps)
    banks, rows = decode_requests(chunk.address_byte, decoding.bits.runs())
    transactions = chunk.address_byte // decoding.transaction_bytes
    columns = Requests(banks, rows, transactions, np.asarray(chunk.is_write), not_before)
    if decoding.channels == 1:
        return [columns]
    channel_of = decode_channels(chunk.address_byte, decoding.bits.channel_runs())
    return [columns.where(channel_of == k) for k in range(decoding.channels)]


class ControllerRun:
    """One design on its way through a trace.

    Attributes:
        states: of each channel.
        stalled: nothing can ever be issued again, or refreshes come faster than they can be served.
    """

    def __init__(self, device: Device, setting: Setting, sample_ends: Sequence[int] = ()) -> None:
        self._device, self._setting = device, setting
        self._channel: Channel = _channel_of_device(device, setting.refresh)
        self.states: list[State] = [
            new_state(device, self._channel, setting, sample_ends) for _ in range(device.channels)
        ]
        self._accepted = [0] * device.channels
        self._of_tool: tuple[int, int, int] | None = None
        self.stalled = False

    @property
    def clock(self) -> int:
        """The cycle that the channel furthest ahead is in."""
        return max(int(state.scalars[at.CLOCK]) for state in self.states)

    def feed(self, columns: Sequence[Requests], each_channel: Callable[..., Iterable[Any]] = map) -> None:
        """Go on until the channels have accepted their next requests, with a pool's `map` at once."""

        def accept(k: int) -> None:
            if columns[k].bank_of.size and not self.stalled:
                self.advance(k, columns[k], _NEVER)

        list(each_channel(accept, range(len(columns))))

    def advance(self, k: int, requests: Requests, until: int) -> bool:
        """Go on with one channel until a cycle is over or its requests are accepted; whether these are."""
        taken = self._run(k, requests, until) == clock.TRACE_TAKEN
        if taken:
            self._accepted[k] += requests.bank_of.size
        return taken

    def go_on(self, k: int, until: int) -> None:
        """Let a channel whose requests are all accepted go on until a cycle is over."""
        self._run(k, _NO_REQUESTS, until)

    def finish(self) -> None:
        """Let the channels that ended early go on until the last has accepted its last request."""
        if len(self.states) > 1 and not self.stalled:
            end = self.clock
            for k in range(len(self.states)):
                self.go_on(k, end)

    def drain(self) -> None:
        """Go on from there until the last data of the last request.

        What Ramulator would have told before is kept, as its figure.
        """
        if self.stalled:
            return
        self._of_tool = self._tool_figures()
        ends = []
        for k, state in enumerate(self.states):
            if self._run(k, _NO_REQUESTS, _NEVER) != clock.DRAINED:
                return
            last_write = int(state.scalars[at.LAST_WRITE])
            written = last_write + self._device.write_latency_cycles if last_write else 0
            ends.append(max(int(state.departures[0].max()), written))
        end = max(self.clock, *ends)
        for k in range(len(self.states)):
            self.go_on(k, end)

    def counters(self) -> NDArray[np.int64]:
        """Of all channels together, as `common.counters` names them."""
        out = np.zeros(out_at.COUNTERS, np.int64)
        out[out_at.STALLED] = self.stalled
        out[out_at.CYCLES] = self.clock
        for state in self.states:
            s = state.scalars
            out[[out_at.ROW_HITS, out_at.ROW_MISSES, out_at.ROW_CONFLICTS]] += state.outcomes.sum(axis=1)
            out[out_at.READS_SERVED] += s[at.READS_SERVED]
            out[out_at.WRITES_SERVED] += s[at.WRITES_SERVED]
            out[out_at.READS_FORWARDED] += s[at.READS_FORWARDED]
            out[out_at.WRITES_COALESCED] += s[at.WRITES_COALESCED]
            out[out_at.READ_LATENCY_SUM] += departed_latency_sum(state)
            out[out_at.READ_WAIT_SUM] += s[at.READ_WAIT]
            out[out_at.READS_WAITED] += s[at.READS_WAITED]
            out[out_at.ACTIVE_CYCLES] += active_cycles(state).sum()
            out[out_at.MAINTENANCE] += s[at.MAINTENANCE]
            out[out_at.FIRST_COMMAND_COUNT :] += state.commands.sum(axis=1)
        of_tool = self._of_tool or (
            out[out_at.READ_LATENCY_SUM],
            out[out_at.READS_SERVED],
            out[out_at.CYCLES],
        )
        out[out_at.TOOL_LATENCY_SUM], out[out_at.TOOL_READS], out[out_at.ACCEPTED_CYCLES] = of_tool
        return out

    def _tool_figures(self) -> tuple[int, int, int]:
        return (
            sum(departed_latency_sum(state) for state in self.states),
            sum(int(state.scalars[at.READS_SERVED]) for state in self.states),
            self.clock,
        )

    def _run(self, k: int, requests: Requests, until: int) -> int:
        for column in requests:  # one type of array, so that the clock is compiled once
            column.setflags(write=False)
        while True:
            status = int(
                run_channel(*requests, self._accepted[k], until, self._channel, self._setting, self.states[k])
            )
            if status != clock.LARGER_RING:
                break
            self.states[k] = with_larger_rings(self.states[k])
        if status == clock.STANDSTILL:
            self.stalled = True
        return status


_NO_REQUESTS = Requests(*(np.empty(0, np.int64),) * 3, np.empty(0, np.bool_), np.empty(0, np.int64))


class Batch:
    """Designs on one trace.

    Args:
        devices: one a design.
        controllers: as many, or one.
        trace: whatever has `chunks`.
        trace_tck_ps: clock period of the trace's cycles; None: that of the device.
        designs: which of them are going to be simulated; the others may be unsound.
        drain: whether they go on until all is answered.

    Attributes:
        order: the designs in the order in which they are best simulated: those that decode alike follow one
            another, so that a short trace is decoded once for them and little has to be kept.
    """

    def __init__(
        self,
        devices: Sequence[Device],
        controllers: Controllers,
        trace: Trace | StreamedTrace,
        trace_tck_ps: int | None,
        designs: Iterable[int],
        *,
        drain: bool = True,
    ) -> None:
        self._devices, self._trace, self._settings = devices, trace, settings(controllers)
        self._drain = drain
        mappings = np.asarray(controllers.address_mapping).tolist()
        self._rows = len(mappings)
        self._decodings = {
            i: decoding_of(devices[i], mappings[i % self._rows], trace_tck_ps) for i in designs
        }
        self.order = sorted(self._decodings, key=lambda i: hash(self._decodings[i]))
        self._decoded = lru_cache(maxsize=2)(self._decode_whole)
        self._short = isinstance(trace, Trace) and len(trace) <= CHUNK_REQUESTS

    def counters(self, i: int, each_channel: Callable[..., Iterable[Any]] = map) -> NDArray[np.int64]:
        """Run design i, its channels at once with a pool's `map`; see `ControllerRun.counters`."""
        run = ControllerRun(self._devices[i], self._settings(self._devices[i], i % self._rows))
        if self._short:
            run.feed(self._decoded(self._decodings[i]), each_channel)
        else:
            for chunk in self._trace.chunks():
                run.feed(decode(chunk, self._decodings[i]), each_channel)
        run.finish()
        if self._drain:
            run.drain()
        return run.counters()

    def _decode_whole(self, decoding: Decoding) -> list[Requests]:
        (chunk,) = self._trace.chunks()
        return decode(chunk, decoding)


def energy_arguments(device: Device, counter: NDArray[np.int64]) -> dict[str, int]:
    """What `energy.energy` is told beside the command counts; its cycles are those of one channel."""
    return {
        "cycles": int(counter[out_at.CYCLES]) * device.channels,
        "bank_refreshes": int(counter[out_at.FIRST_COMMAND_COUNT + timing.REFPB]),
        "same_bank_refreshes": int(counter[out_at.FIRST_COMMAND_COUNT + timing.REFSB]),
    }


def unsupported(device: Device, mapping: str, refresh: str) -> str:
    """What of a controller the device cannot do, or an empty string."""
    if mapping == DEVICE_MAPPING and device.address_bits is None:
        return f"{device.organization} has no address_bits, which address_mapping {mapping!r} stands for"
    if refresh not in ("none", *device.refresh_modes):
        known = ", ".join(("none", *device.refresh_modes))
        return f"{device.standard} has no refresh {refresh!r}, expected one of {known}"
    return ""


def settings(controllers: Controllers) -> Callable[[Device, int], Setting]:
    """The setting of design i on a device. Watermarks are multiplied in single precision, as in Ramulator."""
    write_queue = np.asarray(controllers.write_queue)
    low = np.asarray(controllers.write_low_watermark, np.float32) * write_queue.astype(np.float32)
    high = np.asarray(controllers.write_high_watermark, np.float32) * write_queue.astype(np.float32)
    row_cap = np.where(controllers.codes("row_policy") == 1, np.asarray(controllers.row_cap), 0)
    refresh, scheduler = controllers.codes("refresh").tolist(), controllers.codes("scheduler").tolist()
    columns = [
        column.tolist() for column in (row_cap, np.asarray(controllers.read_queue), write_queue, low, high)
    ]

    def setting(device: Device, i: int) -> Setting:
        interval = device.timings[REFRESH_INTERVALS[refresh[i]]] if refresh[i] else 0
        return Setting(refresh[i], interval, scheduler[i], *(column[i] for column in columns))

    return setting
