"""Simulators that are command-line programs: config files from a design, a run within limits, its report.

`CommandSimulator` is the program; `CommandProblem` a problem over one. A problem of its own, with a program
at one of its fidelities, calls `CommandSimulator.run` in `simulate` and names the program in `needs`.
"""

from cosearch.command_simulator.config_files import ConfigError, ConfigFile, JsonFile, Template, YamlFile
from cosearch.command_simulator.execution import Limits
from cosearch.command_simulator.problem import CommandProblem, CommandSettings
from cosearch.command_simulator.program import Program
from cosearch.command_simulator.reports import (
    STDERR,
    STDOUT,
    At,
    CsvReport,
    JsonReport,
    RegexReport,
    Report,
    ReportError,
    YamlReport,
)
from cosearch.command_simulator.simulator import CommandSimulator
from cosearch.command_simulator.units import converted
from cosearch.unit_dimensions import UnitError

__all__ = [
    "STDERR",
    "STDOUT",
    "At",
    "CommandProblem",
    "CommandSettings",
    "CommandSimulator",
    "ConfigError",
    "ConfigFile",
    "CsvReport",
    "JsonFile",
    "JsonReport",
    "Limits",
    "Program",
    "RegexReport",
    "Report",
    "ReportError",
    "Template",
    "UnitError",
    "YamlFile",
    "YamlReport",
    "converted",
]
