"""`check` and `new-plugin`: for whoever writes a plugin."""

from __future__ import annotations

import keyword
import re
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Annotated

import typer

from cosearch.cli import options
from cosearch.cli.output import print_json, print_line, print_table
from cosearch.cli.skeleton import skeleton
from cosearch.errors import ArgumentError, CosearchError, PluginError, unknown_name
from cosearch.registry import registry

CHECK_FAILED = 1


def check(
    plugin: Annotated[str, typer.Argument(metavar="PLUGIN", help="As `cosearch plugins` lists it.")],
    json: options.Json = False,
) -> None:
    """Check what a plugin contributes against the contracts; the exit code is 1 where one is broken."""
    known = {record.name: record for record in registry().plugins}
    if plugin not in known:
        raise unknown_name("plugin", plugin, known)
    record = known[plugin]
    if record.error:
        raise PluginError(f"plugin {plugin} could not be loaded: {record.error}")
    results = [_problem_result(name) for name in record.problems]
    results += [_agent_result(name) for name in record.agents]
    results += [_backend_result(name) for name in record.backends]
    if json:
        print_json({"plugin": plugin, "passed": not any(r["error"] for r in results), "results": results})
    else:
        rows = [[r["kind"], r["name"], r["error"] or "passed"] for r in results]
        print_table(f"Plugin {plugin}", ["kind", "name", "result"], rows)
    if any(result["error"] for result in results):
        raise typer.Exit(CHECK_FAILED)


def new_plugin(
    name: Annotated[str, typer.Argument(metavar="NAME", help="In kebab case, e.g. my-accelerator.")],
    folder: Annotated[
        Path | None, typer.Option("--folder", metavar="DIR", help="Where; default a folder named NAME.")
    ] = None,
) -> None:
    """Write a plugin that works, as a start of your own."""
    if keyword.iskeyword(name):
        raise ArgumentError(f"plugin name {name!r} is a keyword of Python; choose another name")
    if name in {d.name.lower().replace("_", "-") for d in metadata.distributions() if d.name}:
        raise ArgumentError(f"a distribution named {name!r} is already installed; choose another name")
    if not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", name):
        raise ArgumentError(
            f"plugin name {name!r}: expected lower-case words joined by dashes, e.g. my-accelerator"
        )
    if name in registry().problems:
        raise ArgumentError(f"a problem named {name!r} is already installed; choose another name")
    target = folder or Path(name)
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise ArgumentError(f"{target} is already there and not empty; choose another --folder")
    for path, text in skeleton(name).items():
        (target / path).parent.mkdir(parents=True, exist_ok=True)
        (target / path).write_text(text, encoding="utf-8")
    print_line(f"wrote {target}; try it: pip install -e {target} && cosearch check {name}")


def _problem_result(name: str) -> dict[str, str]:
    from cosearch.testing import check_problem

    return _result("problem", name, lambda: check_problem(options.build_problem(name, [])))


def _agent_result(name: str) -> dict[str, str]:
    from cosearch.testing import check_agent

    return _result("agent", name, lambda: check_agent(registry().agents[name]))


def _backend_result(name: str) -> dict[str, str]:
    from cosearch.testing import check_backend

    return _result("backend", name, lambda: check_backend(registry().backends[name]))


def _result(kind: str, name: str, check: Callable[[], None]) -> dict[str, str]:
    try:
        check()
    except Exception as error:  # whatever a plugin's own code raises is what the check found
        text = str(error) if isinstance(error, CosearchError) else f"{type(error).__name__}: {error}"
        return {"kind": kind, "name": name, "error": text}
    return {"kind": kind, "name": name, "error": ""}
