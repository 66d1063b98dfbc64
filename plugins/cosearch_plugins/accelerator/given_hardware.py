"""Hardware from a file as what `accelerator` evaluates; the default design is the file's.

Architectures of Timeloop and ours, accelerators of ZigZag, configurations of SCALE-Sim. Imported only when
such a problem is built, as it needs the simulator.
"""

from __future__ import annotations

import os
import re
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from cosearch.errors import ArgumentError
from cosearch.pictures import Picture
from cosearch.space import Categorical, Designs, DesignSpace, Ordinal, Parameter
from cosearch_plugins.accelerator.mapped_network import mapped_pictures
from cosearch_simulators.accelerator.engines.scalesim.entry import evaluate as evaluate_systolic
from cosearch_simulators.accelerator.engines.scalesim.systolic import SystolicArray
from cosearch_simulators.accelerator.engines.timeloop.architectures import (
    evaluate_architectures,
    mapped_network,
)
from cosearch_simulators.accelerator.engines.zigzag.accelerators import METRICS as ZIGZAG_METRICS
from cosearch_simulators.accelerator.engines.zigzag.accelerators import evaluate_hardware
from cosearch_simulators.accelerator.engines.zigzag.hardware import read_hardware
from cosearch_simulators.accelerator.files.documents import (
    OUR_ARCHITECTURE,
    TIMELOOP_ARCHITECTURE,
    ZIGZAG_ACCELERATOR,
    kind_of,
    load,
    refusal,
)
from cosearch_simulators.accelerator.files.scalesim_config import read_config
from cosearch_simulators.accelerator.files.timeloop_architecture import read_timeloop_architecture
from cosearch_simulators.accelerator.mapper import MappingConstraints
from cosearch_simulators.accelerator.silicon.components import EnergyTable, read_energy_table
from cosearch_simulators.accelerator.system.architecture import (
    Architecture,
    preset,
    presets,
    read_architecture,
)
from cosearch_simulators.accelerator.system.designs import MAC, UNITS, ArrayDesigns, with_parts
from cosearch_simulators.core.result import Result
from cosearch_simulators.errors import ConfigurationError, SimulatorError
from cosearch_simulators.workloads import Network

Settings = Any
"""Those of `accelerator`, whose module builds on this one."""

SCALESIM_CONFIG = "a SCALE-Sim configuration"
ENGINE_OF = {
    TIMELOOP_ARCHITECTURE: "timeloop",
    OUR_ARCHITECTURE: "timeloop",
    ZIGZAG_ACCELERATOR: "zigzag",
    SCALESIM_CONFIG: "scalesim",
}
SIZES, ARRAYS = (0.25, 0.5, 1, 2, 4), (0.5, 1, 2)
"""Of the file's numbers, what a design may have instead."""


class GivenHardware(ABC):
    """Hardware of a file: the designs around it, and what they cost.

    Attributes:
        space: the designs; the default is the file's hardware.
        metrics: names of those that are known.
        about: what it is, in a line.
    """

    space: DesignSpace
    metrics: Sequence[str]
    about: str

    @abstractmethod
    def evaluate(self, designs: Designs, network: Network) -> Result:
        """The metrics of designs."""

    def pictures(self, design: Mapping[str, Any], network: Network) -> Sequence[Picture]:
        """Pictures of a design."""
        return ()


def given_hardware(settings: Settings) -> GivenHardware:
    """The hardware of the settings' file.

    Raises:
        ArgumentError: it cannot be read, is something else or of another engine, or its tables do not fit.
    """
    path = str(settings.architecture)
    try:
        kind, content = _kind(path)
        engine = ENGINE_OF[kind]
        if engine != settings.engine:
            raise ArgumentError(f"architecture {path} is {kind}: set engine={engine}, not {settings.engine}")
        if kind == SCALESIM_CONFIG:
            return _Systolic(path, settings)
        if kind == ZIGZAG_ACCELERATOR:
            return _Uneven(path, content, settings)
        return _Levels(path, kind, settings)
    except SimulatorError as error:
        raise ArgumentError(f"architecture: {error}") from None


def _kind(path: str) -> tuple[str, Any]:
    if path in presets():
        return OUR_ARCHITECTURE, None
    if os.path.splitext(path)[1].lower() in (".cfg", ".ini"):
        return SCALESIM_CONFIG, None
    if os.path.splitext(path)[1].lower() in (".csv", ".m", ".onnx"):
        raise ConfigurationError(f"{path} describes what runs, not hardware: give it as workload")
    content = load(path)
    kind = kind_of(content)
    if isinstance(content, dict) and {"architecture", "arch"} & content.keys():  # beside a problem
        kind = TIMELOOP_ARCHITECTURE
    if kind not in ENGINE_OF:
        raise refusal(path, content, "hardware of Timeloop, ZigZag, SCALE-Sim or cosearch")
    return kind, content


class _Levels(GivenHardware):
    """Levels of storage under the mapper, by Timeloop's rules."""

    metrics = tuple(UNITS)

    def __init__(self, path: str, kind: str, settings: Settings) -> None:
        self._settings = settings
        self._constraints, mac = MappingConstraints(), MAC
        if path in presets():
            architecture = preset(path)
        elif kind == OUR_ARCHITECTURE:
            architecture = read_architecture(Path(path))
        else:
            given = read_timeloop_architecture(path)
            architecture, mac, self._constraints = given.architecture, given.mac, given.constraints
        self._base = self._with_tables(architecture, mac)
        self._names = [re.sub(r"\W", "_", level.name, flags=re.ASCII) for level in architecture.levels]
        parameters = self._parameters() or [Categorical("architecture", (architecture.name,))]
        self.space = DesignSpace(parameters, name="accelerator")
        chain = ", ".join(f"{level.name} {_size(level)}" for level in reversed(self._base.levels))
        self.about = f"{architecture.name}: {chain}; {self._base.units:,} multiply-accumulate units"

    def _with_tables(self, architecture: Architecture, mac: str) -> Architecture:
        paths = [Path(p) for p in (self._settings.energy_table, self._settings.area_table) if p is not None]
        if not paths:
            return architecture
        table = read_energy_table(*paths)
        names = [level.name for level in architecture.levels]
        known = {*names, mac}
        if not known & {*table.energy_pj, *table.area_um2}:
            raise ConfigurationError(
                f"{paths[0]} has none of the parts {', '.join([*names, mac])}, only "
                f"{', '.join(table.energy_pj or table.area_um2)}"
            )
        kept = EnergyTable(
            {name: energy for name, energy in table.energy_pj.items() if name in known},
            {name: area for name, area in table.area_um2.items() if name in known},
        )
        return with_parts(architecture, kept, mac)

    def _parameters(self) -> list[Parameter]:
        found: list[Parameter] = []
        for name, level in zip(self._names, self._base.levels, strict=True):
            if (
                level.capacity_words
                and level.read_energy_pj is None
                and level.area_um2 is None
                and level.holds
            ):
                values = sorted({max(int(level.capacity_words * size), 1) for size in SIZES})
                found.append(
                    Ordinal(f"{name}_words", values, default=level.capacity_words, description="it holds")
                )
            for axis, size in zip("xy", (level.array[0], int(np.prod(level.array[1:]))), strict=True):
                if size > 1:
                    values = sorted({max(int(size * factor), 1) for factor in ARRAYS})
                    found.append(
                        Ordinal(
                            f"{name}_array_{axis}", values, default=size, description="instances below it"
                        )
                    )
        return found

    def architecture(self, design: Mapping[str, Any]) -> Architecture:
        """A design as levels of storage."""
        levels = []
        for name, level in zip(self._names, self._base.levels, strict=True):
            words = design.get(f"{name}_words", level.capacity_words)
            block = min(level.block_words, words or level.block_words)
            array = (
                int(design.get(f"{name}_array_x", level.array[0])),
                int(design.get(f"{name}_array_y", np.prod(level.array[1:]))),
            )
            update = {
                "capacity_words": words,
                "block_words": block,
                "banks": min(level.banks, max((words or level.banks * block) // block, 1)),
                "array": array,
            }
            levels.append(level.model_copy(update=update))
        return self._base.model_copy(update={"levels": tuple(levels)})

    def evaluate(self, designs: Designs, network: Network) -> Result:
        """The metrics of designs."""
        settings = self._settings
        static = settings.static_mw_per_mm2
        return evaluate_architectures(
            [self.architecture(design) for design in designs],
            network,
            constraints=self._constraints,
            mapped_for=settings.mapped_for,
            effort=settings.effort,
            static_mw_per_mm2=0.0 if isinstance(static, str) else static,
            threads=settings.threads,
        )

    def pictures(self, design: Mapping[str, Any], network: Network) -> Sequence[Picture]:
        """The array, energy by level and operand, and the roofline."""
        one, settings = self.architecture(design), self._settings
        mapped = mapped_network(
            [one],
            network,
            constraints=self._constraints,
            mapped_for=settings.mapped_for,
            effort=settings.effort,
            threads=1,
        )
        return mapped_pictures(one, network, mapped)


def _size(level: Any) -> str:
    return f"({level.capacity_words:,} words)" if level.capacity_words else "(all)"


class _Uneven(GivenHardware):
    """Memories with ports, by ZigZag's rules."""

    metrics = ZIGZAG_METRICS

    def __init__(self, path: str, content: Any, settings: Settings) -> None:
        array = content.get("operational_array")
        if isinstance(array, dict) and array.get("is_imc"):
            raise ConfigurationError(
                f"{path} computes in its memory (operational_array.is_imc): not modelled"
            )
        try:
            self._hardware = read_hardware(_serving(content))
        except ConfigurationError as error:
            raise ConfigurationError(f"{path}: {error}") from None
        self._settings = settings
        self.space = DesignSpace(
            [
                Categorical("architecture", (self._hardware.name,), description="held: the file's"),
                Ordinal("clock_ghz", (0.2, 0.4, 0.6, 0.8, 1.0), default=1.0),
            ],
            name="accelerator",
        )
        memories = ", ".join(memory.name for memory in reversed(self._hardware.memories))
        array = " x ".join(map(str, self._hardware.array.values()))
        self.about = (
            f"{self._hardware.name}: {memories}; {array} units. Partial sums are as wide as the innermost "
            "memory of outputs, where that is less; the file knows no area"
        )

    def evaluate(self, designs: Designs, network: Network) -> Result:
        """The metrics of designs, which differ in their clock alone."""
        settings = self._settings
        found = evaluate_hardware(
            self._hardware,
            network,
            bits=settings.bits,
            mapped_for=settings.mapped_for,
            effort=settings.effort,
            threads=settings.threads,
        )
        clock = np.asarray(designs["clock_ghz"], np.float64)
        columns = {name: np.repeat(column, len(designs)) for name, column in found.metrics.items()}
        columns["latency_ns"] = columns["latency_ns"] / clock
        columns["edp_pj_s"] = columns["edp_pj_s"] / clock
        columns["power_mw"] = columns["power_mw"] * clock
        return Result.of(columns, list(found.reason) * len(designs))


def _serving(content: Mapping[str, Any]) -> Mapping[str, Any]:
    """The description with memories that serve, further out, what the inner ones of an operand serve."""
    memories = content.get("memories")
    if not isinstance(memories, dict):
        return content
    served: dict[str, list[str]] = {}
    found = {}
    for name, memory in memories.items():
        operands, own = (memory.get(k) for k in ("operands", "served_dimensions")) if memory else (None, None)
        if isinstance(operands, list) and isinstance(own, list):
            own = list(dict.fromkeys([*own, *(d for held in operands for d in served.get(held, []))]))
            served |= dict.fromkeys(operands, own)
            memory = {**memory, "served_dimensions": own}
        found[name] = memory
    return {**content, "memories": found}


class _Systolic(GivenHardware):
    """An array with a buffer for each operand, by SCALE-Sim's rules; a word is a byte, as its kB count."""

    metrics = tuple(UNITS)

    def __init__(self, path: str, settings: Settings) -> None:
        self._config = config = read_config(path)
        self._settings = settings
        self.space = DesignSpace(
            [
                Categorical("architecture", (config.name,), description="held: the file's"),
                Ordinal("clock_ghz", (0.2, 0.4, 0.6, 0.8, 1.0), default=1.0),
            ],
            name="accelerator",
        )
        words = config.bandwidth_words
        limit = "as many as needed" if words is None else " / ".join(map(str, words))
        kib = " / ".join(map(str, config.sram_kib))
        self.about = (
            f"{config.name}: {config.rows} x {config.columns} units, {config.dataflow}; {kib} KiB for "
            f"inputs, weights and outputs; {limit} words a cycle from the memory"
        )

    def evaluate(self, designs: Designs, network: Network) -> Result:
        """The metrics of designs, which differ in their clock alone."""
        from cosearch_simulators.accelerator.system.designs import Chip

        config, settings = self._config, self._settings
        clock = np.asarray(designs["clock_ghz"], np.float64)
        words = config.bandwidth_words or ((1 << 31) - 1,) * 3
        count = len(designs)
        static = settings.static_mw_per_mm2
        columns = ArrayDesigns(
            array_rows=np.full(count, config.rows),
            array_columns=np.full(count, config.columns),
            register_words=np.full(count, 1),
            buffer_kib=np.full(count, sum(config.sram_kib)),
            buffer_banks=np.full(count, 1),
            buffer_words_per_cycle=np.full(count, 128),
            memory_gb_per_s=np.minimum(sum(words) * clock, 1e9),
            dataflow=np.full(count, config.dataflow),
            bits=np.full(count, 8),
            clock_ghz=clock,
        )
        array = SystolicArray(
            np.full((count, 1), config.rows),
            np.full((count, 1), config.columns),
            np.full(
                (count, 1), {"output-stationary": "os", "weight-stationary": "ws"}.get(config.dataflow, "is")
            ),
            *(np.full((count, 1), max(kib * 1024, 2)) for kib in config.sram_kib),
            *(np.full((count, 1), rate) for rate in words),
        )
        chip = Chip(
            settings.technology_nm,
            settings.accumulation_bits,
            0.0 if isinstance(static, str) else float(static),
        )
        return evaluate_systolic(columns, network, replace(chip), array=array)
