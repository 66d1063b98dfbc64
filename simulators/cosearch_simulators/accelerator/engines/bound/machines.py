"""Designs of a three-level accelerator as columns, with the energies and areas of their `Architecture`.

Registers in every unit of a two-dimensional array, one shared buffer, one memory whose port reads and writes
take turns at.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cosearch_simulators.accelerator.silicon import components
from cosearch_simulators.accelerator.system.architecture import Architecture

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Machines:
    """n designs; words are those of weights and activations, energies those of a word.

    Attributes:
        columns: units along X, (n,) as all but the energies.
        rows: units along Y.
        register_words: of each unit.
        buffer_words: of the shared buffer.
        buffer_rate: words that it reads, and words that it writes, in a cycle.
        memory_rate: words of reads and writes together in a cycle.
        sum_words: words of a partial sum on the chip.
        register_pj: (n, 2), reading and writing a word.
        buffer_pj: (n, 2), likewise.
        memory_pj: (n, 2), likewise.
        mac_pj: a multiply-accumulate.
    """

    columns: NDArray[np.int64]
    rows: NDArray[np.int64]
    register_words: Floats
    buffer_words: Floats
    buffer_rate: Floats
    memory_rate: Floats
    sum_words: Floats
    register_pj: Floats
    buffer_pj: Floats
    memory_pj: Floats
    mac_pj: Floats

    def __len__(self) -> int:
        return self.columns.size

    def array(self) -> Floats:
        """float64 (n, 15), as `kernel` reads it."""
        return np.column_stack([getattr(self, name) for name in self.__dataclass_fields__]).astype(np.float64)


def machines(
    like: Architecture,
    *,
    columns: ArrayLike,
    rows: ArrayLike,
    register_words: ArrayLike,
    buffer_words: ArrayLike,
    buffer_banks: ArrayLike,
    buffer_rate: ArrayLike,
    memory_rate: ArrayLike,
    bits: ArrayLike,
    accumulation_bits: int,
) -> Machines:
    """The designs, with the energies of `components` where `like` gives none.

    Args:
        like: an architecture of registers, buffer and memory: its technology, its memory, and the energies
            that it states for its parts hold for all designs.
        columns: see `Machines`, as the others that are not named here.
        rows: see `Machines`.
        register_words: see `Machines`.
        buffer_words: see `Machines`.
        buffer_banks: equal parts of the buffer; an access wakes one.
        buffer_rate: see `Machines`.
        memory_rate: see `Machines`.
        bits: of a word.
        accumulation_bits: of a partial sum on the chip.
    """
    word = np.asarray(bits, np.float64)
    words, buffer = np.asarray(register_words, np.float64), np.asarray(buffer_words, np.float64)
    nm = like.technology_nm
    read = [
        _each(lambda size, width: components.sram_energy_pj(size, width, nm), words * word, word),
        _each(
            lambda size, width: components.sram_energy_pj(size, width, nm),
            buffer * word / np.asarray(buffer_banks),
            word,
        ),
        _each(lambda _, width: components.dram_energy_pj(width, like.memory), word, word),
    ]
    prices = []
    for level, modelled in zip(like.levels, read, strict=True):
        reading = modelled if level.read_energy_pj is None else np.full_like(modelled, level.read_energy_pj)
        writing = reading if level.write_energy_pj is None else np.full_like(modelled, level.write_energy_pj)
        prices.append(np.column_stack([reading, writing]))
    mac = _each(lambda _, width: components.mac_energy_pj(int(width), nm), word, word)
    if like.mac.energy_pj is not None:
        mac = np.full_like(mac, like.mac.energy_pj)
    return Machines(
        np.asarray(columns, np.int64),
        np.asarray(rows, np.int64),
        words,
        buffer,
        np.asarray(buffer_rate, np.float64),
        np.asarray(memory_rate, np.float64),
        accumulation_bits / word,
        prices[0],
        prices[1],
        prices[2],
        mac,
    )


def area_mm2(like: Architecture, found: Machines, bits: ArrayLike) -> Floats:
    """Area of the chips, as `Architecture.area_by_part_mm2` adds it up; arguments as of `machines`."""
    word, nm = np.asarray(bits, np.float64), like.technology_nm
    units = (found.columns * found.rows).astype(np.float64)
    registers, buffer = like.levels[0].area_um2, like.levels[1].area_um2
    mac: float | Floats | None = like.mac.area_um2
    if mac is None:
        mac = _each(lambda _, width: components.mac_area_um2(int(width), nm), word, word)
    a_register: float | Floats = (
        components.register_area_um2(found.register_words * word, nm)  # type: ignore[arg-type]
        if registers is None
        else registers
    )
    a_buffer: float | Floats = (
        components.sram_area_um2(found.buffer_words * word, nm)  # type: ignore[arg-type]
        if buffer is None
        else buffer
    )
    area: Floats = units * mac * 1e-6 + units * a_register * 1e-6 + a_buffer * 1e-6
    return area


def _each(energy: Callable[[float, float], float], size: Floats, width: Floats) -> Floats:
    """A function of two numbers for each design; few designs differ in them."""
    pairs, place = np.unique(np.column_stack([size, width]), axis=0, return_inverse=True)
    return np.array([energy(float(a), float(b)) for a, b in pairs])[place.ravel()]
