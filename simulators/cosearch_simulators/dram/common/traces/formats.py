"""Memory traces as files: NumPy archives and the text formats of memory simulators (`lines`), also gzipped.

An archive is of `numpy.savez`, with the arrays `address`, `is_write` and, where there are some, `cycle` and
`length`.
"""

from __future__ import annotations

import gzip
import io
import os
import re
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, cast

import numpy as np
from numpy.typing import NDArray

from cosearch_simulators.bounded_files import open_file, read_whole, size
from cosearch_simulators.dram.common.traces.archives import ZIP_MAGIC, TraceArchive
from cosearch_simulators.dram.common.traces.lines import TEXT_FORMATS, Columns, TextFormat
from cosearch_simulators.dram.common.traces.places import PlaceError, addresses_of
from cosearch_simulators.dram.common.traces.trace import MOST_LENGTH, REQUEST_BYTES, Trace
from cosearch_simulators.errors import LongTraceError, TraceError

if TYPE_CHECKING:
    from cosearch_simulators.dram.common.device import Device

GZIP_MAGIC = b"\x1f\x8b"  # RFC 1952, section 2.3.1
MOST_REQUESTS = 1 << 25
"""Of a trace that is read whole: 33 million, 600 MB of columns. Longer ones are streamed."""

MOST_BYTES_WITHOUT_REQUEST = 64 << 20
"""Of comments and blank lines that stand together."""

TEXT_BLOCK_BYTES = 1 << 20  # text is parsed in blocks, so that only the columns are ever whole in memory


def read_trace(
    path: str | os.PathLike[str], *, format: str | None = None, device: Device | None = None
) -> Trace:
    """Read a memory trace; a gzipped file is recognised by its content.

    Args:
        path: the file. Its name becomes the name of the trace.
        format: one of `FORMATS`. Without it the suffix decides (`.npz`, `.stl`), and for any other suffix
            the content does.

    Raises:
        TraceError: there is no such file, or what it holds is no trace; names the file and, for text, the
            line and what was expected there. A `LongTraceError` where it has more than `MOST_REQUESTS`,
            which `streams.stream_trace` reads.
    """
    path = Path(path)
    with opened_trace(path, format) as (stream, format):
        return _read_npz(stream, path) if format == "npz" else _read_text(stream, path, format, device)


def _too_long(path: Path) -> LongTraceError:
    return LongTraceError(
        f"{path}: the trace has more than {MOST_REQUESTS:,} requests, the most that are held in memory; "
        "cosearch_simulators.dram.stream_trace reads it in pieces"
    )


@contextmanager
def opened_trace(path: Path, format: str | None) -> Iterator[tuple[IO[bytes], str | None]]:
    """A trace file's content, unzipped if it was gzipped, and its format (None: text, to be seen from it).

    Raises:
        TraceError: as `read_trace`; also while the content is used.
    """
    try:
        with open_file(path) as file:
            stream: IO[bytes] = file
            if _starts_with(stream, GZIP_MAGIC):
                stream = io.BufferedReader(gzip.GzipFile(fileobj=file))
            if format is None:
                format = _format_by_suffix(path) or ("npz" if _starts_with(stream, ZIP_MAGIC) else None)
            elif format not in FORMATS:
                raise TraceError(f"unknown trace format {format!r}; valid: {', '.join(FORMATS)}")
            yield stream, format
    except FileNotFoundError:
        raise TraceError(f"{path}: there is no such trace file") from None
    except IsADirectoryError:
        raise TraceError(f"{path}: expected a trace file, found a directory") from None
    except (OSError, EOFError, zlib.error) as error:
        raise TraceError(f"{path}: cannot be read: {getattr(error, 'strerror', None) or error}") from None


def holds_more_than(path: str | os.PathLike[str], count: int) -> bool:
    """Whether a trace file has more bytes than that once it is unpacked; an `.npz` is taken as it is.

    Raises:
        TraceError: as `read_trace`.
    """
    with opened_trace(Path(path), "npz") as (stream, _):
        if not isinstance(getattr(stream, "raw", None), gzip.GzipFile):
            return os.fstat(stream.fileno()).st_size > count
        left = count
        while left >= 0 and (block := stream.read(TEXT_BLOCK_BYTES)):
            left -= len(block)
        return left < 0


def names_places(path: str | os.PathLike[str], format: str | None = None) -> bool:
    """Whether the requests of a file name places in a memory instead of addresses.

    Raises:
        TraceError: as `read_trace`.
    """
    path = Path(path)
    with opened_trace(path, format) as (stream, format):
        if format is not None:
            return format == "places"
        found = (_sniff(block, path, 0) for block in _blocks_of_lines(stream, path))
        return next(filter(None, found), None) == "places"


def write_trace(trace: Trace, path: str | os.PathLike[str], *, format: str | None = None) -> None:
    """Write a memory trace that `read_trace` reads back the same; `.gz` at the end of the name gzips it.

    Args:
        trace: what to write. A line of stl has a cycle: 0 if the trace has none, which means the same.
        path: the file, which is overwritten.
        format: `npz`, `stl`, `loadstore` or `readwrite`. Without it the suffix decides: `.npz`, `.stl`, and
            `.trace` for loadstore.

    Raises:
        TraceError: the format is unknown or cannot hold the trace's cycles, or the file cannot be written.
    """
    path = Path(path)
    format = format or _format_by_suffix(path) or ("loadstore" if _suffix(path) == ".trace" else None)
    if format != "npz" and format not in _WRITTEN_LINE:
        valid = ", ".join(("npz", *_WRITTEN_LINE))
        raise TraceError(f"{path}: cannot write a trace in format {format!r}; valid: {valid}")
    if trace.cycle is not None and format not in ("npz", "stl"):
        raise TraceError(
            f"{path}: {format} has no place for cycles; write .npz or .stl, or drop the cycles first"
        )
    if trace.length_byte is not None and format not in ("npz", "stl"):
        raise TraceError(f"{path}: {format} has no place for lengths; write .npz or .stl")
    try:
        with path.open("wb") as file:
            if path.suffix.lower() == ".gz":
                with gzip.GzipFile(fileobj=file, mode="wb", filename="", compresslevel=6, mtime=0) as gz:
                    _write(trace, cast(IO[bytes], gz), format)
            else:
                _write(trace, file, format)
    except OSError as error:
        raise TraceError(f"{path}: cannot be written: {error.strerror}") from None


# --- text -------------------------------------------------------------------------------------------------


SNIFFED = ("stl", "loadstore", "readwrite", "timed", "gaps", "places")
_FIRST_REQUEST = re.compile(rb"^[ \t]*[^\s#][^\n]*", re.MULTILINE)

FORMATS: tuple[str, ...] = ("npz", *TEXT_FORMATS)
"""The formats that `read_trace` knows."""


def _read_text(stream: IO[bytes], path: Path, format: str | None, device: Device | None) -> Trace:
    parts, requests = [], 0
    for part in text_parts(stream, path, format, device):
        parts.append(part)
        requests += len(part)
        if requests > MOST_REQUESTS:
            raise _too_long(path)
    return Trace(
        np.concatenate([part.address_byte for part in parts]),
        np.concatenate([part.is_write for part in parts]),
        None if parts[0].cycle is None else np.concatenate([part.cycle for part in parts]),
        trace_name(path),
        np.concatenate([_lengths(part) for part in parts]) if any(part.longest for part in parts) else None,
    )


def _lengths(part: Trace) -> NDArray[np.int64]:
    return np.zeros(len(part), np.int64) if part.length_byte is None else part.length_byte


def text_parts(
    stream: IO[bytes], path: Path, format: str | None, device: Device | None = None
) -> Iterator[Trace]:
    """The requests of a text file, some thousands at a time.

    Raises:
        TraceError: as `read_trace`.
    """
    lines_before = requests_before = bytes_without = 0
    for block in _blocks_of_lines(stream, path):
        if format is None:
            format = _sniff(block, path, lines_before)
        if format is not None:
            text_format = TEXT_FORMATS[format]
            lines = text_format.line.findall(block)
            if len(lines) != block.count(b"\n") + 1:
                raise _first_bad_line(block, path, lines_before, text_format, device)
            requests = [line for line in lines if any(line)]
            if requests:
                try:
                    part = _as_trace(text_format.columns(requests), device)
                except (OverflowError, TraceError):
                    raise _first_bad_line(block, path, lines_before, text_format, device) from None
                requests_before += len(part)
                bytes_without = 0
                yield part
        bytes_without += len(block)
        if bytes_without > MOST_BYTES_WITHOUT_REQUEST:
            raise TraceError(
                f"{path}: expected requests, found {size(MOST_BYTES_WITHOUT_REQUEST)} of comments and blank "
                f"lines (before line {lines_before + 1})"
            )
        lines_before += block.count(b"\n") + 1
    if not requests_before:
        raise TraceError(f"{path}: expected a memory trace, found no request in it")


def _as_trace(columns: Columns, device: Device | None) -> Trace:
    length = columns.length
    if isinstance(columns.address[0], list):
        address = addresses_of(columns.address, device)
        length = [device.transaction_bytes if device else 0] * len(address)
    else:
        address = np.array(columns.address, np.int64)
    return Trace(
        address,
        np.array(columns.is_write),
        None if columns.cycle is None else np.array(columns.cycle, np.int64),
        length_byte=None if length is None else np.array(length, np.int64),
    )


def _blocks_of_lines(stream: IO[bytes], path: Path) -> Iterator[bytes]:
    """Whole lines, about `TEXT_BLOCK_BYTES` at a time, without the last line end."""
    rest = b""
    while block := stream.read(TEXT_BLOCK_BYTES):
        lines, newline, rest = (rest + block).rpartition(b"\n")
        if newline:
            yield lines
        if len(rest) > TEXT_BLOCK_BYTES:
            raise TraceError(
                f"{path}: expected lines of text, found one of more than {TEXT_BLOCK_BYTES} bytes"
            )
    if rest:
        yield rest


def _sniff(block: bytes, path: Path, lines_before: int) -> str | None:
    """The format of the first line of `block` that is neither empty nor a comment; None without one."""
    first = _FIRST_REQUEST.search(block)
    if first is None:
        return None
    for name in SNIFFED:
        if TEXT_FORMATS[name].line.fullmatch(first[0]):
            return name
    line_number = lines_before + block.count(b"\n", 0, first.start()) + 1
    hint = ""
    if TEXT_FORMATS["simpleo3"].line.fullmatch(first[0]):
        hint = "; a Ramulator CPU trace is read with format=simpleo3"
    expected = " or ".join(f"`{TEXT_FORMATS[name].expected}`" for name in SNIFFED)
    raise TraceError(f"{path}:{line_number}: expected {expected}, found `{_shown(first[0])}`{hint}")


def _first_bad_line(
    block: bytes, path: Path, lines_before: int, text_format: TextFormat, device: Device | None
) -> TraceError:
    for line_number, line in enumerate(block.split(b"\n"), lines_before + 1):
        match = text_format.line.fullmatch(line)
        expected = f"`{text_format.expected}`"
        if match and any(match.groups()):
            try:
                _as_trace(text_format.columns([match.groups(default=b"")]), device)
            except PlaceError as error:
                return TraceError(f"{path}:{line_number}: {error}, found `{_shown(line)}`")
            except (OverflowError, TraceError):
                match = None
                expected += f" with addresses below 2^63, cycles up to 2^40 and lengths up to {MOST_LENGTH}"
        if not match:
            return TraceError(f"{path}:{line_number}: expected {expected}, found `{_shown(line)}`")
    raise AssertionError("the block was rejected, so one of its lines must be wrong")


def _shown(line: bytes) -> str:
    text = ascii(line.strip().decode("latin-1"))[1:-1]
    return text if len(text) <= 60 else text[:57] + "..."


# --- npz --------------------------------------------------------------------------------------------------


def _read_npz(stream: IO[bytes], path: Path) -> Trace:
    if not stream.seekable() or isinstance(getattr(stream, "raw", None), gzip.GzipFile):
        # an archive is not read in order; what cannot seek has to be held
        stream = io.BytesIO(read_whole(stream, MOST_REQUESTS * REQUEST_BYTES))
    archive = TraceArchive(stream, path)
    if archive.requests > MOST_REQUESTS:
        raise _too_long(path)
    return next(archive.parts(archive.requests, trace_name(path)))


# --- writing ----------------------------------------------------------------------------------------------


def _stl_line(address: int, is_write: bool, cycle: int, length: int) -> str:
    moved = f"({length})\t" if length else ""
    return f"{cycle}:\t{moved}{'write' if is_write else 'read'}\t0x{address:x}\n"


_WRITTEN_LINE: dict[str, Callable[[int, bool, int, int], str]] = {
    "stl": _stl_line,
    "loadstore": lambda address, is_write, *_: f"{'ST' if is_write else 'LD'} 0x{address:x}\n",
    "readwrite": lambda address, is_write, *_: f"0x{address:x} {'W' if is_write else 'R'}\n",
}


def _write(trace: Trace, stream: IO[bytes], format: str) -> None:
    if format == "npz":
        columns = {
            "address": trace.address_byte,
            "is_write": trace.is_write,
            "cycle": trace.cycle,
            "length": trace.length_byte,
        }
        archive = io.BytesIO()  # a zip archive is not written in order, a gzip stream can only be
        np.savez_compressed(archive, **{name: c for name, c in columns.items() if c is not None})  # type: ignore[arg-type]
        stream.write(archive.getvalue())
        return
    cycle = np.zeros(len(trace), np.int64) if trace.cycle is None else trace.cycle
    line = _WRITTEN_LINE[format]
    for start in range(0, len(trace), 1 << 16):
        rows = slice(start, start + (1 << 16))
        fields = trace.address_byte, trace.is_write, cycle, _lengths(trace)
        requests = map(line, *(field[rows].tolist() for field in fields))
        stream.write("".join(requests).encode())


# --- names ------------------------------------------------------------------------------------------------


def _suffix(path: Path) -> str:
    return (path.with_suffix("") if path.suffix.lower() == ".gz" else path).suffix.lower()


def trace_name(path: Path) -> str:
    """What a trace from this file is called."""
    return path.name.removesuffix(".gz").rsplit(".", 1)[0]


def _format_by_suffix(path: Path) -> str | None:
    suffix = _suffix(path)
    if suffix == ".rstl":
        raise TraceError(
            f"{path}: an .rstl trace counts its cycles from the answer before; only .stl can be read"
        )
    return {".npz": "npz", ".stl": "stl"}.get(suffix)


def _starts_with(stream: IO[bytes], magic: bytes) -> bool:
    return stream.peek(len(magic)).startswith(magic)  # type: ignore[attr-defined]
