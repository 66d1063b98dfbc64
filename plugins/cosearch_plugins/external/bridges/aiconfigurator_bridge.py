"""A prompt's and an answer's time by AIConfigurator, from its measured operators."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

from aiconfigurator_core.sdk import EngineHandle


def run(job: dict[str, Any]) -> dict[str, Any]:
    """Milliseconds of one prompt, and of all steps of a batch after its first token."""
    batch, prompt, output = job["batch"], job["prompt"], job["output"]
    try:
        engine = _engine(*(job[name] for name in NAMES))
        return {
            "one_prefill_ms": float(engine.predict_prefill_latency(1, prompt, job["prefix"])),
            "decode_ms": float(engine.predict_decode_latency(batch, prompt, output)),
        }
    except Exception as error:
        if type(error).__name__ != "PerfDataNotAvailableError":
            raise
        text = re.sub(r" at /\S+", "", " ".join(str(error).split())).removeprefix("perf database error: ")
        return {"refused": text[:300]}


NAMES = (
    "model",
    "system",
    "backend",
    "tp",
    "pp",
    "attention_dp",
    "moe_tp",
    "ep",
    "precision",
    "kv_precision",
)


@lru_cache(maxsize=64)
def _engine(
    model: str,
    system: str,
    backend: str,
    tp: int,
    pp: int,
    attention_dp: int,
    moe_tp: int,
    ep: int,
    precision: str,
    kv_precision: str,
) -> EngineHandle:
    return EngineHandle.compile(
        model,
        system,
        backend,
        tp_size=tp,
        pp_size=pp,
        attention_dp_size=attention_dp,
        moe_tp_size=moe_tp,
        moe_ep_size=ep,
        gemm_quant_mode=precision,
        moe_quant_mode=precision,
        kvcache_quant_mode=kv_precision,
        fmha_quant_mode="bfloat16",
    )
