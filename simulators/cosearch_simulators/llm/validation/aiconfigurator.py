"""Measured operators of six GPUs, in up to three engines: against the least of the engines."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from cosearch_simulators.llm.common.calibration import constants, left_out
from cosearch_simulators.llm.validation import operators
from cosearch_simulators.llm.validation.reading import Table, least_of_engines, read_table, take
from cosearch_simulators.llm.validation.rows import MeasuredRow

LEAST_MS = 0.05
"""Shorter operators are launch more than work, and are not judged."""

PRODUCTS = {"bf16": (0.04, 0.14), "fp8": (0.05, 0.18), "fp8_block": (None, None), "nvfp4": (0.08, 0.25)}
ATTENTION = {"context": (0.08, 0.27), "generation": (0.06, 0.40)}
EXPERTS = (0.15, 0.45)
COLLECTIVES = 0.15

PLAIN = {
    "fixed_s": 0.0,
    "overlap_loss": 0.0,
    "compute": 1.0,
    "traffic": 1.0,
    "most_split": 1e9,
    "fill": 0.0,
    "small_tiles": 0.0,
    "softmax": 0.0,
    "block": 1.0,
    "tail": 0.0,
    "group": 1.0,
    "least": 1.0,
    "step_s": 0.0,
    "idle": 0.0,
    "passes": 2.0,
    "skew": 1.0,
    "load": 1.0,
}
"""What turns an operator into the data sheet's roofline."""


def validate(folder: Path) -> list[MeasuredRow]:
    """A row for each operator and precision."""
    devices = operators.devices_of(folder)
    rows: list[MeasuredRow] = []

    def judge(name: str, table: Table, predict: Any, bars: tuple[float | None, float | None]) -> None:
        measured, spread = least_of_engines(table)
        judged = measured >= LEAST_MS
        if not judged.any():
            return
        table, measured, spread = take(table, judged), measured[judged], spread[judged]
        rows.append(
            MeasuredRow.measured(
                "aiconfigurator",
                name,
                predict(table, devices, constants),
                measured,
                median=bars[0],
                p90=bars[1],
                spread=spread,
                roofline=operators.roofline_products_ms(table, devices)
                if predict is operators.products_ms
                else predict(table, devices, lambda *_: PLAIN),
            )
        )

    if (folder / "gemm.parquet").exists():
        table = read_table(folder / "gemm.parquet")
        for dtype in np.unique(table["dtype"]):
            name = str(dtype)
            judge(
                f"product {name}",
                take(table, table["dtype"] == dtype),
                operators.products_ms,
                PRODUCTS.get(name, (None, None)),
            )
        rows += _left_out(take(table, table["dtype"] == "bf16"), devices)
    if (folder / "attention.parquet").exists():
        table = read_table(folder / "attention.parquet")
        for phase, bars in ATTENTION.items():
            judge(f"{phase} attention", take(table, table["phase"] == phase), operators.attention_ms, bars)
    if (folder / "moe.parquet").exists():
        table = read_table(folder / "moe.parquet")
        judge("experts", table, operators.experts_ms, EXPERTS)
        for dtype in np.unique(table["dtype"]):
            judge(
                f"experts {dtype}", take(table, table["dtype"] == dtype), operators.experts_ms, (None, None)
            )
    if (folder / "collectives.parquet").exists():
        rows += _collectives(read_table(folder / "collectives.parquet"), devices)
    return rows


def _left_out(table: Table, devices: Any) -> list[MeasuredRow]:
    """Products of each device with the constants that were fitted without it."""
    measured, _ = least_of_engines(table)
    table, measured = take(table, measured >= LEAST_MS), measured[measured >= LEAST_MS]
    known = left_out()
    rows, ours = [], np.full(measured.size, np.nan)
    for device in np.unique(table["device"]):
        here = np.flatnonzero(table["device"] == device)
        fitted = known.get(str(device))
        if fitted is None:  # no device of that name was fitted: the shipped constants have not seen it
            ours[here] = operators.products_ms(take(table, here), devices, constants)
        else:
            ours[here] = operators.products_ms(take(table, here), devices, lambda *_, of=fitted: of)
        rows.append(
            MeasuredRow.measured(
                "aiconfigurator", f"product bf16, without {device}", ours[here], measured[here], median=0.10
            )
        )
    return rows


def _collectives(table: Table, devices: Any) -> list[MeasuredRow]:
    ours, theirs = operators.collectives_ms(table, devices, constants), table["latency_ms"]
    kinds = {"all": np.ones(ours.size, bool)}
    kinds |= {str(device): table["device"] == device for device in np.unique(table["device"])}
    return [
        MeasuredRow.measured(
            "aiconfigurator",
            f"collectives {name}",
            ours[rows],
            theirs[rows],
            median=COLLECTIVES,
        )
        for name, rows in kinds.items()
    ]
