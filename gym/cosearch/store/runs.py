"""The order of tells, packed: runs of consecutive rows, each as two short numbers, behind a checksum."""

from __future__ import annotations

import struct
import zlib

import numpy as np
from numpy.typing import NDArray

from cosearch.errors import StoreError

LONGEST = 4096  # bytes after which a new part begins, because a part is written whole
_CHECKSUM = struct.Struct("<I")


class Runs:
    """One part of the tells, to which more can be added."""

    __slots__ = ("_closed", "_end", "_length", "_start", "n")

    def __init__(self) -> None:
        self._closed = bytearray()  # all runs but the last
        self._start = self._length = self._end = 0
        self.n = 0

    def add(self, rows: NDArray[np.int64]) -> None:
        """Add rows in the order in which they were told."""
        breaks = np.flatnonzero(rows[1:] != rows[:-1] + 1) + 1 if len(rows) > 1 else ()
        begins = [0, *(int(i) for i in breaks)] if len(rows) else []
        for begin, end in zip(begins, [*begins[1:], len(rows)], strict=False):
            self._add(int(rows[begin]), end - begin)

    def _add(self, start: int, length: int) -> None:
        if self._length and start == self._start + self._length:
            self._length += length
        else:
            self._closed += self._last()
            self._end = self._start + self._length
            self._start, self._length = start, length
        self.n += length

    def _last(self) -> bytes:
        if not self._length:
            return b""
        jump = self._start - self._end
        return _varint(jump << 1 if jump >= 0 else (-jump << 1) - 1) + _varint(self._length)

    @property
    def full(self) -> bool:
        """Whether a new part should begin."""
        return len(self._closed) >= LONGEST

    def packed(self) -> bytes:
        """The part as bytes."""
        body = bytes(self._closed) + self._last()
        return _CHECKSUM.pack(zlib.crc32(body)) + body


def unpacked(payload: bytes) -> NDArray[np.int64]:
    """The rows of a part in the order of telling.

    Raises:
        StoreError: if the bytes are not what was written.
    """
    body = payload[_CHECKSUM.size :]
    if len(payload) < _CHECKSUM.size or _CHECKSUM.unpack_from(payload)[0] != zlib.crc32(body):
        raise StoreError("its checksum is wrong")
    numbers = _numbers(body)
    if len(numbers) % 2:
        raise StoreError("a run has no length")
    zigzag, lengths = numbers[::2], numbers[1::2]
    jumps = np.where(zigzag % 2, -((zigzag + 1) >> 1), zigzag >> 1)
    ends = np.cumsum(jumps + lengths)
    starts = ends - lengths
    offsets = np.cumsum(lengths) - lengths
    return np.repeat(starts - offsets, lengths) + np.arange(int(lengths.sum()), dtype=np.int64)


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    out.append(number)
    return bytes(out)


def _numbers(body: bytes) -> NDArray[np.int64]:
    octets = np.frombuffer(body, dtype=np.uint8)
    if not len(octets):
        return np.empty(0, dtype=np.int64)
    ends = np.flatnonzero(octets < 128)
    if not len(ends) or ends[-1] != len(octets) - 1:
        raise StoreError("its last number is cut")
    begins = np.concatenate([[0], ends[:-1] + 1])
    place = np.arange(len(octets)) - np.repeat(begins, ends - begins + 1)
    return np.add.reduceat((octets & 127).astype(np.int64) << (7 * place), begins)
