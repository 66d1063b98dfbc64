"""MnasNet's networks: seven stages of inverted residuals with choices of their own.

M. Tan et al.: "MnasNet: platform-aware neural architecture search for mobile", CVPR 2019; the widths and
choices are those of A. Ahmad et al.: "Accel-NASBench: sustainable benchmarking for accelerator-aware NAS",
DAC 2024, over EfficientNet-B0's stages.
"""

from __future__ import annotations

from cosearch_simulators.networks.batch import BatchBuilder
from cosearch_simulators.networks.blocks import classifier, inverted_residual, value
from cosearch_simulators.networks.parameters import Parameter
from cosearch_simulators.networks.space import Block, NetworkSpace, Reader

STEM, HEAD = 32, 1280
# channels, stride of the first block
STAGES = ((16, 1), (24, 2), (40, 2), (80, 2), (112, 1), (192, 2), (320, 1))


class MnasNet(NetworkSpace):
    """Seven stages of one to three inverted residuals.

    Args:
        resolution: of the image.
        classes: of the images.
    """

    name = "mnasnet"
    source = "Tan et al., CVPR 2019; Ahmad et al., DAC 2024"

    def __init__(self, resolution: int = 224, classes: int = 1000) -> None:
        self.resolution, self.classes = resolution, classes
        self.parameters = tuple(
            Parameter(f"{what}_{stage}", values)
            for stage in range(1, len(STAGES) + 1)
            for what, values in (
                ("expansion", (1, 4, 6)),
                ("kernel", (3, 5)),
                ("layers", (1, 2, 3, 4) if stage == 6 else (1, 2, 3)),
                ("squeeze_excite", (0, 1)),
            )
        )
        self.chosen_blocks = {
            f"stage_{stage}.{block}": Block(
                {what: f"{what}_{stage}" for what in ("expansion", "kernel", "squeeze_excite")},
                f"layers_{stage}",
                block,
            )
            for stage in range(1, len(STAGES) + 1)
            for block in range(1, 5)
        }
        self.stages = ("stem", *(f"stage_{number}" for number in range(1, len(STAGES) + 1)), "head")

    def build(self, builder: BatchBuilder, columns: Reader, active: Reader) -> None:
        """The operators."""
        x = builder.input(3, self.resolution)
        x = builder.convolution("stem", x, STEM, 3, 2)
        for number, (out, stride) in enumerate(STAGES, 1):
            builder.stage = number
            expansion, kernel = (value(columns, f"{what}_{number}") for what in ("expansion", "kernel"))
            squeeze = value(columns, f"squeeze_excite_{number}")
            for block in range(1, 5):
                there = value(columns, f"layers_{number}") >= block
                with builder.only(there):
                    y = inverted_residual(
                        *(builder, f"stage_{number}.{block}", x),
                        expanded=x.channels * expansion,
                        out=out,
                        kernel=kernel,
                        stride=stride if block == 1 else 1,
                        squeezed=squeeze * (x.channels // 4),
                    )
                x = y if block == 1 else builder.where(there, y, x)
        builder.stage = len(STAGES) + 1
        classifier(builder, x, HEAD, self.classes)
