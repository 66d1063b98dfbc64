"""Files that a user names, opened so that none keeps a reader for ever or fills the memory.

Whatever is wrong is an `OSError` whose `strerror` says it in plain words; readers put the file's name before
it and raise it as their own kind. `cosearch.bounded_files` is the same for the core, which imports no
simulator.
"""

from __future__ import annotations

import errno
import io
import os
import stat
import sys
import threading
from pathlib import Path
from typing import IO

DOCUMENT_BYTES = 64 << 20
"""Of a file that is read whole, where its reader sets no bound of its own."""

WAIT_S = 2.0
"""How long a pipe may be silent without a word."""


def open_file(path: str | os.PathLike[str]) -> io.BufferedReader:
    """A file or a pipe, to be read; a pipe that keeps its reader waiting is told of on stderr.

    Raises:
        OSError: there is no such file, it may not be read, or it is a folder, a device or a socket.
    """
    try:
        mode = os.stat(path).st_mode
        if stat.S_ISDIR(mode):
            raise IsADirectoryError(errno.EISDIR, "it is a folder, expected a file")
        if stat.S_ISCHR(mode) or stat.S_ISBLK(mode) or stat.S_ISSOCK(mode):
            kind = "socket" if stat.S_ISSOCK(mode) else "device, which may never end"
            raise OSError(errno.EINVAL, f"it is a {kind}; expected a file (copy what it holds into one)")
        raw = _Pipe(path) if stat.S_ISFIFO(mode) else io.FileIO(path)
    except ValueError as error:  # a NUL, or half of a surrogate pair
        raise OSError(errno.EINVAL, "no file can have such a name") from error
    return io.BufferedReader(raw)


def read_bytes(path: str | os.PathLike[str], most_bytes: int = DOCUMENT_BYTES) -> bytes:
    """All that a file holds.

    Raises:
        OSError: as `open_file`, or it holds more.
    """
    with open_file(path) as file:
        return read_whole(file, most_bytes)


def read_whole(stream: IO[bytes], most_bytes: int) -> bytes:
    """All that a stream holds.

    Raises:
        OSError: it holds more.
    """
    parts, left = [], most_bytes
    while part := stream.read(min(left + 1, 1 << 20)):  # a longer read would set aside as much at once
        parts.append(part)
        left -= len(part)
        if left < 0:
            raise OSError(errno.EFBIG, f"it holds more than {size(most_bytes)}, the most that is read")
    return b"".join(parts)


def read_text(path: str | os.PathLike[str], most_bytes: int = DOCUMENT_BYTES) -> str:
    """The text that a file holds, UTF-8.

    Raises:
        OSError: as `read_bytes`, or it holds no text.
    """
    try:
        return read_bytes(path, most_bytes).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise OSError(errno.EILSEQ, f"it is no text: byte {error.start} is not UTF-8") from error


def size(count: int) -> str:
    """A number of bytes in words."""
    return f"{count >> 20:,} MiB" if count >= 1 << 20 else f"{count:,} bytes"


class _Pipe(io.RawIOBase):
    """A named pipe that says so while nobody writes to it."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path, self._told = Path(path), False
        with self._word():
            self._file = io.FileIO(path)  # waits until a writer has opened it

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int | None:  # type: ignore[override]
        with self._word():
            return self._file.readinto(buffer)

    def close(self) -> None:
        self._file.close()
        super().close()

    def _word(self) -> _Word:
        return _Word(self)

    def tell_of_it(self) -> None:
        """Say once that nothing comes."""
        if not self._told:
            self._told = True
            print(f"waiting for somebody to write to the pipe {self._path} (Ctrl-C ends it)", file=sys.stderr)


class _Word:
    """A word on stderr after `WAIT_S` of what stands inside."""

    def __init__(self, pipe: _Pipe) -> None:
        self._timer = threading.Timer(WAIT_S, pipe.tell_of_it)
        self._timer.daemon = True

    def __enter__(self) -> None:
        self._timer.start()

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()
