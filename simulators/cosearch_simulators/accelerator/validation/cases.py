"""A broken case of a reference set as one line: which case, of which tool, and what was expected."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from cosearch_simulators.errors import SimulatorError


@contextmanager
def reading(tool: str, case: Mapping[str, Any]) -> Iterator[None]:
    """Name the case and the tool in whatever a field that is missing, or of another kind, leads to.

    Raises:
        SimulatorError: in place of the error inside.
    """
    try:
        yield
    except KeyError as error:
        raise SimulatorError(f"case {case.get('id', '?')} of {tool} has no {error}") from error
    except SimulatorError as error:
        raise SimulatorError(f"case {case.get('id', '?')} of {tool}: {error}") from error
    except (TypeError, ValueError, IndexError, AttributeError, ArithmeticError, StopIteration) as error:
        reason = " ".join(str(error).split()) or "something is missing"
        raise SimulatorError(f"case {case.get('id', '?')} of {tool} cannot be read: {reason}") from error


@contextmanager
def beyond_us(missed: list[str]) -> Iterator[None]:
    """Keep the line of a case that our model refuses, so that it is missed and the others are judged.

    Raises:
        SimulatorError: the case itself is broken.
    """
    try:
        yield
    except SimulatorError as error:
        if not isinstance(error.__cause__, SimulatorError):
            raise
        missed.append(str(error))


def finished(cases: Any) -> list[Any]:
    """The cases for which the tool has an answer."""
    return [case for case in cases if case.get("status", "ok") == "ok"]


def number(value: Any, least: float = 0.0) -> float:
    """A recorded number.

    Raises:
        ValueError: it is none, or below the least.
    """
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not value >= least:
        raise ValueError(f"expected a number of at least {least:g}, got {value!r}")
    return float(value)


def seconds(case: Mapping[str, Any]) -> float:
    """The time that the tool took.

    Raises:
        ValueError: it is no positive number.
    """
    return number(case["wall_s"], 1e-9)
