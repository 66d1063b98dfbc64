"""The report as one HTML page that needs no network: style, data, Plotly and script are all in it.

Names, reasons and values come from plugins and files, so every text is escaped where it enters the page: by
`html.escape` in HTML, by `embedded_json` in the data, by `points.escape` in what Plotly reads as markup. A
content security policy lets nothing run but the page's own two scripts, and nothing be loaded.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Sequence
from html import escape
from importlib import resources
from pathlib import Path
from typing import Any

import cosearch
from cosearch.report.bars import importance_figure
from cosearch.report.comparison import Comparison, compare
from cosearch.report.curves import hypervolume_figure
from cosearch.report.figure import Figure
from cosearch.report.front import front_figures
from cosearch.report.parallel import parallel_figure
from cosearch.report.points import Columns
from cosearch.report.tables import reproduction_section, studies_table, table_section
from cosearch.report.words import count, plain, short, summary
from cosearch.store import Store, StudyData


def write_report(store: Store | Sequence[StudyData], path: str | Path) -> None:
    """Write the page for all studies of a store, or for the studies given.

    Raises:
        StoreError: if the store cannot be read.
        OSError: if the file cannot be written.
    """
    studies = [store.read(record) for record in store.studies()] if isinstance(store, Store) else store
    Path(path).write_bytes(report_page(studies).encode("utf-8", "backslashreplace"))


def report_page(studies: Sequence[StudyData]) -> str:
    """The page as HTML."""
    from plotly.offline import get_plotlyjs

    comparisons = compare(studies)
    data: dict[str, Any] = {"figures": []}
    columns = Columns()
    body = "\n".join(
        _section(comparison, number, len(comparisons) > 1, columns, data["figures"])
        for number, comparison in enumerate(comparisons)
    )
    data["columns"] = columns.arrays
    scripts = [get_plotlyjs(), _resource("page.js")]
    problems = ", ".join(dict.fromkeys(comparison.first.record.problem for comparison in comparisons))
    title = _text(problems or "no study")
    if len(comparisons) > 1:
        lead = f"{count(len(studies), 'study', 'studies')} in {len(comparisons)} groups; within a group they can be compared."
        links = "".join(
            f'<li><a href="#group-{k}">{_text(comparison.title)}</a></li>'
            for k, comparison in enumerate(comparisons)
        )
        head = f'<p class="lead">{lead}</p><nav aria-label="Groups"><ol>{links}</ol></nav>'
    else:
        head = "" if comparisons else '<p class="lead">The store holds no study yet.</p>'
    return "\n".join(
        [
            "<!doctype html>",
            '<html lang="en">',
            "<head>",
            '<meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{_policy(scripts)}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            '<link rel="icon" href="data:,">',
            f"<title>{title} · cosearch report</title>",
            f"<style>\n{_resource('page.css')}</style>",
            "</head>",
            "<body>",
            f'<header><p class="eyebrow">cosearch report</p><h1>{title}</h1>{head}</header>',
            f"<main>{body}</main>",
            "<noscript><p>The plots need JavaScript; the tables do not.</p></noscript>",
            f"<footer>Written by cosearch {escape(cosearch.__version__)}. This page needs no network.</footer>",
            f'<script type="application/json" id="report">{embedded_json(data)}</script>',
            *(f"<script>{script}</script>" for script in scripts),
            "</body>",
            "</html>",
            "",
        ]
    )


def embedded_json(data: Any) -> str:
    """Strict JSON that no text in it can end early: `<` and `&` are written as escapes."""
    text = json.dumps(data, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _policy(scripts: Sequence[str]) -> str:
    hashes = [base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts]
    allowed = " ".join(f"'sha256-{digest}'" for digest in hashes)
    return (
        f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; img-src data: blob:; "
        "base-uri 'none'; form-action 'none'"
    )


def _resource(name: str) -> str:
    return resources.files(__package__).joinpath(name).read_text(encoding="utf-8")


def _text(value: Any) -> str:
    return escape(plain(value))


def _section(
    comparison: Comparison, number: int, several: bool, columns: Columns, figures: list[dict[str, Any]]
) -> str:
    def show(figure: Figure, level: int) -> str:
        key = f"figure-{len(figures)}"
        figures.append(
            {"id": key, "traces": figure.traces, "layout": figure.layout, "controls": figure.controls}
        )
        return _figure(figure, key, level)

    fronts = front_figures(comparison, columns)
    many = len(comparison.first.objectives) > 1
    hypervolume, parallel = hypervolume_figure(comparison), parallel_figure(comparison)
    importances = [importance for importance in comparison.importances if importance is not None]
    parts = [
        f'<section id="group-{number}" aria-labelledby="group-{number}-title">',
        f'<h2 id="group-{number}-title">{_text(comparison.title)}</h2>',
        f'<p class="lead">{_text(summary(comparison))}</p>',
        _facts(comparison),
    ]
    if len(fronts) == 1:
        parts.append(show(fronts[0], 3))
    elif fronts:
        parts += [
            "<h3>Pareto front</h3>",
            f'<div class="grid">{"".join(show(figure, 4) for figure in fronts)}</div>',
        ]
    parts += [show(figure, 3) for figure in (hypervolume, parallel) if figure is not None]
    if importances:
        bars = "".join(
            show(importance_figure(importance, short(comparison.heading(importance.metric), 40)), 4)
            for importance in importances
        )
        parts += [
            "<h3>Importance of the parameters</h3>",
            '<p class="caption">The share of a metric\'s variance over the whole design space that a parameter takes '
            "part in, interactions included, as estimated by regression trees from the designs that were evaluated. "
            "Whiskers: the middle 80 % over resamples of the designs.</p>",
            f'<div class="grid">{bars}</div>',
        ]
    parts += [
        table_section(comparison, number, "Pareto designs" if many else "Best designs"),
        studies_table(comparison),
        reproduction_section(comparison),
        "</section>",
    ]
    return "\n".join(parts)


def _facts(comparison: Comparison) -> str:
    record = comparison.first.record
    facts = [
        ("Objectives", ", ".join(record.objectives)),
        ("Constraints", ", ".join(record.constraints) or "none"),
        ("Studies", f"{len(comparison.results):,}"),
        ("Distinct designs", f"{len(comparison.designs):,}"),
        ("Feasible", f"{int(comparison.feasible.sum()):,}"),
        ("Parameters", f"{len(comparison.first.space):,}"),
    ]
    items = "".join(f"<div><dt>{name}</dt><dd>{_text(value)}</dd></div>" for name, value in facts)
    return f'<dl class="facts">{items}</dl>'


def _figure(figure: Figure, key: str, level: int) -> str:
    caution = f'<p class="caution">{_text(figure.caution)}</p>' if figure.caution else ""
    width = f"min-width:{figure.min_width}px;" if figure.min_width else ""
    title, caption = _text(figure.title), _text(figure.caption)
    return (
        f'<figure aria-labelledby="{key}-title"><h{level} id="{key}-title">{title}</h{level}>'
        f'<figcaption class="caption">{caption}</figcaption>{caution}'
        f'<div class="controls" id="{key}-controls"></div>'
        f'<div class="plot-frame" tabindex="0" role="img" aria-label="{title}. {caption}">'
        f'<div class="plot" id="{key}" style="{width}height:{figure.layout["height"]}px"></div></div></figure>'
    )
