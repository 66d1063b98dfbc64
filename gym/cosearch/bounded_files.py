"""Files that a user names, opened so that none keeps a reader for ever or fills the memory.

Whatever is wrong is an `OSError` whose `strerror` says it in plain words; readers put the file's name before
it and raise it as their own kind. The simulators, which import no core, have the same for themselves.
"""

from __future__ import annotations

import errno
import io
import os
import stat
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

WAIT_S = 2.0
"""How long a pipe may be silent without a word."""


@contextmanager
def opened(path: str | os.PathLike[str], most_bytes: int) -> Iterator[IO[bytes]]:
    """A file, or what a pipe gives until it ends.

    Raises:
        OSError: it cannot be read, holds more than `most_bytes`, or is a folder, a device or a socket.
    """
    try:
        status = os.stat(path)
        mode = status.st_mode
        if stat.S_ISDIR(mode):
            raise IsADirectoryError(errno.EISDIR, "it is a folder, expected a file")
        if stat.S_ISCHR(mode) or stat.S_ISBLK(mode) or stat.S_ISSOCK(mode):
            kind = "socket" if stat.S_ISSOCK(mode) else "device, which may never end"
            raise OSError(errno.EINVAL, f"it is a {kind}; expected a file (copy what it holds into one)")
        if status.st_size > most_bytes:
            raise _too_long(most_bytes)
        pipe = stat.S_ISFIFO(mode)
        file: IO[bytes] = io.BytesIO(_from_pipe(Path(path), most_bytes)) if pipe else open(path, "rb")  # noqa: SIM115
    except ValueError as error:  # a NUL, or half of a surrogate pair
        raise OSError(errno.EINVAL, "no file can have such a name") from error
    with file:
        yield file


def _from_pipe(path: Path, most_bytes: int) -> bytes:
    word = f"waiting for somebody to write to the pipe {path} (Ctrl-C ends it)"
    timer = threading.Timer(WAIT_S, print, [word], {"file": sys.stderr})
    timer.daemon = True
    timer.start()
    parts, left = [], most_bytes
    try:
        with path.open("rb", buffering=0) as pipe:
            while part := pipe.read(1 << 16):
                timer.cancel()
                parts.append(part)
                left -= len(part)
                if left < 0:
                    raise _too_long(most_bytes)
    finally:
        timer.cancel()
    return b"".join(parts)


def _too_long(most_bytes: int) -> OSError:
    most = f"{most_bytes >> 20:,} MiB" if most_bytes >= 1 << 20 else f"{most_bytes:,} bytes"
    return OSError(errno.EFBIG, f"it holds more than {most}, the most that is read; split it")
