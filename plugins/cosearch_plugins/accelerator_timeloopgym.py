"""The problem `accelerator-timeloopgym`: ArchGym's TimeloopGym, an Eyeriss-like accelerator for AlexNet.

Parameters, values, workload, targets and metrics are ArchGym's, with `_` where its names have `.` or `-`
(Krishnan et al., ISCA 2023; its public files `sims/Timeloop/parameters.ini`, `arch/eyeriss_like.yaml`,
`layer_shapes` and `Timeloop_config.py`). Timeloop and Accelergy are replaced by this project's cost model and
mapper, with the energies and areas of `accelerator.components`: cycles of ArchGym's default Eyeriss are
within 2 % of those that it states, energy and area are on another scale.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from cosearch.errors import unknown_name
from cosearch.objectives import Constraint, Metric, Objective
from cosearch.outcomes import Outcomes
from cosearch.pictures import Picture
from cosearch.problem import Problem
from cosearch.space import Categorical, Designs, DesignSpace, Ordinal, Parameter
from cosearch_plugins.accelerator_network import map_with, mapped_pictures
from cosearch_plugins.argument_checks import thread_count
from cosearch_plugins.network_workload import absolute_network, network_digest, read_network

if TYPE_CHECKING:
    from cosearch_simulators.accelerator.architecture import Architecture
    from cosearch_simulators.accelerator.mapper import MappingConstraints
    from cosearch_simulators.workloads import Network

CLASSES = ("regfile", "smartbuffer_SRAM", "smartbuffer_RF", "SRAM")
REGISTERS = ("regfile", "smartbuffer_RF")
"""Classes that are made of flip-flops; the others are SRAM. The address generators of Accelergy's smart
buffers are left out."""

DEPTHS = tuple(2**k for k in range(1, 17))
BLOCKS = (1, 2, 4)
BANDWIDTHS = (2, 4, 8, 16)
WORD_BITS = 16
BUFFER_WIDTH_WORDS = 4  # shared_glb: memory_width 64


def _scratchpad(name: str, depth: int) -> list[Parameter]:
    return [
        Categorical(f"{name}_class", CLASSES, default="smartbuffer_SRAM"),
        Ordinal(f"{name}_memory_depth", DEPTHS, default=depth),
        Ordinal(f"{name}_block_size", BLOCKS, default=1),
        Ordinal(f"{name}_read_bandwidth", BANDWIDTHS, default=2),
        Ordinal(f"{name}_write_bandwidth", BANDWIDTHS, default=2),
    ]


SPACE = DesignSpace(
    [
        Ordinal("NUM_PEs", range(14, 337, 14), default=168),
        Ordinal("MAC_MESH_X", (2, 7, 14), default=14),
        *_scratchpad("IFMAP_SPAD", 16),
        *_scratchpad("PSUM_SPAD", 16),
        *_scratchpad("WEIGHTS_SPAD", 256),
        Categorical("DUMMY_BUFFER_class", CLASSES, default="SRAM"),
        Ordinal("DUMMY_BUFFER_depth", DEPTHS, default=16),
        Ordinal("DUMMY_BUFFER_block_size", BLOCKS, default=1),
        Categorical("SHARED_GLB_class", CLASSES, default="smartbuffer_SRAM"),
        Ordinal("SHARED_GLB_memory_depth", [2**k for k in range(10, 17)], default=16384),
        Ordinal("SHARED_GLB_n_banks", (16, 32, 64, 128), default=32),
        Ordinal("SHARED_GLB_block_size", BLOCKS, default=4),
        Ordinal("SHARED_GLB_read_bandwidth", BANDWIDTHS, default=16),
        Ordinal("SHARED_GLB_write_bandwidth", BANDWIDTHS, default=16),
    ],
    name="accelerator-timeloopgym",
)

METRICS = (
    Metric("energy_uj", "uJ", "of all layers"),
    Metric("area_mm2", "mm2", "of the chip"),
    Metric("cycles", "1", "of all layers, one after the other"),
)

# ArchGym's targets: Eyeriss' 29206 uJ, 2.03 mm2 and 7885704 cycles, improved by 30 %, 15 % and 20 %.
TARGETS = {
    "energy": Objective("energy_uj", "min", target=29206 * 0.7),
    "area": Objective("area_mm2", "min", target=2.03 * 0.85),
    "latency": Objective("cycles", "min", target=7885704 * 0.8),
}
GOALS = {**{name: (objective,) for name, objective in TARGETS.items()}, "joint": tuple(TARGETS.values())}

# ArchGym's AlexNet: input and output channels, filter, outputs a side, stride; without groups.
ALEXNET = (
    ("conv1", 3, 96, 11, 55, 4),
    ("conv2", 96, 256, 5, 27, 1),
    ("conv3", 256, 384, 3, 13, 1),
    ("conv4", 384, 384, 3, 13, 1),
    ("conv5", 384, 256, 3, 13, 1),
)


class AcceleratorTimeloopgym(Problem):
    """ArchGym's TimeloopGym: an Eyeriss-like accelerator of 26 parameters, each layer mapped for it.

    ArchGym's reward, the sum of how far each metric is above its target, is the reward `target_ratio` in
    other words; it takes the goals' targets.

    Args:
        workload: "archgym-alexnet", the five convolutions that ArchGym ships; or a network or an ONNX file.
        goal: "energy", "area", "latency", or "joint" for the three at once.
        effort: of the mapper: "fast" or "thorough".
        threads: layers mapped at once; default as many as cores, but one in each of several workers.
        objectives: instead of the goal's.
        constraints: default none.

    Raises:
        UnknownNameError: an unknown network, goal or effort.
        WorkloadError: a network that cannot be made or read.

    Example:
        >>> problem = AcceleratorTimeloopgym()
        >>> problem.evaluate(problem.space.designs([problem.space.default()])).status.tolist()
        ['ok']
    """

    name = "accelerator-timeloopgym"
    space = SPACE
    metrics = METRICS
    objectives = GOALS["joint"]
    fidelities = ("analytical",)
    workloads = ("archgym-alexnet", "alexnet", "vgg16", "efficientnet_b0")
    groups = {  # noqa: RUF012
        "array": ["NUM_PEs", "MAC_MESH_X"],
        **{
            words: [name for name in SPACE.names if name.startswith(prefix)]
            for words, prefix in (
                ("scratchpads", ("IFMAP", "PSUM", "WEIGHTS")),
                ("buffers", ("DUMMY", "SHARED")),
            )
        },
    }

    def __init__(
        self,
        *,
        workload: str = "archgym-alexnet",
        goal: Literal["energy", "area", "latency", "joint"] = "joint",
        effort: Literal["fast", "thorough"] = "fast",
        threads: int | None = None,
        objectives: Sequence[Objective | str] | None = None,
        constraints: Sequence[Constraint | str] | None = None,
    ) -> None:
        if goal not in GOALS:
            raise unknown_name("goal", goal, GOALS)
        if effort not in ("fast", "thorough"):
            raise unknown_name("effort", effort, ("fast", "thorough"))
        self.network = _alexnet() if workload == "archgym-alexnet" else read_network(workload)
        self.workload_digest = network_digest(workload)
        self.arguments = {**self.arguments, "workload": absolute_network(workload)}
        self.effort, self.threads = effort, thread_count(threads)
        self.objectives = GOALS[goal]
        super().__init__(objectives=objectives, constraints=constraints)

    def simulate(self, designs: Designs, *, fidelity: str, seed: int) -> Outcomes:
        """All designs in one call of the mapper."""
        architectures = [architecture(design) for design in designs]
        mapped = map_with(architectures, self.network, _constraints(), "edp", self.effort, self.threads)
        area = np.array([sum(a.area_by_part_mm2().values()) for a in architectures])
        return Outcomes.of(
            {
                "energy_uj": mapped.energy_pj / 1e6,
                "area_mm2": np.where(mapped.valid, area, np.nan),
                "cycles": mapped.cycles,
            },
            errors=list(mapped.reasons),
        )

    def pictures(self, design: Mapping[str, Any]) -> Sequence[Picture]:
        """The array with its utilisation, energy by level and operand, and the roofline with every layer."""
        one = architecture(design)
        mapped = map_with([one], self.network, _constraints(), "edp", self.effort, 1)
        return mapped_pictures(one, self.network, mapped)


def architecture(design: Mapping[str, Any]) -> Architecture:
    """ArchGym's design: scratchpads in every PE, a column's dummy buffer, the shared buffer and LPDDR4."""
    from cosearch_simulators.accelerator.architecture import Architecture, Mac, StorageLevel

    columns = int(design["MAC_MESH_X"])

    def level(
        name: str, depth: str, words: int, holds: tuple[str, ...], array: tuple[int, int]
    ) -> StorageLevel:
        capacity_words = int(design[f"{name}_{depth}"]) * words
        return StorageLevel.model_validate(
            {
                "name": name,
                "kind": "register_file" if design[f"{name}_class"] in REGISTERS else "sram",
                "capacity_words": capacity_words,
                "word_bits": WORD_BITS,
                "block_words": min(int(design[f"{name}_block_size"]), capacity_words),
                "banks": int(design.get(f"{name}_n_banks", 1)),
                "read_bandwidth_words": design.get(f"{name}_read_bandwidth"),
                "write_bandwidth_words": design.get(f"{name}_write_bandwidth"),
                "holds": holds,
                "array": array,
            }
        )

    return Architecture(
        name="timeloopgym",
        technology_nm=45,
        mac=Mac(word_bits=WORD_BITS),
        levels=(
            level("PSUM_SPAD", "memory_depth", 1, ("Outputs",), (1, 1)),
            level("WEIGHTS_SPAD", "memory_depth", 1, ("Weights",), (1, 1)),
            level("IFMAP_SPAD", "memory_depth", 1, ("Inputs",), (1, 1)),
            level("DUMMY_BUFFER", "depth", 1, (), (1, int(design["NUM_PEs"]) // columns)),
            level(
                "SHARED_GLB",
                "memory_depth",
                BUFFER_WIDTH_WORDS,
                ("Weights", "Inputs", "Outputs"),
                (columns, 1),
            ),
            StorageLevel(name="DRAM", kind="dram", word_bits=WORD_BITS, block_words=4),
        ),
    )


def _constraints() -> MappingConstraints:
    """Eyeriss' row-stationary wiring: output columns along X, the filter's columns and channels along Y."""
    from cosearch_simulators.accelerator.mapper import MappingConstraints

    return MappingConstraints(
        spatial={
            "PSUM_SPAD": ((), ()),
            "WEIGHTS_SPAD": ((), ()),
            "IFMAP_SPAD": ((), ()),
            "DUMMY_BUFFER": ((), ("S", "C", "K", "G")),
            "SHARED_GLB": (("Q", "K", "G"), ()),
        }
    )


def _alexnet() -> Network:
    from cosearch_simulators.workloads import Convolution, Network

    operators = [
        Convolution(
            name=name,
            in_channels=channels,
            out_channels=filters,
            in_size=(((outputs - 1) * stride + window),) * 2,
            kernel=(window, window),
            stride=(stride, stride),
        )
        for name, channels, filters, window, outputs, stride in ALEXNET
    ]
    return Network("archgym-alexnet", tuple(operators), tuple(("input", o.name) for o in operators))
