"""The bound against Timeloop's mappings and the mapper's: never above one of them, and in their order.

The cases are Timeloop's, of which the bound knows those on registers in every unit, a buffer and a memory. An
error is by how much the bound is above a mapping, 0 where it is below. How far the best mappings that the
mapper finds are above the bound is for information; their order is not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosearch_simulators.accelerator.common import nest_tables
from cosearch_simulators.accelerator.common.arrays import CompiledArchitecture
from cosearch_simulators.accelerator.engines.bound.machines import Machines
from cosearch_simulators.accelerator.engines.bound.network import BoundedNetwork
from cosearch_simulators.accelerator.engines.timeloop.validation import TimeloopCase, read_case
from cosearch_simulators.accelerator.mapper.mapper import map_nests
from cosearch_simulators.core.validation.cases import finished, number, reading
from cosearch_simulators.core.validation.ranking import RankedRow
from cosearch_simulators.core.validation.table import ValidationTable

MARKER = "accelerator-timeloop"
ROUNDING = 1e-9
"""Relative error that other orders of the same floating-point sums may have."""
REQUIRED_SPEARMAN = 0.9
"""Of the bound with the best mapping that the mapper finds, over architectures and layers."""
LEAST_PAIRS = 10
"""How many of these a set needs, so that their order says something."""


def validate(cases: Sequence[Mapping[str, Any]]) -> ValidationTable:
    """The rows of Timeloop's table that are about this engine; none where no case is on three levels.

    Raises:
        SimulatorError: a case is not in Timeloop's format.
    """
    bounds, tools, failures = [], [], list[str]()
    pairs: dict[tuple[str, str], tuple[list[float], list[float]]] = {}
    for record in finished(cases):
        case = read_case(record)
        if len(case.architecture.levels) != 3:
            continue
        with reading("Timeloop", record):
            tool = [number(case.out["cycles"], 1), number(case.out["energy_pJ_sum_of_levels"], 1e-9)]
            bound = bound_of(case)
            key = case.architecture.model_dump_json(), str(case.nest)
            if key not in pairs:
                pairs[key] = bound, _best(case)
        bounds.append(bound)
        tools.append(tool)
        for name, ours, theirs in zip(("cycles", "energy_pj"), bound, tool, strict=True):
            if ours > theirs * (1 + ROUNDING):
                failures.append(f"{case.identifier}: bound of {name} {ours:.8g}, Timeloop {theirs:.8g}")
    if not bounds:
        return ValidationTable(MARKER, [])
    rows = []
    below, best = (np.array(numbers) for numbers in zip(*pairs.values(), strict=True))
    required = REQUIRED_SPEARMAN if len(pairs) >= LEAST_PAIRS else None
    for column, name in enumerate(("cycles", "energy_pj")):
        rows.append(
            _above(f"{name} above Timeloop's", np.array(bounds)[:, column], np.array(tools)[:, column])
        )
        rows.append(_above(f"{name} above the mapper's", below[:, column], best[:, column]))
        rows.append(
            RankedRow.ranked(
                "bound",
                f"{name} beside the mapper's best",
                *(below[:, column], best[:, column]),
                bound=np.inf,
                required_spearman=required,
            )
        )
    return ValidationTable(MARKER, rows, {}, failures)


def bound_of(case: TimeloopCase) -> list[float]:
    """Cycles and pJ that no mapping of a case's layer on its architecture of three levels goes below."""
    found = BoundedNetwork.of_layer(case.nest).bounds(machine_of(case.architecture.compile()), ["any"], {})
    return [float(found.cycles[0]), float(found.energy_pj[0])]


def machine_of(compiled: CompiledArchitecture) -> Machines:
    """An architecture of three levels as the bound's design: its memory may read and write at once."""
    registers, buffer, memory = compiled.table

    def one(value: float) -> NDArray[np.float64]:
        return np.array([value], np.float64)

    def pj(level: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.array([[level[nest_tables.READ_PJ], level[nest_tables.WRITE_PJ]]])

    return Machines(
        columns=np.array([int(buffer[nest_tables.FANOUT_X])]),
        rows=np.array([int(buffer[nest_tables.FANOUT_Y])]),
        register_words=one(registers[nest_tables.CAPACITY]),
        buffer_words=one(buffer[nest_tables.CAPACITY]),
        buffer_rate=one(max(buffer[nest_tables.READ_BANDWIDTH], buffer[nest_tables.WRITE_BANDWIDTH])),
        memory_rate=one(memory[nest_tables.READ_BANDWIDTH] + memory[nest_tables.WRITE_BANDWIDTH]),
        sum_words=one(1.0),
        register_pj=pj(registers),
        buffer_pj=pj(buffer),
        memory_pj=pj(memory),
        mac_pj=one(float(compiled.constants[nest_tables.MAC_PJ])),
    )


def _best(case: TimeloopCase) -> list[float]:
    """The least cycles, and the least pJ, that the mapper finds."""
    compiled = [case.architecture.compile()]
    fastest = map_nests(compiled, [case.nest], "latency", threads=1).costs
    thriftiest = map_nests(compiled, [case.nest], "energy", threads=1).costs
    return [float(fastest.cycles[0]), float(thriftiest.energy_pj[0])]


def _above(metric: str, bounds: NDArray[np.float64], mappings: NDArray[np.float64]) -> RankedRow:
    return RankedRow.ranked("bound", metric, np.maximum(bounds, mappings), mappings, bound=ROUNDING)
