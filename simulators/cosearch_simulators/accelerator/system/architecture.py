"""An accelerator as data: storage levels, the arrays between them, and its multiply-accumulate units.

`Architecture.compile()` gives the arrays of `evaluation`; where energies are not given they come from
`components`.

Example:
    >>> from cosearch_simulators.accelerator.system.architecture import preset
    >>> preset("eyeriss").compile().names
    ('PsumRegister', 'WeightRegister', 'InputRegister', 'GlobalBuffer', 'DRAM')
"""

from __future__ import annotations

from importlib import resources
from math import inf, prod
from pathlib import Path
from typing import Literal

import numpy as np
from pydantic import Field, field_validator, model_validator

from cosearch_simulators.accelerator.common import nest_tables
from cosearch_simulators.accelerator.common.arrays import CompiledArchitecture
from cosearch_simulators.accelerator.silicon import components
from cosearch_simulators.accelerator.silicon.components import EnergyTable
from cosearch_simulators.core.names import hint
from cosearch_simulators.documents import Document, read, write
from cosearch_simulators.errors import ConfigurationError
from cosearch_simulators.workloads.loop_nest import TENSORS
from cosearch_simulators.workloads.operators import Precision

Tensor = Literal["Weights", "Inputs", "Outputs"]

LARGEST_CAPACITY = 2**40
"""Words of one instance."""

LARGEST_WIDTH = 2**20
"""Bits of a word, words of a block, and banks."""

LARGEST_ARRAY = 2**20
"""Instances along an axis, more than a wafer has; the units of all levels' arrays are at most 2^31 - 1."""


class StorageLevel(Document):
    """A level of the hierarchy; numbers are those of one instance.

    Attributes:
        name: unique in the architecture.
        kind: what its energy and area are modelled as.
        capacity_words: words it holds; None for the outermost level, which holds everything.
        word_bits: bits of a word.
        block_words: words of one access; its energy is that of the block, shared by the words.
        banks: equal parts; an access wakes one.
        read_bandwidth_words: words a cycle; None for no limit.
        write_bandwidth_words: the same, for fills and updates.
        shared_bandwidth: whether reads and writes take turns at one port, as on a memory's bus: the level is
            busy for its reads at the one bandwidth and then for its writes at the other (that of the other
            where only one is given). Else both go on at once.
        read_energy_pj: of a word; None for the model's.
        write_energy_pj: of a word; None for the model's.
        area_um2: None for the model's.
        holds: the tensors that it may hold; a level without any only spreads those of the levels above.
        array: instances of the level below (of MACs for the innermost) along each axis; the mapping's X is
            the first axis, its Y all others together.
        multicast: whether one read serves all below that need the same words at the same step.
        reduction: whether partial sums from below are added up on their way.
    """

    name: str = Field(min_length=1)
    kind: Literal["register_file", "sram", "dram"] = "sram"
    capacity_words: int | None = Field(default=None, gt=0, le=LARGEST_CAPACITY)
    word_bits: int = Field(default=16, gt=0, le=LARGEST_WIDTH)
    block_words: int = Field(default=1, gt=0, le=LARGEST_WIDTH)
    banks: int = Field(default=1, gt=0, le=LARGEST_WIDTH)
    read_bandwidth_words: float | None = Field(default=None, gt=0)
    write_bandwidth_words: float | None = Field(default=None, gt=0)
    shared_bandwidth: bool = False
    read_energy_pj: float | None = Field(default=None, ge=0)
    write_energy_pj: float | None = Field(default=None, ge=0)
    area_um2: float | None = Field(default=None, ge=0)
    holds: tuple[Tensor, ...] = TENSORS  # type: ignore[assignment]
    array: tuple[int, ...] = (1, 1)
    multicast: bool = True
    reduction: bool = True

    @field_validator("array")
    @classmethod
    def _positive(cls, array: tuple[int, ...]) -> tuple[int, ...]:
        if not array or min(array) < 1:
            raise ValueError("must have at least 1 instance along each axis")
        if max(array) > LARGEST_ARRAY:
            raise ValueError(f"must have at most {LARGEST_ARRAY} instances along each axis")
        return array

    @model_validator(mode="after")
    def _possible(self) -> StorageLevel:
        if self.capacity_words is not None and self.banks * self.block_words > self.capacity_words:
            raise ValueError(
                f"{self.name}: {self.banks} banks of at least one block of {self.block_words} words "
                f"do not fit into {self.capacity_words} words"
            )
        return self


class Mac(Document):
    """The multiply-accumulate units.

    Attributes:
        word_bits: of an operand.
        per_cycle: how many one unit does a cycle.
        energy_pj: None for the model's.
        area_um2: None for the model's.
    """

    word_bits: int = Field(default=16, gt=0, le=LARGEST_WIDTH)
    per_cycle: float = Field(default=1.0, gt=0)
    energy_pj: float | None = Field(default=None, ge=0)
    area_um2: float | None = Field(default=None, ge=0)


class Architecture(Document):
    """An accelerator.

    Attributes:
        name: for people.
        levels: innermost first; the last is the backing store.
        mac: what the innermost level's array consists of.
        technology_nm: of everything on the chip.
        clock_ghz: turns cycles into time.
        memory: kind of the backing store, one of `components.DRAM_PJ_A_BIT`.
        energy_model: where energies come from that are not given: published figures, or Timeloop's built-in
            table.
    """

    name: str = "accelerator"
    levels: tuple[StorageLevel, ...] = Field(min_length=1)
    mac: Mac = Mac()
    technology_nm: float = Field(default=45.0, ge=7, le=130)
    clock_ghz: float = Field(default=1.0, gt=0)
    memory: str = "ddr3"
    energy_model: Literal["published", "timeloop"] = "published"

    @model_validator(mode="after")
    def _consistent(self) -> Architecture:
        names = [level.name for level in self.levels]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"levels: two are called {name!r}")
        for number, level in enumerate(self.levels[:-1]):
            if level.capacity_words is None:
                raise ValueError(
                    f"levels.{number}.capacity_words is missing: only the last level is unlimited"
                )
        if self.units >= 2**31:
            raise ValueError(f"levels: the arrays have {self.units} units together, more than {2**31 - 1}")
        outermost = self.levels[-1]
        if outermost.capacity_words is None and outermost.kind != "dram" and outermost.read_energy_pj is None:
            raise ValueError(
                f"levels.{len(names) - 1}: the energy of an {outermost.kind} without capacity_words is not "
                "known, give read_energy_pj or kind: dram"
            )
        for tensor in TENSORS:
            if tensor not in outermost.holds:
                raise ValueError(
                    f"levels.{len(names) - 1}.holds: nothing feeds {tensor}, "
                    "the outermost level must hold all tensors"
                )
        if self.memory not in components.DRAM_PJ_A_BIT:
            raise ValueError(f"memory: unknown {self.memory!r}{hint(self.memory, components.DRAM_PJ_A_BIT)}")
        return self

    def level(self, name: str) -> StorageLevel:
        """The level of this name.

        Raises:
            ConfigurationError: there is none.
        """
        for level in self.levels:
            if level.name == name:
                return level
        raise ConfigurationError(f"no level {name!r}{hint(name, [level.name for level in self.levels])}")

    @property
    def units(self) -> int:
        """Multiply-accumulate units."""
        return prod(prod(level.array) for level in self.levels)

    def instances(self, number: int) -> int:
        """Instances of a level."""
        return prod(prod(level.array) for level in self.levels[number + 1 :])

    def read_pj(self, level: StorageLevel) -> float:
        """Energy of reading a word; writing costs the same where it is not given."""
        if level.read_energy_pj is not None:
            return level.read_energy_pj
        block_bits = level.word_bits * level.block_words
        if level.kind == "dram":
            if self.energy_model == "timeloop":
                return components.TIMELOOP_DRAM_PJ * level.word_bits / 16
            return components.dram_energy_pj(level.word_bits, self.memory)
        bits = (level.capacity_words or 0) * level.word_bits / level.banks
        if self.energy_model == "timeloop":
            return components.timeloop_sram_energy_pj(bits, block_bits) / level.block_words
        return components.sram_energy_pj(bits, block_bits, self.technology_nm) / level.block_words

    @property
    def mac_pj(self) -> float:
        """Energy of a multiply-accumulate."""
        if self.mac.energy_pj is not None:
            return self.mac.energy_pj
        if self.energy_model == "timeloop":
            return components.TIMELOOP_MAC_PJ * (self.mac.word_bits / 16) ** 2
        return components.mac_energy_pj(self.mac.word_bits, self.technology_nm)

    def area_by_part_mm2(self) -> dict[str, float]:
        """Area of all instances of each part on the chip."""
        unit = self.mac.area_um2
        if unit is None:
            unit = components.mac_area_um2(self.mac.word_bits, self.technology_nm)
        areas = {"MAC": self.units * unit * 1e-6}
        for number, level in enumerate(self.levels):
            area = level.area_um2
            if area is None:
                if level.kind == "dram" or level.capacity_words is None:
                    continue
                model = (
                    components.register_area_um2
                    if level.kind == "register_file"
                    else components.sram_area_um2
                )
                area = model(level.capacity_words * level.word_bits, self.technology_nm)
            areas[level.name] = self.instances(number) * area * 1e-6
        return areas

    def with_energies(self, table: EnergyTable, mac: str = "MAC") -> Architecture:
        """The same architecture with a table's energies (of an access to a block) and areas.

        Args:
            table: components go by the levels' names.
            mac: name of the multiply-accumulate unit in the table.

        Raises:
            ConfigurationError: a level is not in the table.
        """
        levels = [
            level.model_copy(
                update={
                    "read_energy_pj": table.energy(level.name, ("read",)) / level.block_words,
                    "write_energy_pj": table.energy(level.name, ("write", "update")) / level.block_words,
                    "area_um2": table.area_um2.get(level.name, level.area_um2),
                }
            )
            for level in self.levels
        ]
        unit = self.mac.model_copy(
            update={
                "energy_pj": table.energy(mac, ("compute", "mac_random", "mac", "multiply", "read")),
                "area_um2": table.area_um2.get(mac, self.mac.area_um2),
            }
        )
        return self.model_copy(update={"levels": tuple(levels), "mac": unit})

    def compile(self, precision: Precision | None = None) -> CompiledArchitecture:
        """The arrays of the batched evaluation.

        Args:
            precision: bits of each operand, whose elements are packed: they take their share of a level's
                words, bandwidth and energy. Outputs are sums everywhere but in the backing store. None for
                one word an element at every level.

        Raises:
            ConfigurationError: an operand is wider than the multiply-accumulate units.
        """
        if precision is not None:
            for operand in ("weight_bits", "input_bits"):
                if getattr(precision, operand) > self.mac.word_bits:
                    raise ConfigurationError(
                        f"precision: {operand} {getattr(precision, operand)} is more than the "
                        f"{self.mac.word_bits} of {self.name}'s multiply-accumulate units"
                    )
        table = np.zeros((len(self.levels), nest_tables.LEVEL_COLUMNS))
        allowed = np.zeros((len(self.levels), len(TENSORS)), np.uint8)
        for row, holds, level in zip(table, allowed, self.levels, strict=True):
            row[nest_tables.CAPACITY] = inf if level.capacity_words is None else level.capacity_words
            limits = level.read_bandwidth_words, level.write_bandwidth_words
            if level.shared_bandwidth:
                limits = limits[0] or limits[1], limits[1] or limits[0]
            row[nest_tables.READ_BANDWIDTH], row[nest_tables.WRITE_BANDWIDTH] = (x or inf for x in limits)
            row[nest_tables.SHARED_BANDWIDTH] = level.shared_bandwidth
            row[nest_tables.FANOUT_X] = level.array[0]
            row[nest_tables.FANOUT_Y] = prod(level.array[1:])
            row[nest_tables.MULTICAST], row[nest_tables.REDUCTION] = level.multicast, level.reduction
            read_pj = self.read_pj(level)
            write_pj = read_pj if level.write_energy_pj is None else level.write_energy_pj
            widths = np.ones(len(TENSORS))
            if precision is not None:
                outputs = precision.output_bits if level is self.levels[-1] else precision.accumulation_bits
                widths = np.array([precision.weight_bits, precision.input_bits, outputs]) / level.word_bits
            row[nest_tables.WIDTH : nest_tables.WIDTH + 3] = widths
            row[nest_tables.READ_PJ : nest_tables.READ_PJ + 3] = read_pj * widths
            row[nest_tables.WRITE_PJ : nest_tables.WRITE_PJ + 3] = write_pj * widths
            holds[:] = [tensor in level.holds for tensor in TENSORS]
        names = tuple(level.name for level in self.levels)
        constants = np.array([self.mac_pj, self.mac.per_cycle])
        return CompiledArchitecture(names, table, allowed, constants, sum(self.area_by_part_mm2().values()))


def read_architecture(path: Path) -> Architecture:
    """The architecture in a YAML or JSON file.

    Raises:
        ConfigurationError: the file cannot be read, or a field is missing, unknown or has a bad value.
    """
    return read(Architecture, path)


def write_architecture(architecture: Architecture, path: Path) -> None:
    """Write an architecture, as JSON where the name ends so, else as YAML."""
    write(architecture, path)


def presets() -> tuple[str, ...]:
    """Names of the built-in architectures."""
    folder = resources.files("cosearch_simulators.accelerator.system") / "presets"
    return tuple(sorted(Path(entry.name).stem for entry in folder.iterdir() if entry.name.endswith(".yaml")))


def preset(name: str) -> Architecture:
    """A built-in architecture.

    Raises:
        ConfigurationError: there is none of this name.
    """
    if name not in presets():
        raise ConfigurationError(f"unknown architecture {name!r}{hint(name, presets())}")
    with resources.as_file(
        resources.files("cosearch_simulators.accelerator.system") / "presets" / f"{name}.yaml"
    ) as path:
        return read_architecture(path)
