"""EfficientNet-Lite's networks: EfficientNet without squeezes, scaled in width, depth and resolution.

M. Tan, Q. Le: "EfficientNet", ICML 2019, table 1; the Lite variants (no squeeze and excite, stem and head are
not scaled) are those of TensorFlow's `tpu/models/official/efficientnet/lite`.
"""

from __future__ import annotations

import numpy as np

from cosearch_simulators.networks.batch import BatchBuilder
from cosearch_simulators.networks.blocks import classifier, divisible, inverted_residual
from cosearch_simulators.networks.parameters import Parameter
from cosearch_simulators.networks.space import NetworkSpace, Reader

# expansion, kernel, channels, blocks, stride
STAGES = (
    (1, 3, 16, 1, 1),
    (6, 3, 24, 2, 2),
    (6, 5, 40, 2, 2),
    (6, 3, 80, 3, 2),
    (6, 5, 112, 3, 1),
    (6, 5, 192, 4, 2),
    (6, 3, 320, 1, 1),
)
LITE = {"lite0": (1.0, 1.0, 224), "lite1": (1.0, 1.1, 240), "lite2": (1.1, 1.2, 260)}
LITE |= {"lite3": (1.2, 1.4, 280), "lite4": (1.4, 1.8, 300)}
"""Width, depth and resolution of the published ones."""


class EfficientNetLite(NetworkSpace):
    """Width, depth and resolution, and each stage's kernel, expansion and pruned channels."""

    name = "efficientnet-lite"
    source = "Tan and Le, ICML 2019"

    def __init__(self, classes: int = 1000) -> None:
        self.classes = classes
        self.parameters = (
            Parameter("width", (1.0, 1.1, 1.2, 1.4), description="factor of all channels but stem and head"),
            Parameter("depth", (1.0, 1.1, 1.2, 1.4, 1.8), description="factor of the blocks of inner stages"),
            Parameter("resolution", (128, 160, 192, 224, 240, 260, 280, 300), default=224),
            *(Parameter(f"kernel_{n}", (3, 5), default=stage[1]) for n, stage in enumerate(STAGES, 1)),
            *(Parameter(f"expansion_{n}", (3, 4, 6), default=6) for n in range(2, len(STAGES) + 1)),
            *(
                Parameter(
                    f"ratio_{n}",
                    (0.25, 0.5, 0.75, 1.0),
                    default=1.0,
                    description="of the expanded channels of the stage, what pruning leaves",
                )
                for n in range(2, len(STAGES) + 1)
            ),
        )
        self.stages = ("stem", *(f"stage_{number}" for number in range(1, len(STAGES) + 1)), "head")

    def build(self, builder: BatchBuilder, columns: Reader, active: Reader) -> None:
        """The operators."""
        x = builder.input(3, columns["resolution"])
        x = builder.convolution("stem", x, 32, 3, 2)
        last = len(STAGES)
        for number, (_, _, channels, blocks, stride) in enumerate(STAGES, 1):
            builder.stage = number
            out = divisible(channels * columns["width"])
            scaled = np.ceil(np.round(blocks * columns["depth"], 6)).astype(np.int64)
            repeats = np.where(number in (1, last), blocks, scaled)
            for block in range(int(repeats.max())):
                there = repeats > block
                kept = x.channels
                if number > 1:
                    expanded = x.channels * columns[f"expansion_{number}"]
                    ratio = columns[f"ratio_{number}"]
                    kept = np.where(ratio == 1.0, expanded, divisible(expanded * ratio))
                with builder.only(there):
                    y = inverted_residual(
                        *(builder, f"stage_{number}.{block + 1}", x),
                        expanded=kept,
                        out=out,
                        kernel=columns[f"kernel_{number}"],
                        stride=stride if block == 0 else 1,
                    )
                x = y if block == 0 else builder.where(there, y, x)
        builder.stage = last + 1
        classifier(builder, x, 1280, self.classes)
