"""LLMCompass's operators on A100 and MI210, timed eagerly: the launch is in."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from cosearch_simulators.llm.common.calibration import constants
from cosearch_simulators.llm.devices import DEVICES
from cosearch_simulators.llm.validation import operators
from cosearch_simulators.llm.validation.reading import read_table, take
from cosearch_simulators.llm.validation.rows import MeasuredRow

LAUNCH_MS = {"a100_sxm": 0.02, "mi210": 0.045}
"""Of an eager operator, as the data's README states it."""

PASSES = {"softmax": 2.0, "layernorm": 2.0, "gelu": 2.0}
"""Times that an elementwise operator's numbers cross the pins."""


def validate(folder: Path) -> list[MeasuredRow]:
    """Matrix products, and elementwise operators, by device."""
    table = read_table(folder / "ops.parquet")
    rows = []
    for device in np.unique(table["device"]):
        launch = LAUNCH_MS.get(str(device), 0.02)
        here = take(table, (table["device"] == device) & (table["op"] == "matmul"))
        here["dtype"] = np.full(here["m"].size, "bf16")
        ours = operators.products_ms(here, DEVICES, constants) + launch
        rows.append(
            MeasuredRow.measured("llmcompass", f"product {device}", ours, here["latency_ms"], median=0.15)
        )
        here = take(table, (table["device"] == device) & (table["op"] != "matmul"))
        passes = np.array([PASSES[str(name)] for name in here["op"]])
        size = np.maximum(here["m"], 1) * here["n"] * 2.0
        moved = passes * size / (0.8 * DEVICES[str(device)].memory_gb_per_s * 1e6)
        rows.append(
            MeasuredRow.measured(
                "llmcompass", f"elementwise {device}", moved + launch, here["latency_ms"], median=0.15
            )
        )
    return rows
