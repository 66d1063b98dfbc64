"""What the commands print: JSON for machines, tables for people, one line for an error.

Names, reasons and values come from plugins and files, so nothing is ever read as markup or as a control code.
"""

from __future__ import annotations

import contextlib
import json
import math
import sys
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from cosearch.terminal import console, plain, print_line, print_wrapped, stdout
from cosearch.text_table import print_columns

__all__ = [
    "INTERRUPTED",
    "as_json",
    "console",
    "plain",
    "print_entries",
    "print_error",
    "print_json",
    "print_line",
    "print_table",
    "print_wrapped",
    "value_text",
]

READABLE = 100  # columns of a list, however wide the terminal is
LONGEST_NAME = 24  # that others are aligned with
INDENT = 4
INTERRUPTED = 130  # the exit code that shells give for Ctrl-C


def print_json(value: Any) -> None:
    """Print a value as strict JSON: numbers that are not finite become null."""
    stdout().write(json.dumps(as_json(value), indent=2, allow_nan=False) + "\n")


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


def value_text(value: Any) -> str:
    """A parameter's value for a person; a permutation as its items in order."""
    return ", ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)


def print_table(
    title: str, columns: Sequence[str], rows: Iterable[Sequence[Any]], *, right: Iterable[str] = ()
) -> None:
    """Print a table; the columns named in `right` hold numbers."""
    print_columns(console(), title, columns, rows, right)


def print_entries(title: str, entries: Iterable[tuple[str, str, str]]) -> None:
    """Print a list of named things: each a name, what it is, and below it a description, wrapped.

    Args:
        title: above the list.
        entries: name, what it is, description; any but the name may be empty.
    """
    listed = [[plain(part) for part in entry] for entry in entries]
    print_line(title, style="bold")
    width = min(console().width, READABLE)
    names = min(max((len(name) for name, _, _ in listed), default=0), LONGEST_NAME)
    below = " " * INDENT
    for name, what, description in listed:
        first = f"{name.ljust(names)}  {what}".rstrip()
        lines = textwrap.wrap(first, width, subsequent_indent=" " * (names + 2), break_long_words=False)
        lines += textwrap.wrap(
            description, width, initial_indent=below, subsequent_indent=below, break_long_words=False
        )
        for line in lines:
            print_line(line)


def print_error(message: str) -> None:
    """Print `error: message` as one line on stderr."""
    with contextlib.suppress(OSError):  # the terminal is gone
        sys.stderr.write(f"error: {plain(' '.join(str(message).split()))}\n")
