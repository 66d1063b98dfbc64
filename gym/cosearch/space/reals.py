"""The Real parameter: a continuous axis, stored as a very fine grid so that every encoding is exact.

A float that went through a logarithm does not come back bit for bit. A Real therefore holds decimal
numbers only: multiples of a power of ten that splits the span into 10^11 to 10^12 parts, or, on a log
scale, numbers of ten significant digits. Both bounds are kept exactly. 0.1 stays 0.1, anything finer is
rounded, and the position on the grid is an integer like that of every other parameter.
"""

# ruff: noqa: D102 -- `Parameter` documents what each kind overrides
from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosearch.errors import SpaceError, shown
from cosearch.space.parameters import Parameter, Positions
from cosearch.space.values import Value, as_numbers

SPAN_DIGITS = 12  # decimals of the span on a linear scale
LINEAR_DIGITS = 14  # at most, of the larger bound: float64 holds 15 decimal digits
LOG_DIGITS = 10  # significant digits on a log scale
_DECADE = 9 * 10 ** (LOG_DIGITS - 1)  # numbers of ten significant digits between 1 and 10
_MAX_POWER = 300
_EXACT_POWER = 22  # the largest power of ten that float64 holds exactly


class Real(Parameter):
    """The numbers from low to high; with `log`, a factor counts as much anywhere in the range.

    Example:
        >>> Real("voltage_v", 0.6, 1.2).values_at(np.array([1]))
        [0.600000000001]
    """

    kind = "real"

    def __init__(
        self,
        name: str,
        low: float,
        high: float,
        *,
        log: bool = False,
        default: Value = ...,
        when: Mapping[str, Any] | None = None,
        description: str = "",
    ) -> None:
        super().__init__(name, when, description)
        numbers = as_numbers([low, high])
        self.low, self.high, self.log = float(numbers[0]), float(numbers[1]), bool(log)
        if not (np.isfinite(numbers).all() and np.abs(numbers).max() < 1e250 and self.low < self.high):
            raise SpaceError(
                f"parameter {name!r}: low={shown(low)}, high={shown(high)}; expected finite low < high"
            )
        if self.log and self.low < 1e-250:
            raise SpaceError(f"parameter {name!r}: log=True needs low > 0, not low={low!r}")
        span_digits = SPAN_DIGITS - math.ceil(math.log10(self.high - self.low))
        bound_digits = LINEAR_DIGITS - math.ceil(math.log10(max(abs(self.low), abs(self.high))))
        self._decimals = min(span_digits, bound_digits, _MAX_POWER)
        self._first = int(self._grid_number(np.array([self.low]))[0])
        self.size = int(self._grid_number(np.array([self.high]))[0]) - self._first + 1
        if self.size < 2:
            raise SpaceError(f"parameter {name!r}: low={low!r} and high={high!r} are too close to tell apart")
        self._set_default(default, int(self.from_unit(np.array([[0.5]]))[0]))

    def column(self, positions: Positions) -> NDArray[np.float64]:
        values = self._grid_value(positions + self._first)
        values[positions == 0] = self.low
        values[positions == self.size - 1] = self.high
        return values

    def positions_of(self, values: Sequence[Value] | NDArray[Any]) -> Positions:
        numbers = as_numbers(values)
        with np.errstate(invalid="ignore"):
            good = (numbers >= self.low) & (numbers <= self.high)
        positions = self._grid_number(np.where(good, numbers, self.low)) - self._first
        return np.where(good, np.clip(positions, 0, self.size - 1), -1)

    def to_unit(self, positions: Positions) -> NDArray[np.float64]:
        if self.log:
            return np.clip(
                np.log(self.column(positions) / self.low) / math.log(self.high / self.low), 0.0, 1.0
            )
        return positions / (self.size - 1)

    def from_unit(self, unit: NDArray[np.float64]) -> Positions:
        if self.log:
            values = self.low * np.exp(unit[:, 0] * math.log(self.high / self.low))
            return self.positions_of(np.clip(values, self.low, self.high))
        return np.rint(unit[:, 0] * (self.size - 1)).astype(np.int64)

    def expected(self) -> str:
        return f"a number from {self.low!r} to {self.high!r}"

    def nearest(self, value: Value) -> float | None:
        number = as_numbers([value])[0]
        return None if np.isnan(number) else float(np.clip(number, self.low, self.high))

    def arguments(self) -> dict[str, Any]:
        return {"low": self.low, "high": self.high, "log": self.log}

    def _grid_number(self, values: NDArray[np.float64]) -> Positions:
        """The integer that names the decimal number nearest to each value; it grows with the value."""
        if not self.log:
            return np.rint(_times_power_of_ten(values, np.full(len(values), self._decimals))).astype(np.int64)
        exponents = np.floor(np.log10(values)).astype(np.int64)
        digits = np.rint(_times_power_of_ten(values, LOG_DIGITS - 1 - exponents)).astype(np.int64)
        return exponents * _DECADE + digits - 10 ** (LOG_DIGITS - 1)

    def _grid_value(self, numbers: Positions) -> NDArray[np.float64]:
        """The inverse of `_grid_number`: the float64 that is nearest to the decimal number."""
        if not self.log:
            return _decimal(numbers, np.full(len(numbers), -self._decimals))
        exponents, digits = np.divmod(numbers, _DECADE)
        return _decimal(digits + 10 ** (LOG_DIGITS - 1), exponents - (LOG_DIGITS - 1))


def _decimal(digits: Positions, exponents: Positions) -> NDArray[np.float64]:
    """`digits * 10**exponents`, correctly rounded."""
    values = _times_power_of_ten(digits.astype(np.float64), exponents)
    inexact = np.flatnonzero(np.abs(exponents) > _EXACT_POWER)
    if len(inexact):  # beyond 10**22 only the decimal parser rounds correctly
        values[inexact] = [float(f"{digits[i]}e{exponents[i]}") for i in inexact]
    return values


def _times_power_of_ten(values: NDArray[np.float64], exponents: Positions) -> NDArray[np.float64]:
    powers = _POWERS_OF_TEN[np.abs(exponents)]
    return np.where(exponents >= 0, values * powers, values / powers)


_POWERS_OF_TEN = np.array([float(f"1e{k}") for k in range(_MAX_POWER + 1)])
