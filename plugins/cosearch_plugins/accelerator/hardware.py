"""The problem `accelerator`: array, buffers, bandwidths, dataflow, precision and clock of an accelerator.

Every layer of the network is costed on every design by the rules of the engine that is asked for; the rules
and numbers are `cosearch_simulators.accelerator.engines`'.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
from pydantic import model_validator

from cosearch.errors import ArgumentError
from cosearch.fidelity import Fidelity
from cosearch.objectives import Metric, Objective
from cosearch.outcomes import Outcomes
from cosearch.pictures import Picture
from cosearch.problem import Problem
from cosearch.settings import InputFile, Settings, setting
from cosearch.space import Categorical, Designs, DesignSpace, Ordinal, Parameter
from cosearch_plugins.accelerator.files import HardwareText, read_energies, read_template
from cosearch_plugins.accelerator.mapped_network import Effort, Goal, network_pictures
from cosearch_plugins.accelerator.network_workload import (
    NETWORKS,
    NetworkText,
    described_network,
    read_network,
)
from cosearch_plugins.external import accelerator as external
from cosearch_plugins.shared_settings import Threads

if TYPE_CHECKING:
    from cosearch_plugins.accelerator.given_hardware import GivenHardware
    from cosearch_simulators.accelerator.engines.bound import BoundedNetwork
    from cosearch_simulators.accelerator.system.architecture import Architecture
    from cosearch_simulators.accelerator.system.designs import ArrayDesigns
    from cosearch_simulators.core.result import Result
    from cosearch_simulators.workloads import Precision

DATAFLOWS = (
    "row-stationary",
    "weight-stationary",
    "output-stationary",
    "input-stationary",
    "nvdla-like",
    "flexible",
)
"""`flexible` spreads any loops over the array; the others are `accelerator.mapping.templates`."""

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
    Metric("latency_ns", "ns", "from the first load of the first layer to the last store of the last one"),
    Metric("energy_pj", "pJ", "all accesses and operations, and leakage where `static_mw_per_mm2` gives one"),
    Metric("area_mm2", "mm2", "of the chip"),
    Metric("edp_pj_s", "pJ s", "energy times latency"),
    Metric("power_mw", "mW", "energy over latency"),
    Metric("utilisation", "1", "multiply-accumulates done, of those that the array could do in the time"),
    Metric("cycles", "1", "the latency in clock cycles"),
    Metric("static_energy_pj", "pJ", "leakage in `energy_pj`: static power by area, for all of the latency"),
)

Engine = Literal["timeloop", "zigzag", "maestro", "scalesim", "npu"]

# Relative costs: processor time for each design, as tests/benchmarks/fidelity_ranks.py measures it.
MAPPED = (
    Fidelity("bound", 0.0003, "what no mapping goes below, in closed form"),
    Fidelity("mapper", 1.0, "the best mapping that is found for each layer"),
    Fidelity("timeline", 1.0, "that mapping's tiles in time: layers overlap, units wait for each other"),
)
FIDELITIES: dict[str, tuple[Fidelity, ...]] = {
    "timeloop": MAPPED,
    "zigzag": (Fidelity("mapper", 0.001, "the best uneven mapping that is found for each layer"),),
    "maestro": (Fidelity("analytical", 1.0, "each layer under its dataflow's directives"),),
    "scalesim": (Fidelity("analytical", 1e-5, "each layer folded on the array, in closed form"),),
    "npu": (Fidelity("timeline", 1.0, "tiles of all operators as a timeline of one core"),),
}
"""By engine."""


class AcceleratorSettings(Settings):
    """What runs, by whose rules it is costed, how it is mapped, and what of the chip is not searched."""

    workload: NetworkText = "resnet18"
    engine: Engine = setting(
        "timeloop",
        "whose rules cost a layer: `timeloop` (any mapping; everything overlaps), `zigzag` (uneven mappings: "
        "each operand has level boundaries of its own; stalls of every port), `maestro` (a dataflow's "
        "directives; no flexible, input-stationary or nvdla-like one, no batch, dilation or groups of many "
        "channels), `scalesim` (products folded on a systolic array; no registers, no buffer bandwidth), "
        "`npu` (a timeline of tiles over SCALE-Sim's folds; no registers). What an engine does not know is "
        "held, and says so in the space",
    )
    mapped_for: Goal = setting("edp", "what each layer's mapping is the best for (timeloop, zigzag)")
    effort: Effort = "fast"
    fusion: bool = setting(
        False,
        "whether tensors between consecutive layers may stay whole in the buffer (timeloop); layers then "
        "come without the cycles that fill and drain the array",
    )
    technology_nm: float = setting(45.0, "feature size of the chip", unit="nm", ge=7, le=130)
    static_mw_per_mm2: float | Literal["library"] = setting(
        0.0,
        "leakage by area, counted for all of the latency; `library`: that of published cells, at 7 nm "
        "(ASAP7, 0.761), 45 nm (NanGate, 17.5) or 130 nm (SkyWater, 0.000422)",
        unit="mW/mm2",
    )
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
        "a YAML or JSON file with a dataflow (fields of `accelerator.mapping.templates.Template`), instead "
        "of searching the built-in ones (timeloop, zigzag)",
    )
    architecture: HardwareText | None = setting(
        None,
        "hardware from a file, in place of the space's: a Timeloop architecture of any version or one of "
        "cosearch (engine=timeloop; also `eyeriss`, `nvdla`, `shidiannao` and `tpu`), a ZigZag accelerator "
        "(engine=zigzag), a SCALE-Sim configuration (engine=scalesim). It is the default design; "
        "searched are its sizes and arrays (timeloop) or its clock",
    )
    area_table: InputFile | None = setting(
        None, "Accelergy's ART beside an ERT as `energy_table`, for the parts of `architecture`"
    )
    energy_table: InputFile | None = setting(
        None,
        "a YAML file with energies and areas for some or all of the parts Registers, Buffer, DRAM and MAC, "
        "as Accelergy's ERT and ART or as `components:` of `read_energy_pj`, `write_energy_pj`, "
        "`compute_energy_pj` and `area_um2`; pJ of a word and um2 of an instance, whatever its size",
    )
    external: Literal["zigzag", "scalesim", "timeloop", "accelforge"] | None = setting(
        None,
        "the tool behind the fidelity `external`; None: that of the engine (zigzag, scalesim). `timeloop` "
        "and `accelforge` judge designs of engine=timeloop",
    )
    external_program: InputFile | None = setting(
        None, "where timeloop-mapper is; default on the path, or where COSEARCH_TIMELOOP_MAPPER says"
    )
    external_timeout_s: float = setting(
        900.0,
        "for each layer that the fidelity `external` runs",
        unit="s",
        gt=0,
        le=86_400,
        affects_results=False,
    )
    threads: Threads = None

    @model_validator(mode="after")
    def _possible(self) -> Self:
        least = self.bits or 16
        if self.accumulation_bits < least:
            raise ArgumentError(
                f"accumulation_bits must be from {least}, the bits of activations, to 64, "
                f"got {self.accumulation_bits}"
            )
        if self.fusion and self.engine != "timeloop":
            raise ArgumentError(f"fusion is known to the engine timeloop only, got engine {self.engine}")
        if self.area_table is not None and self.architecture is None:
            raise ArgumentError("area_table is for the parts of architecture: give that, or use energy_table")
        if self.architecture is not None and (self.template is not None or self.fusion):
            raise ArgumentError("architecture is mapped freely: leave out template and fusion")
        if self.architecture is not None and self.energy_table is not None and self.engine != "timeloop":
            raise ArgumentError(
                f"energies of an architecture of {self.engine} are its own: leave out energy_table"
            )
        if self.template is not None and self.engine not in ("timeloop", "zigzag"):
            raise ArgumentError(f"the engine {self.engine} has dataflows of its own, it takes no template")
        if isinstance(self.static_mw_per_mm2, float) and not 0 <= self.static_mw_per_mm2 < np.inf:
            raise ArgumentError(
                f"static_mw_per_mm2 must be a number of at least 0, got {self.static_mw_per_mm2}"
            )
        return self


class Accelerator(Problem):
    """A deep-learning accelerator for a network: each layer runs with the best mapping that is found.

    Registers in every unit, one shared buffer and the memory. Elementwise operators of one input are part of
    the layer before; other vector operators take the time and the energy of their traffic to the memory.

    Fidelities of the engine `timeloop`: `bound`, what no mapping goes below, in microseconds for each design;
    `mapper`, the best mapping found, the default: all layers one after the other, each with its fill and
    drain; `timeline`, the tiles of that mapping one by one through the memory's bus, buffer and array, layers
    overlapping as they depend on each other: its latency, and the mapper's energy. Other engines have one of
    their own, and `zigzag` and `scalesim` have `external`, which is the tool itself.

    Example:
        >>> problem = Accelerator(workload="alexnet")
        >>> problem.evaluate(problem.space.designs([problem.space.default()])).status.tolist()
        ['ok']
    """

    Settings = AcceleratorSettings
    settings: AcceleratorSettings
    name = "accelerator"
    space = SPACE
    metrics: Sequence[Metric] = METRICS
    objectives = tuple(Objective(name, "min") for name in ("latency_ns", "energy_pj", "area_mm2"))
    fidelities: Sequence[Fidelity | str] = MAPPED
    default_fidelity = "mapper"
    workloads = NETWORKS
    given: GivenHardware | None = None
    tool: str = ""

    def build(self) -> None:
        """Read the network and the files; hold what is not searched."""
        from cosearch_simulators.accelerator.system.designs import Chip

        settings = self.settings
        if settings.architecture is not None:
            self._build_given(settings)
            return
        template = None if settings.template is None else read_template(settings.template)
        ours = FIDELITIES[settings.engine]
        self.default_fidelity = "mapper" if settings.engine == "timeloop" else ours[-1].name
        self.tool = external.tool_for(settings.engine, settings.external)
        self.fidelities = (*ours, external.FIDELITIES[self.tool]) if self.tool else ours
        self.needs = {"external": external.need(self.tool)} if self.tool else {}
        held = self._held(None if template is None else template.name)
        if held:
            parameters = [held.get(p.name, p) for p in SPACE]
            self.space = DesignSpace(parameters, name=self.name, groups=SPACE.groups)
        self.network = read_network(settings.workload)
        self.about = described_network(self.network)
        if not self.network.matrix_operators:
            raise ArgumentError(f"workload {settings.workload!r} has no operator with multiplications")
        if reason := self.engine.admits(self.network):
            raise ArgumentError(f"the engine {settings.engine} cannot run {settings.workload!r}: {reason}")
        self.chip = Chip(settings.technology_nm, settings.accumulation_bits, self._leakage(), None, template)
        if settings.energy_table is not None:
            table = read_energies(settings.energy_table, self.architecture(self.space.default()))
            self.chip = replace(self.chip, energies=table)

    def _build_given(self, settings: AcceleratorSettings) -> None:
        """Take the hardware of the file."""
        from cosearch_plugins.accelerator.given_hardware import given_hardware

        self.network = read_network(settings.workload)
        if not self.network.matrix_operators:
            raise ArgumentError(f"workload {settings.workload!r} has no operator with multiplications")
        self.given = given_hardware(settings)
        self.space = self.given.space
        self.about = f"{described_network(self.network)}. On {self.given.about}"
        self.metrics = tuple(metric for metric in METRICS if metric.name in self.given.metrics)
        names = {metric.name for metric in self.metrics}
        self.objectives = tuple(o for o in type(self).objectives if o.metric in names)
        timing = "analytical" if settings.engine == "scalesim" else "mapper"
        self.fidelities = tuple(f for f in FIDELITIES[settings.engine] if f.name == timing)
        self.default_fidelity = timing

    @property
    def engine(self) -> Any:
        """The entry of the engine, a module."""
        return import_module(f"cosearch_simulators.accelerator.engines.{self.settings.engine}.entry")

    def simulate(self, designs: Designs, *, fidelity: str, seed: int) -> Outcomes:
        """All designs in one call of the engine."""
        if self.given is not None:
            given = self.given.evaluate(designs, self.network)
            return Outcomes({m.name: given.metrics[m.name] for m in self.metrics}, given.codes, given.reason)
        found = self._evaluate(self._columns(designs), fidelity)
        return Outcomes(found.metrics, found.codes, found.reason)

    def pictures(self, design: Mapping[str, Any]) -> Sequence[Picture]:
        """The array with its utilisation, energy by level and operand, and the roofline with every layer.

        They are of the mappings by Timeloop's rules; other engines have none.
        """
        if self.given is not None:
            return self.given.pictures(design, self.network)
        if self.settings.engine != "timeloop":
            return ()
        outcomes = self.evaluate(self.space.designs([design]))
        return network_pictures(
            self.architecture(design),
            self.network,
            self.chip.template or design["dataflow"],
            self.settings.mapped_for,
            self.settings.effort,
            self._precision(design),
            static_pj=float(outcomes["static_energy_pj"][0]),
        )

    def architecture(self, design: Mapping[str, Any]) -> Architecture:
        """The design as an architecture."""
        return self._columns({name: [value] for name, value in design.items()}).architecture(0, self.chip)

    def _precision(self, design: Mapping[str, Any]) -> Precision:
        """Bits of each operand."""
        return self._columns({name: [value] for name, value in design.items()}).precision(0, self.chip)

    def _columns(self, designs: Any) -> ArrayDesigns:
        from cosearch_simulators.accelerator.system.designs import ArrayDesigns

        return ArrayDesigns(**{parameter.name: np.asarray(designs[parameter.name]) for parameter in SPACE})

    def _evaluate(self, designs: ArrayDesigns, fidelity: str) -> Result:
        settings = self.settings
        asked: dict[str, Any] = {"threads": settings.threads}
        if fidelity == "bound":
            from cosearch_simulators.accelerator.engines.bound.entry import evaluate

            return evaluate(designs, self.network, self.chip, bounded=self._bounded)
        if fidelity == "external":
            return external.evaluate(
                self.tool,
                designs,
                self.network,
                self.chip,
                threads=settings.threads,
                timeout_s=settings.external_timeout_s,
                program=settings.external_program,
                mapped_for=settings.mapped_for,
                effort=settings.effort,
            )
        if settings.engine in ("timeloop", "zigzag"):
            asked |= {"mapped_for": settings.mapped_for, "effort": settings.effort}
        if settings.engine == "timeloop":
            asked |= {"timeline": fidelity == "timeline", "fusion": settings.fusion}
        found: Result = self.engine.evaluate(designs, self.network, self.chip, **asked)
        return found

    @cached_property
    def _bounded(self) -> BoundedNetwork:
        from cosearch_simulators.accelerator.engines.bound import BoundedNetwork

        return BoundedNetwork(self.network)

    def _held(self, template: str | None) -> dict[str, Parameter]:
        """What this problem does not search, each with the one value that it has and why."""
        bits, engine = self.settings.bits, self.settings.engine
        held: dict[str, Parameter] = {}
        for name, (value, reason) in self.engine.HELD.items():
            held[name] = Categorical(name, (value,), description=f"held, unknown to {engine}: {reason}")
        if bits is not None:
            held["bits"] = Categorical("bits", (bits,), description="of weights and activations")
        if template is not None:
            held["dataflow"] = Categorical("dataflow", (template,))
        elif self.engine.DATAFLOWS != DATAFLOWS:
            known = self.engine.DATAFLOWS
            held["dataflow"] = Categorical("dataflow", known, description=f"those that {engine} knows")
        return held

    def _leakage(self) -> float:
        from cosearch_simulators.accelerator.silicon.leakage import library_mw_per_mm2
        from cosearch_simulators.errors import SimulatorError

        asked = self.settings.static_mw_per_mm2
        if asked != "library":
            return float(asked)
        try:
            return library_mw_per_mm2(self.settings.technology_nm)
        except SimulatorError as error:
            raise ArgumentError(f"static_mw_per_mm2: {error}") from None
