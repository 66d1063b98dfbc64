"""The nodes of ONNX graphs: how many they are with those of functions, and an order in which they can run."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import TYPE_CHECKING

from cosearch_simulators.errors import WorkloadError

if TYPE_CHECKING:
    from onnx import GraphProto, ModelProto, NodeProto

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
        for node in all_nodes(nodes):
            called = node.domain, node.op_type
            if called in bodies and called not in counts:
                counts[called] = count(bodies[called], depth + 1)
            total += 1 + counts.get(called, 0)
            if total > MOST_NODES:
                raise WorkloadError(f"{source}: more than {MOST_NODES:,} nodes, those of functions included")
        return total

    count(model.graph.node, 0)


def all_nodes(nodes: Iterable[NodeProto]) -> Iterator[NodeProto]:
    """The nodes and those of their branches; protobuf bounds how deep these lie."""
    for node in nodes:
        yield node
        for attribute in node.attribute:
            for graph in (attribute.g, *attribute.graphs):
                yield from all_nodes(graph.node)


def ordered(graph: GraphProto, known: Collection[str], source: str) -> list[NodeProto]:
    """The nodes, each after those that it reads from; some tools write them in another order.

    Args:
        graph: with its nodes in any order.
        known: names of the values from outside.
        source: for messages.

    Raises:
        WorkloadError: a node reads what nothing gives, or nodes feed each other in a circle.
    """
    nodes = list(graph.node)
    maker = {name: place for place, node in enumerate(nodes) for name in node.output if name}
    reads = [[name for name in _read(node) if name not in known] for node in nodes]
    for node, names in zip(nodes, reads, strict=True):
        lost = next((name for name in names if name not in maker), None)
        if lost is not None:
            raise WorkloadError(
                f"{source}: node {_label(node)} reads {lost!r}, which no node, input or initializer gives"
            )
    found: list[NodeProto] = []
    state = [0] * len(nodes)  # 1 while those before it are looked for, 2 when it has its place
    for start in range(len(nodes)):
        stack = [start]
        while stack:
            place = stack[-1]
            before = [maker[name] for name in reads[place] if state[maker[name]] != 2]
            if state[place] == 2:
                stack.pop()
            elif not before:
                state[place] = 2
                found.append(nodes[place])
                stack.pop()
            elif state[place] == 1 and any(state[one] == 1 for one in before):
                raise WorkloadError(f"{source}: node {_label(nodes[place])} feeds itself, through others")
            else:
                state[place] = 1
                stack += before
    return found


def _read(node: NodeProto) -> list[str]:
    """The values that a node reads, also in its branches."""
    names = [name for name in node.input if name]
    for attribute in node.attribute:
        for graph in (attribute.g, *attribute.graphs):
            own = {value.name for value in (*graph.input, *graph.initializer)}
            own |= {name for inner in graph.node for name in inner.output}
            names += [name for inner in graph.node for name in _read(inner) if name not in own]
            names += [value.name for value in graph.output if value.name not in own]
    return names


def _label(node: NodeProto) -> str:
    return repr(node.name or next(iter(node.output), "") or node.op_type)
