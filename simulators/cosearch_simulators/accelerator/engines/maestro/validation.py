"""Dataflows written as directives against MAESTRO: every count, runtime, energy and area.

The tool prints six digits, which is the bound of what must be equal. Where it returns no positive runtime (an
only tile that is larger than its dimension gets negative work), our multiplications are held against the
layer's own. Its CSV column of energy leaves out the PEs' buffers where there are clusters, so the printed
total is compared.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosearch_simulators.accelerator.engines.maestro import (
    DataflowResults,
    Dataflows,
    Hardware,
    Layer,
    evaluate_dataflow,
    maestro_area,
)
from cosearch_simulators.core.validation.cases import beyond_us, number, reading, seconds
from cosearch_simulators.core.validation.ranking import RankedRow
from cosearch_simulators.core.validation.table import ValidationTable
from cosearch_simulators.workloads.loop_nest import TENSORS

MARKER = "accelerator-maestro"

SIX_DIGITS = 5.1e-6
"""Relative error of a number of six digits."""
REQUIRED_SPEARMAN = 0.9
"""Of runtime and energy over the cases of one kind of layer."""
REQUIRED_SHARE = 0.9
"""Of the numbers that must be equal."""

_COUNTS = {
    "runtime_cycles": "Runtime (Cycles)",
    "macs": "Num MACs",
    "l2_bytes": "L2 SRAM Size Req (Bytes)",
    "l1_bytes": "L1 SRAM Size Req (Bytes)",
    "throughput": "Throughput (MACs/Cycle)",
    "active_pes": "Avg number of utilized PEs",
    "peak_noc_traffic": "Peak BW Req",
    "power_mw": "Power",
    **{
        f"{level}_{way}s of {tensor}": f"{theirs} {level} {way}"
        for tensor, theirs in (("inputs", "input"), ("weights", "filter"), ("outputs", "output"))
        for level in ("l2", "l1")
        for way in ("read", "write")
    },
    "ingress_cycles, largest": "Ingress Delay (Max)",
    "egress_cycles, largest": "Egress Delay (Max)",
    "compute_cycles, largest": "Compute Delay (Min)#2",
}
"""Ours and the tool's column; its column of the largest compute delay has the least one's name."""

_TIMED = 10_000


def describes(case: Mapping[str, Any]) -> bool:
    """Whether a case is one of MAESTRO's."""
    return "mapping_file" in case


def layer_of(case: Mapping[str, Any]) -> Layer:
    """A case's layer."""
    layer = case["layer"]
    sizes = {name: size for name, size in layer.items() if isinstance(size, int) and name != "stride"}
    return Layer.of(layer["type"], sizes, (layer.get("stride", 1), layer.get("stride", 1)))


def hardware_of(case: Mapping[str, Any], points: int = 1) -> Hardware:
    """A case's hardware, as many times."""
    hw = case["hw"]
    return Hardware(
        np.full(points, hw["num_pes"]), hw["noc_bw"], hw["offchip_bw"], hw["noc_hops"], hw["num_simd_lanes"]
    )


def validate(
    cases: Sequence[Mapping[str, Any]], progress: Callable[[int, int], None] = lambda done, of: None
) -> ValidationTable:
    """The error table of the cases.

    Raises:
        SimulatorError: a case lacks something. One that our model refuses is missed.
    """
    ours: list[dict[str, float]] = []
    theirs: list[dict[str, float]] = []
    kinds, corrected, work = [], [], []
    judged: list[Mapping[str, Any]] = []
    failures: list[str] = []
    for done, case in enumerate(cases, start=1):
        missed: list[str] = []
        with beyond_us(missed), reading("MAESTRO", case):
            layer, _ = layer_of(case), seconds(case)
            result = evaluate_dataflow(layer, Dataflows.parse(layer, case["dataflow"]), hardware_of(case))
            judged.append(case)
            if not result.ok[0]:
                failures.append(f"{case['id']}: {result.reason[0]}")
            if case["status"] != "ok":
                corrected.append(float(result.macs[0]))
                work.append(float(_macs(layer)))
                continue
            kinds.append(layer.kind)
            ours.append(_numbers(result, case))
            theirs.append(_recorded(case))
            failures += [
                f"{case['id']}: {name} is {ours[-1][name]:g}, not {value:g}"
                for name, value in theirs[-1].items()
                if abs(ours[-1][name] - value) > SIX_DIGITS * abs(value)
            ]
        if missed and case["status"] == "ok":  # wholly wrong
            kinds.append(case["layer"]["type"])
            theirs.append(_recorded(case))
            ours.append(dict.fromkeys(theirs[-1], np.nan))
        failures += missed
        progress(done, len(cases))

    def column(numbers: list[dict[str, float]], name: str, chosen: NDArray[np.bool_]) -> NDArray[np.float64]:
        return np.array([row[name] for row in numbers])[chosen]

    rows, kind_of = [], np.array(kinds)
    for kind in sorted(set(kinds)):
        for name in ("runtime_cycles", "energy_macs"):
            mine, other = (column(numbers, name, kind_of == kind) for numbers in (ours, theirs))
            rows.append(
                RankedRow.ranked(
                    *(kind, name, mine, other),
                    bound=SIX_DIGITS,
                    required_share=REQUIRED_SHARE,
                    required_spearman=REQUIRED_SPEARMAN,
                )
            )
    everyone = np.ones(len(kinds), bool)
    for name in theirs[0] if theirs else ():
        share = 1.0 if name.startswith("area") else REQUIRED_SHARE
        mine, other = (column(numbers, name, everyone) for numbers in (ours, theirs))
        rows.append(RankedRow.ranked("all", name, mine, other, bound=SIX_DIGITS, required_share=share))
    if corrected:
        rows.append(RankedRow.ranked("runtime not positive", "macs of the layer", corrected, work, bound=0.0))
    return ValidationTable(MARKER, rows, _speed(judged) if judged else {}, failures)


def _numbers(result: DataflowResults, case: Mapping[str, Any]) -> dict[str, float]:
    """Our numbers of one case."""
    hw, out = case["hw"], case["out"]
    recorded = maestro_area(
        *(hw["num_pes"], out["L1 SRAM Size Req (Bytes)"], out["L2 SRAM Size Req (Bytes)"]),
        *(hw["noc_bw"], hw["num_simd_lanes"]),
    )
    numbers = {
        "area_um2": result.area.area_um2[0],
        "area_um2 of the recorded buffers": recorded.area_um2,
        "energy_macs": result.energy_macs[0],
        "power_mw": result.area.power_mw[0],
        "l1_bytes": result.l1_bytes[0].sum(),
        "l2_bytes": result.l2_bytes[0].sum(),
    }
    for name in ("runtime_cycles", "macs", "throughput", "active_pes", "peak_noc_traffic"):
        numbers[name] = getattr(result, name)[0]
    for name in ("ingress_cycles", "egress_cycles", "compute_cycles"):
        numbers[f"{name}, largest"] = getattr(result, name)[0, 1]
    for tensor in ("Inputs", "Weights", "Outputs"):
        index = TENSORS.index(tensor)
        for name in ("l1_reads", "l1_writes", "l2_reads", "l2_writes"):
            numbers[f"{name} of {tensor.lower()}"] = getattr(result, name)[0, index]
    return {name: float(value) for name, value in numbers.items()}


def _recorded(case: Mapping[str, Any]) -> dict[str, float]:
    """The tool's numbers of one case."""
    numbers = {name: number(case["out"][theirs]) for name, theirs in _COUNTS.items()}
    numbers["energy_macs"] = number(case["printed"]["total_energy_mac_units"])
    numbers["area_um2"] = numbers["area_um2 of the recorded buffers"] = number(case["out"]["Area"])
    return numbers


def _macs(layer: Layer) -> int:
    """Multiplications of a layer without stride."""
    _, _, outputs = layer.tensor_sizes
    if layer.kind == "GEMM":
        return layer.size("M") * layer.size("N") * layer.size("K")
    window = layer.size("R") * layer.size("S")
    return outputs * window * (layer.size("C") if layer.kind == "CONV" else 1)


def _speed(cases: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, float]]:
    """Evaluations a second of a case's dataflow on many hardware points (the median), and the tool's."""
    rates = []
    for case in cases[:: max(len(cases) // 20, 1)]:
        layer = layer_of(case)
        dataflow, hardware = Dataflows.parse(layer, case["dataflow"]), hardware_of(case, _TIMED)
        start = time.process_time()
        evaluate_dataflow(layer, dataflow, hardware)
        rates.append(_TIMED / (time.process_time() - start))
    own = float(np.median(rates))
    tool = 1 / float(np.median([case["wall_s"] for case in cases]))
    return {"all": {"evaluations a second": own, "of the tool": tool, "ratio": own / tool}}
