"""Once-for-All's networks: MobileNetV3-Large with elastic depth, kernels, expansions and resolution.

H. Cai et al.: "Once-for-All: train one network and specialize it for efficient deployment", ICLR 2020;
widths, strides and activations are those of A. Howard et al.: "Searching for MobileNetV3", ICCV 2019, table
1.
"""

from __future__ import annotations

import numpy as np

from cosearch_simulators.networks.batch import BatchBuilder
from cosearch_simulators.networks.blocks import classifier, divisible, inverted_residual, value
from cosearch_simulators.networks.parameters import Parameter
from cosearch_simulators.networks.space import Block, NetworkSpace, Reader

STEM, HEAD, HIDDEN = 16, 960, 1280
# channels, stride of the first block, squeeze and excite
STAGES = ((24, 2, False), (40, 2, True), (80, 2, False), (112, 1, True), (160, 2, True))
BLOCKS = 4
RESOLUTIONS = tuple(range(128, 225, 16))


def _parameters(resolutions: tuple[int, ...]) -> tuple[Parameter, ...]:
    found = []
    if len(resolutions) > 1:
        most = max(resolutions)
        found.append(
            Parameter("resolution", resolutions, default=most, description="rows and columns of the image")
        )
    for stage in range(1, len(STAGES) + 1):
        found.append(Parameter(f"depth_{stage}", (2, 3, 4), description="blocks of the stage"))
        for block in range(1, BLOCKS + 1):
            when = {f"depth_{stage}": tuple(range(block, BLOCKS + 1))} if block > 2 else {}
            found.append(Parameter(f"kernel_{stage}_{block}", (3, 5, 7), when))
            found.append(Parameter(f"expansion_{stage}_{block}", (3, 4, 6), when))
    return tuple(found)


class OnceForAll(NetworkSpace):
    """MobileNetV3 of five stages with two to four blocks each.

    Args:
        width: factor of all channels, 1.0 or 1.2 in the paper.
        resolutions: of the image, in ascending order; a single one is no parameter.
        classes: of the images.
    """

    name = "ofa-mobilenet-v3"
    source = "Cai et al., ICLR 2020"

    def __init__(
        self, width: float = 1.0, resolutions: tuple[int, ...] = RESOLUTIONS, classes: int = 1000
    ) -> None:
        self.width, self.classes, self.resolutions = width, classes, resolutions
        self.parameters = _parameters(resolutions)
        shared = {"resolution": "resolution"} if len(resolutions) > 1 else {}
        self.chosen_blocks = {
            f"stage_{stage}.{block}": Block(
                {"kernel": f"kernel_{stage}_{block}", "expansion": f"expansion_{stage}_{block}"} | shared,
                f"depth_{stage}",
                block,
            )
            for stage in range(1, len(STAGES) + 1)
            for block in range(1, BLOCKS + 1)
        }
        self.stages = ("stem", "stage_1", "stage_2", "stage_3", "stage_4", "stage_5", "head")

    def build(self, builder: BatchBuilder, columns: Reader, active: Reader) -> None:
        """The operators."""
        stem = self._channels(STEM)
        x = builder.input(3, columns.get("resolution", self.resolutions[0]))
        x = builder.convolution("stem", x, stem, 3, 2)
        x = inverted_residual(builder, "first", x, expanded=stem, out=stem, kernel=3)
        for number, (channels, stride, squeeze) in enumerate(STAGES, 1):
            builder.stage = number
            out = self._channels(channels)
            for block in range(1, BLOCKS + 1):
                there = value(columns, f"depth_{number}") >= block
                expanded = divisible(x.channels * value(columns, f"expansion_{number}_{block}"))
                with builder.only(there):
                    y = inverted_residual(
                        *(builder, f"stage_{number}.{block}", x),
                        expanded=expanded,
                        out=out,
                        kernel=value(columns, f"kernel_{number}_{block}"),
                        stride=stride if block == 1 else 1,
                        squeezed=divisible(expanded // 4) if squeeze else 0,
                        residual=block > 1,
                    )
                x = y if block <= 2 else builder.where(there, y, x)
        builder.stage = len(STAGES) + 1
        classifier(builder, x, self._channels(HEAD), self.classes, self._channels(HIDDEN))

    def _channels(self, channels: int) -> int:
        return int(divisible(np.array(channels * self.width)))
