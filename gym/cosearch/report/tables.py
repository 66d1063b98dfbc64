"""The tables of a report page: the Pareto designs, the studies, and how to reproduce each of them."""

from __future__ import annotations

import csv
import io
import json
from html import escape
from typing import Any
from urllib.parse import quote

import numpy as np

from cosearch.report.comparison import Comparison, StudyResult
from cosearch.report.words import (
    count,
    duration,
    number,
    parameter_value,
    percent,
    plain,
    reproduction,
    short,
)

MAX_ROWS = 300


def table_section(comparison: Comparison, group: int, title: str) -> str:
    """The designs of the combined front, their commands, and all of them as CSV."""
    rows = comparison.front_rows
    if not len(rows):
        return ""
    objectives = {objective.metric for objective in comparison.first.objectives}
    names = comparison.first.space.names
    head = "".join(
        [
            *(_header(metric, comparison.unit(metric), numeric=True) for metric in comparison.metrics),
            *(_header(name) for name in names),
            _header("agent"),
            _header("seed", numeric=True),
            '<th class="action">command</th>',
        ]
    )
    body = []
    for row in rows[:MAX_ROWS].tolist():
        result = comparison.results[comparison.source[row]]
        design = comparison.designs[row]
        cells = [
            _number_cell(
                float(comparison.outcomes[metric][row]),
                "number objective" if metric in objectives else "number",
            )
            for metric in comparison.metrics
        ]
        cells += [_parameter_cell(design[name]) if name in design else "<td>–</td>" for name in names]
        cells += [
            f"<td>{_text(short(result.label, 40))}</td>",
            _number_cell(result.data.record.seed, "number"),
        ]
        command = escape(comparison.evaluate_command(row))
        cells.append(
            f'<td class="action"><button type="button" data-copy="{command}" title="{command}">Copy</button></td>'
        )
        body.append(f"<tr>{''.join(cells)}</tr>")
    shown = "" if len(rows) <= MAX_ROWS else f" The first {MAX_ROWS} are shown; the CSV has all of them."
    found = "the study that found it first" if len(comparison.results) > 1 else "the study"
    return (
        f"<h3>{title}</h3>"
        f'<p class="caption">{count(len(rows), "design")}, sorted by the objectives; a heading sorts by its column.{shown} '
        f"Agent and seed are those of {found}; “Copy” copies the command that evaluates the design.</p>"
        f'<p><a class="button" download="pareto-{group}.csv" href="data:text/csv;charset=utf-8,{quote(_csv(comparison))}">'
        f"Download CSV</a></p>"
        f'<div class="table" tabindex="0" role="region" aria-label="{title}">'
        f'<table class="pareto"><thead><tr>{head}</tr></thead><tbody>{"".join(body)}</tbody></table></div>'
    )


def studies_table(comparison: Comparison) -> str:
    """One row a study: what it evaluated and how good it is."""
    many = len(comparison.first.objectives) > 1
    names = ["evaluations", "budget", "feasible", "infeasible", "over a constraint", "failed"]
    names += ["on its front", "on the combined front", "hypervolume"] if many else ["best"]
    head = _header("study") + _header("agent") + _header("seed", numeric=True)
    head += "".join(_header(name, numeric=True) for name in names)
    head += _header("seconds", numeric=True) + _header("status")
    rows = "".join(_study_row(comparison, result, many) for result in comparison.results)
    caption = "Hypervolume is in percent of the combined front's." if many else ""
    return (
        f'<h3>Studies</h3><p class="caption">{caption}</p>'
        '<div class="table" tabindex="0" role="region" aria-label="Studies">'
        f'<table class="studies"><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>'
    )


def _study_row(comparison: Comparison, result: StudyResult, many: bool) -> str:
    record, counts = result.data.record, result.counts
    keys = ("evaluations", "", "feasible", "infeasible", "violates_constraints", "failed")
    cells = [f"<td>{_text(short(record.name, 48))}</td>", f"<td>{_text(short(result.label, 48))}</td>"]
    cells.append(_number_cell(record.seed, "number"))
    cells += [_number_cell(counts[key] if key else record.budget, "number") for key in keys]
    if many:
        cells += [_number_cell(counts[key], "number") for key in ("pareto_designs", "on_combined_front")]
        share = result.final_hypervolume / comparison.hypervolume if comparison.hypervolume else 0.0
        cells.append(f'<td class="number" data-value="{share!r}">{percent(share)}</td>')
    else:
        objective = comparison.first.objectives[0]
        best = np.nanmin(result.minimised[:, 0]) if result.feasible.any() else np.nan
        cells.append(_number_cell(float(best if objective.direction == "min" else -best), "number"))
    cells += [_number_cell(round(record.seconds, 2), "number"), f"<td>{_text(record.status)}</td>"]
    return f"<tr>{''.join(cells)}</tr>"


def reproduction_section(comparison: Comparison) -> str:
    """For each study its command, its circumstances, and why designs were not feasible."""
    parts = ["<h3>How to reproduce</h3>"]
    for k, result in enumerate(comparison.results):
        record = result.data.record
        rows = [(name, _text(text)) for name, text in reproduction(result)]
        reasons = "".join(
            f"<li>{count(n, 'design')} {_text(kind)}: {_text(reason or 'no reason given')}</li>"
            for kind, reason, n in result.reasons()
        )
        if reasons:
            rows.append(("not feasible", f'<ul class="reasons">{reasons}</ul>'))
        facts = "".join(f"<dt>{name}</dt><dd>{text}</dd>" for name, text in rows)
        is_open = " open" if k == 0 else ""
        parts.append(
            f"<details{is_open}><summary>{_text(record.name)}: {duration(record.seconds)}, "
            f"{count(len(result.data.designs), 'evaluation')}, {_text(record.status)}</summary>"
            f"<pre><code>{_text(record.command)}</code></pre>"
            f'<p class="controls"><button type="button" data-copy="{escape(record.command)}">Copy command</button></p>'
            f'<dl class="rows">{facts}</dl></details>'
        )
    return "\n".join(parts)


def _csv(comparison: Comparison) -> str:
    names = comparison.first.space.names
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\r\n")
    writer.writerow(
        [*(comparison.heading(metric) for metric in comparison.metrics), *names, "study", "agent", "seed"]
    )
    for row in comparison.front_rows.tolist():
        record = comparison.results[comparison.source[row]].data.record
        design = comparison.designs[row]
        writer.writerow(
            [
                *(repr(float(comparison.outcomes[metric][row])) for metric in comparison.metrics),
                *(_csv_value(design[name]) if name in design else "" for name in names),
                record.name,
                record.agent,
                record.seed,
            ]
        )
    return file.getvalue()


def _csv_value(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _text(value: Any) -> str:
    return escape(plain(value))


def _header(name: str, unit: str = "", *, numeric: bool = False) -> str:
    kind = ' class="number"' if numeric else ""
    small = f"<small>{_text(unit)}</small>" if unit else ""
    return f'<th scope="col" aria-sort="none"{kind}><button type="button">{_text(short(name, 36))}</button>{small}</th>'


def _number_cell(value: float, kind: str) -> str:
    return f'<td class="{kind}" data-value="{value!r}">{number(value)}</td>'


def _parameter_cell(value: Any) -> str:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return f'<td class="number" data-value="{value!r}">{parameter_value(value)}</td>'
    return f"<td>{_text(short(parameter_value(value), 40))}</td>"
