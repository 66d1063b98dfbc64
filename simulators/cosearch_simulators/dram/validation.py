"""The simulator against reference measurements: a folder with `cases.json` and `traces/*.npz`.

Each engine has a `validation` with `validate(folder, cases, progress)`, the error table against its tool.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from cosearch_simulators.core.validation.cases import read_cases

if TYPE_CHECKING:
    from cosearch_simulators.dram.engines.dramsys.validation import MemspecTable
    from cosearch_simulators.dram.engines.ramulator.validation import ValidationTable


def validate(
    folder: Path | str, progress: Callable[[int, int], None] = lambda done, cases: None
) -> ValidationTable | MemspecTable:
    """Run every case of a folder, one after another.

    Args:
        folder: with `cases.json` and `traces/`. Cases that name a `memspec` are DRAMSys' 4, with the folders
            `memspecs/` and `mappings/`; all others are Ramulator's 2.1.
        progress: called after each case with the number of cases done and of all cases.

    Raises:
        SimulatorError: the folder, a case or a trace cannot be read; the message names the case and the
            field.
    """
    from cosearch_simulators.dram.engines.dramsys import validation as dramsys
    from cosearch_simulators.dram.engines.ramulator import validation as ramulator

    cases = read_cases(Path(folder) / "cases.json")
    tool = dramsys if "memspec" in cases[0] else ramulator
    return tool.validate(Path(folder), cases, progress)
