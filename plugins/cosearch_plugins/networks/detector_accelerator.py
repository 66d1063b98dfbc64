"""The problem `detector-accelerator`: a mobile detector, its precision and its accelerator in one design."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from cosearch.objectives import Metric, Objective
from cosearch_plugins.networks.joint import COSTS, Accuracy, JointProblem, JointSettings, known_everywhere

if TYPE_CHECKING:
    from cosearch_simulators.networks.costs import Precisions
    from cosearch_simulators.networks.networks import Networks
    from cosearch_simulators.networks.space import NetworkSpace


class DetectorAcceleratorSettings(JointSettings):
    """What of precision and mapping is searched, and what of the platform is given."""


class DetectorAccelerator(JointProblem):
    """A detector of MobileDets' blocks (inverted, fused, tensor), its precision and its accelerator.

    Which blocks are fast depends on the accelerator: full convolutions fill an array that depthwise ones
    leave empty. The mAP is predicted from three published networks by their operations; `about` says so.

    Example:
        >>> problem = DetectorAccelerator()
        >>> problem.evaluate(problem.space.designs([problem.space.default()])).status.tolist()
        ['ok']
    """

    Settings = DetectorAcceleratorSettings
    settings: DetectorAcceleratorSettings
    name = "detector-accelerator"
    metrics = (Metric("map", "%", "mean average precision on COCO; predicted by operations"), *COSTS)
    objectives = (
        Objective("map", "max"),
        *(Objective(name, "min") for name in ("latency_ns", "energy_pj", "area_mm2")),
    )

    def build(self) -> None:
        """The space, and what is known of its accuracies."""
        from cosearch_simulators.networks.compression_loss import SOURCE
        from cosearch_simulators.networks.published_accuracy import MOBILEDET_SOURCE

        super().build()
        self.about = f"{self.family.name} ({self.family.source}); map: {MOBILEDET_SOURCE}; {SOURCE}"

    @cached_property
    def family(self) -> NetworkSpace:
        """The networks."""
        from cosearch_simulators.networks.spaces import network_space

        return network_space("mobiledet")

    @cached_property
    def _published(self) -> list[tuple[float, float]]:
        from cosearch_simulators.networks.published_accuracy import MOBILEDET_MAP
        from cosearch_simulators.networks.spaces.mobiledet import published_macs

        return [(published_macs(name), found) for name, found in MOBILEDET_MAP.items()]

    def accuracy(self, columns: Mapping[str, Any], networks: Networks, bits: Precisions) -> Accuracy:
        """By operations, less what the precision loses."""
        from cosearch_simulators.networks.compression_loss import top1_loss
        from cosearch_simulators.networks.published_accuracy import interpolated

        found = interpolated(self._published, np.maximum(networks.macs, 1.0))
        return known_everywhere({"map": found - top1_loss(networks, bits)})
