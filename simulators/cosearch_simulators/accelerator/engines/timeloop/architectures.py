"""A network on any architectures of equal levels by Timeloop's rules, one word an element at every level."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cosearch_simulators.accelerator.common.nest_tables import FILL_AND_DRAIN
from cosearch_simulators.accelerator.mapper import MappedNetwork, MappingConstraints, map_network
from cosearch_simulators.accelerator.mapper.mapper import Effort, Objective
from cosearch_simulators.accelerator.system.architecture import Architecture
from cosearch_simulators.accelerator.system.designs import areas_mm2, vector_elements
from cosearch_simulators.core.result import Result
from cosearch_simulators.workloads import Network


def evaluate_architectures(
    architectures: Sequence[Architecture],
    network: Network,
    *,
    constraints: MappingConstraints | None = None,
    mapped_for: Objective = "edp",
    effort: Effort = "fast",
    static_mw_per_mm2: float = 0.0,
    threads: int | None = None,
) -> Result:
    """The metrics of `system.designs.UNITS`.

    Args:
        architectures: n of them.
        network: what runs; vector operators take the time and the energy of their traffic to the memory.
        constraints: on the mappings.
        mapped_for: what each layer's mapping is the best for.
        effort: of the mapper.
        static_mw_per_mm2: static power by area, counted over the latency.
        threads: layers mapped at once; None: as many as cores.
    """
    mapped = mapped_network(
        architectures, network, constraints=constraints, mapped_for=mapped_for, effort=effort, threads=threads
    )
    clock = np.array([one.clock_ghz for one in architectures])
    memories = [one.levels[-1] for one in architectures]
    elements = vector_elements(network)
    rates = np.array(
        [level.read_bandwidth_words or level.write_bandwidth_words or np.inf for level in memories]
    )
    latency_ns = (mapped.cycles + elements / rates) / clock
    word_pj = np.array([one.read_pj(level) for one, level in zip(architectures, memories, strict=True)])
    area_mm2 = areas_mm2(architectures)
    static_pj = static_mw_per_mm2 * area_mm2 * latency_ns
    energy_pj = mapped.energy_pj + elements * word_pj + static_pj
    units = np.array([one.units * one.mac.per_cycle for one in architectures])
    columns = {
        "latency_ns": latency_ns,
        "energy_pj": energy_pj,
        "area_mm2": area_mm2,
        "edp_pj_s": energy_pj * latency_ns * 1e-9,
        "power_mw": energy_pj / latency_ns,
        "utilisation": network.macs / (units * clock * latency_ns),
        "cycles": np.ceil(latency_ns * clock),
        "static_energy_pj": static_pj,
    }
    return Result.of(columns, mapped.reasons)


def mapped_network(
    architectures: Sequence[Architecture],
    network: Network,
    *,
    constraints: MappingConstraints | None = None,
    mapped_for: Objective = "edp",
    effort: Effort = "fast",
    threads: int | None = None,
) -> MappedNetwork:
    """Every layer mapped on every architecture; arguments as of `evaluate_architectures`."""
    return map_network(
        [one.compile() for one in architectures],
        network,
        mapped_for,
        effort=effort,
        constraints=constraints,
        options=FILL_AND_DRAIN,
        threads=threads,
    )
