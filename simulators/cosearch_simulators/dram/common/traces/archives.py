"""The columns of an `.npz` trace, read from start to end: a small archive may unpack to any size."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from cosearch_simulators.dram.common.traces.trace import Trace
from cosearch_simulators.errors import TraceError

ZIP_MAGIC = b"PK\x03\x04"
COLUMNS = ("address", "is_write", "cycle", "length")
_MOST_HEADER_BYTES = 10_000  # as numpy's own readers
_NUMBERS = "iubf"
_PACKINGS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # what numpy writes


class TraceArchive:
    """The columns of an archive.

    Attributes:
        requests: how many each has.

    Raises:
        TraceError: a column is missing or has another length, or the archive is damaged.
    """

    def __init__(self, stream: IO[bytes], path: Path) -> None:
        self._path = path
        start = stream.read(16)
        if not start.startswith(ZIP_MAGIC):
            raise TraceError(
                f"{path}: expected a NumPy .npz archive, found {ascii(start)[2:-1] or 'an empty file'}"
            )
        try:
            archive = zipfile.ZipFile(stream)
            found = [name.removesuffix(".npy") for name in archive.namelist()]
        except Exception as error:  # zipfile and numpy raise a dozen kinds for a damaged archive
            raise damaged(path, error) from None
        for name in COLUMNS[:2]:
            if name not in found:
                raise TraceError(
                    f"{path}: expected an array {name!r} in the .npz, found "
                    f"{', '.join(found[:8]) or 'none'}{', ...' if found[8:] else ''}"
                )
        self._columns = {name: _Column(archive, name, path) for name in COLUMNS if name in found}
        self.requests = self._columns["address"].length
        if not self.requests:
            raise TraceError(f"{path}: a trace needs at least one request, this one has none")
        for name, column in self._columns.items():
            if column.length != self.requests:
                raise TraceError(
                    f"{path}: {name} must have one value for each of the {self.requests} requests, "
                    f"got {column.length}"
                )

    def parts(self, requests: int, name: str) -> Iterator[Trace]:
        """The trace in pieces of so many requests.

        Raises:
            TraceError: a column is damaged or holds what is no request.
        """
        for start in range(0, self.requests, requests):
            count = min(requests, self.requests - start)
            piece = {column: reader.read(count) for column, reader in self._columns.items()}
            try:
                yield Trace(
                    piece["address"], piece["is_write"], piece.get("cycle"), name, piece.get("length")
                )
            except TraceError as error:
                where = f"requests from {start} on: " if start else ""
                raise TraceError(f"{self._path}: {where}{error}") from None


class _Column:
    """One array of an archive."""

    def __init__(self, archive: zipfile.ZipFile, name: str, path: Path) -> None:
        self._path, self._name = path, name
        try:
            entry = archive.getinfo(f"{name}.npy")
            if entry.compress_type not in _PACKINGS:
                raise ValueError(f"{name!r} is neither stored nor deflated, as numpy.savez writes it")
            self._file = archive.open(entry)
            shape, _, self._dtype = _header(self._file)
        except Exception as error:  # as above
            raise damaged(path, error) from None
        if self._dtype.hasobject:
            raise damaged(path, ValueError("Object arrays cannot be loaded"))
        if len(shape) != 1 or self._dtype.kind not in _NUMBERS:
            raise TraceError(
                f"{path}: expected {name!r} to be one-dimensional numbers, found shape {shape} of "
                f"{self._dtype!s:.40}"
            )
        self.length = int(shape[0])
        if self.length * self._dtype.itemsize > entry.file_size:
            raise damaged(path, ValueError(f"{name!r} ends too early"))

    def read(self, count: int) -> NDArray[Any]:
        """The next so many values."""
        wanted = count * self._dtype.itemsize
        try:
            content = self._file.read(wanted)
        except Exception as error:  # as above
            raise damaged(self._path, error) from None
        if len(content) != wanted:
            raise damaged(self._path, ValueError(f"{self._name!r} ends too early"))
        return np.frombuffer(content, self._dtype)


def _header(file: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Shape, order and type; numpy would first read as many bytes as the header says it has."""
    magic = file.read(8)
    version = np.lib.format.read_magic(io.BytesIO(magic))
    width, reader = 2, np.lib.format.read_array_header_1_0
    if version != (1, 0):
        width, reader = 4, np.lib.format.read_array_header_2_0
    length = file.read(width)
    count = int.from_bytes(length, "little")
    if count > _MOST_HEADER_BYTES:
        raise ValueError(f"a header of {count} bytes")
    found: tuple[tuple[int, ...], bool, np.dtype[Any]] = reader(io.BytesIO(length + file.read(count)))
    return found


def damaged(path: Path, error: Exception) -> TraceError:
    """What a damaged archive is told as."""
    return TraceError(f"{path}: damaged .npz archive: {' '.join(str(error).split()) or type(error).__name__}")
