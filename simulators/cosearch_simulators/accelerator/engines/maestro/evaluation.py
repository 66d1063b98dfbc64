"""Batches of a layer's dataflows on batches of hardware points: each one's numbers, or why there are none."""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cosearch_simulators.accelerator.engines.maestro import analysis, kernel, levels
from cosearch_simulators.accelerator.engines.maestro.cost import (
    L1_ACCESS_ENERGY,
    L2_ACCESS_ENERGY,
    MAC_ENERGY_PJ,
    Area,
    gamma_area_um2,
    maestro_area,
)
from cosearch_simulators.accelerator.engines.maestro.directives import Dataflows
from cosearch_simulators.accelerator.engines.maestro.layer import Layer
from cosearch_simulators.errors import SimulatorError
from cosearch_simulators.workloads.loop_nest import TENSORS

_REASONS = {
    levels.TWICE: "level {level} maps a dimension twice",
    levels.NO_SPATIAL: "level {level} must have one SpatialMap, or two of dimensions that move together",
    levels.BAD_SIZE: "level {level} has a map whose size or offset is below 1",
    levels.GAP: "level {level} has a map whose offset is larger than its size: it would leave out elements",
    levels.TOO_FEW_PES: "clusters of {clusters} PEs do not fit into {pes} PEs",
    levels.UNKNOWN_DIMENSION: "level {level} maps a dimension that {kind} has not",
    kernel.NO_WORK: "a tile of input rows or columns is smaller than the filter's tile: a step without work",
}

_MOST = 1 << 31


@dataclass(frozen=True)
class Hardware:
    """Hardware points, each an array of one number a point, or one number for all.

    Attributes:
        pes: processing elements.
        noc_bandwidth: elements a cycle that the network carries, at every level.
        offchip_bandwidth: elements a cycle between the shared buffer and the memory.
        noc_hops: cycles that the head of a message takes.
        lanes: multiplications a cycle of each PE.
    """

    pes: ArrayLike
    noc_bandwidth: ArrayLike
    offchip_bandwidth: ArrayLike
    noc_hops: ArrayLike = 1
    lanes: ArrayLike = 1


@dataclass(frozen=True)
class DataflowResults:
    """What a batch of dataflows costs, one row each; rows whose `reason` is not empty hold zeros.

    Attributes:
        reason: why a dataflow cannot run, "" where it can.
        runtime_cycles: until the last output is written.
        macs: multiplications, those of edge steps on repeated data included.
        l2_reads: (n, `TENSORS`) elements read from the shared buffer; outputs are read once for the memory.
        l2_writes: (n, `TENSORS`) elements written to it; inputs and weights once from the memory.
        l1_reads: (n, `TENSORS`) elements read from the PEs' buffers.
        l1_writes: (n, `TENSORS`) elements written to them.
        l2_bytes: (n, `TENSORS`) that the shared buffer must hold, double-buffered, one byte an element.
        l1_bytes: (n, `TENSORS`) that each PE's buffer must hold, double-buffered.
        active_pes: average number of PEs at work.
        peak_noc_traffic: most elements a cycle that the network would have to carry to delay nothing.
        ingress_cycles: (n, 3) least, largest and average delay of a step's fetch at the outermost level.
        egress_cycles: (n, 3) the same of its write back.
        compute_cycles: (n, 3) the same of its compute.
        pes, noc_bandwidth, lanes: of the hardware.
    """

    reason: NDArray[np.str_]
    runtime_cycles: NDArray[np.int64]
    macs: NDArray[np.int64]
    l2_reads: NDArray[np.int64]
    l2_writes: NDArray[np.int64]
    l1_reads: NDArray[np.int64]
    l1_writes: NDArray[np.int64]
    l2_bytes: NDArray[np.int64]
    l1_bytes: NDArray[np.int64]
    active_pes: NDArray[np.float64]
    peak_noc_traffic: NDArray[np.int64]
    ingress_cycles: NDArray[np.float64]
    egress_cycles: NDArray[np.float64]
    compute_cycles: NDArray[np.float64]
    pes: NDArray[np.int64]
    noc_bandwidth: NDArray[np.int64]
    lanes: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.runtime_cycles)

    @property
    def ok(self) -> NDArray[np.bool_]:
        """Which dataflows can run."""
        return self.reason == ""

    @property
    def throughput(self) -> NDArray[np.float64]:
        """Multiplications a cycle."""
        return self.macs / np.maximum(self.runtime_cycles, 1)

    @property
    def energy_macs(self) -> NDArray[np.float64]:
        """Energy of all accesses and multiplications in multiplications, the tool's printed total."""
        l2 = self.l2_reads.sum(1) + self.l2_writes.sum(1)
        l1 = self.l1_reads.sum(1) + self.l1_writes.sum(1)
        return np.asarray(self.macs + L2_ACCESS_ENERGY * l2 + L1_ACCESS_ENERGY * l1)

    @property
    def energy_pj(self) -> NDArray[np.float64]:
        """The same energy in picojoules."""
        return self.energy_macs * MAC_ENERGY_PJ

    @cached_property
    def area(self) -> Area:
        """Area and power with the buffers that the dataflow requires, by MAESTRO's table."""
        l1, l2 = self.l1_bytes.sum(1), self.l2_bytes.sum(1)
        return maestro_area(self.pes, l1, l2, self.noc_bandwidth, self.lanes)

    @property
    def gamma_area_um2(self) -> NDArray[np.float64]:
        """Area with the buffers that the dataflow requires, as GAMMA and ArchGym count it."""
        return gamma_area_um2(self.pes, self.l1_bytes.sum(1), self.l2_bytes.sum(1))


def evaluate_dataflow(layer: Layer, dataflows: Dataflows, hardware: Hardware) -> DataflowResults:
    """The cost of dataflows of a layer, each on its hardware point.

    Args:
        layer: the layer, `Layer.of_nest(...)` of a loop nest.
        dataflows: n of them, or one for all hardware points.
        hardware: n points, or one for all dataflows.

    Returns:
        One row a case. A dataflow that cannot run is no error: its row has the reason.

    Raises:
        SimulatorError: a hardware value below 1, or batches of different lengths.

    Source: Kwon et al., "Understanding reuse, performance, and hardware cost of DNN dataflow: a data-centric
    approach", MICRO 2019.
    """
    columns = _columns(hardware, len(dataflows))
    cases = len(columns["pes"])
    totals = np.zeros((cases, analysis.TOTALS), np.int64)
    l1_bytes, status = np.zeros((cases, len(TENSORS)), np.int64), np.zeros((cases, 2), np.int64)
    active = np.zeros(cases)
    limits = np.column_stack(
        [columns[name] for name in ("noc_bandwidth", "noc_hops", "offchip_bandwidth", "lanes")]
    )
    if cases:
        # Writable as all others are: a read-only array would be compiled for anew.
        maps, clusters = (
            np.require(array, np.int64, ["C", "W"]) for array in (dataflows.maps, dataflows.clusters)
        )
        kernel.analyse_batch(
            *(*layer.arrays, maps, clusters, columns["pes"], np.ascontiguousarray(limits)),
            *(totals, l1_bytes, active, status),
        )
    failed = status[:, 0] != levels.OK
    totals[failed], l1_bytes[failed], active[failed] = 0, 0, 0.0
    reason = np.zeros(cases, "U120")
    for case in np.flatnonzero(failed):
        sizes = dataflows.clusters[case if len(dataflows) > 1 else 0]
        reason[case] = _REASONS[int(status[case, 0])].format(
            level=status[case, 1],
            kind=layer.kind,
            pes=columns["pes"][case],
            clusters=int(np.prod(sizes)),
        )
    works = np.where(failed, 0, 1)
    weights, inputs, outputs = (size * works for size in layer.tensor_sizes)
    fetched = totals[:, [analysis.READ_WEIGHTS, analysis.READ_INPUTS]]
    macs = totals[:, analysis.MACS]
    return DataflowResults(
        reason=reason,
        runtime_cycles=totals[:, analysis.RUNTIME],
        macs=macs,
        l2_reads=np.column_stack([fetched, outputs]),
        l2_writes=np.column_stack([weights, inputs, totals[:, analysis.WRITTEN_OUTPUTS]]),
        l1_reads=np.column_stack([macs, macs, macs]),
        l1_writes=np.column_stack([fetched, macs]),
        l2_bytes=2 * totals[:, [analysis.FIRST_WEIGHTS, analysis.FIRST_INPUTS, analysis.FIRST_OUTPUTS]],
        l1_bytes=l1_bytes,
        active_pes=active,
        peak_noc_traffic=totals[:, analysis.PEAK_TRAFFIC],
        ingress_cycles=_delays(totals, analysis.FETCH_MIN),
        egress_cycles=_delays(totals, analysis.BACK_MIN),
        compute_cycles=_delays(totals, analysis.COMPUTE_MIN),
        **{name: columns[name] for name in ("pes", "noc_bandwidth", "lanes")},
    )


def _delays(totals: NDArray[np.int64], lowest: int) -> NDArray[np.float64]:
    """Least, largest and average of a delay."""
    steps = np.maximum(totals[:, analysis.STEPS], 1)
    return np.column_stack([totals[:, lowest], totals[:, lowest + 1], totals[:, lowest + 2] / steps])


def _columns(hardware: Hardware, dataflows: int) -> dict[str, NDArray[np.int64]]:
    """The hardware's values as columns, as long as there are cases."""
    arrays = {field.name: np.asarray(getattr(hardware, field.name)) for field in fields(hardware)}
    lengths = {array.size for array in arrays.values() if array.ndim} | ({dataflows} - {1})
    if len(lengths - {1}) > 1:
        raise SimulatorError(f"dataflows and hardware must be as many or one, got {sorted(lengths)}")
    cases = max(lengths, default=1)
    if 0 in lengths:
        cases = 0
    columns = {}
    for name, array in arrays.items():
        if array.dtype.kind not in "iu":
            raise SimulatorError(f"{name} must be whole numbers, got {array.tolist()}")
        if array.size and (array.min() < 1 or array.max() >= _MOST):
            value = array.min() if array.min() < 1 else array.max()
            raise SimulatorError(f"{name} must be from 1 to {_MOST - 1}, got {value}")
        columns[name] = np.array(np.broadcast_to(array.reshape(-1), cases), np.int64)
    return columns
