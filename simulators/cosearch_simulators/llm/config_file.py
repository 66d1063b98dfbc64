"""A model from the `config.json` of a Hugging Face repository, on disk."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cosearch_simulators.bounded_files import read_text
from cosearch_simulators.bounded_json import parse_json
from cosearch_simulators.core.names import unknown
from cosearch_simulators.core.numbers import number
from cosearch_simulators.errors import ConfigurationError
from cosearch_simulators.llm.models import Model

DENSE = (
    "llama", "mistral", "qwen2", "qwen3", "gemma", "gemma2", "gemma3_text", "phi3", "starcoder2", "opt",
    "gpt2", "lfm2",
)  # fmt: skip
SPARSE = ("mixtral", "qwen2_moe", "qwen3_moe", "gpt_oss", "minimax_m2")
LATENT = ("deepseek_v2", "deepseek_v3", "kimi_k2")
GPT2 = {
    "num_hidden_layers": "n_layer",
    "hidden_size": "n_embd",
    "num_attention_heads": "n_head",
    "max_position_embeddings": "n_positions",
}
"""Names of today, and GPT-2's for the same."""

TIED = ("opt", "gpt2", "lfm2")
"""Whose classifier is the embedding unless the file says otherwise."""

PLAIN = ("starcoder2", "opt", "gpt2")
"""Feed-forward parts without a gate."""

TYPES = (*DENSE, *SPARSE, *LATENT)
"""Values of `model_type` that are read."""


def read_config(path: Path) -> Model:
    """The model that a `config.json` describes.

    Raises:
        ConfigurationError: the file cannot be read, or its `model_type` or a number is none that is known.
    """
    try:
        found = parse_json(read_text(path))
    except OSError as error:
        raise ConfigurationError(f"cannot read {path}: {error.strerror}") from error
    except ValueError as error:
        raise ConfigurationError(f"{path} is not JSON: {error}") from error
    if not isinstance(found, dict):
        raise ConfigurationError(f"{path}: expected an object, got {type(found).__name__}")
    inner = found.get("text_config")
    config = found | inner if isinstance(inner, dict) else found
    kind = config.get("model_type")
    if kind == "gpt2":
        config = config | {name: config.get(old) for name, old in GPT2.items()}
    if kind not in TYPES:
        raise ConfigurationError(f"{path}: {unknown('model_type', kind, TYPES)}")
    model = _described(config, str(kind), path)
    if model.heads % model.kv_heads:
        raise ConfigurationError(
            f"{path}: {model.heads:g} heads do not share {model.kv_heads:g} KV heads evenly"
        )
    if model.top_k > model.experts:
        raise ConfigurationError(f"{path}: top_k {model.top_k:g} is above experts {model.experts:g}")
    return model


def _described(config: Mapping[str, Any], kind: str, path: Path) -> Model:
    def of(*names: str, default: float | None = None, least: float = 1.0) -> float:
        for name in names:
            if config.get(name) is not None:
                return number(f"{path}: {name}", config[name], least)
        if default is None:
            raise ConfigurationError(f"{path} has no {names[0]}")
        return default

    layers, hidden, heads = of("num_hidden_layers"), of("hidden_size"), of("num_attention_heads")
    kv_heads = of("num_key_value_heads", default=heads)
    sparse = kind in SPARSE or kind in LATENT
    expert_layers = 0.0
    if sparse:
        first = of("first_k_dense_replace", default=0.0, least=0.0)
        expert_layers = layers - first
    shared = of("n_shared_experts", default=0.0, least=0.0) * of("moe_intermediate_size", default=0.0)
    shared = of("shared_expert_intermediate_size", default=shared, least=0.0)
    window, windowed = _windowed(config, layers, of)
    convolutions = _convolutions(config, layers, path) if kind == "lfm2" else 0.0
    latent = kind in LATENT
    return Model(
        vocabulary=of("vocab_size"),
        hidden=hidden,
        full_layers=0.0 if latent else layers - windowed - convolutions,
        window_layers=0.0 if latent else windowed,
        window=window,
        heads=heads,
        kv_heads=kv_heads,
        head_size=of("head_dim", default=hidden / heads),
        dense_layers=layers - expert_layers,
        ffn=of("intermediate_size", "ffn_dim", "n_inner", default=4.0 * hidden if kind in PLAIN else 0.0)
        if layers > expert_layers
        else 0.0,
        matrices=2.0 if kind in PLAIN else 3.0,
        expert_layers=expert_layers,
        experts=of("num_local_experts", "n_routed_experts", "num_experts", default=None if sparse else 1.0),
        top_k=of("num_experts_per_tok", default=None if sparse else 1.0),
        expert_ffn=of("moe_intermediate_size", "intermediate_size") if sparse else 0.0,
        shared_ffn=shared if sparse else 0.0,
        latent_layers=layers if latent else 0.0,
        query_rank=of("q_lora_rank", default=hidden) if latent else 0.0,
        kv_rank=of("kv_lora_rank") if latent else 0.0,
        rope_size=of("qk_rope_head_dim") if latent else 0.0,
        nope_size=of("qk_nope_head_dim") if latent else 0.0,
        value_size=of("v_head_dim") if latent else 0.0,
        recurrent_layers=convolutions,
        recurrent_in=3.0 * hidden if convolutions else 0.0,
        recurrent_out=hidden if convolutions else 0.0,
        recurrent_state=of("conv_L_cache", default=3.0) * hidden if convolutions else 0.0,
        tied=float(bool(config.get("tie_word_embeddings", kind.startswith("gemma") or kind in TIED))),
        longest=of("max_position_embeddings", default=131072.0),
    )


def _convolutions(config: Mapping[str, Any], layers: float, path: Path) -> float:
    """Layers of LFM2 that are gated short convolutions."""
    kinds = config.get("layer_types")
    if isinstance(kinds, list):
        return float(sum(kind == "conv" for kind in kinds))
    attention = config.get("full_attn_idxs")
    if isinstance(attention, list):
        return layers - len(attention)
    raise ConfigurationError(f"{path} has neither layer_types nor full_attn_idxs")


def _windowed(config: Mapping[str, Any], layers: float, of: Any) -> tuple[float, float]:
    """The window, and how many layers have it."""
    window = of("sliding_window", default=0.0, least=0.0)
    if not window or config.get("use_sliding_window") is False:
        return 0.0, 0.0
    kinds = config.get("layer_types")
    if isinstance(kinds, list):
        return window, float(sum(kind == "sliding_attention" for kind in kinds))
    if config.get("model_type") == "gemma2":
        return window, layers // 2
    if config.get("model_type") == "gemma3_text":
        every = of("sliding_window_pattern", "_sliding_window_pattern", default=6.0)
        return window, layers - layers // every
    return window, layers
