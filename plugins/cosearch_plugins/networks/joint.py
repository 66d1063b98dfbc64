"""What problems of networks on accelerators share: one space of three parts, and what a design costs."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cosearch.errors import ProblemError
from cosearch.fidelity import Fidelity
from cosearch.objectives import Metric
from cosearch.outcomes import Outcomes
from cosearch.pictures import Picture
from cosearch.problem import Problem
from cosearch.settings import Settings, setting
from cosearch.space import Designs, DesignSpace
from cosearch_plugins.accelerator.mapped_network import Goal
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
    from cosearch_simulators.networks.costs import Precisions
    from cosearch_simulators.networks.networks import Networks
    from cosearch_simulators.networks.space import NetworkSpace

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


class JointSettings(Settings):
    """What of precision and mapping is searched, and what of the platform is given."""

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


@dataclass(frozen=True)
class Accuracy:
    """How good n networks are.

    Attributes:
        metrics: {name: (n,)}.
        status: (n,) 0 where it is known.
        reason: (n,) why it is not.
        standard_error: of some metrics.
    """

    metrics: Mapping[str, NDArray[np.float64]]
    status: NDArray[np.int8]
    reason: NDArray[np.object_]
    standard_error: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)


def known_everywhere(metrics: Mapping[str, NDArray[np.float64]]) -> Accuracy:
    """Accuracies that every network has."""
    number = len(next(iter(metrics.values())))
    return Accuracy(metrics, np.zeros(number, np.int8), np.full(number, "", object))


class JointProblem(Problem):
    """A network of a family, its precision and the accelerator that it runs on.

    A subclass says which family and how good its networks are.
    """

    settings: Any
    fidelities = FIDELITIES
    default_fidelity = "mapper"

    @cached_property
    @abstractmethod
    def family(self) -> NetworkSpace:
        """The networks."""

    @abstractmethod
    def accuracy(self, columns: Mapping[str, Any], networks: Networks, bits: Precisions) -> Accuracy:
        """How good the networks are.

        Args:
            columns: of the part `network`.
            networks: of these columns.
            bits: that they run with.
        """

    def build(self) -> None:
        """The networks, their precision and the hardware as one space."""
        settings = self.settings
        by_stage = settings.precision == "stage"
        precision = precision_space(self.family.stages, settings.precision, sparsity=settings.sparsity)
        # That all of many stages fit a narrower multiplier than the widest is too rare to be found.
        multipliers = BY_STAGE if by_stage else MULTIPLIERS
        self.space = DesignSpace.join(
            network=design_space(self.family.parameters, self.family.name),
            precision=precision,
            hardware=hardware_space(sparsity=settings.sparsity, multipliers=multipliers),
            forbidden=too_wide(precision, multipliers),
            name=self.name,
        )

    def simulate(self, designs: Designs, *, fidelity: str, seed: int) -> Outcomes:
        """All designs at once: their networks, accuracies, and costs of the distinct layers."""
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
        known = self.accuracy(columns, networks, bits)
        metrics = {
            **known.metrics,
            **found.metrics,
            "macs": networks.macs,
            "parameters": networks.parameters,
        }
        codes = np.where(found.codes > 0, found.codes, known.status)
        reason = np.where(found.codes > 0, found.reason, known.reason)
        return Outcomes(metrics, codes, reason, standard_error=dict(known.standard_error) or None)

    def pictures(self, design: Mapping[str, Any]) -> Sequence[Picture]:
        """The network as a chain of layers, and what each of them takes on the accelerator."""
        from cosearch_plugins.networks.pictures import costs_picture, drawn_layers, network_picture
        from cosearch_simulators.networks.costs.layers import layer_costs

        settings, designs = self.settings, self.space.designs([design])
        networks = self.family.networks(columns_of(designs, "network"))
        if networks.reason[0]:
            raise ProblemError(str(networks.reason[0]))
        bits, outcomes = precisions(designs, self.family.stages), self.evaluate(designs)
        layers = drawn_layers(networks, self.family.stages)
        caution = "" if outcomes.ok[0] else f"The design has no result: {outcomes.reason[0]}"
        chain = network_picture(layers, bits.weight_bits[0], bits.activation_bits[0], caution)
        if caution:
            return [chain]
        costs = layer_costs(
            *(networks, accelerators(designs, settings.memory_gb_per_s, settings.clock_ghz), bits),
            goal=settings.mapped_for,
            technology_nm=settings.technology_nm,
            threads=settings.threads,
        )
        busy = float(outcomes["utilisation"][0])
        return [chain, costs_picture(layers, costs.latency_ns, costs.utilisation, busy)]

    def features(self, designs: Designs) -> dict[str, NDArray[np.float64]]:
        """Cheap descriptors of each network: its size, and every choice."""
        table = self.family.features(columns_of(designs, "network"))
        return dict(zip(self.family.feature_names, table.T, strict=True))
