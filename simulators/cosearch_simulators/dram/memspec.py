"""Devices from DRAMSys' files: a `memspec` (organisation, timings, currents) and a CONGEN address mapping.

The timing rules of each memory type are in `memspec_rules`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from math import isfinite
from pathlib import Path
from typing import Any

from cosearch_simulators.dram.device import Device, build_device
from cosearch_simulators.dram.mapping import AddressBits
from cosearch_simulators.dram.memspec_rules import MEMSPEC_STANDARDS
from cosearch_simulators.dram.published_energies import HBM2_ENERGY, LPDDR4_ENERGY
from cosearch_simulators.dram.rules import cycles_of, evaluate
from cosearch_simulators.dram.standard import Currents, Organization, Standard
from cosearch_simulators.errors import ConfigurationError

FIELDS = {
    "channel": ("CHANNEL_BIT",),
    "bank": ("BANK_BIT", "BANKGROUP_BIT", "RANK_BIT"),
    "row": ("ROW_BIT",),
    "column": ("COLUMN_BIT",),
    "byte": ("BYTE_BIT",),
}
"""The lists of a CONGEN mapping, from the least significant part of each field."""

PUBLISHED_ENERGIES = {"LPDDR4": LPDDR4_ENERGY, "HBM2": HBM2_ENERGY}
"""Of the memory types that DRAMPower has no model of."""


def read_memspec(path: Path | str, address_mapping: Path | str) -> Device:
    """The device of a memspec file under an address mapping file.

    Raises:
        ConfigurationError: a file that cannot be read, a field that is missing, a memory type that is not
            known, or a mapping that does not fit the memspec.
    """
    memspec, congen = _read(path, "memspec"), _read(address_mapping, "CONGEN")
    try:
        device = memspec_device(memspec)
        return replace(device, address_bits=address_bits(congen, device))
    except KeyError as error:
        raise ConfigurationError(f"{path} with {address_mapping}: field {error} is missing") from error
    except ConfigurationError as error:
        raise ConfigurationError(f"{path} with {address_mapping}: {error}") from error


def memspec_device(memspec: Mapping[str, Any]) -> Device:
    """The device that the content of a memspec describes.

    Raises:
        KeyError: a field is missing.
        ConfigurationError: an unknown memory type, or a count that is not a power of two.
    """
    memspec = _in_older_words(memspec)
    kind, architecture = memspec["memoryType"], memspec["memarchitecturespec"]
    if kind not in MEMSPEC_STANDARDS:
        raise ConfigurationError(f"memoryType {kind!r} is not one of {', '.join(MEMSPEC_STANDARDS)}")
    _check_numbers(memspec, kind)
    rules = MEMSPEC_STANDARDS[kind]
    groups = architecture.get("nbrOfBankGroups", 1)
    chip = Organization(
        density_mb=architecture["nbrOfBanks"]
        * architecture["nbrOfRows"]
        * architecture["nbrOfColumns"]
        * architecture["width"]
        >> 20,
        dq_bits=architecture["width"],
        bankgroups=groups,
        banks=architecture["nbrOfBanks"] // groups,
        rows=architecture["nbrOfRows"],
        columns=architecture["nbrOfColumns"],
    )
    timings = _timings(memspec)
    standard = Standard(
        name=kind,
        levels=rules.levels,
        prefetch=architecture["burstLength"],
        channel_width_bits=architecture["width"] * architecture.get("nbrOfDevicesOnDIMM", 1),
        read_latency=rules.read_latency,
        write_latency=rules.write_latency,
        organizations={},
        speed_grades=(),
        timings=lambda organization, speed_grade: timings,
        rules=rules.rules,
        currents={(chip.density_mb, chip.dq_bits, timings["rate"]): _currents(memspec)}
        if kind not in PUBLISHED_ENERGIES
        else {},
        energy=PUBLISHED_ENERGIES.get(kind),
        pseudo_channels=kind == "HBM2",
        bus_cycles=rules.bus_cycles,
        row_bus=rules.row_bus,
        refresh_modes=rules.refresh_modes,
    )
    name = str(memspec["memoryId"])
    ranks = architecture.get("nbrOfRanks", 1)
    channels = architecture.get("nbrOfChannels", 1)
    return build_device(
        standard, name, name, chip, ranks, timings, evaluate(rules.rules, timings), channels=channels
    )


def address_bits(congen: Mapping[str, Any], device: Device) -> AddressBits:
    """The address mapping of a CONGEN file for a device.

    Raises:
        ConfigurationError: the mapping has another number of bits than the device, uses a bit twice, or
            hashes one that is none of its own.
    """
    fields = {
        field: [int(bit) for name in names for bit in congen.get(name, ())] for field, names in FIELDS.items()
    }
    counts = {
        "channel": device.channels,
        "bank": device.topology.banks,
        "row": device.chip.rows,
        "column": device.chip.columns,
        "byte": device.channel_width_bits // 8,
    }
    for field, count in counts.items():
        if 1 << len(fields[field]) != count:
            raise ConfigurationError(
                f"{' + '.join(FIELDS[field])} has {len(fields[field])} bits, "
                f"expected {count.bit_length() - 1} for {count} {field}s"
            )
    used = [bit for bits in fields.values() for bit in bits]
    wrong = [bit for bit in used if used.count(bit) > 1 or not 0 <= bit < len(used)]
    if wrong:
        raise ConfigurationError(
            f"every address bit from 0 to {len(used) - 1} must be used once, "
            f"bit {wrong[0]} is used {used.count(wrong[0])} times"
        )
    xor = tuple(
        (int(entry["FIRST"]), (int(entry["SECOND"]), *(int(entry[k]) for k in ("THIRD",) if k in entry)))
        for entry in congen.get("XOR", ())
    )
    outside = [bit for first, sources in xor for bit in (first, *sources) if not 0 <= bit < len(used)]
    if outside:
        raise ConfigurationError(f"XOR has bit {outside[0]}, expected address bits from 0 to {len(used) - 1}")
    mapping = AddressBits(
        bank=tuple(fields["bank"]),
        row=tuple(fields["row"]),
        xor=xor,
        channel=tuple(fields["channel"]),
        column=tuple(fields["column"]),
    )
    mapping.check(channels=device.channels, banks=device.topology.banks, rows=device.chip.rows)
    return mapping


def _read(path: Path | str, key: str) -> dict[str, Any]:
    try:
        content = json.loads(Path(path).read_text())
    except OSError as error:
        raise ConfigurationError(f"cannot read {path}: {error.strerror}") from error
    except ValueError as error:
        raise ConfigurationError(f"{path} is not JSON: {error}") from error
    if not isinstance(content, dict) or not isinstance(content.get(key), dict):
        raise ConfigurationError(f"{path}: expected an object with the field {key!r}")
    found: dict[str, Any] = content[key]
    return found


NEWER_WORDS = {
    "nbrOfDevices": "nbrOfDevicesOnDIMM",
    "nbrOfPseudoChannels": "nbrOfRanks",
    "RFC1": "RFC",
    "idd5B": "idd5",
    "idd6n": "idd6",
    "idd2p": "idd2p1",
    "idd3p": "idd3p1",
    "ipp0": "idd02",
    "ipp6n": "idd62",
    "vpp": "vdd2",
}
"""What DRAMSys 5 calls otherwise, to DRAMSys 4's name."""


def _in_older_words(memspec: Mapping[str, Any]) -> Mapping[str, Any]:
    """The memspec as DRAMSys 4 states it; DRAMSys 5 has the clock period in s and currents in A."""
    if "tCK" not in memspec["memtimingspec"]:
        return memspec

    def renamed(part: str) -> dict[str, Any]:
        return {NEWER_WORDS.get(name, name): value for name, value in memspec.get(part, {}).items()}

    architecture, times, power = map(renamed, ("memarchitecturespec", "memtimingspec", "mempowerspec"))
    if architecture.get("nbrOfStacks", 1) != 1:
        raise ConfigurationError(f"nbrOfStacks must be 1, got {architecture['nbrOfStacks']}")
    clock = {"clkMhz": 1e-6 / times.pop("tCK")}
    return {
        **memspec,
        "memarchitecturespec": architecture,
        "memtimingspec": {name.upper(): value for name, value in times.items()} | clock,
        "mempowerspec": {
            name: 1000 * value if name.startswith("idd") else value for name, value in power.items()
        },
    }


MOST_CYCLES = 1 << 31
_COUNTS = (
    *("nbrOfBanks", "nbrOfRows", "nbrOfColumns", "width", "burstLength", "dataRate"),
    *("nbrOfBankGroups", "nbrOfRanks", "nbrOfChannels", "nbrOfDevicesOnDIMM"),
)


def _check_numbers(memspec: Mapping[str, Any], kind: str) -> None:
    """Raise `ConfigurationError` unless counts, cycles, clock, currents and voltages can be such."""
    architecture, times = memspec["memarchitecturespec"], memspec["memtimingspec"]
    for name in _COUNTS:
        value = architecture.get(name, 1)
        if type(value) is not int or value < 1:
            raise ConfigurationError(f"{name} must be a whole number from 1 on, got {value!r}")
    for name, value in times.items():
        least = 1 if name in ("REFI", "RFC", "RFCAB") else 0
        if name != "clkMhz" and (type(value) is not int or not least <= value < MOST_CYCLES):
            raise ConfigurationError(f"{name} must be whole clock cycles from {least} on, got {value!r}")
    clock_mhz = times["clkMhz"]
    if not _is_number(clock_mhz) or not clock_mhz > 0:
        raise ConfigurationError(f"clkMhz must be a finite number above 0, got {clock_mhz!r}")
    power = {} if kind in PUBLISHED_ENERGIES else memspec["mempowerspec"]
    for name, value in power.items():
        if not _is_number(value) or value < 0:
            raise ConfigurationError(f"{name} must be a finite number of at least 0, got {value!r}")


def _is_number(value: object) -> bool:
    return type(value) in (int, float) and isfinite(value)  # type: ignore[arg-type]


def _timings(memspec: Mapping[str, Any]) -> dict[str, int]:
    """The memspec's timings as `nNAME`, with what follows from them."""
    architecture, given = memspec["memarchitecturespec"], memspec["memtimingspec"]
    clock_mhz = given["clkMhz"]
    n = {f"n{name.replace('_', '')}": value for name, value in given.items() if name != "clkMhz"}
    mode = n.get("nREFM", 1)  # DDR4's fine granularity refresh
    if mode != 1:
        n |= {"nREFI": n["nREFI"] // mode, "nRFC": n[f"nRFC{mode}"]}
    n["nBL"] = architecture["burstLength"] // architecture["dataRate"]
    for name, expression in MEMSPEC_STANDARDS[memspec["memoryType"]].derived.items():
        n[name] = cycles_of(expression, n)
    return n | {
        "nCWL": n["nWL"],
        "rate": round(clock_mhz * architecture["dataRate"]),
        "tCK_ps": round(1_000_000 / clock_mhz),
        "clkMHz": clock_mhz,
    }


def _currents(memspec: Mapping[str, Any]) -> Currents:
    """DRAMPower's currents of DDR3 and DDR4: the second supply feeds activates and self-refresh.

    Power-down is the one with a fast exit, which DRAMSys enters.
    """
    i = memspec["mempowerspec"]
    return Currents(
        idd0_ma=i["idd0"],
        idd2n_ma=i["idd2n"],
        idd3n_ma=i["idd3n"],
        idd4r_ma=i["idd4r"],
        idd4w_ma=i["idd4w"],
        idd5b_ma=i["idd5"],
        idd2p_ma=i["idd2p1"],
        idd3p_ma=i["idd3p1"],
        idd6_ma=i["idd6"],
        vdd_v=i["vdd"],
        ipp0_ma=i.get("idd02", 0.0),
        vpp_v=i.get("vdd2", 0.0),
        source=str(memspec["memoryId"]),
        ipp6_ma=i.get("idd62", 0.0),
    )
