"""The networks of two benchmarks of architecture search: NAS-Bench-201's cells and NAS-Bench-Macro's chains.

X. Dong, Y. Yang: "NAS-Bench-201: extending the scope of reproducible neural architecture search", ICLR 2020.
X. Su et al.: "Prioritized architecture sampling with Monto-Carlo tree search", CVPR 2021 (NAS-Bench-Macro); a
layer that changes the shape is a 1 x 1 convolution where "identity" is chosen.
"""

from __future__ import annotations

import numpy as np

from cosearch_simulators.networks.batch import BatchBuilder, Feature
from cosearch_simulators.networks.blocks import classifier, inverted_residual
from cosearch_simulators.networks.parameters import Parameter
from cosearch_simulators.networks.space import NetworkSpace, Reader

OPERATIONS = ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3")
EDGES = ("e10", "e20", "e21", "e30", "e31", "e32")
"""From the second digit's node to the first one's."""

MACRO_LAYERS = ("identity", "mbconv_e3_k3", "mbconv_e6_k5")
# channels and stride of each layer
MACRO_WIDTHS = ((64, 2), (64, 1), (128, 2), (128, 1), (128, 1), (256, 2), (256, 1), (256, 1))


class NasBench201(NetworkSpace):
    """A cell of four nodes, repeated: an operation on each of its six edges."""

    name = "nasbench201"
    source = "Dong and Yang, ICLR 2020"

    def __init__(self, classes: int = 10, resolution: int = 32) -> None:
        self.classes, self.resolution = classes, resolution
        self.parameters = tuple(Parameter(f"op_{edge}", OPERATIONS, default="nor_conv_3x3") for edge in EDGES)
        self.stages = ("stem", "stage_1", "stage_2", "stage_3", "head")

    def build(self, builder: BatchBuilder, columns: Reader, active: Reader) -> None:
        """The operators."""
        x = builder.input(3, self.resolution)
        x = builder.convolution("stem", x, 16, 3)
        for stage, channels in enumerate((16, 32, 64), 1):
            builder.stage = stage
            if stage > 1:
                x = _reduction(builder, f"reduce_{stage}", x, channels)
            for cell in range(1, 6):
                x = self._cell(builder, f"cell_{stage}_{cell}", x, columns)
        builder.stage = 4
        normalised = builder.vector("last", [x], constants=2 * x.channels, kind="batch_norm")
        builder.linear("classifier", builder.global_average("pool", normalised), self.classes)

    def _cell(self, builder: BatchBuilder, name: str, x: Feature, columns: Reader) -> Feature:
        """Each node is the sum of what its edges bring; one that none reaches is zero and reads nothing."""
        nodes, alive = [x], [np.ones(builder.number, bool)]
        for target in (1, 2, 3):
            total, reached = x, np.zeros(builder.number, bool)
            for source in range(target):
                chosen = columns[f"op_e{target}{source}"]
                there = (chosen != "none") & alive[source]
                y = self._edge(builder, f"{name}.e{target}{source}", nodes[source], chosen, there)
                both = there & reached
                if both.any():
                    with builder.only(both):
                        added = builder.vector(f"{name}.{target}.add", [total, y], kind="add")
                    total = builder.where(both, added, total)
                total = builder.where(there & ~reached, y, total)
                reached = reached | there
            nodes.append(total)
            alive.append(reached)
        return nodes[3]

    def _edge(
        self, builder: BatchBuilder, name: str, x: Feature, chosen: np.ndarray, there: np.ndarray
    ) -> Feature:
        kernel = np.where(chosen == "nor_conv_3x3", 3, 1)
        convolves = there & np.isin(chosen, ("nor_conv_1x1", "nor_conv_3x3"))
        y = x
        if convolves.any():
            with builder.only(convolves):
                y = builder.where(convolves, builder.convolution(name, x, x.channels, kernel), y)
        pools = there & (chosen == "avg_pool_3x3")
        if pools.any():
            with builder.only(pools):
                y = builder.where(pools, builder.pool(f"{name}.pool", x, 3, 1, 1), y)
        return y


def _reduction(builder: BatchBuilder, name: str, x: Feature, channels: int) -> Feature:
    """A residual block with stride 2; its shortcut is a pooling and a 1 x 1 convolution without norm."""
    y = builder.convolution(f"{name}.a", x, channels, 3, 2)
    y = builder.convolution(f"{name}.b", y, channels, 3)
    shortcut = builder.pool(f"{name}.pool", x, 2, 2)
    shortcut = builder.convolution(f"{name}.shortcut", shortcut, channels, 1, bias=False)
    return builder.add(f"{name}.add", shortcut, y)


class NasBenchMacro(NetworkSpace):
    """Eight layers, each an identity or one of two inverted residuals."""

    name = "nasbench-macro"
    source = "Su et al., CVPR 2021"

    def __init__(self, classes: int = 10) -> None:
        self.classes = classes
        self.parameters = tuple(
            Parameter(f"layer_{number}", MACRO_LAYERS) for number in range(1, len(MACRO_WIDTHS) + 1)
        )
        self.stages = ("stem", "stage_1", "stage_2", "stage_3", "head")

    def build(self, builder: BatchBuilder, columns: Reader, active: Reader) -> None:
        """The operators."""
        x = builder.convolution("stem", builder.input(3, 32), 32, 3)
        for number, (out, stride) in enumerate(MACRO_WIDTHS, 1):
            builder.stage += stride > 1
            chosen = columns[f"layer_{number}"]
            plain = chosen == "identity"
            with builder.only(~plain):
                y = inverted_residual(
                    *(builder, f"layer_{number}", x),
                    expanded=x.channels * np.where(chosen == MACRO_LAYERS[2], 6, 3),
                    out=out,
                    kernel=np.where(chosen == MACRO_LAYERS[2], 5, 3),
                    stride=stride,
                )
            other = x
            if stride > 1 and plain.any():
                with builder.only(plain):
                    other = builder.convolution(f"layer_{number}.identity", x, out, 1, stride)
            x = builder.where(plain, other, y)
        builder.stage = 4
        classifier(builder, x, 1280, self.classes)
