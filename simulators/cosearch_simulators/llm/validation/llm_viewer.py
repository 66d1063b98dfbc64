"""LLM-Viewer's cases in LLM-Viewer's accounting."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from cosearch_simulators.core.validation.cases import read_cases, reading
from cosearch_simulators.core.validation.table import ValidationRow
from cosearch_simulators.llm.common.columns import stacked
from cosearch_simulators.llm.engines.llm_viewer.entry import Settings, evaluate
from cosearch_simulators.llm.models import Model
from cosearch_simulators.llm.platforms import Platform
from cosearch_simulators.llm.serving import Serving

BOUND = 1e-6
NAMES = {
    "ttft_ms": ("prefill", "inference_time", 1e3),
    "tpot_ms": ("decode", "inference_time", 1e3),
    "prefill_gflop": ("prefill", "OPs", 1e-9),
    "step_gflop": ("decode", "OPs", 1e-9),
    "prefill_gb": ("prefill", "memory_access", 1e-9),
    "step_gb": ("decode", "memory_access", 1e-9),
    "step_memory_gb": ("decode", "memory_consumption", 1e-9),
}
"""Their stage and total by our metric, and what turns it into our unit."""


def described(case: Mapping[str, Any]) -> tuple[Model, Platform, Serving, Settings]:
    """A case as our columns of one."""
    m, h, s = case["model"], case["hardware"], case["serving"]
    heads = float(m.get("num_attention_heads", m.get("num_heads")))
    hidden = float(m["hidden_size"])
    layers = float(m.get("num_hidden_layers", m.get("depth")))
    model = Model(
        vocabulary=float(m.get("vocab_size", 0)),
        hidden=hidden,
        full_layers=layers,
        heads=heads,
        kv_heads=float(m.get("num_key_value_heads", heads)),
        head_size=hidden / heads,
        dense_layers=layers,
        ffn=float(m.get("intermediate_size", m.get("ffn_dim", 4 * hidden))),
    )
    platform = Platform(
        h["peak_ops_fp16"],
        0.0,
        0.0,
        h["peak_ops_int8"],
        1e18,
        h["bandwidth_Bps"],
        1.0,
        1.0,
        1.0,
        1.0,
        1.0,
        1.0,
        0.0,
        0.0,
    )
    serving = Serving(batch=float(s["batch"]), prompt=float(s["seqlen"]), kv_bytes=s["kv_bit"] / 8)
    settings = Settings(s["w_bit"] / 8, s["a_bit"] / 8, h["onchip_buffer_B"], float(s["use_flashattention"]))
    return model, platform, serving, settings


def validate(folder: Path) -> list[ValidationRow]:
    """Totals of both stages, and whole answers where a case has one."""
    cases = read_cases(folder / "cases.jsonl")
    found = []
    for case in cases:
        with reading("LLM-Viewer", case):
            found.append(described(case))
    ours = evaluate(*(stacked(one) for one in zip(*found, strict=True)))
    rows = []
    for metric, (stage, name, scale) in NAMES.items():
        theirs = [case["totals"][stage][name] * scale for case in cases]
        rows.append(ValidationRow.of("llm_viewer", metric, ours[metric], theirs, bound=BOUND))
    answers, recorded = [], []
    for row, case in enumerate(cases):
        if "generate_task" not in case:
            continue
        model, platform, serving, settings = found[row]
        steps = [replace(serving, prompt=serving.prompt + i) for i in range(case["generate_task"]["gen_len"])]
        # There a whole answer is without flash attention, whatever is asked for.
        plain = replace(settings, flash=0.0)
        times = evaluate(model, platform, stacked(steps), plain)["tpot_ms"]
        answers.append(evaluate(model, platform, serving, plain)["ttft_ms"][0] + times.sum())
        recorded.append(case["generate_task"]["inference_time_s"] * 1e3)
    rows.append(ValidationRow.of("llm_viewer", "latency_ms", answers, recorded, bound=BOUND))
    return rows
