"""Networks of inverted residuals: MobileNetV2, MobileNetV3 and EfficientNet-B0.

Sources of the tables:
    - Sandler et al., "MobileNetV2: Inverted Residuals and Linear Bottlenecks", CVPR 2018, table 2.
    - Howard et al., "Searching for MobileNetV3", ICCV 2019, tables 1 and 2; squeezes as in torchvision, whose
      channels are rounded to multiples of 8.
    - Tan and Le, "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks", ICML 2019,
      table 1; the squeeze is a quarter of the block's input.
"""

from __future__ import annotations

from dataclasses import dataclass

from cosearch_simulators.workloads.builder import NetworkBuilder, Tensor
from cosearch_simulators.workloads.network import Network
from cosearch_simulators.workloads.operators import Precision


@dataclass(frozen=True)
class Block:
    """An inverted residual: expand by a 1 x 1, filter each channel, squeeze and excite, project."""

    kernel: int
    expanded: int
    out: int
    stride: int
    activation: str
    squeezed: int = 0


@dataclass(frozen=True)
class Variant:
    """A network.

    Attributes:
        stem: channels of the first convolution, 3 x 3 with stride 2.
        blocks: the inverted residuals.
        head: channels of the last convolution, 1 x 1.
        hidden: features of the fully connected layer before the last, where there is one.
        activation: of the stem, the head and the hidden layer.
        gate: the function of the excitation.
        squeeze_activation: the function of the squeeze.
    """

    stem: int
    blocks: tuple[Block, ...]
    head: int
    activation: str
    hidden: int = 0
    gate: str = "hard_sigmoid"
    squeeze_activation: str = "relu"


def _mobilenet_v2() -> tuple[Block, ...]:
    # expansion t, channels c, repeats n, stride s: table 2 as printed
    table = (
        (1, 16, 1, 1),
        (6, 24, 2, 2),
        (6, 32, 3, 2),
        (6, 64, 4, 2),
        (6, 96, 3, 1),
        (6, 160, 3, 2),
        (6, 320, 1, 1),
    )
    blocks, channels = [], 32
    for t, c, n, s in table:
        for repeat in range(n):
            blocks.append(Block(3, t * channels, c, s if repeat == 0 else 1, "clip"))
            channels = c
    return tuple(blocks)


def _efficientnet_b0() -> tuple[Block, ...]:
    # expansion, kernel, channels, repeats, stride: stages 2 to 8 of table 1
    table = (
        (1, 3, 16, 1, 1),
        (6, 3, 24, 2, 2),
        (6, 5, 40, 2, 2),
        (6, 3, 80, 3, 2),
        (6, 5, 112, 3, 1),
        (6, 5, 192, 4, 2),
        (6, 3, 320, 1, 1),
    )
    blocks, channels = [], 32
    for t, kernel, c, n, s in table:
        for repeat in range(n):
            stride = s if repeat == 0 else 1
            blocks.append(Block(kernel, t * channels, c, stride, "swish", max(1, channels // 4)))
            channels = c
    return tuple(blocks)


# kernel, expanded, out, stride, activation, squeezed
_V3_LARGE = (
    Block(3, 16, 16, 1, "relu"),
    Block(3, 64, 24, 2, "relu"),
    Block(3, 72, 24, 1, "relu"),
    Block(5, 72, 40, 2, "relu", 24),
    Block(5, 120, 40, 1, "relu", 32),
    Block(5, 120, 40, 1, "relu", 32),
    Block(3, 240, 80, 2, "hard_swish"),
    Block(3, 200, 80, 1, "hard_swish"),
    Block(3, 184, 80, 1, "hard_swish"),
    Block(3, 184, 80, 1, "hard_swish"),
    Block(3, 480, 112, 1, "hard_swish", 120),
    Block(3, 672, 112, 1, "hard_swish", 168),
    Block(5, 672, 160, 2, "hard_swish", 168),
    Block(5, 960, 160, 1, "hard_swish", 240),
    Block(5, 960, 160, 1, "hard_swish", 240),
)
_V3_SMALL = (
    Block(3, 16, 16, 2, "relu", 8),
    Block(3, 72, 24, 2, "relu"),
    Block(3, 88, 24, 1, "relu"),
    Block(5, 96, 40, 2, "hard_swish", 24),
    Block(5, 240, 40, 1, "hard_swish", 64),
    Block(5, 240, 40, 1, "hard_swish", 64),
    Block(5, 120, 48, 1, "hard_swish", 32),
    Block(5, 144, 48, 1, "hard_swish", 40),
    Block(5, 288, 96, 2, "hard_swish", 72),
    Block(5, 576, 96, 1, "hard_swish", 144),
    Block(5, 576, 96, 1, "hard_swish", 144),
)

VARIANTS = {
    "mobilenet_v2": Variant(32, _mobilenet_v2(), 1280, "clip"),
    "mobilenet_v3_large": Variant(16, _V3_LARGE, 960, "hard_swish", hidden=1280),
    "mobilenet_v3_small": Variant(16, _V3_SMALL, 576, "hard_swish", hidden=1024),
    "efficientnet_b0": Variant(
        32, _efficientnet_b0(), 1280, "swish", gate="sigmoid", squeeze_activation="swish"
    ),
}


def mobile(
    name: str,
    *,
    batch: int = 1,
    image_size: int = 224,
    classes: int = 1000,
    precision: Precision | None = None,
) -> Network:
    """A network of inverted residuals for images of `image_size` x `image_size`."""
    variant = VARIANTS[name]
    builder = NetworkBuilder(name, precision)
    x = builder.input("input", (batch, 3, image_size, image_size))
    x = _unit(builder, "stem", x, variant.stem, 3, variant.activation, stride=2)
    for number, block in enumerate(variant.blocks):
        x = _inverted_residual(builder, f"blocks.{number}", x, block, variant)
    x = _unit(builder, "head", x, variant.head, 1, variant.activation)
    x = builder.global_average("avgpool", x)
    x = x.reshape(batch, x.shape[1])
    if variant.hidden:
        x = builder.linear("hidden", x, variant.hidden)
        x = builder.activation("hidden.activation", variant.activation, x)
    builder.linear("classifier", x, classes)
    return builder.build()


def _inverted_residual(
    builder: NetworkBuilder, name: str, x: Tensor, block: Block, variant: Variant
) -> Tensor:
    y, expanded = x, block.expanded
    if expanded != x.shape[1]:
        y = _unit(builder, f"{name}.expand", y, expanded, 1, block.activation)
    stage = f"{name}.depthwise"
    y = _unit(builder, stage, y, expanded, block.kernel, block.activation, block.stride, groups=expanded)
    if block.squeezed:
        y = _squeeze_excite(builder, f"{name}.squeeze", y, block.squeezed, variant)
    y = _unit(builder, f"{name}.project", y, block.out, 1)
    return builder.elementwise(f"{name}.add", "add", [x, y]) if x.shape == y.shape else y


def _squeeze_excite(builder: NetworkBuilder, name: str, x: Tensor, squeezed: int, variant: Variant) -> Tensor:
    y = builder.global_average(f"{name}.mean", x)
    y = builder.convolution(f"{name}.reduce", y, squeezed, 1, bias=True)
    y = builder.activation(f"{name}.activation", variant.squeeze_activation, y)
    y = builder.convolution(f"{name}.expand", y, x.shape[1], 1, bias=True)
    y = builder.activation(f"{name}.gate", variant.gate, y)
    return builder.elementwise(f"{name}.scale", "multiply", [x, y])


def _unit(
    builder: NetworkBuilder,
    name: str,
    x: Tensor,
    channels: int,
    kernel: int,
    activation: str = "",
    stride: int = 1,
    groups: int = 1,
) -> Tensor:
    x = builder.convolution(name, x, channels, kernel, stride, groups=groups)
    x = builder.batch_norm(f"{name}.norm", x)
    return builder.activation(f"{name}.activation", activation, x) if activation else x
