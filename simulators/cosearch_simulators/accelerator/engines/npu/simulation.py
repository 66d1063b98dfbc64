"""Run a network on many NPU designs, or look at the timeline of one."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from cosearch_simulators.accelerator.engines.npu import events, tiling
from cosearch_simulators.accelerator.engines.npu.designs import Floats, Npus
from cosearch_simulators.accelerator.engines.npu.kernel import RESULT_COLUMNS, run_designs, run_timeline
from cosearch_simulators.accelerator.engines.npu.silicon import Silicon, silicon
from cosearch_simulators.errors import ConfigurationError, SimulatorError
from cosearch_simulators.threads import threads_of
from cosearch_simulators.workloads import TENSORS, Network, Operator


@dataclass(frozen=True, eq=False)
class NpuResult:
    """Metrics of n designs, each an array of length n; NaN where a design has an `error`.

    Attributes:
        latency_ns: from the first load to the last store.
        roofline_ns: what no schedule can beat: the busiest of all arrays, all vector units and the memory.
        serial_ns: all work of all units one after the other.
        energy_pj: the sum of the four parts below, without leakage.
        matrix_energy_pj: multiply-accumulates.
        vector_energy_pj: vector operations.
        buffer_energy_pj: the arrays' and the DMAs' accesses to the cores' memories.
        dram_energy_pj: transfers.
        power_mw: energy over latency.
        area_mm2: arrays, vector units and buffers of all cores.
        utilisation: multiply-accumulates over those that all arrays could have done in the time, 0 to 1.
        dram_bytes: moved.
        error: for each design why it cannot run the network, or "".
    """

    latency_ns: Floats
    roofline_ns: Floats
    serial_ns: Floats
    energy_pj: Floats
    matrix_energy_pj: Floats
    vector_energy_pj: Floats
    buffer_energy_pj: Floats
    dram_energy_pj: Floats
    power_mw: Floats
    area_mm2: Floats
    utilisation: Floats
    dram_bytes: Floats
    error: list[str]


def simulate(
    npus: Npus,
    network: Network,
    *,
    threads: int | None = None,
    on_error: Literal["raise", "mark"] = "raise",
    parts: Silicon | None = None,
) -> NpuResult:
    """Simulate every design on the network. A design's numbers depend on nothing but itself.

    Args:
        npus: n designs.
        network: its operators, with their precision.
        threads: designs simulated at once. None: as many as cores that this process may use, but one in a
            worker process.
        on_error: "raise" stops at the first design that cannot run the network, "mark" leaves the reason in
            `NpuResult.error` and goes on.
        parts: what the designs' parts cost; None for the published figures at 45 nm.

    Raises:
        ConfigurationError: a design is out of bounds ("raise").
        SimulatorError: an operator does not fit into a core's buffers ("raise").
    """
    threads = threads_of(threads)
    errors = npus.problems()
    _raise_first(errors, on_error, ConfigurationError)
    designs, tasks = npus.arrays(), graph(network)
    rows = np.flatnonzero([not error for error in errors])
    numbers = np.full((len(npus), RESULT_COLUMNS), np.nan)

    def run(part: NDArray[np.intp]) -> None:
        numbers[part] = run_designs(*tasks, designs[part])

    if rows.size:
        shares = np.array_split(rows, min(rows.size, threads * 8 if threads > 1 else 1))
        if len(shares) == 1:
            run(shares[0])
        else:
            with ThreadPoolExecutor(threads) as pool:
                list(pool.map(run, shares))
    latency, roofline, serial, moved, accessed, missing = numbers.T
    for i in np.flatnonzero(missing > 0):
        errors[i] = _too_small(network, tasks[0], designs[i], missing[i])
    _raise_first(errors, on_error, SimulatorError)
    part = silicon(npus, network) if parts is None else parts
    parts_pj = {
        "matrix_energy_pj": sum(part.mac_pj(o.precision) * o.macs for o in network.operators) + 0.0 * latency,
        "vector_energy_pj": part.vector_pj * network.vector_operations + 0.0 * latency,
        "buffer_energy_pj": (accessed + moved) * part.buffer_pj_per_byte,
        "dram_energy_pj": moved * part.dram_pj_per_byte,
    }
    energy = sum(parts_pj.values())
    units = designs[:, tiling.CORES] * designs[:, tiling.ARRAY_ROWS] * designs[:, tiling.ARRAY_COLUMNS]
    return NpuResult(
        latency_ns=latency,
        roofline_ns=roofline,
        serial_ns=serial,
        energy_pj=energy,
        **parts_pj,
        power_mw=energy / latency,
        area_mm2=np.where(np.isnan(latency), np.nan, part.area_mm2),
        utilisation=network.macs / (units * designs[:, tiling.CLOCK] * latency),
        dram_bytes=moved,
        error=errors,
    )


@dataclass(frozen=True, eq=False)
class Timeline:
    """What every unit of one design does when: one row for each piece of work.

    Attributes:
        core: of each piece.
        unit: its position in `events.UNITS`.
        operator: its position in the network.
        start_ns: of each piece.
        end_ns: of each piece.
        energy_pj: of each piece.
        bytes: that a transfer moves; 0 for computing.
        names: of the operators.
    """

    core: NDArray[np.int64]
    unit: NDArray[np.int64]
    operator: NDArray[np.int64]
    start_ns: Floats
    end_ns: Floats
    energy_pj: Floats
    bytes: Floats
    names: Sequence[str]

    @property
    def latency_ns(self) -> float:
        """The end of the last piece."""
        return float(self.end_ns.max())

    def power_trace(self, samples: int = 200) -> tuple[Floats, Floats]:
        """Power over time: the edges of the samples in ns (samples + 1,), and mW (units, samples).

        A piece's energy is spread evenly over its time, so the trace's integral is the energy.
        """
        edges = np.linspace(0.0, self.latency_ns, samples + 1)
        power = np.zeros((len(events.UNITS), samples))
        for unit in range(len(events.UNITS)):
            mine = self.unit == unit
            start, end, energy = self.start_ns[mine], self.end_ns[mine], self.energy_pj[mine]
            # The energy spent until a time is a sum of ramps; with all their corners it is linear in between.
            corners, place = np.unique(np.concatenate([start, end, edges]), return_inverse=True)
            slope = np.zeros(corners.size)
            rate = energy / (end - start)
            np.add.at(slope, place[: start.size], rate)
            np.add.at(slope, place[start.size : 2 * start.size], -rate)
            spent = np.concatenate([[0.0], np.cumsum(np.cumsum(slope)[:-1] * np.diff(corners))])
            power[unit] = np.diff(np.interp(edges, corners, spent)) / np.diff(edges)
        return edges, power


def timeline(npu: Npus, network: Network) -> Timeline:
    """The timeline of one design.

    Raises:
        ConfigurationError: more than one design, or one that is out of bounds.
        SimulatorError: an operator does not fit into a core's buffers.
    """
    if len(npu) != 1:
        raise ConfigurationError(f"a timeline is of one design, got {len(npu)}")
    simulate(npu, network)
    log, tiles, accessed = run_timeline(*graph(network), npu.arrays()[0])
    unit, operator = log[:, events.UNIT].astype(np.int64), log[:, events.OPERATOR].astype(np.int64)
    part = silicon(npu, network)
    buffer_pj = float(part.buffer_pj_per_byte[0])
    # Of a piece of each operator: what it computes, with the accesses of the buffers beside the transfers'.
    computed = np.zeros((len(network.operators), 2))
    for i, op in enumerate(network.operators):
        computed[i] = part.mac_pj(op.precision) * op.macs, part.vector_pj * op.vector_operations
        computed[i, 0 if op.macs else 1] += accessed[i] * buffer_pj
    computed /= tiles[:, events.TILES, None]
    moves = (unit == events.LOAD) | (unit == events.STORE)
    energy = np.where(
        moves,
        log[:, events.AMOUNT] * (part.dram_pj_per_byte + buffer_pj),
        computed[operator, np.where(unit == events.VECTOR, 1, 0)],
    )
    return Timeline(
        core=log[:, events.CORE].astype(np.int64),
        unit=unit,
        operator=operator,
        start_ns=log[:, events.START],
        end_ns=log[:, events.END],
        energy_pj=energy,
        bytes=np.where(moves, log[:, events.AMOUNT], 0.0),
        names=[op.name for op in network.operators],
    )


def graph(network: Network) -> tuple[Floats, NDArray[np.int64], NDArray[np.int64]]:
    """The operators as `tiling.plan` reads them, and which operators each needs, see `events.run`."""
    place = {operator.name: i for i, operator in enumerate(network.operators)}
    operators = np.zeros((len(network.operators), tiling.OPERATOR_COLUMNS))
    first, producers = [0], list[int]()
    for i, operator in enumerate(network.operators):
        operators[i] = _columns(operator)
        producers += [place[name] for name in network.producers(operator.name) if name in place]
        first.append(len(producers))
    return operators, np.array(first, np.int64), np.array(producers, np.int64)


def _columns(operator: Operator) -> list[float]:
    nest, moved, precision = operator.loop_nest(), operator.tensor_bytes, operator.precision
    product = [1, max(operator.tensor_elements["Outputs"], 1), 1, 0]
    if nest is not None:
        g, n, k, c, p, q, r, s = nest.sizes
        product = [g, n * p * q, k, c * r * s]
    return [
        *map(float, product),
        *(float(moved[tensor]) for tensor in TENSORS),
        float(operator.vector_operations),
        precision.weight_bits / 8,
        precision.input_bits / 8,
        precision.accumulation_bits / 8,
    ]


def _too_small(network: Network, operators: Floats, design: Floats, missing: float) -> str:
    """Which operator does not fit, found again because it is rare."""
    for i, operator in enumerate(network.operators):
        if tiling.plan(operators[i], design, np.zeros(events.COLUMNS))[0] > 0:
            return (
                f"operator {operator.name!r} does not fit: the smallest tiles, at most "
                f"{tiling.MOST_TILES:,} of them, need {missing:,.0f} bytes more than the "
                f"{design[tiling.BUFFER_BYTES]:,.0f} of a core's buffers"
            )
    raise AssertionError("every operator fits")


def _raise_first(errors: list[str], on_error: Literal["raise", "mark"], kind: type[SimulatorError]) -> None:
    if on_error == "raise" and any(errors):
        i = next(i for i, error in enumerate(errors) if error)
        raise kind(f"design {i}: {errors[i]}" if len(errors) > 1 else errors[i])
