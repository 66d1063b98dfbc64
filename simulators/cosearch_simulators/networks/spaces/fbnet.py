"""FBNet's and ProxylessNAS's networks: a chain of inverted residuals, each with its own block or none.

B. Wu et al.: "FBNet: hardware-aware efficient ConvNet design via differentiable neural architecture search",
CVPR 2019, tables 1 and 2. H. Cai et al.: "ProxylessNAS: direct neural architecture search on target task and
hardware", ICLR 2019, with the widths of its mobile network.
"""

from __future__ import annotations

import re

import numpy as np

from cosearch_simulators.networks.batch import BatchBuilder, Feature
from cosearch_simulators.networks.blocks import classifier, inverted_residual
from cosearch_simulators.networks.parameters import Parameter
from cosearch_simulators.networks.space import NetworkSpace, Reader

FBNET_BLOCKS = ("k3_e1", "k3_e1_g2", "k3_e3", "k3_e6", "k5_e1", "k5_e1_g2", "k5_e3", "k5_e6", "skip")
PROXYLESS_BLOCKS = (*(f"k{kernel}_e{expansion}" for kernel in (3, 5, 7) for expansion in (3, 6)), "skip")
# channels, blocks, stride of the first
FBNET_STAGES = ((16, 1, 1), (24, 4, 2), (32, 4, 2), (64, 4, 2), (112, 4, 1), (184, 4, 2), (352, 1, 1))
PROXYLESS_STAGES = ((32, 4, 2), (40, 4, 2), (80, 4, 2), (96, 4, 1), (192, 4, 2), (320, 1, 1))


class _Chain(NetworkSpace):
    """A stem, stages of blocks of which each is chosen, and a head."""

    blocks: tuple[str, ...]
    widths: tuple[tuple[int, int, int], ...]
    head: int

    def __init__(self, resolution: int = 224, classes: int = 1000) -> None:
        self.resolution, self.classes = resolution, classes
        self.stages = ("stem", *(f"stage_{number}" for number in range(1, len(self.widths) + 1)), "head")
        names: list[int] = []
        for _, number, _ in self.widths:
            names += [len(names) + place + 1 for place in range(number)]
        self.parameters = tuple(self._parameter(name) for name in names)

    def _parameter(self, number: int) -> Parameter:
        return Parameter(f"block_{number}", self.blocks)

    def _stem(self, builder: BatchBuilder) -> Feature:
        raise NotImplementedError

    def _always_expands(self) -> bool:
        return False

    def build(self, builder: BatchBuilder, columns: Reader, active: Reader) -> None:
        """The operators."""
        x = self._stem(builder)
        number = 0
        for stage, (out, blocks, stride) in enumerate(self.widths, 1):
            builder.stage = stage
            for place in range(blocks):
                number += 1
                chosen = columns[f"block_{number}"]
                x = self._block(builder, f"block_{number}", x, chosen, out, stride if place == 0 else 1)
        builder.stage = len(self.widths) + 1
        classifier(builder, x, self.head, self.classes)

    def _block(
        self, builder: BatchBuilder, name: str, x: Feature, chosen: np.ndarray, out: int, stride: int
    ) -> Feature:
        kernel, expansion, groups = np.array([_numbers(block) for block in self.blocks]).T
        code = np.searchsorted(np.sort(self.blocks), chosen)
        code = np.argsort(self.blocks)[code]
        skipped = chosen == "skip"
        with builder.only(~skipped):
            y = inverted_residual(
                *(builder, name, x),
                expanded=x.channels * expansion[code],
                out=out,
                kernel=kernel[code],
                stride=stride,
                groups=groups[code],
                always_expand=self._always_expands(),
            )
        changes = skipped & ((stride != 1) | (x.channels != out))
        y = builder.where(skipped, x, y)
        if changes.any():  # a skip that changes the shape is a 1 x 1 convolution
            with builder.only(changes):
                other = builder.convolution(f"{name}.skip", x, out, 1, stride)
            y = builder.where(changes, other, y)
        return y


class FbNet(_Chain):
    """22 layers of nine candidates."""

    name = "fbnet"
    source = "Wu et al., CVPR 2019"
    blocks = FBNET_BLOCKS
    widths = FBNET_STAGES
    head = 1984

    def _always_expands(self) -> bool:
        return True

    def _stem(self, builder: BatchBuilder) -> Feature:
        return builder.convolution("stem", builder.input(3, self.resolution), 16, 3, 2)


class ProxylessNas(_Chain):
    """21 layers of inverted residuals with kernels 3, 5, 7 and expansions 3, 6, or skipped."""

    name = "proxylessnas"
    source = "Cai et al., ICLR 2019"
    blocks = PROXYLESS_BLOCKS
    widths = PROXYLESS_STAGES
    head = 1280

    def _parameter(self, number: int) -> Parameter:
        first = (number - 1) % 4 == 0  # these change the shape and are always there
        return Parameter(f"block_{number}", self.blocks[:-1] if first else self.blocks)

    def _stem(self, builder: BatchBuilder) -> Feature:
        x = builder.convolution("stem", builder.input(3, self.resolution), 32, 3, 2)
        return inverted_residual(builder, "first", x, expanded=32, out=16, kernel=3)


def _numbers(block: str) -> tuple[int, int, int]:
    """Kernel, expansion and groups of a block by its name."""
    if block == "skip":
        return 3, 1, 1
    found = re.fullmatch(r"k(\d)_e(\d)(?:_g(\d))?", block)
    assert found is not None
    kernel, expansion, groups = found.groups(default="1")
    return int(kernel), int(expansion), int(groups)
