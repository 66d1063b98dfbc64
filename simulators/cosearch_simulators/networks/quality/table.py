"""Tables of measured networks, and the source of quality that looks up in one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosearch_simulators.core.names import hint, unknown
from cosearch_simulators.errors import ConfigurationError, SimulatorError, shown
from cosearch_simulators.networks.quality.families import FAMILIES, Family, OwnColumns
from cosearch_simulators.networks.quality.reading import read_columns
from cosearch_simulators.networks.quality.result import Columns, Quality, QualityResult
from cosearch_simulators.networks.quality.units import Unit, check_unit, named_metric

CONFLICT = 0.2
"""Rows of one network whose numbers differ by more than this share of the table's range contradict."""


class UnknownTableError(SimulatorError):
    """The columns of a table are those of no known family."""


@dataclass(frozen=True, eq=False)
class Table:
    """Measured networks, each once: repeated rows are averaged.

    Attributes:
        name: of the file or the embedded table.
        family: whose networks they are.
        codes: each network as the family's codes, (n, parameters).
        targets: measured numbers by their name in the table, (n,); NaN where one was not measured.
        spread: of every target the mean standard deviation of repeated rows; NaN if none is repeated.
        rows: how many rows the file has; more than n where networks are repeated.
    """

    name: str
    family: Family
    codes: NDArray[np.int64]
    targets: Mapping[str, NDArray[np.float64]]
    spread: Mapping[str, float]
    rows: int

    @classmethod
    def of(
        cls,
        columns: Mapping[str, NDArray[Any]],
        *,
        name: str = "table",
        inputs: Sequence[str] | None = None,
        family: Family | None = None,
    ) -> Table:
        """The table of these columns.

        Args:
            columns: as a published table names them, or with the family's own parameters.
            name: for messages.
            inputs: of a user's own space, the columns that describe a network; None: a known family.
            family: of another table, whose networks are of the same space.

        Raises:
            SimulatorError: no known family has such columns, a row is no network of it, or rows of one
                network contradict each other; the row is named.
        """
        try:
            if isinstance(family, OwnColumns):
                inputs = tuple(family.values)
            found, designs = _designs(columns, inputs)
            found = family or found
            codes, problems = found.codes(designs)
        except (ConfigurationError, UnknownTableError) as error:
            kind = UnknownTableError if isinstance(error, UnknownTableError) else SimulatorError
            raise kind(f"{name}: {error}") from error
        wrong = next((row for row, text in enumerate(problems) if text), None)
        if wrong is not None:
            raise SimulatorError(f"{name}: row {wrong}: {problems[wrong]}")
        distinct, first, inverse = np.unique(codes, axis=0, return_index=True, return_inverse=True)
        order = np.argsort(first)  # networks in the order in which the file has them
        place = np.empty(len(order), np.int64)
        place[order] = np.arange(len(order))
        group = place[inverse.ravel()]
        numbers = {
            target: np.asarray(values, np.float64)
            for target, values in columns.items()
            if np.asarray(values).dtype.kind in "iuf"
            and target not in designs
            and target not in (inputs or ())
        }
        targets, spread = {}, {}
        for target, values in numbers.items():
            targets[target], spread[target] = _averaged(values, group, len(distinct))
            if named_metric(target) is not None:
                _check_repeats(name, target, values, targets[target][group])
        return cls(name, found, distinct[order], targets, spread, len(codes))

    @classmethod
    def read(
        cls, path: str | Path, *, inputs: Sequence[str] | None = None, family: Family | None = None
    ) -> Table:
        """The table of a Parquet or CSV file; see `of`."""
        return cls.of(read_columns(path), name=str(path), inputs=inputs, family=family)

    def __len__(self) -> int:
        return len(self.codes)

    def target(self, name: str, unit: Unit | None = None) -> NDArray[np.float64]:
        """One target's numbers.

        Raises:
            SimulatorError: there is no such column, it has no number, or its numbers are not of this unit.
        """
        if name not in self.targets:
            raise SimulatorError(f"{self.name}: {unknown('column', name, self.targets)}")
        values = self.targets[name]
        if not np.isfinite(values).any():
            raise SimulatorError(f"{self.name}: column {name} holds no number")
        check_unit(self.name, name, values, unit)
        return values

    def take(self, rows: NDArray[Any]) -> Table:
        """These networks."""
        targets = {name: values[rows] for name, values in self.targets.items()}
        codes = self.codes[rows]
        return Table(self.name, self.family, codes, targets, self.spread, len(codes))

    def columns(self) -> dict[str, NDArray[Any]]:
        """The networks as columns of the family's parameters."""
        return self.family.columns(self.codes)


class TableQuality(Quality):
    """Numbers that were measured; a network that the table lacks is infeasible and says so.

    Args:
        table: the measured networks.
        metrics: by metric the table's column and unit; None: every column whose name gives a unit.
        name: of the source.
        source: what it is.

    Raises:
        SimulatorError: a column is missing, holds no number, or is not of its unit.
    """

    def __init__(
        self,
        table: Table,
        metrics: Mapping[str, tuple[str, Unit]] | None = None,
        *,
        name: str = "",
        source: str = "",
    ) -> None:
        chosen = dict(metrics) if metrics is not None else _named_metrics(table)
        self._table = table
        self._columns = {metric: table.target(column, unit) for metric, (column, unit) in chosen.items()}
        self._spread = {metric: table.spread.get(column, np.nan) for metric, (column, _) in chosen.items()}
        self.name = name or table.name
        self.metrics = {metric: unit.name for metric, (_, unit) in chosen.items()}
        self.source = (
            source or f"table {table.name}: {len(table):,} networks of {table.family.name}, measured"
        )
        self._row = {code.tobytes(): row for row, code in enumerate(table.codes)}

    def evaluate(self, columns: Columns, *, fidelity: str | None = None, seed: int = 0) -> QualityResult:
        """Look the designs up."""
        self.checked_fidelity(fidelity)
        codes, problems = self._table.family.codes(columns)
        rows = np.array([self._row.get(code.tobytes(), -1) for code in codes], np.int64)
        for i in np.flatnonzero(rows < 0):
            problems[i] = problems[i] or f"{self.name} has no measurement of this network"
        found = {metric: np.where(rows < 0, np.nan, values[rows]) for metric, values in self._columns.items()}
        missing = [""] * len(rows)
        for metric, values in found.items():
            for i in np.flatnonzero((rows >= 0) & ~np.isfinite(values)):
                missing[i] = missing[i] or f"{self.name} has no {metric} of this network"
        problems = [first or second for first, second in zip(problems, missing, strict=True)]
        noise = {
            metric: np.full(len(rows), spread)
            for metric, spread in self._spread.items()
            if np.isfinite(spread)
        }
        return QualityResult.of(found, problems, noise)


def _designs(
    columns: Mapping[str, NDArray[Any]], inputs: Sequence[str] | None
) -> tuple[Family, Mapping[str, NDArray[Any]]]:
    """The family of a table's columns and its networks as columns of the family's parameters."""
    names = frozenset(columns)
    if inputs is not None:
        for name in inputs:
            if name not in names:
                raise ConfigurationError(unknown("column", name, columns))
            _check_whole(name, columns[name])
        family: Family = OwnColumns(inputs, columns)
        return family, family.designs_of(columns)
    for family in FAMILIES:
        if set(family.values) <= names:
            own = {name: columns[name] for name in family.values}
            return family, family.designs_of(columns) if family.name == "nasbench201" else own
        if family.reads(names):
            return family, family.designs_of(columns)
    raise _no_family(names)


def _no_family(names: frozenset[str]) -> SimulatorError:
    """What is missing of the family that the columns are nearest to."""
    best = max(FAMILIES, key=lambda family: len(names & set(family.values)))
    missing = [name for name in best.values if name not in names]
    if len(missing) < len(best.values):
        return ConfigurationError(
            f"a table of {best.name} needs the column {missing[0]}"
            f"{f' and {len(missing) - 1} more' if len(missing) > 1 else ''}{hint(missing[0], names)}"
            " (of a space of your own, name the columns that describe a network as `inputs`)"
        )
    known = ", ".join(family.name for family in FAMILIES)
    return UnknownTableError(
        f"its columns are those of no known family ({known}); name those that describe a network as "
        f"`inputs`, or call them as the family's parameters ({', '.join(list(best.values)[:2])}, ...)"
    )


def _check_whole(name: str, values: NDArray[Any]) -> None:
    for row, value in enumerate(values.tolist()):
        if value is None or (isinstance(value, float) and not np.isfinite(value)):
            raise ConfigurationError(f"row {row}: {name} is {shown(value)}")


def _averaged(values: NDArray[np.float64], group: NDArray[np.int64], n: int) -> tuple[NDArray[Any], float]:
    """By network the mean of its rows that have a number, and the rows' mean deviation from it."""
    has = np.isfinite(values)
    count = np.bincount(group[has], minlength=n)
    total = np.bincount(group[has], values[has], minlength=n)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = total / count
    repeated = has & (count[group] > 1)
    if not repeated.any():
        return mean, float("nan")
    squares = np.bincount(group[repeated], (values[repeated] - mean[group[repeated]]) ** 2, minlength=n)
    several = count > 1
    return mean, float(np.sqrt(squares[several] / (count[several] - 1)).mean())


def _check_repeats(name: str, target: str, values: NDArray[np.float64], mean: NDArray[np.float64]) -> None:
    """Raise `SimulatorError` where rows of one network contradict each other."""
    known = values[np.isfinite(values)]
    if not known.size:
        return
    off = np.abs(values - mean)
    row = int(np.nanargmax(off))
    if off[row] > CONFLICT * np.ptp(known):
        raise SimulatorError(
            f"{name}: rows of the same network contradict: {target} of row {row} is {values[row]:.6g}, "
            f"their mean {mean[row]:.6g}"
        )


def _named_metrics(table: Table) -> dict[str, tuple[str, Unit]]:
    """Every column whose name says what it measures."""
    found = {}
    for column in table.targets:
        named = named_metric(column)
        if named is not None:
            found[named[0]] = (column, named[1])
    if not found:
        raise SimulatorError(
            f"{table.name} has no column that is known as a metric: top1 (%), latency_ms, energy_mj, ..."
        )
    return found
