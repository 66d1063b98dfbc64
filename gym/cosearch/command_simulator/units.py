"""A number of a report in the unit of a metric."""

from __future__ import annotations

from cosearch import units
from cosearch.unit_dimensions import UnitError, measured


def converted(value: float, unit: str, wanted: str) -> float:
    """A number in another unit, rounded once.

    Raises:
        UnitError: the two do not measure the same, or one may mean two things.

    Example:
        >>> converted(12500.0, "ps", "ns"), converted(3.0, "GB/s", "Gbit/s")
        (12.5, 24.0)
    """
    times = units.factor(unit.strip(), wanted.strip())
    if times is None:
        measured(unit.strip())  # says so where it may mean two things
        raise UnitError(f"it is in {unit!r}, which is no unit for {wanted!r}")
    return float(units.converted(value, times))
