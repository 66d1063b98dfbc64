"""`check` and `new-plugin`: for whoever writes a plugin."""

from __future__ import annotations

import keyword
import os
import re
import shlex
import signal
import sys
from collections.abc import Callable, Mapping
from importlib import metadata
from json import dumps, loads
from pathlib import Path
from typing import Annotated, Any

import typer

from cosearch.cli import options
from cosearch.cli.output import print_json, print_line, print_table
from cosearch.cli.progress import said_if_slow
from cosearch.cli.skeleton import TEMPLATES, skeleton
from cosearch.errors import ArgumentError, CosearchError, PluginError, unknown_name
from cosearch.registry import registry

CHECK_FAILED = 1


def check(
    plugin: Annotated[str, typer.Argument(metavar="PLUGIN", help="As `cosearch plugins` lists it.")],
    designs: Annotated[
        int,
        typer.Option(
            min=1, max=10_000, help="Random designs; each is simulated four times at each fidelity."
        ),
    ] = 12,
    isolated: Annotated[
        bool, typer.Option("--isolated", help="Run each design in a worker process, also of a safe problem.")
    ] = False,
    timeout_s: Annotated[
        float,
        typer.Option("--timeout-s", "--timeout", min=0.001, help="Time limit for each design in a worker."),
    ] = 20.0,
    memory_mb: Annotated[
        int | None,
        typer.Option(
            "--memory-mb", "--memory", min=1, help="Memory limit for each design; implies --isolated."
        ),
    ] = None,
    workers: Annotated[
        int, typer.Option(min=1, help="Processes that run designs; one runs those of a safe problem here.")
    ] = 1,
    json: options.Json = False,
) -> None:
    """Check what a plugin contributes against the contracts; the exit code is 1 where one is broken."""
    known = {record.name: record for record in registry().plugins}
    if plugin not in known:
        raise unknown_name("plugin", plugin, known)
    record = known[plugin]
    if record.disabled:
        raise PluginError(f"plugin {plugin} is left out by COSEARCH_DISABLE_PLUGINS")
    if record.error:
        raise PluginError(f"plugin {plugin} could not be loaded: {record.error}")
    results = []
    for name in record.problems:
        with said_if_slow() as say:
            how = {
                "designs": designs,
                "timeout_s": timeout_s,
                "workers": workers,
                "isolated": isolated,
                "memory_mb": memory_mb,
            }
            results.append(_problem_result(name, how, say))
    results += [_agent_result(name) for name in record.agents]
    results += [_backend_result(name) for name in record.backends]
    if json:
        print_json({"plugin": plugin, "passed": not any(r["error"] for r in results), "results": results})
    else:
        rows = [
            [r["kind"], r["name"], r["error"] or f"passed ({r['note']})".removesuffix(" ()")] for r in results
        ]
        print_table(f"Plugin {plugin}", ["kind", "name", "result"], rows)
    if any(result["error"] for result in results):
        raise typer.Exit(CHECK_FAILED)


def new_plugin(
    name: Annotated[str, typer.Argument(metavar="NAME", help="In kebab case, e.g. my-accelerator.")],
    folder: Annotated[
        Path | None, typer.Option("--folder", metavar="DIR", help="Where; default a folder named NAME.")
    ] = None,
    template: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="; ".join(f"{name}: {what}" for name, what in TEMPLATES.items()) + ".",
        ),
    ] = "function",
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
    known = registry().agents if template == "agent" else registry().problems
    if name in known:
        kind = "an agent" if template == "agent" else "a problem"
        raise ArgumentError(f"{kind} named {name!r} is already installed; choose another name")
    target = folder or Path(name)
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise ArgumentError(f"{target} is already there and not empty; choose another --folder")
    for path, text in skeleton(name, template).items():
        (target / path).parent.mkdir(parents=True, exist_ok=True)
        (target / path).write_text(text, encoding="utf-8")
    print_line(f"wrote {target}; try it: pip install -e {shlex.quote(str(target))} && cosearch check {name}")


def _problem_result(name: str, how: Mapping[str, Any], say: Callable[[str], None]) -> dict[str, str]:
    from cosearch.testing import check_problem

    def check() -> str:
        problem = options.build_problem(name, [])
        return "; ".join(check_problem(problem, say=say, **how))

    return _outlived("problem", name, check)


def _outlived(kind: str, name: str, check: Callable[[], str | None]) -> dict[str, str]:
    """As `_result`, in a process of its own: a simulator may end the one that it runs in."""
    if not hasattr(os, "fork"):
        return _result(kind, name, check)
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            os.close(reading)
            with os.fdopen(writing, "wb") as pipe:
                pipe.write(dumps(_result(kind, name, check)).encode())
            code = 0
        finally:
            sys.stderr.flush()
            os._exit(code)
    os.close(writing)
    try:
        with os.fdopen(reading, "rb") as pipe:
            said = pipe.read()
        _, status = os.waitpid(child, 0)
    except BaseException:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        raise
    if said:
        found: dict[str, str] = loads(said)
        return found
    how = os.waitstatus_to_exitcode(status)
    end = f"signal {-how}" if how < 0 else f"exit code {how}"
    text = (
        f"the process ended ({end}) while its designs were simulated; say `isolated = True` if the simulator "
        "may end its process"
    )
    return {"kind": kind, "name": name, "error": text, "note": ""}


def _agent_result(name: str) -> dict[str, str]:
    from cosearch.testing import check_agent

    return _result("agent", name, lambda: check_agent(registry().agents[name]))


def _backend_result(name: str) -> dict[str, str]:
    from cosearch.testing import check_backend

    return _result("backend", name, lambda: check_backend(registry().backends[name]))


def _result(kind: str, name: str, check: Callable[[], str | None]) -> dict[str, str]:
    try:
        note = check()
    except Exception as error:  # whatever a plugin's own code raises is what the check found
        text = str(error) if isinstance(error, CosearchError) else f"{type(error).__name__}: {error}"
        return {"kind": kind, "name": name, "error": text, "note": ""}
    return {"kind": kind, "name": name, "error": "", "note": note or ""}
