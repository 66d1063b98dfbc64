"""Uneven mappings as data, and what one costs: a layer on an accelerator is a `Model`, a mapping goes in.

The loop order is common to all operands, the boundaries between an operand's levels are its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cosearch_simulators.accelerator.engines.zigzag import kernel
from cosearch_simulators.accelerator.engines.zigzag.hardware import Hardware
from cosearch_simulators.accelerator.engines.zigzag.layer import Layer, Unrolling
from cosearch_simulators.accelerator.engines.zigzag.tables import Tables, build_tables, ports_of
from cosearch_simulators.core.names import hint
from cosearch_simulators.errors import ConfigurationError

ACCESSES = ("rd_out_to_low", "wr_in_by_low", "rd_out_to_high", "wr_in_by_high")
"""Directions of accesses, as ZigZag calls them."""


class MappingError(ConfigurationError):
    """A mapping does not cover its layer or overflows a memory."""


@dataclass(frozen=True)
class UnevenMapping:
    """The temporal loops of a layer and who holds them.

    Attributes:
        loops: (loop, iterations), the innermost first.
        boundaries: of every operand, how many loops each level and those below it hold.
    """

    loops: tuple[tuple[str, int], ...]
    boundaries: Mapping[str, tuple[int, ...]]

    @classmethod
    def of_levels(cls, levels: Mapping[str, Sequence[Sequence[Sequence[Any]]]]) -> UnevenMapping:
        """The mapping of a list of loops for every operand and level, as ZigZag writes them.

        Raises:
            MappingError: the operands do not have the same loop order.
        """
        flat = {
            operand: tuple((str(loop), int(size)) for level in lists for loop, size in level)
            for operand, lists in levels.items()
        }
        loops = next(iter(flat.values()))
        for operand, own in flat.items():
            if own != loops:
                raise MappingError(
                    f"all operands have the same loop order, but {operand}'s is not {next(iter(flat))}'s"
                )
        boundaries = {
            operand: tuple(int(end) for end in np.cumsum([len(level) for level in lists]))
            for operand, lists in levels.items()
        }
        return cls(loops, boundaries)

    def levels(self) -> dict[str, list[list[list[Any]]]]:
        """The loops of every operand and level."""
        return {
            operand: [
                [list(loop) for loop in self.loops[begin:end]]
                for begin, end in zip((0, *ends), ends, strict=False)
            ]
            for operand, ends in self.boundaries.items()
        }


@dataclass(frozen=True)
class UnevenCost:
    """What one mapping costs.

    Attributes:
        latency_cycles: compute, stall, initial loading and final off-loading together.
        compute_cycles: iterations of the temporal loops.
        stall_cycles: of the slowest port.
        onloading_cycles: before the first iteration.
        offloading_cycles: after the last one.
        energy_pj: all of it.
        mac_energy_pj: of the multiply-accumulates.
        memory_energy_pj: of every operand, by level.
        accesses: of every operand, by level, full words in the directions of `ACCESSES`.
        port_stall_cycles: of every memory, by port; slack where negative.
        held_bits: in every memory; outputs that are finished there at their final bits.
        utilisation: share of the array's positions and cycles that do work.
    """

    latency_cycles: int
    compute_cycles: int
    stall_cycles: int
    onloading_cycles: int
    offloading_cycles: int
    energy_pj: float
    mac_energy_pj: float
    memory_energy_pj: Mapping[str, tuple[float, ...]]
    accesses: Mapping[str, tuple[dict[str, int], ...]]
    port_stall_cycles: Mapping[str, dict[str, int]]
    held_bits: Mapping[str, int]
    utilisation: float


@dataclass(frozen=True)
class Model:
    """A layer on an accelerator.

    Attributes:
        hardware: the accelerator.
        layer: the layer.
        unrolling: the layer's loops over the array.

    Raises:
        ConfigurationError: at the first use, where the three do not fit together.
    """

    hardware: Hardware
    layer: Layer
    unrolling: Unrolling

    @cached_property
    def tables(self) -> Tables:
        """The arrays of the engine."""
        return build_tables(self.hardware, self.layer, self.unrolling)

    @cached_property
    def temporal(self) -> dict[str, int]:
        """Iterations of every loop that are left for time."""
        return self.unrolling.temporal(self.layer)

    def memories(self, operand: str) -> tuple[str, ...]:
        """Names of an operand's memories, innermost first."""
        levels = self.hardware.hierarchy(self.unrolling.links[operand])
        return tuple(self.hardware.memories[number].name for number in levels)

    def encode(
        self, mapping: UnevenMapping
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """Loops, iterations and boundaries of a mapping as the engine reads them.

        Raises:
            MappingError: the loops do not cover the layer, or boundaries are missing or leave loops out.
        """
        tables, names = self.tables, list(self.layer.loops)
        for loop, _ in mapping.loops:
            if loop not in self.layer.loops:
                raise MappingError(f"mapping has loop {loop!r}{hint(loop, names)}")
        for loop, needed in self.temporal.items():
            got = prod(size for name, size in mapping.loops if name == loop)
            if got != needed:
                raise MappingError(
                    f"loop {loop} of {self.layer.loops[loop]} needs {needed} iterations in time, got {got}"
                )
        boundaries = np.zeros(tables.memory.shape, np.int64)
        for a, operand in enumerate(self.layer.operands):
            own, levels = mapping.boundaries.get(operand), int(tables.levels[a])
            if own is None or len(own) != levels:
                held = ", ".join(self.memories(operand))
                raise MappingError(f"operand {operand} needs {levels} boundaries ({held}), got {own}")
            if list(own) != sorted(own) or own[0] < 0 or own[-1] != len(mapping.loops):
                raise MappingError(
                    f"boundaries of operand {operand} must grow to {len(mapping.loops)}, got {own}"
                )
            boundaries[a, :levels] = own
        loops = np.array([names.index(loop) for loop, _ in mapping.loops], np.int64)
        return loops, np.array([size for _, size in mapping.loops], np.int64), boundaries

    def evaluate(self, mapping: UnevenMapping, *, capacity: bool = True) -> UnevenCost:
        """What a mapping costs.

        Args:
            mapping: the loops and who holds them.
            capacity: whether a memory that overflows is an error; another tool may count otherwise.

        Raises:
            MappingError: the mapping does not cover the layer, or a memory overflows: which and by how much.
        """
        tables = self.tables
        latency, energy, over, found = kernel.evaluate_one(tables, *self.encode(mapping))
        if capacity and over > 0:
            excess = found.needed_bits - tables.size_bits
            m = int(excess.argmax())
            memory = self.hardware.memories[m]
            raise MappingError(
                f"memory {memory.name!r} holds {memory.size_bits} bits, the mapping needs "
                f"{found.needed_bits[m]}: {excess[m]} too many"
            )
        operands = list(zip(self.layer.operands, tables.levels, strict=True))
        stalls: dict[str, dict[str, int]] = {memory.name: {} for memory in self.hardware.memories}
        for (m, p), stall in zip(ports_of(self.hardware), found.stall, strict=True):
            stalls[self.hardware.memories[m].name][self.hardware.memories[m].ports[p].name] = int(stall)
        return UnevenCost(
            latency_cycles=int(latency),
            compute_cycles=int(found.latency[0]),
            stall_cycles=int(found.latency[1]),
            onloading_cycles=int(found.latency[2]),
            offloading_cycles=int(found.latency[3]),
            energy_pj=float(energy),
            mac_energy_pj=float(tables.mac_pj[0]),
            memory_energy_pj={
                name: tuple(float(value) for value in found.energy_pj[a, :levels])
                for a, (name, levels) in enumerate(operands)
            },
            accesses={
                name: tuple(
                    dict(zip(ACCESSES, (int(value) for value in row), strict=True))
                    for row in found.accesses[a, :levels]
                )
                for a, (name, levels) in enumerate(operands)
            },
            port_stall_cycles=stalls,
            held_bits={
                memory.name: int(bits)
                for memory, bits in zip(self.hardware.memories, found.held_bits, strict=True)
            },
            utilisation=self.layer.macs / (prod(self.hardware.array.values()) * int(latency)),
        )

    def evaluate_batch(
        self, loops: ArrayLike, sizes: ArrayLike, boundaries: ArrayLike
    ) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.int64]]:
        """Many mappings of the layer at once, unchecked: rows as `encode` makes them.

        Args:
            loops: (mappings, loops) numbers of loops, the innermost first.
            sizes: (mappings, loops) their iterations.
            boundaries: (mappings, operands, levels).

        Returns:
            Latency in cycles, energy in pJ, and bits above the capacity of the fullest memory: 0 if all fit.
        """
        rows = [np.ascontiguousarray(array, np.int64) for array in (loops, sizes, boundaries)]
        latency, energy, over = kernel.evaluate_batch(self.tables, *rows)
        return latency, energy, over
