"""Networks without normalisation: AlexNet, VGG-16 and SqueezeNet.

Sources of the tables:
    - Krizhevsky, "One weird trick for parallelizing convolutional neural networks", 2014 (the AlexNet of
      torchvision: one column, no local response normalisation).
    - Simonyan and Zisserman, "Very Deep Convolutional Networks for Large-Scale Image Recognition", ICLR 2015,
      table 1, column D.
    - Iandola et al., "SqueezeNet", 2016, table 1; version 1.1 by the authors' repository.
"""

from __future__ import annotations

from cosearch_simulators.workloads.builder import NetworkBuilder, Tensor, concatenate
from cosearch_simulators.workloads.network import Network
from cosearch_simulators.workloads.operators import Precision

Layer = tuple[int, ...] | str
POOL = "3 x 3 pool, stride 2"
POOL2 = "2 x 2 pool, stride 2"

# (channels, kernel, stride, padding), or a pool
ALEXNET: tuple[Layer, ...] = (
    (64, 11, 4, 2),
    POOL,
    (192, 5, 1, 2),
    POOL,
    (384, 3, 1, 1),
    (256, 3, 1, 1),
    (256, 3, 1, 1),
    POOL,
)
VGG16: tuple[Layer, ...] = (
    *((64, 3, 1, 1),) * 2,
    POOL2,
    *((128, 3, 1, 1),) * 2,
    POOL2,
    *((256, 3, 1, 1),) * 3,
    POOL2,
    *((512, 3, 1, 1),) * 3,
    POOL2,
    *((512, 3, 1, 1),) * 3,
    POOL2,
)
# also (squeeze, expand 1 x 1, expand 3 x 3): a fire module
SQUEEZENET1_0: tuple[Layer, ...] = (
    (96, 7, 2, 0),
    POOL,
    (16, 64, 64),
    (16, 64, 64),
    (32, 128, 128),
    POOL,
    (32, 128, 128),
    (48, 192, 192),
    (48, 192, 192),
    (64, 256, 256),
    POOL,
    (64, 256, 256),
)
SQUEEZENET1_1: tuple[Layer, ...] = (
    (64, 3, 2, 0),
    POOL,
    (16, 64, 64),
    (16, 64, 64),
    POOL,
    (32, 128, 128),
    (32, 128, 128),
    POOL,
    (48, 192, 192),
    (48, 192, 192),
    (64, 256, 256),
    (64, 256, 256),
)
VARIANTS = {
    "alexnet": ALEXNET,
    "vgg16": VGG16,
    "squeezenet1_0": SQUEEZENET1_0,
    "squeezenet1_1": SQUEEZENET1_1,
}
HIDDEN_FEATURES = 4096


def plain(
    name: str,
    *,
    batch: int = 1,
    image_size: int = 224,
    classes: int = 1000,
    precision: Precision | None = None,
) -> Network:
    """A network without normalisation for images of `image_size` x `image_size`."""
    builder = NetworkBuilder(name, precision)
    x = builder.input("input", (batch, 3, image_size, image_size))
    for number, layer in enumerate(VARIANTS[name]):
        if isinstance(layer, str):
            kernel = 3 if layer == POOL else 2
            x = builder.pool(f"pool{number}", x, kernel, 2, ceiling=name.startswith("squeezenet"))
        elif len(layer) == 3:
            x = _fire(builder, f"fire{number}", x, *layer)
        else:
            channels, kernel, stride, padding = layer
            x = _unit(builder, f"conv{number}", x, channels, kernel, stride, padding)
    if name.startswith("squeezenet"):
        x = _unit(builder, "classifier", x, classes, 1)
        builder.global_average("avgpool", x)
        return builder.build()
    x = x.reshape(batch, x.elements // batch)
    for number in (1, 2):
        x = builder.linear(f"fc{number}", x, HIDDEN_FEATURES)
        x = builder.activation(f"fc{number}.relu", "relu", x)
    builder.linear("fc3", x, classes)
    return builder.build()


def _fire(builder: NetworkBuilder, name: str, x: Tensor, squeeze: int, expand1: int, expand3: int) -> Tensor:
    x = _unit(builder, f"{name}.squeeze", x, squeeze, 1)
    branches = [
        _unit(builder, f"{name}.expand1", x, expand1, 1),
        _unit(builder, f"{name}.expand3", x, expand3, 3),
    ]
    return concatenate(branches, axis=1)


def _unit(
    builder: NetworkBuilder,
    name: str,
    x: Tensor,
    channels: int,
    kernel: int,
    stride: int = 1,
    padding: int | None = None,
) -> Tensor:
    x = builder.convolution(name, x, channels, kernel, stride, padding, bias=True)
    return builder.activation(f"{name}.relu", "relu", x)
