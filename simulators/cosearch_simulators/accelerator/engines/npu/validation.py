"""The timeline against SCALE-Sim: a product on one core whose memory never keeps it waiting.

One tile goes through load, array and store; with a memory and a DMA that move everything at once, what is
left is the array's time, which must be SCALE-Sim's compute cycles, and the words between buffer and array,
which must be its SRAM accesses. (Where outputs stay SCALE-Sim adds the array's shape to its writes once a
fold, and its cycle count begins at 0: both are as in `engines/scalesim`.) Under SCALE-Sim's bandwidths and
buffers the order of the latencies is for information: tiles overlap here, operands have buffers of their own
there, and SCALE-Sim counts each wait twice.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosearch_simulators.accelerator.engines.npu.designs import Npus
from cosearch_simulators.accelerator.engines.npu.silicon import Silicon
from cosearch_simulators.accelerator.engines.npu.simulation import NpuResult, simulate
from cosearch_simulators.accelerator.engines.scalesim.validation import products_of
from cosearch_simulators.core.validation.cases import finished, number, reading
from cosearch_simulators.core.validation.ranking import RankedRow
from cosearch_simulators.core.validation.table import ValidationTable
from cosearch_simulators.workloads import MatrixMultiply, Network, Precision

MARKER = "accelerator-scalesim"
FLOWS = {"os": "output_stationary", "ws": "weight_stationary", "is": "input_stationary"}
AT_ONCE = 1e12
"""Bytes a ns, and KiB of a buffer: the most that a design may have."""
BOUNDS = {"cycles": 1e-8, "buffer words": 0.0}
"""Relative errors: the transfers at `AT_ONCE` take their moment."""


def validate(cases: Sequence[Mapping[str, Any]]) -> ValidationTable:
    """The rows of SCALE-Sim's table that are about this engine.

    Raises:
        SimulatorError: a case lacks something.
    """
    flows: list[str] = []
    numbers: dict[str, list[tuple[float, float]]] = {name: [] for name in BOUNDS}
    limited: list[tuple[float, float]] = []
    failures: list[str] = []
    for case in finished(cases):
        with reading("SCALE-Sim", case):
            hardware, out = case["hw"], case["out"]
            found = _run(case, buffer_kib=AT_ONCE, bytes_per_ns=AT_ONCE)
            cycles = number(out["total_cycles"]) - number(out["stall_cycles"]) + 1
            moved = found.buffer_energy_pj[0] - found.dram_bytes[0]
            pairs = {"cycles": (float(found.latency_ns[0]), cycles), "buffer words": (moved, _words(case))}
            if hardware["mode"] == "USER":
                limited.append(_under_limits(case))
        flows.append(hardware["dataflow"])
        for name, (ours, theirs) in pairs.items():
            numbers[name].append((ours, theirs))
            if not abs(ours - theirs) <= BOUNDS[name] * theirs:
                failures.append(f"{case['id']}: {name} of the timeline {ours:.8g}, SCALE-Sim {theirs:.8g}")
    rows = []
    for flow in sorted(set(flows)):
        of_flow = np.array(flows) == flow
        for name, both in numbers.items():
            rows.append(
                RankedRow.ranked(f"npu, {flow}", name, *np.array(both)[of_flow].T, bound=BOUNDS[name])
            )
    if limited:
        rows.append(
            RankedRow.ranked("npu, limited bandwidth", "total_cycles", *np.array(limited).T, bound=np.inf)
        )
    return ValidationTable(MARKER, rows, {}, failures)


def _run(case: Mapping[str, Any], *, buffer_kib: float, bytes_per_ns: float) -> NpuResult:
    """A case's product on one core at 1 GHz, a byte a word, the buffer's energy a pJ a byte."""
    hardware, product = case["hw"], products_of([case])
    m, n, k = (int(np.asarray(size)[0]) for size in (product.m, product.n, product.k))
    network = Network(
        "product", (MatrixMultiply(name="product", m=m, n=n, k=k, precision=Precision(8, 8, 8, 8)),)
    )
    one: NDArray[np.float64] = np.ones(1)
    return simulate(
        Npus(
            cores=1,
            array_rows=hardware["array_rows"],
            array_columns=hardware["array_cols"],
            buffer_kib=buffer_kib,
            dma_gb_per_s=bytes_per_ns,
            dram_gb_per_s=bytes_per_ns,
            dataflow=FLOWS[hardware["dataflow"]],
        ),
        network,
        threads=1,
        parts=Silicon(buffer_pj_per_byte=one, area_mm2=one, vector_pj=0.0, dram_pj_per_byte=0.0),
    )


def _words(case: Mapping[str, Any]) -> float:
    """SCALE-Sim's words between buffers and array, without the shape that it adds where outputs stay."""
    hardware, out, product = case["hw"], case["out"], products_of([case])
    words = sum(number(out[f"sram_{name}"]) for name in ("ifmap_reads", "filter_reads", "ofmap_writes"))
    if hardware["dataflow"] == "os":
        rows, columns = int(hardware["array_rows"]), int(hardware["array_cols"])
        folds = -(-int(np.asarray(product.m)[0]) // rows) * -(-int(np.asarray(product.n)[0]) // columns)
        words -= folds * (rows + columns)
    return words


def _under_limits(case: Mapping[str, Any]) -> tuple[float, float]:
    """The timeline's and SCALE-Sim's cycles with its buffers and bandwidths, each added up."""
    hardware = case["hw"]
    names = ("ifmap_bank_bandwidth", "filter_bank_bandwidth", "ofmap_bandwidth")
    found = _run(
        case,
        buffer_kib=sum(float(hardware[f"{operand}_sram_kb"]) for operand in ("ifmap", "filter", "ofmap")),
        bytes_per_ns=sum(float(hardware[f"{name}_words_per_cycle"]) for name in names),
    )
    return float(found.latency_ns[0]), number(case["out"]["total_cycles_incl_prefetch"])
