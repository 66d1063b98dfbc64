"""The problem `many-devices`: one network, or one supernet's sub-networks, for several devices at once."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from pydantic import model_validator

from cosearch.errors import ArgumentError, unknown_name
from cosearch.objectives import Metric, Objective
from cosearch.outcomes import Outcomes
from cosearch.problem import Problem
from cosearch.settings import Settings, setting
from cosearch.space import Designs, DesignSpace, Ordinal
from cosearch_plugins.networks.nasbench201_device import SPACE as CELLS

if TYPE_CHECKING:
    from cosearch_simulators.networks.quality import Quality

DEVICES = {
    "nasbench201": (
        *("pixel3", "pixel2", "samsung_a50", "samsung_s7", "essential_ph_1"),
        *("gold_6226", "gold_6240", "silver_4114", "silver_4210r"),
        *(
            f"{gpu}_{batch}"
            for gpu in ("1080ti", "2080ti", "titan_rtx", "titanx", "titanxp")
            for batch in (1, 32, 256)
        ),
    ),
    "ofa-mbv3": tuple(
        f"{gpu}_{batch}" for gpu in ("2080ti", "titan_rtx", "titan_xp", "v100") for batch in (1, 32, 64)
    ),
}
"""By family of networks, the devices whose latency HELP (arXiv:2106.08630) measured."""

DEFAULT_DEVICES = {
    "nasbench201": "pixel3,gold_6226,titan_rtx_256",
    "ofa-mbv3": "2080ti_64,titan_rtx_64,titan_xp_64",
}

SUB_NETWORKS = DesignSpace(
    [
        *(Ordinal(f"depth_{stage}", (2, 3, 4)) for stage in range(1, 6)),
        *(
            Ordinal(
                f"{what}_{stage}_{layer}",
                values,
                when={f"depth_{stage}": tuple(range(layer, 5))} if layer > 2 else None,
            )
            for what, values in (("kernel", (3, 5, 7)), ("expansion", (3, 4, 6)))
            for stage in range(1, 6)
            for layer in range(1, 5)
        ),
    ],
    name="ofa-mbv3",
)
SPACES = {"nasbench201": CELLS, "ofa-mbv3": SUB_NETWORKS}
RESOLUTION = 224
"""Of all sub-networks: those whose accuracy was measured."""


class ManyDevicesSettings(Settings):
    """Which networks run on which devices."""

    networks: Literal["nasbench201", "ofa-mbv3"] = setting(
        "nasbench201",
        "cells of NAS-Bench-201, all measured (CIFAR-10), or sub-networks of Once-for-All MobileNetV3, "
        "predicted from measured ones (ImageNet)",
    )
    devices: str | None = setting(
        None, "two or more names with commas between them, as HELP has them; default three unlike ones"
    )
    each: Literal["one", "own"] = setting(
        "one",
        "`one` network for all devices, or each device its `own` sub-network of one supernet (ofa-mbv3)",
    )

    @model_validator(mode="after")
    def _possible(self) -> ManyDevicesSettings:
        known = DEVICES[self.networks]
        for name in self.device_names:
            if name not in known:
                raise unknown_name(f"device of {self.networks}", name, known)
        if len(set(self.device_names)) < max(2, len(self.device_names)):
            raise ArgumentError("devices: expected two or more that differ")
        if self.each == "own" and self.networks != "ofa-mbv3":
            raise ArgumentError("each=own: sub-networks of one supernet are those of networks=ofa-mbv3")
        return self

    @property
    def device_names(self) -> tuple[str, ...]:
        """The devices."""
        return tuple(name.strip() for name in (self.devices or DEFAULT_DEVICES[self.networks]).split(","))


class ManyDevices(Problem):
    """One network for several devices, or one supernet whose sub-networks each run on one.

    Latencies are the devices' tables. Since milliseconds of a phone and of a server do not compare, the worst
    case and the mean are also given relative to each device's median over the table.
    """

    name = "many-devices"
    space = CELLS
    metrics: Sequence[Metric] = (Metric("top1", "%", "of the worst network"),)
    objectives: Sequence[Objective] = (Objective("top1", "max"),)
    Settings = ManyDevicesSettings

    def build(self) -> None:
        """The space of one network or of one for each device, and the metrics of these devices."""
        settings: ManyDevicesSettings = self.settings
        names = settings.device_names
        network = SPACES[settings.networks]
        self.space = (
            network if settings.each == "one" else DesignSpace.join({f"on_{n}": network for n in names})
        )
        data = "CIFAR-10 test set" if settings.networks == "nasbench201" else "ImageNet, predicted"
        self.metrics = (
            Metric("top1", "%", f"{data}; of the worst network where there are several"),
            Metric("mean_top1", "%", "of all networks"),
            *(Metric(f"latency_{name}_ms", "ms", "of the network that runs there") for name in names),
            Metric("worst_latency_ms", "ms", "on the slowest device"),
            Metric("mean_latency_ms", "ms", "over devices"),
            Metric("worst_relative_latency", "1", "the largest of latency over the device's median"),
            Metric("mean_relative_latency", "1", "the mean of latency over the device's median"),
        )
        self.objectives = (Objective("top1", "max"), Objective("worst_relative_latency", "min"))
        self.about = f"{settings.networks} on {', '.join(names)}"

    def simulate(self, designs: Designs, *, fidelity: str, seed: int) -> Outcomes:
        """Accuracy of the networks, and the latency of each on its device."""
        settings: ManyDevicesSettings = self.settings
        names = settings.device_names
        n = len(designs)
        top1, latency = np.full((len(names), n), np.nan), np.full((len(names), n), np.nan)
        codes, reason = np.zeros(n, np.int8), np.full(n, "", object)
        for row, name in enumerate(names):
            columns = self._columns(designs, "" if settings.each == "one" else f"on_{name}.")
            for source, metric, target in (
                (self._accuracy, self._top1, top1),
                (self._latency, f"latency_{name}_ms", latency),
            ):
                found = source.evaluate(columns)
                target[row] = found[metric]
                worse = (found.status > 0) & (codes == 0)
                codes[worse], reason[worse] = found.status[worse], found.reason[worse]
        relative = latency / np.array([self._medians[name] for name in names])[:, None]
        metrics = {
            "top1": top1.min(0),
            "mean_top1": top1.mean(0),
            **{f"latency_{name}_ms": latency[row] for row, name in enumerate(names)},
            "worst_latency_ms": latency.max(0),
            "mean_latency_ms": latency.mean(0),
            "worst_relative_latency": relative.max(0),
            "mean_relative_latency": relative.mean(0),
        }
        return Outcomes(metrics, codes, reason)

    def features(self, designs: Designs) -> dict[str, np.ndarray]:
        """Multiply-accumulates and weights of every network."""
        from cosearch_simulators.networks.quality.families import FAMILIES

        family = next(f for f in FAMILIES if f.name == self.settings.networks)
        prefixes = [""] if self.settings.each == "one" else [f"on_{n}." for n in self.settings.device_names]
        found: dict[str, Any] = {}
        for prefix in prefixes:
            codes, _ = family.codes(self._columns(designs, prefix))
            for name, values in family.free_statistics(codes).items():
                found[f"{prefix.replace('.', '_')}{name}"] = values
        return found

    def _columns(self, designs: Designs, prefix: str) -> dict[str, Any]:
        space = SPACES[self.settings.networks]
        columns = {name: np.asarray(designs[f"{prefix}{name}"]) for name in space.names}
        if self.settings.networks == "ofa-mbv3":
            columns["resolution"] = np.full(len(designs), RESOLUTION)
        return columns

    @property
    def _top1(self) -> str:
        return "c10_test_ep200" if self.settings.networks == "nasbench201" else "top1"

    @cached_property
    def _accuracy(self) -> Quality:
        from cosearch_simulators.networks.quality import load

        return load(self.settings.networks, metrics=[self._top1])

    @cached_property
    def _latency(self) -> Quality:
        from cosearch_simulators.networks.quality import load

        source = "nasbench201" if self.settings.networks == "nasbench201" else "ofa-mbv3-latency"
        return load(source, metrics=[f"latency_{name}_ms" for name in self.settings.device_names])

    @cached_property
    def _medians(self) -> dict[str, float]:
        from cosearch_simulators.networks.quality import embedded_table

        table = embedded_table(
            "nasbench201" if self.settings.networks == "nasbench201" else "ofa-mbv3-latency"
        )
        return {
            name: float(np.nanmedian(table.targets[f"lat_{name}"])) for name in self.settings.device_names
        }
