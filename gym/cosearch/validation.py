"""Holding a simulator against reference measurements: what `cosearch validate` needs of a plugin."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol


class ValidationRow(Protocol):
    """The error of one metric over one group of cases; errors are relative, 0.01 is 1 %."""

    @property
    def metric(self) -> str: ...
    @property
    def cases(self) -> int: ...
    @property
    def median(self) -> float: ...
    @property
    def p95(self) -> float: ...
    @property
    def maximum(self) -> float: ...
    @property
    def share_within_bound(self) -> float: ...
    @property
    def bound(self) -> float: ...
    @property
    def passed(self) -> bool: ...


class ValidationTable(Protocol):
    """The result of a validation."""

    @property
    def rows(self) -> Sequence[ValidationRow]: ...
    @property
    def passed(self) -> bool: ...
    @property
    def speed(self) -> Mapping[str, Mapping[str, float]]: ...
    def as_dict(self) -> dict[str, Any]:
        """The table as JSON values."""
        ...


@dataclass(frozen=True)
class Validation:
    """A simulator that can be validated.

    Attributes:
        simulator: the name on the command line.
        run: reads a folder of cases and returns the error table; calls its second argument with the number
            of cases done and of all cases; raises ValueError with one clear line for a folder that it cannot
            read.
    """

    simulator: str
    run: Callable[[Path, Callable[[int, int], None]], ValidationTable]
