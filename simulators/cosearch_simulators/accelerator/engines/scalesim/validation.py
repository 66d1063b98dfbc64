"""Systolic arrays against SCALE-Sim: cycles and SRAM counts exactly, stalls by their order.

A case is one layer on one array. Two of the tool's numbers are known to be wrong: output writes where outputs
stay have the array's shape added once a fold (added here, to compare all else), and a stall's wait is counted
twice, so that stalls and memory traffic are for information.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosearch_simulators.accelerator.engines.scalesim.systolic import (
    Products,
    SystolicArray,
    SystolicResults,
    simulate_systolic,
)
from cosearch_simulators.core.validation.cases import finished, number, reading, seconds
from cosearch_simulators.core.validation.ranking import RankedRow
from cosearch_simulators.core.validation.table import ValidationTable
from cosearch_simulators.errors import SimulatorError

MARKER = "accelerator-scalesim"

_ROUNDING = 1e-12
"""Relative error that two orders of the same floating-point sum may have."""
_UNLIMITED = (1 << 31) - 1
_COUNTS = (
    *("total_cycles", "stall_cycles", "mapping_eff_pct", "overall_util_pct"),
    *("sram_ifmap_reads", "sram_filter_reads", "sram_ofmap_writes"),
    *("dram_ifmap_reads", "dram_filter_reads", "dram_ofmap_writes"),
)
"""The tool's numbers that are compared."""
_TIMED = 100_000


def describes(case: Mapping[str, Any]) -> bool:
    """Whether a case is one of SCALE-Sim's."""
    hardware = case.get("hw")
    return isinstance(hardware, dict) and "array_rows" in hardware


def products_of(cases: Sequence[Mapping[str, Any]]) -> Products:
    """The matrix products of the cases' layers, whose inputs are padded already."""
    shapes = []
    for case in cases:
        layer = case["layer"]
        if layer["type"] == "gemm":
            shapes.append((layer["M"], layer["N"], layer["K"]))
            continue
        rows = -(-(layer["ifmap_h"] - layer["filt_h"] + layer["stride"]) // layer["stride"])
        columns = -(-(layer["ifmap_w"] - layer["filt_w"] + layer["stride"]) // layer["stride"])
        window = layer["filt_h"] * layer["filt_w"] * layer["channels"]
        shapes.append((rows * columns, layer["num_filters"], window))
    m, n, k = np.array(shapes, np.int64).T
    return Products(m, n, k)


def array_of(cases: Sequence[Mapping[str, Any]]) -> SystolicArray:
    """The arrays of the cases; mode CALC has no limit to its bandwidths."""

    def of(name: str) -> NDArray[np.int64]:
        return np.array([case["hw"][name] for case in cases], np.int64)

    limited = np.array([case["hw"]["mode"] == "USER" for case in cases])
    return SystolicArray(
        of("array_rows"),
        of("array_cols"),
        np.array([case["hw"]["dataflow"] for case in cases]),
        *(1024 * of(f"{operand}_sram_kb") for operand in ("ifmap", "filter", "ofmap")),
        *(
            np.where(limited, of(f"{name}_bandwidth_words_per_cycle"), _UNLIMITED)
            for name in ("ifmap_bank", "filter_bank", "ofmap")
        ),
    )


def validate(
    cases: Sequence[Mapping[str, Any]], progress: Callable[[int, int], None] = lambda done, of: None
) -> ValidationTable:
    """The error table of the cases that ran.

    Raises:
        SimulatorError: a case lacks something.
    """
    cases = finished(cases)
    recorded = []
    for case in cases:
        with reading("SCALE-Sim", case):
            seconds(case)
            recorded.append([number(case["out"][name]) for name in _COUNTS])
            simulate_systolic(products_of([case]), array_of([case]))
    if not cases:
        raise SimulatorError("SCALE-Sim has finished none of the cases")
    theirs = dict(zip(_COUNTS, np.array(recorded).T, strict=True))
    products, array = products_of(cases), array_of(cases)
    ours = simulate_systolic(products, array)
    progress(len(cases), len(cases))
    flow, limited = np.asarray(array.dataflow), np.asarray(array.inputs_bandwidth) != _UNLIMITED
    pairs = _pairs(ours, theirs, products, array)
    rows = [
        RankedRow.ranked(group, name, mine[flow == group], other[flow == group], bound=bound)
        for group in sorted(set(flow.tolist()))
        for name, (mine, other, bound) in pairs.items()
    ]
    for name, mine, other in (
        ("total_cycles", ours.total_cycles, theirs["total_cycles"]),
        ("stall_cycles", ours.stall_cycles, theirs["stall_cycles"]),
        ("dram_inputs_reads", ours.dram_inputs_reads, theirs["dram_ifmap_reads"]),
        ("dram_weights_reads", ours.dram_weights_reads, theirs["dram_filter_reads"]),
        ("dram_outputs_writes", ours.dram_outputs_writes, theirs["dram_ofmap_writes"]),
    ):
        if limited.any():
            rows.append(
                RankedRow.ranked("limited bandwidth", name, mine[limited], other[limited], bound=np.inf)
            )
    failures = [
        f"{case['id']}: {name} is {mine[index]:g}, not {other[index]:g}"
        for name, (mine, other, bound) in pairs.items()
        for index, case in enumerate(cases)
        if abs(mine[index] - other[index]) > bound * abs(other[index])
    ]
    return ValidationTable(MARKER, rows, _speed(cases, products, array), failures)


def _pairs(
    ours: SystolicResults, theirs: Mapping[str, NDArray[np.float64]], products: Products, array: SystolicArray
) -> dict[str, tuple[NDArray[Any], NDArray[np.float64], float]]:
    """What must be exact, by metric: ours, theirs, and the bound."""
    rows, columns = np.asarray(array.rows), np.asarray(array.columns)
    folds = -(-np.asarray(products.m) // rows) * -(-np.asarray(products.n) // columns)
    shape_added = np.where(np.asarray(array.dataflow) == "os", folds * (rows + columns), 0)
    macs = np.asarray(products.m) * np.asarray(products.n) * np.asarray(products.k)
    return {
        "compute_cycles": (ours.compute_cycles, theirs["total_cycles"] - theirs["stall_cycles"], 0.0),
        "mapping_efficiency": (ours.mapping_efficiency, theirs["mapping_eff_pct"] / 100, _ROUNDING),
        "utilisation without stalls": (
            macs / (ours.compute_cycles * rows * columns),
            theirs["overall_util_pct"]
            / 100
            * theirs["total_cycles"]
            / (theirs["total_cycles"] - theirs["stall_cycles"]),
            _ROUNDING,
        ),
        "sram_inputs_reads": (ours.sram_inputs_reads, theirs["sram_ifmap_reads"], 0.0),
        "sram_weights_reads": (ours.sram_weights_reads, theirs["sram_filter_reads"], 0.0),
        "sram_outputs_writes (the tool's)": (
            ours.sram_outputs_writes + shape_added,
            theirs["sram_ofmap_writes"],
            0.0,
        ),
    }


def _speed(
    cases: Sequence[Mapping[str, Any]], products: Products, array: SystolicArray
) -> dict[str, dict[str, float]]:
    """Evaluations a second of the cases' designs, repeated, and the tool's."""
    repeat = max(_TIMED // len(cases), 1)
    many = [
        type(values)(
            **{name: np.tile(value, repeat) for name, value in vars(values).items() if np.ndim(value)}
        )
        for values in (products, array)
    ]
    start = time.process_time()
    simulate_systolic(*many)  # type: ignore[arg-type]
    own = repeat * len(cases) / (time.process_time() - start)
    tool = len(cases) / sum(case["wall_s"] for case in cases)
    return {"all": {"evaluations a second": own, "of the tool": tool, "ratio": own / tool}}
