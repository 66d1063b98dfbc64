"""A network on array designs by ZigZag's rules: each layer with the best uneven mapping that is found.

The dataflow unrolls loops over the array as its template fills it; loop order and the boundaries of each
operand's levels are searched. Registers, buffer and memory hold all operands; registers have a port for each.
"""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from itertools import product

import numpy as np

from cosearch_simulators.accelerator.engines.zigzag.hardware import DIRECTIONS, Hardware, Memory, Port
from cosearch_simulators.accelerator.engines.zigzag.layer import Unrolling, layer_of
from cosearch_simulators.accelerator.engines.zigzag.mapper import Objective, find_mapping
from cosearch_simulators.accelerator.engines.zigzag.mapping import MappingError, Model
from cosearch_simulators.accelerator.mapper.dataflow import refusal
from cosearch_simulators.accelerator.mapping.templates import array_level, template
from cosearch_simulators.accelerator.system.architecture import Architecture
from cosearch_simulators.accelerator.system.designs import (
    UNITS,
    ArrayDesigns,
    Chip,
    in_groups,
    result_of_layers,
)
from cosearch_simulators.core.result import Result
from cosearch_simulators.errors import ConfigurationError
from cosearch_simulators.threads import threads_of
from cosearch_simulators.workloads import TENSORS, LoopNest, Network

DATAFLOWS = ("row-stationary", "weight-stationary", "output-stationary", "input-stationary", "nvdla-like")
HELD: dict[str, tuple[object, str]] = {}
"""Parameters that the rules do not know: the value that they have, and why."""

EVALUATIONS = {"fast": 500, "thorough": 4_000}
"""Mappings that the local search of each layer looks at, by effort."""

ACROSS, DOWN = "columns", "rows"


def admits(network: Network) -> str:
    """Why the rules cannot express a network: they can any."""
    return ""


def evaluate(
    designs: ArrayDesigns,
    network: Network,
    chip: Chip = Chip(),  # noqa: B008
    *,
    mapped_for: Objective = "edp",
    effort: str = "fast",
    threads: int | None = None,
) -> Result:
    """The metrics of `UNITS`; equal layers of a design share one search.

    Args:
        designs: n of them, with a dataflow of `DATAFLOWS`.
        network: what runs.
        chip: what they have in common.
        mapped_for: what each layer's mapping is the best for.
        effort: of `EVALUATIONS`.
        threads: layers mapped at once; None: as many as cores.
    """
    return in_groups(
        designs,
        () if chip.template else DATAFLOWS,
        np.asarray(designs.dataflow),
        lambda flow, mine: _of_dataflow(mine, network, chip, flow, mapped_for, EVALUATIONS[effort], threads),
    )


def _of_dataflow(
    designs: ArrayDesigns,
    network: Network,
    chip: Chip,
    flow: str,
    mapped_for: Objective,
    evaluations: int,
    threads: int | None,
) -> Result:
    dataflow = chip.template or template(flow)
    if reason := refusal(network, dataflow):
        return Result.refused(UNITS, [reason] * len(designs))
    layers = [(one.name, nest) for one in network.matrix_operators if (nest := one.loop_nest()) is not None]
    kinds = list(dict.fromkeys(nest for _, nest in layers))
    architectures = [designs.architecture(row, chip) for row in range(len(designs))]

    def cost(job: tuple[int, LoopNest]) -> tuple[float, float, str]:
        row, nest = job
        name = next(name for name, other in layers if other == nest)
        try:
            filled = dataflow.mapping(architectures[row], nest)
            model = model_of(architectures[row], nest, designs.precision(row, chip).accumulation_bits, filled)
            best = find_mapping(model, mapped_for, evaluations=evaluations).cost
        except (MappingError, ConfigurationError) as error:
            return np.nan, np.nan, f"{name}: {error}"
        return float(best.latency_cycles), best.energy_pj, ""

    jobs = list(product(range(len(designs)), kinds))
    workers = min(threads_of(threads), max(len(jobs), 1))
    if workers == 1:
        found = [cost(job) for job in jobs]
    else:
        with ThreadPoolExecutor(workers) as pool:
            found = list(pool.map(cost, jobs))
    shape = (len(designs), len(kinds))
    cycles, energy = (np.array([one[at] for one in found]).reshape(shape) for at in (0, 1))
    times = np.array([sum(nest == kind for _, nest in layers) for kind in kinds], np.float64)
    reasons = [
        next((reason for *_, reason in found[row * len(kinds) : (row + 1) * len(kinds)] if reason), "")
        for row in range(len(designs))
    ]
    return result_of_layers(
        designs,
        network,
        chip,
        architectures,
        cycles=(cycles * times).sum(axis=1),
        energy_pj=(energy * times).sum(axis=1),
        reasons=reasons,
    )


def model_of(architecture: Architecture, nest: LoopNest, sum_bits: int, filled: object) -> Model:
    """A layer on a design, unrolled as the mapping fills the array."""
    bits = architecture.mac.word_bits
    feeding = array_level(architecture)
    spatial = next(level.spatial for level in filled.levels if level.level == feeding.name)  # type: ignore[attr-defined]
    along = {
        axis: tuple((str(loop), int(factor)) for loop, factor in factors.items())
        for axis, factors in zip((ACROSS, DOWN), spatial, strict=True)
    }
    layer = layer_of(nest, {"Inputs": bits, "Weights": bits, "Outputs": sum_bits}, bits, "layer")
    unrolling = Unrolling({axis: loops for axis, loops in along.items() if loops}, {t: t for t in TENSORS})
    return Model(hardware_of(architecture, sum_bits), layer, unrolling)


def hardware_of(architecture: Architecture, sum_bits: int) -> Hardware:
    """The design as memories with ports; ports of registers are as wide as a partial sum."""
    registers, buffer, memory = architecture.levels
    bits = architecture.mac.word_bits
    buffer_bits = max(int((buffer.read_bandwidth_words or 1) * bits), bits)
    memory_bits = max(int((memory.read_bandwidth_words or 1) * bits), bits)
    own = [
        Port(f"{tensor}_{way}", bits, max(sum_bits, bits), ((tensor, way),))
        for tensor, way in product(TENSORS, DIRECTIONS)
    ]
    both = (ACROSS, DOWN)

    def level(
        name: str, size: float, pj: float, ports: Iterable[Port], width: int, served: tuple[str, ...]
    ) -> Memory:
        return Memory(name, int(size), pj * width / bits, pj * width / bits, TENSORS, tuple(ports), served)

    reads = tuple((tensor, way) for tensor, way in product(TENSORS, ("tl", "th")))
    writes = tuple((tensor, way) for tensor, way in product(TENSORS, ("fl", "fh")))
    return Hardware(
        architecture.name,
        (
            level(
                "Registers",
                (registers.capacity_words or 0) * bits,
                architecture.read_pj(registers),
                own,
                max(sum_bits, bits),
                (),
            ),
            level(
                "Buffer",
                (buffer.capacity_words or 0) * bits,
                architecture.read_pj(buffer),
                (Port("read", bits, buffer_bits, reads), Port("write", bits, buffer_bits, writes)),
                buffer_bits,
                both,
            ),
            level(
                "DRAM",
                1 << 50,
                architecture.read_pj(memory),
                (Port("bus", bits, memory_bits, reads + writes),),
                memory_bits,
                both,
            ),
        ),
        {ACROSS: buffer.array[0], DOWN: buffer.array[1]},
        architecture.mac_pj,
    )
