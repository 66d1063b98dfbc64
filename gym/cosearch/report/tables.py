"""The tables of a report page: the Pareto designs, the studies, and how to reproduce each of them."""

from __future__ import annotations

import csv
import io
import json
import math
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import numpy as np

from cosearch.provenance import commands
from cosearch.quantities import count, duration, number, percent
from cosearch.report.comparison import Comparison
from cosearch.report.study_result import StudyResult
from cosearch.report.words import (
    more_text,
    parameter_value,
    reason_line,
    reproduction,
    short,
    shown_name,
    signed,
)

MAX_ROWS = 300  # designs that the page's table shows
MAX_CSV_ROWS = 10_000  # and that its CSV holds


@dataclass(frozen=True)
class Head:
    """The head of a column; without a name one that does not sort."""

    name: str | None
    unit: str = ""
    numeric: bool = False


@dataclass(frozen=True)
class Cell:
    """A cell: its text, how it looks, what it sorts by if not its text, and what its button copies."""

    text: str
    kind: str = ""
    value: str | None = None
    copied: str = ""


def pareto_table(comparison: Comparison) -> dict[str, Any]:
    """The designs of the combined front, their commands, and the CSV; empty without a design."""
    rows, points = comparison.front_rows, comparison.front_points
    if not points:
        return {}
    shared = any(more for _, more in points)
    parameters = comparison.first.space.parameters
    heads = [
        *(_metric_head(comparison, name) for name in comparison.goal_metrics),
        *(Head(short(p.name, 36), numeric=_is_number(p.default)) for p in parameters),
        *(_metric_head(comparison, name) for name in comparison.other_metrics),
        Head("agent"),
        Head("seed", numeric=True),
        *([Head("others", numeric=True)] if shared else []),
        Head(None, "command"),
    ]
    notes = ["Of designs with equal objectives one is shown."] if shared else []
    if len(points) > MAX_ROWS:
        notes.append(f"The first {MAX_ROWS} are shown.")
    if len(rows) > MAX_CSV_ROWS:
        notes.append(f"The CSV has the first {MAX_CSV_ROWS:,}; `cosearch export` writes all.")
    elif notes:
        notes.append("The CSV has all of them.")
    found = "the study that found it first" if len(comparison.results) > 1 else "the study"
    return {
        "title": "Pareto designs" if len(comparison.first.objectives) > 1 else "Best designs",
        "caption": f"{count(len(rows), 'design')}, sorted by the objectives; a heading sorts by its column. "
        f"{''.join(note + ' ' for note in notes)}Agent and seed are those of {found}; “Copy” copies the "
        "command that evaluates the design.",
        "file": "data:text/csv;charset=utf-8," + quote(_csv(comparison), errors="backslashreplace"),
        "heads": heads,
        "rows": [_design_row(comparison, row, more, shared) for row, more in points[:MAX_ROWS]],
    }


def _design_row(comparison: Comparison, row: int, more: int, shared: bool) -> list[Cell]:
    result, design = comparison.results[comparison.source[row]], comparison.designs[row]
    objectives = {objective.metric for objective in comparison.first.objectives}

    def measured(metric: str) -> Cell:
        value = float(comparison.outcomes[metric][row])
        kind = "number objective" if metric in objectives else "number"
        return Cell(comparison.scale(metric).text(value), kind, repr(value))

    cells = [measured(metric) for metric in comparison.goal_metrics]
    for parameter in comparison.first.space.parameters:
        if parameter.name not in design:
            cells.append(Cell("–", _kind(parameter.default), ""))
        else:
            value = design[parameter.name]
            raw = repr(value) if _is_number(value) else None
            cells.append(Cell(short(parameter_value(value), 40), _kind(value), raw))
    cells += [measured(metric) for metric in comparison.other_metrics]
    cells += [Cell(short(result.label, 40)), _number_cell(result.data.record.seed)]
    if shared:
        cells.append(Cell(more_text(more), "number", str(more)))
    return [*cells, Cell("Copy", "action", copied=comparison.evaluate_command(row))]


def studies_table(comparison: Comparison) -> dict[str, Any]:
    """One row for each study: what it evaluated and how good it is."""
    names = ["evaluations", "budget", "feasible", "rejected", "over a constraint", "failed"]
    names += [name for name, _ in _quality(comparison, comparison.results[0])]
    heads = [Head("study"), Head("agent"), Head("seed", numeric=True)]
    heads += [Head(short(name, 36), numeric=True) for name in [*names, "seconds"]]
    return {
        "caption": "Hypervolume is in percent of the combined front's." if "hypervolume" in names else "",
        "heads": [*heads, Head("status")],
        "rows": [_study_row(comparison, result) for result in comparison.results],
    }


def _study_row(comparison: Comparison, result: StudyResult) -> list[Cell]:
    record, counts = result.data.record, result.counts
    numbers = [record.seed, counts["evaluations"], record.budget, counts["feasible"], counts["infeasible"]]
    numbers += [counts["violates_constraints"], counts["failed"]]
    return [
        Cell(short(record.name, 48)),
        Cell(short(result.label, 48)),
        *map(_number_cell, numbers),
        *(cell for _, cell in _quality(comparison, result)),
        _number_cell(round(record.seconds, 2)),
        Cell(record.status),
    ]


def _quality(comparison: Comparison, result: StudyResult) -> list[tuple[str, Cell]]:
    """How good a study is, as headed cells."""
    objectives = comparison.first.objectives
    if len(objectives) == 1:
        found = float(np.nanmin(result.minimised)) if result.feasible.any() else math.nan
        metric, best = objectives[0].metric, signed(objectives[0], found)
        shown = comparison.scale(metric).quantity(best) if math.isfinite(best) else "–"
        return [(f"best {shown_name(comparison, metric)}", Cell(shown, "number", repr(best)))]
    own, shared = result.counts["pareto_designs"], result.counts["on_combined_front"]
    quality = [("Pareto designs", _number_cell(own))]
    if len(comparison.results) > 1:
        share = Cell(percent(result.share), "number", repr(result.share))
        quality += [("of the combined front", _number_cell(shared)), ("hypervolume", share)]
    return quality


def reproduction_rows(comparison: Comparison) -> list[dict[str, Any]]:
    """For each study its command, its circumstances, why designs were not feasible, what its agent did."""
    return [
        {
            "summary": f"{result.data.record.name}: {duration(result.data.record.seconds)}, "
            f"{count(len(result.data.designs), 'evaluation')}, {result.data.record.status}",
            "command": commands(result.data.record),
            "rows": reproduction(result),
            "reasons": [reason_line(entry) for entry in result.reasons()],
            "account": list(result.data.account),
        }
        for result in comparison.results
    ]


def _csv(comparison: Comparison) -> str:
    names = comparison.first.space.names
    metrics = [*comparison.goal_metrics, *comparison.other_metrics]
    units = {metric: comparison.unit(metric) for metric in metrics}
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\r\n")
    heads = [f"{metric} [{unit}]" if unit else metric for metric, unit in units.items()]
    writer.writerow([*heads, *names, "study", "agent", "seed"])
    rows = comparison.front_rows[:MAX_CSV_ROWS]
    for row, design in zip(rows.tolist(), comparison.designs[rows].to_dicts(), strict=True):
        record = comparison.results[comparison.source[row]].data.record
        values = [repr(float(comparison.outcomes[metric][row])) for metric in metrics]
        values += [_csv_value(design[name]) if name in design else "" for name in names]
        writer.writerow([*values, record.name, record.agent, record.seed])
    return file.getvalue()


def _csv_value(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _metric_head(comparison: Comparison, metric: str) -> Head:
    scale = comparison.scale(metric)
    return Head(short(scale.name(metric), 36), scale.unit, numeric=True)


def _number_cell(value: float) -> Cell:
    return Cell(number(value), "number", repr(value))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _kind(value: Any) -> str:
    return "number" if _is_number(value) else ""
