"""Which consecutive layers to fuse: the tensor between them stays on the chip, where there is room for it.

`fusable_edges` says between which matrix operators that can be, `best_groups` decides by dynamic programming
over the network's order.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from cosearch_simulators.workloads import Network
from cosearch_simulators.workloads.vector_operators import Elementwise


def fusable_edges(network: Network, layers: Sequence[str]) -> NDArray[np.bool_]:
    """Whether each layer's outputs are the next layer's inputs and nobody else's.

    Elementwise operators of one input may lie between; they run on the way.

    Args:
        network: the layers are some of its operators.
        layers: names, in the order that they run.

    Returns:
        (layers - 1,)
    """
    return np.array([_feeds_only(network, first, second) for first, second in pairwise(layers)], bool)


def _feeds_only(network: Network, first: str, second: str) -> bool:
    name = second
    while True:
        producers = network.producers(name)
        if len(producers) != 1 or producers[0] in network.inputs:
            return False
        (name,) = producers
        if len(network.consumers(name)) != 1:
            return False
        if name == first:
            return True
        if not isinstance(network.operator(name), Elementwise):
            return False


def best_groups(
    cycles: NDArray[np.float64], energy: NDArray[np.float64], objective: str
) -> NDArray[np.bool_]:
    """Which edges to fuse so that the whole network's latency, energy or EDP is least.

    Exact for the given costs of layers: latency and energy add up, and for their product the states carry all
    pairs of sums that no other is better than.

    Args:
        cycles: (layers, 2, 2) by whether the layer's inputs and its outputs stay on the chip; infinite where
            that cannot be.
        energy: the same, in pJ.
        objective: "latency", "energy" or "edp".

    Returns:
        (layers - 1,) whether each edge is fused.
    """
    fronts: list[list[tuple[float, float, tuple[bool, ...]]]] = [[(0.0, 0.0, ())], []]
    for layer in range(len(cycles)):
        reached: list[list[tuple[float, float, tuple[bool, ...]]]] = []
        for after in (0, 1):
            states = [
                (
                    spent + float(cycles[layer, before, after]),
                    used + float(energy[layer, before, after]),
                    (*edges, bool(after)),
                )
                for before in (0, 1)
                for spent, used, edges in fronts[before]
                if np.isfinite(cycles[layer, before, after])
            ]
            reached.append(_front(states, objective))
        fronts = reached
    if not fronts[0]:
        return np.zeros(len(cycles) - 1, bool)
    best = min(fronts[0], key=lambda state: _merit(state, objective))
    return np.array(best[2][:-1], bool)


def _merit(state: tuple[float, float, tuple[bool, ...]], objective: str) -> tuple[float, float]:
    spent, used, _ = state
    return {"latency": (spent, used), "energy": (used, spent), "edp": (spent * used, spent)}[objective]


def _front(
    states: list[tuple[float, float, tuple[bool, ...]]], objective: str
) -> list[tuple[float, float, tuple[bool, ...]]]:
    """States that may lead to the best end: one if sums decide, else those no other is better than."""
    if objective != "edp":
        return sorted(states, key=lambda state: _merit(state, objective))[:1]
    front: list[tuple[float, float, tuple[bool, ...]]] = []
    for state in sorted(states):
        if not front or state[1] < front[-1][1]:
            front.append(state)
    return front
