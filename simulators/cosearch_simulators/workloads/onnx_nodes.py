"""How many nodes an ONNX model has once its functions stand for what they hold: some of them call others."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from cosearch_simulators.errors import WorkloadError

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto

MOST_NODES = 200_000
MOST_CALLS = 100
"""Of functions within functions."""


def check_nodes(model: ModelProto, source: str) -> None:
    """Raise `WorkloadError` if there are too many nodes, or a function calls itself."""
    bodies = {(function.domain, function.name): function.node for function in model.functions}
    counts: dict[tuple[str, str], int] = {}

    def count(nodes: Iterable[NodeProto], depth: int) -> int:
        if depth > MOST_CALLS:
            raise WorkloadError(f"{source}: functions call each other more than {MOST_CALLS} deep")
        total = 0
        for node in _all_nodes(nodes):
            called = node.domain, node.op_type
            if called in bodies and called not in counts:
                counts[called] = count(bodies[called], depth + 1)
            total += 1 + counts.get(called, 0)
            if total > MOST_NODES:
                raise WorkloadError(f"{source}: more than {MOST_NODES:,} nodes, those of functions included")
        return total

    count(model.graph.node, 0)


def _all_nodes(nodes: Iterable[NodeProto]) -> Iterator[NodeProto]:
    """The nodes and those of their branches; protobuf bounds how deep these lie."""
    for node in nodes:
        yield node
        for attribute in node.attribute:
            for graph in (attribute.g, *attribute.graphs):
                yield from _all_nodes(graph.node)
