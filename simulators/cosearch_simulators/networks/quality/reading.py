"""Tables that users bring, Parquet or CSV: read whole, and refused in one line where they are broken."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosearch_simulators.bounded_files import DOCUMENT_BYTES, open_file, read_text, size
from cosearch_simulators.errors import ConfigurationError, SimulatorError

MOST_ROWS = 5_000_000
MOST_UNPACKED = 1 << 30
PARQUET_MAGIC = b"PAR1"


def read_columns(path: str | Path) -> dict[str, NDArray[Any]]:
    """The columns of a table by name, in the file's order.

    Raises:
        SimulatorError: it cannot be read, is neither Parquet nor CSV, has no row, or is too large.
    """
    place = Path(path)
    try:
        with open_file(place) as file:
            is_parquet = file.peek(4)[:4] == PARQUET_MAGIC
            columns = _parquet(place) if is_parquet else None
        if columns is None:
            columns = _csv(read_text(place))
    except OSError as error:
        raise SimulatorError(f"cannot read {place}: {error.strerror or error}") from error
    except ConfigurationError as error:
        raise SimulatorError(f"{place}: {error}") from error
    if not columns or not len(next(iter(columns.values()))):
        raise SimulatorError(f"{place} has no row")
    return columns


def _parquet(path: Path) -> dict[str, NDArray[Any]]:
    import pyarrow
    import pyarrow.parquet

    try:
        file = pyarrow.parquet.ParquetFile(path)
        unpacked = sum(
            file.metadata.row_group(i).total_byte_size for i in range(file.metadata.num_row_groups)
        )
        if file.metadata.num_rows > MOST_ROWS or unpacked > MOST_UNPACKED:
            raise ConfigurationError(
                f"it holds more than {MOST_ROWS:,} rows or {size(MOST_UNPACKED)}, the most that is read"
            )
        table = file.read()
        if len(set(table.column_names)) < len(table.column_names):
            raise ConfigurationError("two columns have one name")
        return {name: table.column(name).to_numpy(zero_copy_only=False) for name in table.column_names}
    except (pyarrow.ArrowException, OSError, ValueError, MemoryError) as error:
        if isinstance(error, ConfigurationError):
            raise
        raise ConfigurationError(f"a damaged Parquet file: {' '.join(str(error).split())[:200]}") from None


def _csv(text: str) -> dict[str, NDArray[Any]]:
    if "\0" in text or len(text) > DOCUMENT_BYTES:
        raise ConfigurationError("it is neither Parquet nor CSV")
    try:
        rows = [row for row in csv.reader(io.StringIO(text)) if row]
    except csv.Error as error:
        raise ConfigurationError(f"it is no CSV: {error}") from None
    if not rows:
        raise ConfigurationError("it is empty")
    names = [name.strip() for name in rows[0]]
    if len(set(names)) < len(names):
        raise ConfigurationError("two columns have one name")
    if len(names) < 2:
        raise ConfigurationError("it is neither Parquet nor CSV with a line of column names")
    for number, row in enumerate(rows[1:], start=2):
        if len(row) != len(names):
            raise ConfigurationError(f"row {number} has {len(row)} cells, the line of names {len(names)}")
    return {name: _typed([row[i].strip() for row in rows[1:]]) for i, name in enumerate(names)}


def _typed(cells: list[str]) -> NDArray[Any]:
    """Whole numbers, numbers (an empty cell is NaN), or text, as which "012" is meant too."""
    if any(len(cell) > 1 and cell[0] == "0" and cell.isdigit() for cell in cells):
        return np.array(cells, object)
    for kind in (int, float):
        try:
            return np.array([kind(cell) if cell or kind is int else np.nan for cell in cells])
        except (ValueError, OverflowError):
            continue
    return np.array(cells, object)
