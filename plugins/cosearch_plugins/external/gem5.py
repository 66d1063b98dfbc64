"""The problem `gem5`: an out-of-order core in a system that your script builds, from `stats.txt`.

gem5 has no fixed input: a Python script makes the system. Yours gets the design as JSON (`--design FILE`),
with the parameters of the problem `microprocessor`.
"""

from __future__ import annotations

import re

from cosearch.command_simulator import (
    CommandProblem,
    CommandSettings,
    CommandSimulator,
    JsonFile,
    Program,
    RegexReport,
)
from cosearch.command_simulator.reports import ReportError
from cosearch.objectives import Metric, Objective
from cosearch.settings import InputFile, setting
from cosearch_plugins.microprocessor.microprocessor import SPACE

BEGIN, END = "Begin Simulation Statistics", "End Simulation Statistics"
CORE = r"(?:system\.cpu\d*|board\.processor\.(?:cores\d*|start\d*)\.core)"


def last_dump(text: str) -> str:
    """The last complete dump of statistics.

    Raises:
        ReportError: there is none, or the last one is cut.
    """
    if text.count(BEGIN) > text.count(END):
        raise ReportError("the statistics are cut: there is no 'End Simulation Statistics'")
    dumps = re.findall(rf"{BEGIN}(.*?){END}", text, re.DOTALL)
    if not dumps:
        raise ReportError("there is no dump of statistics")
    return str(dumps[-1])


def statistic(name: str, unit: str, text: str) -> float:
    """A statistic of the last dump, summed over what the name matches.

    Args:
        name: a regular expression.
        unit: that gem5 must say in its comment, in brackets.
        text: of `stats.txt`.

    Raises:
        ReportError: it is not there, or in another unit.
    """
    lines = re.findall(
        rf"^{name}\s+(\S+)\s+#.*?(?:\((?:[^()]|\([^()]*\))*\))?\s*$", last_dump(text), re.MULTILINE
    )
    if not lines:
        raise ReportError(f"there is no statistic {name}")
    units = re.findall(
        rf"^{name}\s+\S+\s+#.*\(([^()]*(?:\([^()]*\))*[^()]*)\)\s*$", last_dump(text), re.MULTILINE
    )
    if wrong := [said for said in units if said != unit]:
        raise ReportError(f"{name} is in {wrong[0]}, expected {unit}")
    return sum(float(line) for line in lines)


class Gem5Settings(CommandSettings):
    """What gem5 runs."""

    script: InputFile = setting(
        ..., "a script of gem5's that takes `--design FILE`, JSON with the design, and runs the system"
    )


class Gem5(CommandProblem):
    """An out-of-order core by gem5: your script makes the system of a design, and `stats.txt` tells."""

    name = "gem5"
    Settings = Gem5Settings
    settings: Gem5Settings
    space = SPACE
    metrics = (
        Metric("time_ns", "ns", "simulated, of the whole run (simSeconds)"),
        Metric("cycles", "cycles", "of all cores (numCycles)"),
        Metric("instructions", "1", "simulated (simInsts)"),
        Metric("ipc", "1", "instructions over cycles"),
    )
    objectives = (Objective("time_ns", "min"),)
    simulator = CommandSimulator(
        Program("gem5.opt", get="https://www.gem5.org/getting_started", variable="COSEARCH_GEM5"),
        arguments=("--outdir=out", "{{ settings.script }}", "--design", "design.json"),
        files={"design.json": JsonFile(lambda names: dict(names["design"]))},
        reports=(
            RegexReport(
                "out/stats.txt",
                {
                    "time_ns": lambda text: statistic("simSeconds", "Second", text) * 1e9,
                    "cycles": lambda text: statistic(rf"{CORE}\.numCycles", "Cycle", text),
                    "instructions": lambda text: statistic("simInsts", "Count", text),
                    "ipc": lambda text: (
                        statistic("simInsts", "Count", text) / statistic(rf"{CORE}\.numCycles", "Cycle", text)
                    ),
                },
            ),
        ),
    )

    def build(self) -> None:
        """Say which script."""
        self.about = f"{self.settings.script}, by gem5"
