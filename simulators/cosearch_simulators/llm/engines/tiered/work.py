"""What a pass of all layers asks of a machine: weights, cache, arithmetic, small operators, for each rank."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from cosearch_simulators.llm.common.operators import distinct_experts
from cosearch_simulators.llm.models import Model
from cosearch_simulators.llm.serving import Serving

KERNELS = 12.0
"""Operators of a layer where none is fused: norms, projections, rotation, attention's three, gate, sums."""


@dataclass(frozen=True)
class Work:
    """Of one rank, all layers.

    Attributes:
        rows: tokens that every dense weight meets.
        dense: numbers of dense weights that are read.
        experts: numbers of the experts' weights that are read.
        expert_rows: tokens that each of those meets.
        head: numbers of the classifier's weights.
        head_rows: tokens that those meet.
        entries: numbers of keys, values and states that are read.
        queries: rows that each of those meets: query heads of a KV head, times new tokens.
        written: numbers of keys, values and states that are written.
        passed: numbers that operators hand on to each other through memory, unless they are fused.
        vectors: numbers that the vector units work on.
        layers: of all kinds.
    """

    rows: Any
    dense: Any
    experts: Any
    expert_rows: Any
    head: Any
    head_rows: Any
    entries: Any
    queries: Any
    written: Any
    passed: Any
    vectors: Any
    layers: Any


def work_of(xp: Any, model: Model, serving: Serving, sequences: Any, new: Any, past: Any) -> Work:
    """The work of a pass.

    Args:
        xp: the array namespace.
        model: columns.
        serving: columns; split by `tp` alone.
        sequences: that run together.
        new: tokens of each.
        past: tokens of each that are in the cache.
    """
    tp = serving.tp
    tokens = sequences * new
    mixed = model.full_layers + model.window_layers
    query = model.heads * model.head_size
    kv_heads = xp.maximum(model.kv_heads / tp, xp.ones_like(model.kv_heads / tp))
    projections = model.hidden * (2.0 * query / tp + 2.0 * kv_heads * model.head_size)
    latent = model.hidden * (model.query_rank + model.kv_rank + model.rope_size)
    wide_heads = (
        model.heads
        / tp
        * (
            model.query_rank * (model.nope_size + model.rope_size)
            + model.kv_rank * (model.nope_size + model.value_size)
            + model.value_size * model.hidden
        )
    )
    recurrent = model.hidden * (model.recurrent_in + model.recurrent_out) / tp
    dense = (
        mixed * projections
        + model.latent_layers * (latent + wide_heads)
        + model.recurrent_layers * recurrent
        + model.dense_layers * model.matrices * model.hidden * model.ffn / tp
        + model.expert_layers
        * (model.matrices * model.hidden * model.shared_ffn / tp + model.hidden * model.experts)
    )
    chosen = tokens * model.top_k
    touched = distinct_experts(xp, model.experts, chosen, xp.ones_like(chosen))
    expert = model.expert_layers * model.matrices * model.hidden * model.expert_ffn / tp
    # A causal prompt sees half of itself on average.
    seen = past + 0.5 * (new + 1.0)
    inside = xp.minimum(seen, model.window)
    entry = 2.0 * kv_heads * model.head_size
    small = model.kv_rank + model.rope_size
    cache = entry * (model.full_layers * seen + model.window_layers * inside)
    cache = cache + model.latent_layers * small * seen
    state = model.recurrent_layers * model.recurrent_state / tp
    group = xp.where(model.latent_layers > 0, model.heads / tp, model.heads / tp / kv_heads)
    layers = mixed + model.latent_layers + model.recurrent_layers
    widened = model.ffn * (model.dense_layers > 0) + model.shared_ffn + model.top_k * model.expert_ffn
    scores = model.heads / tp * (mixed * seen + model.latent_layers * seen)
    return Work(
        rows=tokens,
        dense=dense,
        experts=touched * expert,
        expert_rows=chosen / xp.maximum(touched, xp.ones_like(touched)),
        head=model.vocabulary * model.hidden / tp,
        head_rows=sequences,
        entries=sequences * (cache + state),
        queries=group * new,
        written=tokens * (entry * mixed + small * model.latent_layers) + sequences * state,
        passed=2.0 * tokens * (layers * 10.0 * model.hidden + layers * 3.0 * widened / tp),
        vectors=tokens * (layers * (10.0 * model.hidden + 3.0 * widened / tp) + 5.0 * scores),
        layers=layers,
    )
