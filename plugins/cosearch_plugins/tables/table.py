"""The problem `table`: any CSV or Parquet file of designs and their numbers."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from cosearch.errors import ArgumentError
from cosearch.objectives import Metric, Objective
from cosearch.outcomes import FAILED_CODE, INFEASIBLE_CODE, Outcomes
from cosearch.problem import Problem
from cosearch.settings import InputFile, Settings, setting
from cosearch.space import Designs, DesignTable
from cosearch_plugins.tables.parameters import TableSpace
from cosearch_plugins.tables.reading import Column, numbers, read_table, truth, wanted

MISSING = "the table has no row for this design"
UNITS = {
    **dict.fromkeys(
        ("ns", "us", "ms", "s", "pj", "nj", "uj", "mj", "j", "mw", "w", "mm2", "um2", "hz", "mhz"), ""
    ),
    **{
        "bytes": "B",
        "kib": "KiB",
        "mib": "MiB",
        "pct": "%",
        "percent": "%",
        "cycles": "cycles",
        "count": "1",
    },
}
"""What the last word of a metric's name says about its unit; "" where it is written as a unit is."""
_SPELLED = {
    "pj": "pJ",
    "nj": "nJ",
    "uj": "uJ",
    "mj": "mJ",
    "j": "J",
    "mw": "mW",
    "w": "W",
    "hz": "Hz",
    "mhz": "MHz",
}
_METRIC = re.compile(r"\s*([^\[\]:]+?)\s*(?:\[([^\[\]]*)\])?\s*(?::(min|max))?\s*")


class TableSettings(Settings):
    """Which file, and what its columns are."""

    file: InputFile = setting(..., "a CSV or Parquet file, one design in each row")
    metrics: str = setting(
        ...,
        "columns that are metrics: `latency_ms:min,top1[%]:max`; those with a direction are objectives",
    )
    parameters: str = setting("", "columns that are parameters: `rows,columns`; empty: all others")
    valid: str = setting("", "column that says whether a row's design is valid: true or false, 1 or 0")
    reason: str = setting("", "column with the reason why a row's design is not valid; empty where it is")
    duplicates: Literal["refuse", "mean", "first"] = setting(
        "refuse", "what to do with rows of equal parameters: their mean, or the first of them"
    )


class Table(Problem):
    """Designs whose numbers are known: a table of parameters and metrics, as a file brings it.

    A design that the table lacks is `infeasible`; one that the table calls invalid is `failed`, with the
    table's reason. The exact front is that of the rows.
    """

    Settings = TableSettings
    settings: TableSettings
    name = "table"
    fidelities = ("table",)

    def build(self) -> None:
        """Read the file, and make its space."""
        path = Path(self.settings.file)
        columns = read_table(path)
        metrics = _listed_metrics(self.settings.metrics)
        notes = [name for name in (self.settings.valid, self.settings.reason) if name]
        chosen = [name.strip() for name in self.settings.parameters.split(",") if name.strip()]
        others = [name for name in columns if name not in notes and name not in {m.name for m, _ in metrics}]
        measured = {metric.name: wanted(columns, metric.name, path) for metric, _ in metrics}
        parameters = [wanted(columns, name, path) for name in (chosen or others)]
        if not parameters:
            raise ArgumentError(f"{path.name}: no column is left to be a parameter")
        if both := [column.name for column in parameters if column.name in measured]:
            raise ArgumentError(f"the column {both[0]!r} is named as a parameter and as a metric")
        is_valid, reasons = _validity(
            wanted(columns, self.settings.valid, path) if self.settings.valid else None,
            wanted(columns, self.settings.reason, path) if self.settings.reason else None,
            len(parameters[0].there),
        )
        try:
            found = TableSpace(parameters, f"table {path.stem}")
        except ArgumentError as error:
            raise ArgumentError(f"{path.name}: {error}") from None
        self.metrics = [metric for metric, _ in metrics]
        self.objectives = [Objective(metric.name, direction) for metric, direction in metrics if direction]  # type: ignore[arg-type]
        if not self.objectives:
            raise ArgumentError(
                f"no metric has a direction; write {self.metrics[0].name}[{self.metrics[0].unit}]:min or :max"
            )
        self.space = found.space
        self._known = DesignTable(self.space)
        values = np.stack([numbers(column, is_valid, path) for column in measured.values()], axis=1)
        self._fill(self.space.from_index(found.rows), values, is_valid, reasons, path)
        share = "" if is_valid.all() else f", {np.mean(is_valid):.0%} of them valid"
        self.about = f"{len(self._known):,} designs of {path.name}{share}"

    def _fill(
        self,
        designs: Designs,
        values: NDArray[np.float64],
        is_valid: NDArray[np.bool_],
        reasons: NDArray[np.object_],
        path: Path,
    ) -> None:
        places, new = self._known.add(designs)
        if not new.all():
            again = int(np.flatnonzero(~new)[0])
            first = int(np.flatnonzero(places == places[again])[0])
            if self.settings.duplicates == "refuse":
                raise ArgumentError(
                    f"{path.name}: rows {first + 1} and {again + 1} are the same design "
                    f"({len(new) - new.sum():,} such rows); take one out, or say duplicates=mean or =first"
                )
            if self.settings.duplicates == "mean":
                values = _means(values, places, is_valid)
        self._values, self._valid, self._reasons = values[new], is_valid[new], reasons[new]

    def rows(self) -> Designs:
        """The designs of the table, in its order, each once."""
        return self._known.designs()

    def simulate(self, designs: Designs, *, fidelity: str, seed: int) -> Outcomes:
        """Look the designs up."""
        row = self._known.find(designs)
        missing = row < 0
        values = self._values[row]
        invalid = ~missing & ~self._valid[row]
        codes = np.zeros(len(designs), np.int8)
        codes[missing], codes[invalid] = INFEASIBLE_CODE, FAILED_CODE
        reasons = np.full(len(designs), "", object)
        reasons[missing] = MISSING
        reasons[invalid] = self._reasons[row[invalid]]
        values[missing | invalid] = np.nan
        return Outcomes({m.name: values[:, i].copy() for i, m in enumerate(self.metrics)}, codes, reasons)


def _means(
    values: NDArray[np.float64], places: NDArray[np.int64], is_valid: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """For each row the mean over the valid rows of the same design."""
    count = np.bincount(places, is_valid.astype(float))
    sums = np.stack([np.bincount(places, np.where(is_valid, column, 0.0)) for column in values.T], axis=1)
    return np.where(count[:, None] > 0, sums / np.maximum(count, 1)[:, None], np.nan)[places]


def _listed_metrics(text: str) -> list[tuple[Metric, str | None]]:
    found: list[tuple[Metric, str | None]] = []
    for part in filter(str.strip, text.split(",")):
        match = _METRIC.fullmatch(part)
        if match is None:
            raise ArgumentError(
                f"metrics: {part.strip()!r}: expected COLUMN, COLUMN[UNIT] or COLUMN[UNIT]:min|max"
            )
        name, unit, direction = match.groups()
        if unit is None:
            last = re.split(r"[_\W]", name.lower())[-1]
            if last not in UNITS:
                raise ArgumentError(
                    f"the metric {name!r} has no unit; write {name}[ms] or such, {name}[1] for a plain number"
                )
            unit = UNITS[last] or _SPELLED.get(last, last)
        if any(name == metric.name for metric, _ in found):
            raise ArgumentError(f"metrics: {name!r} is named twice")
        found.append((Metric(name, unit or "1"), direction))
    if not found:
        raise ArgumentError("metrics: name at least one column, such as latency_ms:min")
    return found


def _validity(
    valid: Column | None, reason: Column | None, rows: int
) -> tuple[NDArray[np.bool_], NDArray[np.object_]]:
    """Which rows are valid, and the reasons of the others."""
    is_valid = np.ones(rows, bool)
    reasons = np.full(rows, "", object)
    if valid is not None:
        is_valid = np.array(
            [truth(value, valid.name, row) for row, value in enumerate(valid.values.tolist())]
        )
        reasons[~is_valid] = (
            f"the table says {valid.name} = {valid.values[~is_valid][0]}" if not is_valid.all() else ""
        )
    if reason is not None:
        texts = [
            str(value).strip() if there else ""
            for value, there in zip(reason.values, reason.there, strict=True)
        ]
        said = np.array([bool(text) for text in texts])
        if valid is None:
            is_valid = ~said
        for row in np.flatnonzero(~is_valid & said):
            reasons[row] = texts[row]
    return is_valid, reasons
