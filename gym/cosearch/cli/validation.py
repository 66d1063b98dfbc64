"""`validate`: a simulator against reference measurements."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from cosearch.cli import options
from cosearch.cli.output import number, print_json, print_line, print_table
from cosearch.errors import ArgumentError, CosearchError
from cosearch.registry import validation

BOUNDS_MISSED = 1
RELATIVE = ("median", "p95", "maximum", "share_within_bound", "bound")
SHOWN_FAILURES = 10


def validate(
    simulator: Annotated[str, typer.Argument(metavar="SIMULATOR", help="As `cosearch plugins` lists it.")],
    cases: Annotated[Path, typer.Option("--cases", metavar="DIR", help="A folder of reference cases.")],
    json: options.Json = False,
) -> None:
    """Hold a simulator against reference measurements; the exit code is 1 where a bound is missed."""
    known = validation(simulator)
    if not cases.is_dir():
        raise ArgumentError(f"there is no folder of cases at {cases}")
    try:
        table = known.run(cases)
    except CosearchError:
        raise
    except (ValueError, OSError) as error:
        raise ArgumentError(f"cannot validate {simulator} with {cases}: {error}") from error
    found = table.as_dict()
    if json:
        print_json(found)
    else:
        _show(f"{simulator} against {cases}", found)
    if not table.passed:
        raise typer.Exit(BOUNDS_MISSED)


def _show(title: str, found: Mapping[str, Any]) -> None:
    """A row's fields are its columns: a simulator may add what its rows are grouped by."""
    columns = list(found["rows"][0]) if found["rows"] else []
    rows = [[_cell(name, row[name]) for name in columns] for row in found["rows"]]
    heads = [name.replace("_", " ") for name in columns]
    print_table(title, heads, rows, right=[name.replace("_", " ") for name in ("cases", *RELATIVE)])
    for name, value in found["speed"].items():
        numbers = value if isinstance(value, Mapping) else {"": value}
        print_line(f"{name}: " + ", ".join(f"{_cell(k, v)} {k}".strip() for k, v in numbers.items()))
    failures = found.get("failures", [])
    for failure in failures[:SHOWN_FAILURES]:
        print_line(f"out of bounds: {failure}", style="red")
    if len(failures) > SHOWN_FAILURES:
        print_line(f"and {len(failures) - SHOWN_FAILURES} more, all of them with --json")


def _cell(name: str, value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "NO"
    if name in RELATIVE:
        return f"{100 * value:.4g} %"
    return number(value) if isinstance(value, float) else str(value)
