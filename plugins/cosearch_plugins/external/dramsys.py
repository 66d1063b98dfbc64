"""The problem `dramsys`: DRAMSys 5 itself, JSON in and text out, with the controller that is searched.

The parameters are those of `dram-controller` with controller=bank_machines, which follows DRAMSys' rules.
DRAMSys prints times in ns or ps, whichever suits their size: the unit is read with the number.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cosearch.command_simulator import (
    At,
    CommandProblem,
    CommandSettings,
    CommandSimulator,
    JsonFile,
    Program,
    RegexReport,
)
from cosearch.errors import ArgumentError
from cosearch.objectives import Metric, Objective
from cosearch.settings import InputFile, setting
from cosearch.space import DesignSpace
from cosearch_plugins.dram.controller_spaces import BANK_MACHINES

PARTS = {
    "addressmapping": "addressmapping",
    "memspec": "memspec",
    "simconfig": "simconfig",
    "mcconfig": "mcconfig",
}
"""Keys of a simulation that name a file, and the folder beside it in which DRAMSys looks for that."""

NAMES = {
    "page_policy": "PagePolicy",
    "scheduler": "Scheduler",
    "scheduler_buffer": "SchedulerBuffer",
    "request_buffer_size": "RequestBufferSize",
    "response_queue": "RespQueue",
    "refresh_max_postponed": "RefreshMaxPostponed",
    "refresh_max_pulled_in": "RefreshMaxPulledin",
    "arbiter": "Arbiter",
    "max_active_transactions": "MaxActiveTransactions",
    "power_down_policy": "PowerDownPolicy",
}
"""Our parameters as keys of DRAMSys' `mcconfig`."""

NUMBER = r"(?P<value>[-+.\deE]+)\s*(?P<unit>{unit})\s*$"
TIME = At(r"Total Time:\s+" + NUMBER.format(unit="[a-z]?s"), which="last")


class DramsysSettings(CommandSettings):
    """What DRAMSys runs."""

    simulation: InputFile = setting(
        ..., "a simulation of DRAMSys: a JSON file with `simulation`, which may name others beside it"
    )


class Dramsys(CommandProblem):
    """DRAMSys' memory controller under the traces of one of its simulation files, by DRAMSys itself.

    All of the file but its controller stays as it is. Needs DRAMSys 5 with power analysis on.
    """

    name = "dramsys"
    Settings = DramsysSettings
    settings: DramsysSettings
    space = DesignSpace(BANK_MACHINES, name="dramsys")
    metrics = (
        Metric("time_ns", "ns", "until the last answer"),
        Metric("energy_pj", "pJ", "of all channels, by DRAMPower"),
        Metric("power_mw", "mW", "of all channels, on average"),
        Metric("bandwidth_gb_per_s", "GB/s", "of all channels, on average"),
    )
    objectives = (Objective("time_ns", "min"), Objective("energy_pj", "min"))
    simulator = CommandSimulator(
        Program("DRAMSys", get="https://github.com/tukl-msd/DRAMSys", variable="COSEARCH_DRAMSYS"),
        arguments=("simulation.json",),
        files={
            "simulation.json": JsonFile(lambda names: rendered(names["settings"].simulation, names["design"]))
        },
        reports=(
            RegexReport(
                "stdout",
                {
                    "time_ns": TIME,
                    "energy_pj": At(r"Total Energy:\s+" + NUMBER.format(unit=r"\w?J"), which="sum"),
                    "power_mw": At(r"Average Power:\s+" + NUMBER.format(unit=r"\w?W"), which="sum"),
                    "bandwidth_gb_per_s": At(
                        r"AVG BW:.*\|\s+(?P<value>[.\d]+)\s+(?P<unit>GB/s)", which="sum"
                    ),
                },
            ),
        ),
    )

    def build(self) -> None:
        """Read the simulation once, to say at once what is wrong with it."""
        whole(str(self.settings.simulation))
        self.about = f"{Path(self.settings.simulation).name}, by DRAMSys"


def rendered(path: Any, design: Mapping[str, Any]) -> dict[str, Any]:
    """The simulation with the design's controller."""
    content = whole(str(path))
    chosen = {NAMES[name]: value for name, value in design.items() if name in NAMES}
    content["simulation"]["mcconfig"] = content["simulation"]["mcconfig"] | chosen
    return content


def whole(path: str) -> dict[str, Any]:
    """A simulation file with those that it names put into it, and its traces by their absolute paths.

    Raises:
        ArgumentError: it, or one that it names, is not there or is no such file.
    """
    content = _read(Path(path))
    simulation = content.get("simulation")
    if not isinstance(simulation, dict):
        raise ArgumentError(f"{path} is no simulation of DRAMSys: it has no object 'simulation'")
    folder = Path(path).resolve().parent
    for part, place in PARTS.items():
        named = simulation.get(part)
        if isinstance(named, str):
            found = next((p for p in (folder / place / named, folder / named) if p.is_file()), None)
            if found is None:
                raise ArgumentError(
                    f"{path}: {part} {named!r} is neither in {folder / place} nor in {folder}"
                )
            inner = _read(found)
            simulation[part] = inner.get(part, inner)
        elif not isinstance(named, dict):
            raise ArgumentError(f"{path}: {part} must be an object or the name of a file, got {named!r}")
    for entry in simulation.get("tracesetup", []):
        name = entry.get("name", "") if isinstance(entry, dict) else ""
        trace = next((p for p in (folder / name, folder / "traces" / name) if name and p.is_file()), None)
        if trace is not None:
            entry["name"] = str(trace)
    simulation["simconfig"] = simulation["simconfig"] | {"PowerAnalysis": True, "DatabaseRecording": False}
    return content


def _read(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ArgumentError(f"cannot read {path}: {error.strerror}") from None
    except ValueError as error:
        raise ArgumentError(f"{path} is no JSON: {error}") from None
    if not isinstance(content, dict):
        raise ArgumentError(f"{path} is no JSON object")
    return content
