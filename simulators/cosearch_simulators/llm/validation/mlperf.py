"""MLPerf Inference v5.1: the best deployment that we find, against the recorded rate."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from pathlib import Path

import numpy as np

from cosearch_simulators.core.validation.ranking import RankedRow
from cosearch_simulators.core.validation.table import ValidationRow
from cosearch_simulators.llm.common.calibration import host_seconds
from cosearch_simulators.llm.common.columns import stacked
from cosearch_simulators.llm.devices import DEVICES, Device
from cosearch_simulators.llm.engines.ours.entry import evaluate
from cosearch_simulators.llm.models import MODELS, Model
from cosearch_simulators.llm.platforms import platform_of
from cosearch_simulators.llm.serving import Serving, precision_code
from cosearch_simulators.llm.validation.reading import read_table
from cosearch_simulators.llm.validation.rows import MeasuredRow

# Mean tokens of prompts of MLCommons' data sets (OpenOrca, LongBench, CNN-DailyMail, ...); of answers the
# rows
# have their own, tokens over samples.
LENGTHS = {
    "llama2-70b-99": ("llama-2-70b", 294.0),
    "llama2-70b-99.9": ("llama-2-70b", 294.0),
    "llama3.1-405b": ("llama-3.1-405b", 9400.0),
    "llama3.1-8b": ("llama-3.1-8b", 778.0),
    "mixtral-8x7b": ("mixtral-8x7b", 300.0),
    "deepseek-r1": ("deepseek-v3", 800.0),
}
LIMITS = {
    ("llama2-70b", "server"): (2000, 200),
    ("llama2-70b", "interactive"): (450, 40),
    ("llama3.1-405b", "server"): (6000, 175),
    ("llama3.1-405b", "interactive"): (4500, 80),
    ("llama3.1-8b", "server"): (2000, 100),
    ("llama3.1-8b", "interactive"): (500, 30),
    ("mixtral-8x7b", "server"): (2000, 200),
    ("deepseek-r1", "server"): (2000, 80),
}
"""Of TTFT and TPOT in ms, at the 99th percentile."""

P99_OF_TTFT, P99_OF_TPOT = 2.6, 1.1
"""99th percentile over the median: what the recorded rows have at the middle, for all models alike."""

PRECISIONS = {"fp8": ("fp8", "int8"), "fp4": ("nvfp4", "mxfp4")}


def validate(folder: Path) -> list[ValidationRow]:
    """Tokens a second by scenario, and the order of the devices."""
    table = read_table(folder / "inference_v5_1.parquet")
    ours = np.full(table["nodes"].size, np.nan)
    known: dict[tuple[str, str, str, str, float], float] = {}
    for row in range(ours.size):
        words = [str(table[name][row]) for name in ("model", "scenario", "device", "weight_dtype")]
        if words[0] not in LENGTHS or words[2] not in DEVICES:
            continue
        key = (words[0], words[1], words[2], words[3], float(table["accelerators"][row]))
        if key not in known:
            alike = table["model"] == words[0]
            answer = np.nanmedian(table["tokens_per_s"][alike] / table["samples_per_s"][alike])
            known[key] = best_rate(*key, float(answer))
        ours[row] = known[key]
    theirs = table["tokens_per_s"]
    rows: list[ValidationRow] = [
        MeasuredRow.measured("mlperf", "tokens_per_s", ours, theirs, median=0.15),
    ]
    for scenario in np.unique(table["scenario"]):
        here = table["scenario"] == scenario
        rows.append(MeasuredRow.measured("mlperf", f"tokens_per_s {scenario}", ours[here], theirs[here]))
    here = np.char.startswith(table["model"], "llama2-70b") & np.isfinite(ours)
    each = table["accelerators"]
    keys = np.char.add(np.char.add(table["device"], " "), table["scenario"])
    mine, reference = (
        [float(np.median((of / each)[here & (keys == key)])) for key in np.unique(keys[here])]
        for of in (ours, theirs)
    )
    rows.append(
        RankedRow.ranked(
            "mlperf",
            "llama2-70b, devices and scenarios in order",
            mine,
            reference,
            bound=np.inf,
            required_spearman=0.95,
        )
    )
    return rows


def best_rate(
    model: str, scenario: str, device: str, dtype: str, accelerators: float, answer: float
) -> float:
    """The most tokens a second of a deployment on so many devices within the scenario's limits; NaN: none."""
    name, prompt = LENGTHS[model]
    described = list(_deployments(MODELS[name], DEVICES[device], dtype, prompt, answer, accelerators))
    if not described:
        return np.nan
    found = evaluate(MODELS[name], platform_of(DEVICES[device]), stacked(described))
    # Slots are never empty: another request is always waiting.
    slots = np.array([one.batch * one.replicas for one in described])
    rate = slots / found["tpot_ms"] * 1e3
    limits = LIMITS.get((model.removesuffix("-99.9").removesuffix("-99"), scenario))
    if limits is not None:
        # Requests come at random times, not each after an answer: a prompt meets few others.
        first = found["prefill_ms"] + 0.5 * found["step_ms"]
        within = (first * P99_OF_TTFT <= limits[0]) & (found["tpot_ms"] * P99_OF_TPOT <= limits[1])
        rate = np.where(within, rate, np.nan)
    return float(np.nanmax(rate)) if np.isfinite(rate).any() else np.nan


def _deployments(
    model: Model, device: Device, dtype: str, prompt: float, answer: float, accelerators: float
) -> Iterator[Serving]:
    first, weights_only = PRECISIONS.get(dtype, ("bf16", "bf16"))
    has = device.fp4_tflops if dtype == "fp4" else device.fp8_tflops
    precision = precision_code(first if has else weights_only)
    host, start = host_seconds("trtllm")
    batches = 2.0 ** np.arange(3, 13, 0.5)
    for tp, adp, batch in product((1.0, 2.0, 4.0, 8.0), (1.0, 2.0, 4.0, 8.0), batches):
        if tp * adp > accelerators or (adp > 1 and model.expert_layers == 0):
            continue
        for ep in {1.0, tp * adp} if model.expert_layers else {1.0}:
            yield Serving(
                batch=float(np.round(batch)),
                prompt=prompt,
                output=answer,
                tp=tp,
                attention_dp=adp,
                ep=ep,
                replicas=accelerators / (tp * adp),
                precision=precision,
                expert_precision=precision,
                kv_bytes=1.0,
                host_s=host,
                first_s=start,
            )
