"""The report on studies as one HTML page; `document.py` is its frame."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cosearch.quantities import count
from cosearch.report.agents import agents_compared
from cosearch.report.agents_figures import agents_figures, lottery_figure
from cosearch.report.agents_text import comparison_tables, lottery_tables
from cosearch.report.bars import importance_bars
from cosearch.report.codesign import codesign_figures
from cosearch.report.comparison import Comparison, compare
from cosearch.report.curves import hypervolume_figure
from cosearch.report.design_pictures import Progress, close_up
from cosearch.report.document import Drawings, document
from cosearch.report.front import front_figures
from cosearch.report.lottery import lotteries
from cosearch.report.parallel import parallel_figure
from cosearch.report.second_judge import (
    CAPTION,
    HEADS,
    NUMERIC,
    judge_notes,
    judge_rows,
    second_judges,
)
from cosearch.report.tables import Cell, Head, pareto_table, reproduction_rows, studies_table
from cosearch.report.words import goal_facts, short, summary
from cosearch.store import Store, StudyData

IMPORTANCE_CAPTION = (
    "The share of a metric's variance over the whole design space that a parameter takes part in, "
    "interactions included, as estimated by a random forest from the designs that were evaluated. "
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
    agents = _agents(studies, drawings)
    sections = [
        _section(comparison, number, drawings, pictures, progress or (lambda _: None), comparisons)
        for number, comparison in enumerate(comparisons)
    ]
    problems = ", ".join(dict.fromkeys(comparison.first.record.problem for comparison in comparisons))
    title = problems or "no study"
    found = f"{count(len(studies), 'study', 'studies')} in {len(comparisons)} groups"
    return document(
        "report.html.j2",
        title,
        drawings,
        main_title=comparisons[0].title if len(comparisons) == 1 else title,
        lead=f"{found}; within a group they can be compared.",
        importance_caption=IMPORTANCE_CAPTION,
        agents=agents,
        sections=sections,
    )


def _agents(studies: Sequence[StudyData], drawings: Drawings) -> dict[str, Any]:
    """What the studies say of agents, over all groups; empty where that is nothing."""
    compared, found = agents_compared(studies), lotteries(studies)
    tables = [*(comparison_tables(compared) if compared else []), *lottery_tables(found)]
    if not tables:
        return {}
    figures = agents_figures(compared) if compared else []
    figures += [lottery_figure(found, problem) for problem in dict.fromkeys(one.problem for one in found)]
    return {
        "figures": drawings.rows(figures),
        "tables": [
            {
                "title": table.title,
                "caption": table.caption,
                "heads": [Head(head, numeric=k >= table.words) for k, head in enumerate(table.heads)],
                "rows": [
                    [Cell(cell, "number" if k >= table.words else "") for k, cell in enumerate(row)]
                    for row in table.rows
                ],
            }
            for table in tables
        ],
        "left_out": list(compared.left_out) if compared else [],
    }


def _section(
    comparison: Comparison,
    number: int,
    drawings: Drawings,
    pictures: bool,
    progress: Progress,
    others: Sequence[Comparison],
) -> dict[str, Any]:
    """What the template shows of studies that can be compared, with its figures in the order of the page."""
    curves = (hypervolume_figure(comparison), parallel_figure(comparison))
    return {
        "number": number,
        "title": comparison.title,
        "goal": comparison.goal,
        "lead": summary(comparison),
        "facts": _facts(comparison),
        "fronts": drawings.rows(front_figures(comparison, drawings.columns)),
        "codesign": drawings.rows(codesign_figures(comparison, others)),
        "curves": drawings.rows([figure for figure in curves if figure is not None]),
        "importances": drawings.rows(
            [
                importance_bars(importance, short(importance.metric, 40))
                for importance in comparison.importances
                if importance is not None
            ]
        ),
        "close_up": close_up(comparison, number, drawings, progress) if pictures else {},
        "pareto": pareto_table(comparison),
        "judges": _judges(comparison),
        "studies": studies_table(comparison),
        "reproduction": reproduction_rows(comparison),
    }


def _judges(comparison: Comparison) -> dict[str, Any]:
    """How the fronts hold under second judges; empty where there was none."""
    found = [one for result in comparison.results for one in second_judges(result.data)]
    if not found:
        return {}
    return {
        "caption": CAPTION,
        "heads": [Head(head, numeric=head in NUMERIC) for head in HEADS],
        "rows": [
            [Cell(cell, "number" if head in NUMERIC else "") for head, cell in zip(HEADS, row, strict=True)]
            for row in judge_rows(found)
        ],
        "notes": judge_notes(found),
    }


def _facts(comparison: Comparison) -> list[tuple[str, str]]:
    return [
        *goal_facts(comparison.first.objectives, comparison.first.constraints),
        ("Studies", f"{len(comparison.results):,}"),
        ("Distinct designs", f"{len(comparison.designs):,}"),
        ("Feasible", f"{int(comparison.feasible.sum()):,}"),
        ("Parameters", f"{len(comparison.first.space):,}"),
    ]
