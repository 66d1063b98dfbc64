"""`studies`, `export` and `report`: what a store holds, as a list, a table or a page."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cosearch.cli import options
from cosearch.cli.interrupted import warn_of_damaged, warn_of_interrupted
from cosearch.cli.output import console, print_json, print_line, print_table
from cosearch.cli.progress import said_if_slow
from cosearch.errors import ArgumentError, StoreError, unknown_name
from cosearch.export import WRITERS
from cosearch.quantities import count

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


def export(
    store: options.StorePath,
    study: options.StudyName = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="The file to write; default beside the store, named after the study or the store.",
        ),
    ] = None,
    format_: Annotated[
        str | None,
        typer.Option(
            "--format",
            metavar="FORMAT",
            help=f"{' or '.join(WRITERS)}; default FILE's suffix, or {next(iter(WRITERS))} without FILE.",
        ),
    ] = None,
    force: options.Force = False,
    json: options.Json = False,
) -> None:
    """Write evaluations as a table, one row for each distinct design; all studies unless one is named."""
    if output is not None:
        options.check_new(output, force=force)
    format_name = format_ or (next(iter(WRITERS)) if output is None else output.suffix.removeprefix("."))
    if format_name not in WRITERS:
        raise unknown_name("format", format_name, WRITERS)
    if output is not None and not output.parent.is_dir():
        raise ArgumentError(f"cannot write {output}: there is no folder {output.parent}")
    found = read_studies(store, *([] if study is None else [study]))
    if output is None:
        name = found[0].record.name if len(found) == 1 else Path(store.rpartition("/")[2]).stem
        folder = Path() if "://" in store else Path(store).parent
        output = folder / f"{re.sub(r'[^A-Za-z0-9._-]+', '_', name)}.{format_name}"
        options.check_new(output, force=force)
    try:
        WRITERS[format_name](found, output)
    except OSError as error:  # of pyarrow, with a text of its own
        raise ArgumentError(f"cannot write {output}: {_why(error)}") from None
    rows = sum(len(data.designs) for data in found)
    if json:
        print_json({"output": str(output), "format": format_name, "studies": len(found), "rows": rows})
    else:
        print_line(f"wrote {count(rows, 'row')} of {count(len(found), 'study', 'studies')} to {output}")


def _why(error: OSError) -> str:
    """What the system said, where a library has put it into words of its own."""
    number = error.errno or next(iter(map(int, re.findall(r"errno (\d+)", str(error)))), 0)
    return os.strerror(number) if number else " ".join(str(error).split())


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
