"""The problem `npu-multicore`: an NPU of several cores and how it schedules a network's tiles.

The clock is the event-driven `cosearch_simulators.accelerator.engines.npu`, imported when a problem is built.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field

from cosearch.objectives import Metric, Objective
from cosearch.outcomes import Outcomes
from cosearch.pictures import Picture
from cosearch.problem import Problem
from cosearch.settings import Settings, setting
from cosearch.space import Categorical, Designs, DesignSpace, Ordinal
from cosearch_plugins.accelerator.network_workload import (
    NETWORKS,
    NetworkText,
    described_network,
    read_network,
)
from cosearch_plugins.accelerator.npu_pictures import (
    cores_picture,
    energy_picture,
    npu_roofline,
    power_picture,
    timeline_picture,
)
from cosearch_plugins.shared_settings import Threads

SPACE = DesignSpace(
    [
        Ordinal("cores", (1, 2, 4, 8, 16), default=2),
        Ordinal("array_rows", (8, 16, 32, 64, 128), default=32),
        Ordinal("array_columns", (8, 16, 32, 64, 128), default=32),
        Categorical("dataflow", ("output_stationary", "weight_stationary", "input_stationary")),
        Ordinal("vector_lanes", (8, 16, 32, 64, 128), default=32, description="operations a cycle of a core"),
        Ordinal("buffer_kib", (64, 128, 256, 512, 1024, 2048), default=512, description="of each core"),
        Ordinal("buffers", (1, 2, 3, 4), default=2, description="tiles that share a core's buffer"),
        Ordinal("dma_gb_per_s", (8, 16, 32, 64), default=32, description="of each core"),
        Ordinal("dram_gb_per_s", (12.8, 25.6, 51.2, 102.4), default=51.2),
        Ordinal("clock_ghz", (0.5, 0.8, 1.0, 1.2), default=1.0),
        Categorical("schedule", ("any_core", "one_core")),
    ],
    name="npu-multicore",
    groups={
        "cores": ["cores", "schedule", "clock_ghz"],
        "compute": ["array_rows", "array_columns", "dataflow", "vector_lanes"],
        "memory": ["buffer_kib", "buffers", "dma_gb_per_s", "dram_gb_per_s"],
    },
)

METRICS = (
    Metric("latency_ns", "ns", "from the first load to the last store"),
    Metric("energy_pj", "pJ", "the sum of the four parts below, without leakage"),
    Metric("area_mm2", "mm2", "arrays, vector units and buffers of all cores, at 45 nm"),
    Metric("power_mw", "mW", "energy over latency"),
    Metric("utilisation", "1", "multiply-accumulates over those that all arrays could have done in the time"),
    Metric("dram_bytes", "B", "moved to and from the DRAM"),
    Metric("roofline_ns", "ns", "what no schedule can beat"),
    Metric("serial_ns", "ns", "all work of all units one after the other"),
    Metric("matrix_energy_pj", "pJ", "multiply-accumulates"),
    Metric("vector_energy_pj", "pJ", "vector operations"),
    Metric("buffer_energy_pj", "pJ", "accesses of the cores' buffers"),
    Metric("dram_energy_pj", "pJ", "transfers"),
)


class NpuMulticoreSettings(Settings):
    """What runs."""

    workload: NetworkText = "resnet18"
    bits: Annotated[int, Field(ge=1)] | Literal["network"] = setting(
        8,
        "of weights and activations; `network`: each operator's own, as a quantised file tells them",
        unit="bits",
    )
    threads: Threads = None


class NpuMulticore(Problem):
    """A multi-core NPU running a network, as a timeline of transfers, array and vector work over tiles.

    Example:
        >>> NpuMulticore(workload="mobilenet_v2").evaluate(SPACE.sample(1, 0)).status.tolist()
        ['ok']
    """

    Settings = NpuMulticoreSettings
    settings: NpuMulticoreSettings
    name = "npu-multicore"
    space = SPACE
    metrics = METRICS
    objectives = tuple(Objective(name, "min") for name in ("latency_ns", "energy_pj", "area_mm2"))
    fidelities = ("analytical",)
    workloads = NETWORKS

    def build(self) -> None:
        """Read the network."""
        bits = self.settings.bits
        self.network = read_network(self.settings.workload, None if bits == "network" else bits)
        self.about = described_network(self.network)

    def simulate(self, designs: Designs, *, fidelity: str, seed: int) -> Outcomes:
        """All designs in one call of the simulator."""
        from cosearch_simulators.accelerator.engines.npu import Npus, simulate

        npus = Npus(**{p.name: np.asarray(designs[p.name]) for p in SPACE})
        result = simulate(npus, self.network, threads=self.settings.threads, on_error="mark")
        return Outcomes.of({m.name: getattr(result, m.name) for m in METRICS}, errors=result.error)

    def pictures(self, design: Mapping[str, Any]) -> Sequence[Picture]:
        """Arrays, energy, roofline, power over time, and the timeline of the units."""
        from cosearch_simulators.accelerator.engines.npu import Npus, timeline

        npu = Npus(**{p.name: design[p.name] for p in SPACE})
        line = timeline(npu, self.network)
        outcomes = self.evaluate(self.space.designs([design]))
        metrics = {name: float(column[0]) for name, column in outcomes.metrics.items()}
        return (
            cores_picture(design, line, self.network, metrics),
            energy_picture(line, metrics),
            npu_roofline(design, line, self.network),
            power_picture(line, self.network.name),
            timeline_picture(line, int(design["cores"])),
        )
