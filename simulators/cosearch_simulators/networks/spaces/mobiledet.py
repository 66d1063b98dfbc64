"""MobileDets' detectors: backbones of three kinds of blocks, and a single-shot head.

Y. Xiong et al.: "MobileDets: searching for object detection architectures for mobile accelerators", CVPR
2021. A block is an inverted bottleneck, a fused one (a full convolution that expands) or a tensor
convolution (a full convolution between two reductions of its channels). Widths are those of the published
networks of 320 x 320 pixels; the head is SSDLite's (M. Sandler et al.: "MobileNetV2", CVPR 2018, section
6.2).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from cosearch_simulators.networks.batch import BatchBuilder, Feature
from cosearch_simulators.networks.blocks import divisible, inverted_residual
from cosearch_simulators.networks.networks import LayerTable, collect
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

# The three published networks (section 4.3), as tensorflow/models, commit 7ada7e8, defines them in
# object_detection/models/ssd_mobiledet_feature_extractor.py: kind, kernel, expansion or ranks, channels,
# stride; the last map of 1/16 of the image is marked by a 0.
B, F, T = KINDS
Blocks = tuple[tuple[str, int, float | tuple[float, float], int, int] | int, ...]
PUBLISHED: dict[str, tuple[int, tuple[str, int], bool, Blocks]] = {
    "cpu": (
        16,
        (B, 8),
        True,
        (
            (B, 3, 4, 16, 2),
            *((B, 3, 8, 32, 2), (B, 3, 4, 32, 1), (B, 3, 4, 32, 1), (B, 3, 4, 32, 1)),
            *((B, 5, 8, 72, 2), (B, 3, 8, 72, 1), (B, 5, 4, 72, 1), (B, 3, 4, 72, 1)),
            *((B, 3, 8, 72, 1), (B, 3, 8, 72, 1), (B, 3, 8, 72, 1), (B, 3, 8, 72, 1), 0),
            *((B, 5, 8, 104, 2), (B, 5, 4, 104, 1), (B, 5, 4, 104, 1), (B, 3, 4, 104, 1), (B, 3, 8, 144, 1)),
        ),
    ),
    "dsp": (
        32,
        (B, 24),
        False,
        (
            *((F, 3, 4, 32, 2), (F, 3, 4, 32, 1), (B, 3, 4, 32, 1), (T, 3, (0.25, 0.75), 32, 1)),
            *((F, 3, 8, 64, 2), (B, 3, 4, 64, 1), (F, 3, 4, 64, 1), (F, 3, 4, 64, 1)),
            *((F, 3, 8, 120, 2), (B, 3, 4, 120, 1), (B, 3, 8, 120, 1), (B, 3, 8, 120, 1)),
            *((F, 3, 8, 144, 1), (B, 3, 8, 144, 1), (B, 3, 8, 144, 1), (B, 3, 8, 144, 1), 0),
            *((B, 3, 4, 160, 2), (B, 3, 4, 160, 1), (F, 3, 4, 160, 1), (T, 3, (0.75, 0.75), 160, 1)),
            (B, 3, 8, 240, 1),
        ),
    ),
    "edgetpu": (
        32,
        (T, 16),
        False,
        (
            *((F, 3, 8, 16, 2), (F, 3, 4, 16, 1), (F, 3, 8, 16, 1), (F, 3, 4, 16, 1)),
            *((F, 5, 8, 40, 2), (F, 3, 4, 40, 1), (F, 3, 4, 40, 1), (F, 3, 4, 40, 1)),
            *((B, 3, 8, 72, 2), (B, 3, 8, 72, 1), (F, 3, 4, 72, 1), (F, 3, 4, 72, 1)),
            *((B, 5, 8, 96, 1), (B, 5, 8, 96, 1), (B, 3, 8, 96, 1), (B, 3, 8, 96, 1), 0),
            *((B, 5, 8, 120, 2), (B, 3, 8, 120, 1), (B, 5, 4, 120, 1), (B, 3, 8, 120, 1), (B, 5, 8, 384, 1)),
        ),
    ),
}


class MobileDet(NetworkSpace):
    """Each block's kind, kernel and expansion (or rank, by the same number), for 21 blocks."""

    name = "mobiledet"
    source = "Xiong et al., CVPR 2021"

    def __init__(self, resolution: int = 320, classes: int = CLASSES) -> None:
        self.resolution, self.classes = resolution, classes
        found = [
            Parameter("width", (0.5, 0.75, 1.0), default=1.0, description="factor of the backbone's channels")
        ]
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
        for stage, (channels, blocks, stride) in enumerate(STAGES, 1):
            builder.stage = stage
            out = divisible(channels * columns["width"])
            for block in range(1, blocks + 1):
                x = self._block(builder, f"{stage}_{block}", x, columns, out, stride if block == 1 else 1)
            if stage in (4, 6):
                maps.append(x)
        builder.stage = len(STAGES) + 1
        _head(builder, maps, self.classes)

    def _block(
        self, builder: BatchBuilder, name: str, x: Feature, columns: Reader, out: ArrayLike, stride: int
    ) -> Feature:
        kind, kernel = columns[f"kind_{name}"], columns[f"kernel_{name}"]
        expansion = columns[f"expansion_{name}"]
        share = np.where(expansion == 4, 0.25, 0.75)
        found = x
        for which in KINDS:
            there = kind == which
            with builder.only(there):
                y = _kind_of_block(
                    *(builder, f"block_{name}", x, which, kernel),
                    inside=expansion if which != "tensor" else (share, share),
                    out=out,
                    stride=stride,
                )
            found = builder.where(there, y, found)
        return found


def published_macs(name: str) -> float:
    """Multiply-accumulates of a published network, with the head, for an image of 320 x 320.

    Args:
        name: of `PUBLISHED`.
    """
    stem, first, squeezes, blocks = PUBLISHED[name]
    builder = BatchBuilder(1)
    x = builder.convolution("stem", builder.input(3, 320), stem, 3, 2)
    if first[0] == "tensor":
        x = _kind_of_block(builder, "first", x, "tensor", 3, inside=(0.25, 0.75), out=first[1], stride=1)
    else:
        squeezed = divisible(stem / 4) if squeezes else 0
        x = inverted_residual(builder, "first", x, expanded=stem, out=first[1], kernel=3, squeezed=squeezed)
    maps = []
    for number, block in enumerate(blocks):
        if isinstance(block, int):
            maps.append(x)
            continue
        kind, kernel, inside, out, stride = block
        x = _kind_of_block(
            *(builder, f"block_{number}", x, kind, kernel),
            inside=inside,
            out=out,
            stride=stride,
            squeezes=squeezes,
        )
    _head(builder, [*maps, x], CLASSES)
    return float(collect(builder, LayerTable(), 1).macs[0])


def _kind_of_block(
    builder: BatchBuilder,
    label: str,
    x: Feature,
    kind: str,
    kernel: ArrayLike,
    *,
    inside: Any,
    out: ArrayLike,
    stride: int,
    squeezes: bool = False,
) -> Feature:
    """A block: `inside` is the factor of its channels, or the shares of a tensor convolution's two ranks."""
    if kind == "bottleneck":
        expanded = x.channels * inside
        return inverted_residual(
            *(builder, label, x),
            expanded=expanded,
            out=out,
            kernel=kernel,
            stride=stride,
            squeezed=divisible(expanded / 4) if squeezes else 0,
        )
    if kind == "fused":
        y = builder.convolution(f"{label}.expand", x, x.channels * inside, kernel, stride)
        return builder.add(f"{label}.add", x, builder.convolution(f"{label}.project", y, out, 1))
    y = builder.convolution(f"{label}.reduce", x, divisible(x.channels * inside[0]), 1)
    y = builder.convolution(f"{label}.core", y, divisible(np.asarray(out) * inside[1]), kernel, stride)
    return builder.add(f"{label}.add", x, builder.convolution(f"{label}.restore", y, out, 1))


def _head(builder: BatchBuilder, maps: list[Feature], classes: int) -> None:
    """Four more maps, and boxes and classes on all six."""
    x, maps = maps[-1], list(maps)
    for number, channels in enumerate(EXTRA, 1):
        x = builder.convolution(f"extra_{number}.reduce", x, channels // 2, 1)
        x = builder.convolution(f"extra_{number}.depthwise", x, channels // 2, 3, 2, groups=channels // 2)
        x = builder.convolution(f"extra_{number}.project", x, channels, 1)
        maps.append(x)
    for number, (each, anchors) in enumerate(zip(maps, ANCHORS, strict=True), 1):
        for what, numbers in (("box", BOX), ("class", classes)):
            y = builder.convolution(
                f"{what}_{number}.depthwise", each, each.channels, 3, groups=each.channels
            )
            builder.convolution(f"{what}_{number}", y, anchors * numbers, 1, normalised=False)
