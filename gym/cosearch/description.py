"""What a problem or an agent is, as JSON values, and how a reader is told of its parameters.

`cosearch describe` prints it, `report/problem_page.py` makes a page of it.
"""

from __future__ import annotations

import decimal
import inspect
import math
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

from cosearch.agent import Agent
from cosearch.errors import SpaceError
from cosearch.fidelity import as_fidelities
from cosearch.needs import unavailable
from cosearch.problem import Problem
from cosearch.settings import described
from cosearch.space import DesignSpace

SHOWN_VALUES = 10


def problem_summary(cls: type[Problem]) -> dict[str, Any]:
    """What the class alone tells, without building the problem."""
    fidelities = [fidelity.name for fidelity in as_fidelities(cls.fidelities)]
    return {
        "name": cls.name,
        "version": cls.version,
        "summary": cls.summary(),
        "fidelities": fidelities,
        "unavailable": unavailable(cls.needs, fidelities),
        "workloads": list(cls.workloads),
        "env_ids": [cls.env_id(), cls.env_id(multi_objective=True)],
    }


def agent_summary(cls: type[Agent]) -> dict[str, Any]:
    """The agent's name, one line and the names of its hyperparameters."""
    space = cls.hyperparameters
    return {"name": cls.name, "summary": cls.summary(), "hyperparameters": list(space.names) if space else []}


def describe_problem(problem: Problem) -> dict[str, Any]:
    """Everything that a search on this problem can set or will measure, as JSON values."""
    return {
        "kind": "problem",
        **problem_summary(type(problem)),
        "description": inspect.getdoc(type(problem)) or "",
        "about": problem.about,
        "fidelities": list(problem.fidelity_names),
        "unavailable": {name: why for name in problem.fidelity_names if (why := problem.missing(name))},
        "arguments": [asdict(argument) for argument in described(problem.Settings)],
        "metrics": [vars(metric) for metric in problem.metrics],
        "objectives": [str(objective) for objective in problem.objectives],
        "constraints": [str(constraint) for constraint in problem.constraints],
        "groups": {name: list(members) for name, members in problem.space.groups.items()},
        "isolated": problem.isolated,
        "cardinality": _cardinality(problem.space),
        "space": _space_json(problem.space),
    }


def describe_unbuilt(cls: type[Problem]) -> dict[str, Any]:
    """What the class alone tells of a problem that needs arguments before it can be built."""
    return {
        "kind": "problem",
        **problem_summary(cls),
        "description": inspect.getdoc(cls) or "",
        "arguments": [asdict(argument) for argument in described(cls.Settings)],
    }


def describe_agent(cls: type[Agent]) -> dict[str, Any]:
    """What an agent is and what `--agent-set` takes, as JSON values."""
    return {
        "kind": "agent",
        **agent_summary(cls),
        "description": inspect.getdoc(cls) or "",
        "space": _space_json(cls.hyperparameters) if cls.hyperparameters else None,
    }


def values_text(parameter: Mapping[str, Any], shown: Callable[[Any], str] = str) -> str:
    """The values that a parameter may have."""
    if "values" in parameter:
        values = [shown(value) for value in parameter["values"]]
        if len(values) > SHOWN_VALUES:
            values = [*values[: SHOWN_VALUES - 2], "…", values[-1]]
        return ", ".join(values)
    if "items" in parameter:
        return f"{', '.join(map(shown, parameter['items']))} in any order"
    low, high = parameter["low"], parameter["high"]
    step = f" in steps of {parameter['step']}" if parameter.get("step", 1) != 1 else ""
    return f"{low} to {high}{step}{', log scale' if parameter.get('log') else ''}"


def when_text(parameter: Mapping[str, Any], shown: Callable[[Any], str] = str) -> str:
    """When a conditional parameter is active; empty for one that always is."""
    conditions = parameter.get("when", {})
    return " and ".join(f"{name} in {', '.join(map(shown, values))}" for name, values in conditions.items())


def argument_type_text(argument: Mapping[str, Any]) -> str:
    """What an argument of a problem may be, with its unit."""
    return f"{argument['type']}, in {argument['unit']}" if argument["unit"] else str(argument["type"])


def unavailable_text(described: Mapping[str, Any]) -> str:
    """What of a problem this machine has no simulator for, and why; empty where it has all."""
    reasons: dict[str, list[str]] = {}
    for fidelity, why in described["unavailable"].items():
        reasons.setdefault(why, []).append(fidelity)
    if len(described["unavailable"]) == len(described["fidelities"]) and len(reasons) == 1:
        return next(iter(reasons))
    return "; ".join(
        f"{'fidelity' if len(names) == 1 else 'fidelities'} {', '.join(names)}: {why}"
        for why, names in reasons.items()
    )


def cardinality_text(cardinality: int | str | None) -> str:
    """How many designs a space has."""
    if isinstance(cardinality, int):
        return f"{cardinality:,}" if cardinality < 10**12 else f"about {decimal.Decimal(cardinality):.3e}"
    return "infinitely many" if cardinality else "an uncounted number of"


def _space_json(space: DesignSpace) -> dict[str, Any]:
    """The space as a reader needs it: also where a rule is a function, which `to_dict` refuses."""
    return {
        "parameters": [parameter.to_dict() for parameter in space.parameters],
        "forbidden": [{"rule": rule.label, "reason": rule.reason} for rule in space.forbidden],
    }


def _cardinality(space: DesignSpace) -> int | str | None:
    """The number of allowed designs: "infinite" with a real parameter, None where it cannot be counted."""
    try:
        cardinality = space.cardinality()
    except SpaceError:
        return None
    return int(cardinality) if math.isfinite(cardinality) else "infinite"
