"""Numbers as the tables of a validation show them; `cosearch validate` writes them the same way."""

from __future__ import annotations

import math
from decimal import Decimal

NEGLIGIBLE = 1e-9
"""A smaller relative error is that of rounding."""


def percent(value: float) -> str:
    """0.01 as "1 %", to three significant digits; nothing where there is no number."""
    if not math.isfinite(value):
        return ""
    if abs(value) < NEGLIGIBLE:
        return "0 %"
    # A share that misses some is not all.
    return "99.9 %" if 0.999 < value < 1 else f"{_digits(100 * value, 3)} %"


def quantity(value: float) -> str:
    """A number of at least a thousand in whole ones, a smaller one to four significant digits."""
    if not math.isfinite(value):
        return ""
    return f"{value:,.0f}" if abs(value) >= 1000 else _digits(value, 4)


def _digits(value: float, significant: int) -> str:
    return format(Decimal(f"{value:.{significant}g}"), ",f")
