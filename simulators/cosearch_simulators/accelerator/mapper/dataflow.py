"""A network mapped under a dataflow by name, or by any template."""

from __future__ import annotations

from collections.abc import Sequence

from cosearch_simulators.accelerator.common.nest_tables import FILL_AND_DRAIN
from cosearch_simulators.accelerator.mapper.constraints import of_template
from cosearch_simulators.accelerator.mapper.mapper import Effort, Objective
from cosearch_simulators.accelerator.mapper.network import MappedNetwork, map_network
from cosearch_simulators.accelerator.mapping.templates import Template, template
from cosearch_simulators.accelerator.system.architecture import Architecture
from cosearch_simulators.workloads import Network, Precision

FLEXIBLE = "flexible"
"""The dataflow that allows any mapping."""


def refusal(network: Network, dataflow: str | Template) -> str:
    """Why a dataflow cannot run a network, with the layer; empty if it can."""
    if dataflow == FLEXIBLE:
        return ""
    flow = template(dataflow) if isinstance(dataflow, str) else dataflow
    for operator in network.matrix_operators:
        nest = operator.loop_nest()
        reason = flow.admits(nest) if nest is not None else ""
        if reason:
            return f"{operator.name}: {reason}"
    return ""


def map_dataflow(
    architectures: Sequence[Architecture],
    network: Network,
    dataflow: str | Template,
    objective: Objective,
    effort: Effort,
    threads: int | None,
    precisions: Sequence[Precision] | None = None,
    *,
    fuse_at: str | None = None,
) -> MappedNetwork | str:
    """The network mapped on all architectures, or why the dataflow cannot run it.

    Args:
        architectures: with the same levels.
        network: what runs.
        dataflow: a template or the name of a built-in one, or "flexible" for any mapping.
        objective: what each layer's mapping is the best for.
        effort: of the mapper.
        threads: layers mapped at once; None: as many as cores.
        precisions: bits of each operand on each architecture; None for words.
        fuse_at: see `map_network`; layers fill and drain the array only without it.
    """
    if reason := refusal(network, dataflow):
        return reason
    constraints = None
    if dataflow != FLEXIBLE:
        flow = template(dataflow) if isinstance(dataflow, str) else dataflow
        constraints = of_template(flow, architectures[0])
    compiled = [
        architecture.compile(precisions[number] if precisions else None)
        for number, architecture in enumerate(architectures)
    ]
    return map_network(
        compiled,
        network,
        objective,
        effort=effort,
        constraints=constraints,
        fuse_at=fuse_at,
        options=0 if fuse_at else FILL_AND_DRAIN,
        threads=threads,
    )
