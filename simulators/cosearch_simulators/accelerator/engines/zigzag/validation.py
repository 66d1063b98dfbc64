"""Uneven mappings against ZigZag: the recorded mappings, and what our mapper finds under the same objective.

A case states its hardware, its layer, ZigZag's best mapping with what it costs there, and how many mappings
ZigZag looked at in how many seconds.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from cosearch_simulators.accelerator.engines.zigzag import (
    Model,
    UnevenCost,
    UnevenMapping,
    find_mapping,
    read_hardware,
    read_layer,
    read_unrolling,
)
from cosearch_simulators.accelerator.engines.zigzag.mapper import OBJECTIVES
from cosearch_simulators.core.validation.cases import beyond_us, finished, number, reading, seconds
from cosearch_simulators.core.validation.table import ValidationRow, ValidationTable

MARKER = "accelerator-zigzag"

BOUND = 0.05
"""Relative error of a recorded mapping's cost, and how much worse the mapper's may be."""

REQUIRED_SHARE = 0.9
"""Of the cases that must keep to it."""

_BREAKDOWN = {
    "stalled_latency_cycles": "latency_total0",
    "onloading_cycles": "data_onloading_cycle",
    "offloading_cycles": "data_offloading_cycle",
    "mac_energy_pj": "mac_energy",
}
_TIMED = 2_000
"""Evaluations of one case's mapping that are timed."""


def describes(case: Mapping[str, Any]) -> bool:
    """Whether a case is one of ZigZag's."""
    return "temporal_mapping_type" in case and "hardware" in case


def model_of(case: Mapping[str, Any]) -> Model:
    """The layer on the accelerator of a case.

    Raises:
        SimulatorError: what the case describes does not fit together.
    """
    with reading("ZigZag", case):
        hardware, layer = read_hardware(case["hardware"]), read_layer(case["workload"][0])
        asked = read_unrolling(case["mapping"][0])
        return Model(hardware, layer, asked.limited(layer, hardware))


def validate(
    cases: Sequence[Mapping[str, Any]],
    progress: Callable[[int, int], None] = lambda done, of: None,
) -> ValidationTable:
    """The error table of these cases; those in which ZigZag found nothing are left out.

    Raises:
        SimulatorError: a case lacks something. One that our model refuses is missed.
    """
    done = finished(cases)
    found: list[dict[str, Any]] = []
    missed: list[str] = []
    for judged, case in enumerate(done, start=1):
        with beyond_us(missed):
            model = model_of(case)
            with reading("ZigZag", case):
                found.append(_judge(case, model))
        progress(judged, len(done))
    none = len(missed)
    rows = [
        _row("all", metric, found, BOUND, REQUIRED_SHARE, none) for metric in ("latency_cycles", "energy_pj")
    ]
    rows += [
        _row("all", metric, found, np.inf, 1.0)
        for metric in (*_BREAKDOWN, "port_stall_cycles", "memory_energy_pj", "accesses")
    ]
    for objective in OBJECTIVES:
        own = [one for one in found if one["objective"] == objective]
        if own:
            rows.append(_row(objective, "mapper_cost_above", own, BOUND, REQUIRED_SHARE))
    speed = _comparison(found) if found else {}
    failures = [
        f"{one['id']} {metric}: {one[metric][0][0]:.8g}, ZigZag {one[metric][1][0]:.8g}"
        for one in found
        for metric in ("latency_cycles", "energy_pj", "mapper_cost_above")
        if abs(one[metric][0][0] / one[metric][1][0] - 1) > BOUND
    ]
    return ValidationTable(MARKER, rows, speed, missed + failures)


def _row(
    group: str, metric: str, found: Sequence[Mapping[str, Any]], bound: float, share: float, missed: int = 0
) -> ValidationRow:
    """The row of a metric; a missed case is wholly wrong."""
    ours = [value for one in found for value in one[metric][0]] + [np.nan] * missed
    theirs = [value for one in found for value in one[metric][1]] + [1.0] * missed
    return ValidationRow.of(group, metric, ours, theirs, bound=bound, required_share=share)


def _judge(case: Mapping[str, Any], model: Model) -> dict[str, Any]:
    """Our numbers and ZigZag's by metric, the objective and the timings of one case."""
    out, objective = case["out"], case["opt"].lower()
    latency_cycles, energy_pj = number(out["latency_cycles"], 1), number(out["energy_pJ"], 1e-9)
    mapping = UnevenMapping.of_levels(case["temporal_mapping"])
    cost = model.evaluate(mapping, capacity=False)  # as recorded
    rows = [np.tile(array, (_TIMED, *[1] * array.ndim)) for array in model.encode(mapping)]
    model.evaluate_batch(*(array[:1] for array in rows))
    evaluation_s = _seconds(lambda: model.evaluate_batch(*rows)) / _TIMED
    find_mapping(model, objective, evaluations=1)
    best = find_mapping(model, objective)
    mapper_s = _seconds(lambda: find_mapping(model, objective))
    theirs = _objective(latency_cycles, energy_pj, objective)
    ours = _objective(best.cost.latency_cycles, best.cost.energy_pj, objective)
    found: dict[str, Any] = {
        "id": case["id"],
        "objective": objective,
        "latency_cycles": ([cost.latency_cycles], [latency_cycles]),
        "energy_pj": ([cost.energy_pj], [energy_pj]),
        "mapper_cost_above": ([max(ours, theirs)], [theirs]),
        "mapper_ratio": ours / theirs,
        "evaluation_s": evaluation_s,
        "mapper_s": mapper_s,
        "mapper_evaluations": best.evaluations,
        "tool_s": seconds(case),
        "tool_evaluations": number(case["n_evaluated"], 1),
    }
    measured = {
        "stalled_latency_cycles": cost.compute_cycles + cost.stall_cycles,
        "onloading_cycles": cost.onloading_cycles,
        "offloading_cycles": cost.offloading_cycles,
        "mac_energy_pj": cost.mac_energy_pj,
    }
    found |= {metric: ([measured[metric]], [number(out[theirs])]) for metric, theirs in _BREAKDOWN.items()}
    return found | _breakdowns(cost, out)


def _breakdowns(cost: UnevenCost, out: Mapping[str, Any]) -> dict[str, tuple[list[float], list[float]]]:
    stalls = [
        (float(cost.port_stall_cycles[memory][port]), number(stall, -np.inf))
        for (memory, _), ports in zip(out["memory_levels"], out["stall_slack_comb_collect"], strict=True)
        for port, stall in ports.items()
    ]
    energies = [
        pair
        for operand, levels in out["mem_energy_breakdown"].items()
        for pair in zip(cost.memory_energy_pj[operand], levels, strict=True)
    ]
    accesses = [
        (float(ours[direction]), float(count))
        for operand, levels in out["memory_word_access"].items()
        for ours, theirs in zip(cost.accesses[operand], levels, strict=True)
        for direction, count in theirs.items()
    ]
    pairs = {"port_stall_cycles": stalls, "memory_energy_pj": energies, "accesses": accesses}
    return {name: ([ours for ours, _ in own], [theirs for _, theirs in own]) for name, own in pairs.items()}


def _objective(latency_cycles: float, energy_pj: float, objective: str) -> float:
    return {"latency": latency_cycles, "energy": energy_pj, "edp": latency_cycles * energy_pj}[objective]


def _seconds(run: Callable[[], object]) -> float:
    """The fastest of three runs."""
    taken = []
    for _ in range(3):
        start = time.process_time()
        run()
        taken.append(time.process_time() - start)
    return min(taken)


def _comparison(found: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, float]]:
    """Medians over the cases on one core, and the mapper's cost: below 1 it is less than ZigZag's."""
    cost = np.array([one["mapper_ratio"] for one in found])
    rows = {
        "one mapping evaluated, per s": (
            [1 / one["evaluation_s"] for one in found],
            [one["tool_evaluations"] / one["tool_s"] for one in found],
        ),
        "mapper, s a layer": ([one["mapper_s"] for one in found], [one["tool_s"] for one in found]),
        "mapper, mappings a layer": (
            [one["mapper_evaluations"] for one in found],
            [one["tool_evaluations"] for one in found],
        ),
    }
    table = {
        name: {
            "ours": float(np.median(ours)),
            "ZigZag": float(np.median(theirs)),
            "ours to ZigZag": float(np.median(np.divide(ours, theirs))),
        }
        for name, (ours, theirs) in rows.items()
    }
    kinds = {"geometric mean": float(np.exp(np.log(cost).mean())), "largest": float(cost.max())}
    for kind, ratio in kinds.items():
        table[f"mapper's cost, {kind}"] = {"ours": ratio, "ZigZag": 1.0, "ours to ZigZag": ratio}
    return table
