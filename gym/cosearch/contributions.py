"""What a plugin can contribute, one kind a hook, and what makes a contribution a valid one."""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from cosearch.agent import Agent
from cosearch.hookspecs import hookimpl
from cosearch.problem import Problem
from cosearch.validation import Validation

BACKEND_METHODS = ("submit", "poll", "cancel", "close")


@dataclass(frozen=True)
class Kind:
    """One kind of contribution.

    Attributes:
        name: as messages call one of them.
        plural: the attribute of `Registry` and of `PluginRecord` that holds them.
        complaint: what is wrong with a contribution, or "".
        name_of: the name that a valid one is found by.
    """

    name: str
    plural: str
    complaint: Callable[[Any], str]
    name_of: Callable[[Any], str] = lambda item: str(item.name)

    @property
    def hook(self) -> str:
        """The hook that contributes it."""
        return f"cosearch_{self.plural}"


def _named(kind: str, item: type) -> str:
    name = getattr(item, "name", "")
    if not isinstance(name, str) or not name:
        return f"{kind} {item.__qualname__} has no name"
    if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", name):
        return f"{kind} name {name!r}: expected lower-case words joined by dashes"
    return ""


def _is_problem(item: Any) -> bool:
    return isinstance(item, type) and issubclass(item, Problem)


def _is_agent(item: Any) -> bool:
    return isinstance(item, type) and issubclass(item, Agent)


def _is_backend(item: Any) -> bool:
    return isinstance(item, type) and all(callable(getattr(item, method, None)) for method in BACKEND_METHODS)


def _problem_complaint(item: Any) -> str:
    if not _is_problem(item):
        return f"contributed problems must be subclasses of cosearch.Problem, not {item!r}"
    return _named("problem", item)


def _agent_complaint(item: Any) -> str:
    if not _is_agent(item):
        return f"contributed agents must be subclasses of cosearch.Agent, not {item!r}"
    return _named("agent", item)


def _backend_complaint(item: Any) -> str:
    if not isinstance(item, type):
        return f"contributed backends must be classes, not {item!r}"
    for method in BACKEND_METHODS:
        if not callable(getattr(item, method, None)):
            return f"backend {item.__qualname__} has no method {method!r}; see cosearch.run.backend.Backend"
    return _named("backend", item)


def _validation_complaint(item: Any) -> str:
    return (
        "" if isinstance(item, Validation) else f"contributed validations must be Validations, not {item!r}"
    )


KINDS = (
    Kind("problem", "problems", _problem_complaint),
    Kind("agent", "agents", _agent_complaint),
    Kind("backend", "backends", _backend_complaint),
    Kind("validation", "validations", _validation_complaint, lambda item: str(item.simulator)),
)


class Single:
    """A plugin that contributes one class, which was registered itself."""

    def __init__(self, kind: Kind, contributed: type) -> None:
        self.__name__ = contributed.__name__
        setattr(self, kind.hook, hookimpl(lambda: [contributed]))


def as_plugin(plugin: Any) -> Any:
    """The plugin itself, or for a class of a problem, an agent or a backend a plugin that contributes it."""
    for kind, is_one in zip(KINDS, (_is_problem, _is_agent, _is_backend), strict=False):
        if is_one(plugin):
            return Single(kind, plugin)
    return plugin


def origin(contributed: Any) -> str:
    """Where a contribution is defined."""
    cls = contributed if isinstance(contributed, type) else type(contributed)
    return f"{cls.__module__}.{cls.__qualname__}"


def twins(script: Any, installed: Any) -> bool:
    """Whether a class of the script that is run is an installed one: that script is a plugin's module too."""
    if not (isinstance(script, type) and isinstance(installed, type)):
        return False
    if script.__module__ != "__main__" or script.__qualname__ != installed.__qualname__:
        return False
    try:
        source, other = (inspect.getsource(sys.modules[cls.__module__]) for cls in (script, installed))
    except (OSError, TypeError):  # there is no file
        return False
    return source == other
