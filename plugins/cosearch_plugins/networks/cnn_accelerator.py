"""The problem `cnn-accelerator`: a mobile network, its precision and its accelerator in one design."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from cosearch.fidelity import Fidelity
from cosearch.objectives import Metric, Objective
from cosearch.outcomes import Outcomes
from cosearch.problem import Problem
from cosearch.settings import InputFile, Settings, setting
from cosearch.space import Designs, DesignSpace
from cosearch_plugins.accelerator.mapped_network import Goal
from cosearch_plugins.networks.accuracy import load_quality
from cosearch_plugins.networks.hardware import (
    BY_STAGE,
    MULTIPLIERS,
    Clock,
    MemoryBandwidth,
    accelerators,
    hardware_space,
)
from cosearch_plugins.networks.precision import Granularity, precision_space, precisions, too_wide
from cosearch_plugins.networks.spaces import columns_of, design_space
from cosearch_plugins.shared_settings import Threads

if TYPE_CHECKING:
    from cosearch_simulators.networks.quality import Quality
    from cosearch_simulators.networks.space import NetworkSpace

QUALITIES = {"ofa-mobilenet-v3": "ofa-mbv3", "mnasnet": "mnasnet"}
"""The embedded source of each family's accuracy."""

FIDELITIES = (
    Fidelity("bound", 0.01, "what no mapping goes below, in closed form"),
    Fidelity("mapper", 1.0, "the best mapping that a short search finds for each layer"),
)

COSTS = (
    Metric("latency_ns", "ns", "of one image, from the first load of the first layer to the last store"),
    Metric("energy_pj", "pJ", "of one image: all accesses and operations; leakage is not counted"),
    Metric("area_mm2", "mm2", "of the chip"),
    Metric("edp_pj_s", "pJ s", "energy times latency"),
    Metric("power_mw", "mW", "energy over latency"),
    Metric("utilisation", "1", "multiply-accumulates done, of one for each unit in each cycle"),
    Metric("weight_bytes", "B", "of weights and biases in memory"),
    Metric("peak_activation_bytes", "B", "the most that is alive at once, in the order of the operators"),
    Metric("macs", "1", "multiply-accumulates of one image"),
    Metric("parameters", "1", "trained numbers"),
)


class CnnAcceleratorSettings(Settings):
    """Which networks, how their accuracy is known, and what of precision and mapping is searched."""

    networks: Literal["ofa-mobilenet-v3", "mnasnet"] = setting(
        "ofa-mobilenet-v3",
        "the family: sub-networks of Once-for-All (depth, kernels, expansions), or MnasNet's stages "
        "(expansion, kernel, layers, squeeze and excite)",
    )
    quality: InputFile | None = setting(
        None,
        "a table of measured networks of the family, with a column top1, instead of the embedded predictor",
    )
    precision: Granularity = setting(
        "network",
        "what has bits of its own: the `network` (4, 6, 8 or 16), or each `stage` (4, 6 or 8, on multipliers "
        "that take 8)",
    )
    sparsity: bool = setting(False, "whether weights of each stage may be 2:4 sparse")
    mapped_for: Goal = setting("edp", "what each layer's mapping is the best for")
    memory_gb_per_s: MemoryBandwidth = 12.8
    clock_ghz: Clock = 0.5
    technology_nm: float = setting(45.0, "feature size of the chip", unit="nm", ge=7, le=130)
    threads: Threads = None


class CnnAccelerator(Problem):
    """A mobile network, the bits of its weights and activations, and the accelerator that it runs on.

    Accuracy is predicted from measured sub-networks, and what narrower numbers lose from published
    measurements; time, energy and area are those of the best mapping of every layer on an array with
    registers, a buffer and a memory. All are of one image.

    Example:
        >>> problem = CnnAccelerator()
        >>> problem.evaluate(problem.space.designs([problem.space.default()])).status.tolist()
        ['ok']
    """

    Settings = CnnAcceleratorSettings
    settings: CnnAcceleratorSettings
    name = "cnn-accelerator"
    metrics = (Metric("top1", "%", "of ImageNet's images, right at the first guess; predicted"), *COSTS)
    objectives = (
        Objective("top1", "max"),
        *(Objective(name, "min") for name in ("latency_ns", "energy_pj", "area_mm2")),
    )
    fidelities = FIDELITIES
    default_fidelity = "mapper"

    def build(self) -> None:
        """The networks, their precision and the hardware as one space."""
        from cosearch_simulators.networks.compression_loss import SOURCE

        settings = self.settings
        by_stage = settings.precision == "stage"
        precision = precision_space(self.family.stages, settings.precision, sparsity=settings.sparsity)
        # That all of many stages fit a narrower multiplier than the widest is too rare to be found.
        multipliers = BY_STAGE if by_stage else MULTIPLIERS
        self.space = DesignSpace.join(
            network=design_space(self.family.parameters, settings.networks),
            precision=precision,
            hardware=hardware_space(sparsity=settings.sparsity, multipliers=multipliers),
            forbidden=too_wide(precision, multipliers),
            name=self.name,
        )
        self.about = f"{settings.networks} ({self.family.source}); top1: {self.quality.source}; {SOURCE}"

    @cached_property
    def family(self) -> NetworkSpace:
        """The networks."""
        from cosearch_simulators.networks.spaces import network_space

        if self.settings.networks == "ofa-mobilenet-v3":
            return network_space("ofa-mobilenet-v3", resolutions=(224,))
        return network_space(self.settings.networks)

    @cached_property
    def quality(self) -> Quality:
        """Where accuracies come from."""
        return load_quality(self.settings.quality, QUALITIES[self.settings.networks], "top1")

    def simulate(self, designs: Designs, *, fidelity: str, seed: int) -> Outcomes:
        """All designs at once: their networks, accuracies, and costs of the distinct layers."""
        from cosearch_simulators.networks.compression_loss import top1_loss
        from cosearch_simulators.networks.costs import evaluate

        settings = self.settings
        columns = columns_of(designs, "network")
        networks = self.family.networks(columns)
        bits = precisions(designs, self.family.stages)
        found = evaluate(
            *(networks, accelerators(designs, settings.memory_gb_per_s, settings.clock_ghz), bits),
            fidelity=fidelity,
            goal=settings.mapped_for,
            technology_nm=settings.technology_nm,
            threads=settings.threads,
        )
        known = self.quality.evaluate(columns)
        metrics = {
            "top1": known.metrics["top1"] - top1_loss(networks, bits),
            **found.metrics,
            "macs": networks.macs,
            "parameters": networks.parameters,
        }
        codes = np.where(found.codes > 0, found.codes, known.status)
        reason = np.where(found.codes > 0, found.reason, known.reason)
        errors = {"top1": known.standard_error["top1"]} if "top1" in known.standard_error else None
        return Outcomes(metrics, codes, reason, standard_error=errors)

    def features(self, designs: Designs) -> dict[str, np.ndarray[Any, Any]]:
        """Cheap descriptors of each network: its size, and every choice."""
        table = self.family.features(columns_of(designs, "network"))
        return dict(zip(self.family.feature_names, table.T, strict=True))
