"""Traces too long for memory: a file that is read in pieces, each time from its start.

Every format of `formats` streams, gzipped text too; a gzipped `.npz` does not, as an archive cannot be
read in order. `write_columns` makes a long `.npz` in pieces.
"""

from __future__ import annotations

import gzip
import hashlib
import os
import zipfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import IO, TYPE_CHECKING

import numpy as np

from cosearch_simulators.dram.common.traces.archives import TraceArchive
from cosearch_simulators.dram.common.traces.formats import opened_trace, text_parts, trace_name
from cosearch_simulators.dram.common.traces.trace import CHUNK_REQUESTS, Trace
from cosearch_simulators.errors import TraceError

if TYPE_CHECKING:
    from cosearch_simulators.dram.common.device import Device

LARGEST_ADDRESS = (1 << 63) - 1


@dataclass(frozen=True, eq=False)
class StreamedTrace:
    """Memory requests in a file, of which only a piece is in memory at a time.

    `simulate` takes it where it takes a `Trace`, and gives the same numbers.

    Attributes:
        path: the file.
        format: of `formats.FORMATS`; None: seen from the suffix or the content.
        chunk_requests: how many requests are in memory at most.
        device: as of `formats.read_trace`.

    Raises:
        TraceError: here, or in the middle of reading: as `formats.read_trace`, and where the file has
            changed since it was first read.
    """

    path: Path
    format: str | None = None
    chunk_requests: int = CHUNK_REQUESTS
    device: Device | None = None

    def __len__(self) -> int:
        return self._survey[0]

    def __eq__(self, other: object) -> bool:
        return self.digest == other.digest if isinstance(other, StreamedTrace | Trace) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.digest)

    @property
    def name(self) -> str:
        """What reports call the trace."""
        return trace_name(self.path)

    @property
    def requests(self) -> int:
        """How many requests the trace has."""
        return len(self)

    @cached_property
    def timed(self) -> bool:
        """Whether it says in which cycle each request is wanted."""
        return next(self.chunks(1)).timed

    @property
    def highest_address(self) -> int:
        """The highest byte address."""
        return self._survey[1]

    @property
    def highest_cycle(self) -> int:
        """The highest cycle, 0 without any."""
        return self._survey[3]

    @property
    def read_share(self) -> float:
        """The share of the requests that are reads, from 0 to 1."""
        return 1.0 - self._survey[2] / len(self)

    @property
    def lowest_address(self) -> int:
        """The lowest byte address."""
        return self._survey[4]

    @property
    def longest(self) -> int:
        """The longest request in bytes, 0 where the trace does not say."""
        return self._survey[5]

    def moved_bytes(self, request_bytes: int) -> int:
        """What all requests move, those without a length of their own `request_bytes` each."""
        return self._survey[6] + self._survey[7] * request_bytes

    @cached_property
    def _survey(self) -> tuple[int, ...]:
        """Requests, highest address, writes, highest cycle, lowest address; longest, sum and lack of lengths.

        One pass over the file.
        """
        requests = highest = writes = latest = longest = moved = unsaid = 0
        lowest = LARGEST_ADDRESS
        for chunk in self.chunks():
            requests += len(chunk)
            highest = max(highest, chunk.highest_address)
            lowest = min(lowest, chunk.lowest_address)
            writes += int(np.count_nonzero(chunk.is_write))
            latest = max(latest, chunk.highest_cycle)
            longest = max(longest, chunk.longest)
            moved += chunk.moved_bytes(0)
            unsaid += chunk.moved_bytes(1) - chunk.moved_bytes(0)
        return requests, highest, writes, latest, lowest, longest, moved, unsaid

    @cached_property
    def digest(self) -> str:
        """`Trace.digest` of the same requests: a pass over the file for each column."""
        timed = self.timed
        content = hashlib.sha256(b"requests with cycles" if timed else b"requests")
        for column, stored in (("address_byte", "<i8"), ("is_write", "u1"), ("cycle", "<i8"))[: 2 + timed]:
            for chunk in self.chunks():
                content.update(getattr(chunk, column).astype(stored).tobytes())
        if self.longest:
            content.update(b"lengths")
            for chunk in self.chunks():
                length = np.zeros(len(chunk)) if chunk.length_byte is None else chunk.length_byte
                content.update(length.astype("<i8").tobytes())
        return content.hexdigest()

    def chunks(self, requests: int | None = None) -> Iterator[Trace]:
        """The trace in pieces of at most `requests` requests (None: `chunk_requests`)."""
        requests = requests or self.chunk_requests
        if self.path.is_fifo():
            raise TraceError(f"{self.path}: a pipe can be read only once; save what it gives to a file")
        with opened_trace(self.path, self.format) as (stream, format):
            parts = self._npz_parts(stream, requests) if format == "npz" else self._text(stream, format)
            self._check_unchanged()
            for part in parts:
                yield from part.chunks(requests)
            self._check_unchanged()

    @cached_property
    def _version(self) -> tuple[int, int]:
        """Size and time of the file when it was first read: all designs are to see the same requests."""
        status = self.path.stat()
        return status.st_size, status.st_mtime_ns

    def _check_unchanged(self) -> None:
        first, status = self._version, self.path.stat()
        if (status.st_size, status.st_mtime_ns) != first:
            raise TraceError(f"{self.path}: the file has changed since it was first read; open it anew")

    def _text(self, stream: IO[bytes], format: str | None) -> Iterator[Trace]:
        return text_parts(stream, self.path, format, self.device)

    def _npz_parts(self, stream: IO[bytes], requests: int) -> Iterator[Trace]:
        if isinstance(getattr(stream, "raw", None), gzip.GzipFile):
            raise TraceError(f"{self.path}: a gzipped .npz cannot be read in pieces; unzip it first")
        return TraceArchive(stream, self.path).parts(requests, self.name)


def stream_trace(
    path: str | os.PathLike[str],
    *,
    format: str | None = None,
    chunk_requests: int = CHUNK_REQUESTS,
    device: Device | None = None,
) -> StreamedTrace:
    """Open a trace file to be read in pieces; arguments as of `formats.read_trace`.

    Raises:
        TraceError: there is no such file, or it does not begin as a trace.
    """
    trace = StreamedTrace(Path(path), format, chunk_requests, device)
    next(trace.chunks(1))
    return trace


def write_columns(path: str | os.PathLike[str], requests: int, chunks: Callable[[], Iterable[Trace]]) -> None:
    """Write a long trace as `.npz` without holding it: `chunks` is called once for each column.

    Raises:
        TraceError: the file cannot be written, or the pieces have another length in all.
    """
    try:
        with zipfile.ZipFile(path, "w", allowZip64=True) as archive:
            timed = next(iter(chunks())).cycle is not None
            for name, column, dtype in (
                ("address", "address_byte", np.dtype("<i8")),
                ("is_write", "is_write", np.dtype(bool)),
                ("cycle", "cycle", np.dtype("<i8")),
            )[: 2 + timed]:
                with archive.open(f"{name}.npy", "w", force_zip64=True) as file:
                    header = {"descr": dtype.str, "fortran_order": False, "shape": (requests,)}
                    np.lib.format.write_array_header_2_0(file, header)
                    written = 0
                    for chunk in chunks():
                        values = getattr(chunk, column).astype(dtype)
                        written += values.size
                        file.write(values.tobytes())
                if written != requests:
                    raise TraceError(f"{path}: expected {requests} requests, the pieces have {written}")
    except OSError as error:
        raise TraceError(f"{path}: cannot be written: {error.strerror}") from None
