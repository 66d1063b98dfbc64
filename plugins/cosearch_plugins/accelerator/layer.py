"""One layer of a network by name or number: what problems about a single operator run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from cosearch.errors import ArgumentError, WorkloadError, unknown_name
from cosearch_plugins.accelerator.network_workload import read_network

if TYPE_CHECKING:
    from cosearch_simulators.workloads import LoopNest


LayerText = Annotated[
    int | str, Field(description="which of its matrix operators, by number from 0 or by name")
]
"""The setting of a layer, as `read_layer` takes it."""


def described_layer(name: str, nest: LoopNest) -> str:
    """What a layer is, for `describe`."""
    loops = ", ".join(f"{loop} {size}" for loop, size in zip("GNKCPQRS", nest.sizes, strict=True) if size > 1)
    return f"layer {name}: {nest.macs:,} multiply-accumulates ({loops})"


def read_layer(workload: str, layer: int | str) -> tuple[str, LoopNest]:
    """Name and loops of a network's matrix operator.

    Args:
        workload: as `read_network` takes it.
        layer: its number among the matrix operators, from 0, or its name.

    Raises:
        UnknownNameError: an unknown network or layer.
        WorkloadError: the network cannot be made or read.
        ArgumentError: the network has not so many layers.
    """
    operators = read_network(workload).matrix_operators
    if not operators:
        raise WorkloadError(f"workload {workload!r} has no matrix operators")
    names = [operator.name for operator in operators]
    if isinstance(layer, str):
        if layer not in names:
            raise unknown_name(f"layer of {workload}", layer, names)
        layer = names.index(layer)
    if not 0 <= layer < len(operators):
        raise ArgumentError(f"layer must be from 0 to {len(operators) - 1} in {workload}, got {layer}")
    nest = operators[layer].loop_nest()
    assert nest is not None
    return names[layer], nest
