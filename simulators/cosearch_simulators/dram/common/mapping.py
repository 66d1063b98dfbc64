"""Address mappings: which channel, bank and row a byte address lies in.

`AddressBits` states any mapping bit by bit; the named ones are made by `named_address_bits`. Their names and
the order of the bits are Ramulator 2.1's. All take the address in units of one transaction and slice bits
from the least significant end. MOP4CLXOR XORs channel, rank, bank group, bank and row, in this order, with
successive column bits. Above the device's capacity MOP4CLXOR keeps counting rows and the others wrap around,
as Ramulator does; `simulation` rejects such addresses unless it is told to follow Ramulator.

Where the rows are no power of two (49,152 of an LPDDR4 of 6 Gb), the row's highest bits are the highest of
the address whatever the mapping, so that all addresses below the capacity are rows that there are.
"""

# mypy: disable-error-code="no-untyped-def, no-untyped-call"
from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from cosearch_simulators.errors import ConfigurationError

ADDRESS_MAPPINGS = ("RoBaRaCoCh", "ChRaBaRoCo", "MOP4CLXOR")
"""From the most significant field to the least; a mapping's code is its position."""

DEVICE_MAPPING = "device"
"""The address mapping that is the device's own `address_bits`."""

_MOP_COLUMN_BITS = 2  # "minimalist open page": four cache lines of a row lie together
_ADDRESS_BITS = 62  # an address is a positive int64


@dataclass(frozen=True)
class AddressBits:
    """A mapping as positions of a byte address's bits, each list from the field's least significant bit.

    Attributes:
        bank: of the bank number in the channel (bank, then bank group, then rank or pseudo-channel).
        row: of the row.
        xor: hashing, as (bit, bits): the first becomes the XOR of itself and all the others before the fields
            are read. Entries apply in their order, each to what those before it left.
        channel: of the channel.
        column: of the column; the simulator needs none.
    """

    bank: tuple[int, ...]
    row: tuple[int, ...]
    xor: tuple[tuple[int, tuple[int, ...]], ...] = ()
    channel: tuple[int, ...] = ()
    column: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        for field in ("bank", "row", "channel", "column"):  # lists would have no hash
            object.__setattr__(self, field, tuple(getattr(self, field)))
        object.__setattr__(self, "xor", tuple((bit, tuple(others)) for bit, others in self.xor))

    def check(self, *, channels: int, banks: int, rows: int) -> None:
        """Whether the mapping fits a device of these counts, `banks` being those of a channel.

        The row may be longer, so that it goes on counting above the capacity.

        Raises:
            ConfigurationError: a field of another length, a bit of two fields, or a bit folded into itself.
        """
        for name, bits, count in (
            ("channel", self.channel, channels),
            ("bank", self.bank, banks),
            ("row", self.row, rows),
        ):
            if len(bits) != bits_for(count) and not (name == "row" and len(bits) > bits_for(count)):
                raise ConfigurationError(
                    f"address bits: {name} has {len(bits)}, expected {bits_for(count)} for {count} {name}s"
                )
        used = (*self.channel, *self.bank, *self.row, *self.column)
        twice = sorted({bit for bit in used if used.count(bit) > 1})
        if twice:
            raise ConfigurationError(f"address bits: bit {twice[0]} is used twice")
        for bit, others in self.xor:
            if bit in others:
                raise ConfigurationError(f"address bits: bit {bit} is folded into itself")
        self._check_uneven_rows(rows, used)

    def _check_uneven_rows(self, rows: int, used: tuple[int, ...]) -> None:
        uneven = uneven_bits(rows)
        if not uneven:
            return
        top = sorted(used)[-uneven:] if len(self.row) == bits_for(rows) else list(self.row)[-uneven:]
        highest = self.row[bits_for(rows) - uneven : bits_for(rows)]
        if list(highest) != top or any(bit in highest for bit, _ in self.xor):
            raise ConfigurationError(
                f"address bits: {rows} rows are no power of two, so the row's highest {uneven} bits must be "
                f"the address's highest, {', '.join(map(str, top))}, without hashing; else the addresses "
                f"have gaps. They are {', '.join(map(str, highest))}"
            )

    def runs(self) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """Bank and row as runs of neighbouring bits (position, mask, place in the field), and `hashes`."""
        return _runs(self.bank), _runs(self.row), self.hashes()

    def channel_runs(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The channel likewise, and `hashes`: the arguments of `channel_of`."""
        return _runs(self.channel), self.hashes()

    def hashes(self) -> NDArray[np.int64]:
        """int64 (entries, 2): the bit that changes, and a mask of those XORed into it."""
        rows = [(bit, sum(1 << other for other in set(others))) for bit, others in self.xor]
        return np.array(rows, np.int64).reshape(-1, 2)


def named_address_bits(
    name: str,
    *,
    transaction_bytes: int,
    width_bytes: int,
    channels: int,
    ranks: int,
    bankgroups: int,
    banks: int,
    rows: int,
    columns: int,
) -> AddressBits:
    """One of `ADDRESS_MAPPINGS` for a device of these counts, as Ramulator 2.1 slices addresses.

    Args:
        name: of the mapping.
        transaction_bytes: bytes of one burst.
        width_bytes: bytes of one column address.
        channels: in all.
        ranks: of a channel, as are the banks of a bank group, and so on; all powers of two.
        bankgroups: of a rank.
        banks: of a bank group.
        rows: of a bank; any number.
        columns: column addresses of a row.

    Raises:
        ConfigurationError: the name is not known.
    """
    if name not in ADDRESS_MAPPINGS:
        raise ConfigurationError(
            f"unknown address mapping {name!r}, expected one of {', '.join(ADDRESS_MAPPINGS)}"
        )
    next_bit = _log2(transaction_bytes)

    def take(count: int) -> tuple[int, ...]:
        nonlocal next_bit
        next_bit += count
        return tuple(range(next_bit - count, next_bit))

    widths = {"channel": channels, "rank": ranks, "bankgroup": bankgroups, "bank": banks, "row": rows}
    bits = {field: bits_for(count) for field, count in widths.items()}
    uneven = uneven_bits(rows)
    bits["row"] -= uneven
    burst = tuple(range(_log2(width_bytes), next_bit))
    column_bits = _log2(columns) - len(burst)
    if name == "MOP4CLXOR":
        column = take(_MOP_COLUMN_BITS)
        fields = {field: take(bits[field]) for field in ("channel", "rank", "bankgroup", "bank")}
        column += take(column_bits - _MOP_COLUMN_BITS)
        fields["row"] = take(_ADDRESS_BITS - next_bit)
        targets = [bit for field in widths for bit in fields[field]]
        xor = tuple((bit, (source,)) for bit, source in zip(targets, column, strict=False))
    else:
        xor = ()
        order = ("channel", "column", "rank", "bankgroup", "bank", "row")
        if name == "ChRaBaRoCo":
            order = ("column", "row", "bank", "bankgroup", "rank", "channel")
        fields = {field: take({**bits, "column": column_bits}[field]) for field in order}
        column = fields["column"]
    return AddressBits(
        bank=fields["bank"] + fields["bankgroup"] + fields["rank"],
        row=fields["row"] + (take(uneven) if name != "MOP4CLXOR" else ()),
        xor=xor,
        channel=fields["channel"],
        column=burst + column,
    )


def _log2(count: int) -> int:
    return count.bit_length() - 1


def bits_for(count: int) -> int:
    """Bits that tell so many from each other."""
    return (count - 1).bit_length()


def uneven_bits(rows: int) -> int:
    """Of the bits of a row number, the highest that do not take all of their values."""
    odd = rows // (rows & -rows)
    return bits_for(odd)


def _runs(bits: tuple[int, ...]) -> NDArray[np.int64]:
    runs: list[list[int]] = []
    for place, bit in enumerate(bits):
        if runs and bit == bits[place - 1] + 1:
            runs[-1][1] = runs[-1][1] << 1 | 1
        else:
            runs.append([bit, 1, place])
    return np.array(runs, np.int64).reshape(-1, 3)


@njit(nogil=True)
def _hashed(addresses, hashes):
    """The addresses with every hash of `AddressBits.hashes` applied; one simple loop a step, for SIMD."""
    hashed = addresses.copy()
    for k in range(hashes.shape[0]):
        bit, mask = hashes[k, 0], hashes[k, 1]
        for i in range(hashed.size):
            parity = hashed[i] & mask
            parity ^= parity >> 32
            parity ^= parity >> 16
            parity ^= parity >> 8
            parity ^= parity >> 4
            parity ^= parity >> 2
            parity ^= parity >> 1
            hashed[i] ^= (parity & 1) << bit
    return hashed


@njit(nogil=True)
def _field(addresses, runs):
    value = np.zeros(addresses.size, np.int64)
    for k in range(runs.shape[0]):
        bit, mask, place = runs[k, 0], runs[k, 1], runs[k, 2]
        for i in range(addresses.size):
            value[i] |= ((addresses[i] >> bit) & mask) << place
    return value


@njit(nogil=True)
def channel_of(addresses, channel_runs, hashes):
    """Channel of each byte address; the arguments are those of `AddressBits.channel_runs`."""
    return _field(_hashed(addresses, hashes), channel_runs)


@njit(nogil=True)
def decode_bits(addresses, bank_runs, row_runs, hashes):
    """Bank number in the channel and row of each byte address; bits beyond the device are ignored."""
    hashed = _hashed(addresses, hashes)
    return _field(hashed, bank_runs), _field(hashed, row_runs)
