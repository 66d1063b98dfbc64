"""A table's file as columns: CSV or Parquet, cells as Python values or numbers, a line for what is broken."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosearch.errors import ArgumentError, unknown_name

MOST_ROWS = 20_000_000


@dataclass(frozen=True, eq=False)
class Column:
    """One column of m rows.

    Attributes:
        name: as the file has it.
        values: float64 or int64 or bool, or object (text, lists); what stands where a cell is empty means
            nothing.
        there: bool (m,), which cells are not empty.
    """

    name: str
    values: NDArray[Any]
    there: NDArray[np.bool_]

    @property
    def numeric(self) -> bool:
        """Whether its cells are numbers."""
        return self.values.dtype.kind in "iuf"


def read_table(path: Path) -> dict[str, Column]:
    """The columns of a file, by name.

    Raises:
        ArgumentError: it cannot be read, is of another kind, has no row, or gives a column twice.
    """
    import pyarrow

    try:
        table = _parquet(path) if path.suffix.lower() in (".parquet", ".pq") else _csv(path)
    except (pyarrow.ArrowException, UnicodeDecodeError) as error:
        kind = "Parquet" if path.suffix.lower() in (".parquet", ".pq") else "CSV"
        raise ArgumentError(f"{path} is no {kind} file: {' '.join(str(error).split())[:200]}") from None
    except OSError as error:
        raise ArgumentError(f"cannot read {path}: {error.strerror or error}") from None
    names = list(table.column_names)
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise ArgumentError(f"{path}: the column {twice[:80]!r} is given twice")
    if not 0 < table.num_rows <= MOST_ROWS:
        raise ArgumentError(f"{path}: expected 1 to {MOST_ROWS:,} rows, found {table.num_rows:,}")
    return {name: _column(name, table.column(name)) for name in names}


def _csv(path: Path) -> Any:
    from pyarrow import csv

    return csv.read_csv(path, convert_options=csv.ConvertOptions(strings_can_be_null=True))


def _parquet(path: Path) -> Any:
    from pyarrow import parquet

    # One that is damaged would end the process in its metadata; this raises.
    file = parquet.ParquetFile(path)
    if file.metadata.num_rows > MOST_ROWS:
        raise ArgumentError(f"{path}: expected at most {MOST_ROWS:,} rows, found {file.metadata.num_rows:,}")
    file.scan_contents(batch_size=4096)
    return parquet.read_table(path)


def _column(name: str, chunked: Any) -> Column:
    import pyarrow

    array = chunked.combine_chunks()
    if pyarrow.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    there = np.asarray(array.is_valid())
    kind = array.type
    if pyarrow.types.is_boolean(kind):
        return Column(name, np.asarray(array.fill_null(False)).astype(bool), there)
    if pyarrow.types.is_integer(kind):
        return Column(name, np.asarray(array.fill_null(0)).astype(np.int64), there)
    if pyarrow.types.is_floating(kind) or pyarrow.types.is_decimal(kind):
        numbers = np.asarray(array.cast(pyarrow.float64()).fill_null(np.nan))
        return Column(name, numbers, there)
    values = np.empty(len(array), object)
    values[:] = [tuple(value) if isinstance(value, list) else value for value in array.to_pylist()]
    return Column(name, values, there)


def wanted(columns: dict[str, Column], name: str, path: Path) -> Column:
    """The column of a name; `UnknownNameError` if there is none."""
    if name not in columns:
        raise unknown_name(f"column of {path.name}", name, columns)
    return columns[name]


def truth(value: Any, name: str, row: int) -> bool:
    """Whether a cell says true; `ArgumentError` where it says neither."""
    known = {"true": True, "1": True, "1.0": True, "yes": True, "ok": True}
    known |= {"false": False, "0": False, "0.0": False, "no": False}
    text = str(value).strip().lower()
    if text not in known:
        raise ArgumentError(f"row {row + 1}: {name} is {value!r}; expected true or false")
    return known[text]


def numbers(
    column: Column, is_valid: NDArray[np.bool_], path: Path, rows: NDArray[np.int64] | None = None
) -> NDArray[np.float64]:
    """A metric's numbers; `ArgumentError` with the row where a valid one has none.

    Args:
        column: the metric's.
        is_valid: the rows that need a number.
        path: the file, for messages.
        rows: the column's rows in the file; None for all.
    """
    if not column.numeric:
        text = column.values[column.there][:1].tolist()
        raise ArgumentError(
            f"{path.name}: the metric {column.name!r} holds no numbers but {text[0]!r}"
            if text
            else f"{path.name}: the metric {column.name!r} is empty"
        )
    values = np.where(column.there, column.values, np.nan).astype(np.float64)
    bad = is_valid & ~np.isfinite(values)
    if bad.any():
        place = int(np.flatnonzero(bad)[0])
        row = place if rows is None else int(rows[place])
        what = f"is {values[place]}" if column.there[place] else "is empty"
        raise ArgumentError(
            f"{path.name}: row {row + 1}: {column.name} {what} ({bad.sum():,} such rows); take them out, or "
            "name a column that says which rows are valid: valid=COLUMN or reason=COLUMN"
        )
    return values
