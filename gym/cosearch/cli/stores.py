"""`studies` and `report`: what a store holds, as a list or a page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cosearch.cli import options
from cosearch.cli.interrupted import warn_of_damaged, warn_of_interrupted
from cosearch.cli.output import console, print_json, print_line, print_table
from cosearch.cli.progress import said_if_slow
from cosearch.errors import StoreError

if TYPE_CHECKING:
    from cosearch.store import StudyData


def studies(store: options.StorePath, json: options.Json = False) -> None:
    """List a store's studies."""
    from cosearch.store import Store  # here, because SQLAlchemy would slow down every other command

    with Store.open(store) as opened:
        found = opened.studies()
        warn_of_damaged(opened, store)
        warn_of_interrupted(opened, store)
    if json:
        print_json([asdict(study) for study in found])
        return
    rows = [
        [
            s.name,
            s.problem,
            s.agent,
            s.seed,
            f"{s.evaluations}/{s.budget}",
            f"{s.seconds:.1f}",
            s.status,
            s.created_at,
        ]
        for s in found
    ]
    columns = ["name", "problem", "agent", "seed", "evaluations", "seconds", "status", "created"]
    print_table(f"Studies in {store}", columns, rows, right=["seed", "evaluations", "seconds"])


def report(
    store: options.StorePath,
    studies: Annotated[
        list[str],
        typer.Argument(metavar="STUDY", help="As `cosearch studies` lists them; default all."),
    ] = [],  # noqa: B006  typer copies it
    html: Annotated[
        Path | None, typer.Option("--html", metavar="FILE", help="Write one page that needs no network.")
    ] = None,
    pictures: Annotated[
        bool, typer.Option(help="Whether the page has the problem's pictures of single designs.")
    ] = True,
    force: options.Force = False,
    json: options.Json = False,
) -> None:
    """Show the Pareto front, hypervolume against evaluations and more; all studies unless some are named."""
    from cosearch.report import report_data, terminal_report, write_report

    if html is not None:
        options.check_new(html, force=force)
    found = read_studies(store, *studies)
    if html is not None:
        with said_if_slow() as say:
            write_report(found, html, pictures=pictures, progress=say)
    if json:
        print_json(report_data(found))
    elif html is not None:
        print_line(f"wrote {html}")
    else:
        terminal_report(found, console())


def read_studies(store: str, *names: str) -> Sequence[StudyData]:
    """The named studies of a store, each once, or all that can be read, with a line for each other one.

    Raises:
        UnknownNameError: if there is no study of such a name.
        StoreError: if the store or a named study cannot be read, or if there is no study.
    """
    from cosearch.store import Store

    with Store.open(store) as opened:
        if names:
            records = [opened.study(name) for name in dict.fromkeys(names)]
            warn_of_interrupted(opened, store)
            return [opened.read(record) for record in records]
        found = []
        records = opened.studies()
        warn_of_damaged(opened, store)
        warn_of_interrupted(opened, store)
        for record in records:
            try:
                found.append(opened.read(record))
            except StoreError as error:
                if len(records) == 1:
                    raise
                print_line(f"left out: {error}", style="yellow", stderr=True)
        if not found:
            raise StoreError(f"{store} holds no study" + (" that can be read" if records else ""))
        return found
