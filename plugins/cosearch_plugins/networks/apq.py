"""The problem `apq`: architecture, pruning and quantisation for a budget of latency or energy."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cosearch.errors import ArgumentError
from cosearch.objectives import Constraint, Metric, Objective
from cosearch.outcomes import Outcomes
from cosearch.problem import Problem
from cosearch.settings import InputFile, Settings, setting
from cosearch.space import Designs, DesignSpace, Ordinal

if TYPE_CHECKING:
    from cosearch_simulators.networks.quality import Quality

STAGES = 5
WIDTHS = (24, 40, 80, 96, 192)
STRIDES = (2, 2, 2, 1, 2)
STEM_WIDTH, STEM_SIDE = 16, 112
LAST_WIDTH, LAST_KERNEL, LAST_RATIO = 320, 3, 6.0
"""A last block that is not searched; it has the bits of the stage before it."""

DEPTHS, KERNELS, BITS = (2, 3, 4), (3, 5, 7), (4, 6, 8)
CHANNEL_RATIOS = (4.0, 4.5, 5.0, 5.5, 6.0)
"""Hidden channels over those that come in; 6 is not pruned."""

SPACE = DesignSpace(
    [
        parameter
        for stage in range(1, STAGES + 1)
        for parameter in (
            Ordinal(f"depth_{stage}", DEPTHS, default=3),
            Ordinal(f"kernel_{stage}", KERNELS, default=3),
            Ordinal(
                f"channels_{stage}",
                CHANNEL_RATIOS,
                default=6.0,
                description="hidden channels left by pruning, over those that come in",
            ),
            Ordinal(f"weight_bits_{stage}", BITS, default=8),
            Ordinal(f"activation_bits_{stage}", BITS, default=8),
        )
    ],
    # BitFusion's table has no such depthwise convolution.
    forbidden=[f"kernel_{stage} == 7 and activation_bits_{stage} == 4" for stage in range(1, STAGES + 1)],
    name="apq",
    groups={
        "architecture": [f"{part}_{s}" for part in ("depth", "kernel") for s in range(1, STAGES + 1)],
        "pruning": [f"channels_{s}" for s in range(1, STAGES + 1)],
        "quantisation": [
            f"{part}_{s}" for part in ("weight_bits", "activation_bits") for s in range(1, STAGES + 1)
        ],
    },
)


class ApqSettings(Settings):
    """The budget, and whose costs are counted."""

    latency_ms: float | None = setting(None, "at most, of one image", unit="ms", gt=0)
    energy_mj: float | None = setting(None, "at most, of one image", unit="mJ", gt=0)
    table: InputFile | None = setting(
        None,
        "a Parquet or CSV file with in_ch, out_ch, input_size, kernel, stride, groups, w_bits, a_bits, "
        "latency_ms and energy_mj of convolutions; default APQ's of BitFusion (arXiv:2006.08509)",
    )


class Apq(Problem):
    """Depth, kernels, pruned channels and bits of a mobile network, on the accelerator BitFusion.

    Latency and energy are sums over its convolutions, each looked up as it was measured. Accuracy is that of
    the Once-for-All sub-network of the same depths, kernels and expansions, predicted from measured ones and
    interpolated in the channels, less what narrow numbers lose (`networks.compression_loss`): good for
    ranking, no measurement of these networks. The stem and the classes cost nothing here, as in APQ's table.
    """

    name = "apq"
    space = SPACE
    metrics = (
        Metric("top1", "%", "of ImageNet's images, predicted"),
        Metric("top1_loss", "%", "of it, what narrow numbers lose"),
        Metric("latency_ms", "ms", "of one image"),
        Metric("energy_mj", "mJ", "of one image"),
        Metric("weight_mb", "MB", "of the convolutions' weights"),
        Metric("macs", "1", "multiply-accumulates of the convolutions"),
    )
    objectives = (Objective("top1", "max"),)
    constraints: Sequence[Constraint] = ()
    Settings = ApqSettings

    def build(self) -> None:
        """The budget as constraints, latency of 10 ms where none is given."""
        from cosearch_simulators.networks.compression_loss import SOURCE

        settings: ApqSettings = self.settings
        latency = settings.latency_ms
        if latency is None and settings.energy_mj is None:
            latency = 10.0
        limits = {"latency_ms": latency, "energy_mj": settings.energy_mj}
        self.constraints = tuple(
            Constraint(n, "<=", limit) for n, limit in limits.items() if limit is not None
        )
        self.about = f"{self._costs.source}; top1 of {self._accuracy.source}; {SOURCE}"

    def simulate(self, designs: Designs, *, fidelity: str, seed: int) -> Outcomes:
        """Look every convolution up, and predict the accuracy."""
        from cosearch_simulators.networks.compression_loss import loss_of_stages
        from cosearch_simulators.networks.costs import Precisions

        n = len(designs)
        found = self._convolutions(designs)
        costs = self._costs.evaluate({name: found[name] for name in COLUMNS})
        codes, reason = np.zeros(n, np.int8), np.full(n, "", object)
        for row in np.flatnonzero(costs.status > 0)[::-1]:
            design = found["design"][row]
            names = ("kernel", "in_ch", "out_ch", "input_size", "w_bits", "a_bits")
            what = ", ".join(f"{name} {found[name][row]}" for name in names)
            codes[design], reason[design] = costs.status[row], f"{costs.reason[row]}: {what}"
        weights, activations = np.zeros((n, STAGES)), np.zeros((n, STAGES))
        place = (found["design"], found["stage"])
        np.add.at(weights, place, found["weights"])
        np.add.at(activations, place, found["outputs"])
        bits = {
            part: np.stack([designs[f"{part}_{s}"] for s in range(1, STAGES + 1)], axis=1)
            for part in ("weight_bits", "activation_bits")
        }
        loss = loss_of_stages(weights, activations, Precisions.of(n, STAGES, **bits))
        metrics: dict[str, NDArray[Any]] = {
            "top1": self._full_precision(designs) - loss,
            "top1_loss": loss,
            **{
                name: np.bincount(found["design"], costs[name], minlength=n)
                for name in ("latency_ms", "energy_mj")
            },
            "weight_mb": np.bincount(found["design"], found["weights"] * found["w_bits"] / 8e6, minlength=n),
            "macs": np.bincount(found["design"], found["macs"], minlength=n),
        }
        return Outcomes(metrics, codes, reason)

    def features(self, designs: Designs) -> dict[str, NDArray[np.float64]]:
        """Multiply-accumulates, weights in MB, and every choice."""
        n, found = len(designs), self._convolutions(designs)
        described: dict[str, NDArray[Any]] = {n: np.asarray(designs[n], np.float64) for n in SPACE.names}
        sizes = {"macs": found["macs"], "weight_mb": found["weights"] * found["w_bits"] / 8e6}
        for name, values in sizes.items():
            described[name] = np.bincount(found["design"], values, minlength=n)
        return described

    def _convolutions(self, designs: Designs) -> dict[str, NDArray[Any]]:
        """Every convolution of every design as columns, with its design and stage."""
        n = len(designs)
        every = np.arange(n)
        parts: list[dict[str, NDArray[Any]]] = []

        def add(stage: int, rows: NDArray[Any], kernel: Any, *shape: Any) -> None:
            into, out, side, stride, groups = (np.broadcast_to(np.asarray(v), n)[rows] for v in shape)
            kernels = np.broadcast_to(np.asarray(kernel), n)[rows]
            weights = kernels**2 * into * out // groups
            pixels = (side // stride) ** 2
            parts.append(
                {
                    "design": every[rows],
                    "stage": np.full(rows.size, stage),
                    "in_ch": into,
                    "out_ch": out,
                    "input_size": side,
                    "kernel": kernels,
                    "stride": stride,
                    "groups": groups,
                    "w_bits": np.asarray(designs[f"weight_bits_{stage + 1}"])[rows],
                    "a_bits": np.asarray(designs[f"activation_bits_{stage + 1}"])[rows],
                    "weights": weights.astype(np.float64),
                    "outputs": (pixels * out).astype(np.float64),
                    "macs": (weights * pixels).astype(np.float64),
                }
            )

        def block(stage: int, rows: NDArray[Any], kernel: Any, ratio: Any, *shape: int) -> None:
            into, out, side, stride = shape
            hidden = (np.floor(into * np.asarray(ratio) / 8 + 0.5) * 8).astype(np.int64)
            add(stage, rows, 1, into, hidden, side, 1, 1)
            add(stage, rows, kernel, hidden, hidden, side, stride, hidden)
            add(stage, rows, 1, hidden, out, side // stride, 1, 1)

        into, side = STEM_WIDTH, STEM_SIDE
        for stage, (width, stride) in enumerate(zip(WIDTHS, STRIDES, strict=True)):
            depth, kernel, ratio = (
                np.asarray(designs[f"{part}_{stage + 1}"]) for part in ("depth", "kernel", "channels")
            )
            block(stage, every, kernel, ratio, into, width, side, stride)
            side //= stride
            for layer in range(1, max(DEPTHS)):
                block(stage, np.flatnonzero(depth > layer), kernel, ratio, width, width, side, 1)
            into = width
        block(STAGES - 1, every, LAST_KERNEL, np.full(n, LAST_RATIO), into, LAST_WIDTH, side, 1)
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}

    def _full_precision(self, designs: Designs) -> NDArray[np.float64]:
        """Accuracy between the sub-networks whose expansions are 4 and 6, each stage by its channels."""
        n = len(designs)
        columns: dict[str, Any] = {"resolution": np.full(n, 224)}
        for stage in range(1, STAGES + 1):
            columns[f"depth_{stage}"] = np.asarray(designs[f"depth_{stage}"])
            for layer in range(1, 5):
                columns[f"kernel_{stage}_{layer}"] = np.asarray(designs[f"kernel_{stage}"])
                columns[f"expansion_{stage}_{layer}"] = np.full(n, 4)
        narrow = self._accuracy.evaluate(columns)["top1"]
        total = narrow.copy()
        for stage in range(1, STAGES + 1):
            wide = {f"expansion_{stage}_{layer}": np.full(n, 6) for layer in range(1, 5)}
            gain = self._accuracy.evaluate(columns | wide)["top1"] - narrow
            total += gain * (np.asarray(designs[f"channels_{stage}"]) - 4) / 2
        return total

    @cached_property
    def _costs(self) -> Quality:
        from cosearch_simulators.errors import SimulatorError
        from cosearch_simulators.networks.quality import load

        try:
            return load("apq-bitfusion", table=self.settings.table, metrics=["latency_ms", "energy_mj"])
        except SimulatorError as error:
            raise ArgumentError(f"table: {error}") from None

    @cached_property
    def _accuracy(self) -> Quality:
        from cosearch_simulators.networks.quality import load

        return load("ofa-mbv3")


COLUMNS = ("in_ch", "out_ch", "input_size", "kernel", "stride", "groups", "w_bits", "a_bits")
"""Of the table, that say which convolution it is."""
