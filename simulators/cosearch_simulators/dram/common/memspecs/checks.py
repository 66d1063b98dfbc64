"""Whether the numbers of a DRAMSys memspec can be those of a memory, each refusal one line naming the field.

The bounds are far from those of any real memory: they keep a simulation from standing still, from running
for hours and from numbers beyond 64 bits. What the fields mean is `memspec`'s.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from math import isfinite
from reprlib import repr as short
from typing import Any

from cosearch_simulators.core.names import hint
from cosearch_simulators.dram.common.memspecs.rules import MEMSPEC_STANDARDS
from cosearch_simulators.errors import ConfigurationError

MOST_CYCLES = 1 << 16
"""Of a timing; 32 us of a clock of 2 GHz."""
MOST_INTERVAL_CYCLES = 1 << 31
"""Of a refresh interval."""
CLOCK_MHZ = (1.0, 10_000.0)
MOST_MA, MOST_V = 1e6, 100.0

MOST = {
    "nbrOfBanks": 1024,
    "nbrOfRows": 1 << 30,
    "nbrOfColumns": 1 << 20,
    "width": 1024,
    "burstLength": 64,
    "dataRate": 64,
    "nbrOfBankGroups": 64,
    "nbrOfRanks": 64,
    "nbrOfChannels": 64,
    "nbrOfDevicesOnDIMM": 64,
    "nbrOfStacks": 16,
}
"""Of the counts of `memarchitecturespec`."""
OPTIONAL = ("nbrOfBankGroups", "nbrOfRanks", "nbrOfChannels", "nbrOfDevicesOnDIMM", "nbrOfStacks")
LEAST_BURSTS = 4
"""Of a row: what MOP4CLXOR keeps together."""

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

BANK_INTERVALS = {"REFIPB": "RFCPB", "REFISB": "RFCSB"}
"""Intervals of refreshes of one bank, and those refreshes."""
SPACINGS = ("RRD", "RRD_S", "RRD_L", "RRDS", "RRDL", "RREFD", "PPD", "PBR2PBR", "REFSBRD")
MOST_BITS = 63
"""Of an address."""
XOR_BITS = ("FIRST", "SECOND", "THIRD")
CURRENTS = ("idd0", "idd2n", "idd3n", "idd4r", "idd4w", "idd5", "idd2p1", "idd3p1", "idd6", "vdd")


def check_architecture(architecture: Mapping[str, Any], kind: str) -> None:
    """Raise `ConfigurationError` unless the counts of `memarchitecturespec` describe such a memory."""
    for name, only in MEMSPEC_STANDARDS[kind].fixed.items():
        if name in architecture and architecture[name] != only:
            raise ConfigurationError(
                f"{name} of {kind} must be {only}, the one that is modelled, got {short(architecture[name])}"
            )
    count = {name: architecture.get(name, 1) for name in MOST}
    for name, most in MOST.items():
        if name not in OPTIONAL and name not in architecture:
            raise ConfigurationError(f"memarchitecturespec: field {named(name)} is missing")
        value = count[name]
        if type(value) is not int or not 1 <= value <= most:
            raise ConfigurationError(f"{name} must be a whole number from 1 to {most}, got {short(value)}")
        if value & (value - 1) and name != "nbrOfRows":
            raise ConfigurationError(f"{name} must be a power of two, got {value}")
    ranks = count["nbrOfRanks"]
    dimm_ranks = architecture.get("nbrOfDIMMRanks", ranks)
    if type(dimm_ranks) is not int or dimm_ranks != ranks:
        raise ConfigurationError(f"nbrOfDIMMRanks must be nbrOfRanks = {ranks}, got {short(dimm_ranks)}")
    for name, least, what in (
        ("nbrOfBanks", count["nbrOfBankGroups"], "nbrOfBankGroups"),
        ("burstLength", count["dataRate"], "dataRate"),
        ("nbrOfColumns", LEAST_BURSTS * count["burstLength"], f"{LEAST_BURSTS} x burstLength"),
    ):
        if count[name] < least:
            raise ConfigurationError(f"{name} must be at least {what} = {least}, got {count[name]}")
    pins = count["width"] * count["nbrOfDevicesOnDIMM"]
    if pins < 8:
        raise ConfigurationError(f"width x nbrOfDevicesOnDIMM must be 8 data pins at least, got {pins}")
    megabits = count["nbrOfBanks"] * count["nbrOfRows"] * count["nbrOfColumns"] * count["width"] >> 20
    if not 1 <= megabits < 1 << 30:
        raise ConfigurationError(
            "nbrOfBanks x nbrOfRows x nbrOfColumns x width must be from 1 Mb to 1 Pb a chip, "
            f"got {megabits} Mb"
        )


def check_times(times: Mapping[str, Any], kind: str) -> None:
    """Raise `ConfigurationError` unless `memtimingspec` has the timings of a memory type, within bounds."""
    for name in (*_needed(kind), "clkMhz"):
        if name not in times:
            expected = "MHz" if name == "clkMhz" else "clock cycles"
            raise ConfigurationError(
                f"memtimingspec: field {named(name, kind)} is missing, expected {expected}"
            )
    least_mhz, most_mhz = CLOCK_MHZ
    if not is_number(times["clkMhz"], least_mhz, most_mhz):
        raise ConfigurationError(
            f"clkMhz must be a number from {least_mhz:g} to {most_mhz:g}, got {short(times['clkMhz'])}"
        )
    for name, value in times.items():
        most = MOST_INTERVAL_CYCLES if name == "REFI" or name in BANK_INTERVALS else MOST_CYCLES
        if name != "clkMhz" and (type(value) is not int or not 0 <= value < most):
            raise ConfigurationError(
                f"{name} must be whole clock cycles from 0 to {most - 1}, got {short(value)}"
            )
    if times.get("REFM", 1) not in (1, 2, 4):
        raise ConfigurationError(f"REFM must be 1, 2 or 4, got {times['REFM']}")
    if times.get("REFM", 1) != 1 and f"RFC{times['REFM']}" not in times:
        raise ConfigurationError(
            f"memtimingspec: field 'RFC{times['REFM']}' is missing, expected clock cycles, as REFM is "
            f"{times['REFM']}"
        )


def check_refresh(n: Mapping[str, int], given: Mapping[str, Any], sets: int, banks_per_refresh: int) -> None:
    """Raise `ConfigurationError` unless rows can be used between refreshes.

    A controller whose refreshes come too fast serves no request, for ever. And no other timing may be as long
    as the interval: what was begun is over by the next refresh but one.

    Args:
        n: the timings as `memspec` names them, after the refresh mode.
        given: `memtimingspec`.
        sets: how many refreshes by bank refresh all banks of a rank.
        banks_per_refresh: how many of them stand for one of the memory's.
    """
    column = max(n["nBL"] + n["nRTP"], n["nWL"] + n["nBL"] + n["nWR"])
    row = max(n["nRC"], n["nRAS"] + n["nRP"], max(n["nRCD"], n.get("nRCDWR", 0)) + column + n["nRP"])
    cycles = {"REFI": n["nREFI"], **{name: given[name] for name in BANK_INTERVALS if name in given}}
    for interval, refresh in {"REFI": "RFCAB" if "RFCAB" in given else "RFC", **BANK_INTERVALS}.items():
        taken = n["nRFC"] if interval == "REFI" else given.get(refresh, 0)
        most, times = (2 * (taken + row), "twice ") if interval == "REFI" else (taken + row, "")
        if interval != "REFI" and sets > 1:  # The other banks go on during the refresh of one.
            most, times = banks_per_refresh * max(taken, row), "the longer of "
            times = "twice " + times if banks_per_refresh == 2 else times
        if cycles.get(interval, most + 1) <= most:
            raise ConfigurationError(
                f"{interval} must be more than {most} clock cycles, {times}those of a refresh ({refresh}, "
                f"{taken}) and of a row that is opened, written and closed ({row}), got {cycles[interval]}"
            )
    for name, value in given.items():
        if name not in (*cycles, "clkMhz") and value >= n["nREFI"]:
            raise ConfigurationError(
                f"{name} must be less than the refresh interval REFI ({n['nREFI']} clock cycles), got {value}"
            )
    interval = min(cycles, key=cycles.__getitem__)
    for name, value in given.items():
        # A refresh of a bank waits for activates of the others, and is one of four activates.
        intervals = 2 if name == "FAW" else 1 if name in SPACINGS else 0
        most = intervals * cycles[interval] // (banks_per_refresh if name == "PBR2PBR" else 1)
        if intervals and value >= most:
            times = "twice " if intervals == 2 else "half of " if most < cycles[interval] else ""
            raise ConfigurationError(
                f"{name} must be less than {most} clock cycles, {times}{interval}, got {value}"
            )


def check_power(power: Mapping[str, Any], n: Mapping[str, int], kind: str) -> None:
    """Raise `ConfigurationError` unless `mempowerspec` has all currents and no negative energy follows."""
    for name in CURRENTS:
        if name not in power:
            expected = "V" if name == "vdd" else "mA"
            raise ConfigurationError(
                f"mempowerspec: field {named(name, kind)} is missing, expected {expected}"
            )
    for name, value in power.items():
        most = MOST_V if name.startswith("v") else MOST_MA
        if not is_number(value, 0, most):
            raise ConfigurationError(f"{name} must be a number from 0 to {most:g}, got {short(value)}")
    standby = (power["idd3n"] * n["nRAS"] + power["idd2n"] * (n["nRC"] - n["nRAS"])) / max(n["nRC"], 1)
    for name, least, what in (
        ("idd0", standby, "the standby that it includes, idd3n for RAS of RC and idd2n for the rest"),
        ("idd4r", power["idd3n"], "idd3n"),
        ("idd4w", power["idd3n"], "idd3n"),
        ("idd5", power["idd2n"], "idd2n"),
    ):
        if power[name] < least:
            raise ConfigurationError(f"{name} must be at least {least:g} mA ({what}), got {power[name]:g}")


def named(name: str, kind: str = "") -> str:
    """A field as DRAMSys 4 and, where it has another name there, DRAMSys 5 or a memory type call it."""
    if kind and name in MEMSPEC_STANDARDS[kind].words.values():
        return " or ".join(repr(new) for new, old in MEMSPEC_STANDARDS[kind].words.items() if old == name)
    newer = [new for new, old in (NEWER_WORDS | {"tCK": "clkMhz"}).items() if old == name]
    return " or ".join(map(repr, (name, *newer)))


def is_number(value: object, least: float, most: float) -> bool:
    """Whether it is a finite number within these bounds."""
    return type(value) in (int, float) and least <= value <= most and isfinite(value)  # type: ignore[operator,arg-type]


def check_bits(congen: Mapping[str, Any], names: Sequence[str]) -> None:
    """Raise `ConfigurationError` unless a mapping has only these lists and hashes, of bit numbers.

    In DRAMSys 5 an entry of a list may be a list itself, of bits whose XOR it is.
    """
    _check_names("address mapping", congen, (*names, "XOR"))
    for name in names:
        bits = congen.get(name, [])
        if not isinstance(bits, list) or not all(
            bool(entry) and all(type(bit) is int and 0 <= bit < MOST_BITS for bit in entry)
            for entry in (bit if isinstance(bit, list) else [bit] for bit in bits)
        ):
            raise ConfigurationError(f"expected {name} as a list of bit numbers, got {short(bits)}")
    entries = congen.get("XOR", [])
    if not isinstance(entries, list) or not all(
        isinstance(entry, Mapping)
        and {"FIRST", "SECOND"} <= entry.keys()
        and all(type(entry[key]) is int for key in XOR_BITS if key in entry)
        for entry in entries
    ):
        raise ConfigurationError(
            f'expected XOR as a list of {{"FIRST": bit, "SECOND": bit}}, got {short(entries)}'
        )
    for entry in entries:
        _check_names("XOR", entry, XOR_BITS)


def _check_names(where: str, found: Mapping[Any, Any], names: Sequence[str]) -> None:
    unknown = next((name for name in found if name not in names), None)
    if unknown is not None:
        raise ConfigurationError(f"{where}: unknown field {short(unknown)}{hint(unknown, names)}")


def _needed(kind: str) -> list[str]:
    """The fields of `memtimingspec` that the rules of a memory type name."""
    rules = MEMSPEC_STANDARDS[kind]
    expressions = [rule.cycles for rule in rules.rules]
    expressions += [
        *rules.derived.values(),
        rules.read_latency,
        rules.write_latency,
        "nREFI nRFC nRAS nRC nRCD nRP nDQSCK",
    ]
    names = dict.fromkeys(name for text in expressions for name in re.findall(r"\bn[A-Z]\w*", text))
    fields = [name[1:] for name in names if name not in (*rules.derived, *rules.times_ns, "nBL")]
    # DDR4's memspecs write CCD_L, HBM2's CCDL.
    return [re.sub("^(CCD|RRD|WTR)([LS])$", r"\1_\2", name) if kind == "DDR4" else name for name in fields]
