"""The constants of operators by kind, precision and device class, as the calibration script fitted them.

`python tests/benchmarks/llm_calibration.py` writes the table from the reference measurements; the file says
which rows it saw. A class that was not measured has the constants of all measured devices together (`other`).
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

TABLE = Path(__file__).parents[1] / "data" / "calibration.json"
FAMILIES = ("ampere", "ada", "hopper", "blackwell", "other")


@cache
def table() -> dict[str, dict[str, dict[str, float]]]:
    """Constants by operator (as `product/fp8`) and class."""
    found: dict[str, dict[str, dict[str, float]]] = json.loads(TABLE.read_text())["constants"]
    return found


def constants(operator: str, family: str) -> dict[str, float]:
    """The constants of an operator on a class of devices."""
    of = table()[operator]
    return of.get(family, of["other"])
