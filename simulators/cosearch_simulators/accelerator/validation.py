"""The accelerator models against reference measurements: which tool a folder's cases are of, and its judges.

Each engine has a module `validation` with `validate(cases)`, its error table. Those that follow a tool also
have `describes(case)`, whether a case is in that tool's format; the others are judged by the cases of one of
these, and their rows stand below its own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
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


def judged_by(tool: ModuleType) -> tuple[ModuleType, ...]:
    """The modules of the engines that follow no tool of their own and are held against this one's cases."""
    from cosearch_simulators.accelerator.engines.bound import validation as bound
    from cosearch_simulators.accelerator.engines.continuous import validation as continuous
    from cosearch_simulators.accelerator.engines.npu import validation as npu

    return tuple(one for one in (continuous, bound, npu) if one.MARKER == tool.MARKER)


def validate(folder: Path, progress: Callable[[int, int], None] = lambda done, of: None) -> ValidationTable:
    """Hold the models against the cases of `folder/cases.jsonl`, one JSON object a line.

    Raises:
        SimulatorError: there is no such file, a line is not JSON, or the format is unknown.
    """
    cases = read_cases(folder / "cases.jsonl")
    for tool in tools():
        if any(tool.describes(case) for case in cases):
            table: ValidationTable = tool.validate(cases, progress)
            others = [other.validate(cases) for other in judged_by(tool)]
            return replace(
                table,
                rows=[row for one in (table, *others) for row in one.rows],
                failures=[line for one in (table, *others) for line in one.failures],
            )
    known = ", ".join(tool.__name__.rpartition(".")[2] for tool in tools())
    raise SimulatorError(f"{folder / 'cases.jsonl'}: the format is none of {known}")
