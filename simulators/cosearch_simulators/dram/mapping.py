"""Address mappings: which bank and row a byte address lies in.

The names and the order of the bits are Ramulator 2.1's. All take the address in units of one transaction and
slice bits from the least significant end. MOP4CLXOR XORs rank, bank group, bank and row, in this order, with
successive column bits. Above the device's capacity MOP4CLXOR keeps counting rows and the others wrap around,
as Ramulator does; `simulation` rejects such addresses unless it is told to follow Ramulator.
"""

# mypy: disable-error-code="no-untyped-def, no-untyped-call"
from __future__ import annotations

import numpy as np
from numba import njit

ADDRESS_MAPPINGS = ("RoBaRaCoCh", "ChRaBaRoCo", "MOP4CLXOR")
"""From the most significant field to the least; a mapping's code is its position."""

_MOP_COLUMN_BITS = 2  # "minimalist open page": four cache lines of a row lie together


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
