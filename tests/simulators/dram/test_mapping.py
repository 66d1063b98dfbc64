"""Address mappings against an independent, slow decoding of the same bits."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cosearch_simulators.dram import ADDRESS_MAPPINGS, ConfigurationError, device
from cosearch_simulators.dram.common.mapping import AddressBits, channel_of, decode_bits

BITS = 14  # of a small device's addresses


def fields_of(address: int, mapping: AddressBits) -> tuple[int, int, int, int]:
    """Channel, bank, row and column, bit by bit."""
    bits = [address >> k & 1 for k in range(64)]
    for target, sources in mapping.xor:
        bits[target] = (bits[target] + sum(bits[source] for source in sources)) % 2
    fields = (mapping.channel, mapping.bank, mapping.row, mapping.column)
    return tuple(sum(bits[bit] << k for k, bit in enumerate(field)) for field in fields)  # type: ignore[return-value]


@st.composite
def mappings(draw: Any) -> AddressBits:
    order = draw(st.permutations(range(BITS)))
    cuts = sorted(draw(st.lists(st.integers(0, BITS), min_size=3, max_size=3)))
    parts = [tuple(order[a:b]) for a, b in zip([0, *cuts], [*cuts, BITS], strict=True)]
    # A hash must not feed a bit into itself: its sources are the others.
    hashes = [
        (target, tuple(draw(st.sets(st.sampled_from([k for k in range(BITS) if k != target]), max_size=4))))
        for target in draw(st.lists(st.integers(0, BITS - 1), max_size=6))
    ]
    return AddressBits(parts[1], parts[2], tuple(hashes), parts[0], parts[3])


@given(mappings())
def test_any_bit_list_with_any_hash_is_a_bijection(mapping: AddressBits) -> None:
    addresses = np.arange(1 << BITS)
    banks, rows = decode_bits(addresses, *mapping.runs())
    channels = channel_of(addresses, *mapping.channel_runs())
    columns, _ = decode_bits(addresses, *AddressBits(mapping.column, (), mapping.xor).runs())
    found = np.stack([channels, banks, rows, columns], axis=1)
    assert len(np.unique(found, axis=0)) == 1 << BITS
    for address in range(0, 1 << BITS, 331):
        assert tuple(found[address]) == fields_of(address, mapping)


def sliced(transaction: int, name: str, counts: dict[str, int]) -> tuple[int, int, int]:
    """Channel, bank in the channel and row, sliced field by field as the reference simulator does."""
    rest, field = transaction, {}

    def take(level: str, bits: int) -> None:
        nonlocal rest
        field[level] = field.get(level, 0) | (rest & ((1 << bits) - 1)) << taken.get(level, 0)
        taken[level] = taken.get(level, 0) + bits
        rest >>= bits

    taken: dict[str, int] = {}
    bits = {level: count.bit_length() - 1 for level, count in counts.items()}
    if name == "ChRaBaRoCo":
        for level in ("column", "row", "bank", "bankgroup", "rank", "channel"):
            take(level, bits[level])
    elif name == "RoBaRaCoCh":
        for level in ("channel", "column", "rank", "bankgroup", "bank", "row"):
            take(level, bits[level])
    else:
        take("column", 2)
        for level in ("channel", "rank", "bankgroup", "bank"):
            take(level, bits[level])
        take("column", bits["column"] - 2)
        field["row"] = rest
        column = field["column"]
        for level in ("channel", "rank", "bankgroup", "bank"):
            field[level] ^= column & (counts[level] - 1)
            column >>= bits[level]
        field["row"] ^= column
    bank = (field["rank"] * counts["bankgroup"] + field["bankgroup"]) * counts["bank"] + field["bank"]
    return field["channel"], bank, field["row"]


@pytest.mark.parametrize("name", ADDRESS_MAPPINGS)
@pytest.mark.parametrize(("ranks", "channels"), [(1, 1), (4, 1), (1, 8), (2, 2)])
def test_named_mappings_are_the_reference_s(name: str, ranks: int, channels: int) -> None:
    ours = device("DDR4", "DDR4_2Gb_x16", "DDR4_2400R", ranks=ranks, channels=channels)
    counts = {"channel": channels, "rank": ranks, "bankgroup": 2, "bank": 4, "row": 1 << 14, "column": 1 << 7}
    # Also far beyond the capacity, where MOP4CLXOR goes on counting rows and the others wrap around.
    addresses = np.random.default_rng(1).integers(0, 1 << 44, 1000)
    bits = ours.named_address_bits(name)
    channel = channel_of(addresses, *bits.channel_runs())
    banks, rows = decode_bits(addresses, *bits.runs())
    found = [(int(c), int(b), int(r)) for c, b, r in zip(channel, banks, rows, strict=True)]
    assert found == [sliced(int(address) // 64, name, counts) for address in addresses]


@pytest.mark.parametrize("name", ADDRESS_MAPPINGS)
def test_named_mappings_use_every_address_once(name: str) -> None:
    ours = device("DDR4", "DDR4_2Gb_x16", "DDR4_2400R", ranks=2, channels=4, address_bits=name)
    bits = ours.address_bits
    assert bits is not None
    used = [*range(3), *bits.column, *bits.channel, *bits.bank, *bits.row[:14]]
    assert sorted(used) == list(range(ours.capacity_bytes.bit_length() - 1))
    assert ours.capacity_bytes == 4 * 2 * (2 << 30) // 8 * 4


def test_channel_bits_lie_where_the_names_say() -> None:
    ours = device("DDR4", "DDR4_8Gb_x8", "DDR4_2400R", channels=2)
    # A transaction is 64 bytes, the capacity 2^34.
    assert ours.named_address_bits("RoBaRaCoCh").channel == (6,)
    assert ours.named_address_bits("ChRaBaRoCo").channel == (33,)
    mop = ours.named_address_bits("MOP4CLXOR")
    assert mop.channel == (8,)
    assert mop.xor[0] == (8, (6,))  # the channel is the first field that is hashed with column bits


def test_an_unknown_mapping_is_named() -> None:
    with pytest.raises(
        ConfigurationError, match="unknown address mapping 'RoCo', expected one of RoBaRaCoCh"
    ):
        device("DDR4", "DDR4_8Gb_x8", "DDR4_2400R", address_bits="RoCo")


@pytest.mark.parametrize(
    ("bits", "message"),
    [
        (AddressBits((6, 7), tuple(range(8, 22))), "bank has 2, expected 3 for 8 banks"),
        (AddressBits((6, 7, 8), tuple(range(9, 22))), "row has 13, expected 14 for 16384 rows"),
        (AddressBits((6, 7, 8), tuple(range(8, 22))), "bit 8 is used twice"),
        (AddressBits((6, 7, 8), tuple(range(9, 23)), ((6, (9, 6)),)), "bit 6 is folded into itself"),
        (
            AddressBits((6, 7, 8), tuple(range(9, 23)), channel=(23,)),
            "channel has 1, expected 0 for 1 channels",
        ),
    ],
)
def test_bits_that_do_not_fit_are_named(bits: AddressBits, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        device("DDR4", "DDR4_2Gb_x16", "DDR4_2400R", address_bits=bits)
