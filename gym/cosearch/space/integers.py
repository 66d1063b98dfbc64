"""The Integer parameter: a range of integers, on a linear or a log scale."""

# ruff: noqa: D102 -- `Parameter` documents what each kind overrides
from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosearch.errors import SpaceError, shown
from cosearch.space.parameters import Parameter, Positions
from cosearch.space.values import Value, as_numbers, is_integer

# u = (i + 1/2) / size must come back as i from float64, also after the detour over [-1, 1].
MAX_POSITIONS = 2**48
# log(v) must come back as v from float64: its error, about 30 * 2**-53 * v, has to stay far below 1/2.
MAX_LOG_INTEGER = 2**40


class Integer(Parameter):
    """The integers low, low + step, ..., high; with `log`, a factor counts as much anywhere in the range.

    With `log` every integer v owns the bin [log(v - 1/2), log(v + 1/2)] of the unit interval.

    Example:
        >>> Integer("queue_entries", 4, 64, step=4).size
        16
    """

    kind = "integer"

    def __init__(
        self,
        name: str,
        low: int,
        high: int,
        *,
        step: int = 1,
        log: bool = False,
        default: Value = ...,
        when: Mapping[str, Any] | None = None,
        description: str = "",
    ) -> None:
        super().__init__(name, when, description)
        self.low, self.high, self.step, self.log = (*_whole(name, low=low, high=high, step=step), bool(log))
        if self.low > self.high:
            raise SpaceError(
                f"parameter {name!r}: low={shown(low)} is above high={shown(high)}; expected low <= high"
            )
        if self.step < 1 or (self.high - self.low) % self.step:
            below = self.high - (self.high - self.low) % max(self.step, 1)
            raise SpaceError(
                f"parameter {name!r}: high={high} is not low={low} plus a multiple of step={step}; "
                f"the nearest high below is {below}"
            )
        if self.log and (self.step != 1 or self.low < 1 or self.high > MAX_LOG_INTEGER):
            raise SpaceError(
                f"parameter {name!r}: log=True needs step=1 and 1 <= low <= high <= 2**40, "
                f"not low={low}, high={high}, step={step}"
            )
        self.size = (self.high - self.low) // self.step + 1
        self.evenly_cut = not self.log
        if max(self.size, abs(self.low), abs(self.high)) > MAX_POSITIONS:
            raise SpaceError(f"parameter {name!r}: {shown(low)}..{shown(high)} goes beyond 2**48; use Real")
        self._log_low = np.log(self.low - 0.5) if self.log else 0.0
        self._log_span = np.log(self.high + 0.5) - self._log_low if self.log else 1.0
        middle = round(math.sqrt(self.low * self.high)) - self.low if self.log else (self.size - 1) // 2
        self._set_default(default, middle)

    def column(self, positions: Positions) -> NDArray[np.int64]:
        return self.low + positions * self.step

    def value_at(self, position: int) -> int:
        return self.low + int(position) * self.step

    def positions_of(self, values: Sequence[Value] | NDArray[Any]) -> Positions:
        numbers = as_numbers(values)
        with np.errstate(invalid="ignore"):
            offset = (numbers - self.low) / self.step
            good = (numbers >= self.low) & (numbers <= self.high) & (offset == np.floor(offset))
        return np.where(good, offset, -1).astype(np.int64)

    def to_unit(self, positions: Positions) -> NDArray[np.float64]:
        if self.log:
            return (np.log(self.low + positions) - self._log_low) / self._log_span
        return (positions + 0.5) / self.size

    def from_unit(self, unit: NDArray[np.float64]) -> Positions:
        if self.log:
            values = np.rint(np.exp(unit[:, 0] * self._log_span + self._log_low))
            return np.clip(values.astype(np.int64) - self.low, 0, self.size - 1)
        return np.minimum((unit[:, 0] * self.size).astype(np.int64), self.size - 1)

    def unit_mass(self, positions: Positions) -> NDArray[np.float64]:
        if not self.log:
            return super().unit_mass(positions)
        values = self.low + positions
        return (np.log(values + 0.5) - np.log(values - 0.5)) / self._log_span

    def expected(self) -> str:
        step = "" if self.step == 1 else f" in steps of {self.step}"
        return f"an integer from {self.low} to {self.high}{step}"

    def nearest(self, value: Value) -> int | None:
        number = as_numbers([value])[0]
        if np.isnan(number):
            return None
        position = np.rint((np.clip(number, self.low, self.high) - self.low) / self.step)
        return self.low + int(position) * self.step

    def arguments(self) -> dict[str, Any]:
        return {"low": self.low, "high": self.high, "step": self.step, "log": self.log}


def _whole(name: str, **numbers: Any) -> list[int]:
    for label, number in numbers.items():
        if not (
            is_integer(number) or (isinstance(number, float | np.floating) and float(number).is_integer())
        ):
            raise SpaceError(f"parameter {name!r}: {label}={shown(number)} is not an integer")
    return [int(number) for number in numbers.values()]
