"""Evaluations that were made elsewhere, as a table: columns of parameters and of metrics, each with its unit.

A metric's column is named as the metric is (`latency_ns`), as the metric in another unit (`latency_us`), or
with the unit in brackets (`latency [us]`, `gain [dB]`); a Parquet column may say its unit in its metadata
(`unit`). Numbers in another unit that fits are converted. A metric that has a unit is refused without one: a
table of numbers does not tell nanoseconds from cycles.

Beside these, columns as `cosearch export` writes them are understood: `status`, `reason`, `fidelity`,
`evaluation_seed` and standard errors.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosearch import units
from cosearch.errors import ArgumentError, DesignError, hint, nearest, shown
from cosearch.export.cells import typed_values
from cosearch.export.table import FIRST_COLUMNS, LAST_COLUMNS, metric_column
from cosearch.objectives import Metric
from cosearch.outcomes import FAILED_CODE, OK_CODE, STATUSES, Outcomes
from cosearch.problem import Problem
from cosearch.quantities import count
from cosearch.run.trial import Results
from cosearch.space import Designs
from cosearch.store.reading import first_alike

ERROR = "_standard_error"
UNKNOWN = "no value in the table"
MOST_NAMES = 6


@dataclass(frozen=True)
class Past:
    """What a table holds for a problem, and what is to be said of it, in lines."""

    results: Results
    notes: list[str]


@dataclass(frozen=True)
class Table:
    """A table as it was read: cells by column, and the units that columns say of themselves."""

    columns: Mapping[str, Sequence[Any]]
    units: Mapping[str, str]

    def __len__(self) -> int:
        return len(next(iter(self.columns.values()))) if self.columns else 0


def past_evaluations(problem: Problem, table: Table, fidelity: str) -> Past:
    """The evaluations of a table as results of a problem.

    Args:
        problem: whose parameters and metrics the columns are.
        table: a row for each evaluation.
        fidelity: of those rows that say none.

    Raises:
        ArgumentError: for a column that is missing or has no unit, or one that does not fit, or a cell that
            is no number.
        DesignError: for what is no design of the space.
    """
    if not len(table):
        raise ArgumentError("the table holds no evaluation")
    used: dict[str, str] = {}  # what each column is for, by its name
    notes: list[str] = []
    designs = _designs(problem, table, used)
    metrics, noise = {}, {}
    for metric in problem.metrics:
        found = _column_of(problem, metric, metric_column(problem.space, metric.name), table, used)
        if found is not None:
            metrics[metric.name] = _numbers(table, *found, metric, notes)
        spread = _column_of(problem, metric, metric.name + ERROR, table, used)
        if spread is not None:
            noise[metric.name] = _numbers(table, *spread, metric, notes)
    goal = dict.fromkeys([*(o.metric for o in problem.objectives), *(c.metric for c in problem.constraints)])
    for name in goal:
        if name not in metrics:
            raise ArgumentError(_missing(name, problem.unit(name), table))
    others = [name for name in problem.metric_names if name not in metrics]
    if others:
        notes.append(f"not in the table, so unknown: {_named(others)}")
    left_out = [name for name in table.columns if name not in used and name not in _ours()]
    if left_out:
        notes.append(f"left out, no parameter or metric of {problem.name}: {_named(left_out)}")
    outcomes = _outcomes(problem, table, metrics, noise, list(goal))
    _check_forbidden(problem, designs, outcomes)
    results = Results.of(
        designs, outcomes, fidelity=_fidelities(problem, table, fidelity), seed=_seeds(table)
    )
    return Past(distinct(results, notes), notes)


def _missing(name: str, unit: str, table: Table) -> str:
    bare = units.stem(name, unit)
    ways = [f"{bare} [{unit}]"] if bare == name else [name, f"{bare} [{unit}]"]
    asked = f" (in {unit}: {' or '.join(map(repr, ways))})" if unit not in ("", "1") else ""
    heads = {_bracketed(column)[0]: column for column in table.columns}
    near = nearest(name, heads) or nearest(bare, heads)
    return f"the table has no column for {name}{asked}" + (f"; did you mean {heads[near]!r}?" if near else "")


def _ours() -> set[str]:
    return {*FIRST_COLUMNS, *LAST_COLUMNS, "seconds [s]", "evaluation_seconds [s]"}


def _designs(problem: Problem, table: Table, used: dict[str, str]) -> Designs:
    space, columns = problem.space, {}
    for name in space.names:
        if name in table.columns:
            used[name] = "parameter"
            columns[name] = typed_values(space, name, table.columns[name])
        elif space[name].when or space[name].size == 1 or name in space.held:
            default = space.held.get(name, space[name].default)
            columns[name] = [None if space[name].when else default] * len(table)
        else:
            raise ArgumentError(f"the table has no column for parameter {name!r}{hint(name, table.columns)}")
    try:
        return space.designs(columns)
    except DesignError as error:  # which counts designs from 0
        told = re.sub(r"^design (\d+)", lambda found: f"row {int(found[1]) + 1}", str(error))
        raise DesignError(told) from None


def _column_of(
    problem: Problem, metric: Metric, name: str, table: Table, used: dict[str, str]
) -> tuple[str, str] | None:
    """The column of a metric, or of its standard errors, and its unit; None if there is none.

    Raises:
        ArgumentError: if it has no unit, or one that does not fit, or there are two.
    """
    plain = metric.unit in ("", "1")
    error = name.endswith(ERROR)
    carries = units.stem(metric.name, metric.unit) != metric.name
    base = units.stem(metric.name, metric.unit) + (ERROR if error else "")
    found: list[tuple[str, str]] = []
    for column in table.columns:
        if column in problem.space or used.get(column):
            continue
        head, bracket = _bracketed(column)
        own = table.units.get(column, bracket)
        if head in (name, base):
            says = own or ("1" if plain else metric.unit if carries and head == name else "")
            if not says:
                raise ArgumentError(
                    f"column {column!r} has no unit: {metric.name} is in {metric.unit}, so name it "
                    f"'{head} [{metric.unit}]', or with the unit that its numbers are in"
                )
            found.append((column, says))
        elif not bracket and not error and head.startswith(f"{base}_"):
            meant = own or units.spelled(head[len(base) + 1 :], metric.unit)
            if meant and not any(other.name == column for other in problem.metrics):
                found.append((column, meant))
    if len(found) > 1:
        raise ArgumentError(f"columns {found[0][0]!r} and {found[1][0]!r} are both {metric.name}; leave one")
    if not found:
        return None
    column, unit = found[0]
    if units.factor(unit, metric.unit or "1") is None:
        fitting = [one for one in units.fitting(metric.unit) if units.factor(one, metric.unit) is not None]
        raise ArgumentError(
            f"column {column!r} is in {unit}, and {metric.name} in {metric.unit or '1'}: expected "
            f"{_named(fitting)}"
        )
    used[column] = metric.name
    return found[0]


def _bracketed(column: str) -> tuple[str, str]:
    """A column's name and the unit that stands in brackets behind it."""
    match = re.fullmatch(r"(.*?)\s*[\[(]([^\[\]()]+)[\])]", column.strip())
    if match is None or match[2] == "metric":
        return column.strip(), ""
    return match[1], match[2].strip()


def _numbers(table: Table, column: str, unit: str, metric: Metric, notes: list[str]) -> NDArray[np.float64]:
    """The numbers of a column in the metric's unit; NaN for an empty cell."""
    values = np.empty(len(table))
    for row, cell in enumerate(table.columns[column]):
        if cell is None or (
            isinstance(cell, str) and cell.strip().lower() in ("", "nan", "na", "null", "none")
        ):
            values[row] = math.nan
            continue
        try:
            if isinstance(cell, bool):
                raise ValueError
            values[row] = float(cell)
        except (TypeError, ValueError):
            raise ArgumentError(f"row {row + 1}, column {column!r}: {shown(cell)} is no number") from None
    times = units.factor(unit, metric.unit or "1")
    assert times is not None
    if times != 1:
        notes.append(f"{column}: converted from {unit} to {metric.unit}")
    return units.converted(values, times)


def _outcomes(
    problem: Problem,
    table: Table,
    metrics: dict[str, NDArray[np.float64]],
    noise: dict[str, NDArray[np.float64]],
    goal: Sequence[str],
) -> Outcomes:
    n = len(table)
    metrics = {name: metrics.get(name, np.full(n, np.nan)) for name in problem.metric_names}
    unknown = ~np.isfinite(np.stack([metrics[name] for name in goal], axis=1)).all(axis=1)
    reason = np.full(n, "", dtype=object)
    if "status" in table.columns:
        codes = np.array(
            [_code(row, cell) for row, cell in enumerate(table.columns["status"])], dtype=np.int8
        )
        bad = np.flatnonzero((codes == OK_CODE) & unknown)
        if len(bad):
            raise ArgumentError(f"row {bad[0] + 1} has status ok and no value of {_named(goal)}")
    else:
        codes = np.where(unknown, FAILED_CODE, OK_CODE).astype(np.int8)
        reason[unknown] = UNKNOWN
    if "reason" in table.columns:
        reason[:] = [str(cell or "") for cell in table.columns["reason"]]
    reason[codes == OK_CODE] = ""
    for column in (*metrics.values(), *noise.values()):
        column[codes != OK_CODE] = np.nan
    return Outcomes(metrics, codes, reason, standard_error=noise)


def _code(row: int, cell: Any) -> int:
    if cell not in STATUSES:
        raise ArgumentError(f"row {row + 1}: status {shown(cell)} is none of {', '.join(STATUSES)}")
    return STATUSES.index(cell)


def _fidelities(problem: Problem, table: Table, fidelity: str) -> NDArray[np.str_]:
    cells = table.columns.get("fidelity", [None] * len(table))
    names = [fidelity if cell in (None, "") else str(cell) for cell in cells]
    for row, name in enumerate(names):
        if name not in problem.fidelity_names:
            raise ArgumentError(
                f"row {row + 1}: problem {problem.name} has no fidelity {shown(name)}"
                f"{hint(name, problem.fidelity_names) or '; valid: ' + ', '.join(problem.fidelity_names)}"
            )
    return np.array(names)


def _seeds(table: Table) -> NDArray[np.int64]:
    cells = table.columns.get("evaluation_seed", [0] * len(table))
    try:
        return np.array([int(cell or 0) for cell in cells], dtype=np.int64)
    except (TypeError, ValueError, OverflowError):
        raise ArgumentError("column 'evaluation_seed' must hold whole numbers") from None


def _check_forbidden(problem: Problem, designs: Designs, outcomes: Outcomes) -> None:
    forbidden = np.flatnonzero(~problem.space.allowed(designs) & outcomes.ok)
    if len(forbidden):
        row = int(forbidden[0])
        why = problem.rejected(designs[[row]]).reason[0]
        raise DesignError(f"row {row + 1} has numbers for a design that {problem.name} forbids: {why}")


def distinct(results: Results, notes: list[str]) -> Results:
    """The results, of equal evaluations the first."""
    first = first_alike(results.designs.index, results.fidelity, results.seed)
    kept = first == np.arange(len(results))
    if kept.all():
        return results
    later = np.flatnonzero(~kept)
    differ = np.zeros(len(later), dtype=bool)
    for column in results.outcomes.metrics.values():
        mine, other = column[later], column[first[later]]
        differ |= (mine != other) & ~(np.isnan(mine) & np.isnan(other))
    other_numbers = f", {differ.sum()} of them with other numbers" if differ.any() else ""
    notes.append(f"{count(len(later), 'row')} repeat an earlier row's design, which counts{other_numbers}")
    rows = np.flatnonzero(kept)
    return Results.of(
        results.designs[rows],
        results.outcomes.take(rows),
        fidelity=results.fidelity[rows],
        seed=results.seed[rows],
    )


def _named(names: Sequence[str]) -> str:
    more = f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else ""
    return ", ".join(map(str, names[:MOST_NAMES])) + more
