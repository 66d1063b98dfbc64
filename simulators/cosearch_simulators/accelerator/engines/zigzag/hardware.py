"""The accelerator of the uneven model as data: memories with ports, and the array that they feed.

The shape of a description is the one that ZigZag's hardware files have, as YAML, JSON or a dict: memories by
name from the innermost to the outermost, each with the operands that it holds, so that every operand has a
hierarchy of its own. What an operand's loops do in it is left to `tables`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from cosearch_simulators.core.names import hint
from cosearch_simulators.documents import load
from cosearch_simulators.errors import ConfigurationError

DIRECTIONS = {
    "tl": "read for the level below",
    "fl": "written by the level below",
    "th": "read for the level above",
    "fh": "written by the level above",
}
"""What a port can be allocated to: to-low, from-low, to-high, from-high."""

_MOST_BITS = 2**62
"""Of a memory or an access: sums of two are still 64-bit integers."""


@dataclass(frozen=True)
class Port:
    """One port of a memory.

    Attributes:
        name: unique in its memory.
        bandwidth_min: bits of the smallest access: less is fetched as much.
        bandwidth_max: bits a cycle; an access of all of them costs the memory's read or write energy.
        serves: (operand, direction) pairs, directions as in `DIRECTIONS`.
    """

    name: str
    bandwidth_min: int
    bandwidth_max: int
    serves: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Memory:
    """One memory, or as many as the array has positions that it does not serve together.

    Attributes:
        name: unique in the accelerator.
        size_bits: capacity of one instance.
        read_energy_pj: of an access of a port's full width.
        write_energy_pj: of an access of a port's full width.
        operands: the memory operands that it holds.
        ports: who moves what.
        served_dimensions: array dimensions along which one instance serves every position.
    """

    name: str
    size_bits: int
    read_energy_pj: float
    write_energy_pj: float
    operands: tuple[str, ...]
    ports: tuple[Port, ...]
    served_dimensions: tuple[str, ...]

    def port_of(self, operand: str, direction: str) -> int | None:
        """The number of the port that this movement is allocated to."""
        for number, port in enumerate(self.ports):
            if (operand, direction) in port.serves:
                return number
        return None


@dataclass(frozen=True)
class Hardware:
    """An accelerator.

    Attributes:
        name: of the description.
        memories: from the innermost to the outermost.
        array: positions of every array dimension.
        mac_energy_pj: of one multiply-accumulate.
    """

    name: str
    memories: tuple[Memory, ...]
    array: Mapping[str, int]
    mac_energy_pj: float

    def hierarchy(self, operand: str) -> tuple[int, ...]:
        """Numbers of the memories that hold an operand, innermost first."""
        return tuple(number for number, memory in enumerate(self.memories) if operand in memory.operands)


class _PortSpec(BaseModel):
    model_config = ConfigDict(extra="ignore")
    name: str
    bandwidth_min: int = Field(gt=0, le=_MOST_BITS)
    bandwidth_max: int = Field(gt=0, le=_MOST_BITS)
    allocation: list[str]

    @field_validator("allocation")
    @classmethod
    def _known_directions(cls, allocation: list[str]) -> list[str]:
        for entry in allocation:
            operand, comma, direction = (part.strip() for part in entry.partition(","))
            if not operand or not comma or direction not in DIRECTIONS:
                known = ", ".join(DIRECTIONS)
                raise ValueError(f"expected 'OPERAND, DIRECTION' with a direction of {known}, got {entry!r}")
        return allocation

    @model_validator(mode="after")
    def _ordered_bandwidths(self) -> _PortSpec:
        if self.bandwidth_min > self.bandwidth_max:
            raise ValueError(
                f"bandwidth_min {self.bandwidth_min} is above bandwidth_max {self.bandwidth_max}"
            )
        return self


class _MemorySpec(BaseModel):
    model_config = ConfigDict(extra="ignore")
    size: int = Field(gt=0, le=_MOST_BITS)
    r_cost: float = Field(ge=0, allow_inf_nan=False)
    w_cost: float = Field(ge=0, allow_inf_nan=False)
    operands: list[str] = Field(min_length=1)
    ports: list[_PortSpec] = Field(min_length=1)
    served_dimensions: list[str]


class _ArraySpec(BaseModel):
    model_config = ConfigDict(extra="ignore")
    unit_energy: float = Field(ge=0, allow_inf_nan=False)
    dimensions: list[str] = Field(min_length=1)
    sizes: list[int] = Field(min_length=1)

    @model_validator(mode="after")
    def _one_size_a_dimension(self) -> _ArraySpec:
        if len(self.dimensions) != len(self.sizes):
            raise ValueError(f"{len(self.dimensions)} dimensions but {len(self.sizes)} sizes")
        if min(self.sizes) < 1:
            raise ValueError(f"sizes must be at least 1, got {min(self.sizes)}")
        return self


class _HardwareSpec(BaseModel):
    model_config = ConfigDict(extra="ignore")
    name: str = "accelerator"
    memories: dict[str, _MemorySpec] = Field(min_length=1)
    operational_array: _ArraySpec


def read_hardware(source: Mapping[str, Any] | str | Path) -> Hardware:
    """The accelerator of a description, or of a YAML or JSON file with one.

    Raises:
        ConfigurationError: the file cannot be read, a field is missing or out of its bounds, or the memories
            do not make a hierarchy.
    """
    try:
        spec = _HardwareSpec.model_validate(source if isinstance(source, Mapping) else load(Path(source)))
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"])
        raise ConfigurationError(f"hardware field {field}: {first['msg']}") from error
    array = dict(zip(spec.operational_array.dimensions, spec.operational_array.sizes, strict=True))
    memories = tuple(_memory(name, memory, array) for name, memory in spec.memories.items())
    hardware = Hardware(spec.name, memories, array, spec.operational_array.unit_energy)
    for operand in sorted({operand for memory in memories for operand in memory.operands}):
        _check_hierarchy(hardware, operand)
    return hardware


def _memory(name: str, spec: _MemorySpec, array: Mapping[str, int]) -> Memory:
    for dimension in spec.served_dimensions:
        if dimension not in array:
            raise ConfigurationError(
                f"memory {name!r} serves array dimension {dimension!r}{hint(dimension, array)}"
            )
    ports = tuple(
        Port(
            port.name,
            port.bandwidth_min,
            port.bandwidth_max,
            tuple(_serves(entry) for entry in port.allocation),
        )
        for port in spec.ports
    )
    for port in ports:
        for operand, _ in port.serves:
            if operand not in spec.operands:
                raise ConfigurationError(
                    f"port {port.name!r} of memory {name!r} serves {operand!r}{hint(operand, spec.operands)}"
                )
    return Memory(
        name,
        spec.size,
        spec.r_cost,
        spec.w_cost,
        tuple(spec.operands),
        ports,
        tuple(spec.served_dimensions),
    )


def _serves(entry: str) -> tuple[str, str]:
    operand, _, direction = entry.partition(",")
    return operand.strip(), direction.strip()


def _check_hierarchy(hardware: Hardware, operand: str) -> None:
    """Outer memories serve all that inner ones serve: else nothing feeds the positions between."""
    levels = [hardware.memories[number] for number in hardware.hierarchy(operand)]
    for inner, outer in pairwise(levels):
        missing = set(inner.served_dimensions) - set(outer.served_dimensions)
        if missing:
            raise ConfigurationError(
                f"memory {outer.name!r} feeds {inner.name!r} with {operand!r} "
                f"but does not serve array dimension {min(missing)!r} as that one does"
            )
