"""The blocks that a system on a chip is built of, and what its memories cost by their size."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, TypeAdapter, ValidationError, model_validator

from cosearch_simulators.core.names import unknown
from cosearch_simulators.documents import Document, load, parse
from cosearch_simulators.errors import ConfigurationError

MEMORY_STEP_BYTES = 256_000
"""FARSI rounds a memory's size up to a multiple of this."""

Positive = Annotated[float, Field(gt=0)]


class Block(Document):
    """A block; what is not used by the simulator is kept as it stands in the file.

    Attributes:
        type: a processing element, a memory or a bus.
        subtype: a general-purpose processor, an accelerator, a kind of memory, a bus.
        work_rate: operations a second, or bytes a second of each direction.
        work_over_energy: operations for each joule; of memories the size decides, and buses are free.
        work_over_area: of a processor its reciprocal is its area in m2; of an accelerator, operations for
            each m2: its area is that of its largest task.
        mappable_tasks: those that a processing element can run.
    """

    type: Literal["pe", "mem", "ic"]
    subtype: Literal["gpp", "ip", "sram", "dram", "ic"]
    work_rate: Positive
    work_over_energy: Positive = 1.0
    work_over_area: Positive = 1.0
    one_over_area: Positive = 1.0
    clock_freq_hz: Positive = 1e9
    bus_width_bytes: float | Literal["NA"] = "NA"
    loop_itr_cnt: float = 0
    loop_max_possible_itr_cnt: float = 0
    hop_latency: float = 1.0
    pipe_line_depth: float = 1.0
    mappable_tasks: list[str] = Field(default=[])

    @model_validator(mode="after")
    def _costs_something(self) -> Block:
        if self.type == "pe":
            for name in ("work_over_energy", "work_over_area"):
                if name not in self.model_fields_set:
                    raise ValueError(f"{name} is missing")
        kinds = {"pe": ("gpp", "ip"), "mem": ("sram", "dram"), "ic": ("ic",)}[self.type]
        if self.subtype not in kinds:
            raise ValueError(f"the subtype of a {self.type} is {' or '.join(kinds)}, got {self.subtype!r}")
        return self


@dataclass(frozen=True, eq=False)
class BlockLibrary:
    """Blocks by name, in the file's order.

    Attributes:
        blocks: by name.
    """

    blocks: Mapping[str, Block]

    @classmethod
    def read(cls, path: Path) -> BlockLibrary:
        """The library of a file, a mapping of names to blocks, JSON or YAML.

        Raises:
            ConfigurationError: it cannot be read, or a block is incomplete; names it.
        """
        return cls.parse(load(path), str(path))

    @classmethod
    def parse(cls, data: Any, where: str = "the block library") -> BlockLibrary:
        """The library in these JSON values; `ConfigurationError` if there is none."""
        if not isinstance(data, dict) or not data:
            raise ConfigurationError(f"{where}: expected a mapping of names to blocks")
        return cls({name: parse(Block, block, f"{where}: {name}") for name, block in data.items()})

    @classmethod
    def together(cls, libraries: Sequence[BlockLibrary]) -> BlockLibrary:
        """All blocks of several libraries; one that stands in several runs the tasks of all.

        Raises:
            ConfigurationError: two libraries have another block under one name.
        """
        blocks: dict[str, Block] = {}
        for library in libraries:
            for name, block in library.blocks.items():
                known = blocks.get(name)
                if known is None:
                    blocks[name] = block
                    continue
                tasks = list(dict.fromkeys(known.mappable_tasks + block.mappable_tasks))
                joined = known.model_copy(update={"mappable_tasks": tasks})
                if joined != block.model_copy(update={"mappable_tasks": tasks}):
                    raise ConfigurationError(f"two of the libraries have a block {name!r}, and not the same")
                blocks[name] = joined
        return cls(blocks)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """All, in order; a block's code is its position."""
        return tuple(self.blocks)

    def codes(self, names: Sequence[str]) -> NDArray[np.int64]:
        """Positions of blocks; `ConfigurationError` for a name that is unknown."""
        place = {name: position for position, name in enumerate(self.names)}
        for name in names:
            if name not in place:
                raise ConfigurationError(unknown("block", name, self.names))
        return np.array([place[name] for name in names], np.int64)

    def of_type(self, kind: str, subtype: str = "") -> tuple[str, ...]:
        """Names of the blocks of a type, and of a subtype if one is given."""
        return tuple(
            name
            for name, block in self.blocks.items()
            if block.type == kind and subtype in ("", block.subtype)
        )

    def column(self, name: str) -> NDArray[np.float64]:
        """A number of every block, float64 (blocks,)."""
        return np.array([getattr(block, name) for block in self.blocks.values()], np.float64)

    def runs(self, tasks: Sequence[str]) -> NDArray[np.bool_]:
        """Which block can run which task: bool (blocks, T); of `workload/task` the task counts."""
        short = [task.rpartition("/")[2] for task in tasks]
        able = [set(block.mappable_tasks) for block in self.blocks.values()]
        return np.array([[task in those for task in short] for those in able])


class MemoryCost(Document):
    """What a memory of a size costs: joules for each byte, square metres."""

    mem_type: str = ""
    farsi_subtype: Literal["sram", "dram"]
    size_bytes: Positive
    read_J_per_byte: Positive
    write_J_per_byte: Positive
    area_m2: Positive


@dataclass(frozen=True, eq=False)
class MemoryTable:
    """Energy and area of memories at some sizes; between two sizes, straight on logarithmic scales.

    A size that the table has costs what stands there. One below the smallest or above the largest follows
    the line of the two nearest sizes.

    Attributes:
        sizes: by kind, float64 (k,), rising.
        costs: by kind, float64 (k, 3): read and write in J/B, area in m2.
    """

    sizes: Mapping[str, NDArray[np.float64]]
    costs: Mapping[str, NDArray[np.float64]]

    @classmethod
    def read(cls, path: Path) -> MemoryTable:
        """The table of a file, a list of sizes with their costs, JSON or YAML.

        Raises:
            ConfigurationError: it cannot be read, or a row is incomplete.
        """
        return cls.parse(load(path), str(path))

    @classmethod
    def parse(cls, data: Any, where: str = "the memory table") -> MemoryTable:
        """The table in these JSON values; `ConfigurationError` if there is none."""
        try:
            rows = TypeAdapter(list[MemoryCost]).validate_python(data)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            place = ".".join(str(part) for part in first["loc"])
            raise ConfigurationError(f"{where}: row {place}: {first['msg'].lower()}") from error
        sizes, costs = {}, {}
        for kind in ("sram", "dram"):
            mine = sorted((row for row in rows if row.farsi_subtype == kind), key=lambda row: row.size_bytes)
            found = np.array([row.size_bytes for row in mine])
            if len(found) < 2 or np.any(np.diff(found) == 0):
                raise ConfigurationError(f"{where}: expected at least two sizes of {kind}, each once")
            sizes[kind] = found
            costs[kind] = np.array([(row.read_J_per_byte, row.write_J_per_byte, row.area_m2) for row in mine])
        return cls(sizes, costs)

    def at(self, kind: str, steps: NDArray[np.int64]) -> NDArray[np.float64]:
        """Costs of sizes of so many steps of `MEMORY_STEP_BYTES`; float64 (n, 3); of none, nothing."""
        sizes, costs = np.log(self.sizes[kind]), np.log(self.costs[kind])
        wanted = np.log(np.maximum(steps, 1) * float(MEMORY_STEP_BYTES))
        above = np.clip(np.searchsorted(sizes, wanted - 1e-12), 1, len(sizes) - 1)
        share = (wanted - sizes[above - 1]) / (sizes[above] - sizes[above - 1])
        found = np.exp(costs[above - 1] + share[:, None] * (costs[above] - costs[above - 1]))
        exact = np.abs(wanted[:, None] - sizes[None, :]) < 1e-12
        rows, places = exact.nonzero()
        found[rows] = self.costs[kind][places]
        found[steps == 0] = 0.0
        return found
