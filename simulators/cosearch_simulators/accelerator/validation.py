"""The accelerator models against reference measurements: which tool a folder's cases are of, and its judge.

Each tool has its module here with `describes(case)`, whether a case is in its format, and
`validate(cases, progress)`, the error table.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType

from cosearch_simulators.core.validation.cases import read_cases
from cosearch_simulators.core.validation.table import ValidationTable
from cosearch_simulators.errors import SimulatorError


def tools() -> tuple[ModuleType, ...]:
    """The modules of the tools."""
    from cosearch_simulators.accelerator.engines.maestro import validation as maestro
    from cosearch_simulators.accelerator.engines.scalesim import validation as scalesim
    from cosearch_simulators.accelerator.engines.timeloop import validation as timeloop
    from cosearch_simulators.accelerator.engines.zigzag import validation as zigzag

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
