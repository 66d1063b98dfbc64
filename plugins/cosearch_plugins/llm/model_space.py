"""The space of `llm-codesign`'s models, and its designs as the simulator's models."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from cosearch.space import Categorical, DesignSpace, Forbidden, Ordinal

if TYPE_CHECKING:
    from cosearch_simulators.llm import Model

BITS = {16: "bf16", 8: "int8", 4: "int4"}
"""Of a weight, and the precision that the simulators know it by."""

SHAPE = DesignSpace(
    [
        Ordinal("layers", (8, 12, 16, 20, 24, 28, 32, 40, 48), default=24),
        Ordinal("hidden", (512, 768, 1024, 1536, 2048, 2560, 3072, 4096), default=2048),
        Ordinal("head_size", (64, 128), default=128),
        Ordinal("queries_for_a_key", (1, 2, 4, 8), default=4, description="query heads of a KV head"),
        Ordinal("ffn_ratio", (2.0, 2.5, 3.0, 3.5, 4.0), default=3.5, description="of its width to hidden"),
        Ordinal(
            "stateful_share",
            (0.0, 0.25, 0.5, 0.625, 0.75, 0.875),
            default=0.0,
            description="of the layers that keep a state in place of a cache; at most 7 of 8, as published",
        ),
        Categorical(
            "stateful",
            ("mamba2", "short_convolution"),
            default="mamba2",
            description="what those layers are",
            when={"stateful_share": (0.25, 0.5, 0.625, 0.75, 0.875)},
        ),
        Ordinal(
            "windowed_share",
            (0.0, 0.25, 0.5, 0.75),
            default=0.0,
            description="of the layers of attention that see `window` tokens",
        ),
        Ordinal("weight_bits", (4, 8, 16), default=16, description="that the model is trained and served in"),
    ],
    name="shape",
    forbidden=[
        Forbidden("hidden < head_size * queries_for_a_key", reason="there are too few heads to share keys")
    ],
)


GPT2 = {
    "s": ((192, 384, 768), (10, 11, 12), (4, 8, 12)),
    "m": ((256, 512, 1024), (22, 23, 24), (8, 12, 16)),
    "l": ((320, 640, 1280), (34, 35, 36), (8, 16, 20)),
}
"""HW-GPT-Bench's scales: widths, layers, heads."""


def gpt2_space(scale: str) -> DesignSpace:
    """GPT-2's sub-networks of HW-GPT-Bench whose layers are all alike."""
    widths, layers, heads = GPT2[scale]
    return DesignSpace(
        [
            Ordinal("embed_dim", widths, default=widths[-1]),
            Ordinal("n_layer", layers, default=layers[-1]),
            Ordinal("n_head", heads, default=heads[-1]),
            Ordinal("mlp_ratio", (2, 3, 4), default=4, description="of the feed-forward part's width"),
        ],
        name="gpt2",
    )


def gpt2_as_shape(columns: Mapping[str, Any]) -> dict[str, Any]:
    """Columns of `gpt2_space` as those of `SHAPE`."""
    width = columns["embed_dim"]
    return {
        "layers": columns["n_layer"],
        "hidden": width,
        "head_size": width / columns["n_head"],
        "queries_for_a_key": 1.0 + 0.0 * width,
        "ffn_ratio": columns["mlp_ratio"],
        "stateful_share": 0.0 * width,
        "windowed_share": 0.0 * width,
        "weight_bits": 16.0 + 0.0 * width,
        "mamba": 0.0 * width,
        "matrices": 2.0 + 0.0 * width,
    }


def models_of(xp: Any, shape: Mapping[str, Any], vocabulary: float, window: float) -> Model:
    """The models of columns of shapes; `mamba` is 1 where stateful layers are Mamba-2's.

    A Mamba-2 layer is twice as wide inside and has 128 numbers of state for each channel (Dao, Gu, ICML
    2024); a gated short convolution has three projections and 3 tokens of state (LFM2, arXiv 2511.23404).

    Args:
        xp: the array namespace.
        shape: columns of `SHAPE`, numbers alone.
        vocabulary: tokens.
        window: tokens that a windowed layer sees.
    """
    from cosearch_simulators.llm import Model

    hidden = shape["hidden"]
    heads = xp.floor(hidden / shape["head_size"])
    stateful = xp.floor(shape["layers"] * shape["stateful_share"])
    windowed = xp.floor((shape["layers"] - stateful) * shape["windowed_share"])
    mamba = shape["mamba"]
    kv_heads = xp.floor(heads / shape["queries_for_a_key"])
    return Model(
        vocabulary=vocabulary,
        hidden=hidden,
        full_layers=shape["layers"] - stateful - windowed,
        window_layers=windowed,
        window=window,
        heads=heads,
        kv_heads=xp.where(kv_heads < 1.0, xp.ones_like(kv_heads), kv_heads),
        head_size=shape["head_size"],
        dense_layers=shape["layers"],
        ffn=hidden * shape["ffn_ratio"],
        matrices=shape.get("matrices", 3.0),
        recurrent_layers=stateful,
        recurrent_in=hidden * (3.0 + mamba),
        recurrent_out=hidden * (1.0 + mamba),
        recurrent_state=hidden * (3.0 + mamba * (2.0 * 128.0 - 3.0)),
        tied=1.0,
    )
