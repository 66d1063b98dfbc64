"""Where a study came from: versions, host, and the command that repeats it."""

from __future__ import annotations

import contextlib
import os
import platform
import re
import shlex
from importlib import metadata
from typing import Any

from cosearch.arguments import assignment
from cosearch.registry import registry
from cosearch.store import StudyRecord

OURS = "cosearch"


def versions(problem: str, agent: str) -> dict[str, str]:
    """The versions of Python, of the plugins of a problem and an agent, and of all that these require."""
    found = {"python": platform.python_version()}
    plugins = registry().plugins
    agent = agent.rpartition(":")[2]  # less its strategy
    mine = [p.distribution for p in plugins if problem in p.problems or agent in p.agents]
    for distribution in dict.fromkeys([OURS, *mine]):
        for package in (distribution, *_required(distribution)):
            with contextlib.suppress(metadata.PackageNotFoundError):
                found.setdefault(package, metadata.version(package))
    return found


def _required(distribution: str) -> list[str]:
    """The packages that a distribution requires, without those of its extras."""
    try:
        lines = metadata.requires(distribution) or []
    except metadata.PackageNotFoundError:
        return []
    names = [re.match(r"[A-Za-z0-9._-]+", line) for line in lines if "extra ==" not in line]
    return [name[0] for name in names if name]


def host() -> dict[str, Any]:
    """The machine."""
    return {"system": platform.platform(), "machine": platform.machine(), "cores": os.cpu_count()}


def command(record: StudyRecord, location: str) -> str:
    """The command that repeats the study."""
    words = ["cosearch", "search", record.problem, "--agent", record.agent]
    words += ["--budget", str(record.budget), "--seed", str(record.seed)]
    for option, values in (("--objective", record.objectives), ("--constraint", record.constraints)):
        for value in values:
            words += [option, value]
    for option, settings in (
        ("--set", record.problem_arguments),
        ("--hold", record.space.get("held", {})),
        ("--agent-set", record.agent_settings),
    ):
        for name, value in settings.items():
            words += [option, assignment(name, value)]
    words += ["--fidelity", record.fidelity, "--batch", str(record.batch_size)]
    options = record.options
    for option, name, default in (
        ("--workers", "workers", 1),
        ("--backend", "backend", None),
        ("--ray-address", "ray_address", None),
        ("--evaluation-seed", "evaluation_seed", 0),
        ("--timeout-s", "timeout_s", None),
        ("--memory-mb", "memory_mb", None),
    ):
        if (chosen := options.get(name, default)) != default:
            words += [option, str(chosen)]
    words += [f"--{name}" for name in ("isolated", "deterministic", "reuse") if options.get(name)]
    if location != "(memory)":
        words += ["--store", location]
    return shlex.join(words)


def commands(record: StudyRecord) -> str:
    """What repeats the study as it is now: its command, and the one that raised its budget if one did."""
    if record.budget == record.agent_budget or not record.command:
        return record.command
    words = shlex.split(record.command)
    store = words[-1] if "--store" in words[:-1] else "STORE"
    raised = shlex.join(["cosearch", "resume", store, record.name, "--budget", str(record.budget)])
    named = "" if "--name" in words else f" --name {shlex.quote(record.name)}"
    return f"{record.command}{named} && {raised}"
