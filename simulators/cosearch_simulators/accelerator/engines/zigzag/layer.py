"""The layer of the uneven model: loops, which of them index each operand, bits, and how the array unrolls it.

An operand's index is a loop or, for a convolution's input rows and columns, a sum of two:
`IX = stride * OX + dilation * FX`. The shapes read here are those of ZigZag's workload and mapping files.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil, prod
from typing import Any

from cosearch_simulators.accelerator.engines.zigzag.hardware import Hardware
from cosearch_simulators.core.names import hint
from cosearch_simulators.errors import ConfigurationError
from cosearch_simulators.workloads.loop_nest import LOOPS, LoopNest

Index = tuple[tuple[int, str], ...]
"""One index of an operand: the sum of factor times loop."""


@dataclass(frozen=True)
class Layer:
    """One layer.

    Attributes:
        name: of the layer.
        loops: iterations of every loop.
        indices: of every operand; the output is the last operand.
        bits: of an element of every operand; of the output, of a partial sum.
        final_bits: of an element of the finished output.
    """

    name: str
    loops: Mapping[str, int]
    indices: Mapping[str, tuple[Index, ...]]
    bits: Mapping[str, int]
    final_bits: int

    def __post_init__(self) -> None:
        for loop, size in self.loops.items():
            if size < 1:
                raise ConfigurationError(f"loop {loop} must have at least 1 iteration, got {size}")
        for operand, indices in self.indices.items():
            for loop in (loop for index in indices for _, loop in index):
                if loop not in self.loops:
                    raise ConfigurationError(f"operand {operand} has index {loop!r}{hint(loop, self.loops)}")
            if self.bits.get(operand, 0) < 1:
                raise ConfigurationError(
                    f"operand {operand} must have at least 1 bit, got {self.bits.get(operand)}"
                )
        if self.final_bits < 1:
            raise ConfigurationError(f"the final output must have at least 1 bit, got {self.final_bits}")

    @property
    def operands(self) -> tuple[str, ...]:
        """Inputs, then the output."""
        return tuple(self.indices)

    @property
    def output(self) -> str:
        """The output's name."""
        return self.operands[-1]

    @property
    def macs(self) -> int:
        """Multiply-accumulates."""
        return prod(self.loops.values())

    def relevant(self, operand: str) -> frozenset[str]:
        """The loops that index an operand, alone or in a sum."""
        return frozenset(loop for index in self.indices[operand] for _, loop in index)


@dataclass(frozen=True)
class Unrolling:
    """A layer's loops over the array, and which memory operand each of its operands is.

    Attributes:
        along: for every array dimension the unrolled loops and on how many positions.
        links: memory operand of each layer operand.
    """

    along: Mapping[str, tuple[tuple[str, int], ...]]
    links: Mapping[str, str]

    def used(self, layer: Layer) -> dict[str, tuple[tuple[str, float], ...]]:
        """Positions that the loops really use on average: 77 iterations on 16 positions are 5 times 15.4."""
        left = dict(layer.loops)
        used: dict[str, tuple[tuple[str, float], ...]] = {}
        for dimension, loops in self.along.items():
            entries = []
            for loop, positions in loops:
                rounds = ceil(left[loop] / positions)
                entries.append((loop, left[loop] / rounds))
                left[loop] = rounds
            used[dimension] = tuple(entries)
        return used

    def temporal(self, layer: Layer) -> dict[str, int]:
        """Iterations that are left for time."""
        left = dict(layer.loops)
        for loop, positions in (entry for loops in self.along.values() for entry in loops):
            left[loop] = ceil(left[loop] / positions)
        return left

    def limited(self, layer: Layer, hardware: Hardware) -> Unrolling:
        """As much of it as the array, the layer and the memories next to the array allow.

        A memory that serves several positions must deliver, or take, an element of each in a cycle, and hold
        them all: ZigZag reduces what is asked for until it does.
        """
        operands = {held: operand for operand, held in self.links.items()}
        inner = [
            (memory, operands[held])
            for number, memory in enumerate(hardware.memories)
            if all(number == hardware.hierarchy(held)[0] for held in memory.operands)
            for held in memory.operands
            if held in operands
        ]
        factors = {}
        for dimension, loops in self.along.items():
            for loop, positions in loops:
                most = min(positions, layer.loops.get(loop, positions))
                most = min(most, hardware.array.get(dimension, most))
                for memory, operand in inner:
                    port = memory.port_of(self.links[operand], "fl" if operand == layer.output else "tl")
                    served = dimension in memory.served_dimensions and loop in layer.relevant(operand)
                    if served and port is not None:
                        most = min(most, memory.ports[port].bandwidth_max // layer.bits[operand])
                factors[dimension, loop] = max(1, most)
        for memory, operand in inner:
            own = [
                (dimension, loop)
                for dimension, loop in factors
                if dimension in memory.served_dimensions and loop in layer.relevant(operand)
            ]
            while prod(factors[key] for key in own) * layer.bits[operand] > memory.size_bits:
                largest = max(own, key=lambda key: factors[key], default=None)
                if largest is None or factors[largest] == 1:
                    break
                factors[largest] -= 1
        along = {
            dimension: tuple((loop, factors[dimension, loop]) for loop, _ in loops)
            for dimension, loops in self.along.items()
        }
        return Unrolling(along, self.links)

    def check(self, layer: Layer, hardware: Hardware) -> None:
        """Raise if the unrolling names what is not there or needs more positions than the array has.

        Raises:
            ConfigurationError: which dimension, loop or operand, and what there is.
        """
        for dimension, loops in self.along.items():
            if dimension not in hardware.array:
                raise ConfigurationError(f"unrolling along {dimension!r}{hint(dimension, hardware.array)}")
            for loop, positions in loops:
                if loop not in layer.loops:
                    raise ConfigurationError(f"unrolling of loop {loop!r}{hint(loop, layer.loops)}")
                if positions < 1:
                    raise ConfigurationError(
                        f"loop {loop} must be unrolled on at least 1 position, got {positions}"
                    )
            needed = prod(positions for _, positions in loops)
            if needed > hardware.array[dimension]:
                raise ConfigurationError(
                    f"unrolling along {dimension} needs {needed} positions, "
                    f"the array has {hardware.array[dimension]}"
                )
        for operand in layer.operands:
            if operand not in self.links:
                raise ConfigurationError(
                    f"memory_operand_links has no {operand!r}, only {', '.join(self.links) or 'nothing'}"
                )
            if not hardware.hierarchy(self.links[operand]):
                known = sorted({held for memory in hardware.memories for held in memory.operands})
                raise ConfigurationError(
                    f"no memory holds operand {operand} ({self.links[operand]!r}"
                    f"{hint(self.links[operand], known)})"
                )


def read_layer(raw: Mapping[str, Any]) -> Layer:
    """The layer of a workload entry.

    Raises:
        ConfigurationError: a field is missing or the equation does not parse.
    """
    try:
        loops = dict(zip(raw["loop_dims"], (int(size) for size in raw["loop_sizes"]), strict=True))
        equation, precision = str(raw["equation"]), dict(raw["operand_precision"])
        sums = dict(_sum(relation) for relation in raw.get("dimension_relations") or ())
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        reason = f"no field {error}" if isinstance(error, KeyError) else str(error)
        raise ConfigurationError(f"layer {raw.get('name', '?')}: {reason}") from error
    written, assigned, read = equation.replace(" ", "").partition("+=")
    if not assigned:
        raise ConfigurationError(f"expected an equation such as 'O[k]+=W[k][c]*I[c]', got {equation!r}")
    indices = dict(_indices(term, sums) for term in (*read.split("*"), written))
    bits = {name: int(precision[name]) for name in indices if name in precision}
    output = next(reversed(indices))
    final = int(precision.get(f"{output}_final", bits.get(output, 0)))
    return Layer(str(raw.get("name", "layer")), loops, indices, bits, final)


def read_unrolling(raw: Mapping[str, Any]) -> Unrolling:
    """The spatial mapping of a mapping entry.

    Raises:
        ConfigurationError: an entry is not 'LOOP, POSITIONS'.
    """
    along = {}
    for dimension, entries in dict(raw.get("spatial_mapping") or {}).items():
        loops = []
        for entry in entries:
            loop, _, positions = str(entry).partition(",")
            if not positions.strip().isdigit():
                raise ConfigurationError(
                    f"spatial_mapping.{dimension}: expected 'LOOP, POSITIONS', got {entry!r}"
                )
            loops.append((loop.strip(), int(positions)))
        along[dimension] = tuple(loops)
    links = raw.get("memory_operand_links")
    if not isinstance(links, Mapping):
        raise ConfigurationError(f"memory_operand_links: expected a mapping of operands, got {links!r}")
    return Unrolling(along, dict(links))


def layer_of(nest: LoopNest, bits: Mapping[str, int], final_bits: int, name: str = "layer") -> Layer:
    """The loop nest that all accelerator models share as a layer of this one.

    Args:
        nest: the operator.
        bits: of an element of "Weights", "Inputs" and the partial sums "Outputs".
        final_bits: of an element of the finished output.
        name: of the layer.
    """
    plain = {loop: ((1, loop),) for loop in LOOPS}
    rows = ((nest.stride[0], "P"), (nest.dilation[0], "R"))
    columns = ((nest.stride[1], "Q"), (nest.dilation[1], "S"))
    indices = {
        "Weights": tuple(plain[loop] for loop in "GKCRS"),
        "Inputs": (plain["G"], plain["N"], plain["C"], rows, columns),
        "Outputs": tuple(plain[loop] for loop in "GNKPQ"),
    }
    return Layer(name, dict(zip(LOOPS, nest.sizes, strict=True)), indices, dict(bits), final_bits)


def _sum(relation: str) -> tuple[str, Index]:
    """'ix=2*ox+1*fx' is ("IX", ((2, "OX"), (1, "FX")))."""
    name, _, terms = relation.replace(" ", "").partition("=")
    parts = []
    for term in terms.split("+"):
        factor, star, loop = term.rpartition("*")
        parts.append((int(factor) if star else 1, loop.upper()))
    if len(parts) != 2 or min(factor for factor, _ in parts) < 1:
        raise ValueError(
            f"dimension_relations: expected a sum of two loops such as 'ix=1*ox+1*fx', got {relation!r}"
        )
    return name.upper(), tuple(parts)


def _indices(term: str, sums: Mapping[str, Index]) -> tuple[str, tuple[Index, ...]]:
    match = re.fullmatch(r"(\w+?)((?:\[\w+\])*)", term)
    if match is None:
        raise ConfigurationError(f"expected an operand such as W[k][c], got {term!r}")
    names: Sequence[str] = re.findall(r"\[(\w+)\]", match[2])
    return match[1], tuple(sums.get(name.upper(), ((1, name.upper()),)) for name in names)
