"""The accelerator models against reference measurements: which tool a folder's cases are of, and its judge.

Each tool has its module here with `describes(case)`, whether a case is in its format, and
`validate(cases, progress)`, the error table.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from cosearch_simulators.accelerator.validation.table import ValidationTable
from cosearch_simulators.bounded_files import read_text
from cosearch_simulators.bounded_json import parse_json
from cosearch_simulators.errors import SimulatorError


def tools() -> tuple[ModuleType, ...]:
    """The modules of the tools."""
    from cosearch_simulators.accelerator.validation import maestro, scalesim, timeloop, zigzag

    return (timeloop, zigzag, scalesim, maestro)


def validate(folder: Path, progress: Callable[[int, int], None] = lambda done, of: None) -> ValidationTable:
    """Hold the models against the cases of `folder/cases.jsonl`, one JSON object a line.

    Raises:
        SimulatorError: there is no such file, a line is not JSON, or the format is unknown.
    """
    cases = read_cases(folder / "cases.jsonl")
    for tool in tools():
        if any(tool.describes(case) for case in cases):
            table: ValidationTable = tool.validate(cases, progress)
            return table
    known = ", ".join(tool.__name__.rpartition(".")[2] for tool in tools())
    raise SimulatorError(f"{folder / 'cases.jsonl'}: the format is none of {known}")


def read_cases(path: Path) -> list[dict[str, Any]]:
    """The cases of a file.

    Raises:
        SimulatorError: the file cannot be read, has no case, or a line is not a JSON object.
    """
    try:
        lines = read_text(path).split("\n")
    except OSError as error:
        raise SimulatorError(f"cannot read {path}: {error.strerror}") from error
    cases = []
    for number, line in enumerate(lines, start=1):
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
