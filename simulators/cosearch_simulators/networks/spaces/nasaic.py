"""The networks of NASAIC: ResNet-9-like ones for classification, U-Net-like ones for segmentation.

L. Yang et al.: "Co-exploration of neural architectures and heterogeneous ASIC accelerator designs targeting
multiple tasks", DAC 2020, section V. O. Ronneberger et al.: "U-Net", MICCAI 2015.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from cosearch_simulators.networks.batch import BatchBuilder, Feature
from cosearch_simulators.networks.parameters import Parameter
from cosearch_simulators.networks.space import NetworkSpace, Reader

IMAGES = {"cifar10": 32, "stl10": 96}


class ResNet9(NetworkSpace):
    """A stem and three blocks: a convolution with pooling, then residual pairs of convolutions.

    Args:
        data: whose images: cifar10 (32 x 32) or stl10 (96 x 96).
    """

    name = "nasaic-resnet9"
    source = "Yang et al., DAC 2020"

    def __init__(self, data: Literal["cifar10", "stl10"] = "cifar10") -> None:
        self.data = data
        found = [Parameter("filters_0", (8, 16, 32, 64), default=32, description="of the stem")]
        for block in (1, 2, 3):
            found.append(Parameter(f"filters_{block}", (32, 64, 128, 256), default=128))
            found.append(Parameter(f"skips_{block}", (0, 1, 2), default=1, description="residual pairs"))
        self.parameters = tuple(found)
        self.stages = ("stem", "block_1", "block_2", "block_3", "head")

    def build(self, builder: BatchBuilder, columns: Reader, active: Reader) -> None:
        """The operators."""
        x = builder.convolution("stem", builder.input(3, IMAGES[self.data]), columns["filters_0"], 3)
        for block in (1, 2, 3):
            builder.stage = block
            filters, skips = columns[f"filters_{block}"], columns[f"skips_{block}"]
            x = builder.convolution(f"block_{block}", x, filters, 3)
            x = builder.pool(f"block_{block}.pool", x, 2, 2)
            for pair in (1, 2):
                there = skips >= pair
                with builder.only(there):
                    y = builder.convolution(f"block_{block}.{pair}.a", x, filters, 3)
                    y = builder.convolution(f"block_{block}.{pair}.b", y, filters, 3)
                    y = builder.add(f"block_{block}.{pair}.add", x, y)
                x = builder.where(there, y, x)
        builder.stage = 4
        builder.linear("classifier", builder.global_average("pool", x), 10)


class UNet(NetworkSpace):
    """An encoder and a decoder of one to five heights, the filters of each chosen."""

    name = "nasaic-unet"
    source = "Yang et al., DAC 2020"

    def __init__(self, resolution: int = 128) -> None:
        self.resolution = resolution
        found = [Parameter("height", (1, 2, 3, 4, 5), default=3, description="poolings")]
        for level in range(6):
            values = tuple(factor * 2**level for factor in (4, 8, 16))
            when = {"height": tuple(range(level, 6))} if level > 1 else {}
            found.append(Parameter(f"filters_{level}", values, when, default=values[1]))
        self.parameters = tuple(found)
        self.stages = ("encoder", "bottom", "decoder")

    def build(self, builder: BatchBuilder, columns: Reader, active: Reader) -> None:
        """The operators."""
        height = columns["height"]
        x = builder.input(3, self.resolution)
        levels: list[Feature] = []
        x = self._pair(builder, "down_0", x, columns["filters_0"])
        levels.append(x)
        for level in range(1, 6):
            there = height >= level
            with builder.only(there):
                builder.stage = 0 if level < 5 else 1
                y = builder.pool(f"down_{level}.pool", x, 2, 2)
                y = self._pair(builder, f"down_{level}", y, columns[f"filters_{level}"])
            x = builder.where(there, y, x)
            levels.append(x)
        builder.stage = 2
        for level in range(4, -1, -1):
            there = height > level
            with builder.only(there):
                filters = columns[f"filters_{level}"]
                y = builder.up_convolution(f"up_{level}", x, filters, 2)
                y = builder.concatenate([levels[level], y])
                y = self._pair(builder, f"up_{level}", y, filters)
            x = builder.where(there, y, x)
        builder.convolution("classifier", x, 1, 1, normalised=False)

    def _pair(self, builder: BatchBuilder, name: str, x: Feature, filters: np.ndarray) -> Feature:
        x = builder.convolution(f"{name}.a", x, filters, 3)
        return builder.convolution(f"{name}.b", x, filters, 3)
