"""`compare`, `lottery` and `front`: agents on problems with many seeds, and what they are measured by."""

from __future__ import annotations

import shlex
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cosearch.arguments import parse_assignments
from cosearch.cli import options
from cosearch.cli.ending import ending
from cosearch.cli.options import AGENT, HOW_LONG, KEPT, WHERE, option
from cosearch.cli.output import INTERRUPTED, console, print_error, print_json, print_line
from cosearch.cli.progress import said_if_slow, shown_cases
from cosearch.errors import ArgumentError
from cosearch.quantities import count, duration

if TYPE_CHECKING:
    from cosearch.comparison.grid import Cell, Done, Subject
    from cosearch.report.agents import AgentsCompared
    from cosearch.report.lottery import Lottery

NOT_DONE = 1

Problems = Annotated[
    list[str],
    typer.Argument(
        metavar="PROBLEM...",
        help='As `cosearch problems` lists them, with arguments of its own: "NAME:ARGUMENT=VALUE;...".',
    ),
]
Seeds = Annotated[int, option(min=1, help="Of each agent on each problem: 0, 1, 2, ...", panel=AGENT)]
Budget = Annotated[int, option(min=1, help="Evaluations of each study.", panel=HOW_LONG)]
StoreOption = Annotated[
    str,
    option(
        "--store",
        metavar="PATH",
        help="Where the studies are kept; the same command goes on there.",
        panel=KEPT,
    ),
]
Workers = Annotated[int, option(min=1, help="Studies that run at once.", panel=WHERE)]
Quiet = Annotated[bool, typer.Option("--quiet", help="Show no progress.")]


def compare(
    problems: Problems,
    agents: Annotated[
        str, option("--agents", metavar="A,B,...", help="As `cosearch agents` lists them.", panel=AGENT)
    ],
    budget: Budget,
    store: StoreOption,
    seeds: Seeds = 10,
    objective: options.Objectives = [],  # noqa: B006  typer copies it, here and below
    constraint: options.Constraints = [],  # noqa: B006
    set_: options.Set = [],  # noqa: B006
    workers: Workers = 1,
    isolated: options.Isolated = False,
    timeout_s: options.Timeout = None,
    memory_mb: options.Memory = None,
    json: options.Json = False,
    quiet: Quiet = False,
) -> None:
    """Run agents on problems with many seeds, and say with statistics which is better.

    The grid can be stopped at any time; the same command goes on with it, and a larger budget or more seeds
    extend it. `cosearch report STORE --html FILE` draws it.
    """
    from cosearch.comparison.grid import cells_of

    subjects = _subjects(problems, set_, objective, constraint)
    names = [name.strip() for name in agents.split(",") if name.strip()]
    if not names:
        raise ArgumentError(f"--agents {agents!r} names no agent; expected A,B,...")
    cells = cells_of(subjects, names, range(seeds), budget)
    _warn_of_unknown_fronts(subjects)
    _run(_limited(cells, isolated, timeout_s, memory_mb), store, workers, json=json, quiet=quiet)


def lottery(
    problems: Problems,
    agents: Annotated[
        list[str],
        option("--agent", metavar="NAME", help="As `cosearch agents` lists it; repeatable.", panel=AGENT),
    ],
    budget: Budget,
    store: StoreOption,
    configs: Annotated[
        int, option(min=3, help="Choices of hyperparameters, the defaults among them.", panel=AGENT)
    ] = 20,
    seeds: Seeds = 5,
    objective: options.Objectives = [],  # noqa: B006
    constraint: options.Constraints = [],  # noqa: B006
    set_: options.Set = [],  # noqa: B006
    seed: Annotated[int, option(min=0, help="Of the drawing of hyperparameters.", panel=AGENT)] = 0,
    workers: Workers = 1,
    isolated: options.Isolated = False,
    timeout_s: options.Timeout = None,
    memory_mb: options.Memory = None,
    json: options.Json = False,
    quiet: Quiet = False,
) -> None:
    """Run an agent with random hyperparameters: how much they matter, beside how much the seed does."""
    from cosearch.comparison.grid import lottery_cells

    subjects = _subjects(problems, set_, objective, constraint)
    cells = [
        cell
        for agent in dict.fromkeys(agents)
        for cell in lottery_cells(subjects, agent, configs, range(seeds), budget, seed)
    ]
    _warn_of_unknown_fronts(subjects)
    _run(_limited(cells, isolated, timeout_s, memory_mb), store, workers, json=json, quiet=quiet)


def front(
    problem: options.ProblemName,
    set_: options.Set = [],  # noqa: B006
    objective: options.Objectives = [],  # noqa: B006
    constraint: options.Constraints = [],  # noqa: B006
    list_up_to: Annotated[
        int,
        option(
            "--list-up-to", min=0, help="Evaluate every design of a space that is no larger.", panel=HOW_LONG
        ),
    ] = 50_000,
    budget: Annotated[int, option(min=1, help="Of each search of a larger space.", panel=HOW_LONG)] = 20_000,
    agents: Annotated[
        str, option("--agents", metavar="A,B,...", help="That search it.", panel=AGENT)
    ] = "nsga2,random",
    seeds: Annotated[int, option(min=1, help="Of each of them.", panel=AGENT)] = 2,
    output: Annotated[
        Path | None,
        option(
            "--output",
            "-o",
            metavar="FILE",
            help="Default `known_fronts/PROBLEM.json` beside the plugin's modules.",
            panel=KEPT,
            show_default=False,
        ),
    ] = None,
    json: options.Json = False,
) -> None:
    """Find the best front of a problem, and keep it with the plugin, for hypervolumes to be normalised by.

    With it `search --json` prints `normalised_hypervolume`, and `compare` and `report` measure agents by it.
    """
    from cosearch.comparison.finding import find_front, keep_front, kept_entry
    from cosearch.comparison.fronts import new_front_file

    built = options.build_problem(problem, set_, objective, constraint)
    if output is not None and (output.is_dir() or not output.parent.is_dir()):
        raise ArgumentError(f"cannot write {output}: it is a folder, or is in none that there is")
    path = output or new_front_file(type(built))
    names = [name.strip() for name in agents.split(",") if name.strip()]
    words = ["cosearch", "front", problem, *(w for s in set_ for w in ("--set", s))]
    with said_if_slow() as say:
        entry = find_front(
            built,
            list_up_to=list_up_to,
            budget=budget,
            agents=names,
            seeds=seeds,
            known=kept_entry(built, path),
            made_by=shlex.join(words),
            say=say,
        )
    keep_front(entry, path)
    if json:
        print_json({"output": str(path), **entry})
    else:
        kind = "exact front" if entry["exact"] else "best known front"
        print_line(f"wrote the {kind} of {count(entry['front_size'], 'point')} to {path}")


def _subjects(problems: Sequence[str], set_: Sequence[str], objective: Any, constraint: Any) -> list[Subject]:
    from cosearch.comparison.grid import Subject

    shared = parse_assignments(set_, "--set")
    constraints = tuple(constraint) or None
    return [
        Subject.parse(text, arguments=shared, objectives=tuple(objective), constraints=constraints)
        for text in problems
    ]


def _warn_of_unknown_fronts(subjects: Sequence[Subject]) -> None:
    from cosearch.comparison.fronts import known_front

    for subject in subjects:
        if known_front(subject.build()) is None:
            print_line(
                f"no front of {subject} is known, so its studies count in no statistics unless one of the "
                "store evaluates the whole space; `cosearch front` finds one",
                style="yellow",
                stderr=True,
            )


def _limited(
    cells: Sequence[Cell], isolated: bool, timeout_s: float | None, memory_mb: int | None
) -> list[Cell]:
    """The cells with what the user says of where designs run; what is not said stays as a study has it."""
    said = {"isolated": isolated or None, "timeout_s": timeout_s, "memory_mb": memory_mb}
    where = {name: value for name, value in said.items() if value is not None}
    return [replace(cell, where=where) for cell in cells]


def _run(cells: Sequence[Cell], store: str, workers: int, *, json: bool, quiet: bool) -> None:
    from cosearch.cli.stores import read_studies
    from cosearch.comparison.grid import COMPLETE, FAILED, run_grid
    from cosearch.report.agents import agents_compared
    from cosearch.report.lottery import lotteries
    from cosearch.report.terminal import agents_report

    began, finished = time.monotonic(), 0
    with shown_cases("studies", hidden=json or quiet) as show:

        def note(one: Done) -> None:
            nonlocal finished
            finished += 1
            show(finished, len(cells))

        try:
            done = run_grid(cells, store, workers=workers, done=note)
        except KeyboardInterrupt:
            print_error(
                f"interrupted after {finished} of {count(len(cells), 'study', 'studies')}; all that was "
                "evaluated is kept, and the same command goes on"
            )
            raise SystemExit(getattr(ending().latest, "exit_code", INTERRUPTED)) from None
    failed = [one for one in done if one.how == FAILED]
    known = sum(one.how == COMPLETE for one in done)
    for one in failed[:5]:
        print_error(f"study {one.cell.name}: {one.reason}")
    if len(failed) > 5:
        print_error(f"and {len(failed) - 5} more studies failed")
    studies = read_studies(store)
    compared, found = agents_compared(studies), lotteries(studies)
    if json:
        counts = {"studies": len(cells), "complete_before": known, "failed": len(failed)}
        print_json({"store": store, **counts, **_json(compared, found)})
    else:
        agents_report(compared, found, console())
        ran = f"{count(len(cells) - known - len(failed), 'study', 'studies')} run in"
        see = shlex.join(["cosearch", "report", store, "--html", "report.html"])
        print_line(
            f"{ran} {duration(time.monotonic() - began)}, {known} complete before, {len(failed)} failed; "
            f"they are in {store}; see them with: {see}"
        )
    if failed:
        raise typer.Exit(NOT_DONE)


def _json(compared: AgentsCompared | None, found: Sequence[Lottery]) -> dict[str, Any]:
    """The statistics as JSON values; each estimate is (value, low, high)."""
    result: dict[str, Any] = {
        "agents": None,
        "lotteries": [
            {
                "problem": one.problem,
                "agent": one.agent,
                "settings": list(one.settings),
                "mean_scores": one.means(int(one.at[-1])),
                "standard_deviation_over_settings": one.spread_over_settings(int(one.at[-1])),
                "standard_deviation_over_seeds": one.spread_over_seeds(int(one.at[-1])),
            }
            for one in found
        ],
    }
    if compared is not None:
        result["agents"] = {
            "evaluations": compared.at,
            "problems": [
                {
                    "problem": problem.title,
                    "exact": problem.front.exact,
                    "front": problem.front.obtained,
                    "mean": {agent: list(e) for agent, e in estimates.items()},
                }
                for problem, estimates in compared.by_problem
            ],
            "interquartile_mean": {a: list(e) for a, e in compared.curves.items()},
            "mean": {a: list(e) for a, e in compared.means.items()},
            "probability_of_improvement": [
                {"agent": a, "over": b, "estimate": list(e)} for (a, b), e in compared.improvements.items()
            ],
            "seconds_for_each_suggestion": {a: s for a, (s, _) in compared.seconds.items()},
            "left_out": list(compared.left_out),
        }
    return result
