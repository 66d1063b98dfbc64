"""The report as one HTML page that needs no network: style, data, Plotly and script are all in it.

Names, reasons and values come from plugins and files, so every text is escaped where it enters the page: by
`html.escape` in HTML, by `embedded_json` in the data, by `points.escape` in what Plotly reads as markup. A
content security policy lets nothing run but the page's own scripts, and nothing be loaded.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import Any

import cosearch
from cosearch.report.bars import importance_figure
from cosearch.report.comparison import Comparison, compare
from cosearch.report.curves import hypervolume_figure
from cosearch.report.figure import Figure
from cosearch.report.front import front_figures
from cosearch.report.markup import heading, text
from cosearch.report.parallel import parallel_figure
from cosearch.report.points import Columns
from cosearch.report.tables import reproduction_section, studies_table, table_section
from cosearch.report.words import count, short, summary
from cosearch.store import Store, StudyData

IMPORTANCE_CAPTION = (
    "The share of a metric's variance over the whole design space that a parameter takes part in, "
    "interactions included, as estimated by regression trees from the designs that were evaluated. "
    "With few designs the strongest parameter comes out too strong. Whiskers: the middle 80 % over resamples."
)


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
    scripts = [get_plotlyjs(), _resource("parallel.js"), _resource("page.js")]
    problems = ", ".join(dict.fromkeys(comparison.first.record.problem for comparison in comparisons))
    title = text(problems or "no study")
    main_title = text(comparisons[0].title) if len(comparisons) == 1 else title
    if len(comparisons) > 1:
        found = f"{count(len(studies), 'study', 'studies')} in {len(comparisons)} groups"
        links = "".join(
            f'<li><a href="#group-{k}">{text(comparison.title)}</a> for {text(comparison.goal)}</li>'
            for k, comparison in enumerate(comparisons)
        )
        lead = f'<p class="lead">{found}; within a group they can be compared.</p>'
        head = f'{lead}<nav aria-label="Groups"><ol>{links}</ol></nav>'
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
            f'<header><p class="eyebrow">cosearch report</p><h1 id="title">{main_title}</h1>{head}</header>',
            f"<main>{body}</main>",
            "<noscript><p>The plots need JavaScript; the tables do not.</p></noscript>",
            f"<footer>Written by cosearch {cosearch.__version__}. This page needs no network.</footer>",
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


def _section(
    comparison: Comparison, number: int, several: bool, columns: Columns, figures: list[dict[str, Any]]
) -> str:
    level = 3 if several else 2  # of the headings below the section's own

    def show(figure: Figure, deeper: int = 0) -> str:
        key = f"figure-{len(figures)}"
        figures.append(
            {"id": key, "traces": figure.traces, "layout": figure.layout, "controls": figure.controls}
        )
        return _figure(figure, key, level + deeper)

    fronts = front_figures(comparison, columns)
    name = "Pareto designs" if len(comparison.first.objectives) > 1 else "Best designs"
    importances = [
        importance_figure(importance, short(comparison.heading(importance.metric), 40))
        for importance in comparison.importances
        if importance is not None
    ]
    key = f"group-{number}-title"
    parts = [
        f'<section id="group-{number}" aria-labelledby="{key if several else "title"}">',
        heading(comparison.title, 2, key, "group") if several else "",
        f'<p class="lead">{text(summary(comparison))}</p>',
        _facts(comparison),
    ]
    if len(fronts) == 1:
        parts.append(show(fronts[0]))
    elif fronts:
        panels = "".join(show(figure, 1) for figure in fronts)
        parts += [heading("Pareto front", level), f'<div class="grid">{panels}</div>']
    for figure in (hypervolume_figure(comparison), parallel_figure(comparison)):
        if figure is not None:
            parts.append(show(figure))
    if importances:
        panels = "".join(show(figure, 1) for figure in importances)
        parts += [
            heading("Importance of the parameters", level),
            f'<p class="caption">{IMPORTANCE_CAPTION}</p><div class="grid">{panels}</div>',
        ]
    parts += [
        table_section(comparison, number, name, level),
        studies_table(comparison, level),
        reproduction_section(comparison, level),
        "</section>",
    ]
    return "\n".join(parts)


def _facts(comparison: Comparison) -> str:
    constraints, signs = comparison.first.constraints, {"<=": "≤", ">=": "≥"}
    facts = [
        ("Objectives", ", ".join(f"{o.direction} {o.metric}" for o in comparison.first.objectives)),
        (
            "Constraints",
            ", ".join(f"{c.metric} {signs[c.operator]} {c.bound:g}" for c in constraints) or "none",
        ),
        ("Studies", f"{len(comparison.results):,}"),
        ("Distinct designs", f"{len(comparison.designs):,}"),
        ("Feasible", f"{int(comparison.feasible.sum()):,}"),
        ("Parameters", f"{len(comparison.first.space):,}"),
    ]
    items = "".join(f"<div><dt>{name}</dt><dd>{text(value)}</dd></div>" for name, value in facts)
    return f'<dl class="facts">{items}</dl>'


def _figure(figure: Figure, key: str, level: int) -> str:
    caution = f'<p class="caution">{text(figure.caution)}</p>' if figure.caution else ""
    width = f"min-width:{figure.min_width}px;" if figure.min_width else ""
    kind = "plot" if figure.traces else "plot parallel"
    name = heading(figure.title, level, f"{key}-title", "title" if figure.wide else "subtitle")
    caption = text(figure.caption)
    return (
        f'<figure aria-labelledby="{key}-title">{name}'
        f'<figcaption class="caption">{caption}</figcaption>{caution}'
        f'<div class="controls" id="{key}-controls"></div>'
        f'<div class="plot-frame" tabindex="0" role="img" aria-label="{text(figure.title)}. {caption}">'
        f'<div class="{kind}" id="{key}" style="{width}height:{figure.layout["height"]}px"></div>'
        "</div></figure>"
    )
