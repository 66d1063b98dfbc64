"""Memory traces as files: NumPy archives and the text formats of DRAMSys and Ramulator, each also gzipped.

| format    | a request                                | source                                              |
|-----------|------------------------------------------|-----------------------------------------------------|
| npz       | arrays `address`, `is_write`, [`cycle`]  | `numpy.savez`                                       |
| stl       | `31: read 0x400140`, `31: (64) write 40` | DRAMSys 4, simulator/StlPlayer.cpp                  |
| loadstore | `LD 0x400140`, `ST 4194624`              | Ramulator 2, frontend/impl/memory_trace             |
| readwrite | `0x400140 R`, `400140 W`                 | Ramulator 1, README "Memory Trace Driven"           |
| simpleo3  | `3 4194624`, `3 4194624 8388608`         | Ramulator 1, README "CPU Trace Driven"; Ramulator 2 |

A line of `simpleo3` is instructions before, load address, [write-back address]. Ramulator runs it through a
core; here its addresses are the memory requests themselves, so it is read only when asked for by name.
"""

from __future__ import annotations

import gzip
import io
import os
import re
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

import numpy as np

from cosearch_simulators.bounded_files import open_file, read_whole, size
from cosearch_simulators.dram.common.traces.archives import ZIP_MAGIC, TraceArchive
from cosearch_simulators.dram.common.traces.trace import REQUEST_BYTES, Trace
from cosearch_simulators.errors import LongTraceError, TraceError

GZIP_MAGIC = b"\x1f\x8b"  # RFC 1952, section 2.3.1
MOST_REQUESTS = 1 << 25
"""Of a trace that is read whole: 33 million, 600 MB of columns. Longer ones are streamed."""

MOST_BYTES_WITHOUT_REQUEST = 64 << 20
"""Of comments and blank lines that stand together."""

TEXT_BLOCK_BYTES = 1 << 20  # text is parsed in blocks, so that only the columns are ever whole in memory

Columns = tuple[Sequence[int], Sequence[bool], Sequence[int] | None]


def read_trace(path: str | os.PathLike[str], *, format: str | None = None) -> Trace:
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
        return _read_npz(stream, path) if format == "npz" else _read_text(stream, path, format)


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


@dataclass(frozen=True)
class _TextFormat:
    """A text format: what a line of it is, in words and as a pattern, and what the pattern's groups mean."""

    expected: str
    line: re.Pattern[bytes]
    columns: Callable[[list[tuple[bytes, ...]]], Columns]


def _line(request: str) -> re.Pattern[bytes]:
    """The pattern of a whole line: a request, a comment or nothing. `_` in `request` stands for blanks."""
    request = request.replace("_", r"[ \t]+")
    return re.compile(rf"^[ \t]*(?:{request}[ \t]*|#[^\n]*)?\r?$".encode(), re.MULTILINE)


def _stl_columns(lines: list[tuple[bytes, ...]]) -> Columns:
    cycle, command, address = zip(*lines, strict=True)
    return [int(a, 16) for a in address], [c == b"write" for c in command], [int(c) for c in cycle]


def _loadstore_columns(lines: list[tuple[bytes, ...]]) -> Columns:
    command, address = zip(*lines, strict=True)
    return [int(a, 0) for a in address], [c == b"ST" for c in command], None


def _readwrite_columns(lines: list[tuple[bytes, ...]]) -> Columns:
    address, command = zip(*lines, strict=True)
    return [int(a, 16) for a in address], [c == b"W" for c in command], None


def _simpleo3_columns(lines: list[tuple[bytes, ...]]) -> Columns:
    addresses = [
        (a, is_write) for line in lines for a, is_write in zip(line, (False, True), strict=True) if a
    ]
    return [int(a) for a, _ in addresses], [is_write for _, is_write in addresses], None


_HEX = r"((?:0[xX])?[0-9a-fA-F]{1,16})"
_HEX_OR_DECIMAL = r"(0[xX][0-9a-fA-F]{1,16}|0|[1-9][0-9]{0,18})"
_DECIMAL = r"([0-9]{1,19})"
_UP_TO_64 = r"(?:[1-9]|[1-5][0-9]|6[0-4])"  # a longer transaction would be several requests

_TEXT_FORMATS = {
    "stl": _TextFormat(
        "<cycle>: read|write <hex address>",
        _line(rf"{_DECIMAL}:?(?:_\({_UP_TO_64}\))?_(read|write)_{_HEX}(?:_(?:0[xX])?[0-9a-fA-F]+)?"),
        _stl_columns,
    ),
    "loadstore": _TextFormat("LD|ST <address>", _line(rf"(LD|ST)_{_HEX_OR_DECIMAL}"), _loadstore_columns),
    "readwrite": _TextFormat("<hex address> R|W", _line(rf"{_HEX}_(R|W)"), _readwrite_columns),
    "simpleo3": _TextFormat(
        "<instructions> <load address> [<write-back address>]",
        _line(rf"[0-9]+_{_DECIMAL}(?:_{_DECIMAL})?"),
        _simpleo3_columns,
    ),
}
_SNIFFED = ("stl", "loadstore", "readwrite")
_FIRST_REQUEST = re.compile(rb"^[ \t]*[^\s#][^\n]*", re.MULTILINE)

FORMATS: tuple[str, ...] = ("npz", *_TEXT_FORMATS)
"""The formats that `read_trace` knows."""


def _read_text(stream: IO[bytes], path: Path, format: str | None) -> Trace:
    parts, requests = [], 0
    for part in text_parts(stream, path, format):
        parts.append(part)
        requests += len(part)
        if requests > MOST_REQUESTS:
            raise _too_long(path)
    return Trace(
        np.concatenate([part.address_byte for part in parts]),
        np.concatenate([part.is_write for part in parts]),
        None if parts[0].cycle is None else np.concatenate([part.cycle for part in parts]),
        trace_name(path),
    )


def text_parts(stream: IO[bytes], path: Path, format: str | None) -> Iterator[Trace]:
    """The requests of a text file, some thousands at a time.

    Raises:
        TraceError: as `read_trace`.
    """
    lines_before = requests_before = bytes_without = 0
    for block in _blocks_of_lines(stream, path):
        if format is None:
            format = _sniff(block, path, lines_before)
        if format is not None:
            text_format = _TEXT_FORMATS[format]
            lines = text_format.line.findall(block)
            if len(lines) != block.count(b"\n") + 1:
                raise _first_bad_line(block, path, lines_before, text_format)
            requests = [line for line in lines if line[0]]
            if requests:
                try:
                    part = _as_trace(text_format.columns(requests))
                except (OverflowError, TraceError):
                    raise _first_bad_line(block, path, lines_before, text_format) from None
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


def _as_trace(columns: Columns) -> Trace:
    address_byte, is_write, cycle = columns
    return Trace(
        np.array(address_byte, np.int64),
        np.array(is_write),
        None if cycle is None else np.array(cycle, np.int64),
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
    for name in _SNIFFED:
        if _TEXT_FORMATS[name].line.fullmatch(first[0]):
            return name
    line_number = lines_before + block.count(b"\n", 0, first.start()) + 1
    hint = ""
    if _TEXT_FORMATS["simpleo3"].line.fullmatch(first[0]):
        hint = "; a Ramulator CPU trace is read with format=simpleo3"
    expected = " or ".join(f"`{_TEXT_FORMATS[name].expected}`" for name in _SNIFFED)
    raise TraceError(f"{path}:{line_number}: expected {expected}, found `{_shown(first[0])}`{hint}")


def _first_bad_line(block: bytes, path: Path, lines_before: int, text_format: _TextFormat) -> TraceError:
    for line_number, line in enumerate(block.split(b"\n"), lines_before + 1):
        match = text_format.line.fullmatch(line)
        expected = f"`{text_format.expected}`"
        if match and match[1]:
            try:
                _as_trace(text_format.columns([match.groups(default=b"")]))
            except (OverflowError, TraceError):
                match, expected = None, f"{expected} with addresses below 2^63 and cycles up to 2^40"
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

_WRITTEN_LINE: dict[str, Callable[[int, bool, int], str]] = {
    "stl": lambda address, is_write, cycle: f"{cycle}:\t{'write' if is_write else 'read'}\t0x{address:x}\n",
    "loadstore": lambda address, is_write, cycle: f"{'ST' if is_write else 'LD'} 0x{address:x}\n",
    "readwrite": lambda address, is_write, cycle: f"0x{address:x} {'W' if is_write else 'R'}\n",
}


def _write(trace: Trace, stream: IO[bytes], format: str) -> None:
    if format == "npz":
        columns = {"address": trace.address_byte, "is_write": trace.is_write, "cycle": trace.cycle}
        archive = io.BytesIO()  # a zip archive is not written in order, a gzip stream can only be
        np.savez_compressed(archive, **{name: c for name, c in columns.items() if c is not None})  # type: ignore[arg-type]
        stream.write(archive.getvalue())
        return
    cycle = np.zeros(len(trace), np.int64) if trace.cycle is None else trace.cycle
    line = _WRITTEN_LINE[format]
    for start in range(0, len(trace), 1 << 16):
        rows = slice(start, start + (1 << 16))
        requests = map(line, *(c[rows].tolist() for c in (trace.address_byte, trace.is_write, cycle)))
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
