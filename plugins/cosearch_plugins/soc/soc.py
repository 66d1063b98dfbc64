"""The problem `soc`: processors, accelerators, memories and buses for the tasks of workloads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from cosearch.fidelity import Fidelity
from cosearch.objectives import Constraint, Metric, Objective
from cosearch.outcomes import Outcomes
from cosearch.pictures import Picture
from cosearch.problem import Problem
from cosearch.settings import Settings, setting
from cosearch.space import Designs
from cosearch_plugins.shared_settings import Threads
from cosearch_plugins.soc.archgym_space import ArchGymSpace
from cosearch_plugins.soc.inputs import SocFolder, read_inputs
from cosearch_plugins.soc.space import SocSpace

METRICS = (
    Metric("latency_ns", "ns", "from the start to the end of the workload that ends last"),
    Metric(
        "peak_power_mw",
        "mW",
        "the largest average over windows of at least 10 ms, by FARSI's rule; no leakage",
    ),
    Metric("area_mm2", "mm2", "processors, accelerators and memories; buses count nothing"),
    Metric("energy_pj", "pJ", "operations and memory accesses; buses and leakage count nothing"),
    Metric("processor_area_mm2", "mm2", "a processor that runs nothing is not built"),
    Metric("accelerator_area_mm2", "mm2", "each for its largest task"),
    Metric("sram_area_mm2", "mm2", "for the most bytes that it holds at once"),
    Metric("dram_area_mm2", "mm2", "for the most bytes that it holds at once"),
    Metric(
        "distance_to_budget", "1", "FARSI's: the shares by which budgets are missed, added; a met one 1e-9"
    ),
    Metric("distance_to_budget_both_ways", "1", "as above, what is left of a met budget added too"),
)


class SocSettings(Settings):
    """What runs, on how many blocks at most."""

    workload: str = setting("edges", "edges or mobilenet_v2, or one of the folder; several joined by +")
    folder: SocFolder | None = setting(
        None,
        "of task_graph_NAME.json, library_NAME.json and cacti_table.json, as Project FARSI's data are kept",
    )
    processors: int = setting(4, "general-purpose processors at most", ge=1, le=16)
    memories: int = setting(3, "memories at most", ge=1, le=8)
    buses: int = setting(3, "buses at most", ge=1, le=8)
    scheduling: Literal["overtaking", "fifo"] = setting(
        "overtaking",
        "FARSI's rule, by which a task that just became ready goes first; or first in, first out",
    )
    space: Literal["usual", "archgym"] = setting(
        "usual",
        "or archgym: FARSIGym's three slots for each kind of block; processors, memories, buses unused",
    )
    array: bool = setting(
        False,
        "offer the stages of mobilenet_v2 an accelerator array of this package, costed by its own engine, "
        "which counts weights and buffers; the other blocks count operations and tensors between stages only",
    )
    budgets: bool = setting(False, "take the budgets of the task graph as constraints")
    threads: Threads = None


class Soc(Problem):
    """A system on a chip for a graph of tasks: what runs where, on which memories and buses.

    Example:
        >>> problem = Soc()
        >>> problem.evaluate(problem.space.sample(1, 0)).status.tolist()
        ['ok']
    """

    Settings = SocSettings
    settings: SocSettings
    name = "soc"
    metrics: Sequence[Metric] = METRICS
    objectives = tuple(Objective(name, "min") for name in ("latency_ns", "peak_power_mw", "area_mm2"))
    fidelities: Sequence[Fidelity | str] = ("analytical",)
    workloads = ("edges", "mobilenet_v2")

    def build(self) -> None:
        """Read the graphs and the blocks, and make their space."""
        given = self.settings
        self.graph, self.library, self.memory_table, array = read_inputs(
            given.workload, given.folder, array=given.array
        )
        if array is not None:
            self.fidelities = (
                Fidelity("bound", 0.01, "the array's stages as no mapping goes below"),
                Fidelity("mapper", 1.0, "the array's stages by the best mappings that are found"),
            )
        found: SocSpace | ArchGymSpace = (
            ArchGymSpace(self.graph, self.library)
            if given.space == "archgym"
            else SocSpace(self.graph, self.library, given.processors, given.memories, given.buses, array)
        )
        self.space, self._systems, self.names = found.space, found.systems, found.names
        if len(self.graph.workloads) > 1:
            each = [Metric(f"latency_{name}_ns", "ns", f"of {name}") for name in self.graph.workloads]
            self.metrics = (*METRICS, *each)
        if given.budgets:
            self.constraints = tuple(self._budgets())
        tasks = int((~self.graph.dummy).sum())
        self.about = (
            f"{self.graph.name}: {tasks} tasks, {self.graph.work_ops.sum() / 1e6:,.4g} million operations, "
            f"{self.graph.edge_bytes.sum() / 1e6:,.3g} MB between them"
        )

    def _budgets(self) -> Sequence[Constraint]:
        several = len(self.graph.workloads) > 1
        latencies = [
            Constraint(f"latency_{name}_ns" if several else "latency_ns", "<=", budget * 1e9)
            for name, budget in zip(self.graph.workloads, self.graph.latency_budget_s.tolist(), strict=True)
        ]
        return [
            *latencies,
            Constraint("peak_power_mw", "<=", self.graph.power_budget_w * 1e3),
            Constraint("area_mm2", "<=", self.graph.area_budget_m2 * 1e6),
        ]

    def simulate(self, designs: Designs, *, fidelity: str, seed: int) -> Outcomes:
        """All designs in one call of the simulator."""
        from cosearch_simulators.soc.engines.farsi.entry import evaluate

        systems, reasons = self._systems(designs, fidelity)
        found = evaluate(
            systems,
            self.graph,
            self.library,
            self.memory_table,
            scheduling=self.settings.scheduling,
            threads=self.settings.threads,
        )
        errors = [first or str(second) for first, second in zip(reasons, found.reason, strict=True)]
        return Outcomes.of({metric.name: found[metric.name] for metric in self.metrics}, errors=errors)

    def pictures(self, design: Mapping[str, Any]) -> Sequence[Picture]:
        """The tasks over time, and the blocks with how busy they are."""
        from cosearch_plugins.soc.pictures import blocks_picture, timeline_picture

        systems, reasons = self._systems(self.space.designs([design]), self.default_fidelity)
        if reasons[0]:
            return ()
        return (
            timeline_picture(systems, self.graph, self.library, self.memory_table, self.settings.scheduling),
            blocks_picture(systems, self.graph, self.library, self.memory_table, self.settings.scheduling),
        )
