"""A mapping as data: tile factors, loop order and spatial unrolling at each level, in YAML and JSON.

`Mapping.pack` and `pack` turn mappings into the arrays of `evaluation`, `unpack` turns them back.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from pathlib import Path
from typing import Literal

import numpy as np
from pydantic import Field, field_validator

from cosearch_simulators.accelerator.common.arrays import Mappings
from cosearch_simulators.accelerator.engines.timeloop.evaluation import evaluate
from cosearch_simulators.accelerator.system.architecture import Architecture, Tensor
from cosearch_simulators.core.names import hint
from cosearch_simulators.documents import Document, read, write
from cosearch_simulators.errors import ConfigurationError
from cosearch_simulators.workloads.loop_nest import LOOPS, TENSORS, LoopNest

Loop = Literal["G", "N", "K", "C", "P", "Q", "R", "S"]
_LARGEST_FACTOR = np.iinfo(np.int32).max


class LevelMapping(Document):
    """The loops of one level.

    Attributes:
        level: name of the storage level.
        temporal: iterations of each loop; loops that are not named have one.
        order: loops, innermost first; those that are not named lie outside of them.
        spatial: for each axis of the level's array, how many instances each loop is spread over; where two
            are given, the second is all axes but the first together.
        keeps: tensors that stay at the level; None for all that it may hold.
    """

    level: str
    temporal: dict[Loop, int] = Field(default_factory=dict)
    order: tuple[Loop, ...] = ()
    spatial: tuple[dict[Loop, int], ...] = ()
    keeps: tuple[Tensor, ...] | None = None

    @field_validator("order")
    @classmethod
    def _once(cls, order: tuple[Loop, ...]) -> tuple[Loop, ...]:
        if len(set(order)) < len(order):
            raise ValueError("each loop may be named once")
        return order

    @field_validator("temporal")
    @classmethod
    def _positive(cls, temporal: dict[Loop, int]) -> dict[Loop, int]:
        for loop, factor in temporal.items():
            _check(loop, factor)
        return temporal

    @field_validator("spatial")
    @classmethod
    def _all_positive(cls, spatial: tuple[dict[Loop, int], ...]) -> tuple[dict[Loop, int], ...]:
        for axis in spatial:
            for loop, factor in axis.items():
                _check(loop, factor)
        return spatial


class Mapping(Document):
    """One operator's mapping on an architecture.

    Attributes:
        levels: innermost first; levels of the architecture that are not named have no loops.
    """

    levels: tuple[LevelMapping, ...] = Field(min_length=1)

    def pack(self, architecture: Architecture) -> Mappings:
        """The arrays of this mapping alone.

        Raises:
            ConfigurationError: a level is unknown or named twice, or an axis of an array is exceeded.
        """
        return pack([self], architecture)

    def fault(self, architecture: Architecture, nest: LoopNest) -> str:
        """Why this is no mapping of an operator, as one line; empty if it is one."""
        try:
            return evaluate([architecture.compile()], [nest], self.pack(architecture)).reason(0)
        except ConfigurationError as error:
            return str(error)


def pack(mappings: Sequence[Mapping], architecture: Architecture) -> Mappings:
    """The arrays of mappings.

    Raises:
        ConfigurationError: a level is unknown or named twice, or an axis of an array is exceeded.
    """
    names = [level.name for level in architecture.levels]
    shape = (len(mappings), len(names), len(LOOPS))
    temporal, spatial = np.ones(shape, np.int32), np.ones((2, *shape), np.int32)
    order = np.tile(np.arange(len(LOOPS), dtype=np.int8), (*shape[:2], 1))
    allowed = [[tensor in level.holds for tensor in TENSORS] for level in architecture.levels]
    keeps = np.tile(np.array(allowed, np.uint8), (len(mappings), 1, 1))
    for number, mapping in enumerate(mappings):
        seen: set[str] = set()
        for entry in mapping.levels:
            if entry.level not in names:
                raise ConfigurationError(
                    f"the mapping names no level {entry.level!r}{hint(entry.level, names)}"
                )
            if entry.level in seen:
                raise ConfigurationError(f"the mapping names {entry.level} twice")
            seen.add(entry.level)
            level = names.index(entry.level)
            for loop, factor in entry.temporal.items():
                temporal[number, level, LOOPS.index(loop)] = factor
            rest = [loop for loop in LOOPS if loop not in entry.order]
            order[number, level] = [LOOPS.index(loop) for loop in (*entry.order, *rest)]
            _pack_array(entry, architecture.levels[level].array, spatial[:, number, level])
            if entry.keeps is not None:
                keeps[number, level] = [tensor in entry.keeps for tensor in TENSORS]
    return Mappings(temporal, order, spatial[0], spatial[1], keeps)


def _pack_array(entry: LevelMapping, array: tuple[int, ...], factors: np.ndarray) -> None:
    """Put the spatial factors of a level into (2, 8) for X and Y, the first axis and the others."""
    for axis, loops in enumerate(entry.spatial):
        across = 1
        for loop, factor in loops.items():
            factors[min(axis, 1), LOOPS.index(loop)] *= factor
            across *= factor
        size = array[axis] if axis < len(array) else 1
        if axis == 1 and len(entry.spatial) == 2:
            size = prod(array[1:])  # the second of two axes stands for all but the first
        if across > size:
            raise ConfigurationError(
                f"{entry.level}: {across} instances along axis {axis}, the array has {size}"
            )


def unpack(mappings: Mappings, number: int, architecture: Architecture) -> Mapping:
    """One mapping of a batch as data; axes of an array beyond the second are not told apart."""
    levels = []
    for level, storage in enumerate(architecture.levels):
        axes = [
            {
                name: int(factor)
                for name, factor in zip(LOOPS, factors[number, level], strict=True)
                if factor > 1
            }
            for factors in (mappings.spatial_x, mappings.spatial_y)
        ]
        while axes and not axes[-1]:
            axes.pop()
        steps = mappings.temporal[number, level]
        temporal = {name: int(factor) for name, factor in zip(LOOPS, steps, strict=True) if factor > 1}
        order = tuple(LOOPS[loop] for loop in mappings.order[number, level] if LOOPS[loop] in temporal)
        keeps = None
        if mappings.keeps is not None:
            held = zip(TENSORS, mappings.keeps[number, level], strict=True)
            keeps = tuple(tensor for tensor, keep in held if keep)
        levels.append(
            LevelMapping.model_validate(
                {"level": storage.name, "temporal": temporal, "order": order, "spatial": axes, "keeps": keeps}
            )
        )
    return Mapping(levels=tuple(levels))


def read_mapping(path: Path) -> Mapping:
    """The mapping in a YAML or JSON file.

    Raises:
        ConfigurationError: the file cannot be read, or a field is missing, unknown or has a bad value.
    """
    return read(Mapping, path)


def write_mapping(mapping: Mapping, path: Path) -> None:
    """Write a mapping, as JSON where the name ends so, else as YAML."""
    write(mapping, path)


def _check(loop: str, factor: int) -> None:
    if not 1 <= factor <= _LARGEST_FACTOR:
        raise ValueError(f"the factor of {loop} must be from 1 to {_LARGEST_FACTOR}, is {factor}")
