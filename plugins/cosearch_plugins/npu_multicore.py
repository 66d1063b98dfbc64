"""The problem `npu-multicore`: an NPU of several cores and how it schedules a network's tiles.

The clock is the event-driven `cosearch_simulators.accelerator.npu`, imported when a problem is built.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cosearch.objectives import Constraint, Metric, Objective
from cosearch.outcomes import Outcomes
from cosearch.pictures import Picture
from cosearch.problem import Problem
from cosearch.space import Categorical, Designs, DesignSpace, Ordinal
from cosearch_plugins.argument_checks import thread_count, whole_number
from cosearch_plugins.network_workload import NETWORKS, absolute_network, network_digest, read_network

if TYPE_CHECKING:
    from cosearch_simulators.accelerator.npu import Timeline

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

SHOWN_GAPS = 2000  # of a timeline: pieces of one operator with a shorter gap between them are one bar


class NpuMulticore(Problem):
    """A multi-core NPU running a network, as a timeline of transfers, array and vector work over tiles.

    Args:
        workload: a built-in network, with arguments if wanted (`gpt2:sequence_length=128`), or an ONNX file.
        bits: of weights and activations.
        threads: designs simulated at once; default as many as cores, but one in each of several workers.
        objectives: default latency_ns:min, energy_pj:min and area_mm2:min.
        constraints: default none.

    Raises:
        UnknownNameError: an unknown network.
        WorkloadError: a network that cannot be made or read.

    Example:
        >>> NpuMulticore(workload="mobilenet_v2").evaluate(SPACE.sample(1, 0)).status.tolist()
        ['ok']
    """

    name = "npu-multicore"
    space = SPACE
    metrics = METRICS
    objectives = tuple(Objective(name, "min") for name in ("latency_ns", "energy_pj", "area_mm2"))
    fidelities = ("analytical",)
    workloads = NETWORKS
    groups = {  # noqa: RUF012
        "cores": ["cores", "schedule", "clock_ghz"],
        "compute": ["array_rows", "array_columns", "dataflow", "vector_lanes"],
        "memory": ["buffer_kib", "buffers", "dma_gb_per_s", "dram_gb_per_s"],
    }

    def __init__(
        self,
        *,
        workload: str = "resnet18",
        bits: int = 8,
        threads: int | None = None,
        objectives: Sequence[Objective | str] | None = None,
        constraints: Sequence[Constraint | str] | None = None,
    ) -> None:
        whole_number("bits", bits, 1)
        self.network = read_network(workload, bits)
        self.workload_digest = network_digest(workload)
        self.arguments = {**self.arguments, "workload": absolute_network(workload)}
        self.threads = thread_count(threads)
        super().__init__(objectives=objectives, constraints=constraints)

    def simulate(self, designs: Designs, *, fidelity: str, seed: int) -> Outcomes:
        """All designs in one call of the simulator."""
        from cosearch_simulators.accelerator.npu import Npus, simulate

        npus = Npus(**{p.name: np.asarray(designs[p.name]) for p in SPACE})
        result = simulate(npus, self.network, threads=self.threads, on_error="mark")
        return Outcomes.of({m.name: getattr(result, m.name) for m in METRICS}, errors=result.error)

    def pictures(self, design: Mapping[str, Any]) -> Sequence[Picture]:
        """Power over time, and the timeline of the units."""
        from cosearch_simulators.accelerator.npu import UNITS, Npus, timeline

        line = timeline(Npus(**{p.name: design[p.name] for p in SPACE}), self.network)
        edges_ns, power_mw = line.power_trace(samples=300)
        middle_us = (edges_ns[:-1] + edges_ns[1:]) / 2000
        power = Picture(
            "Power over time",
            f"What each kind of unit draws while {self.network.name} runs once, in "
            f"{line.latency_ns / 1000:,.1f} us; leakage is not modelled.",
            [
                {
                    "type": "scatter",
                    "mode": "lines",
                    "stackgroup": "power",
                    "name": unit,
                    "x": middle_us,
                    "y": mw,
                }
                for unit, mw in zip(UNITS, power_mw, strict=True)
            ],
            {"xaxis": {"title": {"text": "time [us]"}}, "yaxis": {"title": {"text": "power [mW]"}}},
        )
        rows = [f"core {core} {unit}" for core in range(int(design["cores"])) for unit in UNITS]
        first, last = _bars(line, line.latency_ns / SHOWN_GAPS)
        traces = []
        for code, unit in enumerate(UNITS):
            mine = np.flatnonzero(line.unit[first] == code)
            traces.append(
                {
                    "type": "bar",
                    "orientation": "h",
                    "name": unit,
                    "y": [rows[len(UNITS) * line.core[i] + code] for i in first[mine]],
                    "base": line.start_ns[first[mine]] / 1000,
                    "x": (line.end_ns[last[mine]] - line.start_ns[first[mine]]) / 1000,
                    "hovertext": [line.names[line.operator[i]] for i in first[mine]],
                }
            )
        gantt = Picture(
            "Timeline of the units",
            f"A bar is a unit's work on tiles of one operator ({line.start_ns.size:,} pieces in all); gaps "
            f"are waits for data or a buffer, those below {line.latency_ns / SHOWN_GAPS:,.0f} ns not shown.",
            traces,
            {
                "barmode": "overlay",
                "height": 120 + 22 * len(rows),
                "xaxis": {"title": {"text": "time [us]"}},
                "yaxis": {"categoryorder": "array", "categoryarray": rows[::-1]},
            },
        )
        return power, gantt


def _bars(line: Timeline, gap_ns: float) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """First and last piece of each run of pieces of one unit on one operator with gaps up to this."""
    order = np.lexsort((line.start_ns, line.unit, line.core))
    before, after = order[:-1], order[1:]
    breaks = line.start_ns[after] - line.end_ns[before] > gap_ns
    for key in (line.core, line.unit, line.operator):
        breaks |= key[after] != key[before]
    starts = np.concatenate([[True], breaks])
    return order[starts], order[np.roll(starts, -1)]
