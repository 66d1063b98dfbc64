"""`problems`, `agents`, `plugins` and `describe`: what is installed and what it takes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from json import dumps
from pathlib import Path
from typing import Annotated, Any

import typer

from cosearch.cli import options
from cosearch.cli.design_files import designs_from_json
from cosearch.cli.output import print_entries, print_json, print_line, print_table, print_wrapped, value_text
from cosearch.cli.progress import said_if_slow
from cosearch.description import (
    agent_summary,
    argument_type_text,
    cardinality_text,
    describe_agent,
    describe_problem,
    describe_unbuilt,
    problem_summary,
    unavailable_text,
    values_text,
    when_text,
)
from cosearch.errors import ArgumentError, unknown_name
from cosearch.problem import Problem
from cosearch.registry import PluginRecord, agent_class, registry

BROKEN_PLUGIN = 1


def problems(json: options.Json = False) -> None:
    """List the problems."""
    found = [problem_summary(cls) for _, cls in sorted(registry().problems.items())]
    if json:
        print_json(found)
    else:
        rows = [[p["name"], p["version"], ", ".join(p["fidelities"]), p["summary"]] for p in found]
        print_table("Problems", ["name", "version", "fidelities", "summary"], rows, right=["version"])
        for p in found:
            if why := unavailable_text(p):
                print_wrapped(f"not available here: {p['name']}: {why}")
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


def plugins(
    strict: Annotated[
        bool, typer.Option("--strict", help="Exit code 1 where a plugin failed or was refused in part.")
    ] = False,
    json: options.Json = False,
) -> None:
    """List the installed plugins, where each is from, what it contributes, and why it failed if it did.

    COSEARCH_DISABLE_PLUGINS=NAME,... leaves plugins out, COSEARCH_PLUGINS=NAME,... all but those.
    """
    found = registry().plugins
    if json:
        print_json([vars(plugin) | {"unavailable": dict(_unavailable(plugin.problems))} for plugin in found])
    else:
        _show_plugins(found)
    for name, near in registry().unknown_left_out.items():
        line = f"COSEARCH_DISABLE_PLUGINS: there is no plugin {name!r}{near}"
        print_line(line, style="yellow", stderr=True)
    bad = [plugin.name for plugin in found if plugin.error or plugin.refused]
    if strict and bad:
        print_line(f"error: {', '.join(bad)}: failed or refused in part, and --strict", stderr=True)
        raise typer.Exit(BROKEN_PLUGIN)


def _show_plugins(found: Sequence[PluginRecord]) -> None:
    rows = []
    for plugin in found:
        contributes = [
            f"{len(names)} {kind}" if len(names) != 1 else f"{kind.removesuffix('s')} {names[0]}"
            for kind in ("problems", "agents", "backends", "validations")
            if (names := getattr(plugin, kind))
        ]
        contributes += ["refused in part, see below"] if plugin.refused else []
        state = ", ".join(contributes) or "nothing"
        if plugin.error:
            state = "failed, see below"
        if plugin.disabled:
            state = "left out by COSEARCH_DISABLE_PLUGINS"
        rows.append([plugin.name, plugin.distribution, plugin.version, state, plugin.place])
    print_table("Plugins", ["name", "distribution", "version", "contributes", "from"], rows)
    for plugin in found:
        if plugin.error:
            print_wrapped(f"{plugin.name} failed: {plugin.error}")
        for reason in plugin.refused:
            print_wrapped(f"{plugin.name}, refused: {reason}")
        for name, why in _unavailable(plugin.problems):
            print_wrapped(f"not available here: {name}: {why}")


def _unavailable(problems: Sequence[str]) -> list[tuple[str, str]]:
    """Those of the problems that cannot be evaluated here, at some fidelity at least, and why."""
    known = registry().problems
    return [(name, why) for name in problems if (why := unavailable_text(problem_summary(known[name])))]


def describe(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A problem or an agent.")],
    set_: options.Set = [],  # noqa: B006  typer copies it
    html: Annotated[
        Path | None,
        typer.Option("--html", metavar="FILE", help="Write a page with pictures that needs no network."),
    ] = None,
    design: Annotated[
        str | None,
        typer.Option(
            "--design",
            metavar="JSON",
            help="The design that the page draws; default the space's own default.",
        ),
    ] = None,
    force: options.Force = False,
    json: options.Json = False,
) -> None:
    """Show a problem's design space, metrics and arguments, or an agent's hyperparameters."""
    known = registry()
    if name in known.problems and not set_ and (missing := _missing(known.problems[name])):
        if html is not None or design is not None:
            raise ArgumentError(f"problem {name} needs {' '.join(f'--set {n}=...' for n in missing)}")
        described = describe_unbuilt(known.problems[name])
        show: Any = _show_unbuilt
    elif name in known.problems:
        problem = options.build_problem(name, set_)
        if html is not None:
            _write_page(problem, html, design, force=force)
        elif design is not None:
            raise ArgumentError("--design is for the page: add --html FILE")
        described = describe_problem(problem)
        show = _show_problem
    elif name in known.agents or ":" in name:
        agent = agent_class(name)
        if html is not None or design is not None:
            raise ArgumentError(f"--html and --design are for problems; {name} is an agent")
        described, show = describe_agent(agent), _show_agent
    else:
        raise unknown_name("problem or agent", name, [*known.problems, *known.agents])
    if json:
        print_json(described)
    elif html is not None:
        print_line(f"wrote {html}")
    else:
        show(described)


def _write_page(problem: Problem, html: Path, design: str | None, *, force: bool) -> None:
    from cosearch.report import write_problem_page

    options.check_new(html, force=force)
    chosen = None
    if design is not None:
        batch, _ = designs_from_json(problem.space, design)
        if len(batch) != 1:
            raise ArgumentError(f"--design: expected one design, not {len(batch)}")
        chosen = batch[0]
    with said_if_slow() as say:
        write_problem_page(problem, html, chosen, progress=say)


def _show_problem(described: Mapping[str, Any]) -> None:
    print_line(f"{described['name']} (version {described['version']})", style="bold")
    print_wrapped(described["summary"])
    if described["about"]:
        print_wrapped(f"workload: {described['about']}")
    if why := unavailable_text(described):
        print_wrapped(f"not available here: {why}")
    print_line()
    size = described["cardinality"]
    designs = "design" if size == 1 else "designs"
    _show_space(f"Design space: {cardinality_text(size)} {designs}", described["space"])
    print_line()
    print_entries("Metrics", [(m["name"], f"[{m['unit']}]", m["description"]) for m in described["metrics"]])
    print_line()
    _show_arguments(described)
    for name in ("objectives", "constraints", "fidelities", "workloads", "env_ids"):
        if described[name]:
            print_wrapped(f"{name.replace('_', ' ')}: {', '.join(described[name])}")


def _missing(problem: type[Problem]) -> list[str]:
    """The settings that must be given before the problem can be built."""
    from cosearch.settings import described

    return [setting.name for setting in described(problem.Settings) if setting.required]


def _show_unbuilt(described: Mapping[str, Any]) -> None:
    """What can be said before the required arguments are given."""
    print_line(f"{described['name']} (version {described['version']})", style="bold")
    print_wrapped(described["summary"])
    if why := unavailable_text(described):
        print_wrapped(f"not available here: {why}")
    print_line()
    _show_arguments(described)
    needed = " ".join(f"--set {a['name']}=..." for a in described["arguments"] if a["required"])
    print_line(f"its design space and metrics: cosearch describe {described['name']} {needed}")


def _show_arguments(described: Mapping[str, Any]) -> None:
    if not described["arguments"]:
        return
    arguments = []
    for a in described["arguments"]:
        default = _default_text(a)
        arguments.append(
            (a["name"], argument_type_text(a) + (f"; default {default}" if default else ""), a["description"])
        )
    print_entries("Arguments (--set NAME=VALUE)", arguments)
    print_line()


def _default_text(argument: Mapping[str, Any]) -> str:
    if argument["required"]:
        return "none: it is required"
    default = argument["default"]
    return default if isinstance(default, str) else "" if default is None else dumps(default)


def _show_agent(described: Mapping[str, Any]) -> None:
    print_line(described["name"], style="bold")
    print_wrapped(described["summary"])
    print_line()
    if described["space"]:
        _show_space("Hyperparameters (--agent-set NAME=VALUE)", described["space"])
    else:
        print_line("no hyperparameters")


def _show_space(title: str, space: Mapping[str, Any]) -> None:
    entries = []
    for p in space["parameters"]:
        what = f"{p['kind']}: {values_text(p)}; default {value_text(p['default'])}"
        when = when_text(p)
        entries.append(
            (p["name"], what + (f"; active when {when}" if when else ""), p.get("description", ""))
        )
    print_entries(title, entries)
    for rule in space["forbidden"]:
        reason = "" if rule["rule"] in rule["reason"] else f" ({rule['reason']})"
        print_line(f"forbidden: {rule['rule']}{reason}")


def _warn_about_broken_plugins() -> None:
    broken: Sequence[str] = [plugin.name for plugin in registry().plugins if plugin.error]
    if broken:
        print_line(f"not loaded: {', '.join(broken)} (see `cosearch plugins`)", style="yellow", stderr=True)
    refused = [plugin.name for plugin in registry().plugins if plugin.refused]
    if refused:
        said = f"refused in part: {', '.join(refused)} (see `cosearch plugins`)"
        print_line(said, style="yellow", stderr=True)
