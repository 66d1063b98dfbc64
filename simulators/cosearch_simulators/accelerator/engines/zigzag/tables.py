"""A layer on an accelerator as arrays: what the compiled engine walks over.

Positions are counted from inside: level 0 of an operand is its innermost memory, and arrays with one level
more begin with the multiply-accumulate unit itself. A link is the movement of one operand between two
neighbouring levels in one direction.
"""

from __future__ import annotations

from math import ceil, gcd, prod
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from cosearch_simulators.accelerator.engines.zigzag.hardware import DIRECTIONS, Hardware, Memory
from cosearch_simulators.accelerator.engines.zigzag.layer import Layer, Unrolling
from cosearch_simulators.errors import ConfigurationError

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

LARGEST_BITS = 2**53
"""Up to here, numbers are exact in double precision, in which some quotients are computed."""


class Tables(NamedTuple):
    """The arrays. a: operands, the output last; l: levels; d: loops; k: links; p: ports; m: memories.

    Attributes:
        levels: (a) how many.
        memory: (a, l) number of the memory.
        relevant: (a, d) whether the loop indexes the operand.
        alone: (a, d) whether it does so by itself, not in a sum.
        joined_later: (l) whether the output's level leaves sums over positions to levels further out.
        terms: (a, i, 4) loop, factor, second loop or -1, its factor, the factors without common divisor;
            -1 after the last.
        served: (a, l + 1, d) positions of the loop that one instance serves, on average.
        served_whole: the same rounded down, each loop by itself.
        distinct: (a, l) different tiles of level l - 1 that one instance of l feeds, on average.
        distinct_whole: (a, l) the same with positions rounded down.
        instances: (a, l) instances of the memory.
        bits: (a) of an element while it is worked on.
        final_bits: (a) of an element when it is finished.
        link: (a, l, 2) number of the link between l - 1 and l, downwards and upwards; -1 where there is none.
        ends: (k, 2) port at the upper and at the lower end, -1 for the multiply-accumulate unit.
        serial: (k) whether both ports serve two inputs, so that initial loading takes turns.
        returns: (k) whether partial sums come back through the link.
        port_start: (p + 1) where the port's part of `port_links` begins.
        port_links: (., 2) link and which of its ends.
        narrowest: (p) smallest access in bits.
        width: (p) bits a cycle.
        word_share: (p) what the smallest access is of a full one.
        size_bits: (m) capacity.
        read_pj: (m) of a full access.
        write_pj: (m) of a full access.
        holders: (., 2) operand and level in the order of the memories, outermost levels left out.
        mac_pj: (1) of all multiply-accumulates together.
    """

    levels: Ints
    memory: Ints
    relevant: NDArray[np.bool_]
    alone: NDArray[np.bool_]
    joined_later: NDArray[np.bool_]
    terms: Ints
    served: Floats
    served_whole: Floats
    distinct: Floats
    distinct_whole: Floats
    instances: Ints
    bits: Ints
    final_bits: Ints
    link: Ints
    ends: Ints
    serial: NDArray[np.bool_]
    returns: NDArray[np.bool_]
    port_start: Ints
    port_links: Ints
    narrowest: Ints
    width: Ints
    word_share: Floats
    size_bits: Ints
    read_pj: Floats
    write_pj: Floats
    holders: Ints
    mac_pj: Floats


def build_tables(hardware: Hardware, layer: Layer, unrolling: Unrolling) -> Tables:
    """The arrays of a layer on an accelerator.

    Raises:
        ConfigurationError: the unrolling does not fit, a movement has no port, or counts leave 64 bits.
    """
    unrolling.check(layer, hardware)
    names = list(layer.loops)
    hierarchies = [hardware.hierarchy(unrolling.links[operand]) for operand in layer.operands]
    operands, deepest = len(layer.operands), max(len(levels) for levels in hierarchies)
    used = unrolling.used(layer)
    memory = np.full((operands, deepest), -1, np.int64)
    served = np.ones((operands, deepest + 1, len(names)))
    served_whole = np.ones_like(served)
    distinct = np.ones((operands, deepest))
    distinct_whole = np.ones((operands, deepest))
    instances = np.ones((operands, deepest), np.int64)
    terms = _terms(layer, names)
    for a, levels in enumerate(hierarchies):
        for level, number in enumerate(levels):
            memory[a, level] = number
            dimensions = hardware.memories[number].served_dimensions
            outside = 1.0
            for dimension, entries in used.items():
                for loop, positions in entries:
                    d = names.index(loop)
                    if dimension not in dimensions:
                        outside *= positions
                        continue
                    served[a, level + 1, d] *= positions
                    served_whole[a, level + 1, d] *= int(positions)
            instances[a, level] = round(outside)
            for counts, tiles in ((served, distinct), (served_whole, distinct_whole)):
                below, here = (_elements(terms[a], counts[a, at]) for at in (level, level + 1))
                tiles[a, level] = round(here / below)
    relevant = np.array([[name in layer.relevant(operand) for name in names] for operand in layer.operands])
    summed = [
        {loop for index in layer.indices[operand] if len(index) > 1 for _, loop in index}
        for operand in layer.operands
    ]
    joined_later = np.array(
        [
            any(
                positions > 1 and not relevant[-1, names.index(loop)]
                for dimension, entries in used.items()
                if dimension not in hardware.memories[number].served_dimensions
                for loop, positions in entries
            )
            for number in hierarchies[-1]
        ]
    )
    bits = np.array([layer.bits[operand] for operand in layer.operands])
    final = bits.copy()
    final[-1] = layer.final_bits
    _check_counts(layer, unrolling, hardware)
    link, ends, port_start, port_links, ports = _links(hardware, layer, unrolling, hierarchies, deepest)
    inputs = {unrolling.links[operand] for operand in layer.operands[:-1]}
    several = [
        len(inputs & {operand for operand, _ in hardware.memories[m].ports[p].serves}) > 1 for m, p in ports
    ]
    narrowest = np.array([hardware.memories[m].ports[p].bandwidth_min for m, p in ports])
    width = np.array([hardware.memories[m].ports[p].bandwidth_max for m, p in ports])
    return Tables(
        levels=np.array([len(levels) for levels in hierarchies]),
        memory=memory,
        relevant=relevant,
        alone=relevant & [[name not in own for name in names] for own in summed],
        joined_later=joined_later,
        terms=terms,
        served=served,
        served_whole=served_whole,
        distinct=distinct,
        distinct_whole=distinct_whole,
        instances=instances,
        bits=bits,
        final_bits=final,
        link=link,
        ends=ends,
        serial=np.array([low >= 0 and several[up] and several[low] for up, low in ends]),
        returns=np.isin(np.arange(len(ends)), link[-1, :, 0]),
        port_start=port_start,
        port_links=port_links,
        narrowest=narrowest,
        width=width,
        word_share=narrowest / width,
        size_bits=np.array([held.size_bits for held in hardware.memories]),
        read_pj=np.array([held.read_energy_pj for held in hardware.memories]),
        write_pj=np.array([held.write_energy_pj for held in hardware.memories]),
        holders=np.array(
            [
                (a, levels.index(number))
                for number in range(len(hardware.memories))
                for a, levels in enumerate(hierarchies)
                if number in levels[:-1]
            ],
            np.int64,
        ).reshape(-1, 2),
        mac_pj=np.array([layer.macs * hardware.mac_energy_pj]),
    )


def ports_of(hardware: Hardware) -> list[tuple[int, int]]:
    """(memory, port) of every port number."""
    return [(m, p) for m, memory in enumerate(hardware.memories) for p in range(len(memory.ports))]


def _terms(layer: Layer, names: list[str]) -> Ints:
    most = max(len(indices) for indices in layer.indices.values())
    terms = np.full((len(layer.operands), max(1, most), 4), -1, np.int64)
    for a, operand in enumerate(layer.operands):
        for i, parts in enumerate(layer.indices[operand]):
            if len(parts) == 1:
                terms[a, i] = names.index(parts[0][1]), 1, -1, 1
            else:
                (first, one), (second, other) = parts
                common = gcd(first, second)
                terms[a, i] = names.index(one), first // common, names.index(other), second // common
    return terms


def _elements(terms: Ints, sizes: Floats) -> float:
    """The engine's `elements`, for numbers that are known beforehand."""
    total = 1.0
    for loop, factor, other, other_factor in terms[terms[:, 0] >= 0]:
        if other < 0:
            total *= sizes[loop]
        else:
            x, y = np.floor(sizes[loop] + 1e-9), np.floor(sizes[other] + 1e-9)
            total *= x * y - max(0.0, x - other_factor) * max(0.0, y - factor)
    return total


def _links(
    hardware: Hardware,
    layer: Layer,
    unrolling: Unrolling,
    hierarchies: list[tuple[int, ...]],
    deepest: int,
) -> tuple[Ints, Ints, Ints, Ints, list[tuple[int, int]]]:
    ports = ports_of(hardware)
    link = np.full((len(hierarchies), deepest, 2), -1, np.int64)
    ends: list[tuple[int, int]] = []
    for a, (operand, levels) in enumerate(zip(layer.operands, hierarchies, strict=True)):
        held = unrolling.links[operand]
        for level, number in enumerate(levels):
            below = levels[level - 1] if level else None
            for way, (upper, lower) in enumerate((("tl", "fh"), ("fl", "th"))):
                if way == 1 and operand != layer.output:
                    continue
                up = ports.index((number, _port(hardware.memories[number], held, upper)))
                low = -1
                if below is not None:
                    low = ports.index((below, _port(hardware.memories[below], held, lower)))
                link[a, level, way] = len(ends)
                ends.append((up, low))
    start = [0]
    entries: list[tuple[int, int]] = []
    for number in range(len(ports)):
        entries += [(k, end) for k, pair in enumerate(ends) for end in (0, 1) if pair[end] == number]
        start.append(len(entries))
    return link, np.array(ends), np.array(start), np.array(entries).reshape(-1, 2), ports


def _port(memory: Memory, operand: str, direction: str) -> int:
    port = memory.port_of(operand, direction)
    if port is None:
        raise ConfigurationError(
            f"memory {memory.name!r} has no port for '{operand}, {direction}' ({DIRECTIONS[direction]})"
        )
    return port


def _check_counts(layer: Layer, unrolling: Unrolling, hardware: Hardware) -> None:
    """No count can be larger than a word of every operand for every multiply-accumulate, padding included."""
    cycles = prod(unrolling.temporal(layer).values())
    positions = prod(ceil(size) for loops in unrolling.used(layer).values() for _, size in loops)
    widest = max(port.bandwidth_max for memory in hardware.memories for port in memory.ports)
    most = cycles * positions * max(*layer.bits.values(), layer.final_bits, widest)
    if most > LARGEST_BITS:
        raise ConfigurationError(
            f"layer {layer.name} moves up to {most} bits, more than the {LARGEST_BITS} that are counted"
        )
