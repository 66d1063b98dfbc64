"""A problem as one HTML page: what may vary, what is measured, how to search it, pictures of one design."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from cosearch.arguments import assignment
from cosearch.description import cardinality_text, describe_problem, values_text, when_text
from cosearch.drawing import drawn_pictures, draws_pictures
from cosearch.run.evaluator import Evaluator
from cosearch.outcomes import OK
from cosearch.problem import Problem
from cosearch.report.closeups import design_html, pictures_html
from cosearch.report.document import Drawings, document
from cosearch.report.markup import copy_button, facts, heading, prose, text
from cosearch.report.words import parameter_value, quantity


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
    say = progress or (lambda _: None)
    settings = ", ".join(f"{name}={parameter_value(value)}" for name, value in problem.arguments.items())
    title = f"{problem.name} v{problem.version}" + (f", {settings}" if settings else "")
    signs = {"<=": "≤", ">=": "≥"}
    sections = [
        facts(
            {
                "Objectives": ", ".join(f"{o.direction} {o.metric}" for o in problem.objectives),
                "Constraints": ", ".join(
                    f"{c.metric} {signs[c.operator]} {c.bound:g}" for c in problem.constraints
                )
                or "none",
                "Designs": cardinality_text(described["cardinality"]),
                "Parameters": str(len(problem.space)),
                "Fidelities": ", ".join(problem.fidelities),
            }
        ),
        _about(described["description"]),
        _design_section(problem, design, drawings, say),
        _space_section(described["space"]),
        _table(
            "Metrics",
            ["name", "unit", "what it is"],
            [[m["name"], m["unit"], m["description"]] for m in described["metrics"]],
        ),
        heading("Workloads", 2) + f"<p>{text(', '.join(described['workloads']))}</p>"
        if described["workloads"]
        else "",
        _table(
            "Arguments",
            ["name", "type", "default", "what it is"],
            [
                [
                    a["name"],
                    a["type"],
                    "(required)" if a["required"] else _default_text(a["default"]),
                    a["description"],
                ]
                for a in described["arguments"]
            ],
        ),
        _list("Groups of parameters", [f"{k}: {', '.join(v)}" for k, v in described["groups"].items()]),
        _commands(problem, described["env_ids"]),
    ]
    return document(
        "problem",
        problem.name,
        f'<h1 id="title">{text(title)}</h1><p class="lead">{prose(described["summary"])}</p>',
        f'<section aria-labelledby="title">{"".join(sections)}</section>',
        drawings,
    )


def _about(description: str) -> str:
    """The paragraphs of the docstring between its first line and its first section."""
    body = re.split(r"^[A-Z]\w+:$", description.partition("\n")[2], maxsplit=1, flags=re.MULTILINE)[0]
    paragraphs = [" ".join(part.split()) for part in body.split("\n\n") if part.strip()]
    return "".join(f'<p class="about">{prose(paragraph)}</p>' for paragraph in paragraphs)


def _design_section(
    problem: Problem, design: Mapping[str, Any] | None, drawings: Drawings, say: Callable[[str], None]
) -> str:
    title = "The default design" if design is None else "The design"
    batch = problem.space.designs([problem.space.default() if design is None else dict(design)])
    say(f"evaluating a design of {problem.name}")
    evaluator = Evaluator(problem)
    try:
        outcomes = evaluator.evaluate(batch)
    finally:
        evaluator.close()
    units = {metric.name: "" if metric.unit == "1" else metric.unit for metric in problem.metrics}
    metrics = {name: quantity(value, units[name]) for name, value in outcomes.row(0).items()}
    parts = [heading(title, 2)]
    if outcomes.status[0] != OK:
        metrics = {}
        parts.append(f'<p class="caution">{text(outcomes.status[0])}: {text(outcomes.reason[0])}</p>')
    parts.append(design_html(metrics, batch[0]))
    if draws_pictures(problem) and outcomes.status[0] == OK:
        say(f"drawing the pictures of a design of {problem.name}")
        parts.append(pictures_html(drawn_pictures(problem, batch[0]), 3, drawings))
    return "".join(parts)


def _space_section(space: Mapping[str, Any]) -> str:
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
    table = _table("Design space", [columns[i] for i in used], [[row[i] for i in used] for row in rows])
    rules = [
        rule["rule"]
        if rule["rule"] in rule["reason"] or not rule["reason"]
        else f"{rule['rule']}: {rule['reason']}"
        for rule in space["forbidden"]
    ]
    return table + _list("Forbidden", rules, level=3)


def _table(title: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    if not rows:
        return ""
    head = "".join(f'<th scope="col">{text(name)}</th>' for name in columns)
    body = "".join("<tr>" + "".join(f"<td>{prose(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return (
        f'{heading(title, 2)}<div class="table words" tabindex="0" role="region" aria-label="{text(title)}">'
        f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _default_text(value: Any) -> str:
    return "–" if value is None else parameter_value(value) or '""'


def _list(title: str, items: Sequence[str], level: int = 2) -> str:
    if not items:
        return ""
    kind = "title" if level == 2 else "subtitle"
    return (
        heading(title, level, kind=kind) + f"<ul>{''.join(f'<li>{text(item)}</li>' for item in items)}</ul>"
    )


def _commands(problem: Problem, env_ids: Sequence[str]) -> str:
    options = [word for k, v in problem.arguments.items() for word in ("--set", assignment(k, v))]
    search = ["cosearch", "search", problem.name, *options, "--agent", "nsga2", "--budget", "500"]
    design = json.dumps(problem.space.default())
    evaluate = ["cosearch", "evaluate", problem.name, *options, "--design", design]
    lines = [shlex.join([*search, "--store", "study.db"]), shlex.join(evaluate)]
    shown = "".join(
        f'<pre><code>{text(line)}</code></pre><p class="controls">{copy_button("Copy command", line)}</p>'
        for line in lines
    )
    environments = ", ".join(f"<code>{text(env_id)}</code>" for env_id in env_ids)
    return f"{heading('To use it', 2)}{shown}<p>Environments: {environments}</p>"
