"""`validate`: a simulator against reference measurements."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cosearch.cli import options
from cosearch.cli.output import print_json, print_line, print_table
from cosearch.errors import ArgumentError, CosearchError
from cosearch.registry import validation

BOUNDS_MISSED = 1


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
    if json:
        print_json(table.as_dict())
    else:
        rows = [
            [
                row.metric,
                row.cases,
                *(f"{100 * share:.3g} %" for share in (row.median, row.p95, row.maximum, row.bound)),
                f"{100 * row.share_within_bound:.4g} %",
                "yes" if row.passed else "NO",
            ]
            for row in table.rows
        ]
        columns = ["metric", "cases", "median error", "p95", "max", "bound", "within bound", "passed"]
        print_table(f"{simulator} against {cases}", columns, rows, right=columns[1:7])
        for name, value in table.speed.items():
            print_line(f"{name}: {value:.4g}" if isinstance(value, float) else f"{name}: {value}")
    if not table.passed:
        raise typer.Exit(BOUNDS_MISSED)
