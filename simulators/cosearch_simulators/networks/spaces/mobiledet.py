"""MobileDets' detectors: backbones of three kinds of blocks, and a single-shot head.

Y. Xiong et al.: "MobileDets: searching for object detection architectures for mobile accelerators", CVPR
2021. A block is an inverted bottleneck, a fused one (a full convolution that expands) or a tensor
convolution (a full convolution between two reductions of its channels). Widths are those of the published
networks of 320 x 320 pixels; the head is SSDLite's (M. Sandler et al.: "MobileNetV2", CVPR 2018, section
6.2).
"""

from __future__ import annotations

import numpy as np

from cosearch_simulators.networks.batch import BatchBuilder, Feature
from cosearch_simulators.networks.blocks import divisible, inverted_residual
from cosearch_simulators.networks.parameters import Parameter
from cosearch_simulators.networks.space import NetworkSpace, Reader

KINDS = ("bottleneck", "fused", "tensor")
# channels, blocks, stride of the first
STAGES = ((32, 4, 2), (64, 4, 2), (120, 4, 2), (144, 4, 1), (160, 4, 2), (240, 1, 1))
STEM, FIRST = 32, 24
# channels of the head's own maps; anchors at each place, three on the first map
EXTRA = (512, 256, 256, 128)
ANCHORS = (3, 6, 6, 6, 6, 6)
BOX, CLASSES = 4, 91


class MobileDet(NetworkSpace):
    """Each block's kind, kernel and expansion (or rank, by the same number), for 21 blocks."""

    name = "mobiledet"
    source = "Xiong et al., CVPR 2021"

    def __init__(self, resolution: int = 320, classes: int = CLASSES) -> None:
        self.resolution, self.classes = resolution, classes
        found = []
        for stage, (_, blocks, _) in enumerate(STAGES, 1):
            for block in range(1, blocks + 1):
                name = f"{stage}_{block}"
                found.append(Parameter(f"kind_{name}", KINDS))
                found.append(Parameter(f"kernel_{name}", (3, 5)))
                found.append(
                    Parameter(
                        f"expansion_{name}",
                        (4, 8),
                        default=8 if block == 1 else 4,
                        description="of channels; a tensor convolution keeps 1/4 (4) or 3/4 (8) of them",
                    )
                )
        self.parameters = tuple(found)
        self.stages = ("stem", *(f"stage_{number}" for number in range(1, len(STAGES) + 1)), "head")

    def build(self, builder: BatchBuilder, columns: Reader, active: Reader) -> None:
        """The operators."""
        x = builder.convolution("stem", builder.input(3, self.resolution), STEM, 3, 2)
        x = inverted_residual(builder, "first", x, expanded=STEM, out=FIRST, kernel=3)
        maps = []
        for stage, (out, blocks, stride) in enumerate(STAGES, 1):
            builder.stage = stage
            for block in range(1, blocks + 1):
                x = self._block(builder, f"{stage}_{block}", x, columns, out, stride if block == 1 else 1)
            if stage in (4, 6):
                maps.append(x)
        builder.stage = len(STAGES) + 1
        for number, channels in enumerate(EXTRA, 1):
            x = builder.convolution(f"extra_{number}.reduce", x, channels // 2, 1)
            x = builder.convolution(f"extra_{number}.depthwise", x, channels // 2, 3, 2, groups=channels // 2)
            x = builder.convolution(f"extra_{number}.project", x, channels, 1)
            maps.append(x)
        for number, (x, anchors) in enumerate(zip(maps, ANCHORS, strict=True), 1):
            for what, each in (("box", BOX), ("class", self.classes)):
                y = builder.convolution(f"{what}_{number}.depthwise", x, x.channels, 3, groups=x.channels)
                builder.convolution(f"{what}_{number}", y, anchors * each, 1, normalised=False)

    def _block(
        self, builder: BatchBuilder, name: str, x: Feature, columns: Reader, out: int, stride: int
    ) -> Feature:
        kind, kernel = columns[f"kind_{name}"], columns[f"kernel_{name}"]
        expansion = columns[f"expansion_{name}"]
        label = f"block_{name}"
        found = x
        with builder.only(kind == "bottleneck"):
            y = inverted_residual(
                *(builder, label, x),
                expanded=x.channels * expansion,
                out=out,
                kernel=kernel,
                stride=stride,
            )
            found = builder.where(kind == "bottleneck", y, found)
        with builder.only(kind == "fused"):
            y = builder.convolution(f"{label}.expand", x, x.channels * expansion, kernel, stride)
            y = builder.convolution(f"{label}.project", y, out, 1)
            found = builder.where(kind == "fused", builder.add(f"{label}.add", x, y), found)
        with builder.only(kind == "tensor"):
            share = np.where(expansion == 4, 0.25, 0.75)
            y = builder.convolution(f"{label}.reduce", x, divisible(x.channels * share), 1)
            y = builder.convolution(f"{label}.core", y, divisible(out * share), kernel, stride)
            y = builder.convolution(f"{label}.restore", y, out, 1)
            found = builder.where(kind == "tensor", builder.add(f"{label}.add", x, y), found)
        return found
