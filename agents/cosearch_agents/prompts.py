"""What a language model is shown of a search, and how designs are read out of what it answers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import numpy as np

from cosearch import Designs, DesignSpace, Task
from cosearch.errors import CosearchError
from cosearch_agents.archive import Archive

# Designs that are read out of one answer, and values of a parameter that are listed.
MOST_READ = 64
MOST_LISTED = 40


def prompt_of(task: Task, archive: Archive, n: int, shown: int) -> str:
    """The question: the space, what is wanted, the best designs with all their metrics, and the form.

    Args:
        task: what is searched.
        archive: what was told.
        n: designs that are wanted.
        shown: designs of the history that are shown at most.
    """
    units = {metric.name: metric for metric in task.metrics}

    def named(metric: str) -> str:
        found = units.get(metric)
        return f"{metric} [{found.unit}] ({found.description})" if found else metric

    lines = [
        "You help to search the design space of a hardware/software co-design problem.",
        "",
        "Parameters:",
    ]
    lines += [f"- {_parameter(task.space, j)}" for j in range(len(task.space))]
    lines += [f"Forbidden: {rule.reason or rule}" for rule in task.space.forbidden]
    lines += ["", "Goals:"]
    lines += [
        f"- {'minimise' if o.direction == 'min' else 'maximise'} {named(o.metric)}" for o in task.objectives
    ]
    lines += [f"- required: {c.metric} {c.operator} {c.bound:g}" for c in task.constraints]
    lines += ["", f"{len(archive)} designs were evaluated. The best so far, each with its metrics:"]
    lines += list(_history(archive, shown))
    lines += [
        "",
        f"Propose {n} new designs that improve the trade-off between the goals. Think about what bounds the "
        "best designs. Give every parameter that is active, and no other. Answer with a JSON list of objects "
        "{parameter: value} and nothing else.",
    ]
    return "\n".join(lines)


def _parameter(space: DesignSpace, column: int) -> str:
    parameter = space.parameters[column]
    what = f"{parameter.name}: {parameter.expected()}"
    if column in space.held_positions:
        what = f"{parameter.name}: always {json.dumps(space.held[parameter.name])}"
    if parameter.when:
        when = " and ".join(
            f"{name} in {json.dumps(list(values))}" for name, values in parameter.when.items()
        )
        what += f", only with {when}"
    return f"{what}; {parameter.description}" if parameter.description else what


def _history(archive: Archive, shown: int) -> Iterator[str]:
    """The front, then the latest others; a design that failed says why."""
    if not len(archive):
        return
    elite = archive.elite()
    if len(elite) > shown:
        elite = elite[np.linspace(0, len(elite) - 1, shown).astype(int)]
    latest = [row for row in range(len(archive) - 1, -1, -1) if row not in set(elite.tolist())]
    outcomes = archive.outcomes
    for row in [*elite.tolist(), *latest[: max(shown - len(elite), 0)]]:
        metrics = {
            name: float(f"{value:.5g}") for name, value in outcomes.row(row).items() if np.isfinite(value)
        }
        mark = "front" if row in archive.front else "feasible" if archive.feasible[row] else "infeasible"
        line = f"- {json.dumps(archive.designs[row])} -> {mark}: {json.dumps(metrics)}"
        yield line if outcomes.ok[row] else f"{line} {outcomes.reason[row]}"


def read_designs(space: DesignSpace, answer: str) -> Designs:
    """The allowed designs in an answer, whatever stands around them; none where there is none."""
    found: list[Designs] = [space.designs([])]
    for candidate in _objects(answer):
        if len(found) > MOST_READ:
            break
        try:
            one = space.designs([_settled(space, candidate)])
        except (CosearchError, TypeError, ValueError):
            continue
        if one.allowed[0]:
            found.append(one)
    return Designs.concat(found)


def _settled(space: DesignSpace, candidate: dict[str, Any]) -> dict[str, Any]:
    """The candidate without inactive parameters, lists as the orders that they mean."""
    design: dict[str, Any] = {}
    for parameter in space:
        active = all(design.get(parent) in values for parent, values in parameter.when.items())
        if active:
            value = candidate.get(parameter.name, parameter.default)
            design[parameter.name] = tuple(value) if isinstance(value, list) else value
    if not any(name in candidate for name in space.names):
        raise ValueError("no parameter is named")
    return design


def _objects(text: str) -> Iterator[dict[str, Any]]:
    """All JSON objects in a text, those in lists too, from its beginning."""
    decoder, at = json.JSONDecoder(), 0
    while (at := text.find("{", at)) >= 0:
        try:
            value, end = decoder.raw_decode(text, at)
        except (ValueError, RecursionError):
            at += 1
            continue
        at = end
        if isinstance(value, dict):
            yield value
            for inner in value.values():
                if isinstance(inner, list):
                    yield from (one for one in inner if isinstance(one, dict))
