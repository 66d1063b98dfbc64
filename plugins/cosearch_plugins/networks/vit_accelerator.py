"""The problem `vit-accelerator`: a vision transformer, its precision and its accelerator in one design."""

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


class VitAcceleratorSettings(JointSettings):
    """What of precision and mapping is searched, and what of the platform is given."""


class VitAccelerator(JointProblem):
    """A vision transformer, the bits of its weights and activations, and the accelerator that it runs on.

    Of the network, width, depth and each layer's heads and hidden size are open.
    Accuracy is predicted from three published networks by the number of parameters, which is all that is
    known of most of them; `about` says so. What narrower numbers lose is that of convolutional networks.

    Example:
        >>> problem = VitAccelerator()
        >>> problem.evaluate(problem.space.designs([problem.space.default()])).status.tolist()
        ['ok']
    """

    Settings = VitAcceleratorSettings
    settings: VitAcceleratorSettings
    name = "vit-accelerator"
    metrics = (
        Metric("top1", "%", "of ImageNet's images, right at the first guess; predicted by size"),
        *COSTS,
    )
    objectives = (
        Objective("top1", "max"),
        *(Objective(name, "min") for name in ("latency_ns", "energy_pj", "area_mm2")),
    )

    def build(self) -> None:
        """The space, and what is known of its accuracies."""
        from cosearch_simulators.networks.compression_loss import SOURCE
        from cosearch_simulators.networks.published_accuracy import AUTOFORMER_SOURCE

        super().build()
        self.about = f"{self.family.name} ({self.family.source}); top1: {AUTOFORMER_SOURCE}; {SOURCE}"

    @cached_property
    def family(self) -> NetworkSpace:
        """The networks."""
        from cosearch_simulators.networks.spaces import network_space

        return network_space("vision-transformer")

    def accuracy(self, columns: Mapping[str, Any], networks: Networks, bits: Precisions) -> Accuracy:
        """By the number of parameters, less what the precision loses."""
        from cosearch_simulators.networks.compression_loss import top1_loss
        from cosearch_simulators.networks.published_accuracy import AUTOFORMER, interpolated

        top1 = interpolated(AUTOFORMER, np.maximum(networks.parameters, 1.0) / 1e6)
        return known_everywhere({"top1": top1 - top1_loss(networks, bits)})
