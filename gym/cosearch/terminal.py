"""How text reaches a person at a terminal; names and values in it are never markup or control codes."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from typing import Any, TextIO

from rich.console import Console
from rich.text import Text

PIPED_WIDTH = 240  # a table that goes into a file or a pipe is not cut to 80 columns

_answers: TextIO | None = None


def stdout() -> TextIO:
    """Where a command's own answer goes."""
    return sys.stdout if _answers is None else _answers


@contextlib.contextmanager
def answers_apart(others: Any) -> Iterator[None]:
    """Let only `stdout()` be stdout while this lasts: what anybody prints goes to the stream `others`."""
    global _answers
    before, _answers = _answers, stdout()
    try:
        with contextlib.redirect_stdout(others):
            yield
    finally:
        _answers = before


def console(*, stderr: bool = False) -> Console:
    """A console on stdout or stderr as it is now."""
    stream = sys.stderr if stderr else stdout()
    return Console(file=stream, width=_width(stream), highlight=False, markup=False)


def _width(stream: TextIO) -> int | None:
    """Of a terminal its own, as rich looks at descriptor 1, which may be another; None to let rich look."""
    if not stream.isatty():
        return PIPED_WIDTH
    if "COLUMNS" not in os.environ:
        with contextlib.suppress(OSError, ValueError):
            return os.get_terminal_size(stream.fileno()).columns or None
    return None


def plain(value: Any) -> str:
    """The value as text on one line; what is not printable is escaped."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in str(value))


def print_wrapped(text: str, *, style: str = "") -> None:
    """Print a long line: on a terminal wrapped between words, elsewhere as it is."""
    to = console()
    to.print(Text(plain(text), style=style), soft_wrap=not to.is_terminal)


def print_line(text: str = "", *, style: str = "", stderr: bool = False) -> None:
    """Print one line, wrapped by the terminal rather than by us."""
    console(stderr=stderr).print(Text(plain(text), style=style), soft_wrap=True)
