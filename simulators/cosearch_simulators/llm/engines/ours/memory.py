"""What a device must hold: weights, the cache of its sequences, and room to work in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from cosearch_simulators.llm.common.cache import cache_of_sequence
from cosearch_simulators.llm.models import Model, parameters
from cosearch_simulators.llm.platforms import Platform
from cosearch_simulators.llm.serving import Serving

USABLE = 0.9
"""Of the capacity: vLLM's default `gpu_memory_utilization`."""

STEP_TOKENS = 8192.0
"""Tokens of a step whose activations are held: vLLM's default `max_num_batched_tokens` on large devices."""


@dataclass(frozen=True)
class Memory:
    """Bytes on one device, by kind; `fits` is the number of requests of a replica that have room.

    `streamed` are weights that lie in the host's memory and come over its link in each step.
    """

    weights: Any
    cache: Any
    workspace: Any
    usable: Any
    fits: Any
    streamed: Any


def memory(
    xp: Any, model: Model, platform: Platform, serving: Serving, weight: Any, expert_weight: Any
) -> Memory:
    """Bytes of each kind on one device of a replica.

    Args:
        xp: the array namespace.
        model: columns.
        platform: columns.
        serving: columns.
        weight: bytes of a weight that is no expert's.
        expert_weight: bytes of an expert's weight.
    """
    routed = model.matrices * model.hidden * model.experts * model.expert_ffn * model.expert_layers
    others = parameters(model) - routed
    ranks = serving.tp * serving.attention_dp
    # Embedding and classifier stay in 16 bits.
    embedding = (2.0 - model.tied) * model.vocabulary * model.hidden
    weights = ((others - embedding) * weight + embedding * 2.0) / serving.tp + routed * expert_weight / ranks
    weights = weights / serving.pp
    one = cache_of_sequence(xp, model, serving, serving.prompt + serving.output) / serving.pp
    each = serving.batch / serving.attention_dp
    widest = xp.maximum(model.ffn, model.expert_ffn * model.top_k) / serving.tp
    workspace = STEP_TOKENS * 2.0 * (4.0 * model.hidden + 2.0 * widest) + 1e9
    usable = USABLE * platform.memory_bytes
    # What an offloading deployment has no room for is left with the host, as far as it is weights.
    over = weights + one * each + workspace - usable
    over = xp.minimum(xp.maximum(over, xp.zeros_like(over)), weights)
    streamed = xp.where(serving.offload > 0.5, over, xp.zeros_like(over))
    weights = weights - streamed
    fits = xp.floor((usable - weights - workspace) / one) * serving.attention_dp
    return Memory(weights, one * each, workspace, usable, xp.maximum(fits, xp.zeros_like(fits)), streamed)
