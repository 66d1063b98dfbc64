"""DesignTable: which designs are known, and under which number each was first seen.

An open-addressing hash table over packed rows. A collision is found by comparing whole rows, so the answers
are exact; a batch is looked up with a few array operations for each probe, a single design without any.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cosearch.errors import DesignError
from cosearch.space.design_space import Designs, DesignSpace

_MULTIPLIERS = (0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9)  # odd, as in splitmix64
_ALL_BITS = 2**64 - 1
_EMPTY = -1
_FEW = 4  # designs that are looked up one by one


class RowTable:
    """An exact, growing table of rows of bytes, numbered from 0 in the order of being added.

    Args:
        width: bytes of one row.
    """

    def __init__(self, width: int) -> None:
        self.width = width
        self._words = -(-width // 8)
        self._rows = np.empty((64, self._words), dtype=np.uint64)
        self._slots = np.full(256, _EMPTY, dtype=np.int32)  # the number of a row, by its hash
        self._count = 0

    def __len__(self) -> int:
        return self._count

    @property
    def nbytes(self) -> int:
        """The memory that it takes."""
        return self._rows.nbytes + self._slots.nbytes

    def add(self, raw: NDArray[np.uint8]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """The number of each of n rows, (n, width), and which were not known before; of equals the first."""
        rows = self._padded(raw)
        self._make_room(len(rows))
        if len(rows) <= _FEW:
            before = self._count
            found = np.array([self._add_one(row) for row in rows], dtype=np.int64)
            new = found >= before
            for i in range(1, len(rows)):
                new[i] &= found[i] not in found[:i]
            return found, new
        self._rows[self._count : self._count + len(rows)] = rows
        numbers, slots = self._probe(rows, claim=True)
        new = slots >= 0
        kept = np.flatnonzero(new)
        final = np.empty(len(rows), dtype=np.int64)
        final[kept] = np.arange(self._count, self._count + len(kept))
        self._slots[slots[kept]] = final[kept]
        self._rows[self._count : self._count + len(kept)] = rows[kept]
        batch = numbers >= self._count
        numbers[batch] = final[numbers[batch] - self._count]
        self._count += len(kept)
        return numbers, new

    def find(self, raw: NDArray[np.uint8]) -> NDArray[np.int64]:
        """The number of each row, -1 where it is not known."""
        rows = self._padded(raw)
        if len(rows) <= _FEW:
            return np.array([self._find_one(row)[0] for row in rows], dtype=np.int64)
        return self._probe(rows, claim=False)[0]

    def rows(self, numbers: NDArray[np.int64] | slice = slice(None)) -> NDArray[np.uint8]:
        """The rows of these numbers, (n, width); by default all in the order in which they were added."""
        rows = np.ascontiguousarray(self._rows[: self._count][numbers])
        return np.ascontiguousarray(rows.view(np.uint8)[:, : self.width])

    def _padded(self, raw: NDArray[np.uint8]) -> NDArray[np.uint64]:
        if not len(raw):
            return np.empty((0, self._words), dtype=np.uint64)
        if self.width == 8 * self._words:
            return np.ascontiguousarray(raw).view(np.uint64).reshape(len(raw), self._words)
        rows = np.zeros((len(raw), 8 * self._words), dtype=np.uint8)
        rows[:, : self.width] = raw
        return rows.view(np.uint64)

    def _probe(self, rows: NDArray[np.uint64], *, claim: bool) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The number of each row, and with `claim` the slot of each that was not there before, else -1.

        A row that claims a slot is numbered from `len(self)` by its place in the batch.
        """
        mask = len(self._slots) - 1
        numbers = np.full(len(rows), _EMPTY, dtype=np.int64)
        claimed = np.full(len(rows), -1, dtype=np.int64)
        at = (_hashed(rows) & np.uint64(mask)).astype(np.int64)
        pending = np.arange(len(rows))
        while len(pending):
            there = self._slots[at]
            taken = there != _EMPTY
            again = np.flatnonzero(~taken) if claim else np.empty(0, dtype=np.int64)
            if len(again):
                free, who = at[again], pending[again]
                self._slots[free[::-1]] = self._count + who[::-1]  # of several the first of the batch stays
                won = self._slots[free] == self._count + who
                claimed[who[won]] = free[won]
                numbers[who[won]] = self._count + who[won]
                again = again[~won]  # these look at the same slot once more
            here = np.flatnonzero(taken)
            equal = self._equal(there[here], rows[pending[here]])
            numbers[pending[here[equal]]] = there[here[equal]]
            here = here[~equal]
            at[here] = (at[here] + 1) & mask
            if len(again):
                here = np.sort(np.concatenate([here, again]))
            pending, at = pending[here], at[here]
        return numbers, claimed

    def _equal(self, numbers: NDArray[np.int32], rows: NDArray[np.uint64]) -> NDArray[np.bool_]:
        known = self._rows[numbers]
        equal = known[:, 0] == rows[:, 0]
        for word in range(1, self._words):
            equal &= known[:, word] == rows[:, word]
        return equal

    def _find_one(self, row: NDArray[np.uint64]) -> tuple[int, int]:
        """The number of a row, or -1; and its slot, or the one where it would go."""
        mask = len(self._slots) - 1
        words = row.tolist()
        at = _hashed_one(words) & mask
        while (number := self._slots.item(at)) != _EMPTY:
            if self._rows[number].tolist() == words:
                break
            at = (at + 1) & mask
        return number, at

    def _add_one(self, row: NDArray[np.uint64]) -> int:
        number, at = self._find_one(row)
        if number == _EMPTY:
            number = self._count
            self._slots[at], self._rows[number] = number, row
            self._count += 1
        return number

    def _make_room(self, more: int) -> None:
        wanted = self._count + more
        if wanted > len(self._rows):
            rows = np.empty(
                (max(wanted, len(self._rows) + len(self._rows) // 2), self._words), dtype=np.uint64
            )
            rows[: self._count] = self._rows[: self._count]
            self._rows = rows
        if 2 * wanted > len(self._slots):
            self._slots = np.full(1 << (2 * wanted).bit_length(), _EMPTY, dtype=np.int32)
            known, self._count = self._count, 0
            for start in range(0, known, 2**16):
                rows = self._rows[start : min(start + 2**16, known)]
                self._probe(rows, claim=True)
                self._count += len(rows)


class DesignTable:
    """An exact, growing table of the designs of one space, numbered from 0 in the order of being added.

    Example:
        >>> from cosearch.space import DesignSpace, Ordinal
        >>> space = DesignSpace([Ordinal("rows", [8, 16, 32])])
        >>> table = DesignTable(space)
        >>> numbers, new = table.add(space.designs([{"rows": 16}, {"rows": 8}, {"rows": 16}]))
        >>> numbers.tolist(), new.tolist()
        ([0, 1, 0], [True, True, False])
    """

    def __init__(self, space: DesignSpace) -> None:
        self.space = space
        self._table = RowTable(space.key_dtype.itemsize * len(space))

    def __len__(self) -> int:
        return len(self._table)

    @property
    def nbytes(self) -> int:
        """The memory that it takes."""
        return self._table.nbytes

    def add(self, designs: Designs) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """The number of each design, and which were not known before; of equal ones the first is new."""
        return self._table.add(self._raw(designs))

    def find(self, designs: Designs) -> NDArray[np.int64]:
        """The number of each design, -1 where it is not known."""
        return self._table.find(self._raw(designs))

    def designs(self, numbers: NDArray[np.int64] | slice = slice(None)) -> Designs:
        """The designs of these numbers, by default all in the order in which they were added."""
        return self.space.designs_from_packed(self._table.rows(numbers).view(self.space.key_dtype))

    def _raw(self, designs: Designs) -> NDArray[np.uint8]:
        if designs.space is not self.space and not self.space.is_like(designs.space):
            raise DesignError(f"the designs are of another space than {self.space.label}")
        return designs.packed().view(np.uint8).reshape(len(designs), self._table.width)


def _hashed(rows: NDArray[np.uint64]) -> NDArray[np.uint64]:
    mixed = np.zeros(len(rows), dtype=np.uint64)
    shift = np.uint64(32)
    for word in rows.T:
        mixed ^= word
        for multiplier in _MULTIPLIERS:
            mixed *= np.uint64(multiplier)
            mixed ^= mixed >> shift
    return mixed


def _hashed_one(words: list[int]) -> int:
    mixed = 0
    for word in words:
        mixed ^= word
        for multiplier in _MULTIPLIERS:
            mixed = mixed * multiplier & _ALL_BITS
            mixed ^= mixed >> 32
    return mixed
