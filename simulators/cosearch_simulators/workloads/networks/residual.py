"""ResNets: He et al., "Deep Residual Learning for Image Recognition", CVPR 2016, table 1.

As torchvision has them: the 3 x 3 convolution of a bottleneck has the stride (ResNet v1.5).
"""

from __future__ import annotations

from cosearch_simulators.workloads.builder import NetworkBuilder, Tensor
from cosearch_simulators.workloads.network import Network
from cosearch_simulators.workloads.operators import Precision

# name: (whether blocks are bottlenecks, blocks of each stage)
VARIANTS = {
    "resnet18": (False, (2, 2, 2, 2)),
    "resnet34": (False, (3, 4, 6, 3)),
    "resnet50": (True, (3, 4, 6, 3)),
    "resnet101": (True, (3, 4, 23, 3)),
}
STAGE_CHANNELS = (64, 128, 256, 512)
BOTTLENECK_EXPANSION = 4


def resnet(
    name: str,
    *,
    batch: int = 1,
    image_size: int = 224,
    classes: int = 1000,
    precision: Precision | None = None,
) -> Network:
    """A residual network for images of `image_size` x `image_size`."""
    bottleneck, stages = VARIANTS[name]
    builder = NetworkBuilder(name, precision)
    x = builder.input("input", (batch, 3, image_size, image_size))
    x = _unit(builder, "conv1", x, 64, 7, stride=2)
    x = builder.pool("maxpool", x, 3, 2, padding=1)
    for stage, (blocks, channels) in enumerate(zip(stages, STAGE_CHANNELS, strict=True), start=1):
        for block in range(blocks):
            stride = 2 if block == 0 and stage > 1 else 1
            x = _block(builder, f"layer{stage}.{block}", x, channels, stride, bottleneck)
    x = builder.global_average("avgpool", x)
    builder.linear("fc", x.reshape(batch, x.shape[1]), classes)
    return builder.build()


def _block(
    builder: NetworkBuilder, name: str, x: Tensor, channels: int, stride: int, bottleneck: bool
) -> Tensor:
    if bottleneck:
        out_channels = channels * BOTTLENECK_EXPANSION
        y = _unit(builder, f"{name}.conv1", x, channels, 1)
        y = _unit(builder, f"{name}.conv2", y, channels, 3, stride)
        y = _unit(builder, f"{name}.conv3", y, out_channels, 1, relu=False)
    else:
        out_channels = channels
        y = _unit(builder, f"{name}.conv1", x, channels, 3, stride)
        y = _unit(builder, f"{name}.conv2", y, channels, 3, relu=False)
    if x.shape != y.shape:
        x = _unit(builder, f"{name}.downsample", x, out_channels, 1, stride, relu=False)
    y = builder.elementwise(f"{name}.add", "add", [y, x])
    return builder.activation(f"{name}.relu", "relu", y)


def _unit(
    builder: NetworkBuilder,
    name: str,
    x: Tensor,
    channels: int,
    kernel: int,
    stride: int = 1,
    relu: bool = True,
) -> Tensor:
    x = builder.convolution(name, x, channels, kernel, stride)
    x = builder.batch_norm(f"{name}.norm", x)
    return builder.activation(f"{name}.relu", "relu", x) if relu else x
