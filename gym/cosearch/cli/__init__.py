"""The command line, `cosearch`: one function a command, one module a group of commands.

`main` is the one place where an exception becomes a line and an exit code: 2 for what a user can cause, 130
for Ctrl-C (143 and 129 for SIGTERM and SIGHUP), 1 for a bug. `COSEARCH_DEBUG=1` lets the traceback through.
"""

from __future__ import annotations

import contextlib
import os
import sys
import warnings
from collections.abc import Iterator, Sequence
from typing import Annotated, Any

import typer
from typer.main import get_command

import cosearch
from cosearch.cli import (
    comparing,
    evaluation,
    exporting,
    importing,
    listing,
    plugins,
    rescoring,
    searching,
    stores,
    surrogates,
    validation,
    watching,
)
from cosearch.cli.command import Command
from cosearch.cli.ending import ended_by_signals
from cosearch.cli.output import INTERRUPTED, print_error, print_line
from cosearch.errors import CosearchError, OutsideWarning
from cosearch.own_stdout import flush, own_stdout

app = typer.Typer(
    help="Search hardware/software designs. Problems and agents are plugins; every run is a study.",
    epilog="Exit codes: 0 done; 1 no feasible design, a missed bound or contract, or a bug; "
    "2 a mistake to correct; 130 Ctrl-C, 143 SIGTERM, 129 SIGHUP: what was evaluated is kept, and `resume` "
    "goes on.",
    add_completion=False,
    rich_markup_mode="rich",
)
app.command(cls=Command)(listing.problems)
app.command(cls=Command)(listing.agents)
app.command("plugins", cls=Command)(listing.plugins)
app.command(cls=Command)(listing.describe)
app.command(cls=Command)(evaluation.evaluate)
app.command(cls=Command)(searching.search)
app.command(cls=Command)(searching.resume)
app.command(cls=Command)(comparing.compare)
app.command(cls=Command)(comparing.lottery)
app.command(cls=Command)(comparing.front)
app.command(cls=Command)(stores.studies)
app.command(cls=Command)(exporting.export)
app.command("import", cls=Command)(importing.import_)
app.command(cls=Command)(stores.report)
app.command(cls=Command)(watching.dashboard)
app.add_typer(surrogates.app, name="surrogate", no_args_is_help=True)
app.command(cls=Command)(rescoring.rescore)
app.command(cls=Command)(validation.validate)
app.command(cls=Command)(plugins.check)
app.command(cls=Command)(plugins.new_plugin)


@app.callback(invoke_without_command=True)
def start(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    """Print the version or, without a command, the help."""
    if version:
        print(f"cosearch {cosearch.__version__}")
    elif context.invoked_subcommand is None:
        print(context.get_help())


def main(arguments: Sequence[str] | None = None) -> None:
    """The console script: run a command and exit with its code."""
    with own_stdout():
        code = run(sys.argv[1:] if arguments is None else arguments)
    sys.exit(code)


def run(arguments: Sequence[str]) -> int:
    """Run one command; its exit code."""
    with ended_by_signals() as ending, _lines_of_warnings():
        try:
            code = get_command(app).main(args=list(arguments), prog_name="cosearch", standalone_mode=False)
            flush(sys.stdout)
        except KeyboardInterrupt:  # while a command that was interrupted tidied up
            code = INTERRUPTED
        except Exception as error:
            if os.environ.get("COSEARCH_DEBUG"):
                raise
            return _report(error)
    if code == INTERRUPTED:  # typer's own way of saying that Ctrl-C was pressed
        print_error("interrupted")
        return INTERRUPTED if ending.latest is None else ending.latest.exit_code
    return code if isinstance(code, int) else 0


@contextlib.contextmanager
def _lines_of_warnings() -> Iterator[None]:
    """What a surrogate warns of is a line like any other."""
    shown = warnings.showwarning

    def show(message: Warning | str, category: type[Warning], *others: Any, **more: Any) -> None:
        if issubclass(category, OutsideWarning):
            print_line(f"warning: {message}", style="yellow", stderr=True)
        else:
            shown(message, category, *others, **more)

    warnings.showwarning = show
    try:
        yield
    finally:
        warnings.showwarning = shown


def _report(error: Exception) -> int:
    if isinstance(error, CosearchError):
        print_error(str(error))
        return 2
    if hasattr(error, "format_message"):  # a usage error of typer
        print_error(_usage_message(error))
        return 2
    if isinstance(error, OSError) and error.strerror:  # a full disk, a file that cannot be written
        print_error(f"{error.filename}: {error.strerror}" if error.filename else error.strerror)
        return 2
    print_error(f"{type(error).__name__}: {error} (a bug; run with COSEARCH_DEBUG=1 for the traceback)")
    return 1


def _usage_message(error: Any) -> str:
    # typer says what it expected but not what it got; pydantic, which it asked, knows
    rejected = error.__cause__.errors() if hasattr(error.__cause__, "errors") else []
    return error.format_message() + (f", not {rejected[0]['input']!r}" if rejected else "")
