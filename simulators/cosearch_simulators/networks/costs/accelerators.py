"""Accelerators as columns: an array of units with registers, one buffer, one memory; words are bytes.

What a unit can multiply is its `multiplier`. All come from one synthesis, so that they can be compared: H.
Sharma et al.: "Bit Fusion", ISCA 2018, published results `systolic_array_synth.csv` (45 nm, 500 MHz, arrays
of 4 x 4, an accumulator in every unit). A fixed multiplier takes any narrower operand as one of its own
width. One that fuses has bricks of 2 x 2 bits: operands of 2, 4, 8 or 16 bits use as many as they need, the
others multiply other operands in the same cycle; widths between use the next larger.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cosearch_simulators.accelerator.common import nest_tables as nt
from cosearch_simulators.accelerator.engines.bound.machines import Machines, machines
from cosearch_simulators.accelerator.silicon import components
from cosearch_simulators.accelerator.system.architecture import Architecture
from cosearch_simulators.accelerator.system.designs import ArrayDesigns, Chip
from cosearch_simulators.core.columns import Columns

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Multiplier:
    """What a unit multiplies.

    Attributes:
        bits: of the widest operands that it multiplies in a cycle.
        bricks: whether it is made of bricks of 2 x 2 bits.
        area_um2: of a unit at 45 nm.
        energy_pj: of a cycle of it at 45 nm.
    """

    bits: int
    bricks: bool
    area_um2: float
    energy_pj: float

    def per_cycle(self, weight_bits: ArrayLike, activation_bits: ArrayLike) -> Floats:
        """Multiply-accumulates in a cycle; 0 where the operands are too wide."""
        w, a = (np.asarray(bits, np.float64) for bits in (weight_bits, activation_bits))
        if not self.bricks:
            return np.where(np.maximum(w, a) <= self.bits, 1.0, 0.0)
        steps = [np.maximum(2.0, 2.0 ** np.ceil(np.log2(bits))) for bits in (w, a)]
        # Operands of twice the width are multiplied in parts, one after the other (section III of the paper).
        fits = np.maximum(w, a) <= 2 * self.bits
        return np.where(fits, self.bits**2 / (steps[0] * steps[1]), 0.0)


SYNTHESISED_UNITS, SYNTHESISED_HZ = 16, 500e6


def _synthesised(bits: int, area_um2: float, dynamic_nw: float, *, bricks: bool = False) -> Multiplier:
    energy_pj = dynamic_nw * 1e-9 / SYNTHESISED_UNITS / SYNTHESISED_HZ * 1e12
    return Multiplier(bits, bricks, area_um2 / SYNTHESISED_UNITS, energy_pj)


MULTIPLIERS: Mapping[str, Multiplier] = {
    "fixed-4": _synthesised(4, 3066.008364, 659402),
    "fixed-8": _synthesised(8, 8171.729995, 1627500),
    "fixed-16": _synthesised(16, 26870.48336, 4821500),
    "fusion-8": _synthesised(8, 27752.83558, 3673500, bricks=True),
}

# A unit that skips zeros picks one of four inputs for each of its operands' 8 bits: three MUX2_X1 for a bit
# (1.862 um2), and keeps the 2 bits of the index in flip-flops; cells of the NanGate 45 nm library.
SKIPPING_UM2 = 8 * 3 * 1.862 + 2 * components.FLIP_FLOP_UM2
INDEX_BITS = 2

WORD_BITS = 8
SUM_BITS = 32


@dataclass(frozen=True, eq=False)
class Accelerators(Columns):
    """n accelerators. Every column has length n, or 1, which stands for all.

    Attributes:
        array_rows, array_columns: units of the array.
        multiplier: of a unit.
        skips_zeros: 1 if the units skip the zeros of weights with at most 2 of 4 not zero.
        register_bytes: of each unit.
        buffer_kib: the shared buffer.
        buffer_banks: equal parts of it; an access wakes one.
        buffer_bytes_per_cycle: that it reads, and that it writes.
        memory_gb_per_s: of the memory's bus, which reads and writes share.
        dataflow: name of a template, or "flexible".
        clock_ghz: of everything on the chip.
    """

    array_rows: ArrayLike = 16
    array_columns: ArrayLike = 16
    multiplier: ArrayLike = "fixed-8"
    skips_zeros: ArrayLike = 0
    register_bytes: ArrayLike = 128
    buffer_kib: ArrayLike = 256
    buffer_banks: ArrayLike = 8
    buffer_bytes_per_cycle: ArrayLike = 32
    memory_gb_per_s: ArrayLike = 12.8
    dataflow: ArrayLike = "weight-stationary"
    clock_ghz: ArrayLike = 0.5

    WHAT = "accelerator"
    WORDS: ClassVar[tuple[str, ...]] = ("dataflow",)
    NAMES = {"multiplier": tuple(MULTIPLIERS)}  # noqa: RUF012
    COUNTS = {  # noqa: RUF012
        "array_rows": (1, 4096),
        "array_columns": (1, 4096),
        "skips_zeros": (0, 1),
        "register_bytes": (1, 1 << 24),
        "buffer_kib": (1, 1 << 24),
        "buffer_banks": (1, 1 << 16),
    }
    NUMBERS = {  # noqa: RUF012
        "buffer_bytes_per_cycle": (1e-9, 1e9),
        "memory_gb_per_s": (1e-9, 1e9),
        "clock_ghz": (1e-6, 1e3),
    }

    def architecture(self, row: int, technology_nm: float) -> Architecture:
        """An accelerator as levels of storage, of words of a byte."""
        designs = ArrayDesigns(
            array_rows=np.asarray(self.array_rows)[row],
            array_columns=np.asarray(self.array_columns)[row],
            register_words=np.asarray(self.register_bytes)[row],
            buffer_kib=np.asarray(self.buffer_kib)[row],
            buffer_banks=np.asarray(self.buffer_banks)[row],
            buffer_words_per_cycle=np.asarray(self.buffer_bytes_per_cycle)[row],
            memory_gb_per_s=np.asarray(self.memory_gb_per_s)[row],
            dataflow=np.asarray(self.dataflow)[row],
            bits=WORD_BITS,
            clock_ghz=np.asarray(self.clock_ghz)[row],
        )
        found = designs.architecture(0, Chip(technology_nm=technology_nm))
        unit = MULTIPLIERS[str(np.asarray(self.multiplier)[row])]
        energy = unit.energy_pj * components.energy_scale(technology_nm)
        area = self.unit_um2(technology_nm)[row]
        mac = found.mac.model_copy(update={"energy_pj": energy, "area_um2": float(area)})
        return found.model_copy(update={"mac": mac})

    def unit_um2(self, technology_nm: float) -> Floats:
        """(n,) area of a unit without its registers."""
        kinds = np.array([unit.area_um2 for unit in MULTIPLIERS.values()])
        area = kinds[self.codes("multiplier")] + SKIPPING_UM2 * np.asarray(self.skips_zeros)
        return area * components.area_scale(technology_nm)

    def machines(self, technology_nm: float) -> Machines:
        """Sizes and energies of the parts, words of a byte; `mac_pj` is that of a unit's cycle."""
        clock = np.asarray(self.clock_ghz)
        found = machines(
            ArrayDesigns().architecture(0, Chip(technology_nm=technology_nm)),
            columns=self.array_columns,
            rows=self.array_rows,
            register_words=self.register_bytes,
            buffer_words=np.asarray(self.buffer_kib, np.int64) * 1024,
            buffer_banks=self.buffer_banks,
            buffer_rate=self.buffer_bytes_per_cycle,
            memory_rate=np.asarray(self.memory_gb_per_s) / clock,
            bits=np.full(len(self), WORD_BITS),
            accumulation_bits=SUM_BITS,
        )
        kinds = np.array([unit.energy_pj for unit in MULTIPLIERS.values()])
        found.mac_pj[:] = kinds[self.codes("multiplier")] * components.energy_scale(technology_nm)
        return found

    def area_mm2(self, technology_nm: float) -> Floats:
        """(n,) of the chip: units, registers, buffer."""
        units = np.asarray(self.array_rows) * np.asarray(self.array_columns)
        bits = np.asarray(self.register_bytes) * 8.0
        scale = components.area_scale(technology_nm)
        unit = self.unit_um2(technology_nm) + bits * components.FLIP_FLOP_UM2 * scale
        cells = np.asarray(self.buffer_kib) * 8192.0 * components.SRAM_CELL_UM2 / components.ARRAY_EFFICIENCY
        return (units * unit + cells * scale) * 1e-6

    def per_cycle(self, weight_bits: ArrayLike, activation_bits: ArrayLike) -> Floats:
        """(n,) multiply-accumulates of a unit in a cycle; 0 where its multiplier is too narrow."""
        code = self.codes("multiplier")
        found = np.zeros(len(self))
        for number, unit in enumerate(MULTIPLIERS.values()):
            found = np.where(code == number, unit.per_cycle(weight_bits, activation_bits), found)
        return found


def tables(
    found: Machines, rate: Floats, weight_bits: Floats, input_bits: Floats, output_bits: Floats
) -> tuple[Floats, Floats]:
    """Machines in a precision for the compiled evaluation: (m, 3, LEVEL_COLUMNS) and (m, CONSTANTS).

    Args:
        found: m machines.
        rate: (m,) multiply-accumulates of a unit in a cycle.
        weight_bits: (m,) that an element takes in memories, as the others.
        input_bits: (m,).
        output_bits: (m,) of results; sums have `SUM_BITS`.
    """
    number = len(found)
    table = np.zeros((number, 3, nt.LEVEL_COLUMNS))
    table[:, 0, nt.CAPACITY], table[:, 1, nt.CAPACITY] = found.register_words, found.buffer_words
    table[:, 2, nt.CAPACITY] = np.inf
    table[:, 0, [nt.READ_BANDWIDTH, nt.WRITE_BANDWIDTH]] = np.inf
    table[:, 1, [nt.READ_BANDWIDTH, nt.WRITE_BANDWIDTH]] = found.buffer_rate[:, None]
    table[:, 2, [nt.READ_BANDWIDTH, nt.WRITE_BANDWIDTH]] = found.memory_rate[:, None]
    table[:, 2, nt.SHARED_BANDWIDTH] = 1.0
    table[:, :, [nt.FANOUT_X, nt.FANOUT_Y]] = 1.0
    table[:, 1, nt.FANOUT_X], table[:, 1, nt.FANOUT_Y] = found.columns, found.rows
    table[:, :, [nt.MULTICAST, nt.REDUCTION]] = 1.0
    sums = np.full(number, float(SUM_BITS))
    for level, prices in enumerate((found.register_pj, found.buffer_pj, found.memory_pj)):
        widths = np.stack([weight_bits, input_bits, output_bits if level == 2 else sums], axis=1) / WORD_BITS
        table[:, level, nt.WIDTH : nt.WIDTH + 3] = widths
        table[:, level, nt.READ_PJ : nt.READ_PJ + 3] = prices[:, :1] * widths
        table[:, level, nt.WRITE_PJ : nt.WRITE_PJ + 3] = prices[:, 1:] * widths
    return table, np.stack([found.mac_pj / rate, rate], axis=1)
