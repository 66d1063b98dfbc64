"""The pictures of a network that is mapped on an accelerator.

Imported by the accelerator problems; the simulator is imported when they are asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
from pydantic import Field

from cosearch.pictures import Picture
from cosearch_plugins.accelerator.array import used_units
from cosearch_plugins.accelerator.pictures import (
    array_picture,
    below_the_roof,
    energy_picture,
    memory_words_per_cycle,
    roofline_picture,
)

if TYPE_CHECKING:
    from cosearch_simulators.accelerator.mapper import MappedNetwork
    from cosearch_simulators.accelerator.mapping.templates import Template
    from cosearch_simulators.accelerator.system.architecture import Architecture
    from cosearch_simulators.workloads import Network, Precision

Goal = Literal["edp", "latency", "energy"]
Effort = Annotated[
    Literal["fast", "thorough"], Field(description="of the mapper; fast takes some ms for each layer")
]


def network_pictures(
    architecture: Architecture,
    network: Network,
    dataflow: str | Template,
    goal: Goal,
    effort: Effort,
    precision: Precision | None = None,
    *,
    static_pj: float = 0.0,
) -> tuple[Picture, ...]:
    """The array, energy by level and operand over all layers, and every layer under the roofline.

    Args:
        architecture: with limited bandwidth of its memory.
        network: what runs.
        dataflow: a template or the name of a built-in one, or "flexible" for any mapping.
        goal: of the mapper.
        effort: of the mapper.
        precision: bits of each operand; None for words.
        static_pj: leakage.

    Raises:
        ValueError: a layer has no mapping.
    """
    from cosearch_simulators.accelerator.mapper.dataflow import map_dataflow
    from cosearch_simulators.accelerator.system.designs import vector_elements

    precisions = [precision] if precision else None
    mapped = map_dataflow([architecture], network, dataflow, goal, effort, 1, precisions)
    if isinstance(mapped, str):
        raise ValueError(mapped)
    memory = architecture.levels[-1]
    bits = precision.input_bits if precision else memory.word_bits
    elements = vector_elements(network)
    words_per_cycle = memory.read_bandwidth_words or np.inf
    return mapped_pictures(
        *(architecture, network, mapped, precision),
        vector_cycles=elements * bits / memory.word_bits / words_per_cycle,
        vector_pj=elements * architecture.read_pj(memory),
        static_pj=static_pj,
    )


def mapped_pictures(
    architecture: Architecture,
    network: Network,
    mapped: MappedNetwork,
    precision: Precision | None = None,
    *,
    vector_cycles: float = 0.0,
    vector_pj: float = 0.0,
    static_pj: float = 0.0,
) -> tuple[Picture, ...]:
    """The pictures of a network that is mapped on one architecture.

    Args:
        architecture: the one.
        network: what runs.
        mapped: how.
        precision: bits of each operand; None for words.
        vector_cycles: that the vector operators take after the layers.
        vector_pj: that they take.
        static_pj: leakage.

    Raises:
        ValueError: a layer has no mapping.
    """
    from cosearch_simulators.accelerator.common.arrays import Mappings
    from cosearch_simulators.accelerator.engines.timeloop.evaluation import evaluate
    from cosearch_simulators.workloads import LoopNest

    if not mapped.valid[0]:
        raise ValueError(mapped.reasons[0])
    nests = [
        nest for operator in network.matrix_operators if isinstance(nest := operator.loop_nest(), LoopNest)
    ]
    rows, found = mapped.rows[0], mapped.mappings
    mappings = Mappings(
        found.temporal[rows],
        found.order[rows],
        found.spatial_x[rows],
        found.spatial_y[rows],
        None if found.keeps is None else found.keeps[rows],
    )
    compiled = architecture.compile(precision)
    costs = evaluate([compiled], nests, mappings, nest_of=np.arange(len(nests)), counts=True)
    assert costs.counts is not None
    cycles = mapped.layer_cycles[0]
    total_cycles = float(cycles.sum()) + vector_cycles
    used = np.zeros((1, 1))
    for layer, macs in enumerate(costs.macs):
        units = used_units(architecture, mappings.spatial_x[layer], mappings.spatial_y[layer])
        busy = macs / (np.count_nonzero(units) * architecture.mac.per_cycle) / total_cycles
        used = used + units * busy
    vectors = len(network.operators) - len(nests)
    vector_time = (
        f"take {vector_cycles / total_cycles:.1%} of the time" if vector_cycles else "cost nothing here"
    )
    vector_words = f"The {vectors} other operators multiply nothing, are not shown and {vector_time}."
    others_pj = {"MAC": float(costs.energy_pj.sum() - costs.energy_by_level_pj.sum())}
    if vector_pj > 0:
        others_pj["vector operators"] = vector_pj
    if static_pj > 0:
        others_pj["leakage"] = static_pj
    by_level = costs.energy_by_level_pj.sum(axis=0)
    return (
        array_picture(
            used.shape[0],
            used.shape[1],
            np.minimum(used, 1.0),
            f"Each unit's share of the whole time with work, over all {len(nests)} layers"
            f"{' and the vector operators' if vector_cycles > 0 else ''}; {used.mean():.1%} of the array on "
            "average.",
        ),
        energy_picture(compiled.names, by_level, others_pj),
        roofline_picture(
            mapped.layers,
            costs.macs,
            cycles,
            costs.counts[:, -1, :, :3].sum(axis=(1, 2)),
            architecture.units * architecture.mac.per_cycle,
            memory_words_per_cycle(architecture),
            vector_words if vectors else "",
            below=below_the_roof(architecture),
        ),
    )
