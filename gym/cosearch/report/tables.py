"""The tables of a report page: the Pareto designs, the studies, and how to reproduce each of them."""

from __future__ import annotations

import csv
import io
import json
import math
from typing import Any
from urllib.parse import quote

import numpy as np

from cosearch.report.comparison import Comparison, StudyResult
from cosearch.report.markup import copy_button, heading, text
from cosearch.report.words import (
    count,
    duration,
    more_text,
    number,
    parameter_value,
    percent,
    reason_line,
    reproduction,
    short,
)

MAX_ROWS = 300


def table_section(comparison: Comparison, group: int, title: str, level: int) -> str:
    """The designs of the combined front, their commands, and all of them as CSV."""
    rows, points = comparison.front_rows, comparison.front_points
    if not points:
        return ""
    shared = any(more for _, more in points)
    parameters = comparison.first.space.parameters
    head = "".join(
        [
            *(_header(name, comparison.unit(name), numeric=True) for name in comparison.goal_metrics),
            *(_header(p.name, numeric=_is_number(p.default)) for p in parameters),
            *(_header(name, comparison.unit(name), numeric=True) for name in comparison.other_metrics),
            _header("agent"),
            _header("seed", numeric=True),
            _header("others", numeric=True) if shared else "",
            '<th class="action">command</th>',
        ]
    )
    body = "".join(_design_row(comparison, row, more, shared) for row, more in points[:MAX_ROWS])
    shown = " Of designs with equal objectives one is shown." if shared else ""
    shown += f" The first {MAX_ROWS} are shown." if len(points) > MAX_ROWS else ""
    shown += " The CSV has all of them." if shown else ""
    found = "the study that found it first" if len(comparison.results) > 1 else "the study"
    file = "data:text/csv;charset=utf-8," + quote(_csv(comparison), errors="backslashreplace")
    return (
        f"{heading(title, level)}"
        f'<p class="caption">{count(len(rows), "design")}, sorted by the objectives; a heading sorts by its '
        f"column.{shown} Agent and seed are those of {found}; “Copy” copies the command that evaluates the "
        f'design.</p><p><a class="button" download="pareto-{group}.csv" href="{file}">Download CSV</a></p>'
        f'<div class="table" tabindex="0" role="region" aria-label="{title}">'
        f'<table class="pareto"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'
    )


def _design_row(comparison: Comparison, row: int, more: int, shared: bool) -> str:
    result, design = comparison.results[comparison.source[row]], comparison.designs[row]
    objectives = {objective.metric for objective in comparison.first.objectives}
    cells = [
        _number_cell(
            float(comparison.outcomes[metric][row]), "number objective" if metric in objectives else "number"
        )
        for metric in comparison.goal_metrics
    ]
    for parameter in comparison.first.space.parameters:
        if parameter.name not in design:
            cells.append(f'<td{_kind(parameter.default)} data-value="">–</td>')
        else:
            value = design[parameter.name]
            raw = f' data-value="{value!r}"' if _is_number(value) else ""
            cells.append(f"<td{_kind(value)}{raw}>{text(short(parameter_value(value), 40))}</td>")
    cells += [
        _number_cell(float(comparison.outcomes[metric][row]), "number") for metric in comparison.other_metrics
    ]
    cells.append(f"<td>{text(short(result.label, 40))}</td>")
    cells.append(_number_cell(result.data.record.seed, "number"))
    if shared:
        cells.append(f'<td class="number" data-value="{more}">{more_text(more)}</td>')
    cells.append(f'<td class="action">{copy_button("Copy", comparison.evaluate_command(row))}</td>')
    return f"<tr>{''.join(cells)}</tr>"


def studies_table(comparison: Comparison, level: int) -> str:
    """One row a study: what it evaluated and how good it is."""
    names = ["evaluations", "budget", "feasible", "rejected", "over a constraint", "failed"]
    names += [name for name, _, _ in _quality(comparison, comparison.results[0])]
    head = _header("study") + _header("agent") + _header("seed", numeric=True)
    head += "".join(_header(name, numeric=True) for name in [*names, "seconds"]) + _header("status")
    rows = "".join(_study_row(comparison, result) for result in comparison.results)
    caption = "Hypervolume is in percent of the combined front's." if "hypervolume" in names else ""
    return (
        f'{heading("Studies", level)}<p class="caption">{caption}</p>'
        '<div class="table" tabindex="0" role="region" aria-label="Studies">'
        f'<table class="studies"><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>'
    )


def _study_row(comparison: Comparison, result: StudyResult) -> str:
    record, counts = result.data.record, result.counts
    cells = [f"<td>{text(short(record.name, 48))}</td>", f"<td>{text(short(result.label, 48))}</td>"]
    numbers = [record.seed, counts["evaluations"], record.budget, counts["feasible"], counts["infeasible"]]
    numbers += [counts["violates_constraints"], counts["failed"]]
    cells += [_number_cell(value, "number") for value in numbers]
    cells += [
        f'<td class="number" data-value="{value!r}">{shown}</td>'
        for _, value, shown in _quality(comparison, result)
    ]
    cells += [_number_cell(round(record.seconds, 2), "number"), f"<td>{text(record.status)}</td>"]
    return f"<tr>{''.join(cells)}</tr>"


def _quality(comparison: Comparison, result: StudyResult) -> list[tuple[str, float, str]]:
    """How good a study is, as (name, value, text)."""
    objectives = comparison.first.objectives
    if len(objectives) == 1:
        sign = 1 if objectives[0].direction == "min" else -1
        best = sign * float(np.nanmin(result.minimised)) if result.feasible.any() else math.nan
        return [(f"best {objectives[0].metric}", best, number(best))]
    own, shared = result.counts["pareto_designs"], result.counts["on_combined_front"]
    quality = [("Pareto designs", float(own), number(own))]
    if len(comparison.results) > 1:
        share = result.final_hypervolume / comparison.hypervolume if comparison.hypervolume else 0.0
        quality += [
            ("of the combined front", float(shared), number(shared)),
            ("hypervolume", share, percent(share)),
        ]
    return quality


def reproduction_section(comparison: Comparison, level: int) -> str:
    """For each study its command, its circumstances, and why designs were not feasible."""
    parts = [heading("How to reproduce", level)]
    for k, result in enumerate(comparison.results):
        record = result.data.record
        rows = [(name, text(value)) for name, value in reproduction(result)]
        reasons = "".join(f"<li>{text(reason_line(entry))}</li>" for entry in result.reasons())
        if reasons:
            rows.append(("not feasible", f'<ul class="reasons">{reasons}</ul>'))
        facts = "".join(f"<dt>{name}</dt><dd>{value}</dd>" for name, value in rows)
        is_open = " open" if k == 0 else ""
        parts.append(
            f"<details{is_open}><summary>{text(record.name)}: {duration(record.seconds)}, "
            f"{count(len(result.data.designs), 'evaluation')}, {text(record.status)}</summary>"
            f"<pre><code>{text(record.command)}</code></pre>"
            f'<p class="controls">{copy_button("Copy command", record.command)}</p>'
            f'<dl class="rows">{facts}</dl></details>'
        )
    return "\n".join(parts)


def _csv(comparison: Comparison) -> str:
    names = comparison.first.space.names
    metrics = [*comparison.goal_metrics, *comparison.other_metrics]
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\r\n")
    writer.writerow([*(comparison.heading(metric) for metric in metrics), *names, "study", "agent", "seed"])
    for row in comparison.front_rows.tolist():
        record = comparison.results[comparison.source[row]].data.record
        design = comparison.designs[row]
        values = [repr(float(comparison.outcomes[metric][row])) for metric in metrics]
        values += [_csv_value(design[name]) if name in design else "" for name in names]
        writer.writerow([*values, record.name, record.agent, record.seed])
    return file.getvalue()


def _csv_value(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _header(name: str, unit: str = "", *, numeric: bool = False) -> str:
    kind = ' class="number"' if numeric else ""
    small = f"<small>{text(unit)}</small>" if unit else ""
    button = f'<button type="button">{text(short(name, 36))}</button>'
    return f'<th scope="col" aria-sort="none"{kind}>{button}{small}</th>'


def _number_cell(value: float, kind: str) -> str:
    return f'<td class="{kind}" data-value="{value!r}">{number(value)}</td>'


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _kind(value: Any) -> str:
    return ' class="number"' if _is_number(value) else ""
