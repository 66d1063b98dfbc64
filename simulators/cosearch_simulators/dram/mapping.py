"""Address mappings: which bank and row a byte address lies in.

The names and the order of the bits are Ramulator 2.1's. All take the address in units of one transaction and
slice bits from the least significant end. MOP4CLXOR XORs rank, bank group, bank and row, in this order, with
successive column bits. Above the device's capacity MOP4CLXOR keeps counting rows and the others wrap around,
as Ramulator does; `simulation` rejects such addresses unless it is told to follow Ramulator.
"""

# mypy: disable-error-code="no-untyped-def, no-untyped-call"
from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

ADDRESS_MAPPINGS = ("RoBaRaCoCh", "ChRaBaRoCo", "MOP4CLXOR")
"""From the most significant field to the least; a mapping's code is its position."""

_MOP_COLUMN_BITS = 2  # "minimalist open page": four cache lines of a row lie together


@dataclass(frozen=True)
class AddressBits:
    """A mapping as the positions of its address bits, each list from the field's least significant bit.

    Attributes:
        bank: of the bank number in the channel (bank, then bank group, then rank).
        row: of the row.
        xor: pairs of positions; the first bit becomes the XOR of both before the fields are read.
    """

    bank: tuple[int, ...]
    row: tuple[int, ...]
    xor: tuple[tuple[int, int], ...] = ()

    def runs(self) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """Bank and row as runs of neighbouring bits (position, mask, place in the field), and the pairs."""
        return _runs(self.bank), _runs(self.row), np.array(self.xor, np.int64).reshape(-1, 2)


def _runs(bits: tuple[int, ...]) -> NDArray[np.int64]:
    runs: list[list[int]] = []
    for place, bit in enumerate(bits):
        if runs and bit == bits[place - 1] + 1:
            runs[-1][1] = runs[-1][1] << 1 | 1
        else:
            runs.append([bit, 1, place])
    return np.array(runs, np.int64).reshape(-1, 3)


@njit(nogil=True)
def decode_bits(addresses, bank_runs, row_runs, xor_pairs):
    """Bank number in the channel and row of each byte address; bits beyond the device are ignored."""
    bank_of = np.zeros(addresses.size, np.int64)
    row_of = np.zeros(addresses.size, np.int64)
    for i in range(addresses.size):
        address = addresses[i]
        for k in range(xor_pairs.shape[0]):
            address ^= ((address >> xor_pairs[k, 1]) & 1) << xor_pairs[k, 0]
        for k in range(bank_runs.shape[0]):
            bank_of[i] |= ((address >> bank_runs[k, 0]) & bank_runs[k, 1]) << bank_runs[k, 2]
        for k in range(row_runs.shape[0]):
            row_of[i] |= ((address >> row_runs[k, 0]) & row_runs[k, 1]) << row_runs[k, 2]
    return bank_of, row_of


@njit(nogil=True)
def decode(transactions, mapping, rank_bits, bankgroup_bits, bank_bits, row_bits, column_bits):
    """Bank number in the channel (rank, bank group, bank) and row of each transaction number."""
    bank_of = np.empty(transactions.size, np.int64)
    row_of = np.empty(transactions.size, np.int64)
    for i in range(transactions.size):
        rest = transactions[i]
        if mapping == 1:
            rest >>= column_bits
            row = rest & ((1 << row_bits) - 1)
            rest >>= row_bits
            bank = rest & ((1 << bank_bits) - 1)
            rest >>= bank_bits
            bankgroup = rest & ((1 << bankgroup_bits) - 1)
            rest >>= bankgroup_bits
            rank = rest & ((1 << rank_bits) - 1)
        else:
            low_bits = _MOP_COLUMN_BITS if mapping == 2 else column_bits
            column = rest & ((1 << low_bits) - 1)
            rest >>= low_bits
            rank = rest & ((1 << rank_bits) - 1)
            rest >>= rank_bits
            bankgroup = rest & ((1 << bankgroup_bits) - 1)
            rest >>= bankgroup_bits
            bank = rest & ((1 << bank_bits) - 1)
            rest >>= bank_bits
            if mapping == 2:
                high_bits = column_bits - low_bits
                column |= (rest & ((1 << high_bits) - 1)) << low_bits
                rest >>= high_bits
                rank ^= column & ((1 << rank_bits) - 1)
                column >>= rank_bits
                bankgroup ^= column & ((1 << bankgroup_bits) - 1)
                column >>= bankgroup_bits
                bank ^= column & ((1 << bank_bits) - 1)
                row = rest ^ (column >> bank_bits)
            else:
                row = rest & ((1 << row_bits) - 1)
        bank_of[i] = (((rank << bankgroup_bits) | bankgroup) << bank_bits) | bank
        row_of[i] = row
    return bank_of, row_of
