"""The problem `accelerator-mapping`: GAMMA's problem, where the mapping of one operator is the design.

Kao and Krishna, "GAMMA: Automating the HW Mapping of DNN Models on Accelerators via Genetic Algorithm", ICCAD
2020. The cost is that of the engine `timeloop`; the simulator's mapper solves the same problem directly.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from math import isqrt
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import AfterValidator

from cosearch.errors import ArgumentError, unknown_name
from cosearch.objectives import Metric, Objective
from cosearch.outcomes import Outcomes
from cosearch.pictures import Picture
from cosearch.problem import Problem
from cosearch.settings import NamesFiles, Settings, setting
from cosearch.space import Categorical, Designs, DesignSpace, Ordinal, Parameter, Permutation
from cosearch_plugins.accelerator.array import array_words, used_units
from cosearch_plugins.accelerator.layer import LayerText, described_layer, read_layer
from cosearch_plugins.accelerator.network_workload import NetworkText
from cosearch_plugins.accelerator.pictures import (
    array_picture,
    below_the_roof,
    energy_picture,
    memory_words_per_cycle,
    roofline_picture,
)
from cosearch_plugins.shared_settings import Threads

if TYPE_CHECKING:
    from cosearch_simulators.accelerator.common.arrays import Mappings
    from cosearch_simulators.accelerator.engines.timeloop.evaluation import Costs
    from cosearch_simulators.accelerator.system.architecture import Architecture

METRICS = (
    Metric("latency_ns", "ns", "the slowest of the array and each level's bandwidth, with fill and drain"),
    Metric("energy_pj", "pJ", "all accesses and multiply-accumulates, without leakage"),
    Metric("edp_pj_s", "pJ s", "energy times latency"),
    Metric("cycles", "1", "the latency in clock cycles"),
    Metric("utilisation", "1", "multiply-accumulates done, of those that the array could do in the time"),
    Metric("memory_words", "1", "words read from and written to the outermost level"),
)


def _files(architecture: str) -> list[str]:
    from cosearch_simulators.accelerator.system.architecture import presets

    return [architecture] if architecture not in presets() and os.path.isfile(architecture) else []


def _absolute(architecture: str) -> str:
    return os.path.abspath(architecture) if _files(architecture) else architecture


class AcceleratorMappingSettings(Settings):
    """The operator and the accelerator."""

    workload: NetworkText = "resnet18"
    layer: LayerText = 2
    architecture: Annotated[str, AfterValidator(_absolute), NamesFiles(_files)] = setting(
        "eyeriss",
        "a built-in accelerator (`eyeriss`, `nvdla`, `shidiannao`, `tpu`), or a YAML or JSON file of "
        "cosearch's or Timeloop's",
    )
    overflow: Literal["shrink", "reject"] = setting(
        "shrink",
        "`shrink` takes smaller divisors, largest factor first, where a tile does not fit; `reject` makes "
        "such a design infeasible, which is nearly every random one where buffers are small",
    )
    neighbour_links: bool = setting(
        False,
        "whether units pass inputs on to their neighbours where a window slides along the array, as Timeloop "
        "counts it; takes a millisecond for each design",
    )
    threads: Threads = None


class AcceleratorMapping(Problem):
    """The mapping of one operator onto an accelerator: tile factors, loop orders and what is spread out.

    A loop's factor at each level is a divisor of its size, or what is left of it where that is less; the
    outermost level takes all steps that are left, so that every design covers the operator.

    Example:
        >>> problem = AcceleratorMapping(layer="conv1")
        >>> problem.evaluate(problem.space.designs([problem.space.default()])).status.tolist()
        ['ok']
    """

    Settings = AcceleratorMappingSettings
    settings: AcceleratorMappingSettings
    name = "accelerator-mapping"
    metrics = METRICS
    objectives = (Objective("latency_ns", "min"), Objective("energy_pj", "min"))
    fidelities = ("analytical",)
    workloads = ("resnet18", "mobilenet_v2", "vgg16", "bert_base", "gpt2")

    def build(self) -> None:
        """Read the operator and the accelerator, whose loops and levels make the space."""
        self.layer_name, self.nest = read_layer(self.settings.workload, self.settings.layer)
        self.about = f"{self.settings.workload}, {described_layer(self.layer_name, self.nest)}"
        self.architecture = read_accelerator(self.settings.architecture)
        self.compiled = self.architecture.compile()
        self.words = _words([level.name for level in self.architecture.levels])
        self.loops = [loop for loop in "GNKCPQRS" if self.nest.size(loop) > 1] or ["P"]
        self.arrays = [
            (level, axis)
            for level, storage in enumerate(self.architecture.levels)
            for axis, size in enumerate((storage.array[0], int(np.prod(storage.array[1:]))))
            if size > 1
        ]
        self.tiled = [i for i, s in enumerate(self.architecture.levels[:-1]) if (s.capacity_words or 0) > 1]
        parameters = self._parameters()
        groups = {
            group: [p.name for p in parameters if p.name.startswith(prefix)]
            for group, prefix in (("spread", "spread_"), ("tiles", "tile_"), ("orders", "order_"))
        }
        groups = {group: names for group, names in groups.items() if names}
        self.space = DesignSpace(parameters, name=self.name, groups=groups)

    def simulate(self, designs: Designs, *, fidelity: str, seed: int) -> Outcomes:
        """All mappings in one call of the cost model."""
        mappings = self.mappings(designs)
        costs = self._cost(mappings)
        assert costs.counts is not None
        if self.settings.neighbour_links:
            costs = self._linked(costs, mappings)
        latency_ns = costs.cycles / self.architecture.clock_ghz
        assert costs.counts is not None
        columns = {
            "latency_ns": latency_ns,
            "energy_pj": costs.energy_pj,
            "edp_pj_s": costs.energy_pj * latency_ns * 1e-9,
            "cycles": costs.cycles,
            "utilisation": costs.utilisation,
            "memory_words": np.where(costs.valid, costs.counts[:, -1, :, :3].sum(axis=(1, 2)), np.nan),
        }
        reasons = ["" if valid else costs.reason(i) for i, valid in enumerate(costs.valid)]
        return Outcomes.of(columns, errors=reasons)

    def gradient(
        self, unit: NDArray[np.float64]
    ) -> tuple[dict[str, NDArray[np.float64]], dict[str, NDArray[np.float64]]]:
        """Metrics and derivatives at points of the unit cube, see `mapping_relaxation`."""
        from cosearch_plugins.accelerator.mapping_relaxation import relaxed

        return relaxed(self, unit)

    def mappings(self, designs: Designs) -> Mappings:
        """The designs as the arrays of the cost model."""
        from cosearch_simulators.accelerator.common.arrays import Mappings
        from cosearch_simulators.workloads import LOOPS

        count, levels = len(designs), len(self.architecture.levels)
        temporal = np.ones((count, levels, len(LOOPS)), np.int64)
        spatial = np.ones((2, count, levels, len(LOOPS)), np.int64)
        order = np.tile(np.arange(len(LOOPS), dtype=np.int8), (count, levels, 1))
        inside = np.ones((count, len(LOOPS)), np.int64)
        for level in range(levels):
            for axis in (0, 1):
                if (level, axis) in self.arrays:
                    factors = spatial[axis, :, level]
                    chosen = np.asarray(designs[f"spread_{self.axis_name(level, axis)}"])
                    size = np.asarray(designs[f"spread_{self.axis_name(level, axis)}_size"])
                    for loop in self.loops:
                        across = np.minimum(size, self.nest.size(loop))
                        factors[:, LOOPS.index(loop)] = np.where(chosen == loop, across, 1)
                    inside = self._taken(level, inside, factors)
            if level in self.tiled:
                for loop in self.loops:
                    temporal[:, level, LOOPS.index(loop)] = designs[f"tile_{self.words[level]}_{loop}"]
                inside = self._taken(level, inside, temporal[:, level])
            if f"order_{self.words[level]}" in self.space:
                order[:, level] = self._orders(designs[f"order_{self.words[level]}"])
        temporal[:, -1] = -(-np.array(self.nest.sizes) // inside)
        return Mappings(
            temporal.astype(np.int32), order, spatial[0].astype(np.int32), spatial[1].astype(np.int32)
        )

    def _taken(self, level: int, inside: NDArray[np.int64], factors: NDArray[np.int64]) -> NDArray[np.int64]:
        """What the loops cover with these factors, changed in place to what is left of each and what fits."""
        np.minimum(factors, -(-np.array(self.nest.sizes) // inside), out=factors)
        if self.settings.overflow == "shrink":
            while True:
                wide = (factors.max(axis=1) > 1) & self._overflows(level, inside * factors)
                if not wide.any():
                    break
                rows = np.flatnonzero(wide)
                largest = factors[rows].argmax(axis=1)
                for loop in np.unique(largest):
                    smaller = np.array(_divisors(self.nest.sizes[loop]))
                    mine = rows[largest == loop]
                    factors[mine, loop] = smaller[np.searchsorted(smaller, factors[mine, loop]) - 1]
        return inside * factors

    def _overflows(self, level: int, inside: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Whether the tiles that these iterations need overflow a level or one around it."""
        g, n, k, c, p, q, r, s = np.minimum(inside, self.nest.sizes).T.astype(np.float64)
        stride, dilation = self.nest.stride, self.nest.dilation
        rows = (p - 1) * stride[0] + (r - 1) * dilation[0] + 1
        columns = (q - 1) * stride[1] + (s - 1) * dilation[1] + 1
        words = {
            "Weights": g * k * c * r * s,
            "Inputs": g * n * c * rows * columns,
            "Outputs": g * n * k * p * q,
        }
        over = np.zeros(len(inside), bool)
        for storage in self.architecture.levels[level:]:
            held = np.sum([words[tensor] for tensor in storage.holds], axis=0)
            over |= held > (storage.capacity_words or np.inf)
        return over

    def pictures(self, design: Mapping[str, Any]) -> Sequence[Picture]:
        """The array, energy by level and operand, and the layer under the roofline."""
        mappings = self.mappings(self.space.designs([design]))
        costs = self._cost(mappings)
        if not costs.valid[0]:
            raise ValueError(costs.reason(0))
        assert costs.counts is not None
        utilisation = float(costs.utilisation[0])
        spatial = mappings.spatial_x[0], mappings.spatial_y[0]
        used = used_units(self.architecture, *spatial)
        works, rows, columns = np.count_nonzero(used), *used.shape
        where = array_words(self.architecture, *spatial)
        busy = min(1.0, utilisation * used.size / works)
        return (
            array_picture(
                rows,
                columns,
                np.where(used, busy, 0.0),
                f"{works:,} of {used.size:,} units have work ({where}); over the whole run {utilisation:.1%} "
                "of what all could do is done.",
            ),
            energy_picture(
                self.compiled.names,
                costs.energy_by_level_pj[0],
                {"MAC": float(costs.energy_pj[0] - costs.energy_by_level_pj[0].sum())},
            ),
            roofline_picture(
                [self.layer_name],
                costs.macs,
                costs.cycles,
                costs.counts[:, -1, :, :3].sum(axis=(1, 2)),
                self.architecture.units * self.architecture.mac.per_cycle,
                memory_words_per_cycle(self.architecture),
                below=below_the_roof(self.architecture),
            ),
        )

    def _cost(self, mappings: Mappings) -> Costs:
        from cosearch_simulators.accelerator.common.nest_tables import FILL_AND_DRAIN
        from cosearch_simulators.accelerator.engines.timeloop.evaluation import evaluate

        return evaluate(
            [self.compiled],
            [self.nest],
            mappings,
            options=FILL_AND_DRAIN,
            counts=True,
            threads=self.settings.threads,
        )

    def _linked(self, costs: Costs, mappings: Mappings) -> Costs:
        """The costs with what units get from their neighbours."""
        from cosearch_simulators.accelerator.engines.timeloop.neighbour_links import with_all_links

        return with_all_links(costs, self.architecture, self.compiled, self.nest, mappings)

    def axis_name(self, level: int, axis: int) -> str:
        """What an array's axis is called in the names of parameters."""
        return f"{self.words[level]}_{'xy'[axis]}"

    def _orders(self, column: Any) -> NDArray[np.int8]:
        """(n, 8) loops innermost first; those with one iteration come last."""
        from cosearch_simulators.workloads import LOOPS

        rest = [LOOPS.index(loop) for loop in LOOPS if loop not in self.loops]
        return np.array([[*(LOOPS.index(loop) for loop in value), *rest] for value in column], np.int8)

    def _parameters(self) -> list[Parameter]:
        parameters: list[Parameter] = []
        for number, (level, axis) in enumerate(self.arrays):
            prefix = self.axis_name(level, axis)
            array = self.architecture.levels[level].array
            size = int(array[0] if axis == 0 else np.prod(array[1:]))
            usual = [loop for loop in ("C", "K", "P", "G") if loop in self.loops] or self.loops
            parameters.append(
                Categorical(f"spread_{prefix}", self.loops, default=usual[min(number, len(usual) - 1)])
            )
            sizes = sorted(
                {size, *(d for loop in self.loops for d in _divisors(self.nest.size(loop)) if d <= size)}
            )
            parameters.append(Ordinal(f"spread_{prefix}_size", sizes, default=sizes[-1]))
        for level in self.tiled:
            name = self.words[level]
            for loop in self.loops:
                divisors = _divisors(self.nest.size(loop))
                if len(divisors) == 1:
                    parameters.append(Categorical(f"tile_{name}_{loop}", divisors))
                else:
                    parameters.append(Ordinal(f"tile_{name}_{loop}", divisors, default=1))
        if len(self.loops) > 1:
            for level in [*self.tiled, len(self.architecture.levels) - 1]:
                name = self.words[level]
                parameters.append(
                    Permutation(f"order_{name}", self.loops, description="loops, innermost first")
                )
        return parameters


def read_accelerator(architecture: str) -> Architecture:
    """A built-in accelerator or that of a file.

    Raises:
        UnknownNameError: there is neither such a name nor such a file.
        ArgumentError: the file cannot be read.
    """
    from cosearch_simulators.accelerator.files.documents import OUR_ARCHITECTURE, kind_of, load, refusal
    from cosearch_simulators.accelerator.files.timeloop_architecture import read_timeloop_architecture
    from cosearch_simulators.accelerator.system.architecture import preset, presets, read_architecture
    from cosearch_simulators.errors import SimulatorError

    try:
        if architecture in presets():
            return preset(architecture)
        if os.path.exists(architecture) or architecture.endswith((".yaml", ".yml", ".json")):
            content = load(architecture)
            if isinstance(content, dict) and {"architecture", "arch"} & content.keys():
                return read_timeloop_architecture(architecture).architecture
            if kind_of(content) not in ("", OUR_ARCHITECTURE):
                raise refusal(architecture, content, "an architecture of cosearch or Timeloop")
            return read_architecture(Path(architecture))
    except SimulatorError as error:
        raise ArgumentError(str(error)) from None
    raise unknown_name("architecture", architecture, presets())


def _words(names: Sequence[str]) -> list[str]:
    """Levels' names as they appear in those of parameters, which are words.

    Raises:
        ArgumentError: two become the same.
    """
    words = [re.sub(r"\W", "_", name, flags=re.ASCII) for name in names]
    for number, word in enumerate(words):
        if word in words[:number]:
            other = names[words.index(word)]
            raise ArgumentError(f"levels {other!r} and {names[number]!r} would both be called {word!r}")
    return words


def _divisors(number: int) -> list[int]:
    small = [d for d in range(1, isqrt(number) + 1) if number % d == 0]
    return sorted({*small, *(number // d for d in small)})
