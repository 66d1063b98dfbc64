"""A network on array designs by ZigZag itself: what our engine `zigzag` maps, with LOMA's mappings.

Accelerator, layer and what the array unrolls are those of our engine, written in ZigZag's files.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from cosearch_plugins.external.jobs import run_jobs
from cosearch_plugins.external.tool_process import ToolError
from cosearch_plugins.external.tools import ZIGZAG
from cosearch_plugins.external.verdicts import judged, reasons_of
from cosearch_simulators.accelerator.engines.zigzag.entry import DATAFLOWS, model_of
from cosearch_simulators.accelerator.engines.zigzag.hardware import Hardware, Memory
from cosearch_simulators.accelerator.engines.zigzag.mapping import Model
from cosearch_simulators.accelerator.mapper.dataflow import refusal
from cosearch_simulators.accelerator.mapping.templates import template
from cosearch_simulators.accelerator.system.designs import (
    UNITS,
    ArrayDesigns,
    Chip,
    result_of_layers,
)
from cosearch_simulators.core.result import Result
from cosearch_simulators.errors import SimulatorError
from cosearch_simulators.workloads import LoopNest, Network

OPERANDS = {"Inputs": "I1", "Weights": "I2", "Outputs": "O"}
LOOPS = {"G": "G", "N": "B", "K": "K", "C": "C", "P": "OY", "Q": "OX", "R": "FY", "S": "FX"}
LOOP_LIMIT = {"fast": 5, "thorough": 6}
"""LOMA's `lpf_limit` by effort: 120 or 720 orders of each layer. Its own default is 6."""


def evaluate(
    designs: ArrayDesigns,
    network: Network,
    chip: Chip = Chip(),  # noqa: B008
    *,
    mapped_for: str = "edp",
    effort: str = "fast",
    threads: int = 1,
    **limits: Any,
) -> Result:
    """The metrics of every engine, by the tool; a design that it fails on has its reason."""
    return judged(
        designs,
        () if chip.template else DATAFLOWS,
        np.asarray(designs.dataflow),
        lambda flow, mine, failures: _of_dataflow(
            mine, network, chip, flow, mapped_for, LOOP_LIMIT[effort], threads, limits, failures
        ),
    )


def job_of(model: Model, mapped_for: str, loop_limit: int) -> dict[str, Any]:
    """A layer on its accelerator in the shapes of ZigZag's three files."""
    hardware, layer = model.hardware, model.layer
    dimensions = {name: f"D{number}" for number, name in enumerate(hardware.array, start=1)}
    spatial = {
        dimensions[dimension]: [f"{LOOPS[loop]}, {positions}" for loop, positions in loops]
        for dimension, loops in model.unrolling.along.items()
        if loops
    }
    rows, columns = layer.indices["Inputs"][3:]
    return {
        "accelerator": _accelerator(hardware, dimensions),
        "layer": {
            "id": 0,
            "name": "layer",
            "operator_type": "Conv",
            "equation": "O[b][g][k][oy][ox]+=W[g][k][c][fy][fx]*I[b][g][c][iy][ix]",
            "dimension_relations": [
                f"iy={rows[0][0]}*oy+{rows[1][0]}*fy",
                f"ix={columns[0][0]}*ox+{columns[1][0]}*fx",
            ],
            "loop_dims": [LOOPS[loop] for loop in layer.loops],
            "loop_sizes": list(layer.loops.values()),
            "operand_precision": {
                "W": layer.bits["Weights"],
                "I": layer.bits["Inputs"],
                "O": layer.bits["Outputs"],
                "O_final": layer.final_bits,
            },
            "operand_source": {"I": 0, "W": 0},
        },
        "mapping": {
            "name": "default",
            "spatial_mapping": spatial,
            "memory_operand_links": {"O": "O", "W": "I2", "I": "I1"},
        },
        "mapped_for": mapped_for,
        "loop_limit": loop_limit,
    }


def _accelerator(hardware: Hardware, dimensions: Mapping[str, str]) -> dict[str, Any]:
    return {
        "name": "design",
        "memories": {memory.name: _memory(memory, dimensions) for memory in hardware.memories},
        "operational_array": {
            "unit_energy": hardware.mac_energy_pj,
            "unit_area": 0.0,
            "dimensions": list(dimensions.values()),
            "sizes": list(hardware.array.values()),
        },
    }


def _memory(memory: Memory, dimensions: Mapping[str, str]) -> dict[str, Any]:
    ports = []
    for number, port in enumerate(memory.ports, start=1):
        ways = {way in ("tl", "th") for _, way in port.serves}
        kind, letters = {
            frozenset({True}): ("read", "r"),
            frozenset({False}): ("write", "w"),
            frozenset({True, False}): ("read_write", "rw"),
        }[frozenset(ways)]
        ports.append(
            {
                "name": f"{letters}_port_{number}",
                "type": kind,
                "bandwidth_min": port.bandwidth_min,
                "bandwidth_max": port.bandwidth_max,
                "allocation": [f"{OPERANDS[tensor]}, {way}" for tensor, way in port.serves],
            }
        )
    return {
        "size": memory.size_bits,
        "r_cost": memory.read_energy_pj,
        "w_cost": memory.write_energy_pj,
        "area": 0.0,
        "latency": 1,
        "operands": [OPERANDS[tensor] for tensor in memory.operands],
        "ports": ports,
        "served_dimensions": [dimensions[name] for name in memory.served_dimensions],
    }


def _of_dataflow(
    designs: ArrayDesigns,
    network: Network,
    chip: Chip,
    flow: str,
    mapped_for: str,
    loop_limit: int,
    threads: int,
    limits: Mapping[str, Any],
    failures: set[str],
) -> Result:
    dataflow = chip.template or template(flow)
    if reason := refusal(network, dataflow):
        return Result.refused(UNITS, [reason] * len(designs))
    nests = [nest for one in network.matrix_operators if (nest := one.loop_nest()) is not None]
    kinds = list(dict.fromkeys(nests))
    times = np.array([nests.count(kind) for kind in kinds], np.float64)
    architectures = [designs.architecture(row, chip) for row in range(len(designs))]

    def job(row: int, nest: LoopNest) -> dict[str, Any]:
        filled = dataflow.mapping(architectures[row], nest)
        model = model_of(architectures[row], nest, designs.precision(row, chip).accumulation_bits, filled)
        return job_of(model, mapped_for, loop_limit)

    reasons, jobs, rows = [""] * len(designs), [], []
    for row in range(len(designs)):
        try:
            jobs += [job(row, nest) for nest in kinds]
            rows.append(row)
        except SimulatorError as error:
            reasons[row] = str(error)
    answers = run_jobs(ZIGZAG, jobs, workers=threads, **limits)
    for row, reason in zip(rows, reasons_of(answers, len(kinds)), strict=True):
        reasons[row] = reason
        failures.update({reason} - {""})
    cycles, energy = (np.full((len(designs), len(kinds)), np.nan) for _ in range(2))
    for place, answer in enumerate(answers):
        row, at = rows[place // len(kinds)], place % len(kinds)
        if not isinstance(answer, ToolError):
            cycles[row, at], energy[row, at] = answer["latency_cycles"], answer["energy_pj"]
    return result_of_layers(
        designs,
        network,
        chip,
        architectures,
        cycles=(cycles * times).sum(axis=1),
        energy_pj=(energy * times).sum(axis=1),
        reasons=reasons,
    )
