"""The gradient of the problem `accelerator-mapping`: its cost with real factors, by the engine `continuous`.

Sizes of tiles and of what is spread out become real numbers between their values, on a log scale; which loop
is spread out and the loop orders are those of the design whose cell holds the point, so their derivatives are
0. A factor is at most what is left of its loop. Where the problem takes smaller tiles or refuses a design,
the relaxation rises: what overflows by a factor costs as many times more.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from cosearch.space import Designs, DesignSpace, Ordinal

if TYPE_CHECKING:
    from cosearch_simulators.accelerator.common.arrays import Mappings
    from cosearch_simulators.accelerator.system.architecture import Architecture, CompiledArchitecture
    from cosearch_simulators.workloads import LoopNest

Floats = NDArray[np.float64]

METRICS = ("latency_ns", "energy_pj", "edp_pj_s", "cycles", "utilisation")
"""Those of the problem that are relaxed; cycles are without fill, drain and rounding up."""


class MappingProblem(Protocol):
    """What the relaxation needs of the problem: its space and how the space stands for mappings."""

    space: DesignSpace
    nest: LoopNest
    architecture: Architecture
    compiled: CompiledArchitecture
    words: list[str]
    loops: list[str]
    arrays: list[tuple[int, int]]
    tiled: list[int]

    def mappings(self, designs: Designs) -> Mappings:
        """The designs as the arrays of the cost model."""
        ...

    def axis_name(self, level: int, axis: int) -> str:
        """The name of one axis of an array."""
        ...


def relaxed(problem: MappingProblem, unit: Floats) -> tuple[dict[str, Floats], dict[str, Floats]]:
    """Metrics, {name: (n,)}, and their derivatives, {name: (n, d)}, at points of the unit cube."""
    import torch

    points = torch.tensor(np.asarray(unit, np.float64), requires_grad=True)
    found = _metrics(torch, problem, points)
    slopes = {}
    for name, values in found.items():
        (slope,) = torch.autograd.grad(values.sum(), points, retain_graph=True)
        slopes[name] = slope.numpy()
    return {name: values.detach().numpy() for name, values in found.items()}, slopes


def _metrics(torch: Any, problem: MappingProblem, points: Any) -> dict[str, Any]:
    from cosearch_simulators.accelerator.engines.continuous.cost import continuous_cost

    designs = problem.space.from_unit(points.detach().numpy())
    whole = problem.mappings(designs)
    temporal, spatial = _factors(torch, problem, points, designs)
    cycles, energy = points[:, 0] * 0.0, points[:, 0] * 0.0
    orders, group = np.unique(whole.order, axis=0, return_inverse=True)
    for number, order in enumerate(orders):
        rows = torch.tensor(np.flatnonzero(group.ravel() == number))
        cost = continuous_cost(
            problem.compiled, problem.nest, temporal[rows], spatial[0][rows], spatial[1][rows], order.tolist()
        )
        more = torch.exp(cost.overflow)
        cycles = cycles.index_add(0, rows, cost.cycles * more)
        energy = energy.index_add(0, rows, cost.energy_pj * more)
    architecture = problem.architecture
    latency = cycles / architecture.clock_ghz
    done = problem.nest.macs / (architecture.units * architecture.mac.per_cycle)
    return dict(zip(METRICS, (latency, energy, energy * latency * 1e-9, cycles, done / cycles), strict=True))


def _factors(torch: Any, problem: MappingProblem, points: Any, designs: Any) -> tuple[Any, tuple[Any, Any]]:
    """Temporal factors (n, levels, loops), and those along X and Y."""
    from cosearch_simulators.workloads import LOOPS

    sizes = torch.tensor([float(size) for size in problem.nest.sizes], dtype=torch.float64)
    one = torch.ones((len(points), len(LOOPS)), dtype=torch.float64)
    places = {
        name: block.start
        for name, block in zip(problem.space.names, problem.space.unit_layout.blocks, strict=True)
    }
    inside = one
    temporal: list[Any] = []
    spatial: tuple[list[Any], list[Any]] = ([], [])
    for level in range(len(problem.architecture.levels)):
        for axis in range(2):
            wanted = one
            if (level, axis) in problem.arrays:
                name = f"spread_{problem.axis_name(level, axis)}"
                chosen = np.asarray(designs[name])
                size = _between(torch, problem.space[f"{name}_size"], points[:, places[f"{name}_size"]])
                is_chosen = torch.tensor(np.array([[loop == c for loop in LOOPS] for c in chosen.tolist()]))
                wanted = torch.where(is_chosen, size[:, None], one)
            factor = torch.minimum(wanted, torch.maximum(sizes / inside, one))
            spatial[axis].append(factor)
            inside = inside * factor
        factor = one
        if level in problem.tiled:
            columns = [one[:, 0]] * len(LOOPS)
            for loop in problem.loops:
                name = f"tile_{problem.words[level]}_{loop}"
                columns[LOOPS.index(loop)] = _between(torch, problem.space[name], points[:, places[name]])
            factor = torch.minimum(torch.stack(columns, dim=1), torch.maximum(sizes / inside, one))
        temporal.append(factor)
        inside = inside * factor
    return torch.stack(temporal, dim=1), tuple(torch.stack(axis, dim=1) for axis in spatial)


def _between(torch: Any, parameter: Any, unit: Any) -> Any:
    """The number at a coordinate: each value at the middle of its cell, straight on a log scale between."""
    if not isinstance(parameter, Ordinal):
        return unit * 0.0 + float(parameter.values[0])
    logs = torch.log(torch.tensor([float(value) for value in parameter.values], dtype=torch.float64))
    place = torch.clamp(unit * len(logs) - 0.5, 0.0, len(logs) - 1.0)
    below = torch.clamp(place.detach().floor().long(), max=len(logs) - 2)
    return torch.exp(logs[below] + (place - below) * (logs[below + 1] - logs[below]))
