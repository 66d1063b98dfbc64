"""The problem `nasbench201-device`: a network's cell, its accuracy and its latency on a device."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from cosearch.fidelity import Fidelity
from cosearch.objectives import Metric, Objective
from cosearch.outcomes import Outcomes
from cosearch.settings import InputFile, Settings, setting
from cosearch.space import Categorical, Designs, DesignSpace
from cosearch_plugins.networks.tabular import TabularProblem, as_outcomes, looked_up, read_table

OPERATIONS = ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3")

SPACE = DesignSpace(
    [
        Categorical(
            f"op_e{to}{start}",
            OPERATIONS,
            default="nor_conv_3x3",
            description=f"from node {start} to node {to}",
        )
        for to in (1, 2, 3)
        for start in range(to)
    ],
    name="nasbench201",
    groups={
        "node_1": ["op_e10"],
        "node_2": ["op_e20", "op_e21"],
        "node_3": ["op_e30", "op_e31", "op_e32"],
    },
)

Dataset = Literal["cifar10", "cifar100", "imagenet16-120"]
COLUMNS = {"cifar10": "c10", "cifar100": "c100", "imagenet16-120": "in16"}
"""How a data set is called in the table."""

Device = Literal[
    "pixel3",
    "pixel2",
    "samsung_a50",
    "samsung_s7",
    "essential_ph_1",
    "gold_6226",
    "gold_6240",
    "silver_4114",
    "silver_4210r",
    "1080ti_1",
    "1080ti_32",
    "1080ti_256",
    "2080ti_1",
    "2080ti_32",
    "2080ti_256",
    "titan_rtx_1",
    "titan_rtx_32",
    "titan_rtx_256",
    "titanx_1",
    "titanx_32",
    "titanx_256",
    "titanxp_1",
    "titanxp_32",
    "titanxp_256",
]


class NasBench201DeviceSettings(Settings):
    """Which measurements are searched."""

    dataset: Dataset = setting("cifar10", "what the networks were trained on")
    device: Device = setting(
        "pixel3",
        "where the latency was measured (HELP, arXiv:2106.08630); of a GPU with its batch",
    )
    table: InputFile | None = setting(
        None,
        "a Parquet or CSV file with op_e10 ... op_e32 (or arch_str), lat_DEVICE in ms, and accuracies in %: "
        "D_val_ep12, D_test_ep12, D_val_ep200_s, D_test_ep200, where D is c10, c100 or in16; "
        "default the embedded one of NAS-Bench-201 (arXiv:2001.00326)",
    )


class NasBench201Device(TabularProblem):
    """All 15,625 cells of NAS-Bench-201: measured accuracy against the measured latency of a device.

    Both fidelities are measurements: after 12 epochs of training and after 200. The exact front is known, so
    that an agent can be judged (`exact_front`).
    """

    name = "nasbench201-device"
    space = SPACE
    metrics = (
        Metric("test_top1", "%", "accuracy on the test set, mean of the trained seeds"),
        Metric("validation_top1", "%", "accuracy on the validation set: what a search may select by"),
        Metric("latency_ms", "ms", "on the device"),
        Metric("macs", "1", "multiply-accumulates for a CIFAR-10 image"),
        Metric("params", "1", "weights"),
    )
    fidelities = (
        Fidelity("epochs_12", 0.06, "trained for 12 epochs"),
        Fidelity("epochs_200", 1.0, "trained for 200 epochs"),
    )
    Settings = NasBench201DeviceSettings

    def build(self) -> None:
        """Read the table; the objectives' references are its worst values."""
        settings: NasBench201DeviceSettings = self.settings
        from cosearch_simulators.networks.quality.units import MILLISECONDS, PERCENT

        data = COLUMNS[settings.dataset]
        table = read_table(settings.table, "nasbench201", "nasbench201")
        latency = {"latency_ms": (f"lat_{settings.device}", MILLISECONDS)}
        epochs = {
            "epochs_12": (f"{data}_test_ep12", f"{data}_val_ep12"),
            "epochs_200": (f"{data}_test_ep200", f"{data}_val_ep200_s"),
        }
        self._sources = {
            fidelity: looked_up(
                table, {"test_top1": (test, PERCENT), "validation_top1": (validation, PERCENT)} | latency
            )
            for fidelity, (test, validation) in epochs.items()
        }
        slowest = float(np.nanmax(table.targets[f"lat_{settings.device}"]))
        self.objectives = (
            Objective("test_top1", "max", reference=0.0),
            Objective("latency_ms", "min", reference=slowest),
        )
        source = self._sources["epochs_200"].source
        self.about = f"{settings.dataset} accuracy and latency on {settings.device}; {source}"

    def simulate(self, designs: Designs, *, fidelity: str, seed: int) -> Outcomes:
        """Look all designs up."""
        columns = {name: designs[name] for name in SPACE.names}
        return as_outcomes(self._sources[fidelity].evaluate(columns), _statistics(columns))

    def features(self, designs: Designs) -> dict[str, np.ndarray]:
        """What is known of a cell without training: counts, how often each operation is there, depth."""
        columns = {name: designs[name] for name in SPACE.names}
        counts = {
            f"count_{operation}": sum((columns[name] == operation).astype(float) for name in columns)
            for operation in OPERATIONS
        }
        return _statistics(columns) | counts


def _statistics(columns: dict[str, Any]) -> dict[str, np.ndarray]:
    from cosearch_simulators.networks.quality.families import NasBench201

    family = NasBench201()
    codes, _ = family.codes(columns)
    return family.free_statistics(codes)
