"""The problem `accelerator-maestrogym`: ArchGym's MaestroGym, GAMMA's two-level mappings on MAESTRO's model.

A genome is seventeen parameters: for each of two cluster levels which dimension is spread out, the order of
the maps and their sizes, and the number of PEs in a cluster. ArchGym draws the inner sizes, the cluster and
the spread at random when it decodes a genome, so that a design does not mean the same twice; here a genome
means what it says, and nothing is drawn.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import permutations
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from cosearch.errors import WorkloadError
from cosearch.objectives import Metric, Objective
from cosearch.outcomes import Outcomes
from cosearch.pictures import Picture
from cosearch.problem import Problem
from cosearch.settings import Settings, setting
from cosearch.space import Categorical, Designs, DesignSpace, Integer, Parameter
from cosearch_plugins.accelerator.layer import LayerText, described_layer, read_layer
from cosearch_plugins.accelerator.network_workload import NetworkText
from cosearch_plugins.accelerator.pictures import (
    TENSORS,
    array_picture,
    energy_picture,
    roofline_picture,
)
from cosearch_plugins.shared_settings import Threads

if TYPE_CHECKING:
    from cosearch_simulators.accelerator.engines.maestro import DataflowResults, Dataflows, Layer

PARALLEL = ("K", "C", "X", "Y")
"""The dimensions that may be spread over clusters and PEs; X and Y are output columns and rows."""

MAPS = ("S", "R", "K", "C", "X", "Y")
"""The maps of a level in the order that an order of 0 gives them; order n is their n-th permutation."""

ORDERS = np.array(list(permutations(range(len(MAPS)))))

METRICS = (
    Metric("runtime_cycles", "1", "until the last output is written"),
    Metric("throughput_macs_per_cycle", "1", "multiplications a cycle"),
    Metric("energy_pj", "pJ", "all accesses and multiplications on the chip, without leakage or memory"),
    Metric("area_um2", "um2", "with the buffers that the mapping requires, as GAMMA and ArchGym count it"),
    Metric("l1_bytes", "B", "buffer that each PE requires"),
    Metric("l2_bytes", "B", "shared buffer that is required"),
)

GOALS = {
    "latency": (Objective("runtime_cycles", "min"),),
    "energy": (Objective("energy_pj", "min"),),
    "area": (Objective("area_um2", "min"),),
    "all": tuple(Objective(name, "min") for name in ("runtime_cycles", "energy_pj", "area_um2")),
}


MOST = (1 << 31) - 1  # that the model counts to


class AcceleratorMaestrogymSettings(Settings):
    """The layer, the hardware and what is minimised; ArchGym's layer is ResNet-18's third."""

    workload: NetworkText = "resnet18"
    layer: LayerText = 2
    goal: Literal["latency", "energy", "area", "all"] = setting(
        "all", "the objectives; `all`: the three at once"
    )
    pes: int = setting(1024, "processing elements", ge=1, le=MOST)
    noc_bandwidth: int = setting(1 << 30, "of the network on the chip", unit="elements/cycle", ge=1, le=MOST)
    offchip_bandwidth: int = setting(1 << 30, "of the memory", unit="elements/cycle", ge=1, le=MOST)
    threads: Threads = None  # as all problems have it; the model needs but one


GROUPS = {
    "outer level": ["order_l2", "parallel_l2", *(f"{m.lower()}_l2" for m in MAPS)],
    "inner level": ["order_l1", "parallel_l1", *(f"{m.lower()}_l1" for m in MAPS), "cluster_pes"],
}


class AcceleratorMaestrogym(Problem):
    """ArchGym's MaestroGym: the mapping of one layer onto 1024 PEs, as MAESTRO costs it.

    ArchGym's rewards are 1/runtime, 1/area and -1 for what cannot run: take the goal with the reward
    `target_ratio`, or any other. Its hardware is practically unlimited but for the PEs, as here by default.

    Example:
        >>> problem = AcceleratorMaestrogym()
        >>> problem.evaluate(problem.space.designs([problem.space.default()])).status.tolist()
        ['ok']
    """

    Settings = AcceleratorMaestrogymSettings
    settings: AcceleratorMaestrogymSettings
    name = "accelerator-maestrogym"
    metrics = METRICS
    objectives = GOALS["all"]
    fidelities = ("analytical",)
    workloads = ("resnet18", "vgg16", "mobilenet_v2", "alexnet", "bert_base")

    def build(self) -> None:
        """Read the layer, whose sizes make the space."""
        settings = self.settings
        self.pes, self.bandwidths = settings.pes, (settings.noc_bandwidth, settings.offchip_bandwidth)
        self.layer_name, self.layer = _layer(settings.workload, settings.layer)
        self.about = described_layer(self.layer_name, read_layer(settings.workload, settings.layer)[1])
        self.sizes = _map_sizes(self.layer)
        self.space = DesignSpace(_parameters(self.sizes, self.pes), name=self.name, groups=GROUPS)
        self.objectives = GOALS[settings.goal]

    def simulate(self, designs: Designs, *, fidelity: str, seed: int) -> Outcomes:
        """All designs in one call of the model."""
        result = self._cost(designs)
        columns = {
            "runtime_cycles": result.runtime_cycles,
            "throughput_macs_per_cycle": result.throughput,
            "energy_pj": result.energy_pj,
            "area_um2": result.gamma_area_um2,
            "l1_bytes": result.l1_bytes.sum(1),
            "l2_bytes": result.l2_bytes.sum(1),
        }
        return Outcomes.of(
            {name: np.where(result.ok, column, np.nan) for name, column in columns.items()},
            errors=[str(reason) for reason in result.reason],
        )

    def pictures(self, design: Mapping[str, Any]) -> Sequence[Picture]:
        """The clusters with the share of the time that they compute, energy by level and operand, roofline.

        MAESTRO moves each tensor between memory and shared buffer once, reading while it writes.
        """
        from cosearch_simulators.accelerator.engines.maestro import cost

        result = self._cost(self.space.designs([design]))
        if not result.ok[0]:
            raise ValueError(str(result.reason[0]))
        accesses = np.array([result.l1_reads + result.l1_writes, result.l2_reads + result.l2_writes])[:, 0]
        weights = np.array([[cost.L1_ACCESS_ENERGY], [cost.L2_ACCESS_ENERGY]]) * cost.MAC_ENERGY_PJ
        columns = int(design["cluster_pes"])
        rows = self.pes // columns
        busy = float(result.throughput[0]) / (rows * columns)
        read = result.l2_writes[0, [TENSORS.index("Inputs"), TENSORS.index("Weights")]].sum()
        words = result.l2_reads[0, [TENSORS.index("Outputs")]] + read
        words_per_cycle = 2.0 * self.bandwidths[1]
        if words_per_cycle * result.macs[0] > 1000 * self.pes * words[0]:
            words_per_cycle = np.inf  # ArchGym's, whose slope is far away from the layer
        return (
            array_picture(
                rows,
                columns,
                np.full((rows, columns), min(busy, 1.0)),
                f"A row is a cluster of {columns} units. MAESTRO knows averages: each unit computes in "
                f"{busy:.1%} of the cycles.",
            ),
            energy_picture(
                ("L1", "L2"),
                accesses * weights,
                {"MAC": float(result.macs[0]) * cost.MAC_ENERGY_PJ},
            ),
            roofline_picture(
                *([self.layer_name], result.macs.astype(float), result.runtime_cycles.astype(float)),
                *(words.astype(float), float(self.pes), words_per_cycle),
                below="PEs without work, or to the delay of a step's fetch and write back",
            ),
        )

    def _cost(self, designs: Designs) -> DataflowResults:
        from cosearch_simulators.accelerator.engines.maestro import Hardware, evaluate_dataflow

        noc, offchip = self.bandwidths
        return evaluate_dataflow(self.layer, self.dataflows(designs), Hardware(self.pes, noc, offchip))

    def dataflows(self, designs: Designs) -> Dataflows:
        """The two-level dataflow of each design, its inner sizes no larger than the outer ones."""
        from cosearch_simulators.accelerator.engines.maestro import Dataflows

        count, dimensions = len(designs), self.layer.dimensions
        maps = np.full((count, 2, len(MAPS), 4), -1, np.int64)
        outer = {m: np.asarray(designs[f"{m.lower()}_l2"]) for m in MAPS if m in self.sizes}
        inner = {m: np.minimum(outer[m], np.asarray(designs[f"{m.lower()}_l1"])) for m in outer}
        for level, sizes, suffix in ((0, outer, "l2"), (1, inner, "l1")):
            parallel = _parallel(np.asarray(designs[f"parallel_{suffix}"]), self.sizes)
            place = np.argsort(ORDERS[np.asarray(designs[f"order_{suffix}"])], axis=1)
            for number, name in enumerate(MAPS):
                if name not in sizes:
                    continue
                row = place[:, number]
                size, step = self._in_inputs(name, sizes)
                maps[np.arange(count), level, row, 0] = dimensions.index(name)
                maps[np.arange(count), level, row, 1] = parallel == name
                maps[np.arange(count), level, row, 2] = size
                maps[np.arange(count), level, row, 3] = step
        return Dataflows(_packed(maps), np.asarray(designs["cluster_pes"], np.int64)[:, None])

    def _in_inputs(
        self, name: str, sizes: dict[str, NDArray[np.int64]]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Sizes and offsets of a map; X and Y count outputs and become the inputs that they need."""
        if name not in ("X", "Y"):
            return sizes[name], sizes[name]
        stride = self.layer.stride["XY".index(name)]
        size = (sizes[name] - 1) * stride + sizes["S" if name == "X" else "R"]
        return size, np.minimum(sizes[name] * stride, size)


def _parameters(sizes: dict[str, int], pes: int) -> list[Parameter]:
    def size(name: str, suffix: str) -> Parameter:
        # ArchGym lets the filter be cut by at most one.
        least = max(1, sizes.get(name, 1) - 1) if name in ("S", "R") else 1
        most = sizes.get(name, 1)
        if least == most:
            return Categorical(f"{name.lower()}_{suffix}", (most,))
        return Integer(f"{name.lower()}_{suffix}", least, most, default=most if name in "SR" else least)

    parameters: list[Parameter] = []
    for suffix in ("l2", "l1"):
        parameters.append(Integer(f"order_{suffix}", 0, len(ORDERS) - 1, default=0))
        default = "K" if suffix == "l2" else "C"
        parameters.append(Categorical(f"parallel_{suffix}", PARALLEL, default=default))
        parameters += [size(name, suffix) for name in MAPS]
    parameters.append(Integer("cluster_pes", 1, pes, default=min(64, pes)))
    return parameters


def _layer(workload: str, layer: int | str) -> tuple[str, Layer]:
    from cosearch_simulators.accelerator.engines.maestro import Layer
    from cosearch_simulators.errors import SimulatorError

    name, nest = read_layer(workload, layer)
    try:
        found = Layer.of_nest(nest)
    except SimulatorError as error:
        raise WorkloadError(f"layer {name!r} of {workload}: {error}") from None
    if found.kind == "GEMM":  # GAMMA writes a matrix product as a convolution of one pixel a row
        found = Layer.of(
            "CONV", {"K": found.size("N"), "C": found.size("K"), "Y": found.size("M"), "X": 1, "R": 1, "S": 1}
        )
    return name, found


def _map_sizes(layer: Layer) -> dict[str, int]:
    """The largest size of each map: X and Y in outputs."""
    sizes = {name: layer.size(name) for name in MAPS if name in layer.dimensions}
    for name, window in (("X", "S"), ("Y", "R")):
        stride = layer.stride["XY".index(name)]
        sizes[name] = (layer.size(name) - layer.size(window)) // stride + 1
    return sizes


def _parallel(wanted: NDArray[np.str_], sizes: dict[str, int]) -> NDArray[np.str_]:
    """The dimension that is spread out; a depthwise layer has no K and spreads C instead, as in ArchGym."""
    return wanted if "K" in sizes else np.where(wanted == "K", "C", wanted)


def _packed(maps: NDArray[np.int64]) -> NDArray[np.int64]:
    """The maps without gaps: what a layer has not comes last."""
    order = np.argsort(maps[..., 0] < 0, axis=-1, kind="stable")
    return np.take_along_axis(maps, order[..., None], axis=2)
