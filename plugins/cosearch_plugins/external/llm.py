"""The fidelity `external` of `llm-deployment`: GenZ, or AIConfigurator and its measured operators.

AIConfigurator's tables are measurements: a peer to compare with, to which nothing here is fitted. It says
what a prompt and the steps of a batch take; a closed loop of `batch` requests is put together from them here.
Memory, prices and power are ours.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cosearch.errors import ArgumentError
from cosearch.fidelity import Fidelity
from cosearch_plugins.external.jobs import run_jobs
from cosearch_plugins.external.tool_process import ToolError
from cosearch_plugins.external.tools import AICONFIGURATOR, GENZ

if TYPE_CHECKING:
    from cosearch_simulators.core.result import Result
    from cosearch_simulators.llm import Model, Platform, Serving

FIDELITIES = {
    "genz": Fidelity("external", 1000.0, "GenZ itself"),
    "aiconfigurator": Fidelity("external", 1000.0, "AIConfigurator's measured operators in a closed loop"),
}
"""By tool. Relative costs: milliseconds for each design against a microsecond."""

REPOSITORIES = {
    "llama-3.1-8b": "meta-llama/Meta-Llama-3.1-8B",
    "llama-3.1-70b": "meta-llama/Meta-Llama-3.1-70B",
    "llama-3.1-405b": "meta-llama/Meta-Llama-3.1-405B",
    "mixtral-8x7b": "mistralai/Mixtral-8x7B-v0.1",
    "mixtral-8x22b": "mistralai/Mixtral-8x22B-v0.1",
    "qwen3-0.6b": "Qwen/Qwen3-0.6B",
    "qwen3-8b": "Qwen/Qwen3-8B",
    "qwen3-32b": "Qwen/Qwen3-32B",
    "qwen3-30b-a3b": "Qwen/Qwen3-30B-A3B",
    "qwen3-235b-a22b": "Qwen/Qwen3-235B-A22B",
    "gpt-oss-20b": "openai/gpt-oss-20b",
    "gpt-oss-120b": "openai/gpt-oss-120b",
    "minimax-m2.5": "MiniMaxAI/MiniMax-M2.5",
    "deepseek-v3": "deepseek-ai/DeepSeek-V3",
    "kimi-k2": "moonshotai/Kimi-K2-Instruct",
    "glm-5": "zai-org/GLM-5",
}
"""What AIConfigurator calls the models that it has a configuration of."""

SYSTEMS = ("a100_sxm", "l40s", "h100_sxm", "h200_sxm", "b200_sxm", "gb200")
"""Devices that AIConfigurator has measured; their names are ours."""

PRECISIONS = {"bf16": "bfloat16", "fp8": "fp8", "nvfp4": "nvfp4", "int4": "int4_wo"}
GENZ_BITS = {2.0: "bf16", 1.0: "fp8", 0.5: "int4"}
GENZ_SHARE = 0.8
"""Of peak and bandwidth: what our engine `genz` takes."""

GIB = float(1 << 30)


def tool_for(accounting: str, model: str, asked: str | None) -> str:
    """The tool behind the fidelity `external`; empty where there is none.

    Args:
        accounting: of the problem.
        model: its published model; empty where it is a user's own.
        asked: by the user; None: that of the accounting.

    Raises:
        ArgumentError: the tool that is asked for does not judge these designs.
    """
    usual = "genz" if accounting == "genz" else "aiconfigurator" if accounting == "ours" else ""
    if asked is not None and asked != usual:
        use = {"genz": "genz", "aiconfigurator": "ours"}[asked]
        raise ArgumentError(
            f"external={asked} judges designs of accounting={use}, got accounting={accounting}"
        )
    if usual == "aiconfigurator" and model not in REPOSITORIES:
        if asked is not None:
            raise ArgumentError(
                f"AIConfigurator has no configuration of this model, but of {', '.join(REPOSITORIES)}"
            )
        return ""
    return usual


def evaluate(tool: str, problem: Any, columns: dict[str, NDArray[Any]], *, timeout_s: float) -> Result:
    """Every design by the tool; the metrics are those of the problem's accounting.

    Args:
        tool: of `FIDELITIES`.
        problem: the `llm-deployment`, built.
        columns: its designs, by parameter.
        timeout_s: for each design.
    """
    platform, serving = problem.described(columns)
    if tool == "genz":
        return _genz(problem.model, platform, serving, timeout_s)
    return _aiconfigurator(problem, platform, serving, columns, timeout_s)


def _genz(model: Model, platform: Platform, serving: Serving, timeout_s: float) -> Result:
    from cosearch_simulators.llm.accountings import completed, evaluate, for_genz

    ours = evaluate(model, platform, serving, "genz")
    simpler, n = for_genz(serving), len(ours.codes)
    whole = {
        name: np.broadcast_to(np.asarray(getattr(simpler, name)), n).astype(int)
        for name in ("batch", "prompt", "output", "tp", "pp", "ep")
    }
    size = np.broadcast_to(np.asarray(simpler.kv_bytes), n)
    system = {
        name: np.broadcast_to(np.asarray(value, np.float64), n)
        for name, value in {
            "Flops": np.asarray(platform.bf16) / 1e12,
            "Memory_size": np.asarray(platform.memory_bytes) / GIB,
            "Memory_BW": np.asarray(platform.bandwidth) / GIB,
            "ICN": np.asarray(platform.link) / GIB,
        }.items()
    }
    runs = [row for row in range(n) if ours.ok[row]]
    jobs = [
        {name: int(column[row]) for name, column in whole.items()}
        | {
            "model": _genz_model(model),
            "system": {name: float(column[row]) for name, column in system.items()} | {"ICN_LL": 1},
            "efficiency": GENZ_SHARE,
            "bits": GENZ_BITS[float(size[row])],
        }
        for row in runs
    ]
    answers = dict(zip(runs, run_jobs(GENZ, jobs, timeout_s=timeout_s), strict=True))
    found = {name: np.full(n, np.nan) for name in ("ttft_ms", "tpot_ms", "required_gib")}
    reasons = ours.reason.copy()
    for row, answer in answers.items():
        if isinstance(answer, ToolError):
            reasons[row] = str(answer)
        elif "refused" in answer:
            reasons[row] = f"GenZ: {answer['refused']}"
        else:
            for name in found:
                found[name][row] = answer[name]
    from cosearch_simulators.core.result import Result

    told = Result.of(found, reasons)
    per_replica = np.asarray(simpler.tp) * simpler.ep * serving.pp
    return _failed(completed(model, platform, serving, told, per_replica, found["required_gib"]), answers)


def _genz_model(model: Model) -> dict[str, Any]:
    """The model as GenZ's configuration."""
    sparse = model.experts > 1
    return {
        "model": "design",
        "vocab_size": int(model.vocabulary),
        "hidden_size": int(model.hidden),
        "intermediate_size": int(model.expert_ffn if sparse else model.ffn),
        "num_ffi": int(model.matrices) - 1,
        "num_decoder_layers": int(model.full_layers),
        "num_attention_heads": int(model.heads),
        "num_key_value_heads": int(model.kv_heads),
        "head_dim": int(model.head_size),
        "num_experts": int(model.experts),
        "expert_top_k": int(model.top_k),
    } | ({"moe_intermediate_size": int(model.expert_ffn)} if sparse else {})


def _aiconfigurator(
    problem: Any, platform: Platform, serving: Serving, columns: dict[str, NDArray[Any]], timeout_s: float
) -> Result:
    from cosearch_simulators.core.result import Result
    from cosearch_simulators.llm.accountings import evaluate

    ours = evaluate(problem.model, platform, serving)
    settings, n = problem.settings, len(ours.codes)
    reasons = ours.reason.copy()
    device = [str(name) for name in columns["device"]]
    for row in range(n):
        if not reasons[row] and device[row] not in SYSTEMS:
            reasons[row] = f"AIConfigurator has no measurements of {device[row]}"
    runs = [row for row in range(n) if not reasons[row]]

    def whole(name: str, row: int) -> int:
        return int(np.broadcast_to(np.asarray(getattr(serving, name)), n)[row])

    jobs = []
    for row in runs:
        ranks = whole("tp", row) * whole("attention_dp", row)
        jobs.append(
            {
                "model": REPOSITORIES[settings.model],
                "system": device[row],
                "backend": settings.engine,
                "tp": whole("tp", row),
                "pp": whole("pp", row),
                "attention_dp": whole("attention_dp", row),
                "moe_tp": ranks // whole("ep", row),
                "ep": whole("ep", row),
                "precision": PRECISIONS[str(columns["precision"][row])],
                "kv_precision": PRECISIONS[str(columns["kv_precision"][row])],
                "batch": max(whole("batch", row) // whole("attention_dp", row), 1),
                "prompt": settings.prompt,
                "prefix": settings.cached,
                "output": max(settings.output, 2),
            }
        )
    answers = dict(zip(runs, run_jobs(AICONFIGURATOR, jobs, timeout_s=timeout_s), strict=True))
    found = {name: column.copy() for name, column in ours.metrics.items()}
    for row, job in zip(runs, jobs, strict=True):
        answer = answers[row]
        if isinstance(answer, ToolError):
            reasons[row] = str(answer)
            continue
        if "refused" in answer:
            reasons[row] = f"AIConfigurator has no measurements: {answer['refused']}"
            continue
        step, prompt = answer["decode_ms"] / (job["output"] - 1), answer["one_prefill_ms"]
        # Over a request's answer each other request of its rank has one prompt processed.
        tpot = step + prompt * (job["batch"] - 1) / settings.output
        ttft = prompt + step / 2
        latency = ttft + tpot * (settings.output - 1)
        rate = whole("batch", row) * whole("replicas", row) * settings.output / latency * 1e3
        devices = ours["devices"][row]
        slower = ours["tokens_per_s"][row] / rate
        for name, value in {
            "ttft_ms": ttft,
            "tpot_ms": tpot,
            "latency_ms": latency,
            "tokens_per_s": rate,
            "tokens_per_s_device": rate / devices,
            "energy_per_token_j": ours["energy_per_token_j"][row] * slower,
            "usd_per_million_tokens": ours["usd_per_million_tokens"][row] * slower,
        }.items():
            found[name][row] = value
    return _failed(Result.of(found, reasons), answers)


def _failed(found: Result, answers: dict[int, Any]) -> Result:
    """The result, with the designs that the tool broke on failed."""
    from cosearch_simulators.core.result import FAILED

    codes = found.codes.copy()
    for row, answer in answers.items():
        if isinstance(answer, ToolError):
            codes[row] = FAILED
    return replace(found, codes=codes)
