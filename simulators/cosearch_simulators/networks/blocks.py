"""The blocks that mobile networks are made of, for `BatchBuilder`: each for n networks at once."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cosearch_simulators.networks.batch import BatchBuilder, Feature


def divisible(channels: ArrayLike, divisor: int = 8) -> NDArray[np.int64]:
    """The multiple of a divisor that is nearest, at least it, and no less than nine tenths of the number.

    Source: `_make_divisible` of the MobileNet reference code (tensorflow/models, slim/nets/mobilenet).
    """
    number = np.asarray(channels, np.float64)
    near = np.maximum(divisor, np.floor(number + divisor / 2).astype(np.int64) // divisor * divisor)
    return np.where(near < 0.9 * number, near + divisor, near).astype(np.int64)


def squeeze_excite(
    builder: BatchBuilder, name: str, x: Feature, squeezed: ArrayLike, there: NDArray[np.bool_] | bool = True
) -> Feature:
    """The channels weighted by a small network over their means (J. Hu et al., CVPR 2018)."""
    condition = np.broadcast_to(np.asarray(there), builder.active.shape)
    if not condition.any():
        return x
    with builder.only(condition):
        y = builder.global_average(f"{name}.mean", x)
        y = builder.convolution(f"{name}.reduce", y, squeezed, 1, normalised=False)
        y = builder.convolution(f"{name}.expand", y, x.channels, 1, normalised=False)
        y = builder.vector(f"{name}.scale", [x, y], kind="multiply")
    return builder.where(condition, y, x)


def inverted_residual(
    builder: BatchBuilder,
    name: str,
    x: Feature,
    *,
    expanded: ArrayLike,
    out: ArrayLike,
    kernel: ArrayLike,
    stride: ArrayLike = 1,
    squeezed: ArrayLike = 0,
    groups: ArrayLike = 1,
    always_expand: bool = False,
    residual: bool = True,
) -> Feature:
    """Expand by a 1 x 1, filter each channel, squeeze and excite, project, add (MobileNetV2 and V3).

    Args:
        builder: where the operators go.
        name: of the block.
        x: its input.
        expanded: channels inside; where they are the input's there is no expansion.
        out: channels of the output.
        kernel: of the filter.
        stride: of the filter.
        squeezed: channels of the squeeze; 0 for none.
        groups: of the two 1 x 1 convolutions.
        always_expand: whether the expansion is there even where it changes no channels.
        residual: whether the input is added where shapes agree.
    """
    inside = np.broadcast_to(np.asarray(expanded, np.int64), x.channels.shape)
    y = x
    expands = np.ones(x.channels.shape, bool) if always_expand else inside != x.channels
    if expands.any():
        with builder.only(expands):
            y = builder.convolution(f"{name}.expand", x, inside, 1, groups=groups)
        y = builder.where(expands, y, x)
    y = builder.convolution(f"{name}.depthwise", y, inside, kernel, stride, groups=inside)
    squeeze = np.asarray(squeezed, np.int64)
    y = squeeze_excite(builder, f"{name}.squeeze", y, np.maximum(squeeze, 1), squeeze > 0)
    y = builder.convolution(f"{name}.project", y, out, 1, groups=groups)
    return builder.add(f"{name}.add", x, y) if residual else y


def classifier(
    builder: BatchBuilder,
    x: Feature,
    head: ArrayLike,
    classes: int,
    hidden: int = 0,
    *,
    hidden_bias: bool = False,
) -> Feature:
    """A 1 x 1 convolution, the mean of each channel, perhaps a hidden layer, and the classes."""
    if np.any(head):
        x = builder.convolution("head", x, head, 1)
    x = builder.global_average("pool", x)
    if hidden:
        x = builder.linear("hidden", x, hidden, bias=hidden_bias)
    return builder.linear("classifier", x, classes)


def value(columns: Any, name: str) -> Any:
    """A column as whole numbers."""
    return np.asarray(columns[name], np.int64)
