"""Bytes that a sequence keeps between steps: keys, values and states."""

from __future__ import annotations

from typing import Any

from cosearch_simulators.llm.models import Model
from cosearch_simulators.llm.serving import Serving


def cache_of_sequence(xp: Any, model: Model, serving: Serving, tokens: Any) -> Any:
    """Bytes of a sequence's cache and states on one rank of tensor parallelism, all layers."""
    kv_heads = xp.maximum(model.kv_heads / serving.tp, 1.0)
    entry = 2.0 * kv_heads * model.head_size * serving.kv_bytes
    seen = xp.where(model.window > 0, xp.minimum(tokens, model.window), tokens)
    latent = (model.kv_rank + model.rope_size) * serving.kv_bytes
    state = model.recurrent_state / serving.tp * 2.0
    return (
        entry * (model.full_layers * tokens + model.window_layers * seen)
        + latent * model.latent_layers * tokens
        + state * model.recurrent_layers
    )
