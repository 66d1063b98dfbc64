"""The problem `cnn-accelerator`: a mobile network, its precision and its accelerator in one design."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from cosearch.objectives import Metric, Objective
from cosearch.settings import InputFile, setting
from cosearch_plugins.networks.accuracy import load_quality, once_for_all, with_resolution
from cosearch_plugins.networks.joint import COSTS, Accuracy, JointProblem, JointSettings

if TYPE_CHECKING:
    from cosearch_plugins.networks.relaxation import Relaxation
    from cosearch_simulators.networks.costs import Precisions
    from cosearch_simulators.networks.networks import Networks
    from cosearch_simulators.networks.quality import Quality
    from cosearch_simulators.networks.space import NetworkSpace

Floats = NDArray[np.float64]

QUALITIES = {"ofa-mobilenet-v3": "ofa-mbv3", "mnasnet": "mnasnet"}
"""The embedded source of each family's accuracy."""


class CnnAcceleratorSettings(JointSettings):
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


class CnnAccelerator(JointProblem):
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

    def build(self) -> None:
        """The space, and what is known of its accuracies."""
        from cosearch_simulators.networks.compression_loss import SOURCE

        super().build()
        self.about = f"{self.settings.networks} ({self.family.source}); top1: {self.quality.source}; {SOURCE}"

    @cached_property
    def family(self) -> NetworkSpace:
        """The networks."""
        from cosearch_simulators.networks.spaces import network_space

        if self.settings.networks == "ofa-mobilenet-v3":
            return once_for_all(self.quality)
        return network_space(self.settings.networks)

    @cached_property
    def quality(self) -> Quality:
        """Where accuracies come from."""
        return load_quality(self.settings.quality, QUALITIES[self.settings.networks], "top1")

    def gradient(self, unit: Floats) -> tuple[dict[str, Floats], dict[str, Floats]]:
        """Metrics and derivatives at points of the unit cube, see `relaxation`."""
        return self._relaxation(unit)

    @cached_property
    def _relaxation(self) -> Relaxation:
        from cosearch_plugins.networks.relaxation import Relaxation

        return Relaxation(self)

    def accuracy(self, columns: Mapping[str, Any], networks: Networks, bits: Precisions) -> Accuracy:
        """Of ImageNet, less what the precision loses."""
        from cosearch_simulators.networks.compression_loss import top1_loss

        known = self.quality.evaluate(with_resolution(columns, self.family))
        top1 = known.metrics["top1"] - top1_loss(networks, bits)
        errors = {name: known.standard_error[name] for name in ("top1",) if name in known.standard_error}
        return Accuracy({"top1": top1}, known.status, known.reason, errors)
