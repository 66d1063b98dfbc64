"""The problem `microcontroller`: a measured cell and the microcontroller that it fits."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from cosearch.fidelity import Fidelity
from cosearch.objectives import Constraint, Metric, Objective
from cosearch.outcomes import Outcomes
from cosearch.problem import Problem
from cosearch.settings import Settings, setting
from cosearch.space import Categorical, Designs, DesignSpace
from cosearch_plugins.networks.accuracy import load_quality
from cosearch_plugins.networks.spaces import columns_of, design_space

if TYPE_CHECKING:
    from cosearch_simulators.networks.quality import Quality
    from cosearch_simulators.networks.space import NetworkSpace

# column of the table, classes, rows of the image
DATA = {
    "cifar10": ("c10_test_ep200", 10, 32),
    "cifar100": ("c100_test_ep200", 100, 32),
    "imagenet16": ("in16_test_ep200", 120, 16),
}
BOARDS = ("stm32f722", "stm32f746", "stm32f767", "stm32h743")


class MicrocontrollerSettings(Settings):
    """Whose images, how much of the memories is taken, and how fast it has to be."""

    data: Literal["cifar10", "cifar100", "imagenet16"] = setting("cifar10", "the images to be classified")
    reserved_kib: float = setting(
        32.0, "of RAM and of flash, for everything but the network", unit="KiB", ge=0, le=4096
    )
    latency_limit_ms: float = setting(10_000.0, "for one image", unit="ms", gt=0)


class Microcontroller(Problem):
    """A cell of NAS-Bench-201 on a microcontroller, under its RAM and flash and a limit of time.

    Accuracies are measured ones (in floating point; the published 8-bit kernels' loss is not known of each).
    RAM is what is alive at once in the order of the operators, and two columns of inputs for the product;
    flash holds the weights; time is counted operations at the pace of CMSIS-NN on a Cortex-M7.

    The largest and fastest microcontroller runs everything; so that it does not always win, the
    memory that a chip has, used or not, is an objective.

    Example:
        >>> problem = Microcontroller()
        >>> problem.evaluate(problem.space.designs([problem.space.default()])).status.tolist()
        ['ok']
    """

    Settings = MicrocontrollerSettings
    settings: MicrocontrollerSettings
    name = "microcontroller"
    metrics = (
        Metric("top1", "%", "of test images, right at the first guess; measured"),
        Metric("latency_ns", "ns", "of one image, by counted operations"),
        Metric("ram_bytes", "B", "activations alive at once and two columns of inputs"),
        Metric("flash_bytes", "B", "of weights and biases"),
        Metric("ram_share", "1", "of the microcontroller's RAM"),
        Metric("flash_share", "1", "of the microcontroller's flash"),
        Metric("chip_memory_bytes", "B", "RAM and flash that the microcontroller has, used or not"),
        Metric("macs", "1", "multiply-accumulates of one image"),
    )
    objectives = (
        Objective("top1", "max"),
        Objective("latency_ns", "min"),
        Objective("chip_memory_bytes", "min"),
    )
    fidelities = (Fidelity("analytical", 1.0, "counted operations and tensors"),)

    def build(self) -> None:
        """The cells and the microcontrollers as one space."""
        self.space = DesignSpace.join(
            network=design_space(self.family.parameters, self.family.name),
            hardware=DesignSpace(
                [Categorical("board", BOARDS, default="stm32h743", description="with a Cortex-M7")],
                name="microcontroller",
            ),
            name=self.name,
        )
        self.constraints = (Constraint("latency_ns", "<=", self.settings.latency_limit_ms * 1e6),)
        self.about = f"{self.family.name} ({self.family.source}); top1: {self.quality.source}"

    @cached_property
    def family(self) -> NetworkSpace:
        """The networks."""
        from cosearch_simulators.networks.spaces import network_space

        _, classes, resolution = DATA[self.settings.data]
        return network_space("nasbench201", classes=classes, resolution=resolution)

    @cached_property
    def quality(self) -> Quality:
        """The table."""
        return load_quality(None, "nasbench201", DATA[self.settings.data][0])

    def simulate(self, designs: Designs, *, fidelity: str, seed: int) -> Outcomes:
        """All designs at once."""
        from cosearch_simulators.networks.microcontrollers import evaluate

        columns = columns_of(designs, "network")
        networks = self.family.networks(columns)
        boards = np.asarray(designs["hardware.board"])
        found = evaluate(networks, boards, reserved_kib=self.settings.reserved_kib)
        known = self.quality.evaluate(columns)
        metrics = {"top1": known.metrics[DATA[self.settings.data][0]], **found.metrics, "macs": networks.macs}
        codes = np.where(found.codes > 0, found.codes, known.status)
        return Outcomes(metrics, codes, np.where(found.codes > 0, found.reason, known.reason))

    def features(self, designs: Designs) -> dict[str, NDArray[np.float64]]:
        """Cheap descriptors of each network: its size, and every choice."""
        table = self.family.features(columns_of(designs, "network"))
        return dict(zip(self.family.feature_names, table.T, strict=True))
