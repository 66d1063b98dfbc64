"""`evaluate`: the metrics of designs that the user names."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from cosearch.cli import options
from cosearch.cli.design_files import designs_from_file, designs_from_json
from cosearch.cli.output import print_json, print_line, print_table, value_text
from cosearch.errors import ArgumentError
from cosearch.objectives import feasible
from cosearch.outcomes import OK
from cosearch.problem import Problem
from cosearch.quantities import Scale
from cosearch.run.backend import BackendOptions
from cosearch.run.evaluator import Evaluator

DIGITS = 6  # significant ones, of a single design's metrics


def evaluate(
    problem: options.ProblemName,
    design: Annotated[
        str | None,
        typer.Option(
            "--design",
            metavar="JSON",
            help="A design {parameter: value}, or a list of them; what is left out has its default.",
        ),
    ] = None,
    designs: Annotated[
        Path | None,
        typer.Option("--designs", metavar="FILE", help="Designs in .json, .jsonl, .csv or .parquet."),
    ] = None,
    default: Annotated[bool, typer.Option("--default", help="The space's default design.")] = False,
    set_: options.Set = [],  # noqa: B006  typer copies it, here and below
    surrogate: options.SurrogateFile = None,
    strict: options.Strict = False,
    constraint: options.Constraints = [],  # noqa: B006
    fidelity: options.Fidelity = None,
    seed: Annotated[
        int, options.option(min=0, help="For simulators that draw random numbers.", panel=options.PROBLEM)
    ] = 0,
    workers: Annotated[
        int, options.option(min=1, help="Processes that evaluate designs.", panel=options.WHERE)
    ] = 1,
    isolated: options.Isolated = False,
    timeout_s: options.Timeout = None,
    memory_mb: options.Memory = None,
    json: options.Json = False,
) -> None:
    """Evaluate designs: every metric with its unit, the status, and the reason where it is not ok.

    The exit code is 0 when all designs were evaluated, also where the simulator rejected one or failed.
    """
    asked = (design is not None) + (designs is not None) + default
    if asked > 1:
        raise ArgumentError("expected one of --design JSON, --designs FILE and --default")
    built = options.build_problem(problem, set_, constraints=constraint, strict=strict, surrogate=surrogate)
    options.check_fidelity(built, fidelity)
    if seed and not built.seeded:
        raise ArgumentError(f"problem {problem} draws no random numbers: leave out --seed")
    left_out: Sequence[dict[str, Any]] = ()
    if design is not None:
        batch, left_out = designs_from_json(built.space, design)
        _tell_left_out(left_out)
    elif designs is not None:
        batch = designs_from_file(built.space, designs, built.metrics)
    else:
        if not asked:
            print_line("no --design was given: this is the default design", style="yellow", stderr=True)
        batch = built.space.designs([built.space.default()])
    limits = BackendOptions(workers, isolated, timeout_s, memory_mb)
    with Evaluator(built, fidelity=fidelity, seed=seed, options=limits) as evaluator:
        outcomes = evaluator.evaluate(batch)
    meets = feasible(built.constraints, outcomes)
    rows = [
        {
            "design": batch[i],
            "metrics": outcomes.row(i),
            "status": str(outcomes.status[i]),
            "reason": str(outcomes.reason[i]),
            "feasible": bool(meets[i]),
            **({"left_out": left_out[i]} if any(left_out) else {}),
        }
        for i in range(len(batch))
    ]
    if json:
        units = {metric.name: metric.unit for metric in built.metrics}
        print_json(
            {"problem": problem, "fidelity": fidelity or built.default_fidelity, "units": units, "rows": rows}
        )
    elif len(rows) == 1:
        _show_one(built, rows[0])
    else:
        _show_many(built, rows)


def _tell_left_out(left_out: Sequence[dict[str, Any]]) -> None:
    """A line on stderr for each design that left something out."""
    for number, defaults in enumerate(left_out):
        if defaults:
            of = f"design {number}: " if len(left_out) > 1 else ""
            values = ", ".join(f"{name}={value_text(value)}" for name, value in defaults.items())
            print_line(f"{of}left out, so at the default: {values}", style="yellow", stderr=True)


def _show_one(problem: Problem, row: dict[str, Any]) -> None:
    violated = row["status"] == OK and not row["feasible"]
    print_line("status: " + row["status"] + (", violates a constraint" if violated else ""))
    if row["reason"]:
        print_line(f"reason: {row['reason']}")
    scales = [Scale.of(m.unit, [row["metrics"][m.name]]) for m in problem.metrics]
    metrics = [
        [scale.name(m.name), scale.text(row["metrics"][m.name], DIGITS), scale.unit or m.unit, m.description]
        for m, scale in zip(problem.metrics, scales, strict=True)
    ]
    print_table("Metrics", ["name", "value", "unit", "description"], metrics, right=["value"])


def _show_many(problem: Problem, rows: Sequence[dict[str, Any]]) -> None:
    scales = {m.name: Scale.of(m.unit, [row["metrics"][m.name] for row in rows]) for m in problem.metrics}
    heads = [scale.heading(name) for name, scale in scales.items()]
    cells = [
        [
            i,
            *(scale.text(row["metrics"][name]) for name, scale in scales.items()),
            row["status"],
            "yes" if row["feasible"] else "no",
            row["reason"],
        ]
        for i, row in enumerate(rows)
    ]
    print_table(
        "Metrics", ["design", *heads, "status", "feasible", "reason"], cells, right=["design", *heads]
    )
