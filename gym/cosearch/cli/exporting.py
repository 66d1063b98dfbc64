"""`export`: what a store holds, for other tools."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Annotated

import typer

from cosearch.cli import options
from cosearch.cli.output import print_json, print_line
from cosearch.cli.stores import read_studies
from cosearch.errors import ArgumentError, unknown_name
from cosearch.quantities import count

NAMES = ("parquet", "csv", "minari", "optuna")


def export(
    store: options.StorePath,
    study: options.StudyName = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="The file to write, for minari a folder; default beside the store, named after the study "
            "or the store.",
        ),
    ] = None,
    format_: Annotated[
        str | None,
        typer.Option(
            "--format",
            metavar="FORMAT",
            help=f"{', '.join(NAMES)}; default by FILE's suffix (.journal: optuna), or {NAMES[0]} without "
            "FILE.",
        ),
    ] = None,
    formulation: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="minari: oneshot (default) or sequential, as environments have it."
        ),
    ] = None,
    reward: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="minari: as in environments; default weighted_sum."),
    ] = None,
    force: options.Force = False,
    json: options.Json = False,
) -> None:
    """Write evaluations for other tools, with all that repeats them; all studies unless one is named."""
    from cosearch.export.formats import FORMATS, EpisodesAsked, format_of, write_studies

    if output is not None and not (output.is_dir() and format_of(output) == "minari" and force):
        options.check_new(output, force=force)
    suffix = "" if output is None else output.suffix.removeprefix(".")
    found_format = (format_of(output) or suffix) if output is not None else NAMES[0]
    format_name = format_ or found_format
    if format_name not in FORMATS:
        raise unknown_name("format", format_name, FORMATS)
    if format_name != "minari" and (formulation or reward):
        raise ArgumentError(f"--{'formulation' if formulation else 'reward'} is of format minari only")
    if output is not None and not output.parent.is_dir():
        raise ArgumentError(f"cannot write {output}: there is no folder {output.parent}")
    found = read_studies(store, *([] if study is None else [study]))
    if output is None:
        name = found[0].record.name if len(found) == 1 else Path(store.rpartition("/")[2]).stem
        folder = Path() if "://" in store else Path(store).parent
        output = folder / f"{re.sub(r'[^A-Za-z0-9._-]+', '_', name)}.{FORMATS[format_name].suffix}"
        options.check_new(output, force=force)
    asked = EpisodesAsked()
    asked = EpisodesAsked(formulation or asked.formulation, reward or asked.reward)
    try:
        rows = write_studies(found, output, format_name, asked)
    except OSError as error:  # of pyarrow, with a text of its own
        raise ArgumentError(f"cannot write {output}: {_why(error)}") from None
    if json:
        print_json({"output": str(output), "format": format_name, "studies": len(found), "rows": rows})
    else:
        what = "episode" if format_name == "minari" else "trial" if format_name == "optuna" else "row"
        print_line(f"wrote {count(rows, what)} of {count(len(found), 'study', 'studies')} to {output}")


def _why(error: OSError) -> str:
    """What the system said, where a library has put it into words of its own."""
    number = error.errno or next(iter(map(int, re.findall(r"errno (\d+)", str(error)))), 0)
    return os.strerror(number) if number else " ".join(str(error).split())
