"""Splitwise's engine times of Llama-2-70B and BLOOM-176B on DGX A100 and H100, host overhead included."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cosearch_simulators.llm.common.calibration import engine_of_2023
from cosearch_simulators.llm.common.columns import as_columns, stacked
from cosearch_simulators.llm.engines.ours.entry import seconds
from cosearch_simulators.llm.models import MODELS
from cosearch_simulators.llm.platforms import platform_named
from cosearch_simulators.llm.serving import Serving
from cosearch_simulators.llm.validation.reading import Table, read_table
from cosearch_simulators.llm.validation.rows import MeasuredRow

NAMES = {"llama2-70b": "llama-2-70b", "bloom-176b": "bloom-176b"}


def cases(folder: Path, engine: Mapping[str, float]) -> tuple[Table, dict[str, NDArray[np.float64]]]:
    """The table, and our times of a step and of the prompt phase of the whole batch."""
    table = read_table(folder / "engine.parquet")
    models = stacked([MODELS[NAMES[str(name)]] for name in table["model"]])
    devices = stacked([platform_named(str(name)) for name in table["device"]])
    columns = {"prompt": table["prompt_tokens"], "output": table["output_tokens"], "tp": table["tp"]}
    zeros = np.zeros_like(table["tp"])
    serving = as_columns(np, Serving(batch=table["batch"], **columns, **engine))
    step = seconds(np, models, devices, serving)["step_ms"]
    # The batch's prompts are one after the other.
    alone = seconds(np, models, devices, as_columns(np, Serving(batch=zeros + 1, **columns, **engine)))
    return table, {"step_ms": step, "prefill_ms": alone["prefill_ms"] * table["batch"]}


def validate(folder: Path) -> list[MeasuredRow]:
    """Times of a step and of the prompts of a batch, by device."""
    table, ours = cases(folder, engine_of_2023("splitwise"))
    found = []
    for device in np.unique(table["device"]):
        here = table["device"] == device
        for metric, name in (("step_ms", "token_ms"), ("prefill_ms", "prompt_ms")):
            found.append(
                MeasuredRow.measured(
                    "splitwise", f"{metric} {device}", ours[metric][here], table[name][here], median=0.15
                )
            )
    return found
