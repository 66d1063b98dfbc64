"""`problems`, `agents`, `plugins` and `describe`: what is installed and what it takes."""

from __future__ import annotations

import decimal
import inspect
import math
import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer

from cosearch.agent import Agent
from cosearch.arguments import parameters_of
from cosearch.cli import options
from cosearch.cli.output import print_json, print_line, print_table, value_text
from cosearch.errors import SpaceError, unknown_name
from cosearch.problem import Problem
from cosearch.registry import registry
from cosearch.space import DesignSpace

SHOWN_VALUES = 10


def problems(json: options.Json = False) -> None:
    """List the problems."""
    found = [problem_summary(cls) for _, cls in sorted(registry().problems.items())]
    if json:
        print_json(found)
    else:
        rows = [[p["name"], p["version"], ", ".join(p["fidelities"]), p["summary"]] for p in found]
        print_table("Problems", ["name", "version", "fidelities", "summary"], rows, right=["version"])
        _warn_about_broken_plugins()


def agents(json: options.Json = False) -> None:
    """List the agents."""
    found = [agent_summary(cls) for _, cls in sorted(registry().agents.items())]
    if json:
        print_json(found)
    else:
        rows = [[a["name"], ", ".join(a["hyperparameters"]), a["summary"]] for a in found]
        print_table("Agents", ["name", "hyperparameters", "summary"], rows)
        _warn_about_broken_plugins()


def plugins(json: options.Json = False) -> None:
    """List the installed plugins, what each contributes, and why it failed if it did."""
    found = registry().plugins
    if json:
        print_json([vars(plugin) for plugin in found])
        return
    rows = []
    for plugin in found:
        contributes = [
            f"{len(names)} {kind}" if len(names) != 1 else f"{kind.removesuffix('s')} {names[0]}"
            for kind in ("problems", "agents", "validations")
            if (names := getattr(plugin, kind))
        ]
        state = f"failed: {plugin.error}" if plugin.error else ", ".join(contributes) or "nothing"
        rows.append([plugin.name, plugin.distribution, plugin.version, state])
    print_table("Plugins", ["name", "distribution", "version", "contributes"], rows)


def describe(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A problem or an agent.")],
    set_: options.Set = [],  # noqa: B006  typer copies it
    json: options.Json = False,
) -> None:
    """Show a problem's design space, metrics and arguments, or an agent's hyperparameters."""
    known = registry()
    if name in known.problems:
        described = describe_problem(options.build_problem(name, set_))
        show: Any = _show_problem
    elif name in known.agents:
        described, show = describe_agent(known.agents[name]), _show_agent
    else:
        raise unknown_name("problem or agent", name, [*known.problems, *known.agents])
    if json:
        print_json(described)
    else:
        show(described)


def problem_summary(cls: type[Problem]) -> dict[str, Any]:
    """What the class alone tells, without building the problem."""
    return {
        "name": cls.name,
        "version": cls.version,
        "summary": cls.summary(),
        "fidelities": list(cls.fidelities),
        "workloads": list(cls.workloads),
        "env_ids": [cls.env_id(), cls.env_id(multi_objective=True)],
    }


def agent_summary(cls: type[Agent]) -> dict[str, Any]:
    """The agent's name, one line and the names of its hyperparameters."""
    space = cls.hyperparameters
    return {"name": cls.name, "summary": cls.summary(), "hyperparameters": list(space.names) if space else []}


def describe_problem(problem: Problem) -> dict[str, Any]:
    """Everything that a search on this problem can set or will measure, as JSON values."""
    documented = _documented_arguments(inspect.getdoc(type(problem)) or "")
    return {
        "kind": "problem",
        **problem_summary(type(problem)),
        "description": inspect.getdoc(type(problem)) or "",
        "arguments": [
            {
                "name": name,
                "type": _type_text(parameter.annotation),
                "required": parameter.default is parameter.empty,
                "default": None if parameter.default is parameter.empty else parameter.default,
                "description": documented.get(name, ""),
            }
            for name, parameter in parameters_of(type(problem)).items()
        ],
        "metrics": [vars(metric) for metric in problem.metrics],
        "objectives": [str(objective) for objective in problem.objectives],
        "constraints": [str(constraint) for constraint in problem.constraints],
        "groups": {name: list(members) for name, members in problem.groups.items()},
        "isolated": problem.isolated,
        "cardinality": _cardinality(problem.space),
        "space": _space_json(problem.space),
    }


def describe_agent(cls: type[Agent]) -> dict[str, Any]:
    """What an agent is and what `--agent-set` takes, as JSON values."""
    return {
        "kind": "agent",
        **agent_summary(cls),
        "description": inspect.getdoc(cls) or "",
        "space": _space_json(cls.hyperparameters) if cls.hyperparameters else None,
    }


def _show_problem(described: Mapping[str, Any]) -> None:
    print_line(f"{described['name']} (version {described['version']})", style="bold")
    print_line(described["summary"])
    print_line()
    _show_space(f"Design space: {_count(described['cardinality'])} designs", described["space"])
    metrics = [[m["name"], m["unit"], m["description"]] for m in described["metrics"]]
    print_line()
    print_table("Metrics", ["name", "unit", "description"], metrics)
    print_line()
    if described["arguments"]:
        arguments = [
            [a["name"], a["type"], "(required)" if a["required"] else a["default"], a["description"]]
            for a in described["arguments"]
        ]
        print_table("Arguments (--set NAME=VALUE)", ["name", "type", "default", "description"], arguments)
        print_line()
    for name in ("objectives", "constraints", "fidelities", "workloads", "env_ids"):
        if described[name]:
            print_line(f"{name.replace('_', ' ')}: {', '.join(described[name])}")


def _show_agent(described: Mapping[str, Any]) -> None:
    print_line(described["name"], style="bold")
    print_line(described["summary"])
    print_line()
    if described["space"]:
        _show_space("Hyperparameters (--agent-set NAME=VALUE)", described["space"])
    else:
        print_line("no hyperparameters")


def _show_space(title: str, space: Mapping[str, Any]) -> None:
    rows = [
        [
            p["name"],
            p["kind"],
            _values_text(p),
            value_text(p["default"]),
            _when_text(p),
            p.get("description", ""),
        ]
        for p in space["parameters"]
    ]
    columns = ["name", "kind", "values", "default", "active when", "description"]
    used = [i for i in range(len(columns)) if i < 4 or any(row[i] for row in rows)]
    print_table(title, [columns[i] for i in used], [[row[i] for i in used] for row in rows])
    for rule in space["forbidden"]:
        reason = "" if rule["rule"] in rule["reason"] else f" ({rule['reason']})"
        print_line(f"forbidden: {rule['rule']}{reason}")


def _values_text(parameter: Mapping[str, Any]) -> str:
    if "values" in parameter:
        values = [str(value) for value in parameter["values"]]
        if len(values) > SHOWN_VALUES:
            values = [*values[: SHOWN_VALUES - 2], "…", values[-1]]
        return ", ".join(values)
    if "items" in parameter:
        return f"{', '.join(map(str, parameter['items']))} in any order"
    low, high = parameter["low"], parameter["high"]
    step = f" in steps of {parameter['step']}" if parameter.get("step", 1) != 1 else ""
    return f"{low} to {high}{step}{', log scale' if parameter.get('log') else ''}"


def _when_text(parameter: Mapping[str, Any]) -> str:
    conditions = parameter.get("when", {})
    return " and ".join(f"{name} in {', '.join(map(str, values))}" for name, values in conditions.items())


def _documented_arguments(docstring: str) -> dict[str, str]:
    """What the "Args:" section of a Google docstring says of each argument."""
    section = re.search(r"^Args:\n((?:[ ]{4}.*\n?|\s*\n)*)", docstring, re.MULTILINE)
    found: dict[str, str] = {}
    for line in inspect.cleandoc(section[1] if section else "").splitlines():
        entry = re.match(r"(\w+)(?: \(.*?\))?:\s*(.*)", line)
        if entry:
            found[entry[1]] = entry[2]
        elif found and line.strip():
            found[list(found)[-1]] += " " + line.strip()
    return found


def _type_text(annotation: Any) -> str:
    if annotation is inspect.Parameter.empty:
        return ""
    return annotation if isinstance(annotation, str) else inspect.formatannotation(annotation)


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


def _count(cardinality: int | str | None) -> str:
    if isinstance(cardinality, int):
        return f"{cardinality:,}" if cardinality < 10**12 else f"about {decimal.Decimal(cardinality):.3e}"
    return "infinitely many" if cardinality else "an uncounted number of"


def _warn_about_broken_plugins() -> None:
    broken: Sequence[str] = [plugin.name for plugin in registry().plugins if plugin.error]
    if broken:
        print_line(f"not loaded: {', '.join(broken)} (see `cosearch plugins`)", style="yellow", stderr=True)
