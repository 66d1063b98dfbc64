"""Units as metrics have them, and how many of one are one of another: 1 us is 1000 ns, 1 GB/s is 1000 MB/s.

A unit is a prefix and a base (`ns`, `pJ`, `MB`), an area (`mm2`), or a quotient of these (`GB/s`, `pJ/bit`);
what else converts is in `unit_dimensions`. In the name of a column a unit is written in small letters:
`latency_us`, `energy_mj` (millijoule, never megajoule), `bandwidth_gb_per_s`.
"""

from __future__ import annotations

import re
from fractions import Fraction

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cosearch.quantities import EXPONENTS, PREFIXES
from cosearch.unit_dimensions import UnitError, measured

BINARY = {"Ki": 1, "Mi": 2, "Gi": 3, "Ti": 4}  # powers of 1024, of bytes and bits
TIMES = {"min": 60, "h": 3600, "d": 86400}
AREAS = {"nm": -18, "um": -12, "mm": -6, "cm": -4, "m": 0}
SHARES = {"1": Fraction(1), "%": Fraction(1, 100), "ppm": Fraction(1, 10**6)}

Size = tuple[str, Fraction]  # what is measured, and how many of its base unit this is


def factor(given: str, wanted: str) -> Fraction | None:
    """How many of the wanted unit one of the given unit is; None if they measure different things."""
    if given == wanted:
        return Fraction(1)
    try:
        (own, measures), (other, expected) = measured(given), measured(wanted)
    except UnitError:  # it may mean two things
        return None
    return own / other if measures == expected else None


def converted(values: ArrayLike, times: Fraction) -> NDArray[np.float64]:
    """The values times an exact factor, rounded once where that is whole or one over something whole."""
    array = np.asarray(values, dtype=np.float64)
    with np.errstate(over="ignore"):  # infinite is what it then is, and who asked says so
        scaled = array * float(times.numerator)
    return scaled if times.denominator == 1 else scaled / float(times.denominator)


def suffix(unit: str) -> str:
    """A unit as the end of a name: `gb_per_s` for GB/s, `per_s` for 1/s; empty for a plain number."""
    if unit in ("", "1"):
        return ""
    words = unit.lower().replace("/", "_per_").replace("^", "").replace(" ", "_")
    return words.removeprefix("1_") if unit.startswith("1/") else words


def stem(name: str, unit: str) -> str:
    """A metric's name without its unit at the end: `latency` of `latency_ns`."""
    end = f"_{suffix(unit)}"
    return name[: -len(end)] if len(end) > 1 and name.lower().endswith(end) and len(name) > len(end) else name


def spelled(end: str, wanted: str) -> str | None:
    """The unit that the end of a name means where one that fits `wanted` is meant; None if none is."""
    return next((unit for unit in fitting(wanted) if suffix(unit) == end.lower()), None)


def fitting(wanted: str) -> list[str]:
    """The units that fit this one, itself first; of two that names spell alike the smaller comes first."""
    over, slash, under = wanted.partition("/")
    found = [wanted]
    for numerator in _like(over):
        found += [f"{numerator}/{denominator}" for denominator in _like(under)] if slash else [numerator]
    return list(dict.fromkeys(found))


def _like(unit: str) -> list[str]:
    """The units of what a simple unit measures, the smallest first."""
    size = _simple(unit)
    if size is None:
        return [unit]
    candidates = [prefix + base for base in PREFIXES for prefix in EXPONENTS if prefix in PREFIXES[base]]
    candidates += [prefix + base for base in ("B", "bit") for prefix in BINARY]
    candidates += [*TIMES, *SHARES, *(f"{length}2" for length in AREAS)]
    alike = [(one[1], name) for name in candidates if (one := _simple(name)) and one[0] == size[0]]
    return [name for _, name in sorted(alike, key=lambda pair: pair[0])]


def _simple(unit: str) -> Size | None:
    unit = unit.strip().replace("µ", "u").replace("μ", "u")
    if unit in SHARES:
        return "1", SHARES[unit]
    if unit in TIMES:
        return "s", Fraction(TIMES[unit])
    if area := re.fullmatch(r"(nm|um|mm|cm|m)(?:\^?2|²)", unit):
        return "m2", Fraction(10) ** AREAS[area[1]]
    for base in sorted(PREFIXES, key=len, reverse=True):
        prefix = unit.removesuffix(base)
        if not unit.endswith(base):
            continue
        if prefix in EXPONENTS:
            return base, Fraction(10) ** EXPONENTS[prefix]
        if prefix in BINARY and base in ("B", "bit"):
            return base, Fraction(1024) ** BINARY[prefix]
    return None
