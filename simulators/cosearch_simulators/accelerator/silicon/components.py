"""Energy and area of an accelerator's parts, from published figures, and tables that replace them.

All figures are for 45 nm and are scaled to other nodes by `energy_scale` and `area_scale`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from cosearch_simulators.core.names import hint
from cosearch_simulators.documents import load
from cosearch_simulators.errors import ConfigurationError, shown

# A. Stillmaker, B. Baas: "Scaling equations for the accurate prediction of CMOS device performance from 180
# nm to 7 nm", Integration 58 (2017), 74-81: area relative to 45 nm, and energy = a V^2 + b V + c of a supply
# of V volts.
NODES_NM = (130.0, 90.0, 65.0, 45.0, 32.0, 20.0, 16.0, 14.0, 10.0, 7.0)
AREA_OF_45_NM = (6.4, 2.8, 1.5, 1.0, 0.46, 0.21, 0.19, 0.17, 0.10, 0.059)
ENERGY_COEFFICIENTS = (
    (7.171, -6.709, 2.904),
    (4.762, -4.781, 2.092),
    (3.755, -4.398, 1.975),
    (1.103, -0.362, 0.2767),
    (0.9559, -0.7823, 0.471),
    (0.373, -0.1582, 0.04104),
    (0.2958, -0.1241, 0.03024),
    (0.2363, -0.09675, 0.02239),
    (0.2068, -0.09311, 0.02375),
    (0.1776, -0.09097, 0.02447),
)

# M. Horowitz: "Computing's energy problem (and what we can do about it)", ISSCC 2014, 10-14, 45 nm at 0.9 V:
# energy of integer operations, and of reading 64 bits from a cache of this many KiB.
SUPPLY_V = 0.9
ADD_PJ = {8: 0.03, 32: 0.1}
MULTIPLY_PJ = {8: 0.2, 32: 3.1}
CACHE_64_BIT_PJ = {8.0: 10.0, 32.0: 20.0, 1024.0: 100.0}
# Areas of the same operations, as published with those energies (W. Dally: "High-performance hardware for
# machine learning", NIPS tutorial 2015).
ADD_UM2 = {8: 36.0, 32: 137.0}
MULTIPLY_UM2 = {8: 282.0, 32: 3495.0}

# Energy of a bit from off-chip memory, interface included: DDR3 from Horowitz's 1.3 nJ for 64 bits; GDDR5 and
# HBM2 from M. O'Connor et al.: "Fine-grained DRAM", MICRO 2017, 41-54.
DRAM_PJ_A_BIT = {"ddr3": 1300.0 / 64, "gddr5": 14.0, "hbm2": 3.92}

# Six-transistor cell of a 45 nm process: K. Mistry et al.: "A 45nm logic technology", IEDM 2007. Decoders,
# sense amplifiers and wiring are taken to need as much again, an assumption. A register is a flip-flop a bit:
# cell DFF_X1 of the NanGate 45 nm open cell library.
SRAM_CELL_UM2 = 0.346
ARRAY_EFFICIENCY = 0.5
FLIP_FLOP_UM2 = 4.522

# The built-in technology model of Timeloop (its PAT): 16 bits from DRAM, and from 0.5 KiB and 100 KiB of
# SRAM.
TIMELOOP_DRAM_PJ = 200.0
TIMELOOP_SRAM_PJ = {0.5: 1.0, 100.0: 6.0}
TIMELOOP_MAC_PJ = 1.0


@lru_cache(maxsize=256)
def energy_scale(to_nm: float, from_nm: float = 45.0, supply_v: float = SUPPLY_V) -> float:
    """Energy of the same circuit in another technology at the same supply.

    Raises:
        ConfigurationError: a node is outside 7 to 130 nm.
    """
    values = [np.polyval(coefficients, supply_v) for coefficients in ENERGY_COEFFICIENTS]
    return _at_node(to_nm, values) / _at_node(from_nm, values)


def area_scale(to_nm: float, from_nm: float = 45.0) -> float:
    """Area of the same circuit in another technology.

    Raises:
        ConfigurationError: a node is outside 7 to 130 nm.
    """
    return _at_node(to_nm, AREA_OF_45_NM) / _at_node(from_nm, AREA_OF_45_NM)


def mac_energy_pj(word_bits: int, technology_nm: float = 45.0) -> float:
    """Energy of a multiplication of two words and an addition at twice their width."""
    energy = _between(MULTIPLY_PJ, word_bits) + _between(ADD_PJ, 2 * word_bits)
    return energy * energy_scale(technology_nm)


def mac_area_um2(word_bits: int, technology_nm: float = 45.0) -> float:
    """Area of a multiplier of two words and an adder of twice their width."""
    return (_between(MULTIPLY_UM2, word_bits) + _between(ADD_UM2, 2 * word_bits)) * area_scale(technology_nm)


def sram_energy_pj(capacity_bits: float, access_bits: float, technology_nm: float = 45.0) -> float:
    """Energy of an access to an array; those smaller than the published follow the same power law."""
    return _between(CACHE_64_BIT_PJ, capacity_bits / 8192) * access_bits / 64 * energy_scale(technology_nm)


def sram_area_um2(capacity_bits: float, technology_nm: float = 45.0) -> float:
    """Area of an array with its periphery."""
    return capacity_bits * SRAM_CELL_UM2 / ARRAY_EFFICIENCY * area_scale(technology_nm)


def register_area_um2(capacity_bits: float, technology_nm: float = 45.0) -> float:
    """Area of the flip-flops of a register file."""
    return capacity_bits * FLIP_FLOP_UM2 * area_scale(technology_nm)


def dram_energy_pj(access_bits: float, memory: str = "ddr3") -> float:
    """Energy of an off-chip access; it follows the memory's own technology.

    Raises:
        ConfigurationError: there is no such memory.
    """
    if memory not in DRAM_PJ_A_BIT:
        raise ConfigurationError(f"unknown memory {memory!r}{hint(memory, DRAM_PJ_A_BIT)}")
    return access_bits * DRAM_PJ_A_BIT[memory]


def timeloop_sram_energy_pj(capacity_bits: float, access_bits: float) -> float:
    """Energy of an access in Timeloop's built-in model: linear in the capacity."""
    (small, low), (large, high) = TIMELOOP_SRAM_PJ.items()
    return (low + (capacity_bits / 8192 - small) * (high - low) / (large - small)) * access_bits / 16


def _between(points: Mapping[Any, float], at: float) -> float:
    """A power law through the two published points around, or nearest to, this one."""
    keys = sorted(points)
    upper = next((index for index, key in enumerate(keys) if key >= at), len(keys) - 1)
    upper = max(upper, 1)
    left, right = keys[upper - 1], keys[upper]
    exponent = np.log(points[right] / points[left]) / np.log(right / left)
    return float(points[left] * (at / left) ** exponent)


def _at_node(nm: float, values: Any) -> float:
    if not NODES_NM[-1] <= nm <= NODES_NM[0]:
        raise ConfigurationError(
            f"technology_nm must be from {NODES_NM[-1]:g} to {NODES_NM[0]:g}, got {nm:g}"
        )
    return float(np.interp(nm, NODES_NM[::-1], list(values)[::-1]))


@dataclass(frozen=True)
class EnergyTable:
    """Energies and areas by component that replace the published ones.

    Attributes:
        energy_pj: by component and action; `read` and `write` of a storage, any action of the MAC.
        area_um2: by component.

    Raises:
        ConfigurationError: a number that is negative or not finite.
    """

    energy_pj: Mapping[str, Mapping[str, float]]
    area_um2: Mapping[str, float]

    def __post_init__(self) -> None:
        numbers = [
            (f"{component}: the energy of {action}", energy)
            for component, actions in self.energy_pj.items()
            for action, energy in actions.items()
        ]
        numbers += [(f"{component}: the area", area) for component, area in self.area_um2.items()]
        for what, number in numbers:
            if not 0 <= number < np.inf:
                raise ConfigurationError(f"{what} must be a finite number of at least 0, got {number:g}")

    def energy(self, component: str, actions: tuple[str, ...]) -> float:
        """Energy of the first of these actions that a component has.

        Raises:
            ConfigurationError: there is no such component, or none of the actions.
        """
        if not self.energy_pj:
            raise ConfigurationError("the energy table has areas only: read a file with energies too")
        if component not in self.energy_pj:
            raise ConfigurationError(
                f"the energy table has no component {component!r}{hint(component, self.energy_pj)}"
            )
        table = self.energy_pj[component]
        for action in actions:
            if action in table:
                return table[action]
        raise ConfigurationError(
            f"the energy table's {component} has no action {' or '.join(actions)}, only {', '.join(table)}"
        )


def read_energy_table(*paths: Path) -> EnergyTable:
    """The tables in the files.

    Any of:

    - Accelergy's energy reference table (`ERT: tables:` of name and actions, in pJ) and area reference table
      (`ART:`, um2); a component goes by the last part of its name, without the range of its instances;
    - `components:` of name and `read_energy_pj`, `write_energy_pj`, `compute_energy_pj`, `area_um2`, as a
      script over HWComponents writes it.

    Raises:
        ConfigurationError: a file cannot be read or is neither, or a number is negative or not finite.
    """
    energy: dict[str, dict[str, float]] = {}
    area: dict[str, float] = {}
    for path in paths:
        data = load(path)
        try:
            _take(data, energy, area)
            EnergyTable(energy, area)
        except ConfigurationError as error:
            raise ConfigurationError(f"{path}: {error}") from error
    return EnergyTable(energy, area)


def _take(data: Any, energy: dict[str, dict[str, float]], area: dict[str, float]) -> None:
    if data is None:
        raise ConfigurationError("is empty, expected ERT, ART or components")
    if not isinstance(data, dict) or not set(data) & {"ERT", "ART", "components"}:
        found = ", ".join(map(str, data)) if isinstance(data, dict) else repr(data)
        raise ConfigurationError(f"expected ERT, ART or components, got {found:.60}")
    for number, table in enumerate(_tables(data, "ERT")):
        name = _entry(table, "name", str, where=f"ERT.tables.{number}")
        actions = {
            _entry(action, "name", str, where=f"{name}.actions.{place}"): _number(action, "energy", name)
            for place, action in reversed(list(enumerate(_entry(table, "actions", list, where=name))))
        }
        energy.setdefault(_short(name), {}).update(actions)
    for number, table in enumerate(_tables(data, "ART")):
        name = _entry(table, "name", str, where=f"ART.tables.{number}")
        area[_short(name)] = _number(table, "area", name)
    components = _entry(data, "components", dict, {})
    for name in components:
        values = _entry(components, name, dict)
        for key in values:
            if key == "area_um2":
                area[name] = _number(values, key, name)
            elif str(key).endswith("_energy_pj"):
                energy.setdefault(name, {})[key.removesuffix("_energy_pj")] = _number(values, key, name)
            else:
                raise ConfigurationError(
                    f"{name}: unknown {key!r}, expected area_um2 or an action with _energy_pj behind it"
                )


_KINDS: dict[type, str] = {dict: "a mapping", list: "a list", str: "a text"}


def _tables(data: dict[str, Any], kind: str) -> list[Any]:
    found: list[Any] = _entry(_entry(data, kind, dict, {}), "tables", list, [], kind)
    return found


def _entry(data: Any, key: str, kind: type, missing: Any = None, where: str = "") -> Any:
    """A value of a YAML mapping, which must be of this kind."""
    found = data.get(key, missing) if isinstance(data, dict) else None
    if not isinstance(found, kind):
        place = f"{where}: " if where else ""
        raise ConfigurationError(f"{place}{key} must be {_KINDS[kind]}, got {shown(found)}")
    return found


def _number(data: dict[str, Any], key: str, where: str) -> float:
    found = data.get(key) if isinstance(data, dict) else None
    try:
        if isinstance(found, bool):
            raise TypeError
        return float(found)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        raise ConfigurationError(f"{where}: {key} must be a number, got {shown(found)}") from None


def _short(name: str) -> str:
    return re.sub(r"\[[^]]*\]", "", name).rpartition(".")[2]
