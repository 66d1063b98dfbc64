"""Reading a number that a user or a file gave: the number, or one line that says what was expected."""

from __future__ import annotations

import math

from cosearch_simulators.errors import ConfigurationError, SimulatorError, shown


def whole(what: str, value: object, least: int, most: int | None = None) -> int:
    """A whole number within these bounds, of Python or numpy.

    Raises:
        ConfigurationError: it is none.
    """
    bounds = f"of {least} or more" if most is None else f"from {least} to {most}"
    if isinstance(value, bool) or not hasattr(value, "__index__"):
        raise ConfigurationError(f"{what} must be a whole number {bounds}, got {shown(value)}")
    found = int(value.__index__())
    if found < least or (most is not None and found > most):
        raise ConfigurationError(f"{what} must be a whole number {bounds}, got {shown(found)}")
    return found


def number(what: str, value: object, least: float = 0.0, *, above: bool = False) -> float:
    """A finite number of at least `least`, or above it.

    Raises:
        SimulatorError: it is none.
    """
    if not isinstance(value, bool) and isinstance(value, (int, float)):
        try:
            found = float(value)
        except OverflowError:
            found = math.inf
        if math.isfinite(found) and (found > least if above else found >= least):
            return found
    bound = f"above {least:g}" if above else f"of {least:g} or more"
    raise SimulatorError(f"{what} must be a number {bound}, got {shown(value)}")
