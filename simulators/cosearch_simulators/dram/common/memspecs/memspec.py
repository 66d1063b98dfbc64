"""Devices from DRAMSys' files: a `memspec` (organisation, timings, currents) and an address mapping.

The mapping is DRAMSys 5's `addressmapping` or DRAMSys 4's `CONGEN`.

The timing rules of each memory type are in `rules` and `newer_rules`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from json import JSONDecodeError
from pathlib import Path
from reprlib import repr as short
from typing import Any

from cosearch_simulators.bounded_files import read_text
from cosearch_simulators.bounded_json import parse_json
from cosearch_simulators.dram.common.device import Device, build_device
from cosearch_simulators.dram.common.mapping import AddressBits, bits_for
from cosearch_simulators.dram.common.memspecs.checks import (
    check_architecture,
    check_bits,
    check_power,
    check_refresh,
    check_times,
)
from cosearch_simulators.dram.common.memspecs.rules import MEMSPEC_STANDARDS
from cosearch_simulators.dram.common.memspecs.words import in_older_words
from cosearch_simulators.dram.common.rules import READS, Rule, cycles_of, evaluate
from cosearch_simulators.dram.common.standard_tables.ddr5 import CURRENTS
from cosearch_simulators.dram.common.standard_tables.published_energies import (
    GDDR6_ENERGY,
    HBM2_ENERGY,
    HBM3_ENERGY,
    LPDDR4_ENERGY,
    LPDDR5_ENERGY,
)
from cosearch_simulators.dram.common.standard_tables.standard import (
    Currents,
    Organization,
    Standard,
    whole_cycles,
)
from cosearch_simulators.errors import ConfigurationError

MOST_BYTES = 4 << 20
"""Of a memspec or an address mapping; real ones have some kB."""

FIELDS = {
    "channel": ("CHANNEL_BIT",),
    "bank": ("BANK_BIT", "BANKGROUP_BIT", "STACK_BIT", "RANK_BIT", "PSEUDOCHANNEL_BIT"),
    "row": ("ROW_BIT",),
    "column": ("COLUMN_BIT",),
    "byte": ("BYTE_BIT",),
}
"""The lists of a mapping, from the least significant part of each field; DRAMSys 5 has the last of the bank
where DRAMSys 4 has the rank."""

BURST = "BURST_BIT"
"""In place of the byte's bits and the column's lowest, those of a burst."""

STACK_RULES = (Rule("Stack", READS, READS, "nCCDR", sibling=True),)
"""JESD235A, tCCDR: reads of different stacks, where a memspec has it."""

MAPPING_KEYS = ("addressmapping", "CONGEN")

PUBLISHED_ENERGIES = {
    "LPDDR4": LPDDR4_ENERGY,
    "LPDDR5": LPDDR5_ENERGY,
    "GDDR6": GDDR6_ENERGY,
    "HBM2": HBM2_ENERGY,
    "HBM3": HBM3_ENERGY,
}
"""Of the memory types whose currents are not read."""


def read_memspec(path: Path | str, address_mapping: Path | str | None = None) -> Device:
    """The device of a memspec file under an address mapping file.

    Args:
        path: of the memspec.
        address_mapping: path of its file; None: the device has no mapping of its own, and controllers
            take RoBaRaCoCh unless they name another.

    Raises:
        ConfigurationError: a file that cannot be read, a field that is missing, a memory type that is not
            known, or a mapping that does not fit the memspec.
    """
    memspec = read_section(path, "memspec")
    congen = None if address_mapping is None else read_section(address_mapping, *MAPPING_KEYS)
    try:
        device = memspec_device(memspec)
        return device if congen is None else replace(device, address_bits=address_bits(congen, device))
    except ConfigurationError as error:
        files = path if congen is None else f"{path} with {address_mapping}"
        raise ConfigurationError(f"{files}: {error}") from error


def memspec_device(memspec: Mapping[str, Any]) -> Device:
    """The device that the content of a memspec describes.

    Raises:
        ConfigurationError: an unknown memory type, a field that is missing, or a value that cannot be.
    """
    if not isinstance(memspec.get("memoryId", ""), str):
        raise ConfigurationError(f"memoryId must be a text, got {short(memspec['memoryId'])}")
    if "memoryType" not in memspec:
        raise ConfigurationError("field 'memoryType' is missing")
    kind = memspec["memoryType"]
    if kind not in tuple(MEMSPEC_STANDARDS):
        raise ConfigurationError(f"memoryType {short(kind)} is not one of {', '.join(MEMSPEC_STANDARDS)}")
    # A DDR5 without currents takes those that stand for all of our own devices.
    has_currents = kind not in PUBLISHED_ENERGIES and (kind != "DDR5" or "mempowerspec" in memspec)
    for part in ("memarchitecturespec", "memtimingspec", *(["mempowerspec"] if has_currents else [])):
        if not isinstance(memspec.get(part), dict):
            raise ConfigurationError(
                f"expected the field {part!r} as an object, got {short(memspec.get(part))}"
            )
    memspec = in_older_words(memspec)
    architecture = memspec["memarchitecturespec"]
    check_architecture(architecture, kind)
    check_times(memspec["memtimingspec"], kind)
    timings = _timings(memspec)
    rules, groups = MEMSPEC_STANDARDS[kind], architecture.get("nbrOfBankGroups", 1)
    sets = architecture["nbrOfBanks"] // (groups if "same_bank" in rules.refresh_modes else 1)
    check_refresh(timings, memspec["memtimingspec"], sets, rules.banks_per_refresh)
    if has_currents:
        check_power(memspec["mempowerspec"], timings, kind)
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
    stacks, levels, timing_rules = architecture.get("nbrOfStacks", 1), rules.levels, rules.rules
    if stacks > 1 and "nCCDR" in timings:
        levels, timing_rules = (*levels[:2], "Stack", *levels[2:]), (*timing_rules, *STACK_RULES)
    standard = Standard(
        name=kind,
        levels=levels,
        prefetch=architecture["burstLength"],
        channel_width_bits=architecture["width"] * architecture.get("nbrOfDevicesOnDIMM", 1),
        read_latency=rules.read_latency,
        write_latency=rules.write_latency,
        organizations={},
        speed_grades=(),
        timings=lambda organization, speed_grade: timings,
        rules=timing_rules,
        currents={(chip.density_mb, chip.dq_bits, timings["rate"]): _currents(memspec)}
        if has_currents
        else CURRENTS,
        energy=PUBLISHED_ENERGIES.get(kind),
        pseudo_channels=rules.pseudo_channels,
        command_cycles=rules.command_cycles,
        bus_cycles=rules.bus_cycles,
        row_bus=rules.row_bus,
        refresh_modes=rules.refresh_modes,
    )
    name = str(memspec.get("memoryId", kind))
    ranks = architecture.get("nbrOfRanks", 1)
    channels = architecture.get("nbrOfChannels", 1)
    return build_device(
        *(standard, name, name, chip, ranks, timings, evaluate(timing_rules, timings)),
        channels=channels,
        stacks=stacks if "Stack" in levels else 1,
    )


def address_bits(congen: Mapping[str, Any], device: Device) -> AddressBits:
    """The address mapping of a file for a device.

    Raises:
        ConfigurationError: a list has an unknown name, the mapping has another number of bits than the
            device, uses a bit twice, or hashes one that is none of its own.
    """
    check_bits(congen, [*(name for names in FIELDS.values() for name in names), BURST])
    congen, folded = _single_bits(congen)
    fields = {
        field: [bit for name in names for bit in congen.get(name, ())] for field, names in FIELDS.items()
    }
    if congen.get(BURST):
        if fields["byte"]:
            raise ConfigurationError(f"{BURST} and BYTE_BIT: expected one of them")
        fields["byte"] = congen[BURST][: bits_for(device.channel_width_bits // 8)]
        fields["column"] = congen[BURST][len(fields["byte"]) :] + fields["column"]
    counts = {
        "channel": device.channels,
        "bank": device.topology.banks,
        "row": device.chip.rows,
        "column": device.chip.columns,
        "byte": device.channel_width_bits // 8,
    }
    for field, count in counts.items():
        if len(fields[field]) != bits_for(count):
            names = [name for name in FIELDS[field] if name in congen] or [FIELDS[field][0]]
            names += [BURST] if congen.get(BURST) and field == "column" else []
            raise ConfigurationError(
                f"{' + '.join(names)} has {len(fields[field])} bits, "
                f"expected {bits_for(count)} for the {count} {field}s of {device.organization}"
            )
    used = [bit for bits in fields.values() for bit in bits]
    wrong = [bit for bit in used if used.count(bit) > 1 or not 0 <= bit < len(used)]
    if wrong:
        raise ConfigurationError(
            f"every address bit from 0 to {len(used) - 1} must be used once, "
            f"bit {wrong[0]} is used {used.count(wrong[0])} times"
        )
    xor = tuple(
        (entry["FIRST"], (entry["SECOND"], *(entry[k] for k in ("THIRD",) if k in entry)))
        for entry in congen.get("XOR", ())
    )
    outside = [bit for first, sources in xor for bit in (first, *sources) if not 0 <= bit < len(used)]
    if outside:
        raise ConfigurationError(f"XOR has bit {outside[0]}, expected address bits from 0 to {len(used) - 1}")
    mapping = AddressBits(
        bank=tuple(fields["bank"]),
        row=tuple(fields["row"]),
        xor=xor + folded,
        channel=tuple(fields["channel"]),
        column=tuple(fields["column"]),
    )
    mapping.check(channels=device.channels, banks=device.topology.banks, rows=device.chip.rows)
    return mapping


def _single_bits(
    congen: Mapping[str, Any],
) -> tuple[dict[str, Any], tuple[tuple[int, tuple[int, ...]], ...]]:
    """The mapping with one bit for each entry, and the hashes that make it what the lists of bits say.

    Raises:
        ConfigurationError: a list has no bit that is in no other entry.
    """
    names = [name for name in congen if name != "XOR"]
    entries = [(name, bit if isinstance(bit, list) else [bit]) for name in names for bit in congen[name]]
    used = [bit for _, entry in entries for bit in dict.fromkeys(entry)]
    single: dict[str, Any] = {name: [] for name in names} | {"XOR": congen.get("XOR", [])}
    folded = []
    for name, entry in entries:
        own = entry if len(entry) == 1 else [bit for bit in entry if used.count(bit) == 1]
        if not own:
            raise ConfigurationError(f"{name} has {entry}, expected a bit in it that no other entry has")
        single[name].append(own[0])
        if len(entry) > 1:
            folded.append((own[0], tuple(bit for bit in entry if bit != own[0])))
    return single, tuple(folded)


def read_section(path: Path | str, *keys: str) -> dict[str, Any]:
    """What one of DRAMSys' files holds under its only key.

    Args:
        path: of the file.
        keys: that it may have, "memspec" or those of `MAPPING_KEYS`.

    Raises:
        ConfigurationError: the file cannot be read, is no JSON or has none of the keys.
    """
    return section(read_object(path), *keys, where=str(path))


KINDS = {
    "memspec": "a memspec: give it as memspec",
    "addressmapping": "an address mapping: give it as address_mapping",
    "CONGEN": "an address mapping: give it as address_mapping",
    "mcconfig": "a controller; with its memory and trace it is in a simulation file: give that as simulation",
    "simulation": "a whole simulation: give it as simulation",
    "simconfig": "how DRAMSys runs; nothing of it is needed here",
}
"""What else a file of DRAMSys may be, by its key."""


def section(content: Any, *keys: str, where: str = "") -> dict[str, Any]:
    """What stands under one of the keys; a mapping may also stand alone.

    Raises:
        ConfigurationError: there is none of the keys.
    """
    where = f"{where}: " if where else ""
    if isinstance(content, dict):
        for key in keys:
            if isinstance(content.get(key), dict):
                found: dict[str, Any] = content[key]
                return found
        for key, kind in KINDS.items():
            if key in content and key not in keys:
                raise ConfigurationError(f"{where}it is {kind}")
        if keys == MAPPING_KEYS and any("BIT" in str(key) for key in content):
            return content  # misspelt, and `checks` says where
    expected = " or ".join(map(repr, keys))
    raise ConfigurationError(f"{where}expected an object with the field {expected}, got {short(content)}")


def read_object(path: Path | str) -> Any:
    """What a file of JSON holds.

    Raises:
        ConfigurationError: the file cannot be read or is no JSON.
    """
    try:
        content = parse_json(read_text(path, MOST_BYTES))
    except OSError as error:
        raise ConfigurationError(f"cannot read {path}: {error.strerror}") from error
    except JSONDecodeError as error:
        raise ConfigurationError(f"{path} is not JSON: {error}") from error
    except ValueError as error:
        raise ConfigurationError(f"{path}: {error}") from error
    return content


def _timings(memspec: Mapping[str, Any]) -> dict[str, int]:
    """The memspec's timings as `nNAME`, with what follows from them."""
    architecture, given = memspec["memarchitecturespec"], memspec["memtimingspec"]
    clock_mhz = given["clkMhz"]
    n = {f"n{name.replace('_', '')}": value for name, value in given.items() if name != "clkMhz"}
    mode = n.get("nREFM", 1)  # DDR4's fine granularity refresh
    if mode != 1:
        n |= {"nREFI": n["nREFI"] // mode, "nRFC": n[f"nRFC{mode}"]}
    n["nBL"] = architecture["burstLength"] // architecture["dataRate"]
    tck_ps, rules = round(1_000_000 / clock_mhz), MEMSPEC_STANDARDS[memspec["memoryType"]]
    for name, (time_ns, least) in rules.times_ns.items():
        n[name] = whole_cycles(time_ns, tck_ps, least)
    for name, expression in rules.derived.items():
        n[name] = cycles_of(expression, n)
    if rules.banks_per_refresh > 1:
        n["nREFIpb"] //= rules.banks_per_refresh
    return n | {
        "nCWL": n["nWL"],
        "rate": round(clock_mhz * architecture["dataRate"]),
        "tCK_ps": tck_ps,
        "clkMHz": clock_mhz,
    }


def _currents(memspec: Mapping[str, Any]) -> Currents:
    """DRAMPower's currents of DDR3, DDR4 and DDR5: the second supply feeds activates and self-refresh.

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
        source=str(memspec.get("memoryId", "memspec")),
        ipp6_ma=i.get("idd62", 0.0),
        ipp3n_ma=i.get("idd3n2", 0.0),
        ipp5b_ma=i.get("idd52", 0.0),
    )
