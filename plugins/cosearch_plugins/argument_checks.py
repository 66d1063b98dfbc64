"""Numbers and objects among the arguments of problems, each refusal one line that names the argument."""

from __future__ import annotations

from reprlib import repr as shown
from typing import Any

from cosearch.arguments import json_value
from cosearch.errors import ArgumentError


def whole_number(argument: str, value: object, least: int, most: int | None = None) -> int:
    """The value, a whole number within these bounds.

    Raises:
        ArgumentError: it is none.
    """
    if isinstance(value, bool) or not hasattr(value, "__index__"):
        raise ArgumentError(f"{argument} must be a whole number, got {value!r}")
    number: int = value.__index__()
    if number < least or (most is not None and number > most):
        bounds = f"at least {least}" if most is None else f"from {least} to {most}"
        raise ArgumentError(f"{argument} must be {bounds}, got {number}")
    return number


def json_object(argument: str, text: str) -> dict[str, Any]:
    """The object that a text holds.

    Raises:
        ArgumentError: it is no JSON.
    """
    try:
        found: dict[str, Any] = json_value(text)
    except ValueError as error:
        raise ArgumentError(f"{argument}={shown(text)} is not JSON: {error}") from None
    return found


def thread_count(threads: int | None) -> int | None:
    """The argument `threads`; None leaves it to the simulator, which takes the cores that it may use.

    Raises:
        ArgumentError: it is no whole number of at least 1.
    """
    return None if threads is None else whole_number("threads", threads, 1)
