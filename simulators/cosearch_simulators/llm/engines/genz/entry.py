"""GenZ's rules: attention is not causal, the embedding is a product, no norms or softmax, no overlap.

Prompts: attention sees all tokens, scores stay on chip, and the classifier sees every token. Decoding: only
weights and cache cross the memory's pins. A step reads the experts of one token, whatever the batch.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from cosearch_simulators.core.result import Result
from cosearch_simulators.llm.common.columns import as_columns, namespace_of
from cosearch_simulators.llm.models import Model
from cosearch_simulators.llm.platforms import Platform
from cosearch_simulators.llm.serving import Serving

GIB = float(1 << 30)
UNITS = {
    "ttft_ms": "ms",
    "tpot_ms": "ms",
    "first_step_ms": "ms",
    "weights_gib": "GiB",
    "cache_gib": "GiB",
    "required_gib": "GiB",
    "requests_per_s": "1/s",
}
"""By metric: a prompt of the whole batch, a step at prompt + output and at prompt tokens of context, what the
decode step holds, and batch over its latency (micro-batches of a pipeline follow each other at no cost)."""


@dataclass(frozen=True)
class Settings:
    """What GenZ knows of a platform beside rates; numbers, or columns.

    Attributes:
        link_latency_s: of a hop.
        compute_share: of the peak that is reached.
        memory_share: of the bandwidth that is reached.
        on_chip: bytes a second of the memory on chip.
        offload: whether what does not fit may lie in the host's memory, 0 or 1.
        offload_bandwidth: bytes a second to there.
    """

    link_latency_s: Any = 1e-6
    compute_share: Any = 0.8
    memory_share: Any = 0.8
    on_chip: Any = 18000 * GIB
    offload: Any = 0.0
    offload_bandwidth: Any = 128 * GIB


@dataclass(frozen=True)
class _Stage:
    """What the operators of a stage share."""

    xp: Any
    rate: Any
    memory: Any
    chip: Any
    size: Any

    def time(self, macs: Any, off_chip: Any, on_chip: Any) -> Any:
        """Seconds of an operator; one without arithmetic costs nothing."""
        found = self.xp.maximum(
            2.0 * macs / self.rate, off_chip * self.size / self.memory + on_chip * self.size / self.chip
        )
        return self.xp.where(macs > 0, found, self.xp.zeros_like(found))


def evaluate(model: Model, platform: Platform, serving: Serving, settings: Settings | None = None) -> Result:
    """GenZ's latencies of each design; `serving.kv_bytes` is the size of every number, 4, 2, 1 or 0.5.

    Args:
        model: numbers, or columns of one length; full attention, dense or with experts.
        platform: as model; rates, bandwidths and capacity as GenZ takes them (its GB are 2^30 bytes).
        serving: as model.
        settings: as model.
    """
    given = settings or Settings()
    xp = namespace_of(model, platform, serving, given)
    m, p = as_columns(xp, model), as_columns(xp, platform)
    s, o = as_columns(xp, serving), as_columns(xp, given)
    micro = xp.clip(xp.floor(s.batch / s.pp), 1.0, None)
    stages = {
        "ttft": _stage(xp, m, p, s, o, micro, None),
        "tpot": _stage(xp, m, p, s, o, micro, s.output),
        "first_step": _stage(xp, m, p, s, o, micro, xp.zeros_like(s.output)),
    }
    weights, cache = (stages["tpot"][name] for name in ("weights", "cache"))
    latency = stages["tpot"]["seconds"]
    found = {f"{name}_ms": stage["seconds"] * 1e3 for name, stage in stages.items()} | {
        "weights_gib": weights / GIB,
        "cache_gib": cache / GIB,
        "required_gib": stages["tpot"]["required"] / GIB,
        "requests_per_s": s.batch / latency,
    }
    size = max(value.shape[0] for one in (m, p, s, o) for value in vars(one).values())
    columns = {name: np.broadcast_to(np.asarray(value), size) for name, value in found.items()}
    reasons = np.full(size, "", object)
    capacity = np.broadcast_to(np.asarray(p.memory_bytes), size)
    for stage in stages.values():
        required = np.broadcast_to(np.asarray(stage["required"]), size)
        bad = (required > capacity) & (np.broadcast_to(np.asarray(o.offload), size) == 0)
        for row in np.flatnonzero(bad & (reasons == "")):
            reasons[row] = f"needs {required[row] / GIB:.1f} GiB on a device, has {capacity[row] / GIB:.1f}"
    return Result.of(columns, reasons)


def _stage(
    xp: Any, m: Model, p: Platform, s: Serving, o: Settings, batch: Any, generated: Any
) -> dict[str, Any]:
    """Seconds of a prompt (`generated` None) or of a step, and bytes held, on one device."""
    prompt = generated is None
    ranks = s.tp * s.ep
    context = s.prompt if prompt else s.prompt + generated
    heads = xp.clip(xp.ceil(m.heads / ranks), 1.0, None)
    kv_heads = xp.clip(xp.ceil(m.kv_heads / ranks), 1.0, None)
    rows = batch * s.prompt if prompt else batch
    weights = _weights(xp, m, s, heads, kv_heads, prompt)
    cache = m.full_layers * 2.0 * batch * kv_heads * m.head_size * context * s.kv_bytes
    held = weights["all"] * s.kv_bytes
    required = (held + cache) / s.pp
    bandwidth = _bandwidth(xp, p, o, required)
    stage = _Stage(
        xp,
        p.bf16 * 2.0 / s.kv_bytes * o.compute_share,
        bandwidth * o.memory_share,
        o.on_chip * o.memory_share,
        s.kv_bytes,
    )

    def product(tokens: Any, columns: Any, inner: Any) -> Any:
        activations = tokens * (inner + columns)
        off = inner * columns + (activations if prompt else 0.0)
        return stage.time(tokens * columns * inner, off, 0.0 if prompt else activations)

    def uncached(tokens: Any, columns: Any, inner: Any) -> Any:
        # Classifier and router read and write memory in either stage.
        off = inner * columns + tokens * (inner + columns)
        return stage.time(tokens * columns * inner, off, 0.0 * off)

    width = heads * m.head_size
    layer = product(rows, width + 2.0 * kv_heads * m.head_size, m.hidden) + product(rows, m.hidden, width)
    queries = s.prompt if prompt else 1.0
    for segment in (s.prompt,) if prompt else (s.prompt, generated):
        macs = batch * heads * queries * segment * m.head_size
        query = batch * heads * queries * m.head_size
        keys, scores = batch * kv_heads * segment * m.head_size, batch * heads * queries * segment
        layer = layer + 2.0 * stage.time(
            macs, keys + (query if prompt else 0.0), scores + (0.0 if prompt else query)
        )
    layer = layer + _feed_forward(xp, m, s, batch, rows, (product, uncached), prompt)
    reduce, gather, exchange, hop = _collectives(xp, p, s, o)
    payload = rows * m.hidden
    sparse = m.experts > 1
    layer = layer + reduce(ranks, payload) + reduce(s.tp, payload)
    gate = reduce(s.tp, rows * (m.experts if prompt else m.hidden)) + 2.0 * exchange(s.ep, payload * m.top_k)
    layer = layer + xp.where(sparse, gate, xp.zeros_like(gate))
    vocabulary = xp.floor(m.vocabulary / ranks)
    ends = gather(ranks, rows * m.vocabulary) + uncached(rows, vocabulary, m.hidden)
    if prompt:
        ends = ends + product(rows, m.hidden, vocabulary) + reduce(ranks, payload)
    seconds = m.full_layers * layer + ends + (s.pp - 1.0) * hop(payload)
    return {"seconds": seconds, "weights": held, "cache": cache, "required": required}


def _bandwidth(xp: Any, p: Platform, o: Settings, required: Any) -> Any:
    """Bytes a second when what does not fit comes over the host's link."""
    inside = xp.minimum(required, p.memory_bytes) / p.bandwidth
    outside = xp.clip(required - p.memory_bytes, 0.0, None) / o.offload_bandwidth
    return xp.where(required > p.memory_bytes, required / xp.maximum(inside, outside), p.bandwidth)


def _local(xp: Any, m: Model, s: Serving) -> Any:
    """Experts of a rank."""
    return xp.ceil(m.experts / s.ep)


def _widths(m: Model, s: Serving) -> tuple[Any, Any]:
    """Of a dense part or an expert on this rank: the up projections together, and the inner width."""
    inner = (m.ffn + m.expert_ffn) / s.tp
    return (m.matrices - 1.0) * inner, inner


def _weights(xp: Any, m: Model, s: Serving, heads: Any, kv_heads: Any, prompt: bool) -> dict[str, Any]:
    up, inner = _widths(m, s)
    attention = m.hidden * m.head_size * (2.0 * heads + 2.0 * kv_heads)
    sparse = m.experts > 1
    gate = xp.where(sparse, xp.floor(m.hidden / s.tp) * m.experts, xp.zeros_like(m.experts * s.tp))
    feed = _local(xp, m, s) * m.hidden * (up + inner) + gate
    vocabulary = xp.floor(m.vocabulary / (s.tp * s.ep)) * m.hidden
    return {"all": m.full_layers * (attention + feed) + vocabulary * (2.0 if prompt else 1.0)}


def _feed_forward(xp: Any, m: Model, s: Serving, batch: Any, rows: Any, products: Any, prompt: bool) -> Any:
    product, uncached = products
    up, inner = _widths(m, s)
    plain = product(rows, up, m.hidden) + product(rows, m.hidden, inner)
    if prompt:
        tokens = batch * xp.floor(s.prompt * m.top_k / m.experts)
        used = _local(xp, m, s)
    else:
        tokens = rows
        used = xp.clip(xp.ceil(m.top_k / s.ep), 1.0, None)
    gate = uncached(rows, m.experts, xp.floor(m.hidden / s.tp))
    routed = gate + product(tokens, used * up, m.hidden) + product(tokens, m.hidden, used * inner)
    return xp.where(m.experts > 1, routed, plain)


def _collectives(xp: Any, p: Platform, s: Serving, o: Settings) -> tuple[Any, Any, Any, Any]:
    start = 5e-6

    def alone(members: Any, found: Any) -> Any:
        return xp.where(members > 1, found, xp.zeros_like(found))

    def reduce(members: Any, payload: Any) -> Any:
        moved = 2.0 * (members - 1.0) / members * payload * s.kv_bytes / p.link
        return alone(members, start + 2.0 * (members - 1.0) * o.link_latency_s + moved)

    def gather(members: Any, payload: Any) -> Any:
        moved = (members - 1.0) / members * payload * s.kv_bytes / p.link
        return alone(members, start + (members - 1.0) * o.link_latency_s + moved)

    def hop(payload: Any) -> Any:
        return o.link_latency_s + payload * s.kv_bytes / p.link

    return reduce, gather, gather, hop
