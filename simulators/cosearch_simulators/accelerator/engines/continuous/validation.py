"""The cost with real factors against the nest it relaxes, and against Timeloop, at whole factors.

The cases are Timeloop's mappings: there the continuous cost must be the exact one, and so Timeloop's, but for
what `nest_tables.TIMELOOP` and links between neighbours change.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from cosearch_simulators.accelerator.engines.continuous.cost import continuous_cost
from cosearch_simulators.accelerator.engines.timeloop.evaluation import evaluate
from cosearch_simulators.accelerator.engines.timeloop.validation import read_case
from cosearch_simulators.core.validation.cases import finished, number, reading
from cosearch_simulators.core.validation.ranking import RankedRow
from cosearch_simulators.core.validation.table import ValidationTable

MARKER = "accelerator-timeloop"
ROUNDING = 1e-9
"""Relative error that other orders of the same floating-point sums may have."""


def validate(cases: Sequence[Mapping[str, Any]]) -> ValidationTable:
    """The rows of Timeloop's table that are about this engine.

    Raises:
        SimulatorError: a case is not in Timeloop's format.
    """
    found: dict[str, list[tuple[float, float, float]]] = {"cycles": [], "energy_pj": []}
    failures: list[str] = []
    for record in finished(cases):
        case = read_case(record)
        with reading("Timeloop", record):
            compiled, mappings = case.architecture.compile(), case.mapping.pack(case.architecture)
            exact = evaluate([compiled], [case.nest], mappings, threads=1)
            if not exact.valid[0]:
                continue
            assert mappings.keeps is not None
            temporal, x, y = (
                np.asarray(factors, np.float64)
                for factors in (mappings.temporal, mappings.spatial_x, mappings.spatial_y)
            )
            order, keeps = mappings.order[0].tolist(), np.asarray(mappings.keeps[0], bool)
            ours = continuous_cost(compiled, case.nest, temporal, x, y, order, keeps=keeps)
            cycles = float(np.ceil(ours.cycles[0] * (1.0 - 1e-12)))
            of_tool = number(case.out["cycles"], 1), number(case.out["energy_pJ_sum_of_levels"], 1e-9)
            mine = cycles, float(ours.energy_pj[0])
            of_nest = float(exact.cycles[0]), float(exact.energy_pj[0])
        for name, *numbers in zip(found, mine, of_nest, of_tool, strict=True):
            found[name].append((numbers[0], numbers[1], numbers[2]))
            if abs(numbers[0] - numbers[1]) > ROUNDING * numbers[1]:
                failures.append(
                    f"{case.identifier}: continuous {name} {numbers[0]:.8g}, the nest's {numbers[1]:.8g}"
                )
    rows = []
    for name, triples in found.items():
        ours_of, nest_of, tool_of = np.array(triples, np.float64).reshape(-1, 3).T
        rows.append(
            RankedRow.ranked("continuous", f"{name} beside the nest's", ours_of, nest_of, bound=ROUNDING)
        )
        rows.append(
            RankedRow.ranked("continuous", f"{name} beside Timeloop's", ours_of, tool_of, bound=np.inf)
        )
    return ValidationTable(MARKER, rows, {}, failures)
