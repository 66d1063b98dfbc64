"""`rescore`: a second judge for reported fronts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cosearch.arguments import parse_assignments
from cosearch.cli import options
from cosearch.cli.output import print_json, print_line, print_table
from cosearch.cli.stores import read_studies
from cosearch.errors import ArgumentError, CosearchError
from cosearch.problem import Problem
from cosearch.registry import make_problem

if TYPE_CHECKING:
    from cosearch.rescoring import Judge
    from cosearch.store import StudyData

ENGINES = ("engine", "accounting")
"""Settings by which problems name the simulator that costs their designs."""


def rescore(
    store: options.StorePath,
    studies: Annotated[
        list[str],
        typer.Argument(metavar="STUDY", help="As `cosearch studies` lists them; default all."),
    ] = [],  # noqa: B006  typer copies it
    fidelity: options.Fidelity = None,
    engine: Annotated[
        str | None,
        options.option(
            "--engine",
            metavar="NAME",
            help="Another simulator: the problem's setting `engine` (of llm-deployment, `accounting`).",
            panel=options.PROBLEM,
        ),
    ] = None,
    set_: options.Set = [],  # noqa: B006
    others: Annotated[
        int,
        options.option(
            "--others",
            min=0,
            help="Designs off the front that are judged with it, the best ones and an even choice.",
            panel=options.PROBLEM,
        ),
    ] = 10,
    workers: Annotated[
        int, options.option(min=1, help="Processes that evaluate designs.", panel=options.WHERE)
    ] = 1,
    isolated: options.Isolated = False,
    timeout_s: options.Timeout = None,
    memory_mb: options.Memory = None,
    json: options.Json = False,
) -> None:
    """Score the front of each study again by a second judge, keep what it says, and show how the front holds.

    The judge is another fidelity, another engine, or the problem with other settings. A front that only one
    engine believes in is flagged, here and in the report. Exit code 0 either way.
    """
    from dataclasses import asdict

    from cosearch.report.second_judge import HEADS, NUMERIC, held, judge_notes, judge_rows
    from cosearch.rescoring import rescore
    from cosearch.run.backend import BackendOptions
    from cosearch.store import Store
    from cosearch.store.rescore_table import save_rescore

    changed = parse_assignments(set_, "--set")
    if fidelity is None and engine is None and not changed:
        raise ArgumentError("name the second judge: --fidelity NAME, --engine NAME or --set NAME=VALUE")
    limits = BackendOptions(workers, isolated, timeout_s, memory_mb)
    found = []
    chosen = read_studies(store, *studies)
    for data in chosen:
        try:
            judge = _judge(data, changed, engine, fidelity)
            scored = rescore(data, judge, others=others, limits=limits)
        except CosearchError as error:
            if studies or len(chosen) == 1:
                raise
            print_line(f"left out: {data.record.name}: {error}", style="yellow", stderr=True)
            continue
        with Store.open(store) as opened:
            save_rescore(opened, data.record.id, scored)
        found.append(held(data, scored))
    if not found:
        raise ArgumentError("none of the studies can be judged by that")
    if json:
        print_json([asdict(one) for one in found])
        return
    print_table("Fronts under a second judge", list(HEADS), judge_rows(found), right=list(NUMERIC))
    for note in judge_notes(found):
        print_line(note)
    for one in found:
        if one.doubt:
            print_line(f"{one.study}: {one.doubt}", style="yellow")


def _judge(data: StudyData, changed: Mapping[str, Any], engine: str | None, fidelity: str | None) -> Judge:
    """The judge of a study, its problem built again.

    Raises:
        CosearchError: the problem is not what it was, or cannot be judged by that.
    """
    from cosearch.rescoring import judge_of
    from cosearch.run.recorded import problem_of

    record = data.record
    problem = problem_of(record)
    own = {**changed, **({} if engine is None else {_engine_setting(problem): engine})}
    judging = problem
    if own:
        goals = {"objectives": record.objectives, "constraints": record.constraints}
        judging = make_problem(problem.name, **goals, **{**problem.arguments, **own})
    return judge_of(record, problem, judging, own, fidelity)


def _engine_setting(problem: Problem) -> str:
    declared: Any = () if problem.Settings is None else problem.Settings.model_fields
    for name in ENGINES:
        if name in declared and hasattr(declared[name].annotation, "__args__"):
            return name
    raise ArgumentError(f"problem {problem.name} has one engine: use --fidelity or --set")
