"""A whole DRAMSys simulation as its file states it: the memory, the mapping, the controller and who sends.

The parts stand in the file itself or in files that it names. DRAMSys 5 looks for those beside the file and in
folders named after the parts, DRAMSys 4 in `configs` beside the folder of simulations.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from reprlib import repr as short
from typing import Any

from cosearch_simulators.core.names import hint
from cosearch_simulators.dram.common.memspecs.checks import is_number
from cosearch_simulators.dram.common.memspecs.files import MAPPING_KEYS, read_object, section
from cosearch_simulators.errors import ConfigurationError

FOLDERS = {
    "memspec": ("memspec", "../configs/memspecs", "../configs/memspec"),
    "addressmapping": ("addressmapping", "../configs/amconfigs", "../configs/addressmapping"),
    "mcconfig": ("mcconfig", "../configs/mcconfigs", "../configs/mcconfig"),
    "trace": ("traces", "../traces", "../../traces"),
}
"""Where a part is looked for, from the file's own folder; first in that itself."""

CONTROLLER = {
    "PagePolicy": ("page_policy", ("Open", "OpenAdaptive", "Closed", "ClosedAdaptive")),
    "Scheduler": ("scheduler", ("Fifo", "FrFcfs", "FrFcfsGrp")),
    "SchedulerBuffer": ("scheduler_buffer", ("Bankwise", "ReadWrite", "Shared")),
    "RespQueue": ("response_queue", ("Fifo", "Reorder")),
    "RefreshPolicy": ("refresh", ("all_bank", "per_bank", "same_bank", "none")),
    "PowerDownPolicy": ("power_down_policy", ("NoPowerDown", "Staggered")),
    "Arbiter": ("arbiter", ("Simple", "Fifo", "Reorder")),
}
"""Fields of `mcconfig`: our parameter and the values that are modelled."""

COUNTS = {
    "RequestBufferSize": "request_buffer_size",
    "RefreshMaxPostponed": "refresh_max_postponed",
    "RefreshMaxPulledin": "refresh_max_pulled_in",
    "MaxActiveTransactions": "max_active_transactions",
}

WORDS = {
    "RefreshPolicy": {
        **{"AllBank": "all_bank", "PerBank": "per_bank", "SameBank": "same_bank", "NoRefresh": "none"},
        **{"Rankwise": "all_bank", "Bankwise": "per_bank", "Groupwise": "same_bank"},
    }
}
"""What DRAMSys calls a value, and called it before version 5."""


@dataclass(frozen=True)
class DramsysSimulation:
    """What a simulation file says.

    Attributes:
        memspec: content of the memspec.
        address_mapping: content of the mapping.
        controller: our parameters of the bank machines' controller; empty where the file has none.
        initiators: who sends, as `tracesetup` has them, the path of a player's trace made absolute; a trace
            that there is not has `missing`, which says so.
        notes: what of it is simulated otherwise.
        files: all that was read, and the players' traces.
    """

    memspec: Mapping[str, Any]
    address_mapping: Mapping[str, Any]
    controller: Mapping[str, Any]
    initiators: tuple[Mapping[str, Any], ...]
    notes: tuple[str, ...]
    files: tuple[str, ...]


def read_simulation(path: Path | str) -> DramsysSimulation:
    """The simulation of a file.

    Raises:
        ConfigurationError: a file cannot be read, or a part is missing, is something else or is not modelled.
    """
    path = Path(path)
    content = section(read_object(path), "simulation", where=str(path))
    files = [str(path)]
    parts: dict[str, Mapping[str, Any]] = {}
    for part, keys in (
        ("memspec", ("memspec",)),
        ("addressmapping", MAPPING_KEYS),
        ("mcconfig", ("mcconfig",)),
    ):
        value = content.get(part)
        if value is None and part == "mcconfig":
            parts[part] = {}
        elif isinstance(value, dict):
            parts[part] = section(value, *keys) if any(key in value for key in keys) else value
        elif isinstance(value, str):
            file = _found(path, part, value)
            files.append(str(file))
            parts[part] = section(read_object(file), *keys, where=f"{path}: {part} {file}")
        else:
            raise ConfigurationError(
                f"{path}: simulation.{part} must be a file's name or an object, got {short(value)}"
            )
    where = f"{path}: mcconfig"
    controller, notes = _controller(parts["mcconfig"], where)
    setup = content.get("tracesetup", [])
    if not isinstance(setup, list) or not all(isinstance(one, dict) for one in setup):
        raise ConfigurationError(
            f"{path}: simulation.tracesetup must be a list of objects, got {short(setup)}"
        )
    initiators = [_initiator(path, number, one) for number, one in enumerate(setup)]
    files += [one["name"] for one in initiators if one["type"] == "player" and Path(one["name"]).is_file()]
    return DramsysSimulation(
        parts["memspec"], parts["addressmapping"], controller, tuple(initiators), tuple(notes), tuple(files)
    )


def _found(path: Path, part: str, name: str) -> Path:
    folders = [path.parent, *(path.parent / folder for folder in FOLDERS[part])]
    for folder in folders:
        if (folder / name).is_file():
            return (folder / name).resolve()
    looked = ", ".join(str(folder) for folder in folders)
    raise ConfigurationError(f"{path}: there is no {part} {name!r}; looked in {looked}")


def _controller(mcconfig: Mapping[str, Any], where: str) -> tuple[dict[str, Any], list[str]]:
    found: dict[str, Any] = {}
    for field, (parameter, modelled) in CONTROLLER.items():
        if field in mcconfig:
            words = WORDS.get(field, {})
            given = mcconfig[field]
            value = words.get(given, given) if isinstance(given, str) else None
            if value not in modelled:
                names = tuple(words) or modelled
                raise ConfigurationError(
                    f"{where}: {field} {short(given)} is not modelled, expected one of "
                    f"{', '.join(names)}{hint(mcconfig[field], names)}"
                )
            found[parameter] = value
    for field, parameter in COUNTS.items():
        if field in mcconfig:
            value = mcconfig[field]
            if type(value) is not int or value < 0:
                raise ConfigurationError(f"{where}: {field} must be a whole number, got {short(value)}")
            found[parameter] = value
    notes = []
    if mcconfig.get("CmdMux", "Oldest") != "Oldest":
        notes.append(f"CmdMux {mcconfig['CmdMux']} is simulated as Oldest")
    if mcconfig.get("RefreshManagement"):
        notes.append("RefreshManagement is left out")
    if {"RequestBufferSizeRead", "RequestBufferSizeWrite"} & mcconfig.keys():
        sizes = [mcconfig.get(f"RequestBufferSize{kind}", 8) for kind in ("Read", "Write")]
        if len(set(sizes)) > 1:
            notes.append(
                f"RequestBufferSizeRead and -Write ({sizes[0]}, {sizes[1]}) are taken as the smaller"
            )
        if all(type(size) is int for size in sizes):
            found["request_buffer_size"] = min(sizes)
    return found, notes


def _initiator(path: Path, number: int, entry: Mapping[str, Any]) -> Mapping[str, Any]:
    where = f"{path}: simulation.tracesetup[{number}]"
    if not isinstance(entry.get("name"), str):
        raise ConfigurationError(f"{where}: name must be a text, got {short(entry.get('name'))}")
    if not is_number(entry.get("clkMhz"), 1e-3, 1e6):
        raise ConfigurationError(f"{where}: clkMhz must be a number, got {short(entry.get('clkMhz'))}")
    kind = entry.get("type")
    if kind is None:
        kind = "player"
        kind = "generator" if "numRequests" in entry else kind
        kind = "hammer" if "rowIncrement" in entry else kind
        kind = "statemachine" if "states" in entry else kind
    kind = "hammer" if kind == "rowhammer" else kind
    if kind not in ("player", "generator", "statemachine", "hammer"):
        raise ConfigurationError(f"{where}: unknown type {short(kind)}, expected player or generator")
    name = entry["name"]
    if kind == "player":
        try:
            name = str(_found(path, "trace", name))
        except ConfigurationError as error:  # whoever gives a workload of his own needs it not
            entry = {**entry, "missing": f"{error}; put it there, or give a trace as workload"}
    return {**entry, "type": kind, "name": name, "label": Path(entry["name"]).stem}
