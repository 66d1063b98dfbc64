"""The report on studies as one HTML page; `document.py` is its frame."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from cosearch.report.bars import importance_figure
from cosearch.report.closeups import Progress, close_up_section
from cosearch.report.comparison import Comparison, compare
from cosearch.report.curves import hypervolume_figure
from cosearch.report.document import Drawings, document
from cosearch.report.front import front_figures
from cosearch.report.markup import facts, heading, text
from cosearch.report.parallel import parallel_figure
from cosearch.report.tables import reproduction_section, studies_table, table_section
from cosearch.report.words import count, short, summary
from cosearch.store import Store, StudyData

IMPORTANCE_CAPTION = (
    "The share of a metric's variance over the whole design space that a parameter takes part in, "
    "interactions included, as estimated by regression trees from the designs that were evaluated. "
    "With few designs the strongest parameter comes out too strong. Whiskers: the middle 80 % over resamples."
)


def write_report(
    store: Store | Sequence[StudyData],
    path: str | Path,
    *,
    pictures: bool = True,
    progress: Progress | None = None,
) -> None:
    """Write the page for all studies of a store, or for the studies given.

    Args:
        store: a store, or studies that were read from one.
        path: the file to write.
        pictures: whether to build the problems again and let them draw pictures of a few designs.
        progress: called with what is being done, in words.

    Raises:
        StoreError: if the store cannot be read.
        OSError: if the file cannot be written.
    """
    studies = [store.read(record) for record in store.studies()] if isinstance(store, Store) else store
    page = report_page(studies, pictures=pictures, progress=progress)
    Path(path).write_bytes(page.encode("utf-8", "backslashreplace"))


def report_page(
    studies: Sequence[StudyData], *, pictures: bool = True, progress: Progress | None = None
) -> str:
    """The page as HTML; see `write_report`."""
    comparisons = compare(studies)
    drawings = Drawings()
    sections = []
    for number, comparison in enumerate(comparisons):
        sections.append(_section(comparison, number, len(comparisons) > 1, drawings, pictures, progress))
    problems = ", ".join(dict.fromkeys(comparison.first.record.problem for comparison in comparisons))
    title = problems or "no study"
    main_title = comparisons[0].title if len(comparisons) == 1 else title
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
    return document(
        "report", title, f'<h1 id="title">{text(main_title)}</h1>{head}', "\n".join(sections), drawings
    )


def _section(
    comparison: Comparison,
    number: int,
    several: bool,
    drawings: Drawings,
    pictures: bool,
    progress: Progress | None,
) -> str:
    level = 3 if several else 2  # of the headings below the section's own
    fronts = front_figures(comparison, drawings.columns)
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
        parts.append(drawings.show(fronts[0], level))
    elif fronts:
        parts += [heading("Pareto front", level), drawings.show_all(fronts, level + 1)]
    for figure in (hypervolume_figure(comparison), parallel_figure(comparison)):
        if figure is not None:
            parts.append(drawings.show(figure, level))
    if importances:
        parts += [
            heading("Importance of the parameters", level),
            f'<p class="caption">{IMPORTANCE_CAPTION}</p>',
            drawings.show_all(importances, level + 1),
        ]
    if pictures:
        parts.append(close_up_section(comparison, number, level, drawings, progress or (lambda _: None)))
    parts += [
        table_section(comparison, number, name, level),
        studies_table(comparison, level),
        reproduction_section(comparison, level),
        "</section>",
    ]
    return "\n".join(parts)


def _facts(comparison: Comparison) -> str:
    constraints, signs = comparison.first.constraints, {"<=": "≤", ">=": "≥"}
    return facts(
        {
            "Objectives": ", ".join(f"{o.direction} {o.metric}" for o in comparison.first.objectives),
            "Constraints": ", ".join(f"{c.metric} {signs[c.operator]} {c.bound:g}" for c in constraints)
            or "none",
            "Studies": f"{len(comparison.results):,}",
            "Distinct designs": f"{len(comparison.designs):,}",
            "Feasible": f"{int(comparison.feasible.sum()):,}",
            "Parameters": f"{len(comparison.first.space):,}",
        }
    )
