"""MobileNetV4's universal inverted bottlenecks: two optional depthwise convolutions around an expansion.

D. Qin et al.: "MobileNetV4: universal models for the mobile ecosystem", ECCV 2024. The depthwise convolution
at the start and the one in the middle are each there or not, which makes an inverted bottleneck, a
ConvNeXt-like block, a feed-forward block or one with an extra depthwise convolution. Tables 10 and 11 have
the networks.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from cosearch_simulators.networks.batch import BatchBuilder, Feature
from cosearch_simulators.networks.blocks import divisible
from cosearch_simulators.networks.parameters import Parameter
from cosearch_simulators.networks.space import NetworkSpace, Reader

# start kernel, middle kernel, expansion of each block; the first one has stride 2
Blocks = tuple[tuple[int, int, int], ...]
STAGES: dict[str, tuple[tuple[int, Blocks], ...]] = {
    "small": (
        (96, ((5, 5, 3), (0, 3, 2), (0, 3, 2), (0, 3, 2), (0, 3, 2), (3, 0, 4))),
        (128, ((3, 3, 6), (5, 5, 4), (0, 5, 4), (0, 5, 3), (0, 3, 4), (0, 3, 4))),
    ),
    "medium": (
        (80, ((3, 5, 4), (3, 3, 2))),
        (160, ((3, 5, 6), (3, 3, 4), (3, 3, 4), (3, 5, 4), (3, 3, 4), (3, 0, 4), (0, 0, 2), (3, 0, 4))),
        (
            256,
            (
                *((5, 5, 6), (5, 5, 4), (3, 5, 4), (3, 5, 4), (0, 0, 4), (3, 0, 4)),
                *((3, 5, 2), (5, 5, 4), (0, 0, 4), (0, 0, 4), (5, 0, 2)),
            ),
        ),
    ),
}
LEAST_BLOCKS = 2


class MobileNetV4(NetworkSpace):
    """Every block's two kernels (0: not there) and expansion, and how many blocks a stage has.

    Args:
        variant: whose widths and depths: small or medium.
        classes: of the images.
    """

    name = "mobilenet-v4"
    source = "Qin et al., ECCV 2024"

    def __init__(self, variant: Literal["small", "medium"] = "small", classes: int = 1000) -> None:
        self.variant, self.classes = variant, classes
        self.widths = STAGES[variant]
        found = [Parameter("resolution", (128, 160, 192, 224, 256), default=224)]
        for stage, (_, blocks) in enumerate(self.widths, 1):
            most = len(blocks)
            if most > LEAST_BLOCKS:
                found.append(Parameter(f"depth_{stage}", tuple(range(LEAST_BLOCKS, most + 1)), default=most))
            for block, (start, middle, expansion) in enumerate(blocks, 1):
                when = {f"depth_{stage}": tuple(range(block, most + 1))} if block > LEAST_BLOCKS else {}
                name = f"{stage}_{block}"
                found.append(Parameter(f"start_{name}", (0, 3, 5), when, default=start))
                # The stride is in the middle one, so the first block of a stage has it.
                middles = (3, 5) if block == 1 else (0, 3, 5)
                found.append(Parameter(f"middle_{name}", middles, when, default=middle))
                found.append(Parameter(f"expansion_{name}", (2, 3, 4, 6), when, default=expansion))
        self.parameters = tuple(found)
        self.stages = ("stem", *(f"stage_{number}" for number in range(1, len(self.widths) + 1)), "head")

    def build(self, builder: BatchBuilder, columns: Reader, active: Reader) -> None:
        """The operators."""
        x = builder.input(3, columns["resolution"])
        x = builder.convolution("stem", x, 32, 3, 2)
        if self.variant == "small":
            for number, (out, kernel, stride) in enumerate(
                ((32, 3, 2), (32, 1, 1), (96, 3, 2), (64, 1, 1)), 1
            ):
                x = builder.convolution(f"stem.{number}", x, out, kernel, stride)
        else:
            x = builder.convolution("stem.expand", x, 128, 3, 2)
            x = builder.convolution("stem.project", x, 48, 1)
        for stage, (out, blocks) in enumerate(self.widths, 1):
            builder.stage = stage
            depth = columns.get(f"depth_{stage}")
            for block in range(1, len(blocks) + 1):
                there = np.ones(builder.number, bool) if depth is None else depth >= block
                with builder.only(there):
                    y = self._block(builder, f"{stage}_{block}", x, columns, out, 2 if block == 1 else 1)
                x = builder.where(there, y, x) if block > LEAST_BLOCKS else y
        builder.stage = len(self.widths) + 1
        x = builder.convolution("head", x, 960, 1)
        x = builder.global_average("pool", x)
        x = builder.linear("hidden", x, 1280, bias=True, normalised=True)
        builder.linear("classifier", x, self.classes)

    def _block(
        self, builder: BatchBuilder, name: str, x: Feature, columns: Reader, out: int, stride: int
    ) -> Feature:
        start, middle = columns[f"start_{name}"], columns[f"middle_{name}"]
        expanded = divisible(x.channels * columns[f"expansion_{name}"])
        y = self._depthwise(builder, f"block_{name}.start", x, start, 1)
        y = builder.convolution(f"block_{name}.expand", y, expanded, 1)
        y = self._depthwise(builder, f"block_{name}.middle", y, middle, stride)
        y = builder.convolution(f"block_{name}.project", y, out, 1)
        return builder.add(f"block_{name}.add", x, y)

    def _depthwise(
        self, builder: BatchBuilder, name: str, x: Feature, kernel: np.ndarray, stride: int
    ) -> Feature:
        there = kernel > 0
        if not there.any():
            return x
        with builder.only(there):
            y = builder.convolution(name, x, x.channels, np.maximum(kernel, 1), stride, groups=x.channels)
        return builder.where(there, y, x)
