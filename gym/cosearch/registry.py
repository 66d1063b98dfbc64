"""The registry: finds what plugins contribute by entry point, the built-in ones like anybody's.

`import cosearch` loads it, so that every problem has its Gymnasium ids. A plugin that cannot be loaded is
recorded with the last line of its traceback and takes no other down; one that claims a name which is taken
keeps everything else. `COSEARCH_PLUGINS=a,b` limits what is loaded to the named entry points,
`COSEARCH_DISABLE_PLUGINS=a,b` leaves some out, by the name of the plugin or of its distribution.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import metadata
from importlib.metadata import EntryPoint
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pluggy

from cosearch import hookspecs
from cosearch.agent import Agent
from cosearch.contributions import KINDS, Kind, as_plugin, origin, twins
from cosearch.environments.registration import register_ids, register_ids_of_package
from cosearch.errors import PluginError, hint, nearest, unknown_name
from cosearch.plugin_import import attempt, importing
from cosearch.plugin_origin import API_VERSION, api_refusal, place_of, refusal
from cosearch.problem import Problem
from cosearch.validation import Validation

if TYPE_CHECKING:
    from cosearch.run.backend import Backend

GROUP = "cosearch"
OURS = "cosearch"  # the distribution whose contributions win over anybody's
ONLY, LEFT_OUT = "COSEARCH_PLUGINS", "COSEARCH_DISABLE_PLUGINS"


@dataclass
class PluginRecord:
    """One installed plugin: where it comes from, what it contributes, and what was wrong with it.

    Attributes:
        place: where it is installed.
        refused: one line for each contribution that is invalid or claims a name that is taken.
        error: why the plugin contributes nothing at all, where it does not.
        disabled: whether the user left it out.
    """

    name: str
    distribution: str = ""
    version: str = ""
    place: str = ""
    problems: list[str] = field(default_factory=list)
    agents: list[str] = field(default_factory=list)
    backends: list[str] = field(default_factory=list)
    validations: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    error: str = ""
    disabled: bool = False


class Registry:
    """All plugins of one process and what they contribute."""

    def __init__(self) -> None:
        self.problems: dict[str, type[Problem]] = {}
        self.agents: dict[str, type[Agent]] = {}
        self.backends: dict[str, type[Backend]] = {}
        self.validations: dict[str, Validation] = {}
        self.plugins: list[PluginRecord] = []
        self.unknown_left_out: dict[str, str] = {}  # what the user left out and there is not, with a hint
        self._owners: dict[tuple[str, str], str] = {}
        self._waiting: list[EntryPoint] = []
        self._manager = pluggy.PluginManager("cosearch")
        self._manager.add_hookspecs(hookspecs)

    def load_entry_points(self) -> None:
        """Load every installed plugin: cosearch's own first, then in the order of their names."""
        chosen = os.environ.get(ONLY)
        names = None if chosen is None else {name.strip() for name in chosen.split(",")}
        installed = metadata.entry_points(group=GROUP)
        entries = [e for e in installed if names is None or e.name in names]
        out = {name for text in os.environ.get(LEFT_OUT, "").split(",") if (name := text.strip())}
        left_out = [e for e in entries if out & {e.name, _distribution(e)}]
        self._load(
            sorted(
                (e for e in entries if e not in left_out), key=lambda e: (_distribution(e) != OURS, e.name)
            )
        )
        self.plugins += [_record(entry, disabled=True) for entry in sorted(left_out, key=lambda e: e.name)]
        unknown = out - {name for e in installed for name in (e.name, _distribution(e))}
        self.unknown_left_out = {name: hint(name, [e.name for e in installed]) for name in sorted(unknown)}

    def load_waiting(self) -> None:
        """Load the plugins that were in the middle of their own import, or failed because others were."""
        if self._waiting:
            waiting, self._waiting = self._waiting, []
            self._load(waiting)

    def _load(self, entries: Sequence[EntryPoint]) -> None:
        busy = importing()
        for entry in entries:
            package = entry.module.partition(".")[0]
            if package in busy:
                register_ids_of_package(package)
                self._waiting.append(entry)
                continue
            record = _record(entry)
            record.error = "" if record.distribution == OURS else api_refusal(entry)
            if record.error:
                self.plugins.append(record)
                continue
            plugin, error = attempt(entry.load)
            if error and busy:  # it may need what is not there yet
                self._waiting.append(entry)
                continue
            if error:
                record.error = error
                self.plugins.append(record)
                continue
            try:
                self._add(as_plugin(plugin), record)
            except PluginError as failure:
                record.error = str(failure)
                self.plugins.append(record)

    def register(self, plugin: ModuleType | type | object, name: str | None = None) -> PluginRecord:
        """Add a plugin of this process.

        Args:
            plugin: a module or an object with `cosearch_*` hooks, or a contribution itself, such as the class
                of a problem, an agent or a backend.
            name: of the plugin; default its own.

        Raises:
            PluginError: if it contributes nothing or something invalid, or a name is taken.
        """
        plugin = as_plugin(plugin)
        own_name = getattr(plugin, "__name__", type(plugin).__name__)
        record = PluginRecord(name or str(own_name), distribution="(this process)")
        if why := refusal(getattr(plugin, "COSEARCH_API", ".".join(map(str, API_VERSION))), record.name):
            raise PluginError(why)
        self._add(plugin, record, strict=True)
        return record

    def _add(self, plugin: Any, record: PluginRecord, *, strict: bool = False) -> None:
        known = self._manager.get_name(plugin)
        if known is not None or (strict and self._manager.has_plugin(record.name)):
            raise PluginError(
                f"plugin {record.name!r} is already registered"
                + (f" as {known!r}" if known not in (None, record.name) else "")
            )
        if self._manager.has_plugin(record.name):
            owner = next(other.distribution for other in self.plugins if other.name == record.name)
            record.refused.append(
                f"plugin name {record.name!r} of {record.distribution} is taken, by {owner}"
            )
            record.name = f"{record.distribution}:{record.name}"
        registered, error = attempt(lambda: self._manager.register(plugin, name=record.name))
        if error:
            raise PluginError(error)
        accepted = {kind: self._accepted(kind, plugin, record) for kind in KINDS}
        record.refused += self._unknown_hooks(plugin)
        if strict and record.refused:
            self._manager.unregister(name=registered)
            raise PluginError(record.refused[0])
        if not record.refused and not self._manager.get_hookcallers(plugin):
            self._manager.unregister(name=registered)
            raise PluginError(f"contributes nothing: {_without_hooks(plugin)}")
        for kind, items in accepted.items():
            getattr(self, kind.plural).update(items)
            getattr(record, kind.plural).extend(items)
            self._owners |= {(kind.name, name): record.name for name in items}
        self.plugins.append(record)
        for name, problem in accepted[KINDS[0]].items():
            register_ids(name, problem.version)

    def _accepted(self, kind: Kind, plugin: Any, record: PluginRecord) -> dict[str, Any]:
        """What a plugin contributes, less what is refused, which the record says, and less twins."""
        contributed, error = attempt(lambda: self._contributed(plugin, kind.hook))
        if error:
            record.refused.append(f"{kind.hook}: {error}")
        taken = getattr(self, kind.plural)
        new: dict[str, Any] = {}
        for item in contributed or ():
            complaint = kind.complaint(item)
            name = "" if complaint else kind.name_of(item)
            if name in taken and twins(item, taken[name]):
                continue
            if name in taken or name in new:
                other = taken.get(name) or new[name]
                owner = self._owners.get((kind.name, name))
                complaint = (
                    f"{kind.name} {name!r} of plugin {record.name!r} ({origin(item)}) is already registered, "
                    f"by plugin {owner or record.name!r} ({origin(other)}); choose another name"
                    + (f", or leave one out: {LEFT_OUT}={owner}" if owner and record.place else "")
                )
            if complaint:
                record.refused.append(complaint)
            else:
                new[name] = item
        return new

    def _contributed(self, plugin: Any, hook: str) -> list[Any]:
        others = [other for other in self._manager.get_plugins() if other is not plugin]
        results = self._manager.subset_hook_caller(hook, others)()
        return [item for result in results for item in result]

    def _unknown_hooks(self, plugin: Any) -> list[str]:
        known = [kind.hook for kind in KINDS]
        found = [caller.name for caller in self._manager.get_hookcallers(plugin) or ()]
        return [
            f"there is no hook {name!r}"
            + (f"; did you mean {close!r}?" if (close := nearest(name, known)) else "")
            for name in found
            if name not in known
        ]


def _record(entry: EntryPoint, *, disabled: bool = False) -> PluginRecord:
    version = entry.dist.version if entry.dist else ""
    return PluginRecord(entry.name, _distribution(entry), version, place_of(entry.dist), disabled=disabled)


def _distribution(entry: EntryPoint) -> str:
    return entry.dist.name if entry.dist is not None else ""


def _without_hooks(plugin: Any) -> str:
    """Why nothing in a plugin is a hook."""
    if isinstance(plugin, ModuleType):
        if getattr(plugin, "__file__", None) is None:
            return f"{plugin.__name__} is a folder without __init__.py"
        what = f"module {plugin.__name__}"
    else:
        what = repr(plugin)
    forgotten = [kind.hook for kind in KINDS if callable(getattr(plugin, kind.hook, None))]
    if forgotten:
        return f"{forgotten[0]} of {what} is not marked with @hookimpl"
    return f"{what} has no function marked with @hookimpl"


_registry = Registry()


@functools.cache
def load_plugins() -> None:
    """Load the installed plugins into the registry of this process, once."""
    _registry.load_entry_points()


def registry() -> Registry:
    """The registry of this process."""
    load_plugins()
    _registry.load_waiting()
    return _registry


def _found(kind: str, name: str, known: Mapping[str, Any]) -> Any:
    if name not in known:
        raise unknown_name(kind, name, known)
    return known[name]


def problem_class(name: str) -> type[Problem]:
    """The problem class with this name; `UnknownNameError` names the nearest."""
    cls: type[Problem] = _found("problem", name, registry().problems)
    return cls


def agent_class(name: str) -> type[Agent]:
    """The agent class with this name; `UnknownNameError` names the nearest.

    "successive:nsga2" is a strategy over an agent, see `cosearch.strategies`.
    """
    strategy, colon, agent = name.partition(":")
    if colon:
        from cosearch.strategies import strategy_class

        return strategy_class(strategy, agent_class(agent))
    cls: type[Agent] = _found("agent", name, registry().agents)
    return cls


def backend_class(name: str) -> type[Backend]:
    """The backend class with this name; `UnknownNameError` names the nearest."""
    cls: type[Backend] = _found("backend", name, registry().backends)
    return cls


def validation(simulator: str) -> Validation:
    """The validation of a simulator; `UnknownNameError` names the nearest."""
    found: Validation = _found("simulator", simulator, registry().validations)
    return found


def make_problem(
    name: str, /, *, objectives: Any = None, constraints: Any = None, surrogate: Any = None, **arguments: Any
) -> Problem:
    """Build a problem by name.

    Args:
        name: a registered problem.
        objectives: `Objective`s or their text; default the problem's.
        constraints: `Constraint`s or their text; default the problem's.
        surrogate: the file of a trained surrogate, which becomes the fidelity `surrogate`.
        **arguments: of the problem's declared settings.

    Raises:
        UnknownNameError: for an unknown problem, argument or metric.
        ArgumentError: for a value that an argument does not admit.
    """
    if surrogate is not None:  # a problem with a constructor of its own may not know of it
        arguments["surrogate"] = surrogate
    return problem_class(name)(objectives=objectives, constraints=constraints, **arguments)


def register(plugin: ModuleType | type | object, name: str | None = None) -> PluginRecord:
    """Add a plugin, or the class of a problem, an agent or a backend, to this process.

    See `Registry.register`.
    """
    return registry().register(plugin, name)
