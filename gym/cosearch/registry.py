"""The registry: finds problems, agents and validations by entry point, the built-in ones like anybody's.

A plugin that cannot be loaded is recorded with the last line of its traceback and takes no other down.
`COSEARCH_PLUGINS=a,b` limits what is loaded to the named entry points.
"""

from __future__ import annotations

import functools
import inspect
import os
import re
import sys
import traceback
from collections.abc import Iterable
from dataclasses import dataclass, field
from importlib import metadata
from types import ModuleType
from typing import Any, Protocol, TypeVar

import pluggy

from cosearch import hookspecs
from cosearch.agent import Agent
from cosearch.environments.registration import register_problem_environments
from cosearch.errors import PluginError, unknown_name
from cosearch.problem import Problem
from cosearch.validation import Validation

GROUP = "cosearch"


class Named(Protocol):
    """Anything with a name."""

    name: str


@dataclass
class PluginRecord:
    """One installed plugin: where it comes from, what it contributes, and why it failed if it did."""

    name: str
    distribution: str = ""
    version: str = ""
    problems: list[str] = field(default_factory=list)
    agents: list[str] = field(default_factory=list)
    validations: list[str] = field(default_factory=list)
    error: str = ""


class Registry:
    """All plugins of one process and what they contribute."""

    def __init__(self) -> None:
        self.problems: dict[str, type[Problem]] = {}
        self.agents: dict[str, type[Agent]] = {}
        self.validations: dict[str, Validation] = {}
        self.plugins: list[PluginRecord] = []
        self._manager = pluggy.PluginManager("cosearch")
        self._manager.add_hookspecs(hookspecs)

    def load_entry_points(self) -> None:
        """Load every installed plugin, in the order of their names."""
        chosen = os.environ.get("COSEARCH_PLUGINS")
        names = None if chosen is None else {name.strip() for name in chosen.split(",")}
        for entry in sorted(metadata.entry_points(group=GROUP), key=lambda entry: entry.name):
            if names is None or entry.name in names:
                record = PluginRecord(entry.name)
                if entry.dist is not None:
                    record.distribution, record.version = entry.dist.name, entry.dist.version
                try:
                    self._add(entry.load(), record)
                except Exception:  # whatever a plugin does at import, the others live on
                    record.error = traceback.format_exc().strip().splitlines()[-1]
                    self.plugins.append(record)

    def register(self, plugin: ModuleType | object, name: str | None = None) -> PluginRecord:
        """Add a plugin of this process: a module or an object with `cosearch_*` hooks.

        Raises:
            PluginError: if it registers something invalid, or a name that is taken.
        """
        own_name = getattr(plugin, "__name__", type(plugin).__name__)
        record = PluginRecord(name or str(own_name), distribution="(this process)")
        self._add(plugin, record)
        return record

    def _add(self, plugin: Any, record: PluginRecord) -> None:
        known = self._manager.get_name(plugin)
        if known is not None or self._manager.has_plugin(record.name):
            raise PluginError(
                f"plugin {record.name!r} is already registered"
                + (f" as {known!r}" if known not in (None, record.name) else "")
            )
        registered = self._manager.register(plugin, name=record.name)
        try:
            problems = self._contributed(plugin, "cosearch_problems")
            agents = self._contributed(plugin, "cosearch_agents")
            validations = self._contributed(plugin, "cosearch_validations")
            problems = _checked(problems, self.problems, "problem", Problem)
            agents = _checked(agents, self.agents, "agent", Agent)
            taken = [v.simulator for v in validations if v.simulator in self.validations]
            if taken:
                raise PluginError(f"another plugin already validates {taken[0]!r}")
        except Exception:
            self._manager.unregister(name=registered)
            raise
        self.problems |= {problem.name: problem for problem in problems}
        self.agents |= {agent.name: agent for agent in agents}
        self.validations |= {validation.simulator: validation for validation in validations}
        record.problems = [problem.name for problem in problems]
        record.agents = [agent.name for agent in agents]
        record.validations = [validation.simulator for validation in validations]
        self.plugins.append(record)
        for problem in problems:
            register_problem_environments(problem)

    def _contributed(self, plugin: Any, hook: str) -> list[Any]:
        others = [other for other in self._manager.get_plugins() if other is not plugin]
        results = self._manager.subset_hook_caller(hook, others)()
        return [item for result in results for item in result]


T = TypeVar("T", bound=type)


def _checked(contributed: Iterable[T], taken: dict[str, Any], kind: str, base: type) -> list[T]:
    """What is contributed, less the twins of what is registered already."""
    new: dict[str, T] = {}
    for item in contributed:
        if not (isinstance(item, type) and issubclass(item, base)):
            expected = f"subclasses of cosearch.{base.__name__}"
            raise PluginError(f"contributed {kind}s must be {expected}, not {item!r}")
        name = getattr(item, "name", "")
        if not name:
            raise PluginError(f"{kind} {item.__qualname__} has no name")
        if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", name):
            raise PluginError(f"{kind} name {name!r}: expected lower-case words joined by dashes")
        if name in taken and _twins(item, taken[name]):
            continue
        if name in taken or name in new:
            other = taken.get(name) or new[name]
            raise PluginError(
                f"{kind} {name!r} is already registered, as {other.__module__}.{other.__qualname__}; "
                "choose another name"
            )
        new[name] = item
    return list(new.values())


def _twins(script: type, installed: type) -> bool:
    """Whether a class of the script that is run is an installed one: that script is a plugin's module too."""
    if script.__module__ != "__main__" or script.__qualname__ != installed.__qualname__:
        return False
    try:
        source, other = (inspect.getsource(sys.modules[cls.__module__]) for cls in (script, installed))
    except (OSError, TypeError):  # there is no file
        return False
    return source == other


@functools.cache
def registry() -> Registry:
    """The registry of this process, loaded when it is first asked for."""
    loaded = Registry()
    loaded.load_entry_points()
    return loaded


def problem_class(name: str) -> type[Problem]:
    """The problem class with this name; `UnknownNameError` names the nearest."""
    problems = registry().problems
    if name not in problems:
        raise unknown_name("problem", name, problems)
    return problems[name]


def agent_class(name: str) -> type[Agent]:
    """The agent class with this name; `UnknownNameError` names the nearest."""
    agents = registry().agents
    if name not in agents:
        raise unknown_name("agent", name, agents)
    return agents[name]


def validation(simulator: str) -> Validation:
    """The validation of a simulator; `UnknownNameError` names the nearest."""
    validations = registry().validations
    if simulator not in validations:
        raise unknown_name("simulator", simulator, validations)
    return validations[simulator]


def make_problem(name: str, *, objectives: Any = None, constraints: Any = None, **arguments: Any) -> Problem:
    """Build a problem by name.

    Args:
        name: a registered problem.
        objectives: `Objective`s or their text; default the problem's.
        constraints: `Constraint`s or their text; default the problem's.
        **arguments: of the problem's declared settings.

    Raises:
        UnknownNameError: for an unknown problem, argument or metric.
        ArgumentError: for a value that an argument does not admit.
    """
    return problem_class(name)(objectives=objectives, constraints=constraints, **arguments)


def register(plugin: ModuleType | object, name: str | None = None) -> PluginRecord:
    """Add a plugin to this process; see `Registry.register`."""
    return registry().register(plugin, name)
