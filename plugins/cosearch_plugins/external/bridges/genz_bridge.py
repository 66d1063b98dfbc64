"""A prompt and a step of a language model by GenZ, with the numbers of model and platform given."""

from __future__ import annotations

from typing import Any

from GenZ.LLM_inference import decode_moddeling, prefill_moddeling
from GenZ.Models.default_models import ModelConfig


def run(job: dict[str, Any]) -> dict[str, Any]:
    """Times of the batch, and what a device holds; or why it does not fit."""
    model = ModelConfig(**job["model"])
    asked = {
        "model": model,
        "batch_size": job["batch"],
        "input_tokens": job["prompt"],
        "system_name": job["system"] | {"real_values": True},
        "system_eff": job["efficiency"],
        "bits": job["bits"],
        "tensor_parallel": job["tp"],
        "pipeline_parallel": job["pp"],
        "expert_parallel": job["ep"],
        "parallelism_heirarchy": f"TP{{{job['tp']}}}_EP{{{job['ep']}}}_PP{{{job['pp']}}}",
    }
    try:
        prefill = prefill_moddeling(**asked)
        decode = decode_moddeling(**asked, output_tokens=job["output"], Bb=1)
    except (ValueError, AssertionError) as error:  # it asserts that experts divide
        if not any(words in str(error) for words in ("would not fit", "must be divisible")):
            raise
        return {"refused": " ".join(str(error).split())}
    held = decode["summary_table"]
    return {
        "ttft_ms": float(prefill["Latency"]),
        "tpot_ms": float(decode["Latency"]),
        "required_gib": float(held["Total Weights (MB)"].values[0] + held["KV Cache (MB)"].values[0])
        / 1024
        / job["pp"],
    }
