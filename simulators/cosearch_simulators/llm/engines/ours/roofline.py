"""One design's operators with their operations, traffic and time: what a roofline shows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from cosearch_simulators.llm.common.calibration import serving_constants
from cosearch_simulators.llm.common.columns import as_columns, namespace_of
from cosearch_simulators.llm.common.operators import distinct_experts
from cosearch_simulators.llm.engines.ours.step import numbers, step
from cosearch_simulators.llm.models import Model
from cosearch_simulators.llm.platforms import Platform
from cosearch_simulators.llm.serving import Serving


@dataclass(frozen=True)
class Point:
    """A kind of operator in one stage, all layers, on one rank."""

    stage: str
    name: str
    operations: float
    traffic: float
    seconds: float


@dataclass(frozen=True)
class Roofline:
    """The roof in operations and bytes a second, and the operators."""

    rate: float
    bandwidth: float
    points: tuple[Point, ...]

    def bound(self, point: Point) -> str:
        """What an operator waits for: `compute`, `memory`; `launch` where its floor is not half its time."""
        compute, memory = point.operations / self.rate, point.traffic / self.bandwidth
        if 2.0 * max(compute, memory) < point.seconds:
            return "launch"
        return "compute" if compute > memory else "memory"


def operators_of(model: Model, platform: Platform, serving: Serving) -> Roofline:
    """Matrix products, attention and experts of a prompt and of a decode step of one design."""
    xp = namespace_of(model, platform, serving)
    m, p, s = as_columns(xp, model), as_columns(xp, platform), as_columns(xp, serving)
    of = numbers(xp, m, p, s, serving_constants())
    each = xp.clip(s.batch / (s.attention_dp * s.pp), 1.0, None)
    one = xp.ones_like(each)
    stages = (
        ("prefill", one, s.prompt - s.cached, s.cached, True),
        ("decode step", each, one, s.prompt + 0.5 * s.output, False),
    )
    points = []
    for stage, sequences, new, past, prefill in stages:
        times = step(xp, m, p, s, of, sequences, new, past, prefill)
        for name, operations, traffic in _work(m, s, of, sequences, new, past):
            if float(operations[0]) > 0:
                seconds = float(times[name][0])
                points.append(Point(stage, name, float(operations[0]), float(traffic[0]), seconds))
    return Roofline(float(of.rate[0]), float(p.bandwidth[0]), tuple(points))


def _work(
    m: Model, s: Serving, of: Any, sequences: Any, new: Any, past: Any
) -> Iterator[tuple[str, Any, Any]]:
    """Operations and bytes of each kind."""
    tokens = sequences * new
    layers = m.full_layers + m.window_layers
    query = m.heads * m.head_size
    weights = layers * m.hidden * (2 * query + 2 * m.kv_heads * m.head_size)
    latent = m.hidden * (m.query_rank + m.kv_rank + m.rope_size) + m.heads * (
        m.query_rank * (m.nope_size + m.rope_size)
        + m.kv_rank * (m.nope_size + m.value_size)
        + m.value_size * m.hidden
    )
    weights = weights + m.latent_layers * latent + m.dense_layers * m.matrices * m.hidden * m.ffn
    weights = weights + m.expert_layers * m.matrices * m.hidden * m.shared_ffn
    weights = (weights + m.recurrent_layers * m.hidden * (m.recurrent_in + m.recurrent_out)) / s.tp
    head = m.vocabulary * m.hidden / s.tp
    yield (
        "products",
        2 * tokens * weights + 2 * sequences * head,
        weights * of.weight + 2 * head + tokens * 4 * m.hidden * (layers + m.latent_layers),
    )
    seen = past + 0.5 * (new + 1)
    inside = np.minimum(seen, m.window)
    pairs = (m.full_layers * seen + m.window_layers * inside) * tokens
    entry = 2 * np.maximum(m.kv_heads / s.tp, 1) * m.head_size * s.kv_bytes
    cached = sequences * (past + new)
    moved = (m.full_layers * cached + m.window_layers * np.minimum(cached, sequences * m.window)) * entry
    wide = m.nope_size + m.rope_size + m.value_size
    wide = np.where(new > 1, wide, 2 * m.kv_rank + m.rope_size)
    latent_moved = m.latent_layers * cached * (m.kv_rank + m.rope_size) * s.kv_bytes
    yield (
        "attention",
        (4 * pairs * query + 2 * m.latent_layers * seen * tokens * m.heads * wide) / s.tp,
        moved + latent_moved + 4 * tokens * m.hidden * (layers + m.latent_layers),
    )
    chosen = tokens * s.attention_dp * m.top_k / s.ep
    touched = distinct_experts(np, m.experts / s.ep, chosen, 1.0)
    size = m.matrices * m.hidden * m.expert_ffn / (s.tp * s.attention_dp / s.ep)
    yield (
        "experts",
        2 * m.expert_layers * chosen * size,
        m.expert_layers * (touched * size * of.expert_weight + 4 * chosen * m.hidden),
    )
