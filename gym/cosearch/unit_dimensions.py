"""What a unit measures, and how much of it: any product and quotient of units, such as `pJ/bit` or `mm^2`.

Prefixes are SI's, and Ki, Mi, Gi, Ti before bytes and bits. A word that is none of ours, such as `tokens`,
measures itself. "KB" is refused: some programs mean 1,000 bytes by it, others 1,024.
"""

from __future__ import annotations

import re
from fractions import Fraction
from functools import lru_cache

from cosearch.errors import CosearchError

PREFIXES = {
    "f": -15, "p": -12, "n": -9, "u": -6, "µ": -6, "μ": -6, "m": -3, "c": -2, "k": 3, "M": 6, "G": 9, "T": 12,
    "P": 15,
}  # fmt: skip
BINARY = {"Ki": 1, "Mi": 2, "Gi": 3, "Ti": 4}  # powers of 1,024
Dimensions = dict[str, int]
BASES: dict[str, tuple[Fraction, Dimensions]] = {
    "s": (Fraction(1), {"s": 1}),
    "min": (Fraction(60), {"s": 1}),
    "h": (Fraction(3600), {"s": 1}),
    "d": (Fraction(86400), {"s": 1}),
    "Hz": (Fraction(1), {"s": -1}),
    "J": (Fraction(1), {"J": 1}),
    "W": (Fraction(1), {"J": 1, "s": -1}),
    "Wh": (Fraction(3600), {"J": 1}),
    "V": (Fraction(1), {"V": 1}),
    "A": (Fraction(1), {"A": 1}),
    "m": (Fraction(1), {"m": 1}),
    "bit": (Fraction(1), {"bit": 1}),
    "B": (Fraction(8), {"bit": 1}),
    "cycles": (Fraction(1), {"cycles": 1}),
    "OP": (Fraction(1), {"OP": 1}),
    "FLOP": (Fraction(1), {"FLOP": 1}),
    "1": (Fraction(1), {}),
    "%": (Fraction(1, 100), {}),
    "ppm": (Fraction(1, 10**6), {}),
}
WORDS = {
    "sec": "s", "secs": "s", "second": "s", "seconds": "s", "hours": "h", "hour": "h", "minutes": "min",
    "b": "bit", "bits": "bit", "byte": "B", "bytes": "B", "Byte": "B", "Bytes": "B", "cycle": "cycles",
    "OPs": "OP", "ops": "OP", "Op": "OP", "Ops": "OP", "FLOPs": "FLOP", "Flop": "FLOP", "percent": "%",
}  # fmt: skip
WITHOUT_PREFIX = {"min", "h", "d", "1", "%", "ppm"}
SHORT_RATES = {"bps": "bit/s", "Bps": "B/s"}  # as in Gbps
EXPONENTS = {"²": "2", "³": "3"}


class UnitError(CosearchError, ValueError):
    """A unit that measures something else than is wanted, or that may mean two things."""


@lru_cache(maxsize=1024)
def measured(unit: str) -> tuple[Fraction, Dimensions]:
    """How many of its bases' own units a unit is, and the power of each base.

    Raises:
        UnitError: it may mean two things.

    Example:
        >>> measured("ms"), measured("pJ/bit")[1]
        ((Fraction(1, 1000), {'s': 1}), {'J': 1, 'bit': -1})
    """
    factor, dimensions = Fraction(1), Dimensions()
    for part, sign in _factors(unit):
        name, power = _power(part)
        one, of = _named(name)
        factor *= one ** (sign * power)
        for base, exponent in of.items():
            dimensions[base] = dimensions.get(base, 0) + sign * power * exponent
    return factor, {base: exponent for base, exponent in dimensions.items() if exponent}


def _factors(unit: str) -> list[tuple[str, int]]:
    for rate, spelt in SHORT_RATES.items():
        if unit.endswith(rate):
            unit = unit.removesuffix(rate) + spelt
    numerator, *denominators = unit.replace("_per_", "/").split("/")
    parts = [(part, 1) for part in re.split(r"[*·]", numerator)]
    parts += [(part, -1) for quotient in denominators for part in re.split(r"[*·]", quotient)]
    return [(part.strip() or "1", sign) for part, sign in parts]


def _power(part: str) -> tuple[str, int]:
    found = re.fullmatch(r"(.*?[^\d^])\^?(\d|²|³)", part)
    if found is None:
        return part, 1
    return found[1], int(EXPONENTS.get(found[2], found[2]))


def _named(name: str) -> tuple[Fraction, Dimensions]:
    """One unit with its prefix; a word that is none of ours measures itself, such as `tokens`."""
    for length in (0, 1, 2):
        prefix, base = name[:length], WORDS.get(name[length:], name[length:])
        if base not in BASES:
            continue
        factor, dimensions = BASES[base]
        if not prefix:
            return factor, dimensions
        if base in WITHOUT_PREFIX:
            continue
        if prefix in PREFIXES:
            return factor * Fraction(10) ** PREFIXES[prefix], dimensions
        if prefix in BINARY and "bit" in dimensions:
            return factor * Fraction(1024) ** BINARY[prefix], dimensions
        if prefix == "K" and "bit" in dimensions:
            raise UnitError(f"{name!r} may be 1,000 or 1,024 of them: say k{base} or Ki{base}")
    return Fraction(1), {name: 1}
