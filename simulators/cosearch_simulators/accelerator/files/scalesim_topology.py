"""SCALE-Sim's topologies: a CSV with a convolution or a matrix product in a row.

Columns are told by the header, or by their order where it does not name them: name, rows and columns of the
input, of the filter, channels, filters, stride (or one for the rows and one for the columns), or M, N and K.
As SCALE-Sim does, the last window may reach beyond the input, so sizes round up, and a layer with `DP` in its
name is depthwise. A column of sparsity (`2:4`) is read over: layers are dense.
"""

from __future__ import annotations

import csv
import re
import warnings
from collections.abc import Mapping
from pathlib import Path

from cosearch_simulators.accelerator.files.chains import chain
from cosearch_simulators.bounded_files import read_text
from cosearch_simulators.core.names import hint
from cosearch_simulators.errors import WorkloadError
from cosearch_simulators.workloads import Convolution, MatrixMultiply, Network, Operator

CONVOLUTION = ("ifmap height", "ifmap width", "filter height", "filter width", "channels", "num filter")
PRODUCT = ("m", "n", "k")
STRIDES = ("strides", "stride", "stride height")
_SAME = {
    **{"ifmap h": "ifmap height", "ifmap w": "ifmap width", "filter h": "filter height"},
    **{"filter w": "filter width", "channel": "channels", "num filters": "num filter"},
    **{"filters": "num filter", "number of filters": "num filter", "num channels": "channels"},
    **{"stride h": "stride height", "stride w": "stride width", "sparsity ratio": "sparsity"},
}
_SPARSITY = re.compile(r"\d+:\d+")


def read_topology(path: Path | str) -> Network:
    """The network of a topology.

    Raises:
        WorkloadError: the file cannot be read, or a row has too few columns or a bad number; names the line.
    """
    path = Path(path)
    try:
        rows = list(enumerate(csv.reader(read_text(path).splitlines()), start=1))
    except (OSError, csv.Error) as error:
        raise WorkloadError(f"cannot read {path}: {getattr(error, 'strerror', None) or error}") from None
    rows = [(line, [cell.strip() for cell in row]) for line, row in rows]
    rows = [(line, row) for line, row in rows if any(row) and not row[0].startswith("#")]
    if not rows:
        raise WorkloadError(f"{path}: expected a SCALE-Sim topology, found no row")
    header, body = rows[0][1], rows[1:]
    if len(header) > 2 and header[1].isdigit():
        header, body = [], rows
    places = _places(header, [row for _, row in body])
    if places is None:
        raise WorkloadError(
            f"{path}:{rows[0][0]}: expected the columns of a SCALE-Sim topology ({', '.join(CONVOLUTION)}, "
            f"strides; or M, N, K), found {', '.join(header)[:80] or 'none'}"
        )
    operators = [_operator(f"{path}:{line}", row, places) for line, row in body]
    sparse = [row[0] for _, row in body if any(_dense(cell) is False for cell in row[1:])]
    if sparse:
        warnings.warn(
            f"{path}: the sparsity of {len(sparse)} layers, the first is {sparse[0]!r}, is left out: "
            "they are dense here",
            stacklevel=2,
        )
    return chain(path.stem, operators)


def _places(header: list[str], body: list[list[str]]) -> dict[str, int] | None:
    words = [re.sub(r"[\s_]+", " ", word).strip().lower() for word in header]
    found = {_SAME.get(word, word): place for place, word in enumerate(words) if word}
    for needed in (CONVOLUTION, PRODUCT):
        if all(name in found for name in needed):
            return found
    if len(words) > 1 and not any("layer" in word or "name" in word for word in words[:1]):
        return None
    counts = [sum(bool(cell) and _dense(cell) is None for cell in row) for row in body]
    least = min(counts, default=0)
    if least >= 8:
        return {name: place for place, name in enumerate(CONVOLUTION, start=1)} | {"strides": 7}
    return {name: place for place, name in enumerate(PRODUCT, start=1)} if least >= 4 else None


def _dense(cell: str) -> bool | None:
    """Whether a cell of sparsity says that all weights are there; None for another cell."""
    if not _SPARSITY.fullmatch(cell):
        return None
    kept, of = cell.split(":")
    return kept == of


def _operator(where: str, row: list[str], places: Mapping[str, int]) -> Operator:
    def number(column: str) -> int:
        place = places[column]
        text = row[place] if place < len(row) else ""
        if not re.fullmatch(r"\d{1,18}", text) or int(text) < 1:
            raise WorkloadError(
                f"{where}: {column} must be a whole number of at least 1, got {text or 'nothing'!r}"
            )
        return int(text)

    name = row[0] or "layer"
    if not all(column in places for column in CONVOLUTION):
        return MatrixMultiply(name=name, m=number("m"), n=number("n"), k=number("k"))
    rows, columns, r, s, channels, filters = (number(column) for column in CONVOLUTION)
    named = next((column for column in STRIDES if column in places), None)
    if named is None:
        raise WorkloadError(f"{where}: there is no column of strides{hint('strides', list(places))}")
    stride = number(named), number("stride width") if "stride width" in places else number(named)
    if r > rows or s > columns:
        raise WorkloadError(f"{where}: the filter ({r} x {s}) is larger than the input ({rows} x {columns})")
    beyond = [
        (-(-(size - window + step) // step) - 1) * step + window - size
        for size, window, step in ((rows, r, stride[0]), (columns, s, stride[1]))
    ]
    groups = channels if "DP" in name else 1
    return Convolution(
        name=name,
        in_channels=channels,
        out_channels=groups * filters,
        in_size=(rows, columns),
        kernel=(r, s),
        stride=stride,
        padding=(0, 0, max(beyond[0], 0), max(beyond[1], 0)),
        groups=groups,
    )
