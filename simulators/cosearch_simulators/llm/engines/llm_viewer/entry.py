"""LLM-Viewer's rules: one device, a roofline for each operator, nothing causal, nothing shared out.

Kept as they are there: the classifier counts one operation a product and no batch, prompts load queries by
the number of KV heads, flash attention ignores grouped queries and sizes its output by the length,
activations of the feed-forward part are sized by the hidden width, and every model has three matrices.
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

UNITS = {
    "ttft_ms": "ms",
    "tpot_ms": "ms",
    "prefill_gflop": "1e9",
    "step_gflop": "1e9",
    "prefill_gb": "GB",
    "step_gb": "GB",
    "memory_gb": "GB",
    "step_memory_gb": "GB",
}
"""By metric: a prompt of the whole batch, a step with `prompt` tokens of context, their operations, their
traffic, and what each holds."""


@dataclass(frozen=True)
class Settings:
    """What LLM-Viewer asks beside; numbers, or columns.

    Attributes:
        weight_bytes: of a weight.
        activation_bytes: of an activation.
        on_chip_bytes: of the buffer that flash attention works in.
        flash: whether attention is flash attention, 0 or 1.
    """

    weight_bytes: Any = 2.0
    activation_bytes: Any = 2.0
    on_chip_bytes: Any = 27648000.0
    flash: Any = 0.0


@dataclass(frozen=True)
class _Operator:
    """Operations, and bytes by what they are of; `count`: how often."""

    operations: Any
    weight: Any = 0.0
    load: Any = 0.0
    store: Any = 0.0
    load_cache: Any = 0.0
    store_cache: Any = 0.0

    @property
    def traffic(self) -> Any:
        return self.weight + self.load + self.store + self.load_cache + self.store_cache


def evaluate(model: Model, platform: Platform, serving: Serving, settings: Settings | None = None) -> Result:
    """LLM-Viewer's times of each design; a vocabulary of 0 has no classifier (DiT).

    Args:
        model: numbers, or columns of one length; full attention, dense.
        platform: as model; `int8` computes where weights, activations and cache have at most 8 bits.
        serving: as model.
        settings: as model.
    """
    given = settings or Settings()
    xp = namespace_of(model, platform, serving, given)
    m, p = as_columns(xp, model), as_columns(xp, platform)
    s, o = as_columns(xp, serving), as_columns(xp, given)
    found: dict[str, Any] = {}
    for name, latency, tokens in (
        ("prefill", "ttft_ms", s.prompt),
        ("step", "tpot_ms", xp.ones_like(s.prompt)),
    ):
        stage = _stage(xp, m, p, s, o, tokens)
        found[latency] = stage["seconds"] * 1e3
        found[f"{name}_gflop"] = stage["operations"] / 1e9
        found[f"{name}_gb"] = stage["traffic"] / 1e9
        found["memory_gb" if name == "prefill" else "step_memory_gb"] = stage["memory"] / 1e9
    size = max(value.shape[0] for one in (m, p, s, o) for value in vars(one).values())
    columns = {name: np.broadcast_to(np.asarray(value), size) for name, value in found.items()}
    return Result.of(columns, np.full(size, "", object))


def _stage(xp: Any, m: Model, p: Platform, s: Serving, o: Settings, queries: Any) -> dict[str, Any]:
    """Totals of a pass of `queries` tokens of each sequence."""
    small = (o.weight_bytes <= 1) & (o.activation_bytes <= 1) & (s.kv_bytes <= 1)
    peak = xp.where(small, p.int8, p.bf16)
    tokens = s.batch * queries
    kv_width = m.hidden * m.kv_heads / m.heads
    linear = [
        _linear(o, m.hidden, m.hidden, tokens),
        *(_linear(o, m.hidden, kv_width, tokens, s.kv_bytes),) * 2,
        _linear(o, m.hidden, m.hidden, tokens),
        *(_linear(o, m.hidden, m.ffn, tokens),) * 2,
        _linear(o, m.ffn, m.hidden, tokens),
    ]
    each = tokens * m.hidden
    bytes_of_each = each * o.activation_bytes
    elementwise = [
        *(_Operator(7.0 * each, load=bytes_of_each, store=bytes_of_each),) * 2,
        *(_Operator(each, load=bytes_of_each, store=bytes_of_each),) * 2,
        _Operator(2.0 * each, load=2.0 * bytes_of_each, store=bytes_of_each),
    ]
    plain, fused = _attention(xp, m, s, o, queries)
    flash = o.flash > 0

    def total(field: str) -> Any:
        attention = xp.where(
            flash, getattr(fused, field) + zero, sum(getattr(one, field) for one in plain) + zero
        )
        return sum(getattr(one, field) for one in (*linear, *elementwise)) + attention

    def seconds(one: _Operator) -> Any:
        return xp.maximum(one.operations / peak, one.traffic / p.bandwidth)

    zero = xp.zeros_like(each * o.flash * p.bandwidth)
    layers = m.full_layers
    attention = xp.where(flash, seconds(fused), sum(seconds(one) for one in plain))
    layer = sum(seconds(one) for one in (*linear, *elementwise)) + attention
    head = _Operator(
        s.batch * m.hidden * m.vocabulary,
        weight=m.hidden * m.vocabulary * o.weight_bytes,
        load=xp.where(m.vocabulary > 0, m.hidden, zero) * o.activation_bytes,
        store=m.vocabulary * o.activation_bytes,
    )
    cached = 2.0 * kv_width * s.prompt * s.batch * s.kv_bytes
    return {
        "seconds": layer * layers + seconds(head),
        "operations": total("operations") * layers + head.operations,
        "traffic": total("traffic") * layers + head.traffic,
        "memory": (sum(one.weight for one in linear) + cached) * layers + total("store"),
    }


def _linear(o: Settings, inner: Any, outer: Any, tokens: Any, cached_bytes: Any = None) -> _Operator:
    """A projection; its result goes to the cache where it has `cached_bytes`."""
    written = outer * tokens
    return _Operator(
        2.0 * inner * outer * tokens,
        weight=inner * outer * o.weight_bytes,
        load=inner * tokens * o.activation_bytes,
        store=written * o.activation_bytes if cached_bytes is None else 0.0,
        store_cache=0.0 if cached_bytes is None else written * cached_bytes,
    )


def _attention(xp: Any, m: Model, s: Serving, o: Settings, queries: Any) -> tuple[list[_Operator], _Operator]:
    """Scores, weighted sum and softmax as three operators, and as flash attention."""
    size, length, a = m.hidden / m.heads, s.prompt, o.activation_bytes
    prompt = queries is s.prompt
    products = 2.0 * queries * length * size * m.heads * s.batch
    scores = queries * length * s.batch * m.heads
    cache = length * size * s.batch * m.kv_heads * s.kv_bytes
    queried = queries * size * s.batch * a
    plain = [
        _Operator(
            products, load=queried * (m.kv_heads if prompt else m.heads), store=scores * a, load_cache=cache
        ),
        _Operator(products, load=scores * a, store=queried * m.heads, load_cache=cache),
        _Operator(5.0 * scores, load=scores * a, store=scores * a),
    ]
    block = xp.minimum(xp.ceil(o.on_chip_bytes / (s.kv_bytes * size)), size)
    passes = xp.ceil(queries / block)
    fused = _Operator(
        2.0 * products + 5.0 * scores,
        load=queried * m.heads,
        store=2.0 * scores * a,
        load_cache=passes * length * size * s.batch * m.heads * s.kv_bytes * 2.0,
    )
    return plain, fused
