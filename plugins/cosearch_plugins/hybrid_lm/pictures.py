"""The picture of a small language model: its layers in order, and what each of them costs."""

from __future__ import annotations

from cosearch.pictures import PALETTE, Picture
from cosearch_simulators.hybrid_lm.architecture import MIXERS, PRECISIONS, Architecture

WORDS = {
    "attention": "attention",
    "grouped_query": "grouped-query attention",
    "sliding_window": "sliding window",
    "short_convolution": "short convolution",
    "linear_attention": "linear attention",
}


def layers_picture(network: Architecture, prompt: int) -> Picture:
    """The weights and the cache of each layer after a prompt of so many tokens, bottom layer first."""
    layers = [f"{i + 1}" for i in range(len(network.mixers))]
    traces = []
    for mixer in MIXERS:
        rows = [i for i, each in enumerate(network.mixers) if each == mixer]
        if not rows:
            continue
        colour = PALETTE[MIXERS.index(mixer)]
        for axis, values, shown in (
            ("x", [network.matrix_weights(mixer) * PRECISIONS[network.precision] / 1e3 for _ in rows], True),
            ("x2", [network.layer_cache_bytes(mixer, prompt) / 1e3 for _ in rows], False),
        ):
            traces.append(
                {
                    "type": "bar",
                    "orientation": "h",
                    "name": WORDS[mixer],
                    "legendgroup": mixer,
                    "showlegend": shown,
                    "x": values,
                    "y": [layers[row] for row in rows],
                    "xaxis": axis,
                    "marker": {"color": colour},
                }
            )
    return Picture(
        "Layers",
        f"What each layer keeps in memory: its weights in {network.precision}, and what decoding remembers "
        f"of one sequence after {prompt:,} tokens. Width {network.width}, feed-forward ratio "
        f"{network.feed_forward_ratio}.",
        traces,
        {
            "barmode": "stack",
            "height": 140 + 34 * len(layers),
            "xaxis": {"domain": [0, 0.46], "title": {"text": "weights [kB]"}},
            "xaxis2": {"domain": [0.54, 1], "title": {"text": "memory of a sequence [kB]"}},
            "yaxis": {"title": {"text": "layer"}, "categoryorder": "array", "categoryarray": layers},
        },
    )
