"""The measured tables of a reference folder as columns."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosearch_simulators.errors import SimulatorError

Table = dict[str, NDArray[Any]]


def read_table(path: Path) -> Table:
    """A Parquet file's columns, numbers with gaps as NaN, text with gaps as "".

    Raises:
        SimulatorError: the file or the reader is not there, or it is no Parquet file.
    """
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise SimulatorError("reading Parquet needs pyarrow: pip install 'cosearch[parquet]'") from error
    try:
        read = pyarrow.parquet.read_table(path)
    except (OSError, pyarrow.ArrowInvalid) as error:
        raise SimulatorError(f"cannot read {path}: {error}") from error
    table: Table = {}
    for name in read.column_names:
        column = read[name]
        if pyarrow.types.is_floating(column.type) or pyarrow.types.is_integer(column.type):
            table[name] = np.array(column.cast("float64").fill_null(np.nan).to_numpy(), np.float64)
        else:
            table[name] = np.array([value or "" for value in column.cast("string").to_pylist()], str)
    return table


def take(table: Table, rows: NDArray[Any]) -> Table:
    """These rows."""
    return {name: column[rows] for name, column in table.items()}


def least_of_engines(table: Table) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The least time of the engines, in ms, and how far the slowest is above it.

    Block-scaled products of vLLM are timed with the launch from Python and are left out.
    """
    times = np.stack([table[f"{engine}_ms"] for engine in ("vllm", "trtllm", "sglang")])
    if "k" in table:
        times[0, table["dtype"] == "fp8_block"] = np.nan
    known = np.isfinite(times)
    least = np.where(known, times, np.inf).min(axis=0)
    most = np.where(known, times, -np.inf).max(axis=0)
    spread = np.where(known.sum(axis=0) > 1, most / least - 1.0, np.nan)
    return np.where(np.isfinite(least), least, np.nan), spread
