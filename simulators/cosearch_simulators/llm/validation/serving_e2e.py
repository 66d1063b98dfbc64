"""Serving measured end to end: each recorded configuration as a deployment of ours."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosearch_simulators.llm.common.calibration import ENGINES, serving_constants
from cosearch_simulators.llm.common.columns import rows, stacked
from cosearch_simulators.llm.devices import DEVICES
from cosearch_simulators.llm.engines.ours.entry import closed_loop
from cosearch_simulators.llm.models import MODELS, Model
from cosearch_simulators.llm.platforms import Platform, platform_of
from cosearch_simulators.llm.serving import Serving, precision_code
from cosearch_simulators.llm.validation.reading import Table, read_table
from cosearch_simulators.llm.validation.rows import MeasuredRow

SAME = {
    "deepseek-r1": "deepseek-v3",
    "deepseek-v3.1": "deepseek-v3",
    "kimi-k2.5": "kimi-k2",
    "llama-3.3-70b": "llama-3.1-70b",
}
"""Models of one architecture."""

MEAN_LENGTH = 0.9
"""InferenceX draws lengths uniformly from 0.8 to 1.0 of those that it states."""

QUANTISED = {"": "bf16", "int4_wo": "int4"}


def architecture(name: str) -> str:
    """Our name of a repository's model, "" where there is none: the longest of ours that it begins with."""
    short = name.rpartition("/")[2].lower()
    known = {**{one: one for one in MODELS}, **SAME}
    fitting = [one for one in known if short.startswith(one)]
    return known[max(fitting, key=len)] if fitting else ""


def described(
    table: Table, fitted: Mapping[str, float]
) -> tuple[NDArray[np.int64], Model, Platform, Serving]:
    """The rows that can be described, and the columns of their deployments."""
    names = np.array([architecture(str(name)) for name in table["model"]])
    systems = table["system"]
    which = np.flatnonzero((names != "") & np.isin(systems, list(DEVICES)))
    names, systems = names[which], systems[which]
    codes_of = {name: code for code, name in enumerate(MODELS)}
    model = rows(stacked(list(MODELS.values())), np.array([codes_of[str(name)] for name in names], int))
    device = [DEVICES[str(name)] for name in systems]
    platform = stacked([platform_of(one) for one in device])
    fp4 = np.array([one.fp4_tflops > 0 for one in device])

    def codes(column: str) -> NDArray[np.float64]:
        quantised = [QUANTISED.get(str(name), str(name)) for name in table[column][which]]
        # Four bits on a device without an engine for them are weights only.
        return np.array(
            [
                precision_code("mxfp4" if q == "nvfp4" and not has else q)
                for q, has in zip(quantised, fp4, strict=True)
            ]
        )

    def of_engine(constant: str) -> NDArray[np.float64]:
        known = [str(name) if name in ENGINES else "vllm" for name in table["backend"][which]]
        return np.array([fitted[f"{constant}_{name}"] for name in known])

    exact = np.array([str(origin) == "nvidia" for origin in table["origin"][which]])
    mean = np.where(exact, 1.0, MEAN_LENGTH)
    quantised = table["gemm_quant"][which] != ""
    serving = Serving(
        batch=table["concurrency"][which],
        prompt=table["isl"][which] * mean,
        output=table["osl"][which] * mean,
        cached=np.zeros(which.size),
        tp=table["tp"][which],
        attention_dp=np.maximum(table["attn_dp"][which], 1.0),
        pp=np.ones(which.size),
        ep=np.where(model.expert_layers > 0, np.maximum(table["moe_ep"][which], 1.0), 1.0),
        replicas=np.ones(which.size),
        precision=codes("gemm_quant"),
        expert_precision=codes("moe_quant"),
        kv_bytes=np.where(quantised, 1.0, 2.0),
        host_s=of_engine("host_s"),
        first_s=of_engine("first_s"),
    )
    return which, model, platform, serving


def predicted(table: Table, fitted: Mapping[str, float] | None = None) -> dict[str, NDArray[np.float64]]:
    """TTFT, TPOT and request latency of every row in ms; NaN where a row cannot be described."""
    constants = fitted or serving_constants()
    which, model, platform, serving = described(table, constants)
    found = closed_loop(model, platform, serving, constants)
    answers: dict[str, NDArray[np.float64]] = {}
    for name in ("ttft_ms", "tpot_ms"):
        answers[name] = np.full(table["isl"].size, np.nan)
        answers[name][which] = found[name]
    return answers


def validate(folder: Path) -> list[MeasuredRow]:
    """TPOT, request latency and TTFT: all, where the peer answers, by system and by model."""
    table = read_table(folder / "aggregated.parquet")
    ours = predicted(table)

    def latency(ttft: Any, tpot: Any) -> Any:
        return ttft + tpot * (table["osl"] - 1.0)

    columns = {
        "tpot_ms": (ours["tpot_ms"], table["tpot_ms"], table["aic_tpot_ms"], 0.10, 0.20),
        "latency_ms": (
            latency(ours["ttft_ms"], ours["tpot_ms"]),
            latency(table["ttft_ms"], table["tpot_ms"]),
            latency(table["aic_ttft_ms"], table["aic_tpot_ms"]),
            0.10,
            0.20,
        ),
        "ttft_ms": (ours["ttft_ms"], table["ttft_ms"], table["aic_ttft_ms"], 0.30, None),
    }
    answered = np.isfinite(table["aic_tpot_ms"])
    groups = {"": np.ones(answered.size, bool), ", where the peer answers": answered}
    found = []
    for metric, (mine, theirs, peer, median, mean) in columns.items():
        for words, rows_of in groups.items():
            found.append(
                MeasuredRow.measured(
                    "serving_e2e",
                    f"{metric}{words}",
                    mine[rows_of],
                    theirs[rows_of],
                    median=None if words else median,
                    mean=None if words else mean,
                    peer=peer[rows_of] if words else None,
                )
            )
    for column in ("system", "model"):
        for name in np.unique(table[column]):
            here = table[column] == name
            mine, theirs = columns["tpot_ms"][:2]
            found.append(MeasuredRow.measured("serving_e2e", f"tpot_ms {name}", mine[here], theirs[here]))
    return found
