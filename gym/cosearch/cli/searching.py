"""`search` and `resume`: run a study, show how it goes, and say what it found and where that is kept."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Annotated

import typer

from cosearch.arguments import parse_assignments
from cosearch.cli import options
from cosearch.cli.output import INTERRUPTED, print_error, print_json, print_line
from cosearch.cli.progress import shown_progress
from cosearch.cli.summary import show_summary, summarise

if TYPE_CHECKING:
    from cosearch.store import Store, StudyData
    from cosearch.study import Study

Quiet = Annotated[bool, typer.Option("--quiet", help="Show no progress.")]
Budget = Annotated[int, typer.Option(min=1, help="Distinct designs to evaluate; a repeat costs nothing.")]
MoreBudget = Annotated[
    int | None, typer.Option(min=1, help="A larger budget than before.", show_default=False)
]
AgentName = Annotated[str, typer.Option("--agent", metavar="NAME", help="As `cosearch agents` lists it.")]
AgentSet = Annotated[
    list[str],
    typer.Option(
        "--agent-set", metavar="NAME=VALUE", help="A hyperparameter, e.g. population=64; repeatable."
    ),
]
StoreOption = Annotated[
    str | None,
    typer.Option(
        "--store",
        metavar="PATH",
        help="A SQLite file (made if need be) or database URL; default none, in memory.",
    ),
]
Name = Annotated[
    str | None, typer.Option(help="The study's; default PROBLEM-AGENT-SEED.", show_default=False)
]
Workers = Annotated[int, typer.Option(min=1, help="Processes that evaluate designs.")]
Batch = Annotated[
    int | None, typer.Option("--batch", min=1, help="Designs asked for at once; default the agent's.")
]
Timeout = Annotated[float | None, typer.Option("--timeout-s", min=0.001, help="Time limit a design.")]
Memory = Annotated[int | None, typer.Option("--memory-mb", min=1, help="Memory limit a design.")]
Seed = Annotated[int, typer.Option(min=0, help="Of everything random in the agent.")]


def search(
    problem: options.ProblemName,
    agent: AgentName,
    budget: Budget,
    seed: Seed = 0,
    objective: options.Objectives = [],  # noqa: B006  typer copies it, here and below
    constraint: options.Constraints = [],  # noqa: B006
    set_: options.Set = [],  # noqa: B006
    hold: options.Hold = [],  # noqa: B006
    agent_set: AgentSet = [],  # noqa: B006
    store: StoreOption = None,
    name: Name = None,
    workers: Workers = 1,
    batch: Batch = None,
    fidelity: options.Fidelity = None,
    timeout_s: Timeout = None,
    memory_mb: Memory = None,
    json: options.Json = False,
    quiet: Quiet = False,
) -> None:
    """Search a problem's design space with an agent; record it as a study."""
    from cosearch.study import Study  # here, because SQLAlchemy would slow down every other command

    built = options.build_problem(problem, set_, objective, constraint)
    built = built.hold(options.held_values(built.space, hold))
    options.check_fidelity(built, fidelity)
    study = Study.create(
        built,
        agent,
        budget=budget,
        seed=seed,
        agent_settings=parse_assignments(agent_set, "--agent-set"),
        store=store,
        name=name,
        workers=workers,
        batch_size=batch,
        fidelity=fidelity,
        timeout_s=timeout_s,
        memory_mb=memory_mb,
    )
    with study.store:
        _run(study, store, json=json, quiet=quiet)


def resume(
    store: options.StorePath,
    study: options.StudyName = None,
    budget: MoreBudget = None,
    json: options.Json = False,
    quiet: Quiet = False,
) -> None:
    """Go on with a study that was stopped, however it was stopped, or that gets a larger budget."""
    from cosearch.store import Store
    from cosearch.study import Study

    with Store.open(store) as opened:
        _run(Study.resume(opened, study, budget=budget), store, json=json, quiet=quiet)


def _run(study: Study, store: str | None, *, json: bool, quiet: bool) -> None:
    name = study.record.name
    interrupted = False
    try:
        with shown_progress(name, study.problem, hidden=json or quiet) as progress:
            data = study.run(progress)
    except KeyboardInterrupt:
        interrupted = True
        data = study.store.read(study.store.study(name))
    found = summarise(data, _comparable(study.store, data))
    if json:
        print_json({"store": store, **found})
    elif len(data.designs):
        show_summary(found)
    if interrupted:
        kept = (
            f"go on with: {_command('resume', store, name)}" if store else "nothing is kept without --store"
        )
        print_error(f"interrupted after {len(data.designs)} of {study.record.budget} evaluations; {kept}")
        raise SystemExit(INTERRUPTED)
    if not json:
        if store:
            print_line(f"study {name} is in {store}; see it with: {_command('report', store)}")
        else:
            print_line("nothing is kept: add --store studies.db to keep the study")


def _comparable(store: Store, data: StudyData) -> list[StudyData]:
    """The other studies of the store that this one can be compared with."""
    from cosearch.report.comparison import group_key

    key = group_key(data.record)
    return [
        store.read(record)
        for record in store.studies()
        if record.name != data.record.name and group_key(record) == key
    ]


def _command(command: str, store: str, *names: str) -> str:
    return shlex.join(["cosearch", command, store, *names])
