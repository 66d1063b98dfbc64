"""Reading designs that a user wrote: JSON on the command line, or a .json, .jsonl, .csv or .parquet file.

A table may be one that `cosearch export` wrote: columns that are no parameters but what export adds are
left out, and what a cell holds where its parameter is inactive does not matter.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from cosearch.bounded_files import opened
from cosearch.cli.parquet_columns import check_names, read_columns
from cosearch.errors import ArgumentError, DesignError
from cosearch.export.cells import cell_values, typed_values
from cosearch.export.table import FIRST_COLUMNS, LAST_COLUMNS, csv_column, metric_column
from cosearch.json_text import json_value, shown
from cosearch.objectives import Metric
from cosearch.space import Designs, DesignsLike, DesignSpace

MOST_BYTES = 256 << 20
MOST_DESIGNS = 1_000_000
LONGEST_LINE = 1000


def designs_from_json(space: DesignSpace, text: str) -> tuple[Designs, list[dict[str, Any]]]:
    """The design, or the list of designs, that is written as JSON.

    Returns:
        The designs, and for each what it left out, with the defaults that it therefore has.

    Raises:
        DesignError: for text that is no JSON, or a design outside the space.
    """
    try:
        value = _loads(text)
    except json.JSONDecodeError as error:
        raise DesignError(
            f"--design is not JSON: {error.msg} at character {error.pos + 1} of {shown(text)}"
        ) from None
    rows = _rows(value, "--design")
    left_out = [_left_out(space, row) for row in rows]
    try:
        return space.designs([{**row, **added} for row, added in zip(rows, left_out, strict=True)]), left_out
    except DesignError as error:
        defaults = ", ".join(f"{name}={shown(value)}" for row in left_out for name, value in row.items())
        ends = f" (left out, so at their defaults: {defaults})" if defaults and len(rows) == 1 else ""
        raise DesignError(_bounded(error) + ends) from None


def _left_out(space: DesignSpace, row: Mapping[str, Any]) -> dict[str, Any]:
    """What a design leaves out although it is active there, with the defaults.

    Nothing where the design cannot be one; whoever reads it next says why.
    """
    if not row.keys() <= set(space.names):
        return {}
    usual = space.default()
    whole = {p.name: usual.get(p.name, p.default) for p in space} | dict(row)
    try:
        (found,) = space.designs({name: [value] for name, value in whole.items()})
    except DesignError:
        return {}
    return {name: value for name, value in found.items() if name not in row}


def designs_from_file(space: DesignSpace, path: Path, metrics: Sequence[Metric] = ()) -> Designs:
    """The designs in a file; its suffix says how they are written.

    Raises:
        ArgumentError: for a file that cannot be read, or has another suffix.
        DesignError: for a design outside the space; the file is named.
    """
    readers: dict[str, Callable[[DesignSpace, IO[bytes], set[str]], DesignsLike]] = {
        ".json": _read_json,
        ".jsonl": _read_json_lines,
        ".csv": _read_csv,
        ".parquet": _read_parquet,
    }
    if path.suffix not in readers:
        raise ArgumentError(
            f"designs file {path}: expected {', '.join(readers)}, not {path.suffix or 'no suffix'}"
        )
    units = {metric_column(space, metric.name): metric.unit for metric in metrics}
    added = {*FIRST_COLUMNS, *LAST_COLUMNS, *units, *(csv_column(name, unit) for name, unit in units.items())}
    errors = {f"{metric.name}_standard_error": metric.unit for metric in metrics}
    added |= {*errors, *(csv_column(name, unit) for name, unit in errors.items())}
    try:
        with opened(path, MOST_BYTES) as file:
            return space.designs(readers[path.suffix](space, file, added))
    except DesignError as error:
        raise DesignError(f"{path}: {_bounded(error)}") from None
    except OSError as error:
        raise ArgumentError(f"cannot read {path}: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise ArgumentError(f"{path} is not a text file; expected {path.suffix[1:]}") from None


def _bounded(error: Exception) -> str:
    """An error's message, of a long one the begin and the end: it may quote a value of the file."""
    text = str(error)
    return (
        text if len(text) <= LONGEST_LINE else f"{text[: LONGEST_LINE // 2]} ... {text[-LONGEST_LINE // 2 :]}"
    )


def _rows(value: Any, what: str) -> list[Mapping[str, Any]]:
    rows = value if isinstance(value, list) else [value]
    if not rows:
        raise DesignError(f"{what} holds no design")
    for row in rows:
        if not isinstance(row, dict):
            raise DesignError(
                f"{what}: expected an object {{parameter: value}} or a list of them, not {shown(row)}"
            )
    return rows


def _check_count(count: int) -> None:
    if count > MOST_DESIGNS:
        raise DesignError(
            f"the file holds more than {MOST_DESIGNS:,} designs, the most that is read; split it"
        )


def _read_json(space: DesignSpace, file: IO[bytes], added: set[str]) -> list[Mapping[str, Any]]:
    try:
        rows = _rows(_loads(file.read().decode("utf-8-sig")), "the file")
    except json.JSONDecodeError as error:
        raise DesignError(f"not JSON: {error.msg} (line {error.lineno}, column {error.colno})") from None
    _check_count(len(rows))
    return rows


def _read_json_lines(space: DesignSpace, file: IO[bytes], added: set[str]) -> list[Mapping[str, Any]]:
    rows: list[Mapping[str, Any]] = []
    for number, line in enumerate(file, start=1):
        if line.strip():
            try:
                rows += _rows(_loads(line.decode("utf-8-sig" if number == 1 else "utf-8")), f"line {number}")
            except json.JSONDecodeError as error:
                raise DesignError(f"line {number} is not JSON: {error.msg}") from None
            _check_count(len(rows))
    return rows


def _read_csv(space: DesignSpace, file: IO[bytes], added: set[str]) -> dict[str, list[Any]]:
    columns = csv_columns(file)
    return {
        name: cell_values(space, name, cells)
        for name, cells in columns.items()
        if name not in added or name in space
    }


def csv_columns(file: IO[bytes]) -> dict[str, list[str]]:
    """The columns of a CSV file as text.

    Raises:
        DesignError: it is none, or holds no row or too many.
    """
    lines = csv.reader(io.TextIOWrapper(file, encoding="utf-8-sig", newline=""))
    rows = []
    try:
        header = next(lines, [])
        for row in lines:
            if len(row) != len(header):
                raise DesignError(f"line {lines.line_num} has {len(row)} cells; expected {len(header)}")
            rows.append(row)
            _check_count(len(rows))
    except csv.Error as error:
        raise DesignError(f"line {lines.line_num} is no CSV: {error}") from None
    if not rows:
        raise DesignError("the file holds no design")
    check_names(header)
    return {name: [row[j] for row in rows] for j, name in enumerate(header)}


def _read_parquet(space: DesignSpace, file: IO[bytes], added: set[str]) -> dict[str, list[Any]]:
    columns = read_columns(file, lambda name: name not in added or name in space, MOST_DESIGNS)
    return {name: typed_values(space, name, cells) for name, cells in columns.items()}


def _loads(text: str) -> Any:
    try:
        return json_value(text)
    except ArgumentError as error:
        raise json.JSONDecodeError(str(error), text[:1], 0) from None
