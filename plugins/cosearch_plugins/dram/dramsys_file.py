"""A DRAMSys simulation file as `dram-controller` takes it: memory, default design and who sends.

Imported only when such a problem is built, as it needs the simulator.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cosearch.errors import ArgumentError
from cosearch.space import Categorical, Ordinal, Parameter
from cosearch_plugins.dram.devices import Devices
from cosearch_plugins.dram.workload import read_workload
from cosearch_simulators.dram import Device, StreamedTrace, Trace
from cosearch_simulators.dram.common.memspecs.address_mapping import address_bits
from cosearch_simulators.dram.common.memspecs.memspec import memspec_device
from cosearch_simulators.dram.common.memspecs.simulation_file import DramsysSimulation, read_simulation
from cosearch_simulators.dram.common.traces.dramsys_generators import generated
from cosearch_simulators.errors import SimulatorError


@dataclass(frozen=True)
class Source:
    """Requests that somebody sends.

    Attributes:
        name: of the player.
        label: what messages call the trace.
        trace: the requests.
        tck_ps: clock period of the sender and of the trace's cycles; None: the device's.
        qos_class: of the player.
        request_bytes: what a request moves that says nothing of it.
    """

    name: str
    label: str
    trace: Trace | StreamedTrace
    tck_ps: int | None
    qos_class: int
    request_bytes: int


def simulation_of(path: str) -> DramsysSimulation:
    """The content of the file; what of it is simulated otherwise is told as a warning.

    Raises:
        ArgumentError: it cannot be read or used.
    """
    try:
        found = read_simulation(path)
    except SimulatorError as error:
        raise ArgumentError(f"simulation {error}") from None
    for note in found.notes:
        warnings.warn(f"simulation {path}: {note}", stacklevel=2)
    return found


def simulation_files(path: str) -> list[str]:
    """The file and those that it names, as far as they can be read."""
    try:
        return list(read_simulation(path).files)
    except SimulatorError:
        return [path]


def simulated_devices(path: str, simulation: DramsysSimulation) -> Devices:
    """The memory under its mapping.

    Raises:
        ArgumentError: the memspec cannot be used, or the mapping does not fit it.
    """
    try:
        device = memspec_device(simulation.memspec)
        bits = address_bits(simulation.address_mapping, device)
    except SimulatorError as error:
        raise ArgumentError(f"simulation {path}: {error}") from None
    named = Devices({(device.standard, device.speed_grade): device})
    return named.with_address_bits(bits)


def with_defaults(parameters: Sequence[Parameter], defaults: Mapping[str, Any]) -> list[Parameter]:
    """The parameters with these values as defaults, which they take up where they lack them."""
    found: list[Parameter] = []
    for parameter in parameters:
        if parameter.name in defaults and isinstance(parameter, Categorical):
            value, values = defaults[parameter.name], list(parameter.values)
            if value not in values:
                values = sorted([*values, value])
            kind = Ordinal if isinstance(parameter, Ordinal) else Categorical
            usual = kind(parameter.name, values, default=value, when=parameter.when or None)
            usual.description = parameter.description
            found.append(usual)
        else:
            found.append(parameter)
    return found


def sources(path: str, simulation: DramsysSimulation, device: Device, request_bytes: int) -> list[Source]:
    """Who sends, with their requests.

    Raises:
        ArgumentError: a trace cannot be read, or an initiator is not modelled.
        WorkloadError: likewise.
    """
    found: list[Source] = []
    for entry in simulation.initiators:
        name = re.sub(r"\W", "_", entry["label"], flags=re.ASCII)
        name = name if name.isidentifier() else f"player_{name}"
        while any(other.name == name for other in found):
            name += "_"
        length = entry.get("dataLength", request_bytes)
        if type(length) is not int or not 1 <= length <= 4096:
            raise ArgumentError(
                f"simulation {path}: {name}: dataLength must be from 1 to 4096, got {length!r}"
            )
        if "missing" in entry:
            raise ArgumentError(f"simulation {entry['missing']}")
        if entry["type"] == "hammer":
            raise ArgumentError(
                f"simulation {path}: {name} hammers rows and waits for each response, which is not modelled; "
                "give a trace as workload"
            )
        if entry["type"] == "player":
            trace = read_workload(entry["name"], request_bytes=length, device=device)
        else:
            try:
                trace = generated(entry, device.capacity_bytes, length)
            except SimulatorError as error:
                raise ArgumentError(f"simulation {path}: {error}") from None
        tck_ps = max(round(1_000_000 / entry["clkMhz"]), 1)
        found.append(Source(name, entry["name"], trace, tck_ps, 0, length))
    return found
