"""Against Timeloop: fixed mappings through `timeloop-model`, its semantics as `nest_kernel` gives them.

`read_case` turns a record into our architecture, nest and mapping; the mapper's own rows are `mapper`'s part.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from cosearch_simulators.accelerator.common import nest_tables
from cosearch_simulators.accelerator.engines.timeloop.evaluation import evaluate
from cosearch_simulators.accelerator.engines.timeloop.neighbour_links import link_transfers, with_links
from cosearch_simulators.accelerator.mapper import validation as mapper_validation
from cosearch_simulators.accelerator.mapping.mapping import Mapping, pack
from cosearch_simulators.accelerator.system.architecture import Architecture
from cosearch_simulators.core.validation.cases import finished, number, reading, seconds
from cosearch_simulators.core.validation.ranking import RankedRow
from cosearch_simulators.core.validation.table import ValidationTable
from cosearch_simulators.documents import parse
from cosearch_simulators.workloads.loop_nest import TENSORS, LoopNest

# How the problem shapes of the set name our loops: a matrix product by M, N and K, a depthwise convolution's
# channels M.
_RENAMED = {"gemm": {"M": "P", "N": "K", "K": "C"}, "depthwise": {"M": "G"}}
MARKER = "accelerator-timeloop"

_ACCESSES = {
    "reads": ("scalar_reads_per_instance", nest_tables.READS),
    "fills": ("scalar_fills_per_instance", nest_tables.FILLS),
    "updates": ("scalar_updates_per_instance", nest_tables.UPDATES),
}


@dataclass(frozen=True)
class TimeloopCase:
    """One record as our data.

    Attributes:
        identifier: of the record.
        architecture: with Timeloop's built-in energies.
        nest: the operator.
        mapping: the complete mapping.
        axes: the loops along X and Y of the array, innermost first.
        out: what Timeloop computed.
        wall_s: the time that it took.
    """

    identifier: str
    architecture: Architecture
    nest: LoopNest
    mapping: Mapping
    axes: tuple[list[str], list[str]]
    out: dict[str, Any]
    wall_s: float


def describes(case: dict[str, Any]) -> bool:
    """Whether a case is in this format."""
    spec, out = case.get("spec"), case.get("out")
    described = isinstance(spec, dict) and {"arch", "problem", "mapping"} <= spec.keys()
    return described and isinstance(out, dict) and "levels" in out


def read_case(case: dict[str, Any]) -> TimeloopCase:
    """A record as our data.

    Raises:
        SimulatorError: it is not in the format.
    """
    identifier = str(case.get("id", "a case without id"))
    with reading("Timeloop", case):
        spec = case["spec"]
        renamed = _RENAMED.get(case["kind"], {})
        return TimeloopCase(
            identifier,
            _architecture(spec["arch"], identifier),
            _nest(spec["problem"], renamed),
            _mapping(spec["mapping"], renamed, identifier),
            _axes(spec["mapping"], renamed),
            case["out"],
            seconds(case),
        )


def _architecture(arch: dict[str, Any], identifier: str) -> Architecture:
    storage, arithmetic = arch["storage"], arch["arithmetic"]
    levels = []
    below = arithmetic
    for entry in storage:
        dram = entry.get("technology") == "DRAM"
        fanout = below["instances"] // entry["instances"]
        across = below.get("meshX", 1) // entry.get("meshX", 1)
        words = entry.get("entries") or entry.get("sizeKB", 0) * 8192 // entry["word_bits"]
        levels.append(
            {
                "name": entry["name"],
                "kind": "dram" if dram else "sram",
                "capacity_words": None if dram else words,
                "word_bits": entry["word_bits"],
                "block_words": entry.get("block_size", 1),
                "read_bandwidth_words": entry.get("read_bandwidth"),
                "write_bandwidth_words": entry.get("write_bandwidth"),
                "array": (across, fanout // across),
            }
        )
        below = entry
    mac = {"word_bits": arithmetic["word_bits"]}
    return parse(Architecture, {"levels": levels, "mac": mac, "energy_model": "timeloop"}, identifier)


def _nest(problem: dict[str, Any], renamed: dict[str, str]) -> LoopNest:
    shape = problem["shape"]
    sizes = {renamed.get(name, name): problem[name] for name in shape["dimensions"]}
    values = {
        entry["name"]: problem.get(entry["name"], entry.get("default", 1))
        for entry in shape.get("coefficients", ())
    }
    inputs = next(space for space in shape["data_spaces"] if space["name"] == "Inputs")
    steps = dict.fromkeys("PQRS", 1)  # of the input for one of the loop
    for index in inputs["projection"]:
        for loop, *coefficients in index:
            steps[renamed.get(loop, loop)] = prod(values[name] for name in coefficients)
    return LoopNest.of(sizes, (steps["P"], steps["Q"]), (steps["R"], steps["S"]))


def _mapping(entries: list[dict[str, Any]], renamed: dict[str, str], identifier: str) -> Mapping:
    levels: dict[str, dict[str, Any]] = {}
    for entry in entries:
        level = levels.setdefault(entry["target"], {"level": entry["target"]})
        if entry["type"] == "datatype":
            bypassed = entry.get("bypass", ())
            kept = entry.get("keep", [tensor for tensor in TENSORS if tensor not in bypassed])
            level["keeps"] = tuple(kept)
            continue
        factors = {renamed.get(word[0], word[0]): int(word[1:]) for word in entry["factors"].split()}
        order = [renamed.get(loop, loop) for loop in entry["permutation"]]
        if entry["type"] == "temporal":
            level["temporal"], level["order"] = factors, order
        else:
            split = entry["split"]
            level["spatial"] = [
                {loop: factors.get(loop, 1) for loop in part} for part in (order[:split], order[split:])
            ]
    return parse(Mapping, {"levels": list(levels.values())}, identifier)


def _axes(entries: list[dict[str, Any]], renamed: dict[str, str]) -> tuple[list[str], list[str]]:
    for entry in entries:
        if entry["type"] == "spatial":
            order = [renamed.get(loop, loop) for loop in entry["permutation"]]
            return order[: entry["split"]], order[entry["split"] :]
    return [], []


@dataclass(frozen=True)
class Comparison:
    """Ours and theirs for one case: single numbers, and lists over (level, tensor) pairs.

    Ours are NaN, and the lists empty, where we hold the mapping to be invalid for the reason.
    """

    case: TimeloopCase
    cycles: tuple[float, float]
    energy_pj: tuple[float, float]
    tiles: list[tuple[float, float]]
    accesses: dict[tuple[str, str], list[tuple[float, float]]]
    reason: str = ""


def compare(case: TimeloopCase) -> Comparison:
    """Cost a case and put our numbers beside Timeloop's."""
    cycles_of_tool, pj_of_tool = (
        number(case.out["cycles"], 1),
        number(case.out["energy_pJ_sum_of_levels"], 1e-9),
    )
    mappings, compiled = case.mapping.pack(case.architecture), case.architecture.compile()
    costs = evaluate([compiled], [case.nest], mappings, options=nest_tables.TIMELOOP, counts=True, threads=1)
    if not costs.valid[0]:
        nothing = float("nan")
        return Comparison(
            case, (nothing, cycles_of_tool), (nothing, pj_of_tool), [], {}, reason=costs.reason(0)
        )
    assert costs.counts is not None
    counts, cycles, energy_pj = costs.counts[0], float(costs.cycles[0]), float(costs.energy_pj[0])
    links = link_transfers(case.architecture, case.nest, mappings, case.axes)
    if links is not None:
        counts, cycles, energy_pj = with_links(costs, links, compiled, mappings)
    instances = np.prod(mappings.spatial_x[0] * mappings.spatial_y[0], axis=-1)
    tiles: list[tuple[float, float]] = []
    accesses: dict[tuple[str, str], list[tuple[float, float]]] = {}
    names = [level.name for level in case.architecture.levels]
    for level in case.out["levels"]:
        if level["name"] not in names:
            continue
        place = names.index(level["name"])
        present = float(np.prod(instances[place + 1 :]))
        for tensor, theirs in level["tensors"].items():
            ours = counts[place, TENSORS.index(tensor)]
            tiles.append((ours[nest_tables.TILE], theirs["utilized_capacity"]))
            for kind, (field, column) in _ACCESSES.items():
                accesses.setdefault((tensor, kind), []).append((ours[column] / present, theirs[field]))
    return Comparison(
        case,
        (cycles, cycles_of_tool),
        (energy_pj, pj_of_tool),
        tiles,
        accesses,
    )


def validate(
    cases: Sequence[dict[str, Any]], progress: Callable[[int, int], None] = lambda done, of: None
) -> ValidationTable:
    """The error table.

    Raises:
        SimulatorError: a case is not in the format.
    """
    comparisons = []
    cases = finished(cases)
    for done, record in enumerate(cases, start=1):
        case = read_case(record)
        with reading("Timeloop", record):
            comparisons.append(compare(case))
        progress(done, len(cases))
    rows = [
        _row("cycles", [one.cycles for one in comparisons], bound=0.0, share=0.98),
        _row("energy_pj", [one.energy_pj for one in comparisons], bound=0.01, share=0.95),
        _row("tile words", [pair for one in comparisons for pair in one.tiles], bound=0.0, share=1.0),
    ]
    keys = sorted({key for one in comparisons for key in one.accesses})
    for tensor, kind in keys:
        pairs = [pair for one in comparisons for pair in one.accesses.get((tensor, kind), ())]
        rows.append(_row(f"{kind} of {tensor}", pairs, bound=0.01, share=0.95))
    failures = [line for one in comparisons for line in _failures(one)]
    mapper_rows, mapper_speed, mapper_failures = mapper_validation.rows(
        [
            (one.case.identifier, one.case.architecture, one.case.nest, record)
            for one, record in zip(comparisons, cases, strict=True)
        ]
    )
    speed = {**_speed([one.case for one in comparisons]), **mapper_speed}
    return ValidationTable(MARKER, rows + mapper_rows, speed, failures + mapper_failures)


def _row(metric: str, pairs: Sequence[tuple[float, float]], bound: float, share: float) -> RankedRow:
    ours, theirs = np.array(pairs, np.float64).reshape(-1, 2).T
    return RankedRow.ranked("fixed mappings", metric, ours, theirs, bound=bound, required_share=share)


def _failures(one: Comparison) -> list[str]:
    if one.reason:
        return [f"{one.case.identifier}: no mapping to us: {one.reason}"]
    lines = []
    ours, theirs = one.cycles
    if ours != theirs:
        lines.append(f"{one.case.identifier}: {ours:.0f} cycles, Timeloop {theirs:.0f}")
    ours, theirs = one.energy_pj
    if abs(ours / theirs - 1) > 0.01:
        lines.append(f"{one.case.identifier}: {ours:.6g} pJ, Timeloop {theirs:.6g}")
    return lines


def _speed(cases: Sequence[TimeloopCase]) -> dict[str, dict[str, float]]:
    """Mappings a second on one core: the largest group of cases on one architecture, repeated."""
    groups: dict[str, list[TimeloopCase]] = {}
    for case in cases:
        groups.setdefault(case.architecture.model_dump_json(), []).append(case)
    group = max(groups.values(), key=len)
    architecture = group[0].architecture
    repeated = group * (20_000 // len(group) + 1)
    mappings = pack([case.mapping for case in group] * (20_000 // len(group) + 1), architecture)
    nests, nest_of = [case.nest for case in group], np.arange(len(repeated)) % len(group)
    compiled, best = [architecture.compile()], np.inf
    for _ in range(3):
        start = time.perf_counter()
        evaluate(compiled, nests, mappings, None, nest_of, threads=1)
        best = min(best, time.perf_counter() - start)
    theirs = float(np.median([case.wall_s for case in cases]))
    ours = best / len(repeated)
    return {
        "one mapping": {
            "cosearch_us": 1e6 * ours,
            "timeloop_us": 1e6 * theirs,
            "times_faster": theirs / ours,
        }
    }
