"""The problem `nasaic`: networks for several tasks on heterogeneous sub-accelerators, under specs."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from cosearch.objectives import Constraint, Metric, Objective
from cosearch.outcomes import Outcomes
from cosearch.problem import Problem
from cosearch.settings import Settings, setting
from cosearch.space import Categorical, Designs, DesignSpace, Ordinal
from cosearch_plugins.networks.hardware import BANKS, Clock
from cosearch_plugins.networks.joint import FIDELITIES
from cosearch_plugins.networks.spaces import columns_of, design_space
from cosearch_plugins.shared_settings import Threads

if TYPE_CHECKING:
    from cosearch_simulators.networks.costs import Accelerators
    from cosearch_simulators.networks.networks import Networks
    from cosearch_simulators.networks.space import NetworkSpace

TASKS: dict[str, tuple[str, ...]] = {
    "w1": ("cifar10", "nuclei"),
    "w2": ("cifar10", "stl10"),
    "w3": ("cifar10", "cifar10"),
}
TASKS |= {"three": ("cifar10", "stl10", "nuclei")}

# Latency in ms, energy in mJ, area in mm2. NASAIC's specs are 0.85, 0.56 and 0.85 of what its best networks
# take on the hardware that was then found for them (table 1, W1); these are so much of what the largest
# networks take on the best of 3,000 random designs by latency x energy x area.
SPECS: Mapping[str, tuple[float, float, float]] = {
    "w1": (2.8, 4.1, 3.9),
    "w2": (9.9, 14.0, 5.3),
    "w3": (2.15, 3.5, 5.7),
    "three": (9.1, 15.6, 6.6),
}
LARGEST_UNITS, LARGEST_GB_PER_S = 4096, 64.0

SUB_ACCELERATOR = DesignSpace(
    [
        Categorical(
            "dataflow",
            ("nvdla-like", "output-stationary", "row-stationary"),
            description="as NVDLA's, ShiDianNao's or Eyeriss'",
        ),
        Ordinal("array_rows", (4, 8, 16, 32, 64), default=16),
        Ordinal("array_columns", (4, 8, 16, 32, 64), default=16),
        Ordinal("buffer_kib", (16, 32, 64, 128, 256, 512), default=64),
        Ordinal(
            "memory_gb_per_s", (4.0, 8.0, 16.0, 32.0), default=16.0, description="its share of the memory's"
        ),
    ],
    name="sub-accelerator",
)


class NasaicSettings(Settings):
    """The tasks, how many sub-accelerators there are, and the specs."""

    workload: Literal["w1", "w2", "w3", "three"] = setting(
        "w1",
        "the tasks: `w1` CIFAR-10 and nuclei segmentation, `w2` CIFAR-10 and STL-10, `w3` CIFAR-10 twice, "
        "`three` CIFAR-10, STL-10 and nuclei",
    )
    sub_accelerators: Literal[1, 2, 3] = setting(2, "how many there are")
    latency_spec_ms: float | None = setting(None, "for all tasks; default by workload", unit="ms", gt=0)
    energy_spec_mj: float | None = setting(None, "for all tasks; default by workload", unit="mJ", gt=0)
    area_spec_mm2: float | None = setting(None, "of all; default by workload", unit="mm2", gt=0)
    clock_ghz: Clock = 0.5
    threads: Threads = None


class Nasaic(Problem):
    """Networks for two or three tasks, and heterogeneous sub-accelerators that they share.

    Each sub-accelerator has a dataflow, an array, a buffer and a share of the memory's bandwidth. A list
    schedule lays out the layers of all tasks; how much energy counts in it is part of the design. Accuracies
    lie between those of NASAIC's smallest and largest networks, by operations; `about` says so.

    Example:
        >>> problem = Nasaic()
        >>> problem.evaluate(problem.space.designs([problem.space.default()])).status.tolist()
        ['ok']
    """

    Settings = NasaicSettings
    settings: NasaicSettings
    name = "nasaic"
    objectives = (Objective("accuracy", "max"),)
    fidelities = FIDELITIES
    default_fidelity = "mapper"
    workloads = tuple(TASKS)

    def build(self) -> None:
        """The tasks' networks, the sub-accelerators and the weight of energy as one space."""
        from cosearch_simulators.networks.published_accuracy import NASAIC, NASAIC_SOURCE

        settings, count = self.settings, self.settings.sub_accelerators
        parts = {
            f"task_{n}": design_space(one.parameters, one.name) for n, one in enumerate(self.families, 1)
        }
        subs = {f"accelerator_{number}": SUB_ACCELERATOR for number in range(1, count + 1)}
        weight = Ordinal(
            "energy_weight",
            (0.0, 0.25, 0.5, 1.0, 2.0, 4.0),
            default=0.5,
            description="in the choice of a layer's sub-accelerator, of its energy against its finish",
        )
        self.space = DesignSpace.join(
            {**parts, **subs, "mapping": DesignSpace([weight], name="mapping")},
            forbidden=_too_much(count),
            groups={
                "network": [f"{name}.{p}" for name, space in parts.items() for p in space.names],
                "hardware": [f"{name}.{p}" for name, space in subs.items() for p in space.names],
            },
            name=self.name,
        )
        kinds = TASKS[settings.workload]
        self.metrics = (
            Metric("accuracy", "%", "mean over the tasks; predicted between published ones"),
            *(
                Metric(f"accuracy_{n}", "%", f"of task {n}, {kind}: {NASAIC[kind].what}")
                for n, kind in enumerate(kinds, 1)
            ),
            Metric("latency_ns", "ns", "until the last layer of the last task is done, of one image each"),
            Metric("energy_pj", "pJ", "of one image for each task; leakage is not counted"),
            Metric("area_mm2", "mm2", "of all sub-accelerators"),
            Metric("macs", "1", "multiply-accumulates of one image for each task"),
        )
        specs = (settings.latency_spec_ms, settings.energy_spec_mj, settings.area_spec_mm2)
        self.specs = tuple(own or usual for own, usual in zip(specs, SPECS[settings.workload], strict=True))
        self.constraints = (
            Constraint("latency_ns", "<=", round(self.specs[0] * 1e6)),
            Constraint("energy_pj", "<=", round(self.specs[1] * 1e9)),
            Constraint("area_mm2", "<=", self.specs[2]),
        )
        self.about = f"tasks {', '.join(kinds)} on {count} sub-accelerators; {NASAIC_SOURCE}"

    @cached_property
    def families(self) -> list[NetworkSpace]:
        """The networks of each task."""
        from cosearch_simulators.networks.spaces import network_space

        return [
            network_space("nasaic-unet") if kind == "nuclei" else network_space("nasaic-resnet9", data=kind)
            for kind in TASKS[self.settings.workload]
        ]

    def simulate(self, designs: Designs, *, fidelity: str, seed: int) -> Outcomes:
        """Every layer on every sub-accelerator, then the schedules."""
        from cosearch_simulators.networks.heterogeneous import schedule
        from cosearch_simulators.networks.published_accuracy import nasaic_accuracy

        n = len(designs)
        tasks = [
            family.networks(columns_of(designs, f"task_{number}"))
            for number, family in enumerate(self.families, 1)
        ]
        machines = [self._machine(designs, number) for number in range(1, self.settings.sub_accelerators + 1)]
        times, energies = [], []
        for family, networks in zip(self.families, tasks, strict=True):
            costs = [self._costs(networks, machine, len(family.stages), fidelity) for machine in machines]
            times.append(np.stack([cost.latency_ns for cost in costs], axis=1))
            energies.append(np.stack([cost.energy_pj for cost in costs], axis=1))
        weight = np.asarray(designs["mapping.energy_weight"])
        found = schedule(tasks, times, energies, weight)
        metrics: dict[str, NDArray[np.float64]] = {}
        for number, (kind, networks) in enumerate(zip(TASKS[self.settings.workload], tasks, strict=True), 1):
            metrics[f"accuracy_{number}"] = nasaic_accuracy(kind, networks.macs)
        metrics = {"accuracy": np.mean(list(metrics.values()), axis=0), **metrics}
        metrics |= {
            "latency_ns": found.latency_ns,
            "energy_pj": found.energy_pj,
            "area_mm2": np.sum([machine.area_mm2(45.0) for machine in machines], axis=0),
            "macs": np.sum([networks.macs for networks in tasks], axis=0),
        }
        return Outcomes(metrics, np.zeros(n, np.int8), np.full(n, "", object))

    def _machine(self, designs: Designs, number: int) -> Accelerators:
        from cosearch_simulators.networks.costs import Accelerators

        columns = columns_of(designs, f"accelerator_{number}")
        return Accelerators(
            **columns,
            register_bytes=64,
            buffer_banks=BANKS,
            buffer_bytes_per_cycle=columns["array_rows"] + columns["array_columns"],
            clock_ghz=self.settings.clock_ghz,
        )

    def _costs(self, networks: Networks, machine: Accelerators, stages: int, fidelity: str) -> Any:
        from cosearch_simulators.networks.costs import Precisions
        from cosearch_simulators.networks.costs.layers import layer_costs

        eight = Precisions.of(len(networks), stages)
        return layer_costs(networks, machine, eight, fidelity=fidelity, threads=self.settings.threads)

    def features(self, designs: Designs) -> dict[str, NDArray[np.float64]]:
        """Cheap descriptors of each task's network: its size, and every choice."""
        found: dict[str, NDArray[np.float64]] = {}
        for number, family in enumerate(self.families, 1):
            table = family.features(columns_of(designs, f"task_{number}"))
            names = [f"task_{number}_{name}" for name in family.feature_names]
            found |= dict(zip(names, table.T, strict=True))
        return found


def _too_much(count: int) -> tuple[str, ...]:
    """NASAIC's limits on all sub-accelerators together."""
    names = [f"accelerator_{number}" for number in range(1, count + 1)]
    units = " + ".join(f"{name}.array_rows * {name}.array_columns" for name in names)
    bandwidth = " + ".join(f"{name}.memory_gb_per_s" for name in names)
    return f"{units} > {LARGEST_UNITS}", f"{bandwidth} > {LARGEST_GB_PER_S:g}"
