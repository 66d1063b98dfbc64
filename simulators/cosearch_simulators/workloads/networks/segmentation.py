"""U-Net: Ronneberger et al., "U-Net: Convolutional Networks for Biomedical Image Segmentation", MICCAI 2015.

The paper's network (figure 1): convolutions without padding and normalisation, 572 x 572 in, 388 x 388 out.
"""

from __future__ import annotations

from cosearch_simulators.workloads.builder import NetworkBuilder, Tensor, concatenate
from cosearch_simulators.workloads.network import Network
from cosearch_simulators.workloads.operators import Precision

CHANNELS = (64, 128, 256, 512, 1024)
VARIANTS = ("unet",)


def unet(
    name: str = "unet",
    *,
    batch: int = 1,
    image_size: int = 572,
    image_channels: int = 1,
    classes: int = 2,
    padded: bool = False,
    precision: Precision | None = None,
) -> Network:
    """A U-Net for images of `image_size` x `image_size`; `padded` keeps the size, as later ones do."""
    builder = NetworkBuilder(name, precision)
    x = builder.input("input", (batch, image_channels, image_size, image_size))
    skipped = []
    for level, channels in enumerate(CHANNELS):
        if level:
            x = builder.pool(f"down{level}.pool", x, 2, 2)
        x = _double_convolution(builder, f"down{level}", x, channels, padded)
        skipped.append(x)
    for level in reversed(range(len(CHANNELS) - 1)):
        x = builder.up_convolution(f"up{level}.conv", x, CHANNELS[level], 2)
        cropped = skipped[level].reshape(*skipped[level].shape[:2], *x.shape[2:])
        x = concatenate([cropped, x], axis=1)
        x = _double_convolution(builder, f"up{level}", x, CHANNELS[level], padded)
    builder.convolution("classifier", x, classes, 1, bias=True)
    return builder.build()


def _double_convolution(builder: NetworkBuilder, name: str, x: Tensor, channels: int, padded: bool) -> Tensor:
    for number in (1, 2):
        x = builder.convolution(f"{name}.conv{number}", x, channels, 3, padding=int(padded), bias=True)
        x = builder.activation(f"{name}.relu{number}", "relu", x)
    return x
