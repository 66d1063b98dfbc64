"""Energies and areas of the parts of ArchGym's TimeloopGym, on the scale that its Accelergy gives them.

ArchGym's repository has what Accelergy said of two designs in 45 nm (in `sims/Timeloop/output`,
`timeloop-mapper.stats.txt` and `timeloop-mapper.ERT.yaml`). Its three estimators are followed here:

- registers (Aladdin's tables): a word's flip-flops, and a comparator of the address at every row;
- SRAM (CACTI 7, low standby power, two ports): `SCRATCHPADS` and `BUFFERS` are runs of CACTI 7 with the
  settings of Accelergy's plug-in (`default_cfg.cfg`), which give the two recorded memories to the last digit;
- LPDDR4: 8 pJ a bit.

An access costs what the dearer of reading and writing does, as Timeloop takes it. ArchGym leaves Accelergy's
`depth` of class `regfile` at one row, whatever the design says; here all rows count.
"""

from __future__ import annotations

from math import ceil, log2
from typing import NamedTuple

MAC_PJ, MAC_UM2 = 2.20035, 1239.5
DRAM_WORD_PJ = 8.0 * 16

# Of the recorded tables: 16 flip-flops, a comparator's share for a bit of the address and a row, and the two
# address generators of a smart buffer.
REGISTER_WORD_PJ, REGISTER_WORD_UM2 = 0.144, 95.68
COMPARATOR_BIT_PJ, COMPARATOR_BIT_UM2 = 0.00090672, 2.1875
GENERATORS_PJ, GENERATORS_UM2 = 0.0488, 179.0

SMART = ("smartbuffer_SRAM", "smartbuffer_RF")
REGISTERS = ("regfile", "smartbuffer_RF")
MOST_REGISTER_WORDS = 256  # of SRAM that is made of registers: 192 are in the records, 8,192 come from CACTI

# Words of 16 bits in one bank: pJ of an access and um2, with 1, 2 and 4 words an access.
SCRATCHPADS = {
    512: ((1.6116, 7021.8), (2.5229, 7191.1), (4.3504, 7709.3)),
    1024: ((2.3267, 14829.2), (3.2126, 15194.9), (5.306, 16190.0)),
    2048: ((4.1986, 29198.6), (4.8196, 29133.3), (8.0881, 28373.4)),
    4096: ((5.8056, 52206.4), (6.4266, 52141.1), (9.9159, 53934.2)),
    8192: ((11.1357, 104098.0), (12.2951, 101757.0), (14.6353, 103900.0)),
    16384: ((14.5541, 219323.0), (17.2986, 220202.0), (21.462, 191355.0)),
    32768: ((22.2602, 460517.0), (29.7544, 427795.0), (38.1025, 439751.0)),
    65536: ((33.0854, 811755.0), (40.5594, 843487.0), (58.2323, 799632.0)),
}
# Rows of 64 bits: pJ of an access and um2 with 16, 32, 64 and 128 banks. CACTI knows no banks of fewer than
# 32 rows; with more banks than stand here a buffer is taken to have the most that do.
BUFFERS = {
    1024: ((22.1234, 120213.0), (29.6404, 156793.0)),
    2048: ((28.7505, 187156.0), (33.4085, 214188.0), (36.9879, 281309.0)),
    4096: ((39.5032, 340822.0), (40.5396, 331313.0), (43.8752, 397932.0), (57.8221, 518237.0)),
    8192: ((52.0746, 570087.0), (54.1019, 578152.0), (57.2228, 636396.0), (65.427, 731749.0)),
    16384: ((70.6644, 1009240.0), (75.166, 1162370.0), (80.7223, 1221660.0), (79.7603, 1169370.0)),
    32768: ((96.4485, 1811110.0), (102.071, 1910100.0), (106.253, 2081430.0), (107.326, 2096070.0)),
    65536: ((135.008, 3335930.0), (138.615, 3637810.0), (147.098, 3787660.0), (154.522, 4334500.0)),
}
BUFFER_BANKS = (16, 32, 64, 128)


class Memory(NamedTuple):
    """What one instance costs.

    Attributes:
        access_pj: of a row.
        area_um2: of all rows.
    """

    access_pj: float
    area_um2: float


def scratchpad(kind: str, words: int, row_words: int) -> Memory:
    """A memory of one bank.

    Args:
        kind: one of Accelergy's classes.
        words: of 16 bits, a power of two up to 65,536.
        row_words: of an access: 1, 2 or 4.
    """
    if kind in REGISTERS or words <= MOST_REGISTER_WORDS:
        return _with_generators(kind, _registers(words // row_words, row_words))
    return _with_generators(kind, Memory(*SCRATCHPADS[words][(1, 2, 4).index(row_words)]))


def buffer(kind: str, rows: int, banks: int) -> Memory:
    """A memory of rows of 64 bits.

    Args:
        kind: one of Accelergy's classes.
        rows: a power of two from 1,024 to 65,536.
        banks: 16, 32, 64 or 128.
    """
    if kind in REGISTERS:
        return _with_generators(kind, _registers(rows, 4))
    known = BUFFERS[rows]
    return _with_generators(kind, Memory(*known[min(BUFFER_BANKS.index(banks), len(known) - 1)]))


def _registers(rows: int, row_words: int) -> Memory:
    comparator_bits = rows * ceil(log2(rows))
    return Memory(
        row_words * REGISTER_WORD_PJ + comparator_bits * COMPARATOR_BIT_PJ,
        row_words * REGISTER_WORD_UM2 + comparator_bits * COMPARATOR_BIT_UM2,
    )


def _with_generators(kind: str, memory: Memory) -> Memory:
    if kind not in SMART:
        return memory
    return Memory(memory.access_pj + GENERATORS_PJ, memory.area_um2 + GENERATORS_UM2)
