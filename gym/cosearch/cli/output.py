"""What the commands print: JSON for machines, tables for people, one line for an error.

Names, reasons and values come from plugins and files, so nothing is ever read as markup or as a control code.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table
from rich.text import Text

PIPED_WIDTH = 240  # a table that goes into a file or a pipe is not cut to 80 columns
INTERRUPTED = 130  # the exit code that shells give for Ctrl-C


def console(*, stderr: bool = False) -> Console:
    """A console on stdout or stderr as it is now."""
    stream = sys.stderr if stderr else sys.stdout
    return Console(file=stream, width=None if stream.isatty() else PIPED_WIDTH, highlight=False, markup=False)


def print_json(value: Any) -> None:
    """Print a value as strict JSON: numbers that are not finite become null."""
    sys.stdout.write(json.dumps(as_json(value), indent=2, allow_nan=False) + "\n")


def as_json(value: Any) -> Any:
    """The value with numpy's types as Python's, and what JSON does not know as null or text."""
    if isinstance(value, Mapping):
        return {str(key): as_json(item) for key, item in value.items()}
    if isinstance(value, np.ndarray):
        return [as_json(item) for item in value.tolist()]
    if isinstance(value, (list, tuple, set, frozenset)):
        return [as_json(item) for item in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if value is None or isinstance(value, (str, int)) else str(value)


def plain(value: Any) -> str:
    """The value as text on one line; what is not printable is escaped."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in str(value))


def value_text(value: Any) -> str:
    """A parameter's value for a person; a permutation as its items in order."""
    return ", ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)


def print_line(text: str = "", *, style: str = "", stderr: bool = False) -> None:
    """Print one line, wrapped by the terminal rather than by us."""
    console(stderr=stderr).print(Text(plain(text), style=style), soft_wrap=True)


def print_table(
    title: str, columns: Sequence[str], rows: Iterable[Sequence[Any]], *, right: Iterable[str] = ()
) -> None:
    """Print a table; the columns named in `right` hold numbers."""
    print_line(title, style="bold")  # a title of the table itself would wrap to its width
    table = Table(box=None, pad_edge=False)
    for name in columns:
        table.add_column(Text(plain(name)), justify="right" if name in right else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text(plain(cell)) for cell in row))
    console().print(table)


def print_error(message: str) -> None:
    """Print `error: message` as one line on stderr."""
    sys.stderr.write(f"error: {plain(' '.join(str(message).split()))}\n")
