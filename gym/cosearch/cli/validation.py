"""`validate`: a simulator against reference measurements."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from cosearch.bounded_files import opened
from cosearch.cli import options
from cosearch.cli.output import print_json, print_line, print_table
from cosearch.cli.progress import shown_cases
from cosearch.errors import ArgumentError, CosearchError
from cosearch.quantities import number, relative_error
from cosearch.registry import validation

BOUNDS_MISSED = 1
MOST_README_BYTES = 64 << 20
RELATIVE = (
    "median",
    "median_bound",
    "p95",
    "maximum",
    "share_within_bound",
    "bound",
    "required_share",
)
NUMBERS = ("cases", *RELATIVE, "spearman", "spearman_bound")
SHOWN_FAILURES = 10
SIGNIFICANT = 4  # digits of a number that is no share


def validate(
    simulator: Annotated[str, typer.Argument(metavar="SIMULATOR", help="As `cosearch plugins` lists it.")],
    cases: Annotated[Path, typer.Option("--cases", metavar="DIR", help="A folder of reference cases.")],
    readme: Annotated[
        Path | None,
        typer.Option(
            "--readme",
            metavar="FILE",
            help="Put the table between a file's `validate:SIMULATOR` markers (or those of the table's own).",
        ),
    ] = None,
    json: options.Json = False,
) -> None:
    """Hold a simulator against reference measurements; the exit code is 1 where a bound is missed."""
    known = validation(simulator)
    if not cases.is_dir():
        raise ArgumentError(f"there is no folder of cases at {cases}")
    try:
        with shown_cases(f"validating {simulator}", hidden=json) as progress:
            table = known.run(cases, progress)
    except CosearchError:
        raise
    except (ValueError, OSError) as error:
        raise ArgumentError(f"cannot validate {simulator} with {cases}: {error}") from error
    found = table.as_dict()
    if json:
        print_json(found)
    else:
        _show(f"{simulator} against {cases}", found)
    if readme is not None:
        _write(_markdown(found), readme, f"validate:{getattr(table, 'marker', simulator)}")
    if not table.passed:
        raise typer.Exit(BOUNDS_MISSED)


def _write(markdown: str, readme: Path, marker: str) -> None:
    """Replace what stands between the markers of a file."""
    begin, end = f"<!-- {marker} -->", f"<!-- /{marker} -->"
    try:
        with opened(readme, MOST_README_BYTES) as file:
            before, found, rest = file.read().decode().partition(begin)
        _, closed, after = rest.partition(end)
        if not (found and closed):
            raise ArgumentError(f"{readme} has no place for the table: expected the lines {begin} and {end}")
        readme.write_text(f"{before}{begin}\n{markdown}\n{end}{after}", encoding="utf-8")
    except UnicodeDecodeError:
        raise ArgumentError(f"cannot write the table into {readme}: it is no text") from None
    except OSError as error:
        raise ArgumentError(f"cannot write the table into {readme}: {error.strerror}") from error


def _show(title: str, found: Mapping[str, Any]) -> None:
    errors = _table(found["rows"])
    print_table(title, *errors, right=[name.replace("_", " ") for name in NUMBERS])
    if found["speed"]:
        heads, rows = _speed(found)
        print_line()
        print_table("Speed on this machine", heads, rows, right=heads[1:])
    failures = found.get("failures", [])
    for failure in failures[:SHOWN_FAILURES]:
        print_line(f"out of bounds: {failure}", style="red")
    if len(failures) > SHOWN_FAILURES:
        print_line(f"and {len(failures) - SHOWN_FAILURES} more, all of them with --json")


def _markdown(found: Mapping[str, Any]) -> str:
    """The tables of errors and of speed for a README."""
    parts = [_table(found["rows"])] + ([_speed(found)] if found["speed"] else [])
    return "\n\n".join(
        "\n".join(f"| {' | '.join(line)} |" for line in (heads, ["---"] * len(heads), *rows))
        for heads, rows in parts
    )


def _table(rows: Sequence[Mapping[str, Any]]) -> tuple[list[str], list[list[str]]]:
    """Heads and cells. A row's fields are its columns: a simulator may add what its rows are grouped by."""
    names = list(rows[0]) if rows else []
    return [name.replace("_", " ") for name in names], [
        [_cell(name, row[name]) for name in names] for row in rows
    ]


def _speed(found: Mapping[str, Any]) -> tuple[list[str], list[list[str]]]:
    return _table([{"": name} | dict(row) for name, row in found["speed"].items()])


def _cell(name: str, value: Any) -> str:
    if value is None:  # no bound: the row is for information
        return ""
    if isinstance(value, bool):
        return "yes" if value else "NO"
    if name in RELATIVE:
        return relative_error(value)
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return number(value, SIGNIFICANT) if math.isfinite(value) else ""
    return str(value)
