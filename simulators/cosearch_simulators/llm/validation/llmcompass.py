"""LLMCompass's operators on A100 and MI210, timed eagerly: the launch is in."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from cosearch_simulators.llm.common.calibration import constants
from cosearch_simulators.llm.devices import DEVICES
from cosearch_simulators.llm.validation import operators
from cosearch_simulators.llm.validation.reading import Table, read_table, take
from cosearch_simulators.llm.validation.rows import MeasuredRow

LAUNCH_MS = {"a100_sxm": 0.02, "mi210": 0.045}
"""Of an eager product, as the data's README states it."""


def elementwise(folder: Path) -> Table:
    """The elementwise operators: device, bytes that cross the pins (read and written once), ms."""
    table = read_table(folder / "ops.parquet")
    here = take(table, table["op"] != "matmul")
    moved = np.maximum(here["m"], 1) * here["n"] * 4.0
    return {"device": here["device"], "moved": moved, "ms": here["latency_ms"]}


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
        others = elementwise(folder)
        others = take(others, others["device"] == device)
        ours = operators.elementwise_ms(others, DEVICES, constants, "eager")
        rows.append(
            MeasuredRow.measured("llmcompass", f"elementwise {device}", ours, others["ms"], median=0.15)
        )
    return rows
