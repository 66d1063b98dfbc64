"""DRAMSys' address mappings: DRAMSys 5's `addressmapping` and DRAMSys 4's `CONGEN`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cosearch_simulators.dram.common.device import Device
from cosearch_simulators.dram.common.mapping import AddressBits, bits_for
from cosearch_simulators.dram.common.memspecs.checks import check_bits
from cosearch_simulators.errors import ConfigurationError

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
                f"expected {bits_for(count)} for the {count} {field}s of {device.organization}; "
                "give the memory that the mapping is for"
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
