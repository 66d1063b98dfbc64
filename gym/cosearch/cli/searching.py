"""`search` and `resume`: run a study, show how it goes, and say what it found and where that is kept."""

from __future__ import annotations

import contextlib
import shlex
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cosearch.arguments import parse_assignments
from cosearch.cli import options
from cosearch.cli.ending import ending
from cosearch.cli.interrupted import resume_command, warn_of_interrupted
from cosearch.cli.options import AGENT, HOW_LONG, KEPT, PROBLEM, WHERE, option
from cosearch.cli.output import INTERRUPTED, print_error, print_json, print_line
from cosearch.cli.summary import show_summary, summarise
from cosearch.errors import ArgumentError
from cosearch.progress_display import shown_progress
from cosearch.registry import registry

if TYPE_CHECKING:
    from cosearch.run.study import Study
    from cosearch.run.trial import Results
    from cosearch.store import Store, StudyData

USUAL_AGENTS = ("auto", "nsga2")
NOTHING_FEASIBLE = 1  # the exit code

Quiet = Annotated[bool, typer.Option("--quiet", help="Show no progress.")]
Budget = Annotated[
    int, option(min=1, help="Distinct designs to evaluate; a repeat costs nothing.", panel=HOW_LONG)
]
MoreBudget = Annotated[
    int | None, option(min=1, help="A larger budget than before.", panel=HOW_LONG, show_default=False)
]
TimeLimit = Annotated[
    float | None,
    option("--time-limit", min=0.001, metavar="SECONDS", help="Stop after this time.", panel=HOW_LONG),
]
TargetOption = Annotated[
    list[str],
    option(
        "--target",
        metavar="METRIC<=NUMBER",
        help='Stop once a feasible design is that good: "latency_ns<=50", "hypervolume>=3"; repeatable.',
        panel=HOW_LONG,
    ),
]
AgentName = Annotated[
    str | None,
    option(
        "--agent",
        metavar="NAME",
        help="As `cosearch agents` lists it; default auto, which picks by problem and budget.",
        panel=AGENT,
        show_default=False,
    ),
]
AgentSet = Annotated[
    list[str],
    option(
        "--agent-set",
        metavar="NAME=VALUE",
        help="A hyperparameter, e.g. population=64; repeatable.",
        panel=AGENT,
    ),
]
Strategy = Annotated[
    str,
    option(
        "--strategy",
        metavar="NAME",
        help="How groups of parameters are searched: joint (all at once), alternating (by turns), successive "
        "(network first, then hardware for the best) or hierarchical (a network search for each hardware). "
        "Other groups: --agent-set groups=A,B/C.",
        panel=AGENT,
    ),
]
StoreOption = Annotated[
    str | None,
    option(
        "--store",
        metavar="PATH",
        help="A SQLite file (made if need be) or database URL; default none, in memory.",
        panel=KEPT,
    ),
]
Name = Annotated[
    str | None, option(help="The study's; default PROBLEM-AGENT-SEED.", panel=KEPT, show_default=False)
]
Reuse = Annotated[
    bool,
    option(
        "--reuse",
        help="What other studies of the store evaluated of the same problem, fidelity and seed is free.",
        panel=KEPT,
    ),
]
Imports = Annotated[
    bool,
    option(
        "--imports/--no-imports",
        help="Start from what `cosearch import` took into the store for the problem, at no cost.",
        panel=KEPT,
    ),
]
Workers = Annotated[int, option(min=1, help="Trials that are kept going at once.", panel=WHERE)]
BackendName = Annotated[
    str | None,
    option(
        "--backend",
        metavar="NAME",
        help="Where trials run: inline, processes, ray or a plugin's; default as workers and limits need it.",
        panel=WHERE,
    ),
]
RayAddress = Annotated[
    str | None,
    option(
        "--ray-address",
        metavar="auto|ADDRESS",
        help="A Ray cluster to run on: auto for the one on this machine, or HOST:PORT; default with "
        "--backend ray: a Ray of its own. Each trial has one thread, or as many as its problem asks CPUs.",
        panel=WHERE,
    ),
]
Batch = Annotated[
    int | None,
    option("--batch", min=1, help="Designs asked for at once; default the agent's.", panel=WHERE),
]
Deterministic = Annotated[
    bool,
    option(
        "--deterministic",
        help="With several workers, tell results in the order of asking: same seed, same search.",
        panel=WHERE,
    ),
]
Seed = Annotated[int, option(min=0, help="Of everything random in the agent.", panel=AGENT)]
EvaluationSeed = Annotated[
    int,
    option(
        "--evaluation-seed",
        min=0,
        help="Of every evaluation, for problems that draw random numbers.",
        panel=PROBLEM,
    ),
]


def search(
    problem: options.ProblemName,
    budget: Budget,
    agent: AgentName = None,
    seed: Seed = 0,
    objective: options.Objectives = [],  # noqa: B006  typer copies it, here and below
    constraint: options.Constraints = [],  # noqa: B006
    set_: options.Set = [],  # noqa: B006
    surrogate: options.SurrogateFile = None,
    strict: options.Strict = False,
    hold: options.Hold = [],  # noqa: B006
    agent_set: AgentSet = [],  # noqa: B006
    strategy: Strategy = "joint",
    fidelity: options.Fidelity = None,
    evaluation_seed: EvaluationSeed = 0,
    time_limit: TimeLimit = None,
    target: TargetOption = [],  # noqa: B006
    workers: Workers = 1,
    backend: BackendName = None,
    ray_address: RayAddress = None,
    batch: Batch = None,
    deterministic: Deterministic = False,
    isolated: options.Isolated = False,
    timeout_s: options.Timeout = None,
    memory_mb: options.Memory = None,
    store: StoreOption = None,
    reuse: Reuse = False,
    imports: Imports = True,
    name: Name = None,
    json: options.Json = False,
    quiet: Quiet = False,
) -> None:
    """Search a problem's design space with an agent; record it as a study."""
    from cosearch.run.imported import start_from_imports
    from cosearch.run.options import RunOptions
    from cosearch.run.study import Study  # here, because SQLAlchemy would slow down every other command

    run_options = RunOptions(
        budget=budget,
        workers=workers,
        backend=backend,
        ray_address=ray_address,
        batch_size=batch,
        fidelity=fidelity,
        evaluation_seed=evaluation_seed,
        isolated=isolated,
        timeout_s=timeout_s,
        memory_mb=memory_mb,
        deterministic=deterministic,
        reuse=reuse,
        time_limit_s=time_limit,
        targets=tuple(target),
    )
    built = options.build_problem(problem, set_, objective, constraint, strict=strict, surrogate=surrogate)
    built = built.hold(options.held_values(built.space, hold))
    study = Study.create(
        built,
        _with_strategy(strategy, agent or _usual_agent()),
        run_options,
        seed=seed,
        agent_settings=parse_assignments(agent_set, "--agent-set"),
        store=store,
        name=name,
    )
    with study.store:
        if store:
            warn_of_interrupted(study.store, store, but=study.record.name)
            for line in start_from_imports(study) if imports else ():
                print_line(line, style="yellow", stderr=True)
        _run(study, store, json=json, quiet=quiet)


def resume(
    store: options.StorePath,
    study: options.StudyName = None,
    budget: MoreBudget = None,
    time_limit: TimeLimit = None,
    target: TargetOption = [],  # noqa: B006
    workers: Annotated[
        int | None,
        option(
            min=1,
            help="Trials that are kept going at once; this and all below: default as before.",
            panel=WHERE,
        ),
    ] = None,
    backend: BackendName = None,
    ray_address: RayAddress = None,
    timeout_s: options.Timeout = None,
    memory_mb: options.Memory = None,
    isolated: Annotated[
        bool | None,
        option("--isolated/--not-isolated", help="Each design in a worker process.", panel=WHERE),
    ] = None,
    deterministic: Annotated[
        bool | None,
        option(
            "--deterministic/--not-deterministic",
            help="Tell results in the order of asking, however many workers there are.",
            panel=WHERE,
        ),
    ] = None,
    json: options.Json = False,
    quiet: Quiet = False,
) -> None:
    """Go on with a study that was stopped, however it was stopped, or that gets a larger budget."""
    from cosearch.run.study import Study
    from cosearch.store import Store

    changes: dict[str, Any] = {
        "budget": budget,
        "time_limit_s": time_limit,
        "targets": tuple(target) or None,
        "workers": workers,
        "backend": backend,
        "ray_address": ray_address,
        "timeout_s": timeout_s,
        "memory_mb": memory_mb,
        "isolated": isolated,
        "deterministic": deterministic,
    }
    with Store.open(store) as opened:
        resumed = Study.resume(opened, study, **changes)
        warn_of_interrupted(opened, store, only=resumed.record.name)
        _run(resumed, store, json=json, quiet=quiet)


def _usual_agent() -> str:
    """The first of the usual agents that is installed.

    Raises:
        ArgumentError: if none is.
    """
    known = registry().agents
    usual = next((name for name in USUAL_AGENTS if name in known), None)
    if usual is None:
        raise ArgumentError("no usual agent is installed: choose one of `cosearch agents` with --agent NAME")
    return usual


def _with_strategy(strategy: str, agent: str) -> str:
    """The name of an agent that follows a strategy."""
    from cosearch.strategies import JOINT, check_strategy

    check_strategy(strategy)
    return agent if strategy == JOINT else f"{strategy}:{agent}"


def _run(study: Study, store: str | None, *, json: bool, quiet: bool) -> None:
    name = study.record.name
    try:
        with shown_progress(name, study.problem, hidden=json or quiet) as progress:
            data = study.run(progress, callbacks=[_end_if_asked])
    except (KeyboardInterrupt, OSError) as error:
        stop = ending().latest or error
        if isinstance(stop, OSError):  # else it is that the terminal, which has sent the signal, is gone
            raise
        with contextlib.suppress(OSError):
            _show(study, study.data, store, json=json)
        kept = f"go on with: {resume_command(store, name)}" if store else "nothing is kept without --store"
        done = f"{len(study.data.designs)} of {study.record.budget} evaluations"
        print_error(f"interrupted after {done}; {kept}")
        raise SystemExit(getattr(stop, "exit_code", INTERRUPTED)) from None
    found = _show(study, data, store, json=json)
    if not json:
        if store:
            print_line(
                f"study {name} is in {store}; see it with: {shlex.join(['cosearch', 'report', store])}"
            )
        else:
            print_line("nothing is kept: add --store studies.db to keep the study")
    if not found["pareto"]:
        raise typer.Exit(NOTHING_FEASIBLE)


def _show(study: Study, data: StudyData, store: str | None, *, json: bool) -> dict[str, Any]:
    found = summarise(data, _comparable(study.store, data))
    account = list(study.agent.account)
    if json:
        print_json({"store": store, **found, "account": account})
        return found
    if len(data.designs):
        show_summary(found)
    for line in account:
        print_line(line)
    return found


def _end_if_asked(study: Study, results: Results) -> None:
    """A simulator may have swallowed the exception of a signal."""
    if (asked := ending().latest) is not None:
        raise asked


def _comparable(store: Store, data: StudyData) -> list[StudyData]:
    """The other studies of the store that this one can be compared with."""
    from cosearch.report.comparison import group_key

    key = group_key(data.record)
    return [
        store.read(record)
        for record in store.studies()
        if record.name != data.record.name and group_key(record) == key
    ]
