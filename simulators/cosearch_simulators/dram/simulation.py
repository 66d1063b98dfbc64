"""Run many designs on one trace: devices and controllers in, columns of metrics out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from cosearch_simulators.dram.argument_checks import (
    ANY_CONTROLLERS,
    ANY_TRACE,
    check_kind,
    check_on_error,
    check_whole,
    devices_and_designs,
)
from cosearch_simulators.dram.bank_machines.controllers import BankMachineControllers
from cosearch_simulators.dram.bank_machines.simulation import (
    bank_machine_problem,
    energy_arguments,
    power_down_cycles,
    run_bank_machines,
)
from cosearch_simulators.dram.device import Device
from cosearch_simulators.dram.energy import energy
from cosearch_simulators.dram.queued import engine
from cosearch_simulators.dram.queued.controllers import Controllers
from cosearch_simulators.dram.queued.simulation import Batch, rank_cycles, unsupported
from cosearch_simulators.dram.rules import COMMANDS
from cosearch_simulators.dram.traces.streams import StreamedTrace
from cosearch_simulators.dram.traces.trace import LARGEST_TIME_PS, Trace
from cosearch_simulators.errors import ConfigurationError, SimulatorError
from cosearch_simulators.threads import threads_of

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class DramResult:
    """Metrics of n designs, each an array of length n; row i is about design i.

    A run ends in the cycle in which the last request is accepted, as in Ramulator 2.1; energy and time are
    counted until then. Designs with an `error` have NaN in the float columns and 0 in the counts.

    Attributes:
        cycles: clock cycles of the run.
        time_ns: the same in ns.
        row_hits: requests whose row was open when their first command was issued.
        row_misses: requests whose bank was closed then.
        row_conflicts: requests whose bank had another row open then.
        reads_served: reads answered by the DRAM.
        writes_served: writes sent to the DRAM.
        reads_forwarded: reads answered from a waiting write.
        writes_coalesced: writes merged into a waiting write.
        maintenance_requests: refreshes and precharges that refresh and row policy asked for.
        average_read_latency_cycles: latency of departed reads over reads served, as Ramulator counts it.
        latency_ns: the same in ns.
        wait_ns: how long after the cycle in which the trace wants it a read begins to count in `latency_ns`,
            on average: the wait in front of the controller. NaN where the trace has no cycles, or no reads.
        activates: activate commands.
        precharges: precharge commands, of one bank or all.
        auto_precharges: reads and writes with auto-precharge.
        refreshes: refresh commands of all banks.
        bank_refreshes: refresh commands of one bank, or of the same bank of all bank groups.
        active_cycles: cycles in which a rank had an open bank, summed over ranks.
        active_power_down_cycles: cycles of power-down with an open bank, summed over ranks.
        precharge_power_down_cycles: cycles of power-down with all banks closed, summed over ranks.
        self_refresh_cycles: cycles of self-refresh, summed over ranks.
        activate_energy_pj: see `energy.Energy`, as are the next four.
        read_energy_pj: read bursts.
        write_energy_pj: write bursts.
        refresh_energy_pj: refreshes.
        background_energy_pj: standby.
        energy_pj: the sum of the five parts.
        power_mw: energy over time.
        bandwidth_gb_per_s: bytes read from and written to the DRAM, over time.
        error: for each design why it could not be simulated, or "".
    """

    cycles: Counts
    time_ns: Floats
    row_hits: Counts
    row_misses: Counts
    row_conflicts: Counts
    reads_served: Counts
    writes_served: Counts
    reads_forwarded: Counts
    writes_coalesced: Counts
    maintenance_requests: Counts
    average_read_latency_cycles: Floats
    latency_ns: Floats
    wait_ns: Floats
    activates: Counts
    precharges: Counts
    auto_precharges: Counts
    refreshes: Counts
    bank_refreshes: Counts
    active_cycles: Counts
    active_power_down_cycles: Counts
    precharge_power_down_cycles: Counts
    self_refresh_cycles: Counts
    activate_energy_pj: Floats
    read_energy_pj: Floats
    write_energy_pj: Floats
    refresh_energy_pj: Floats
    background_energy_pj: Floats
    energy_pj: Floats
    power_mw: Floats
    bandwidth_gb_per_s: Floats
    error: list[str]

    def __len__(self) -> int:
        return self.cycles.size


STALLS = "the controller stalls: nothing can be issued, or refreshes come too fast to be served"

_COUNT_COLUMNS = frozenset(f.name for f in fields(DramResult) if f.type == "Counts")
_COLUMNS = tuple(f.name for f in fields(DramResult) if f.name != "error")


LARGEST_TCK_PS = 1_000_000
"""Of a trace's clock: 1 MHz; a trace's cycles times this are still 64-bit numbers."""


def simulate(
    devices: Device | Sequence[Device],
    controllers: Controllers | BankMachineControllers,
    trace: Trace | StreamedTrace,
    *,
    threads: int | None = None,
    on_error: Literal["raise", "mark"] = "raise",
    wrap_addresses: bool = False,
    trace_tck_ps: int | None = None,
) -> DramResult:
    """Simulate every design on the trace. A design's numbers depend on nothing but itself.

    Args:
        devices: one device for all designs, or one a design.
        controllers: the designs' controllers; a single one stands for every device.
        trace: the requests, in memory or streamed from a file. Each is offered as soon as the one before it
            is accepted, at most one a clock cycle, and not before its `cycle` if the trace has those; of a
            device with several channels each has a port of its own, which takes its requests in order
            without regard to the others. `BankMachineControllers` have a trace player with a clock of its
            own, see `trace_tck_ps`.
        threads: designs simulated at once; with fewer designs than threads, channels. None: as many as
            cores that this process may use, but one in a worker process. They change no number.
        on_error: "raise" stops at the first design that cannot be simulated, "mark" leaves the reason in
            `DramResult.error` and goes on.
        wrap_addresses: let addresses beyond the device's capacity wrap around, as Ramulator does.
        trace_tck_ps: clock period of the trace's `cycle` column; None: that of the device's own clock.

    Raises:
        ConfigurationError: an argument of another kind, as many devices as designs were expected, a design is
            out of bounds ("raise"), or the trace's own clock takes it hours beyond its start.
        SimulatorError: an address lies beyond a device's capacity ("raise").
    """
    check_kind("controllers", controllers, ANY_CONTROLLERS)
    check_kind("trace", trace, ANY_TRACE)
    designs, count = devices_and_designs(devices, controllers)
    check_on_error(on_error)
    threads = threads_of(threads)
    if trace_tck_ps is not None:
        check_whole("trace_tck_ps", trace_tck_ps, 1, LARGEST_TCK_PS)
    if late := too_late(trace, trace_tck_ps):
        raise ConfigurationError(late)
    problems = controllers.problems() * (count // len(controllers))

    errors = list(problems)
    bank_machines_asked = isinstance(controllers, BankMachineControllers)
    if isinstance(controllers, BankMachineControllers):
        refresh = controllers.codes("refresh_policy")
        for i, device in enumerate(designs):
            errors[i] = errors[i] or bank_machine_problem(device, refresh[i % refresh.size])
    else:
        mappings, refreshes = controllers.address_mapping, controllers.refresh
        asked = list(zip(np.asarray(mappings).tolist(), np.asarray(refreshes).tolist(), strict=True))
        for i, device in enumerate(designs):
            errors[i] = errors[i] or unsupported(device, *asked[i % len(asked)])
    problems = list(errors)
    if not wrap_addresses:
        for i, device in enumerate(designs):
            errors[i] = errors[i] or beyond(device, trace)
    if on_error == "raise" and any(errors):
        i = next(i for i, error in enumerate(errors) if error)
        kind = ConfigurationError if problems[i] else SimulatorError
        raise kind(f"design {i}: {errors[i]}" if count > 1 else errors[i])

    order = [i for i, error in enumerate(errors) if not error]
    if isinstance(controllers, BankMachineControllers):
        rows = list(zip(*(column.tolist() for column in controllers.arguments()), strict=True))

        def counters_of(i: int, each_channel: Callable[..., Iterable[Any]]) -> NDArray[np.int64]:
            return run_bank_machines(designs[i], trace, trace_tck_ps, rows[i % len(rows)], each_channel)

    else:
        batch = Batch(designs, controllers, trace, trace_tck_ps, order)
        counters_of, order = batch.counters, batch.order

    if threads == 1 or sum(designs[i].channels for i in order) == 1:
        found = [counters_of(i, map) for i in order]
    else:
        with ThreadPoolExecutor(threads) as pool, ThreadPoolExecutor(threads) as channel_pool:
            each_channel = channel_pool.map if len(order) < threads else map
            found = list(pool.map(lambda i: counters_of(i, each_channel), order))
    counters: list[NDArray[np.int64] | None] = [None] * count
    for i, one in zip(order, found, strict=True):
        counters[i] = one

    for i, counter in enumerate(counters):
        if counter is not None and counter[engine.STALLED]:
            errors[i] = STALLS
            if on_error == "raise":
                raise SimulatorError(f"design {i}: {errors[i]}" if count > 1 else errors[i])
            counters[i] = None
    return result(designs, counters, errors, drampower=bank_machines_asked)


def result(
    devices: Sequence[Device],
    counters: Sequence[NDArray[np.int64] | None],
    errors: list[str],
    *,
    drampower: bool,
) -> DramResult:
    """The metrics of designs with these counters; None for those that have an error."""
    columns = {
        name: np.zeros(len(devices), np.int64 if name in _COUNT_COLUMNS else np.float64) for name in _COLUMNS
    }
    for i, counter in enumerate(counters):
        row = {} if counter is None else _metrics(devices[i], counter, drampower=drampower)
        for name, column in columns.items():
            column[i] = row.get(name, 0 if name in _COUNT_COLUMNS else np.nan)
    return DramResult(**columns, error=errors)  # type: ignore[arg-type]


def beyond(device: Device, trace: Trace | StreamedTrace) -> str:
    """What is wrong with the trace's addresses, or an empty string."""
    capacity = device.capacity_bytes
    if trace.highest_address < capacity:
        return ""
    request, address = next(
        (start + int(np.argmax(outside)), int(chunk.address_byte[np.argmax(outside)]))
        for start, chunk in _numbered(trace)
        if (outside := chunk.address_byte >= capacity).any()
    )
    return (
        f"request {request} is at address {address:#x}, beyond the "
        f"{capacity:#x} bytes of {device.ranks} rank(s) of {device.organization}"
    )


def too_late(trace: Trace | StreamedTrace, trace_tck_ps: int | None) -> str:
    """What is wrong with the trace's last cycle under a clock of its own, or an empty string."""
    if trace_tck_ps is None or trace.highest_cycle * trace_tck_ps <= LARGEST_TIME_PS:
        return ""
    return (
        f"the trace's cycle {trace.highest_cycle} at {trace_tck_ps} ps is beyond "
        f"{LARGEST_TIME_PS // 10**12} s of simulated time; expected a faster clock or a shorter trace"
    )


def _numbered(trace: Trace | StreamedTrace) -> Iterator[tuple[int, Trace]]:
    start = 0
    for chunk in trace.chunks():
        yield start, chunk
        start += len(chunk)


def _metrics(device: Device, counter: NDArray[np.int64], *, drampower: bool) -> dict[str, float]:
    commands = {name: int(counter[engine.FIRST_COMMAND_COUNT + code]) for code, name in enumerate(COMMANDS)}
    cycles, served = int(counter[engine.CYCLES]), int(counter[engine.READS_SERVED])
    waited = int(counter[engine.READS_WAITED])
    time_ns = cycles * device.tck_ps / 1000.0
    reads, writes = commands["RD"] + commands["RDA"], commands["WR"] + commands["WRA"]
    latency_cycles = int(counter[engine.READ_LATENCY_SUM]) / served if served else 0.0
    parts = energy(
        device,
        active_cycles=int(counter[engine.ACTIVE_CYCLES]),
        activates=commands["ACT"],
        reads=reads,
        writes=writes,
        refreshes=commands["REFab"],
        **(energy_arguments(counter) if drampower else rank_cycles(device, counter)),
    )
    return {
        "cycles": cycles,
        "time_ns": time_ns,
        "row_hits": counter[engine.ROW_HITS],
        "row_misses": counter[engine.ROW_MISSES],
        "row_conflicts": counter[engine.ROW_CONFLICTS],
        "reads_served": served,
        "writes_served": counter[engine.WRITES_SERVED],
        "reads_forwarded": counter[engine.READS_FORWARDED],
        "writes_coalesced": counter[engine.WRITES_COALESCED],
        "maintenance_requests": counter[engine.MAINTENANCE],
        "average_read_latency_cycles": latency_cycles,
        "latency_ns": latency_cycles * device.tck_ps / 1000.0,
        "wait_ns": int(counter[engine.READ_WAIT_SUM]) / waited * device.tck_ps / 1000.0 if waited else np.nan,
        "activates": commands["ACT"],
        "precharges": commands["PREpb"] + commands["PREab"],
        "auto_precharges": commands["RDA"] + commands["WRA"],
        "refreshes": commands["REFab"],
        "bank_refreshes": commands["REFpb"] + commands["REFsb"],
        **(power_down_cycles(counter) if drampower else {}),
        "active_cycles": counter[engine.ACTIVE_CYCLES],
        "activate_energy_pj": parts.activate_pj,
        "read_energy_pj": parts.read_pj,
        "write_energy_pj": parts.write_pj,
        "refresh_energy_pj": parts.refresh_pj,
        "background_energy_pj": parts.background_pj,
        "energy_pj": parts.total_pj,
        "power_mw": parts.total_pj / time_ns if time_ns else 0.0,
        "bandwidth_gb_per_s": (reads + writes) * device.transaction_bytes / time_ns if time_ns else 0.0,
    }
