"""Where a simulator's prints go while it runs in this process: stdout belongs to the study's own words."""

from __future__ import annotations

import contextlib
import io
import sys
import threading
from collections.abc import Iterator
from typing import Any, TextIO

MOST_CHARACTERS = 1_000_000

_lock = threading.Lock()
_running = 0
_stdout: Any = None


class PrintsToStderr(io.TextIOBase):
    """Passes the first megabyte of a text on to stderr, and then says once that the rest is left out."""

    encoding = "utf-8"
    errors = "replace"

    def __init__(self, who: str) -> None:
        self.who = who
        self.left = MOST_CHARACTERS
        self.buffer = _Bytes(self)

    def write(self, text: str) -> int:
        """Pass on what still fits."""
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        if self.left > 0 and sys.stderr is not None:
            passed = text[: self.left]
            self.left -= len(passed)
            if self.left == 0:
                passed += (
                    f"\n{self.who} printed more than {MOST_CHARACTERS} characters; the rest is left out\n"
                )
            try:
                sys.stderr.write(passed)
            except UnicodeEncodeError:  # a lone surrogate
                sys.stderr.write(passed.encode("ascii", "backslashreplace").decode())
        return len(text)

    def writable(self) -> bool:
        """It is."""
        return True

    def flush(self) -> None:
        """Flush stderr."""
        if sys.stderr is not None:
            sys.stderr.flush()

    def close(self) -> None:
        """A simulator that closes stdout closes nothing of ours."""

    def fileno(self) -> int:
        """Of stderr: what a simulator starts prints there too."""
        return sys.stderr.fileno()


class _Bytes(io.RawIOBase):
    """What `sys.stdout.buffer` is to those who write bytes."""

    def __init__(self, text: PrintsToStderr) -> None:
        self.text = text

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        raw = bytes(data)
        self.text.write(raw.decode("utf-8", "replace"))
        return len(raw)

    def close(self) -> None:
        pass


@contextlib.contextmanager
def prints_to(stream: TextIO | PrintsToStderr) -> Iterator[None]:
    """Let `print` write to `stream`, in all threads.

    Of several at once, the first to come and the last to leave change `sys.stdout`.
    """
    global _running, _stdout
    with _lock:
        _running += 1
        if _running == 1:
            _stdout = sys.stdout
            sys.stdout = stream
    try:
        yield
    finally:
        with _lock:
            _running -= 1
            if _running == 0:
                sys.stdout, _stdout = _stdout, None
