"""A user's own hardware, dataflow and energies of an accelerator, each from a file."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from pydantic import AfterValidator

from cosearch.errors import ArgumentError, unknown_name
from cosearch.settings import NamesFiles

if TYPE_CHECKING:
    from cosearch_simulators.accelerator.mapping.templates import Template
    from cosearch_simulators.accelerator.silicon.components import EnergyTable
    from cosearch_simulators.accelerator.system.architecture import Architecture


def _hardware_files(architecture: str) -> list[str]:
    from cosearch_simulators.accelerator.system.architecture import presets

    return [architecture] if architecture not in presets() and os.path.isfile(architecture) else []


def _hardware(architecture: str) -> str:
    from cosearch_simulators.accelerator.system.architecture import presets

    if architecture in presets():
        return architecture
    if not os.path.isfile(architecture):
        if os.path.splitext(architecture)[1] or os.sep in architecture:
            raise ArgumentError(f"architecture: there is no file {architecture}")
        raise unknown_name("architecture", architecture, presets())
    return os.path.abspath(architecture)


HardwareText = Annotated[str, AfterValidator(_hardware), NamesFiles(_hardware_files)]
"""The setting of hardware: a built-in accelerator, or a file of any tool that is read."""


def read_template(path: str) -> Template:
    """The dataflow of a YAML or JSON file.

    Raises:
        ArgumentError: the file cannot be read, or a field is missing, unknown or has a bad value.
    """
    from cosearch_simulators.accelerator.mapping.templates import Template
    from cosearch_simulators.documents import read
    from cosearch_simulators.errors import SimulatorError

    try:
        return read(Template, Path(path))
    except SimulatorError as error:
        raise ArgumentError(str(error)) from None


def read_energies(path: str, architecture: Architecture) -> EnergyTable:
    """The energies and areas of a file for some parts of an accelerator: its levels by name, and `MAC`.

    Raises:
        ArgumentError: the file cannot be read, or has a part that the accelerator has not.
    """
    from cosearch_simulators.accelerator.silicon.components import read_energy_table
    from cosearch_simulators.accelerator.system.designs import MAC, with_parts
    from cosearch_simulators.errors import SimulatorError

    parts = [MAC, *(level.name for level in architecture.levels)]
    try:
        table = read_energy_table(Path(path))
        for name in (*table.energy_pj, *table.area_um2):
            if name not in parts:
                raise ArgumentError(f"{path}: there is no part {name!r}, only {', '.join(parts)}")
        with_parts(architecture, table)
    except SimulatorError as error:
        raise ArgumentError(str(error) if path in str(error) else f"{path}: {error}") from None
    return table
