"""Devices from DRAMSys' files: a `memspec` (organisation, timings, currents) and an address mapping.

The mapping is DRAMSys 5's `addressmapping` or DRAMSys 4's `CONGEN`.

The timing rules of each memory type are in `rules` and `newer_rules`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from reprlib import repr as short
from typing import Any

from cosearch_simulators.dram.common.device import Device, build_device
from cosearch_simulators.dram.common.memspecs.address_mapping import address_bits
from cosearch_simulators.dram.common.memspecs.checks import (
    check_architecture,
    check_power,
    check_refresh,
    check_times,
)
from cosearch_simulators.dram.common.memspecs.files import MAPPING_KEYS, read_section
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

STACK_RULES = (Rule("Stack", READS, READS, "nCCDR", sibling=True),)
"""JESD235A, tCCDR: reads of different stacks, where a memspec has it."""

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
