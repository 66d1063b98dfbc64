"""The gradient of `cnn-accelerator`: a mixture of network choices on an accelerator between designs.

A coordinate of a network's parameter between the middles of two values' cells is a mixture of both, by its
distance from each, as in DARTS (H. Liu et al., ICLR 2019) and ProxylessNAS (H. Cai et al., ICLR 2019). The
cost of a block is the sum of its choices' costs by their shares (FBNet, B. Wu et al., CVPR 2019), from a
table of the layers' costs in closed form (the fidelity `bound`) on the accelerator whose cell holds the
point. Between two values of an ordered parameter of hardware or precision the logarithm of a cost is
straight; multiplier and dataflow are those of the cell, so their derivatives are 0. Operands that are too
wide for a multiplier take as many steps as they have parts. At a design, costs are those of `bound`.

Accuracies are those of a least-squares fit to what the problem's own source says of random networks: one
number for each choice, and curves over the expected size.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from cosearch.space import Designs, DesignSpace
from cosearch_plugins.networks.accuracy import with_resolution
from cosearch_plugins.networks.precision import precisions
from cosearch_plugins.networks.relaxed_costs import CostTables
from cosearch_plugins.networks.spaces import columns_of
from cosearch_simulators.networks import compression_loss as loss
from cosearch_simulators.networks.costs.accelerators import INDEX_BITS, SUM_BITS
from cosearch_simulators.networks.costs.precisions import GROUP
from cosearch_simulators.networks.space import Block
from cosearch_simulators.networks.supernet import Supernet

if TYPE_CHECKING:
    from cosearch_simulators.networks.quality import Quality
    from cosearch_simulators.networks.space import NetworkSpace

Floats = NDArray[np.float64]

LEARNED_FROM = 3000
"""Random networks that the accuracy is fitted to."""
RIDGE = 0.3


class NetworkProblem(Protocol):
    """What the relaxation needs of the problem."""

    space: DesignSpace
    settings: Any

    @property
    def family(self) -> NetworkSpace:
        """The networks."""
        ...

    @property
    def quality(self) -> Quality:
        """Where accuracies come from."""
        ...


class Relaxation:
    """The relaxation of a problem; tables are kept, so that later points cost less.

    Args:
        problem: whose networks are of a family with `chosen_blocks`.
    """

    def __init__(self, problem: NetworkProblem) -> None:
        self.problem, self.space = problem, problem.space
        self.net = Supernet.of(problem.family)
        self.costs = CostTables(problem, self.net)
        layout = zip(self.space.names, self.space.unit_layout.blocks, strict=True)
        self._place = {name: block.start for name, block in layout}
        self._names = [one.name for one in problem.family.parameters]
        self._bits = {
            what: [name if name in self._place else f"{name}_{stage}" for stage in problem.family.stages]
            for what in ("weight_bits", "activation_bits")
            for name in (f"precision.{what}",)
        }
        self._ordered = [
            name
            for name in self.space.names
            if not name.startswith("network.") and self.space[name].ordered and self.space[name].size > 1
        ]
        self._accuracy = self._fitted()

    def __call__(self, unit: Floats) -> tuple[dict[str, Floats], dict[str, Floats]]:
        """Metrics, {name: (n,)}, and their derivatives, {name: (n, d)}, at points of the unit cube."""
        import torch

        points = torch.tensor(np.asarray(unit, np.float64), requires_grad=True)
        slopes, found = {}, self._metrics(torch, points)
        for name, values in found.items():
            (slope,) = torch.autograd.grad(values.sum(), points, retain_graph=True)
            slopes[name] = slope.numpy()
        return {name: values.detach().numpy() for name, values in found.items()}, slopes

    def _metrics(self, torch: Any, points: Any) -> dict[str, Any]:
        designs = self.space.from_unit(points.detach().numpy())
        choices = self._choices(torch, points)
        blocks = self._blocks(torch, choices)
        net, clock = self.net, self.problem.settings.clock_ghz
        sums = {
            name: (blocks * torch.tensor(getattr(net, name))).sum(dim=2)
            for name in ("macs", "parameters", "weights", "activations", "biases")
        }
        macs, parameters = sums["macs"].sum(dim=1), sums["parameters"].sum(dim=1)
        latency, energy, area = self._hardware(torch, points, blocks, designs)
        rows, columns = (np.asarray(designs[f"hardware.array_{name}"]) for name in ("rows", "columns"))
        units = torch.tensor((rows * columns).astype(np.float64))
        bits = self._between(torch, points, "weight_bits", float)
        bits = torch.where(torch.tensor(self._skips(designs)), (bits + INDEX_BITS) / 2, bits)
        weights = self._by_stage(torch, sums["weights"])
        top1 = self._top1(torch, choices, macs, parameters) - self._lost(torch, points, designs, sums)
        return {
            "top1": top1,
            "latency_ns": latency,
            "energy_pj": energy,
            "area_mm2": area,
            "edp_pj_s": energy * latency * 1e-9,
            "power_mw": energy / latency,
            "utilisation": macs / (units * clock * latency),
            "weight_bytes": ((weights * bits).sum(dim=1) + sums["biases"].sum(dim=1) * SUM_BITS) / 8,
            "macs": macs,
            "parameters": parameters,
        }

    # ---- the network

    def _choices(self, torch: Any, points: Any) -> Any:
        """(n, parameters, values) how much of each value there is."""
        return _hats(torch, points, [self._place[f"network.{name}"] for name in self._names], self._sizes)

    @cached_property
    def _sizes(self) -> list[int]:
        return [len(one.values) for one in self.problem.family.parameters]

    def _blocks(self, torch: Any, choices: Any) -> Any:
        """(n, b, c) how much of each combination of each block there is."""
        share = torch.ones((len(choices), len(self.net.blocks), 1), dtype=torch.float64)
        for kind, known in self.net.kinds.items():
            owners = [block.choices.get(kind) for block in self.net.blocks]
            mine = choices[:, [self._names.index(name) if name else 0 for name in owners], : len(known)]
            has = torch.tensor([name is not None for name in owners])[None, :, None]
            mine = torch.where(has, mine, 1.0 / len(known))
            share = (share[:, :, :, None] * mine[:, :, None, :]).flatten(2)
        return share * self._there(torch, choices, self.net.blocks)[:, :, None]

    def _there(self, torch: Any, choices: Any, blocks: Sequence[Block]) -> Any:
        """(n, blocks) how much of each block there is."""
        reaches = np.zeros((len(blocks), choices.shape[2]))
        for row, block in enumerate(blocks):
            if block.depth:
                values = self.problem.family.parameters[self._names.index(block.depth)].values
                reaches[row, : len(values)] = [value >= block.number for value in values]
        depths = [self._names.index(block.depth) if block.depth else 0 for block in blocks]
        there = (choices[:, depths] * torch.tensor(reaches)).sum(dim=2)
        return torch.where(torch.tensor([not block.depth for block in blocks]), 1.0, there)

    # ---- how good it is

    def _fitted(self) -> tuple[Floats, float, Floats, Floats]:
        """Weights of the terms, the mean accuracy, and the terms' means and spreads."""
        import torch

        drawn = self.space.sample(LEARNED_FROM, 0)
        columns = with_resolution(columns_of(drawn, "network"), self.problem.family)
        known = self.problem.quality.evaluate(columns)
        rows = np.flatnonzero(known.status == 0)
        top1 = known.metrics["top1"][rows]
        choices = self._choices(torch, torch.tensor(self.space.to_unit(drawn[rows])))
        blocks = self._blocks(torch, choices)
        sizes = [
            (blocks * torch.tensor(size)).sum(dim=(1, 2)) for size in (self.net.macs, self.net.parameters)
        ]
        terms = self._terms(torch, choices, *sizes).numpy()
        mean, spread = terms.mean(axis=0), np.maximum(terms.std(axis=0), 1e-9)
        terms = (terms - mean) / spread
        left = terms.T @ terms + RIDGE * np.eye(terms.shape[1])
        return np.linalg.solve(left, terms.T @ (top1 - top1.mean())), float(top1.mean()), mean, spread

    def _terms(self, torch: Any, choices: Any, macs: Any, parameters: Any) -> Any:
        """(n, terms): how much there is of each choice, and curves over size."""
        # where several blocks share a parameter, it matters as soon as the first is there
        owners = {name: block for block in reversed(self.net.blocks) for name in block.choices.values()}
        there = self._there(torch, choices, [owners.get(name, Block({})) for name in self._names])
        sizes = torch.log(torch.stack([macs, parameters], dim=1))
        return torch.cat([(choices * there[:, :, None]).flatten(1), sizes, sizes**2], dim=1)

    def _top1(self, torch: Any, choices: Any, macs: Any, parameters: Any) -> Any:
        weights, level, mean, spread = self._accuracy
        terms = (self._terms(torch, choices, macs, parameters) - torch.tensor(mean)) / torch.tensor(spread)
        return terms @ torch.tensor(weights) + level

    def _lost(self, torch: Any, points: Any, designs: Designs, sums: Mapping[str, Any]) -> Any:
        """(n,) points of top-1 that the precision loses."""
        weights, made = (self._by_stage(torch, sums[name]) for name in ("weights", "activations"))
        weights, made = (part / part.sum(dim=1, keepdim=True) for part in (weights, made))
        narrow = self._between(torch, points, "weight_bits", lambda bits: loss.WEIGHTS.get(bits, 0.0))
        total = (narrow * weights).sum(dim=1)
        narrow = self._between(torch, points, "activation_bits", lambda bits: loss.ACTIVATIONS.get(bits, 0.0))
        kept = precisions(designs, self.problem.family.stages).kept
        pruned = np.where(kept <= GROUP // 2, loss.KEPT[GROUP // 2], 0.0)
        return total + (narrow * made).sum(dim=1) + (weights * torch.tensor(pruned)).sum(dim=1)

    def _by_stage(self, torch: Any, of_blocks: Any) -> Any:
        """(n, stages) sums of what each block has."""
        stages = len(self.problem.family.stages)
        out = torch.zeros((len(of_blocks), stages), dtype=torch.float64)
        return out.index_add(1, torch.tensor(self.net.stage), of_blocks)

    def _skips(self, designs: Designs) -> NDArray[np.bool_]:
        """(n, stages) where the units skip zeros of the weights."""
        kept = precisions(designs, self.problem.family.stages).kept
        there = "hardware.skips_zeros" in self._place
        units = np.asarray(designs["hardware.skips_zeros"]) if there else np.zeros(len(designs))
        return (units[:, None] > 0) & (kept <= GROUP // 2)

    def _between(self, torch: Any, points: Any, what: str, number: Callable[[int], float]) -> Any:
        """(n, stages) numbers of the bits of each stage, straight between two widths."""
        names = self._bits[what]
        known = [self.space[name].values for name in names]
        share = _hats(torch, points, [self._place[name] for name in names], [len(values) for values in known])
        return (share * torch.tensor([[number(bits) for bits in values] for values in known])).sum(dim=2)

    # ---- what it costs

    def _hardware(self, torch: Any, points: Any, blocks: Any, designs: Designs) -> tuple[Any, Any, Any]:
        """Latency, energy and area, each (n,)."""
        columns = [self.space.names.index(name) for name in self._ordered]
        sizes = np.array([self.space[name].size for name in self._ordered])
        here = designs.index[:, columns].astype(np.float64)
        place = points[:, [self._place[name] for name in self._ordered]] * torch.tensor(sizes) - 0.5
        up = ((place.detach().numpy() >= here) & (here < sizes - 1)) | (here == 0)
        move = torch.clamp((place - torch.tensor(here)) * torch.tensor(np.where(up, 1.0, -1.0)), min=0.0)
        rows = np.repeat(designs.index[None], len(columns) + 1, axis=0)
        for number, column in enumerate(columns):
            rows[number + 1, :, column] += np.where(up[:, number], 1, -1).astype(rows.dtype)
        tables = self.costs.of(rows.reshape(-1, rows.shape[2]))
        each = torch.tensor(tables.blocks).reshape(2, len(rows), *blocks.shape)
        totals = torch.log((each * blocks).sum(dim=(3, 4)))
        area = torch.log(torch.tensor(tables.area_mm2)).reshape(1, len(rows), -1)
        logs = torch.cat([totals, area])  # (3, neighbours, n)
        found = logs[:, 0] + (move.T * (logs[:, 1:] - logs[:, :1])).sum(dim=1)
        return tuple(torch.exp(found))


def _hats(torch: Any, points: Any, places: Sequence[int], sizes: Sequence[int]) -> Any:
    """(n, coordinates, values) shares of values: all of one at the middle of its cell, of two between."""
    most = torch.tensor(sizes, dtype=torch.float64)
    place = torch.clamp(points[:, list(places)] * most - 0.5, torch.zeros_like(most), most - 1.0)
    away = torch.abs(place[:, :, None] - torch.arange(max(sizes), dtype=torch.float64))
    return torch.clamp(1.0 - away, min=0.0)
