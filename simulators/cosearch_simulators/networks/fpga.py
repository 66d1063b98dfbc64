"""What an array of multipliers with its memories needs of an FPGA, and what named boards have.

Boards: AMD data sheets DS190 (Zynq-7000), DS891 (Zynq UltraScale+), DS987 (Kria K26), DS962 (Alveo U250),
memories from the boards' user guides. Multipliers in a DSP slice: AMD WP486 ("Deep learning with INT8
optimization") packs two products of 8 bits that share an operand into a DSP48E2, WP521 ("Convolutional
neural network with INT4 optimization") four of 4 bits; a DSP48E1's narrower multiplier takes one of 8 bits.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Board:
    """An FPGA on a board with a memory.

    Attributes:
        dsp: slices.
        e2: whether these are DSP48E2.
        bram: blocks of 36 Kb.
        uram: blocks of 288 Kb.
        lut: six-input look-up tables.
        memory_gb_per_s: at most, of the board's memory.
    """

    dsp: int
    e2: bool
    bram: int
    uram: int
    lut: int
    memory_gb_per_s: float


BOARDS: Mapping[str, Board] = {
    "zedboard": Board(220, False, 140, 0, 53_200, 4.26),
    "kv260": Board(1248, True, 144, 64, 117_120, 19.2),
    "zcu104": Board(1728, True, 312, 96, 230_400, 19.2),
    "zcu102": Board(2520, True, 912, 0, 274_080, 19.2),
    "u250": Board(12_288, True, 2688, 1280, 1_728_000, 77.0),
}

PACKED = {True: {4: 4, 8: 2, 16: 1}, False: {4: 1, 8: 1, 16: 1}}
"""Multiply-accumulates of a DSP slice by whether it is a DSP48E2, and by bits."""

# Control, adders and data movement for each multiply-accumulate of a cycle: AMD PG338, the DPUCZDX8G of size
# B4096 takes 51,351 LUTs for 2,048 multiply-accumulates in a cycle.
LUTS_A_MAC = 51_351 / 2048
# A LUT of a SLICEM holds 64 bits (UG574).
BITS_A_LUT = 64
BRAM_BITS, URAM_BITS, PORT_BITS = 36 * 1024, 288 * 1024, 72
"""A block's bits, and those that one of its two ports passes in a cycle."""

RESOURCES = ("dsp", "bram", "uram", "lut")


def needs(
    board: Board,
    *,
    units: ArrayLike,
    bits: ArrayLike,
    register_bytes: ArrayLike,
    buffer_kib: ArrayLike,
    buffer_bytes_per_cycle: ArrayLike,
    in_uram: ArrayLike,
) -> dict[str, Floats]:
    """(n,) blocks of each of `RESOURCES` that n accelerators need.

    Args:
        board: whose slices.
        units: multiply-accumulates in a cycle.
        bits: of the wider operand: 4, 8 or 16; others take the next.
        register_bytes: of each unit, in LUTs.
        buffer_kib: of the buffer, in blocks of memory.
        buffer_bytes_per_cycle: that it reads, and that it writes.
        in_uram: whether the buffer is in URAM instead of BRAM.
    """
    number, width = np.asarray(units, np.float64), np.asarray(bits)
    packed = np.select([width <= kind for kind in (4, 8)], [PACKED[board.e2][4], PACKED[board.e2][8]], 1)
    size = np.asarray(buffer_kib, np.float64) * 8192
    # Each block has a port to read and one to write.
    ports = np.ceil(np.asarray(buffer_bytes_per_cycle) * 8 / PORT_BITS)
    blocks = [np.maximum(np.ceil(size / each), ports) for each in (BRAM_BITS, URAM_BITS)]
    there = np.asarray(in_uram).astype(bool)
    return {
        "dsp": np.ceil(number / packed),
        "bram": np.where(there, 0.0, blocks[0]),
        "uram": np.where(there, blocks[1], 0.0),
        "lut": np.ceil(number * (LUTS_A_MAC + np.ceil(np.asarray(register_bytes) * 8 / BITS_A_LUT))),
    }


def shortage(board: Board, needed: Mapping[str, Floats], name: str) -> NDArray[np.object_]:
    """(n,) which resource is short, as a line, or ""."""
    reasons = np.full(len(needed["dsp"]), "", object)
    words = {"dsp": "DSP slices", "bram": "BRAM blocks", "uram": "URAM blocks", "lut": "LUTs"}
    for resource in RESOURCES:
        has = getattr(board, resource)
        for row in np.flatnonzero(needed[resource] > has):
            reasons[row] = (
                reasons[row]
                or f"{needed[resource][row]:,.0f} {words[resource]} are needed, {name} has {has:,}"
            )
    return reasons
