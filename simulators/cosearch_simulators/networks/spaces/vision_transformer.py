"""Vision transformers: a plain one, and a pyramid after convolutions.

A. Dosovitskiy et al.: "An image is worth 16x16 words", ICLR 2021; the choices of the plain one are those of
M. Chen et al.: "AutoFormer: searching transformers for visual recognition", ICCV 2021. The pyramid follows
C. Tang et al.: "ElasticViT: conflict-aware supernet training for deploying fast vision transformer on
diverse mobile devices", ICCV 2023: inverted residuals at high resolution, attention at low.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from cosearch_simulators.networks.batch import BatchBuilder, Feature
from cosearch_simulators.networks.blocks import divisible, inverted_residual
from cosearch_simulators.networks.parameters import Parameter
from cosearch_simulators.networks.space import NetworkSpace, Reader

MOST_LAYERS = 16
HEAD_WIDTH = 64


class VisionTransformer(NetworkSpace):
    """Patches of 16 x 16, then equal layers, each with its own heads and hidden size."""

    name = "vision-transformer"
    source = "Chen et al., ICCV 2021"

    def __init__(self, resolution: int = 224, classes: int = 1000) -> None:
        self.resolution, self.classes = resolution, classes
        found = [
            Parameter("width", (192, 216, 240, 320, 384, 448), default=192),
            Parameter("depth", (12, 13, 14, 15, 16), default=12),
        ]
        for layer in range(1, MOST_LAYERS + 1):
            when = {"depth": tuple(range(layer, MOST_LAYERS + 1))} if layer > 12 else {}
            found.append(Parameter(f"heads_{layer}", (3, 4, 5, 6, 7), when))
            found.append(Parameter(f"ratio_{layer}", (3.0, 3.5, 4.0), when, default=4.0))
        self.parameters = tuple(found)
        self.stages = ("patches", "layers", "head")

    def build(self, builder: BatchBuilder, columns: Reader, active: Reader) -> None:
        """The operators."""
        width, side = columns["width"], self.resolution // 16
        x = builder.convolution(
            "patches", builder.input(3, self.resolution), width, 16, 16, padding=0, normalised=False
        )
        # One more token for the class; positions and that token are trained numbers.
        tokens = side * side + 1
        x = builder.vector("positions", [x], (width, tokens, 1), constants=width * (tokens + 1), kind="add")
        builder.stage = 1
        for layer in range(1, MOST_LAYERS + 1):
            there = columns["depth"] >= layer
            with builder.only(there):
                heads = columns[f"heads_{layer}"]
                y = attention_layer(
                    *(builder, f"layer_{layer}", x, heads, HEAD_WIDTH),
                    hidden=np.round(width * columns[f"ratio_{layer}"]).astype(np.int64),
                )
            x = builder.where(there, y, x)
        builder.stage = 2
        x = builder.vector("norm", [x], constants=2 * width, kind="layer_norm")
        builder.linear("classifier", x.reshape(width), self.classes)


class ElasticVit(NetworkSpace):
    """Three stages of inverted residuals, then two of attention layers behind strided convolutions."""

    name = "elastic-vit"
    source = "Tang et al., ICCV 2023"

    def __init__(self, classes: int = 1000) -> None:
        self.classes = classes
        found = [Parameter("resolution", (128, 160, 192, 224, 256), default=224)]
        for stage, widths in enumerate(((16, 24), (24, 32), (48, 64)), 1):
            found.append(Parameter(f"width_{stage}", widths))
            found.append(Parameter(f"depth_{stage}", (1, 2, 3), default=2))
            found.append(Parameter(f"kernel_{stage}", (3, 5)))
            found.append(Parameter(f"expansion_{stage}", (3, 4, 6), default=4))
        for stage, wide in ((4, (96, 128, 176)), (5, (160, 208, 288))):
            found.append(Parameter(f"width_{stage}", wide, default=wide[1]))
            found.append(Parameter(f"depth_{stage}", (1, 2, 3, 4, 5), default=3))
            found.append(Parameter(f"heads_{stage}", (4, 6, 8), default=6))
            found.append(Parameter(f"ratio_{stage}", (2, 3, 4), default=2))
        self.parameters = tuple(found)
        self.stages = ("stem", "stage_1", "stage_2", "stage_3", "stage_4", "stage_5", "head")

    def build(self, builder: BatchBuilder, columns: Reader, active: Reader) -> None:
        """The operators."""
        x = builder.convolution("stem", builder.input(3, columns["resolution"]), 16, 3, 2)
        for stage in (1, 2, 3):
            builder.stage = stage
            for block in (1, 2, 3):
                there = columns[f"depth_{stage}"] >= block
                with builder.only(there):
                    y = inverted_residual(
                        *(builder, f"stage_{stage}.{block}", x),
                        expanded=divisible(x.channels * columns[f"expansion_{stage}"]),
                        out=columns[f"width_{stage}"],
                        kernel=columns[f"kernel_{stage}"],
                        stride=2 if block == 1 and stage > 1 else 1,
                    )
                x = y if block == 1 else builder.where(there, y, x)
        for stage in (4, 5):
            builder.stage = stage
            x = builder.convolution(f"stage_{stage}.down", x, columns[f"width_{stage}"], 3, 2)
            rows, sides = x.rows, x.columns
            x = x.reshape(x.channels, rows * sides)
            for block in range(1, 6):
                there = columns[f"depth_{stage}"] >= block
                with builder.only(there):
                    hidden = x.channels * columns[f"ratio_{stage}"]
                    y = attention_layer(
                        builder, f"stage_{stage}.{block}", x, columns[f"heads_{stage}"], 16, hidden=hidden
                    )
                x = builder.where(there, y, x)
            x = x.reshape(x.channels, rows, sides)
        builder.stage = 6
        builder.linear("classifier", builder.global_average("pool", x), self.classes)


def attention_layer(
    builder: BatchBuilder, name: str, x: Feature, heads: ArrayLike, head_width: int, *, hidden: ArrayLike
) -> Feature:
    """Self-attention and a perceptron, each behind a normalisation and around it a sum.

    Args:
        builder: where the operators go.
        name: of the layer.
        x: tokens in its rows, features in its channels.
        heads: of the attention.
        head_width: features of a head's queries, keys and values.
        hidden: features of the perceptron's hidden layer.
    """
    tokens, width = x.rows, x.channels
    inner = np.asarray(heads) * head_width
    y = builder.vector(f"{name}.norm1", [x], constants=2 * width, kind="layer_norm")
    mixed = builder.linear(f"{name}.qkv", y, 3 * inner)
    scores = builder.product(f"{name}.scores", mixed, mixed, heads, tokens, head_width, tokens)
    scores = builder.vector(f"{name}.softmax", [scores], kind="softmax")
    y = builder.product(f"{name}.values", scores, mixed, heads, tokens, tokens, head_width)
    y = builder.linear(f"{name}.out", y.reshape(inner, tokens), width)
    x = builder.add(f"{name}.add1", x, y)
    y = builder.vector(f"{name}.norm2", [x], constants=2 * width, kind="layer_norm")
    y = builder.linear(f"{name}.up", y, hidden)
    y = builder.linear(f"{name}.down", y, width)
    return builder.add(f"{name}.add2", x, y)
