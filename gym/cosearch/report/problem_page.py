"""A problem as one HTML page: what may vary, what is measured, how to search it, pictures of one design."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from cosearch.arguments import assignment
from cosearch.description import (
    argument_type_text,
    cardinality_text,
    describe_problem,
    values_text,
    when_text,
)
from cosearch.drawing import Drawn, drawn_pictures, draws_pictures
from cosearch.outcomes import OK
from cosearch.problem import Problem
from cosearch.quantities import Scale, quantity
from cosearch.report.design_pictures import chosen_values, shown_pictures
from cosearch.report.document import Drawings, document
from cosearch.report.words import goal_facts, parameter_value
from cosearch.run.evaluator import Evaluator


def write_problem_page(
    problem: Problem,
    path: str | Path,
    design: Mapping[str, Any] | None = None,
    *,
    progress: Callable[[str], None] | None = None,
) -> None:
    """Write the page.

    Args:
        problem: the problem, built.
        path: the file to write.
        design: which is evaluated and drawn; default the space's default.
        progress: called with what is being done, in words.

    Raises:
        DesignError: for a design outside the space.
        OSError: if the file cannot be written.
    """
    page = problem_page(problem, design, progress=progress)
    Path(path).write_bytes(page.encode("utf-8", "backslashreplace"))


def problem_page(
    problem: Problem,
    design: Mapping[str, Any] | None = None,
    *,
    progress: Callable[[str], None] | None = None,
) -> str:
    """The page as HTML; see `write_problem_page`."""
    described = describe_problem(problem)
    drawings = Drawings()
    settings = ", ".join(f"{name}={parameter_value(value)}" for name, value in problem.arguments.items())
    chosen = _design_section(problem, design, drawings, progress or (lambda _: None))
    return document(
        "problem.html.j2",
        problem.name,
        drawings,
        main_title=f"{problem.name} v{problem.version}" + (f", {settings}" if settings else ""),
        lead=described["summary"],
        facts=[
            *goal_facts(problem.objectives, problem.constraints),
            ("Designs", cardinality_text(described["cardinality"])),
            ("Parameters", str(len(problem.space))),
            ("Fidelities", ", ".join(described["fidelities"])),
        ],
        about=_about(described["description"]),
        design=chosen,
        space=_space_table(described["space"]),
        forbidden=[_rule_text(rule) for rule in described["space"]["forbidden"]],
        metrics=[[m["name"], m["unit"], m["description"]] for m in described["metrics"]],
        workloads=", ".join(described["workloads"]),
        arguments=[
            [
                a["name"],
                argument_type_text(a),
                "(required)" if a["required"] else _default_text(a["default"]),
                a["description"],
            ]
            for a in described["arguments"]
        ],
        groups=[f"{name}: {', '.join(members)}" for name, members in described["groups"].items()],
        commands=_commands(problem),
        environments=described["env_ids"],
    )


def _about(description: str) -> list[str]:
    """The paragraphs of the docstring between its first line and its first section."""
    body = re.split(r"^[A-Z]\w+:$", description.partition("\n")[2], maxsplit=1, flags=re.MULTILINE)[0]
    return [" ".join(part.split()) for part in body.split("\n\n") if part.strip()]


def _design_section(
    problem: Problem, design: Mapping[str, Any] | None, drawings: Drawings, say: Callable[[str], None]
) -> dict[str, Any]:
    batch = problem.space.designs([problem.space.default() if design is None else dict(design)])
    say(f"evaluating a design of {problem.name}")
    evaluator = Evaluator(problem)
    try:
        outcomes = evaluator.evaluate(batch)
    finally:
        evaluator.close()
    ok = outcomes.status[0] == OK
    measured = {}
    for name, value in outcomes.row(0).items() if ok else ():
        unit = problem.unit(name)
        measured[Scale.of(unit, [value]).name(name)] = quantity(value, unit)
    drawn = Drawn()
    if ok and draws_pictures(problem):
        say(f"drawing the pictures of a design of {problem.name}")
        drawn = drawn_pictures(problem, batch[0])
    return {
        "title": "The default design" if design is None else "The design",
        "trouble": "" if ok else f"{outcomes.status[0]}: {outcomes.reason[0]}",
        "measured": measured,
        "chosen": chosen_values(batch[0]),
        "drawn": shown_pictures(drawn, drawings),
    }


def _space_table(space: Mapping[str, Any]) -> dict[str, Any]:
    rows = [
        [
            p["name"],
            p["kind"],
            values_text(p, parameter_value),
            parameter_value(p["default"]),
            when_text(p, parameter_value),
            p.get("description", ""),
        ]
        for p in space["parameters"]
    ]
    columns = ["name", "kind", "values", "default", "active when", "what it is"]
    used = [i for i in range(len(columns)) if i < 4 or any(row[i] for row in rows)]
    return {"columns": [columns[i] for i in used], "rows": [[row[i] for i in used] for row in rows]}


def _rule_text(rule: Mapping[str, str]) -> str:
    if rule["rule"] in rule["reason"] or not rule["reason"]:
        return rule["rule"]
    return f"{rule['rule']}: {rule['reason']}"


def _default_text(value: Any) -> str:
    return "–" if value is None else parameter_value(value) or '""'


def _commands(problem: Problem) -> list[str]:
    options = [word for k, v in problem.arguments.items() for word in ("--set", assignment(k, v))]
    search = ["cosearch", "search", problem.name, *options, "--agent", "nsga2", "--budget", "500"]
    design = json.dumps(problem.space.default())
    evaluate = ["cosearch", "evaluate", problem.name, *options, "--design", design]
    return [shlex.join([*search, "--store", "study.db"]), shlex.join(evaluate)]
