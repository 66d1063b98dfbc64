"""Units of measured columns: what a column's name says, and whether its numbers can be of that unit."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosearch_simulators.errors import SimulatorError


@dataclass(frozen=True)
class Unit:
    """A unit and what numbers of it can be.

    Attributes:
        name: as metrics show it.
        least: no number is below it.
        most: no number is above it.
        usual: the least that the largest number of a table is expected to be; 0.94 as an accuracy in % means
            that it is a share.
    """

    name: str
    least: float = 0.0
    most: float = np.inf
    usual: float = 0.0


PERCENT = Unit("%", 0.0, 100.0, 1.5)
MILLISECONDS = Unit("ms", 0.0, 1e6)
MILLIJOULES = Unit("mJ", 0.0, 1e9)
PER_SECOND = Unit("1/s", 0.0, 1e9)
COUNT = Unit("1", 0.0)

_PATTERNS: tuple[tuple[str, str, Unit], ...] = (
    (r"(?:imagenet_|val_)?top1|mean_acc", "top1", PERCENT),
    (r"(?:val_)?top5", "top5", PERCENT),
    (r"((?:c10|c100|in16)_(?:val|test)_ep\w+)", "{0}", PERCENT),
    (r"lat_(\w+)", "latency_{0}_ms", MILLISECONDS),
    (r"latency_ms", "latency_ms", MILLISECONDS),
    (r"(latency_\w+?)(?:_ms)?", "{0}_ms", MILLISECONDS),
    (r"(energy\w*?)_mj", "{0}_mj", MILLIJOULES),
    (r"(throughput_\w+?)(?<!_std)", "{0}_per_s", PER_SECOND),
)


def named_metric(column: str) -> tuple[str, Unit] | None:
    """The metric that a column's name stands for, with its unit; None if it says nothing.

    Example:
        >>> named_metric("lat_pixel3")[0], named_metric("imagenet_top1")[0], named_metric("order")
        ('latency_pixel3_ms', 'top1', None)
    """
    if column.endswith("_std"):
        return None
    for pattern, name, unit in _PATTERNS:
        match = re.fullmatch(pattern, column)
        if match is not None:
            return name.format(*match.groups()), unit
    return None


def check_unit(table: str, column: str, values: NDArray[Any], unit: Unit | None) -> None:
    """Whether the numbers of a column can be of a unit.

    Raises:
        SimulatorError: one cannot; the line says which and what was expected.
    """
    if unit is None:
        return
    known = values[np.isfinite(values)]
    outside = known[(known < unit.least) | (known > unit.most)]
    if outside.size:
        raise SimulatorError(
            f"{table}: {column} must be in {unit.name}, from {unit.least:g} to {unit.most:g}, "
            f"got {outside[0]:g}"
        )
    if unit.usual and known.max(initial=0) <= unit.usual:
        raise SimulatorError(
            f"{table}: {column} must be in {unit.name}, and its largest number is {known.max(initial=0):g}; "
            f"a share is multiplied by 100"
        )
