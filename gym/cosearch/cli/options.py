"""The options that several commands share."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from cosearch.arguments import parse_assignments
from cosearch.cli.output import print_line
from cosearch.errors import ArgumentError, CosearchError, WorkloadError, WorkloadWarning
from cosearch.fidelity import check_fidelity as known_fidelity
from cosearch.problem import Problem
from cosearch.registry import make_problem
from cosearch.space import DesignSpace

PROBLEM, AGENT, HOW_LONG, WHERE, KEPT = (
    "The problem",
    "The agent",
    "How long",
    "Where it runs",
    "Where it is kept",
)


def option(*names: str, help: str, panel: str, **arguments: Any) -> Any:
    """An option that help shows with those of its panel."""
    return typer.Option(*names, help=help, rich_help_panel=panel, **arguments)


Json = Annotated[bool, typer.Option("--json", help="Print JSON for a machine.")]
ProblemName = Annotated[str, typer.Argument(metavar="PROBLEM", help="As `cosearch problems` lists it.")]
StorePath = Annotated[str, typer.Argument(metavar="STORE", help="A SQLite file, or the URL of a database.")]
StudyName = Annotated[
    str | None, typer.Argument(metavar="[STUDY]", help="As `cosearch studies` lists it.", show_default=False)
]
Force = Annotated[bool, typer.Option("--force", help="Replace FILE if it is there.")]
Set = Annotated[
    list[str],
    option(
        "--set",
        metavar="NAME=VALUE",
        help="An argument of the problem, e.g. workload=...; repeatable.",
        panel=PROBLEM,
    ),
]
SurrogateFile = Annotated[
    str | None,
    option(
        "--surrogate",
        metavar="FILE",
        help="A trained surrogate, which becomes the problem's fidelity `surrogate`.",
        panel=PROBLEM,
        show_default=False,
    ),
]
Strict = Annotated[
    bool,
    option(
        "--strict",
        help="Refuse a workload with parts that its reader does not know, instead of warning of them.",
        panel=PROBLEM,
    ),
]
Hold = Annotated[
    list[str],
    option(
        "--hold",
        metavar="NAME=VALUE",
        help="A parameter that is not searched but has this value, e.g. rows=16; repeatable.",
        panel=PROBLEM,
    ),
]
Objectives = Annotated[
    list[str],
    option(
        "--objective",
        metavar="METRIC:min|max",
        help="In place of the problem's, e.g. latency_ns:min or top1:max:target=0.8; repeatable.",
        panel=PROBLEM,
    ),
]
Constraints = Annotated[
    list[str],
    option(
        "--constraint",
        metavar="METRIC<=NUMBER",
        help='In place of the problem\'s, e.g. "area_mm2<=2"; repeatable.',
        panel=PROBLEM,
    ),
]
Fidelity = Annotated[
    str | None,
    option(
        "--fidelity",
        metavar="NAME",
        help="How exact, as `cosearch describe` lists it; default the problem's.",
        panel=PROBLEM,
        show_default=False,
    ),
]
Isolated = Annotated[
    bool,
    option(
        "--isolated",
        help="Run each design in a worker process, so that a simulator that crashes costs one design.",
        panel=WHERE,
    ),
]
Timeout = Annotated[
    float | None,
    option(
        "--timeout-s",
        "--timeout",
        min=0.001,
        help="Time limit for each design, which then fails; its processes are killed. Implies --isolated.",
        panel=WHERE,
    ),
]
Memory = Annotated[
    int | None,
    option(
        "--memory-mb",
        "--memory",
        min=1,
        help="Memory limit for each design with all that it starts; it then fails. Implies --isolated.",
        panel=WHERE,
    ),
]


def build_problem(
    name: str,
    assignments: list[str],
    objectives: list[str] | None = None,
    constraints: list[str] | None = None,
    *,
    strict: bool = False,
    surrogate: str | None = None,
) -> Problem:
    """The problem with the arguments of the command line; what its workload's reader warns of is printed.

    Raises:
        CosearchError: one line, also where the problem's own code or a file that it reads raises, or the
            reader warns and the user is `strict`.
    """
    arguments: dict[str, Any] = parse_assignments(assignments, "--set")
    for reserved in ("objectives", "constraints"):
        if reserved in arguments:
            raise ArgumentError(
                f"--set {reserved}=... is not an argument; use --{reserved.removesuffix('s')}"
            )
    if surrogate is not None:
        arguments["surrogate"] = surrogate
    try:
        with _warnings(strict):
            return make_problem(
                name, objectives=objectives or None, constraints=constraints or None, **arguments
            )
    except CosearchError:
        raise
    except (ValueError, OSError) as error:  # a simulator refuses its configuration, a workload cannot be read
        raise ArgumentError(f"problem {name}: {error}") from error


@contextlib.contextmanager
def _warnings(strict: bool) -> Iterator[None]:
    """Print what a workload's reader warns of as lines; a strict user has them as refusals."""
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("error" if strict else "always", WorkloadWarning)
        try:
            yield
        except WorkloadWarning as warning:
            raise WorkloadError(f"{warning} (refused by --strict)") from None
    for told in found:
        if issubclass(told.category, WorkloadWarning):
            print_line(f"warning: {told.message}", style="yellow", stderr=True)
        else:
            warnings.showwarning(told.message, told.category, told.filename, told.lineno)


def held_values(space: DesignSpace, assignments: list[str]) -> dict[str, Any]:
    """The parameters to hold, and at what; text that looks like a number may be the name of a value."""
    values = parse_assignments(assignments, "--hold")
    for text in assignments:
        name, _, value = text.partition("=")
        if name in space and space[name].position_of(values[name]) < 0 <= space[name].position_of(value):
            values[name] = value
    return values


def check_new(path: Path, *, force: bool) -> None:
    """Raise `ArgumentError` for what is no file, or is there and may not be replaced."""
    if str(path) == "-":
        raise ArgumentError("- is no file, and a command writes none to standard output: name a file")
    if path == Path():
        raise ArgumentError("expected the name of a file, not an empty one or the folder itself")
    if path.is_dir():
        raise ArgumentError(f"{path} is a folder; name a file in it")
    if path.exists() and not force:
        raise ArgumentError(f"{path} is already there; add --force to replace it")


def check_fidelity(problem: Problem, fidelity: str | None) -> None:
    """Raise `CosearchError` if the problem does not know this fidelity, or nothing here runs it."""
    if fidelity is not None:
        known_fidelity(fidelity, problem.fidelity_list, f"problem {problem.name}")
        problem.require(fidelity)
