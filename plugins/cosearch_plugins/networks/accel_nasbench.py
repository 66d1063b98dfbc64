"""The problem `accel-nasbench`: MnasNet's networks, ImageNet accuracy, speed of real accelerators."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from cosearch.objectives import Metric, Objective
from cosearch.outcomes import Outcomes
from cosearch.settings import InputFile, Settings, setting
from cosearch.space import Designs, DesignSpace, Integer, Ordinal
from cosearch_plugins.networks.tabular import TabularProblem, as_outcomes, looked_up, read_table

BLOCKS = 7

SPACE = DesignSpace(
    [
        parameter
        for block in range(1, BLOCKS + 1)
        for parameter in (
            Ordinal(f"expansion_{block}", (1, 4, 6), default=6),
            Ordinal(f"kernel_{block}", (3, 5)),
            Integer(f"layers_{block}", 1, 4 if block == 6 else 3, default=2),
            Integer(f"squeeze_excite_{block}", 0, 1),
        )
    ],
    name="mnasnet",
    groups={
        f"block_{block}": [f"{part}_{block}" for part in ("expansion", "kernel", "layers", "squeeze_excite")]
        for block in range(1, BLOCKS + 1)
    },
)

Device = Literal["vck190", "zcu102", "a100", "3090", "tpuv2", "tpuv3"]


class AccelNasBenchSettings(Settings):
    """Which networks are searched, and on what they run."""

    device: Device = setting("vck190", "whose throughput is measured: FPGAs, GPUs and TPUs")
    networks: Literal["measured", "all"] = setting(
        "measured",
        "`measured`: those of the table by their multiply-accumulates, one parameter; `all`: all of "
        " MnasNet's, each block's choices as parameters, by predictors learned from the table",
    )
    table: InputFile | None = setting(
        None,
        "a Parquet or CSV file with block0_e ... block6_se (or expansion_1 ...), val_top1 in % and "
        "throughput_DEVICE in images/s; default the embedded one of Accel-NASBench (arXiv:2404.08005)",
    )


class AccelNasBench(TabularProblem):
    """Networks of Accel-NASBench: ImageNet accuracy of a short training against throughput on an accelerator.

    Of the measured networks the exact front is known (`exact_front`). Networks that were not measured are
    predicted, with their standard error.
    """

    name = "accel-nasbench"
    metrics = (
        Metric("top1", "%", "ImageNet, trained by Accel-NASBench's short recipe"),
        Metric("throughput_per_s", "1/s", "images that the device does in a second"),
        Metric("macs", "1", "multiply-accumulates for an image of 224 x 224"),
        Metric("params", "1", "weights"),
    )
    space = DesignSpace([Integer("network", 0, 1)], name="accel-nasbench")
    objectives = (Objective("top1", "max"), Objective("throughput_per_s", "max", reference=0.0))
    Settings = AccelNasBenchSettings

    def build(self) -> None:
        """Read the table, and take or learn predictors where all networks are searched."""
        from cosearch_simulators.networks.quality.units import PER_SECOND, PERCENT

        settings: AccelNasBenchSettings = self.settings
        table = read_table(settings.table, "mnasnet", "mnasnet")
        column = f"throughput_{settings.device}"
        metrics = {"top1": ("val_top1", PERCENT), "throughput_per_s": (column, PER_SECOND)}
        self._quality = looked_up(table, metrics)
        known = np.isfinite(table.targets["val_top1"]) & np.isfinite(table.targets[column])
        order = np.argsort(table.family.free_statistics(table.codes)["macs"], kind="stable")
        self._networks = table.take(order[known[order]])
        worst = float(np.nanmin(table.targets["val_top1"]))
        self.objectives = (
            Objective("top1", "max", reference=worst),
            Objective("throughput_per_s", "max", reference=0.0),
        )
        if settings.networks == "all":
            self.space = SPACE
            self._quality = _predictor(table if settings.table else None, settings.table, column)
        else:
            self.space = DesignSpace(
                [
                    Integer(
                        "network",
                        0,
                        len(self._networks) - 1,
                        description="of the measured ones, from the fewest multiply-accumulates to the most",
                    )
                ],
                name="accel-nasbench",
            )
        self.about = f"{settings.device}; {self._quality.source}"

    def simulate(self, designs: Designs, *, fidelity: str, seed: int) -> Outcomes:
        """Look all designs up, or predict them."""
        columns = self.network_columns(designs)
        found = self._quality.evaluate(columns)
        if self.settings.networks == "all":
            names = {"top1": "top1", f"throughput_{self.settings.device}_per_s": "throughput_per_s"}
            found = _renamed(found, names)
        return as_outcomes(found, _statistics(columns))

    def network_columns(self, designs: Designs) -> dict[str, Any]:
        """The designs as columns of MnasNet's parameters."""
        if self.settings.networks == "all":
            return {name: designs[name] for name in SPACE.names}
        return dict(self._networks.take(np.asarray(designs["network"])).columns())

    def features(self, designs: Designs) -> dict[str, np.ndarray]:
        """Multiply-accumulates, weights, and the blocks' choices."""
        columns = self.network_columns(designs)
        return _statistics(columns) | {name: np.asarray(v, np.float64) for name, v in columns.items()}


def _predictor(table: Any, path: str | None, column: str) -> Any:
    from cosearch_simulators.networks.quality import fit, load

    if table is None:
        return load("mnasnet", metrics=["top1", f"{column}_per_s"])
    return fit(table, ["val_top1", column])


def _renamed(found: Any, names: dict[str, str]) -> Any:
    from cosearch_simulators.networks.quality import QualityResult

    metrics = {ours: found.metrics[theirs] for theirs, ours in names.items()}
    errors = {ours: found.standard_error[theirs] for theirs, ours in names.items()}
    return QualityResult(metrics, found.status, found.reason, errors)


def _statistics(columns: dict[str, Any]) -> dict[str, np.ndarray]:
    from cosearch_simulators.networks.quality.families import MnasNet

    family = MnasNet()
    codes, _ = family.codes(columns)
    return family.free_statistics(codes)
