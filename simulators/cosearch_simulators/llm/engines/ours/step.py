"""Time of one pass of all layers over a batch: a prefill or a decode step, by what it goes to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cosearch_simulators.llm.common.operators import (
    at_least,
    collective_time,
    context_attention_time,
    experts_time,
    generation_attention_time,
    product_time,
)
from cosearch_simulators.llm.engines.ours import lookup
from cosearch_simulators.llm.models import Model
from cosearch_simulators.llm.platforms import Platform
from cosearch_simulators.llm.serving import Serving

SMALL_KERNELS = 5.0
"""Of them in a layer."""

PARTS = ("products", "attention", "experts", "small", "links")


@dataclass(frozen=True)
class Constants:
    """Every operator's constants, a column each."""

    products: Any
    wide_products: Any
    experts: Any
    context: Any
    generation: Any
    all_reduce: Any
    all_to_all: Any


@dataclass(frozen=True)
class Numbers:
    """What both passes share: constants, and bytes and rates of the precisions."""

    constants: Constants
    weight: Any
    activation: Any
    rate: Any
    expert_weight: Any
    expert_activation: Any
    expert_rate: Any
    any_of: dict[str, bool]
    small_s: Any


def numbers(
    xp: Any, model: Model, platform: Platform, serving: Serving, fitted: Mapping[str, Any]
) -> Numbers:
    """Look up what the designs need; operators that no design of the batch has are left out."""
    family, link = (xp.astype(code, xp.int64) for code in (platform.family, platform.link_kind))
    precision, expert = (xp.astype(code, xp.int64) for code in (serving.precision, serving.expert_precision))
    any_of = {
        name: bool(xp.any(getattr(model, name) > 0))
        for name in ("dense_layers", "expert_layers", "latent_layers", "recurrent_layers", "shared_ffn")
    }
    any_of["attention"] = bool(xp.any(model.full_layers + model.window_layers > 0))
    any_of["window"] = bool(xp.any(model.window_layers > 0))
    any_of["full"] = bool(xp.any(model.full_layers > 0))
    any_of["links"] = bool(xp.any(serving.tp * serving.attention_dp * serving.pp > 1))
    constants = Constants(
        lookup.of_products(xp, precision, family),
        lookup.of_products(xp, xp.zeros_like(precision), family),
        lookup.of_experts(xp, expert, family) if any_of["expert_layers"] else None,
        lookup.of_attention(xp, "context", serving.kv_bytes, family),
        lookup.of_attention(xp, "generation", serving.kv_bytes, family),
        lookup.of_links(xp, "vllm_graph/all_reduce", link),
        lookup.of_links(xp, "nccl/alltoall", link),
    )
    for one in vars(constants).values():
        if one is not None:
            one["fixed_s"] = one["fixed_s"] * fitted["chained"]
    weight, activation, rate = lookup.of_precision(xp, platform, precision)
    expert_weight, expert_activation, expert_rate = lookup.of_precision(xp, platform, expert)
    # A dense model asks nothing of the experts' precision, even of a device without an engine for it.
    expert_rate = xp.where(model.expert_layers > 0, expert_rate, platform.bf16)
    return Numbers(
        constants,
        weight,
        activation,
        rate,
        expert_weight,
        expert_activation,
        expert_rate,
        any_of=any_of,
        small_s=fitted["small_s"],
    )


def step(
    xp: Any,
    model: Model,
    platform: Platform,
    serving: Serving,
    of: Numbers,
    sequences: Any,
    new: Any,
    past: Any,
    prefill: bool,
) -> dict[str, Any]:
    """Seconds of a pass by part, on one rank, all layers.

    Args:
        xp: the array namespace.
        model: columns.
        platform: columns.
        serving: columns.
        of: what `numbers` looked up.
        sequences: of one rank of attention.
        new: tokens of each sequence.
        past: tokens of each that are in the cache.
        prefill: whether `new` are of a prompt.
    """
    tokens = sequences * new
    tp = serving.tp
    zero = xp.zeros_like(tokens * tp * model.hidden * platform.bandwidth)
    shared = {"bandwidth": platform.bandwidth, "cores": platform.cores}
    low = {
        "weight_bytes": of.weight,
        "activation_bytes": of.activation,
        "rate": of.rate,
        "constants": of.constants.products,
    }
    wide = {
        "weight_bytes": 2.0,
        "activation_bytes": 2.0,
        "rate": platform.bf16,
        "constants": of.constants.wide_products,
    }

    def product(rows: Any, columns: Any, inner: Any, count: Any, kind: dict[str, Any] = low) -> Any:
        # An operator that a design does not have still needs sizes above 0: its count makes it nothing.
        sizes = [at_least(xp, size, 1.0) for size in (rows, columns, inner)]
        return count * product_time(xp, sizes[0], sizes[1], sizes[2], **shared, **kind)

    heads = xp.ceil(model.heads / tp)
    kv_heads = xp.maximum(xp.ceil(model.kv_heads / tp), xp.ones_like(heads))
    products, attention, experts = zero, zero, zero
    if of.any_of["attention"]:
        count = model.full_layers + model.window_layers
        width = heads * model.head_size
        products = products + product(tokens, width + 2.0 * kv_heads * model.head_size, model.hidden, count)
        products = products + product(tokens, model.hidden, width, count)
        for layers, window, there in (
            (model.full_layers, xp.zeros_like(model.window), of.any_of["full"]),
            (model.window_layers, model.window, of.any_of["window"]),
        ):
            if there:
                time = _attention(
                    xp,
                    model,
                    platform,
                    serving,
                    of,
                    (sequences, new, past),
                    (heads, kv_heads),
                    window,
                    prefill,
                )
                attention = attention + layers * time
    if of.any_of["latent_layers"]:
        products = products + _latent_products(model, tokens, heads, product)
        attention = attention + model.latent_layers * _latent_attention(
            xp, model, platform, serving, of, sequences, new, past, heads, prefill
        )
    if of.any_of["recurrent_layers"]:
        count = model.recurrent_layers
        products = products + product(tokens, model.recurrent_in / tp, model.hidden, count)
        products = products + product(tokens, model.hidden, model.recurrent_out / tp, count)
        # The state is read and written in each decode step, and for each 64 tokens of a prompt.
        chunks = xp.ceil(new / 64.0) if prefill else 1.0
        moved = sequences * chunks * model.recurrent_state / tp * 8.0
        moved = moved + tokens * (model.recurrent_in + model.recurrent_out) / tp * 4.0
        attention = attention + count * (moved / platform.bandwidth + 4.0 * of.small_s)
    if of.any_of["dense_layers"]:
        width = model.ffn / tp
        products = products + product(
            tokens, (model.matrices - 1.0) * width, model.hidden, model.dense_layers
        )
        products = products + product(tokens, model.hidden, width, model.dense_layers)
    ranks = tp * serving.attention_dp
    all_tokens = tokens * serving.attention_dp
    if of.any_of["expert_layers"]:
        found = of.constants.experts
        split = ranks / serving.ep
        time = experts_time(
            xp,
            all_tokens,
            model.hidden,
            at_least(xp, model.expert_ffn / split, 1.0),
            model.top_k,
            model.experts,
            model.matrices,
            groups=serving.ep,
            skew=found["skew"],
            load=xp.where(serving.ep > 1, found["load"], xp.ones_like(found["load"])),
            weight_bytes=of.expert_weight,
            activation_bytes=of.expert_activation,
            rate=of.expert_rate,
            constants=found,
            **shared,
        )
        experts = experts + model.expert_layers * time
        products = products + product(tokens, model.experts, model.hidden, model.expert_layers, wide)
        if of.any_of["shared_ffn"]:
            width, count = model.shared_ffn / tp, xp.where(model.shared_ffn > 0, model.expert_layers, zero)
            products = products + product(tokens, (model.matrices - 1.0) * width, model.hidden, count)
            products = products + product(tokens, model.hidden, width, count)
    # The classifier sees the last token of a prompt, and all tokens that a step decodes.
    products = products + product(
        sequences if prefill else tokens, model.vocabulary / tp, model.hidden, xp.ones_like(zero), wide
    )
    layers = model.full_layers + model.window_layers + model.latent_layers + model.recurrent_layers
    widened = xp.maximum(model.ffn / tp, model.top_k * model.expert_ffn / ranks)
    moved = tokens * 2.0 * (10.0 * model.hidden + 3.0 * widened)
    small = layers * (SMALL_KERNELS * of.small_s + moved / platform.bandwidth)
    links = _links(xp, model, platform, serving, of, tokens, layers) if of.any_of["links"] else zero
    return {"products": products, "attention": attention, "experts": experts, "small": small, "links": links}


def _attention(
    xp: Any,
    model: Model,
    platform: Platform,
    serving: Serving,
    of: Numbers,
    lengths: tuple[Any, Any, Any],
    heads: tuple[Any, Any],
    window: Any,
    prefill: bool,
) -> Any:
    sequences, new, past = lengths
    shared = {"rate": platform.bf16, "bandwidth": platform.bandwidth, "cores": platform.cores}
    size = model.head_size
    if prefill:
        return context_attention_time(
            xp, sequences, new, past, *heads, size, size, window,
            kv_bytes=serving.kv_bytes, constants=of.constants.context, **shared,
        )  # fmt: skip
    return generation_attention_time(
        xp, sequences, past, new * heads[0], heads[1], 2.0 * size, window,
        entry_bytes=2.0 * size * serving.kv_bytes, constants=of.constants.generation, **shared,
    )  # fmt: skip


def _latent_products(model: Model, tokens: Any, heads: Any, product: Any) -> Any:
    """Down and up projections of queries and keys, and the output; absorbed or not, they cost the same."""
    count = model.latent_layers
    found = product(tokens, model.query_rank + model.kv_rank + model.rope_size, model.hidden, count)
    found = found + product(tokens, heads * (model.nope_size + model.rope_size), model.query_rank, count)
    found = found + product(tokens, heads * (model.nope_size + model.value_size), model.kv_rank, count)
    return found + product(tokens, model.hidden, heads * model.value_size, count)


def _latent_attention(
    xp: Any,
    model: Model,
    platform: Platform,
    serving: Serving,
    of: Numbers,
    sequences: Any,
    new: Any,
    past: Any,
    heads: Any,
    prefill: bool,
) -> Any:
    """Prompts attend with the keys of every head; a decode step on the latent cache, one head for all."""
    shared = {"rate": platform.bf16, "bandwidth": platform.bandwidth, "cores": platform.cores}
    if prefill:
        return context_attention_time(
            xp, sequences, new, past, heads, heads, model.nope_size + model.rope_size, model.value_size,
            xp.zeros_like(model.window), kv_bytes=serving.kv_bytes, constants=of.constants.context, **shared,
        )  # fmt: skip
    entry = model.kv_rank + model.rope_size
    return generation_attention_time(
        xp, sequences, past, new * heads, xp.ones_like(heads), entry + model.kv_rank,
        xp.zeros_like(model.window), entry_bytes=entry * serving.kv_bytes, constants=of.constants.generation,
        **shared,
    )  # fmt: skip


def _links(
    xp: Any, model: Model, platform: Platform, serving: Serving, of: Numbers, tokens: Any, layers: Any
) -> Any:
    """All-reduces of tensor parallelism, the exchange of experts' tokens, the hops of a pipeline."""
    message = tokens * model.hidden * 2.0
    tp, ranks = serving.tp, serving.tp * serving.attention_dp
    bandwidth = xp.where(ranks > platform.node, platform.network, platform.link)
    reduce = of.constants.all_reduce
    after_attention = collective_time(
        xp, tp, message, share=2.0, steps=1.0, bandwidth=bandwidth, constants=reduce
    )
    after_ffn = model.dense_layers * after_attention
    exchanged = xp.where(
        serving.attention_dp > 1,
        2.0
        * collective_time(
            xp,
            ranks,
            message * xp.minimum(model.top_k, ranks),
            share=1.0,
            steps=1.0,
            bandwidth=bandwidth,
            constants=of.constants.all_to_all,
        ),
        after_attention,
    )
    hops = (serving.pp - 1.0) * (message / platform.network + 1e-5)
    return layers * after_attention + after_ffn + model.expert_layers * exchanged + hops
