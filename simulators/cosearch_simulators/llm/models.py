"""Published language models as numbers, each from the `config.json` of the repository on huggingface.co.

Names are those of the repositories, each to be held against its `config.json`; GPT-3 is of its paper's table
2.1 (arXiv 2005.14165). A model is a mix of layers: what mixes tokens (full or windowed attention with grouped
queries, latent attention, a recurrent layer) and what widens them (dense, or a mixture of experts).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from cosearch_simulators.core.names import unknown
from cosearch_simulators.errors import ConfigurationError


@dataclass(frozen=True)
class Model:
    """A decoder-only model, or columns of them: every field a number, or an array of one length.

    Attributes:
        vocabulary: tokens.
        hidden: width of the residual stream.
        full_layers: layers with attention on the whole context.
        window_layers: layers with attention on `window` tokens.
        window: tokens that a windowed layer sees.
        heads: query heads.
        kv_heads: key and value heads.
        head_size: of queries, keys and values.
        dense_layers: layers with a dense feed-forward part.
        ffn: its width.
        matrices: of a feed-forward part: 3 with a gate, 2 without.
        expert_layers: layers with a mixture of experts.
        experts: of a layer.
        top_k: experts of a token.
        expert_ffn: width of an expert.
        shared_ffn: width of what all tokens pass beside their experts.
        latent_layers: layers with latent attention (`heads` are theirs).
        query_rank: latent size of queries.
        kv_rank: latent size of keys and values, which is cached.
        rope_size: of the rotary part of a key, cached beside it.
        nope_size: of the other part of a head's key.
        value_size: of a head's value.
        recurrent_layers: layers with a state in place of a cache: SSM, linear attention, short convolution.
        recurrent_in: width of their input projections.
        recurrent_out: width of what is projected back.
        recurrent_state: numbers of the state of a sequence and layer.
        tied: whether the embedding is the classifier too, 0 or 1.
        longest: tokens of context.
    """

    vocabulary: Any = 32000.0
    hidden: Any = 4096.0
    full_layers: Any = 0.0
    window_layers: Any = 0.0
    window: Any = 0.0
    heads: Any = 32.0
    kv_heads: Any = 32.0
    head_size: Any = 128.0
    dense_layers: Any = 0.0
    ffn: Any = 0.0
    matrices: Any = 3.0
    expert_layers: Any = 0.0
    experts: Any = 1.0
    top_k: Any = 1.0
    expert_ffn: Any = 0.0
    shared_ffn: Any = 0.0
    latent_layers: Any = 0.0
    query_rank: Any = 0.0
    kv_rank: Any = 0.0
    rope_size: Any = 0.0
    nope_size: Any = 0.0
    value_size: Any = 0.0
    recurrent_layers: Any = 0.0
    recurrent_in: Any = 0.0
    recurrent_out: Any = 0.0
    recurrent_state: Any = 0.0
    tied: Any = 0.0
    longest: Any = 131072.0


def dense(
    vocabulary: int,
    hidden: int,
    layers: int,
    heads: int,
    kv_heads: int,
    head_size: int,
    ffn: int,
    *,
    windowed: int = 0,
    window: int = 0,
    matrices: int = 3,
    tied: bool = False,
    longest: int = 131072,
) -> Model:
    """A model with dense feed-forward parts; `windowed` of its layers see `window` tokens."""
    return Model(
        vocabulary=float(vocabulary),
        hidden=float(hidden),
        full_layers=float(layers - windowed),
        window_layers=float(windowed),
        window=float(window),
        heads=float(heads),
        kv_heads=float(kv_heads),
        head_size=float(head_size),
        dense_layers=float(layers),
        ffn=float(ffn),
        matrices=float(matrices),
        tied=float(tied),
        longest=float(longest),
    )


def sparse(
    vocabulary: int,
    hidden: int,
    layers: int,
    heads: int,
    kv_heads: int,
    head_size: int,
    experts: int,
    top_k: int,
    expert_ffn: int,
    **others: float,
) -> Model:
    """A model whose layers all have experts and, unless said otherwise, full attention."""
    fields = {
        "vocabulary": vocabulary,
        "hidden": hidden,
        "full_layers": layers,
        "heads": heads,
        "kv_heads": kv_heads,
        "head_size": head_size,
        "expert_layers": layers,
        "experts": experts,
        "top_k": top_k,
        "expert_ffn": expert_ffn,
    } | others
    return Model(**{name: float(value) for name, value in fields.items()})


def _latent(
    vocabulary: int,
    hidden: int,
    layers: int,
    heads: int,
    dense_layers: int,
    ffn: int,
    experts: int,
    **others: float,
) -> Model:
    """A model of DeepSeek-V3's kind: latent attention, 8 experts of width 2048 and a shared one."""
    fields = {
        "query_rank": 1536.0,
        "kv_rank": 512.0,
        "rope_size": 64.0,
        "nope_size": 128.0,
        "value_size": 128.0,
        "full_layers": 0.0,
        "latent_layers": layers,
        "expert_layers": layers - dense_layers,
        "dense_layers": dense_layers,
        "ffn": ffn,
        "shared_ffn": 2048,
    } | others
    return sparse(vocabulary, hidden, layers, heads, heads, 128, experts, 8, 2048, **fields)


MODELS: dict[str, Model] = {
    "llama-2-7b": dense(32000, 4096, 32, 32, 32, 128, 11008, longest=4096),
    "llama-2-13b": dense(32000, 5120, 40, 40, 40, 128, 13824, longest=4096),
    "llama-2-70b": dense(32000, 8192, 80, 64, 8, 128, 28672, longest=4096),
    "llama-3.1-8b": dense(128256, 4096, 32, 32, 8, 128, 14336),
    "llama-3.1-70b": dense(128256, 8192, 80, 64, 8, 128, 28672),
    "llama-3.1-405b": dense(128256, 16384, 126, 128, 8, 128, 53248),
    "llama-3.2-1b": dense(128256, 2048, 16, 32, 8, 64, 8192, tied=True),
    "llama-3.2-3b": dense(128256, 3072, 28, 24, 8, 128, 8192, tied=True),
    "mistral-7b": dense(32000, 4096, 32, 32, 8, 128, 14336, windowed=32, window=4096, longest=32768),
    "mixtral-8x7b": sparse(32000, 4096, 32, 32, 8, 128, 8, 2, 14336, longest=32768),
    "mixtral-8x22b": sparse(32768, 6144, 56, 48, 8, 128, 8, 2, 16384, longest=65536),
    "qwen2.5-0.5b": dense(151936, 896, 24, 14, 2, 64, 4864, tied=True, longest=32768),
    "qwen2.5-7b": dense(152064, 3584, 28, 28, 4, 128, 18944),
    "qwen2.5-72b": dense(152064, 8192, 80, 64, 8, 128, 29568),
    "qwen3-0.6b": dense(151936, 1024, 28, 16, 8, 128, 3072, tied=True, longest=40960),
    "qwen3-8b": dense(151936, 4096, 36, 32, 8, 128, 12288, longest=40960),
    "qwen3-32b": dense(151936, 5120, 64, 64, 8, 128, 25600, longest=40960),
    "qwen3-30b-a3b": sparse(151936, 2048, 48, 32, 4, 128, 128, 8, 768, longest=262144),
    "qwen3-235b-a22b": sparse(151936, 4096, 94, 64, 4, 128, 128, 8, 1536, longest=262144),
    "qwen3.5-397b-a17b": sparse(
        248320,
        4096,
        60,
        32,
        2,
        256,
        512,
        10,
        1024,
        full_layers=15,
        shared_ffn=1024,
        recurrent_layers=45,
        recurrent_in=20608,
        recurrent_out=8192,
        recurrent_state=64 * 128 * 128,
        longest=262144,
    ),
    "gemma-2-9b": dense(
        256000, 3584, 42, 16, 8, 256, 14336, windowed=21, window=4096, tied=True, longest=8192
    ),
    "gemma-3-27b": dense(262208, 5376, 62, 32, 16, 128, 21504, windowed=52, window=1024, tied=True),
    "phi-3-mini": dense(32064, 3072, 32, 32, 32, 96, 8192, longest=131072),
    "gpt-3": dense(50257, 12288, 96, 96, 96, 128, 49152, matrices=2, tied=True, longest=2048),
    "opt-13b": dense(50272, 5120, 40, 40, 40, 128, 20480, matrices=2, tied=True, longest=2048),
    "opt-66b": dense(50272, 9216, 64, 72, 72, 128, 36864, matrices=2, tied=True, longest=2048),
    "opt-175b": dense(50272, 12288, 96, 96, 96, 128, 49152, matrices=2, tied=True, longest=2048),
    "bloom-176b": dense(250880, 14336, 70, 112, 112, 128, 57344, matrices=2, tied=True, longest=16384),
    "gpt-oss-20b": sparse(
        201088, 2880, 24, 64, 8, 64, 32, 4, 2880, full_layers=12, window_layers=12, window=128
    ),
    "gpt-oss-120b": sparse(
        201088, 2880, 36, 64, 8, 64, 128, 4, 2880, full_layers=18, window_layers=18, window=128
    ),
    "minimax-m2.5": sparse(200064, 3072, 62, 48, 8, 128, 256, 8, 1536, longest=196608),
    "deepseek-v3": _latent(129280, 7168, 61, 128, 3, 18432, 256, longest=163840),
    "kimi-k2": _latent(163840, 7168, 61, 64, 1, 18432, 384, longest=262144),
    "glm-5": _latent(
        154880, 6144, 78, 64, 3, 12288, 256, query_rank=2048, nope_size=192, value_size=256, longest=202752
    ),
    "lfm2-1.2b": Model(
        vocabulary=65536.0,
        hidden=2048.0,
        full_layers=6.0,
        heads=32.0,
        kv_heads=8.0,
        head_size=64.0,
        dense_layers=16.0,
        ffn=8192.0,
        recurrent_layers=10.0,
        recurrent_in=6144.0,
        recurrent_out=2048.0,
        recurrent_state=3 * 2048.0,
        tied=1.0,
        longest=128000.0,
    ),
}
"""By name; deepseek-v3 is DeepSeek-R1 too, kimi-k2 is Kimi K2.5's language model."""


def nested(model: Model, share: Any) -> Model:
    """A sub-model of a checkpoint: the first `share` of its feed-forward parts (MatFormer, arXiv 2310.07707).

    Raises:
        ConfigurationError: the share is not above 0 and at most 1.
    """
    if not (np.all(np.asarray(share) > 0) and np.all(np.asarray(share) <= 1)):
        raise ConfigurationError(f"share must be above 0 and at most 1, got {share}")
    return replace(model, ffn=model.ffn * share, expert_ffn=model.expert_ffn * share)


def model_named(name: str) -> Model:
    """A published model.

    Raises:
        ConfigurationError: there is none of that name.
    """
    if name not in MODELS:
        raise ConfigurationError(unknown("model", name, MODELS))
    return MODELS[name]


def parameters(model: Model) -> Any:
    """Number of weights, those of all experts included."""
    query = model.hidden * model.heads * model.head_size
    attention = 2 * query + 2 * model.hidden * model.kv_heads * model.head_size
    latent = model.hidden * (model.query_rank + model.kv_rank + model.rope_size)
    latent = latent + model.query_rank * model.heads * (model.nope_size + model.rope_size)
    latent = latent + model.kv_rank * model.heads * (model.nope_size + model.value_size)
    latent = latent + model.heads * model.value_size * model.hidden
    recurrent = model.hidden * (model.recurrent_in + model.recurrent_out)
    wide = model.matrices * model.hidden * model.ffn
    experts = model.matrices * model.hidden * (model.experts * model.expert_ffn + model.shared_ffn)
    embedding = (2.0 - model.tied) * model.vocabulary * model.hidden
    return (
        embedding
        + attention * (model.full_layers + model.window_layers)
        + latent * model.latent_layers
        + recurrent * model.recurrent_layers
        + wide * model.dense_layers
        + (experts + model.hidden * model.experts) * model.expert_layers
    )
