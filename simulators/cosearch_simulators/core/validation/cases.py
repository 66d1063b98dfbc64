"""The cases of a reference set, and a broken one as one line: which case, and what was expected."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cosearch_simulators.bounded_files import read_text
from cosearch_simulators.bounded_json import parse_json
from cosearch_simulators.errors import SimulatorError


def read_cases(path: Path) -> list[dict[str, Any]]:
    """The cases of a file: a JSON list of objects (`.json`), or one object a line (`.jsonl`).

    Raises:
        SimulatorError: the file cannot be read, is not JSON, or holds other than at least one object.
    """
    try:
        text = read_text(path)
    except OSError as error:
        raise SimulatorError(f"cannot read {path}: {error.strerror}") from error
    if path.suffix == ".json":
        return _listed(path, text)
    cases = []
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            case = parse_json(line)
        except ValueError as error:
            raise SimulatorError(f"{path}, line {number}: not JSON: {error}") from error
        if not isinstance(case, dict):
            raise SimulatorError(f"{path}, line {number}: expected an object, got {type(case).__name__}")
        cases.append(case)
    if not cases:
        raise SimulatorError(f"{path} has no case")
    return cases


def _listed(path: Path, text: str) -> list[dict[str, Any]]:
    try:
        cases = parse_json(text)
    except ValueError as error:
        raise SimulatorError(f"{path} is not JSON: {error}") from error
    if not isinstance(cases, list) or not cases or not all(isinstance(case, dict) for case in cases):
        raise SimulatorError(f"{path}: expected a list of at least one case")
    return cases


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
