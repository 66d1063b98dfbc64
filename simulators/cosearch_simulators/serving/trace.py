"""Traces of requests from files: Parquet, CSV or JSON Lines, checked line by line.

Columns: `arrival_s` in seconds, `prompt_tokens`, `output_tokens`; may have: `hash_ids` (ids of blocks of the
prompt of 512 tokens, equal leading ones are shared), `priority` (0 first), `session`. The names of Azure's
(TIMESTAMP, ContextTokens, GeneratedTokens) and Mooncake's (timestamp in ms, input_length, output_length) own
files are known too.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosearch_simulators.core.names import nearest
from cosearch_simulators.errors import TraceError
from cosearch_simulators.serving.workload import Workload, of_arrays

ID_TOKENS = 512
NAMES: Mapping[str, Sequence[str]] = {
    "arrival_s": ("arrival_s", "TIMESTAMP", "timestamp", "arrived_at"),
    "prompt_tokens": ("prompt_tokens", "ContextTokens", "input_length", "num_prefill_tokens"),
    "output_tokens": ("output_tokens", "GeneratedTokens", "output_length", "num_decode_tokens"),
}
OPTIONAL = ("hash_ids", "priority", "session")


def read_trace(
    path: Path | str, *, start_s: float = 0.0, seconds: float = 0.0, speed: float = 1.0, closed: int = 0
) -> Workload:
    """The requests of a file that come in a window of time.

    Args:
        path: of the file.
        start_s: where the window begins.
        seconds: how long it is; 0: to the end.
        speed: how many times faster they come.
        closed: clients of a closed loop, in place of the times.

    Raises:
        TraceError: the file cannot be read, has no lengths, or a line cannot be; with file and line.
    """
    place = Path(path)
    columns = _columns(place)
    where = _lines(place)
    found = {
        name: _numbers(columns, names, place, where) for name, names in NAMES.items() if name != "arrival_s"
    }
    times = _times(columns, place, where, needed=closed == 0)
    if times is None:
        times = np.zeros(found["prompt_tokens"].size)
    for name, values in found.items():
        bad = np.flatnonzero(~(values >= 1) | (values != np.floor(values)) | (values > 2**31 - 1))
        if bad.size:
            row = int(bad[0])
            raise TraceError(
                f"{where(row)}: {name} must be a whole number of at least 1, got {values[row]:g}"
            )
    back = np.flatnonzero(np.diff(times) < 0)
    if back.size and not closed:
        row = int(back[0]) + 1
        raise TraceError(
            f"{where(row)}: time goes backwards, from {times[row - 1]:g} to {times[row]:g} s; sort the trace"
        )
    if not (speed > 0 and np.isfinite(speed)):
        raise TraceError(f"speed must be above 0, got {speed}")
    inside = times >= start_s
    if seconds > 0:
        inside &= times < start_s + seconds
    if closed:
        inside[:] = True
    if not inside.any():
        raise TraceError(
            f"{place}: no request from {start_s:g} to {start_s + seconds:g} s; "
            f"it has {times[0]:g} to {times[-1]:g} s"
        )
    rows = np.flatnonzero(inside).tolist()
    ids = None
    if "hash_ids" in columns:
        ids = [np.asarray(columns["hash_ids"][row], np.int64) for row in rows]
    others = {
        name: np.asarray([columns[name][row] for row in rows], np.int64)
        for name in ("priority", "session")
        if name in columns
    }
    return of_arrays(
        (times[rows] - (0.0 if closed else start_s)) / speed,
        found["prompt_tokens"][rows],
        found["output_tokens"][rows],
        ids=ids,
        id_tokens=ID_TOKENS,
        closed=closed,
        **others,
    )


def _columns(path: Path) -> Mapping[str, Sequence[Any]]:
    kind = path.suffix.lower()
    try:
        if kind == ".parquet":
            return _parquet(path)
        if kind in (".jsonl", ".json"):
            return _json_lines(path)
        if kind == ".csv":
            with path.open(newline="", encoding="utf-8") as file:
                reader = csv.reader(file)
                head = next(reader, [])
                rows = [row for row in reader if row]
        else:
            raise TraceError(f"{path}: a trace is a .parquet, .csv or .jsonl file")
    except (OSError, UnicodeDecodeError) as error:
        raise TraceError(f"cannot read {path}: {error}") from error
    for number, row in enumerate(rows):
        if len(row) != len(head):
            raise TraceError(f"{path}, line {number + 2}: {len(row)} fields, the head has {len(head)}")
    return {name.strip(): [row[k] for row in rows] for k, name in enumerate(head)}


def _parquet(path: Path) -> Mapping[str, Sequence[Any]]:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise TraceError("reading Parquet needs pyarrow: pip install pyarrow") from error
    try:
        table = pyarrow.parquet.read_table(path)
    except (pyarrow.ArrowInvalid, pyarrow.ArrowTypeError) as error:
        raise TraceError(f"cannot read {path}: {error}") from error
    known = [name for names in NAMES.values() for name in names] + list(OPTIONAL)
    return {name: table[name].to_pylist() for name in table.column_names if name in known}


def _json_lines(path: Path) -> Mapping[str, Sequence[Any]]:
    rows = []
    with path.open(encoding="utf-8") as file:
        for number, line in enumerate(file, start=1):
            if not line.strip():
                continue
            try:
                rows.append(json.loads(line))
            except ValueError as error:
                raise TraceError(f"{path}, line {number}: not JSON: {error}") from None
            if not isinstance(rows[-1], dict):
                raise TraceError(f"{path}, line {number}: expected an object")
    names = dict.fromkeys(name for row in rows for name in row)
    return {name: [row.get(name) for row in rows] for name in names}


def _lines(path: Path) -> Any:
    """What a row is called in a message."""
    first, word = (2, "line") if path.suffix == ".csv" else (1, "line" if "json" in path.suffix else "row")
    return lambda row: f"{path}, {word} {row + first}"


def _named(columns: Mapping[str, Sequence[Any]], names: Sequence[str], path: Path) -> str:
    for name in names:
        if name in columns:
            return name
    if not columns:
        raise TraceError(f"{path} is empty; expected a head with {', '.join(NAMES)}")
    taken = [name for others in NAMES.values() for name in others]
    close = nearest(names[0], [name for name in columns if name not in taken])
    meant = f"; did you mean {close!r}?" if close else f"; it has {', '.join(columns)}"
    raise TraceError(f"{path} has no column {names[0]}{meant}")


def _numbers(
    columns: Mapping[str, Sequence[Any]], names: Sequence[str], path: Path, where: Any
) -> NDArray[np.float64]:
    name = _named(columns, names, path)
    values = columns[name]
    if not values:
        raise TraceError(f"{path} has no request")
    found = np.empty(len(values))
    for row, value in enumerate(values):
        try:
            found[row] = float(value)
        except (TypeError, ValueError):
            raise TraceError(f"{where(row)}: {name} must be a number, got {value!r}") from None
    return found


def _times(
    columns: Mapping[str, Sequence[Any]], path: Path, where: Any, *, needed: bool
) -> NDArray[np.float64] | None:
    """Seconds from the first request's time on the trace's own clock."""
    if not needed and not any(name in columns for name in NAMES["arrival_s"]):
        return None
    name = _named(columns, NAMES["arrival_s"], path)
    values = columns[name]
    if name == "TIMESTAMP" and values:
        try:
            # Azure writes seven digits of a second, of which Python reads six.
            stamps = [datetime.fromisoformat(str(value)[:26]) for value in values]
        except ValueError as error:
            raise TraceError(f"{path}: {name}: {error}") from None
        return np.array([(stamp - stamps[0]).total_seconds() for stamp in stamps])
    found = _numbers(columns, (name,), path, where)
    bad = np.flatnonzero(~np.isfinite(found) | (found < 0))
    if bad.size:
        raise TraceError(f"{where(int(bad[0]))}: {name} must be a number from 0, got {found[bad[0]]:g}")
    return found / 1e3 if name == "timestamp" else found
