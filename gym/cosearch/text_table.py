"""Tables on a terminal: a table that is too wide continues below, so that no word or number is split."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from cosearch.terminal import plain

GAP = 2  # between columns
PROSE = 24  # a column of texts is not made narrower than that
ROW = "#"  # heads the numbers of rows, where a table continues below


def print_columns(
    console: Console,
    title: str,
    heads: Sequence[str],
    rows: Iterable[Sequence[Any]],
    numeric: Iterable[str] = (),
) -> None:
    """Print a table; one that the console has no room for goes on below, with its rows numbered.

    Args:
        console: where.
        title: above it.
        heads: of the columns; those in `numeric` hold numbers.
        rows: cells of any kind.
        numeric: heads of columns that are aligned to the right.
    """
    cells = [[plain(cell) for cell in row] for row in rows]
    columns = [[plain(head), *(row[k] for row in cells)] for k, head in enumerate(heads)]
    right = [head in set(numeric) for head in heads]
    console.print(Text(plain(title), style="bold"), soft_wrap=True)
    least = [_least(column) for column in columns]
    if _width(least) <= console.width:
        console.print(_table(columns, right, least))
        return
    numbers = [ROW, *map(str, range(1, len(cells) + 1))]
    for k, block in enumerate(_blocks(least, console.width - _least(numbers) - GAP)):
        if k:
            console.print()
        chosen = [numbers, *(columns[i] for i in block)]
        console.print(_table(chosen, [True, *(right[i] for i in block)], [_least(c) for c in chosen]))


def _table(columns: Sequence[Sequence[str]], right: Sequence[bool], least: Sequence[int]) -> Table:
    table = Table(box=None, pad_edge=False)
    for column, numbers, width in zip(columns, right, least, strict=True):
        justify: Any = "right" if numbers else "left"
        table.add_column(Text(column[0]), justify=justify, min_width=width, overflow="fold")
    for row in zip(*(column[1:] for column in columns), strict=True):
        table.add_row(*map(Text, row))
    return table


def _least(column: Sequence[str]) -> int:
    """The narrowest that a column can be without splitting a word; texts get some room."""
    word = max((len(word) for cell in column for word in cell.split()), default=0)
    return max(word, min(max(len(cell) for cell in column), PROSE))


def _width(least: Sequence[int]) -> int:
    return sum(least) + GAP * (len(least) - 1)


def _blocks(least: Sequence[int], room: int) -> list[list[int]]:
    """The columns in runs that fit, each of at least one."""
    blocks: list[list[int]] = [[]]
    used = 0
    for k, width in enumerate(least):
        if blocks[-1] and used + GAP + width > room:
            blocks.append([])
            used = 0
        used += width + (GAP if blocks[-1] else 0)
        blocks[-1].append(k)
    return blocks
