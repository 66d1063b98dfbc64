"""GenZ's cases in GenZ's accounting."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from cosearch_simulators.core.result import Result
from cosearch_simulators.core.validation.cases import read_cases, reading
from cosearch_simulators.core.validation.table import ValidationRow
from cosearch_simulators.llm.common.columns import stacked
from cosearch_simulators.llm.engines.genz.entry import GIB, Settings, evaluate
from cosearch_simulators.llm.models import Model
from cosearch_simulators.llm.platforms import Platform
from cosearch_simulators.llm.serving import Serving

BOUND = 1e-6
BYTES = {"f32": 4.0, "bf16": 2.0, "fp16": 2.0, "fp8": 1.0, "int8": 1.0, "int4": 0.5}


def described(case: Mapping[str, Any]) -> tuple[Model, Platform, Serving, Settings]:
    """A case as our columns of one."""
    m, h, s = case["model"], case["hardware"], case["serving"]
    sparse = m["num_experts"] > 1
    layers = float(m["num_decoder_layers"])
    model = Model(
        vocabulary=float(m["vocab_size"]),
        hidden=float(m["hidden_size"]),
        full_layers=layers,
        heads=float(m["num_attention_heads"]),
        kv_heads=float(m["num_key_value_heads"]),
        head_size=float(m["head_dim"]),
        dense_layers=0.0 if sparse else layers,
        ffn=0.0 if sparse else float(m["intermediate_size"]),
        matrices=m["num_ffi"] + 1.0,
        expert_layers=layers if sparse else 0.0,
        experts=float(m["num_experts"]),
        top_k=float(m["expert_top_k"]),
        expert_ffn=float(m["moe_intermediate_size"]) if sparse else 0.0,
    )
    rate = h["peak_TFLOPS_bf16"] * 1e12
    link = h["link_bw_GiBps"] * GIB
    platform = Platform(
        rate,
        0.0,
        0.0,
        0.0,
        h["mem_size_GiB"] * GIB,
        h["mem_bw_GiBps"] * GIB,
        1.0,
        link,
        link,
        1.0,
        1.0,
        1.0,
        0.0,
        0.0,
    )
    serving = Serving(
        batch=float(s["batch"]),
        prompt=float(s["input_tokens"]),
        output=float(s["output_tokens"]),
        tp=float(s["tp"]),
        pp=float(s["pp"]),
        ep=float(s["ep"]),
        kv_bytes=BYTES[s["bits"]],
    )
    settings = Settings(
        link_latency_s=h["link_latency_us"] * 1e-6,
        compute_share=h["compute_eff"],
        memory_share=h["mem_eff"],
        on_chip=h["onchip_bw_GiBps"] * GIB,
        offload=float(s["offload_allowed"]),
        offload_bandwidth=h["offload_bw_GiBps"] * GIB,
    )
    return model, platform, serving, settings


def predicted(cases: Sequence[Mapping[str, Any]]) -> Result:
    """Ours of every case, in one call."""
    found = []
    for case in cases:
        with reading("GenZ", case):
            found.append(described(case))
    model, platform, serving, settings = (stacked(one) for one in zip(*found, strict=True))
    return evaluate(model, platform, serving, settings)


def validate(folder: Path) -> list[ValidationRow]:
    """Latencies, memory, and which designs are out of memory."""
    cases = read_cases(folder / "cases.jsonl")
    ours = predicted(cases)
    refused = np.array([any(case["results"][name].get("oom") for name in NAMES.values()) for case in cases])
    rows = [
        ValidationRow.of("genz", "out of memory", (~ours.ok).astype(float), refused.astype(float), bound=0.0)
    ]
    for metric, stage in NAMES.items():
        there = ~refused
        theirs = [case["results"][stage]["latency_ms"] for case, ok in zip(cases, there, strict=True) if ok]
        rows.append(ValidationRow.of("genz", metric, ours[metric][there], theirs, bound=BOUND))
    for metric, name in (("weights_gib", "weights_MiB"), ("cache_gib", "kv_cache_MiB")):
        theirs = [
            case["results"]["decode"]["memory"][name] / 1024
            for case, ok in zip(cases, ~refused, strict=True)
            if ok
        ]
        rows.append(ValidationRow.of("genz", metric, ours[metric][~refused], theirs, bound=BOUND))
    return rows


NAMES = {"ttft_ms": "prefill", "tpot_ms": "decode", "first_step_ms": "decode_first"}
"""Their stage by our metric."""
