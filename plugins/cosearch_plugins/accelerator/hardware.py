"""The problem `accelerator`: array, buffers, bandwidths, dataflow, precision and clock of an accelerator.

Every layer of the network is mapped by `cosearch_simulators.accelerator.mapper` on every design, so that a
design is judged by the best mapping found for it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import model_validator

from cosearch.errors import ArgumentError
from cosearch.fidelity import Fidelity
from cosearch.objectives import Metric, Objective
from cosearch.outcomes import Outcomes
from cosearch.pictures import Picture
from cosearch.problem import Problem
from cosearch.settings import InputFile, Settings, setting
from cosearch.space import Categorical, Designs, DesignSpace, Ordinal
from cosearch_plugins.accelerator.bound import bounded_network, machines_of
from cosearch_plugins.accelerator.files import read_energies, read_template, with_energies
from cosearch_plugins.accelerator.mapped_network import (
    Effort,
    Goal,
    map_on,
    network_pictures,
    vector_elements,
    vector_traffic,
)
from cosearch_plugins.accelerator.network_workload import NETWORKS, NetworkText, read_network
from cosearch_plugins.accelerator.timeline import timed
from cosearch_plugins.shared_settings import Threads

if TYPE_CHECKING:
    from cosearch_simulators.accelerator.engines.bound import BoundedNetwork
    from cosearch_simulators.accelerator.silicon.components import EnergyTable
    from cosearch_simulators.accelerator.system.architecture import Architecture
    from cosearch_simulators.workloads import Precision

DATAFLOWS = (
    "row-stationary",
    "weight-stationary",
    "output-stationary",
    "input-stationary",
    "nvdla-like",
    "flexible",
)
"""`flexible` spreads any loops over the array; the others are `accelerator.templates`."""

SPACE = DesignSpace(
    [
        Ordinal("array_rows", (4, 8, 16, 32, 64), default=16),
        Ordinal("array_columns", (4, 8, 16, 32, 64), default=16),
        Ordinal("register_words", (16, 32, 64, 128, 256, 512), default=128, description="of each unit"),
        Ordinal("buffer_kib", (32, 64, 128, 256, 512, 1024, 2048), default=256),
        Ordinal("buffer_banks", (1, 2, 4, 8, 16, 32), default=8),
        Ordinal("buffer_words_per_cycle", (8, 16, 32, 64, 128), default=32),
        Ordinal(
            "memory_gb_per_s",
            (3.2, 6.4, 12.8, 25.6, 51.2),
            default=12.8,
            description="of the memory's bus, which reads and writes share",
        ),
        Categorical("dataflow", DATAFLOWS),
        Ordinal("bits", (8, 16), default=8, description="of weights and activations"),
        Ordinal("clock_ghz", (0.2, 0.4, 0.6, 0.8, 1.0), default=0.6),
    ],
    name="accelerator",
    groups={
        "array": ["array_rows", "array_columns", "dataflow", "bits", "clock_ghz"],
        "memories": ["register_words", "buffer_kib", "buffer_banks"],
        "bandwidths": ["buffer_words_per_cycle", "memory_gb_per_s"],
    },
)

METRICS = (
    Metric("latency_ns", "ns", "of all layers, one after the other, each with its fill and drain"),
    Metric("energy_pj", "pJ", "all accesses and operations, without leakage"),
    Metric("area_mm2", "mm2", "of the chip"),
    Metric("edp_pj_s", "pJ s", "energy times latency"),
    Metric("power_mw", "mW", "energy over latency"),
    Metric("utilisation", "1", "multiply-accumulates done, of those that the array could do in the time"),
    Metric("cycles", "1", "the latency in clock cycles"),
)


class AcceleratorSettings(Settings):
    """What runs, how it is mapped, and what is not searched."""

    workload: NetworkText = "resnet18"
    mapped_for: Goal = setting("edp", "what each layer's mapping is the best for")
    effort: Effort = "fast"
    technology_nm: float = setting(45.0, "feature size of the chip", unit="nm", ge=7, le=130)
    bits: Literal[8, 16] | None = setting(
        None, "of weights and activations, instead of searching them", unit="bits"
    )
    accumulation_bits: int = setting(
        32,
        "of partial sums on the chip, at least those of activations; 32 hold 100,000 products of two signed "
        "8-bit words without overflow",
        unit="bits",
        ge=8,
        le=64,
    )
    template: InputFile | None = setting(
        None,
        "a YAML or JSON file with a dataflow (fields of `accelerator.templates.Template`), instead of "
        "searching the built-in ones",
    )
    energy_table: InputFile | None = setting(
        None,
        "a YAML file with energies and areas for some or all of the parts Registers, Buffer, DRAM and MAC, "
        "as Accelergy's ERT and ART or as `components:` of `read_energy_pj`, `write_energy_pj`, "
        "`compute_energy_pj` and `area_um2`; pJ of a word and um2 of an instance, whatever its size",
    )
    threads: Threads = None

    @model_validator(mode="after")
    def _sums_hold_activations(self) -> Self:
        least = self.bits or 16
        if self.accumulation_bits < least:
            raise ArgumentError(
                f"accumulation_bits must be from {least}, the bits of activations, to 64, "
                f"got {self.accumulation_bits}"
            )
        return self


class Accelerator(Problem):
    """A deep-learning accelerator for a network: each layer runs with the best mapping that is found.

    Registers in every unit, one shared buffer and the memory. Elementwise operators of one input are part of
    the layer before; other vector operators take the time and the energy of their traffic to the memory.

    Fidelities: `bound`, what no mapping goes below, in microseconds for each design; `mapper`, the best
    mapping found, the default; `timeline`, the tiles of that mapping one by one through the memory's bus,
    buffer and array, layers overlapping as they depend on each other: its latency, and the mapper's energy.

    Example:
        >>> problem = Accelerator(workload="alexnet")
        >>> problem.evaluate(problem.space.designs([problem.space.default()])).status.tolist()
        ['ok']
    """

    Settings = AcceleratorSettings
    settings: AcceleratorSettings
    name = "accelerator"
    space = SPACE
    metrics = METRICS
    objectives = tuple(Objective(name, "min") for name in ("latency_ns", "energy_pj", "area_mm2"))
    # Relative costs: processor time for each design, as tests/benchmarks/fidelity_ranks.py measures it.
    fidelities = (
        Fidelity("bound", 0.0003, "what no mapping goes below, in closed form"),
        Fidelity("mapper", 1.0, "the best mapping that is found for each layer"),
        Fidelity("timeline", 1.0, "that mapping's tiles in time: layers overlap, units wait for each other"),
    )
    default_fidelity = "mapper"
    workloads = NETWORKS

    def build(self) -> None:
        """Read the network and the files; hold what is not searched."""
        settings = self.settings
        self.accumulation_bits = settings.accumulation_bits
        self.template = None if settings.template is None else read_template(settings.template)
        fixed = []
        if settings.bits is not None:
            fixed.append(Categorical("bits", (settings.bits,), description="of weights and activations"))
        if self.template is not None:
            fixed.append(Categorical("dataflow", (self.template.name,)))
        held = {parameter.name: parameter for parameter in fixed}
        if held:
            parameters = [held.get(p.name, p) for p in SPACE]
            self.space = DesignSpace(parameters, name=self.name, groups=SPACE.groups)
        self.network = read_network(settings.workload)
        if not self.network.matrix_operators:
            raise ArgumentError(f"workload {settings.workload!r} has no operator with multiplications")
        self.mapped_for, self.effort = settings.mapped_for, settings.effort
        self.technology_nm, self.threads = settings.technology_nm, settings.threads
        self.energies: EnergyTable | None = None
        if settings.energy_table is not None:
            self.energies = read_energies(settings.energy_table, self.architecture(self.space.default()))

    def simulate(self, designs: Designs, *, fidelity: str, seed: int) -> Outcomes:
        """All designs of one dataflow in one call of the mapper, or all in one of the bound."""
        if fidelity == "bound":
            return self._bound(designs)
        count = len(designs)
        columns = {metric.name: np.full(count, np.nan) for metric in METRICS}
        errors = [""] * count
        flows = np.asarray(designs["dataflow"])
        for flow in dict.fromkeys(flows.tolist()):
            mine = np.flatnonzero(flows == flow)
            for name, values, reasons in self._run(flow, [designs[int(i)] for i in mine], fidelity):
                columns[name][mine] = values
                for i, reason in zip(mine, reasons, strict=True):
                    errors[i] = reason
        return Outcomes.of(columns, errors=errors)

    def pictures(self, design: Mapping[str, Any]) -> Sequence[Picture]:
        """The array with its utilisation, energy by level and operand, and the roofline with every layer."""
        architecture = self.architecture(design)
        return network_pictures(
            *(architecture, self.network, self.template or design["dataflow"], self.mapped_for, self.effort),
            self._precision(design),
        )

    def architecture(self, design: Mapping[str, Any]) -> Architecture:
        """The design as an architecture."""
        from cosearch_simulators.accelerator.system.architecture import Architecture, Mac, StorageLevel

        bits, clock_ghz = int(design["bits"]), float(design["clock_ghz"])
        memory_words = float(design["memory_gb_per_s"]) / (bits / 8) / clock_ghz
        buffer_words = float(design["buffer_words_per_cycle"])
        found = Architecture(
            name="design",
            technology_nm=self.technology_nm,
            clock_ghz=clock_ghz,
            mac=Mac(word_bits=bits),
            levels=(
                StorageLevel(
                    name="Registers",
                    kind="register_file",
                    capacity_words=int(design["register_words"]),
                    word_bits=bits,
                ),
                StorageLevel(
                    name="Buffer",
                    capacity_words=int(design["buffer_kib"]) * 8192 // bits,
                    word_bits=bits,
                    banks=int(design["buffer_banks"]),
                    read_bandwidth_words=buffer_words,
                    write_bandwidth_words=buffer_words,
                    array=(int(design["array_columns"]), int(design["array_rows"])),
                ),
                StorageLevel(
                    name="DRAM",
                    kind="dram",
                    word_bits=bits,
                    read_bandwidth_words=memory_words,
                    write_bandwidth_words=memory_words,
                    shared_bandwidth=True,
                ),
            ),
        )
        return found if self.energies is None else with_energies(found, self.energies)

    def _precision(self, design: Mapping[str, Any]) -> Precision:
        """Bits of each operand."""
        from cosearch_simulators.workloads import Precision

        bits = int(design["bits"])
        return Precision(bits, bits, bits, self.accumulation_bits)

    def _run(
        self, flow: str, designs: Sequence[Mapping[str, Any]], fidelity: str
    ) -> Sequence[tuple[str, NDArray[np.float64], Sequence[str]]]:
        """Columns and reasons of designs with one dataflow."""
        architectures = [self.architecture(design) for design in designs]
        mapped = map_on(
            *(architectures, self.network, self.template or flow, self.mapped_for, self.effort, self.threads),
            [self._precision(design) for design in designs],
        )
        if isinstance(mapped, str):
            reasons: Sequence[str] = [mapped] * len(designs)
            return [(metric.name, np.full(len(designs), np.nan), reasons) for metric in METRICS]
        clock_ghz = np.array([architecture.clock_ghz for architecture in architectures])
        memory = np.array([float(design["memory_gb_per_s"]) for design in designs])
        bits = np.array([int(design["bits"]) for design in designs])
        vector_bytes, vector_pj = vector_traffic(self.network, architectures, bits)
        latency_ns = mapped.cycles / clock_ghz + vector_bytes / memory
        if fidelity == "timeline":
            precisions = [self._precision(design) for design in designs]
            latency_ns = timed(mapped, architectures, self.network, precisions, self.threads)
        columns = self._columns(
            latency_ns,
            mapped.energy_pj + vector_pj,
            np.array([sum(a.area_by_part_mm2().values()) for a in architectures]),
            np.array([architecture.units for architecture in architectures]),
            clock_ghz,
        )
        return [(name, column, mapped.reasons) for name, column in columns.items()]

    def _bound(self, designs: Designs) -> Outcomes:
        """What no mapping goes below, all designs at once as columns."""
        from cosearch_simulators.accelerator.engines.bound import area_mm2

        columns = {p.name: np.asarray(designs[p.name]) for p in self.space}
        like = self.architecture(self.space.default())
        found = machines_of(columns, like, self.accumulation_bits)
        cycles, energy_pj, reasons = bounded_network(self._bounded, columns["dataflow"], found, self.template)
        elements = vector_elements(self.network)
        memory, clock_ghz = (columns[name].astype(np.float64) for name in ("memory_gb_per_s", "clock_ghz"))
        values = self._columns(
            cycles / clock_ghz + elements * columns["bits"] / 8 / memory,
            energy_pj + elements * found.memory_pj[:, 0],
            area_mm2(like, found, columns["bits"]),
            found.columns * found.rows,
            clock_ghz,
        )
        return Outcomes.of(values, errors=reasons)

    @cached_property
    def _bounded(self) -> BoundedNetwork:
        from cosearch_simulators.accelerator.engines.bound import BoundedNetwork

        return BoundedNetwork(self.network)

    def _columns(
        self,
        latency_ns: NDArray[np.float64],
        energy_pj: NDArray[np.float64],
        area_mm2: NDArray[np.float64],
        units: NDArray[np.int64],
        clock_ghz: NDArray[np.float64],
    ) -> dict[str, NDArray[np.float64]]:
        """All metrics, of what is measured."""
        return {
            "latency_ns": latency_ns,
            "energy_pj": energy_pj,
            "area_mm2": area_mm2,
            "edp_pj_s": energy_pj * latency_ns * 1e-9,
            "power_mw": energy_pj / latency_ns,
            "utilisation": sum(o.macs for o in self.network.operators) / (units * clock_ghz * latency_ns),
            "cycles": np.ceil(latency_ns * clock_ghz),
        }
