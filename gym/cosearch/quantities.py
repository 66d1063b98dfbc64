"""How numbers are written for people, on the terminal and on a page alike.

A metric has one unit for machines (`energy_pj`, pJ), which exports and `--json` keep. A person reads 3.12 mJ,
not 3.12142e+09 pJ: a column of values, or an axis, gets the one prefix in which most of them are short.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace
from decimal import Decimal

import numpy as np
from numpy.typing import ArrayLike, NDArray

EXPONENTS = {"f": -15, "p": -12, "n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15}
# The prefixes that people use with each unit: nobody says kiloseconds, or millibytes.
PREFIXES = {
    "s": ("f", "p", "n", "u", "m", ""),
    "J": ("f", "p", "n", "u", "m", "", "k", "M", "G"),
    "W": ("p", "n", "u", "m", "", "k", "M", "G"),
    "V": ("n", "u", "m", "", "k"),
    "A": ("p", "n", "u", "m", "", "k"),
    "Hz": ("", "k", "M", "G", "T"),
    "B": ("", "k", "M", "G", "T", "P"),
    "bit": ("", "k", "M", "G", "T", "P"),
    "FLOP": ("", "k", "M", "G", "T", "P"),
    "OP": ("", "k", "M", "G", "T", "P"),
    "cycles": ("", "M", "G"),
}
AREAS = {"um": 0, "mm": 6}  # in powers of ten of a square micrometre

LEAST = 0.1  # a typical value is shown as at least so much
MOST_WITHOUT_CHANGE = 1000.0  # and keeps its metric's own unit below this
WHOLE = {"cycles": (1.0, 1e6)}  # counts are not shown as a part of a million
AREA = (0.01, 1e4)
DIGITS = (3, 6)  # significant ones: as few as keep the values of a column apart
PLAIN_DIGITS = (5, 6)  # of numbers whose unit takes no prefix
MEASURED = 300  # values of a column that are looked at for that


@dataclass(frozen=True)
class Scale:
    """How the values of one metric are shown, all of them alike.

    Attributes:
        own: the unit of the values.
        unit: the unit in which they are shown; empty for plain numbers.
        exponent: what is shown is the value divided by ten to this power.
        digits: significant ones.
    """

    own: str
    unit: str
    exponent: int = 0
    digits: int = DIGITS[1]

    @classmethod
    def of(cls, unit: str, values: ArrayLike, largest: float = 0.0) -> Scale:
        """The scale of a column or an axis.

        Args:
            unit: of the values.
            values: those that matter to the reader; what is not finite does not count.
            largest: of all that will be shown, where there are others.
        """
        known = np.asarray(values, dtype=np.float64).ravel()
        known = known[np.isfinite(known)]
        shown, exponent = _prefixed(unit, np.abs(known[known != 0.0]), largest)
        scale = cls(unit, "" if shown == "1" else shown, exponent)
        digits = _digits(scale.shown(known[:MEASURED]), *(DIGITS if _steps(unit) else PLAIN_DIGITS))
        return replace(scale, digits=digits)

    def shown(self, values: ArrayLike) -> NDArray[np.float64]:
        """The values in the unit in which they are shown."""
        array = np.asarray(values, dtype=np.float64)
        return array / 10.0**self.exponent if self.exponent >= 0 else array * 10.0**-self.exponent

    def text(self, value: float, digits: int | None = None) -> str:
        """A value without its unit, as in a column whose heading has it, to so many digits."""
        return number(float(self.shown(value)), digits or self.digits)

    def quantity(self, value: float, digits: int | None = None) -> str:
        """A value with its unit."""
        return f"{self.text(value, digits)} {self.unit}".rstrip()

    def name(self, metric: str) -> str:
        """The metric's name, without the unit at its end where another one is shown."""
        return metric if self.exponent == 0 else _without_unit(metric, self.own)

    def heading(self, metric: str) -> str:
        """The head of a column, or the title of an axis."""
        return f"{self.name(metric)} [{self.unit}]" if self.unit else metric


def number(value: float | None, digits: int = 5) -> str:
    """A number to `digits` significant digits, without an exponent where that is short; a dash for none.

    Whole numbers are not rounded: 1234567 is "1,234,567" also to three digits.
    """
    if value is None or not math.isfinite(value):
        return "–"
    if value == 0:
        return "0"
    magnitude = math.floor(math.log10(abs(value)))
    if -4 <= magnitude < (9 if digits >= 4 else 6):
        text = f"{value:,.{max(digits - 1 - magnitude, 0)}f}"
        return text.rstrip("0").rstrip(".") if "." in text else text
    mantissa, _, exponent = f"{value:.{digits - 1}e}".partition("e")
    return f"{mantissa.rstrip('0').rstrip('.') if '.' in mantissa else mantissa}e{int(exponent)}"


def quantity(value: float, unit: str, digits: int = 4) -> str:
    """A single number with its unit and the prefix that a person would give it: 3.121 mJ."""
    return Scale.of(unit, [value]).quantity(value, digits if _steps(unit) else digits + 1)


def relative_error(value: float) -> str:
    """0.01 as "1 %", to three significant digits; below 1e-9 it is one of rounding."""
    if not math.isfinite(value):
        return ""
    if abs(value) < 1e-9:
        return "0 %"
    # A share that misses some is not all.
    if 0.999 < value < 1:
        return "99.9 %"
    return f"{Decimal(f'{100 * value:.3g}'):,f} %"


def percent(share: float) -> str:
    """A share in percent, so that only the whole is 100 %."""
    if not math.isfinite(share):
        return "–"
    if share >= 1:
        return "100 %"
    return f"{min(100 * share, 99.9):.1f} %" if share >= 0.9 else f"{100 * share:.0f} %"


def duration(seconds: float) -> str:
    """A time span as people say it."""
    if seconds < 60:
        return f"{number(seconds, 3)} s"
    if seconds < 3600:
        return f"{int(seconds // 60)} min {int(seconds % 60)} s"
    return f"{int(seconds // 3600)} h {int(seconds % 3600 // 60)} min"


def count(n: int, one: str, many: str = "") -> str:
    """`3 designs`, `1 design`."""
    return f"{n:,} {one if n == 1 else many or one + 's'}"


@dataclass(frozen=True)
class _Steps:
    """The units that may stand for one: what they begin with, and the power of ten that each is."""

    own: int
    units: dict[int, str]
    least: float = LEAST
    unchanged: tuple[float, float] = (LEAST, MOST_WITHOUT_CHANGE)


def _steps(unit: str) -> _Steps | None:
    """The units that may be shown for this one; None for one that takes no prefix."""
    area = re.fullmatch(r"(um|mm)(\^?2|²)", unit)
    if area:
        units = {exponent: name + area[2] for name, exponent in AREAS.items()}
        return _Steps(AREAS[area[1]], units, AREA[0], AREA)
    head, rest = re.fullmatch(r"([^/ ]*)(.*)", unit, re.DOTALL).groups()  # type: ignore[union-attr]
    for base, allowed in PREFIXES.items():
        prefix = head.removesuffix(base).replace("µ", "u")
        if head.endswith(base) and prefix in EXPONENTS:
            units = {EXPONENTS[step]: step + base + rest for step in allowed}
            units[EXPONENTS[prefix]] = unit
            least, most = WHOLE.get(base, (LEAST, MOST_WITHOUT_CHANGE))
            return _Steps(EXPONENTS[prefix], units, least, (min(least, LEAST), most))
    return None


def _prefixed(unit: str, sizes: NDArray[np.float64], largest: float) -> tuple[str, int]:
    """The unit in which positive values are shown, and the power of ten between it and theirs."""
    steps = _steps(unit)
    if steps is None or not len(sizes):
        return unit, 0
    middle = float(np.sort(sizes)[(len(sizes) - 1) // 2])
    low, high = steps.unchanged
    if low <= middle < high:
        return unit, 0
    exponents = sorted(steps.units)
    place = math.log10(middle) + steps.own - math.log10(steps.least) + 1e-9
    fitting = [exponent for exponent in exponents if exponent <= place] or exponents[:1]
    change = fitting[-1] - steps.own
    if (
        change < 0 and max(float(sizes.max()), largest) > 1e300 / 10.0**-change
    ):  # the largest numbers do not grow further
        return unit, 0
    return steps.units[fitting[-1]], change


def _digits(shown: NDArray[np.float64], fewest: int, most: int) -> int:
    values = shown.tolist()
    apart = len({number(value, most) for value in values})
    for digits in range(fewest, most):
        if len({number(value, digits) for value in values}) == apart:
            return digits
    return most


def _without_unit(metric: str, unit: str) -> str:
    suffix = "_" + unit.lower().replace("/", "_per_").replace(" ", "_").replace("^", "").replace("µ", "u")
    return metric[: -len(suffix)] if metric.lower().endswith(suffix) and len(metric) > len(suffix) else metric
