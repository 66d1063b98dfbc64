"""A network on array designs by Timeloop's rules: each layer with the best mapping that is found."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from cosearch_simulators.accelerator.engines.npu.mapped_timeline import mapped_latency_ns
from cosearch_simulators.accelerator.mapper import MappedNetwork
from cosearch_simulators.accelerator.mapper.dataflow import map_dataflow
from cosearch_simulators.accelerator.mapper.mapper import Effort, Objective
from cosearch_simulators.accelerator.system.architecture import Architecture
from cosearch_simulators.accelerator.system.designs import (
    UNITS,
    ArrayDesigns,
    Chip,
    areas_mm2,
    in_groups,
    result,
    with_vectors,
)
from cosearch_simulators.core.result import Result
from cosearch_simulators.workloads import Network, Precision

DATAFLOWS = (
    "row-stationary",
    "weight-stationary",
    "output-stationary",
    "input-stationary",
    "nvdla-like",
    "flexible",
)
HELD: dict[str, tuple[object, str]] = {}
"""Parameters that the rules do not know: the value that they have, and why."""


def admits(network: Network) -> str:
    """Why the rules cannot express a network: they can any."""
    return ""


def evaluate(
    designs: ArrayDesigns,
    network: Network,
    chip: Chip = Chip(),  # noqa: B008
    *,
    mapped_for: Objective = "edp",
    effort: Effort = "fast",
    timeline: bool = False,
    fusion: bool = False,
    threads: int | None = None,
) -> Result:
    """The metrics of `UNITS`; the designs of one dataflow in one call of the mapper.

    Args:
        designs: n of them.
        network: what runs.
        chip: what they have in common.
        mapped_for: what each layer's mapping is the best for.
        effort: of the mapper.
        timeline: whether the tiles of the mappings run through the memory's bus, buffer and array one by one,
            layers overlapping as they depend on each other; energies stay.
        fusion: whether tensors between consecutive layers may stay whole in the buffer. Layers then come
            without the cycles that fill and drain the array.
        threads: layers mapped at once; None: as many as cores.
    """
    return in_groups(
        designs,
        () if chip.template else DATAFLOWS,
        np.asarray(designs.dataflow),
        lambda flow, mine: _of_dataflow(
            *(mine, network, chip, flow, mapped_for, effort),
            timeline=timeline,
            fusion=fusion,
            threads=threads,
        ),
    )


def _of_dataflow(
    designs: ArrayDesigns,
    network: Network,
    chip: Chip,
    flow: str,
    mapped_for: Objective,
    effort: Effort,
    *,
    timeline: bool,
    fusion: bool,
    threads: int | None,
) -> Result:
    architectures = [designs.architecture(row, chip) for row in range(len(designs))]
    precisions = [designs.precision(row, chip) for row in range(len(designs))]
    mapped = map_dataflow(
        *(architectures, network, chip.template or flow, mapped_for, effort, threads, precisions),
        fuse_at="Buffer" if fusion else None,
    )
    if isinstance(mapped, str):
        return Result.refused(UNITS, [mapped] * len(designs))
    latency_ns, energy_pj = with_vectors(designs, network, architectures, mapped.cycles, mapped.energy_pj)
    if timeline:
        latency_ns = _timed(mapped, architectures, precisions, network, threads)
    return result(
        designs,
        network,
        chip,
        latency_ns=latency_ns,
        energy_pj=energy_pj,
        area_mm2=areas_mm2(architectures),
        reasons=mapped.reasons,
    )


def _timed(
    mapped: MappedNetwork,
    architectures: Sequence[Architecture],
    precisions: Sequence[Precision],
    network: Network,
    threads: int | None,
) -> NDArray[np.float64]:
    """Latency in ns of the mapped network on registers, a buffer and a memory with one port."""
    element = np.array([precision.input_bits / 8 for precision in precisions])
    clock = np.array([architecture.clock_ghz for architecture in architectures])
    buffers = [architecture.levels[-2] for architecture in architectures]
    memories = [architecture.levels[-1] for architecture in architectures]
    return mapped_latency_ns(
        mapped,
        [one.compile(precision) for one, precision in zip(architectures, precisions, strict=True)],
        network,
        clock_ghz=clock,
        element_bytes=element,
        buffer_bytes=[(level.capacity_words or 0) * level.word_bits / 8 for level in buffers],
        memory_gb_per_s=clock * [(m.read_bandwidth_words or np.inf) * m.word_bits / 8 for m in memories],
        threads=threads,
    )
