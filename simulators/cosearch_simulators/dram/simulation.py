"""Run many designs on one trace: devices and controllers in, columns of metrics out."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from cosearch_simulators.dram import engine, timing
from cosearch_simulators.dram.bank_machine_controllers import BankMachineControllers
from cosearch_simulators.dram.bank_machine_simulation import energy_arguments, run_bank_machines
from cosearch_simulators.dram.controllers import Controllers
from cosearch_simulators.dram.device import Device
from cosearch_simulators.dram.energy import energy
from cosearch_simulators.dram.kernel import simulate_channel
from cosearch_simulators.dram.rules import COMMANDS
from cosearch_simulators.dram.trace import Trace
from cosearch_simulators.errors import ConfigurationError, SimulatorError

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
        activates: activate commands.
        precharges: precharge commands, of one bank or all.
        auto_precharges: reads and writes with auto-precharge.
        refreshes: refresh commands.
        active_cycles: cycles in which a rank had an open bank, summed over ranks.
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
    activates: Counts
    precharges: Counts
    auto_precharges: Counts
    refreshes: Counts
    active_cycles: Counts
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


_COUNT_COLUMNS = frozenset(f.name for f in fields(DramResult) if f.type == "Counts")
_COLUMNS = tuple(f.name for f in fields(DramResult) if f.name != "error")


def simulate(
    devices: Device | Sequence[Device],
    controllers: Controllers | BankMachineControllers,
    trace: Trace,
    *,
    threads: int = 1,
    on_error: Literal["raise", "mark"] = "raise",
    wrap_addresses: bool = False,
    trace_tck_ps: int | None = None,
) -> DramResult:
    """Simulate every design on the trace. A design's numbers depend on nothing but itself.

    Args:
        devices: one device for all designs, or one a design.
        controllers: the designs' controllers; a single one stands for every device. `BankMachineControllers`
            need devices with `address_bits`, as `read_memspec` makes them.
        trace: the requests. Each is offered as soon as the one before it is accepted, at most one a clock
            cycle, and not before its `cycle` if the trace has those. `BankMachineControllers` have a trace
            player with a clock of its own, see `trace_tck_ps`.
        threads: designs simulated at once.
        on_error: "raise" stops at the first design that cannot be simulated, "mark" leaves the reason in
            `DramResult.error` and goes on.
        wrap_addresses: let addresses beyond the device's capacity wrap around, as Ramulator does.
        trace_tck_ps: clock period of the trace's `cycle` column; None: that of the device's own clock.

    Raises:
        ConfigurationError: as many devices as designs were expected, or a design is out of bounds ("raise").
        SimulatorError: an address lies beyond a device's capacity ("raise").
    """
    designs = [devices] if isinstance(devices, Device) else list(devices)
    count = max(len(controllers), len(designs))
    if len(controllers) not in (1, count) or len(designs) not in (1, count):
        raise ConfigurationError(
            f"{len(designs)} devices for {len(controllers)} controllers, expected as many or 1"
        )
    if threads < 1:
        raise ConfigurationError(f"threads must be 1 or more, got {threads}")
    designs = designs * (count // len(designs))
    problems = controllers.problems() * (count // len(controllers))

    errors = list(problems)
    bank_machines_asked = isinstance(controllers, BankMachineControllers)
    if bank_machines_asked:
        for i, device in enumerate(designs):
            if device.address_bits is None:
                errors[i] = (
                    errors[i] or f"{device.organization} has no address_bits, which this controller needs"
                )
        problems = list(errors)
    if not wrap_addresses:
        highest = int(np.argmax(trace.address_byte))
        for i, device in enumerate(designs):
            errors[i] = errors[i] or _beyond(device, trace, highest)
    if on_error == "raise" and any(errors):
        i = next(i for i, error in enumerate(errors) if error)
        kind = ConfigurationError if problems[i] else SimulatorError
        raise kind(f"design {i}: {errors[i]}" if count > 1 else errors[i])

    run_one = run_bank_machines if isinstance(controllers, BankMachineControllers) else _run
    arguments = (
        controllers.arguments()
        if isinstance(controllers, BankMachineControllers)
        else _controller_arguments(controllers)
    )

    def run(i: int) -> NDArray[np.int64] | None:
        if errors[i]:
            return None
        return run_one(
            designs[i], trace, trace_tck_ps, *(column[i % len(controllers)] for column in arguments)
        )

    if threads == 1 or count == 1:
        counters = [run(i) for i in range(count)]
    else:
        with ThreadPoolExecutor(threads) as pool:
            counters = list(pool.map(run, range(count)))

    columns = {name: np.zeros(count, np.int64 if name in _COUNT_COLUMNS else np.float64) for name in _COLUMNS}
    for i, counter in enumerate(counters):
        if counter is not None and counter[engine.STALLED]:
            errors[i] = (
                "the controller stalls: nothing can be issued, or refreshes come too fast to be served"
            )
            if on_error == "raise":
                raise SimulatorError(f"design {i}: {errors[i]}" if count > 1 else errors[i])
            counter = None
        row = {} if counter is None else _metrics(designs[i], counter, drampower=bank_machines_asked)
        for name, column in columns.items():
            column[i] = row.get(name, 0 if name in _COUNT_COLUMNS else np.nan)
    return DramResult(**columns, error=errors)  # type: ignore[arg-type]


def _beyond(device: Device, trace: Trace, highest: int) -> str:
    capacity = device.capacity_bytes
    if trace.address_byte[highest] < capacity:
        return ""
    request = int(np.argmax(trace.address_byte >= capacity))
    return (
        f"request {request} is at address {int(trace.address_byte[request]):#x}, beyond the "
        f"{capacity:#x} bytes of {device.ranks} rank(s) of {device.organization}"
    )


def _controller_arguments(controllers: Controllers) -> tuple[NDArray[np.generic], ...]:
    """Columns in the order of `_run`. Watermarks are multiplied in single precision, as Ramulator does."""
    write_queue = np.asarray(controllers.write_queue)
    low = np.asarray(controllers.write_low_watermark, np.float32) * write_queue.astype(np.float32)
    high = np.asarray(controllers.write_high_watermark, np.float32) * write_queue.astype(np.float32)
    row_cap = np.where(controllers.codes("row_policy") == 1, np.asarray(controllers.row_cap), 0)
    return (
        controllers.codes("address_mapping"),
        controllers.codes("refresh"),
        controllers.codes("scheduler"),
        row_cap,
        np.asarray(controllers.read_queue),
        write_queue,
        low.astype(np.float64),
        high.astype(np.float64),
    )


def _run(
    device: Device,
    trace: Trace,
    trace_tck_ps: int | None,
    mapping: int,
    refresh: int,
    *controller: float,
) -> NDArray[np.int64]:
    counts = dict(zip(device.topology.levels, device.topology.counts, strict=True))
    not_before = np.empty(0, np.int64)
    if trace.cycle is not None:
        not_before = -(-trace.cycle * (trace_tck_ps or device.tck_ps) // device.tck_ps)
    n, compiled = device.timings, device.compiled
    close_delay = np.zeros(len(COMMANDS), np.int64)
    close_delay[timing.RDA] = n["nRTP"]
    close_delay[timing.WRA] = n["nCWL"] + n["nBL"] + n["nWR"]
    counters: NDArray[np.int64] = simulate_channel(
        trace.address_byte // device.transaction_bytes,
        trace.is_write,
        not_before,
        (
            mapping,
            *(_bits(counts.get(level, 1)) for level in ("Rank", "BankGroup", "Bank")),
            _bits(device.chip.rows),
            _bits(device.chip.columns // device.prefetch),
        ),
        (
            device.topology.banks,
            compiled.twin,
            compiled.command_banks,
            compiled.first,
            compiled.entries,
            compiled.history_size,
            device.read_latency_cycles,
            n["nREFI"] if refresh == 1 else 0,
            close_delay,
        ),
        controller,
    )
    return counters


def _bits(count: int) -> int:
    return count.bit_length() - 1


def _metrics(device: Device, counter: NDArray[np.int64], *, drampower: bool) -> dict[str, float]:
    commands = {name: int(counter[engine.FIRST_COMMAND_COUNT + code]) for code, name in enumerate(COMMANDS)}
    cycles, served = int(counter[engine.CYCLES]), int(counter[engine.READS_SERVED])
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
        **(energy_arguments(counter) if drampower else {"cycles": cycles}),
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
        "activates": commands["ACT"],
        "precharges": commands["PREpb"] + commands["PREab"],
        "auto_precharges": commands["RDA"] + commands["WRA"],
        "refreshes": commands["REFab"],
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
