"""A network on architectures through the mapper, and the pictures of one of them.

Imported by the accelerator problems; the simulator is imported when they are asked.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
from numpy.typing import NDArray
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
    from cosearch_simulators.accelerator.mapper import MappedNetwork, MappingConstraints
    from cosearch_simulators.accelerator.mapping.templates import Template
    from cosearch_simulators.accelerator.system.architecture import Architecture
    from cosearch_simulators.workloads import Network, Precision

Goal = Literal["edp", "latency", "energy"]
Effort = Annotated[
    Literal["fast", "thorough"], Field(description="of the mapper; fast takes some ms for each layer")
]


def map_on(
    architectures: Sequence[Architecture],
    network: Network,
    dataflow: str | Template,
    goal: Goal,
    effort: Effort,
    threads: int | None,
    precisions: Sequence[Precision] | None = None,
) -> MappedNetwork | str:
    """The network mapped on all architectures, or why the dataflow cannot run it.

    Args:
        architectures: with the same levels.
        network: what runs.
        dataflow: a template or the name of a built-in one, or "flexible" for any mapping.
        goal: what each layer's mapping is the best for.
        effort: of the mapper.
        threads: layers mapped at once; None: as many as cores.
        precisions: bits of each operand on each architecture; None for words.
    """
    from cosearch_simulators.accelerator.mapper import of_template
    from cosearch_simulators.accelerator.mapping.templates import template

    constraints = None
    if dataflow != "flexible":
        flow = template(dataflow) if isinstance(dataflow, str) else dataflow
        for operator in network.matrix_operators:
            nest = operator.loop_nest()
            reason = flow.admits(nest) if nest is not None else ""
            if reason:
                return f"{operator.name}: {reason}"
        constraints = of_template(flow, architectures[0])
    return map_with(
        *(architectures, network, constraints, goal, effort, threads),
        fill_and_drain=True,
        precisions=precisions,
    )


def map_with(
    architectures: Sequence[Architecture],
    network: Network,
    constraints: MappingConstraints | None,
    goal: Goal,
    effort: Effort,
    threads: int | None,
    *,
    fill_and_drain: bool = False,
    precisions: Sequence[Precision] | None = None,
) -> MappedNetwork:
    """The network mapped on all architectures under constraints; layers fill and drain the array if asked."""
    from cosearch_simulators.accelerator.common.nest_tables import FILL_AND_DRAIN
    from cosearch_simulators.accelerator.mapper import map_network

    compiled = [
        architecture.compile(precisions[number] if precisions else None)
        for number, architecture in enumerate(architectures)
    ]
    return map_network(
        compiled,
        network,
        goal,
        effort=effort,
        constraints=constraints,
        options=FILL_AND_DRAIN if fill_and_drain else 0,
        threads=threads,
    )


def vector_traffic(
    network: Network, architectures: Sequence[Architecture], bits: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Bytes that vector operators move to and from the memory, and their energy in pJ, by architecture.

    An elementwise operator with one activation is applied to the outputs of the layer before as they leave.
    """
    word_pj = np.array([a.read_pj(a.levels[-1]) for a in architectures])
    elements = vector_elements(network)
    return elements * bits / 8, elements * word_pj


def vector_elements(network: Network) -> int:
    """Elements that vector operators move; see `vector_traffic`."""
    from cosearch_simulators.workloads import Elementwise

    return sum(
        sum(operator.tensor_elements.values())
        for operator in network.operators
        if operator.loop_nest() is None
        and not (isinstance(operator, Elementwise) and len(operator.operands) == 1)
    )


def network_pictures(
    architecture: Architecture,
    network: Network,
    dataflow: str | Template,
    goal: Goal,
    effort: Effort,
    precision: Precision | None = None,
) -> tuple[Picture, ...]:
    """The array, energy by level and operand over all layers, and every layer under the roofline.

    Args:
        architecture: with limited bandwidth of its memory.
        network: what runs.
        dataflow: see `map_on`, as the next two.
        goal: of the mapper.
        effort: of the mapper.
        precision: bits of each operand; None for words.

    Raises:
        ValueError: a layer has no mapping.
    """
    mapped = map_on([architecture], network, dataflow, goal, effort, 1, [precision] if precision else None)
    if isinstance(mapped, str):
        raise ValueError(mapped)
    memory = architecture.levels[-1]
    bits = precision.input_bits if precision else memory.word_bits
    vector_bytes, vector_pj = vector_traffic(network, [architecture], np.array([bits]))
    words_per_cycle = memory.read_bandwidth_words or np.inf
    return mapped_pictures(
        *(architecture, network, mapped, precision),
        vector_cycles=float(vector_bytes[0]) * 8 / memory.word_bits / words_per_cycle,
        vector_pj=float(vector_pj[0]),
    )


def mapped_pictures(
    architecture: Architecture,
    network: Network,
    mapped: MappedNetwork,
    precision: Precision | None = None,
    *,
    vector_cycles: float = 0.0,
    vector_pj: float = 0.0,
) -> tuple[Picture, ...]:
    """The pictures of a network that is mapped on one architecture.

    Args:
        architecture: the one.
        network: what runs.
        mapped: how.
        precision: bits of each operand; None for words.
        vector_cycles: that the vector operators take after the layers.
        vector_pj: that they take.

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
