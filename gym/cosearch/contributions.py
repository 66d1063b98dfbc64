"""What a plugin can contribute, one kind a hook, and what makes a contribution a valid one."""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from cosearch.agent import Agent
from cosearch.errors import PluginError
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
        is_one: whether something is a contribution of this kind.
        expected: what that is, in words.
        name_of: the name that a contribution is found by.
    """

    name: str
    plural: str
    is_one: Callable[[Any], bool]
    expected: str
    name_of: Callable[[Any], Any] = lambda item: getattr(item, "name", "")

    @property
    def hook(self) -> str:
        """The hook that contributes it."""
        return f"cosearch_{self.plural}"

    def complaint(self, item: Any) -> str:
        """What is wrong with a contribution, or ""."""
        if not self.is_one(item):
            return f"contributed {self.plural} must be {self.expected}, not {item!r}"
        name = self.name_of(item)
        if not isinstance(name, str) or not name:
            return f"{self.name} {origin(item)} has no name"
        if isinstance(item, type) and not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", name):
            return f"{self.name} name {name!r}: expected lower-case words joined by dashes"
        return ""


def _subclass_of(base: type) -> Callable[[Any], bool]:
    return lambda item: isinstance(item, type) and issubclass(item, base)


def _is_backend(item: Any) -> bool:
    return isinstance(item, type) and all(callable(getattr(item, method, None)) for method in BACKEND_METHODS)


KINDS = (
    Kind("problem", "problems", _subclass_of(Problem), "subclasses of cosearch.Problem"),
    Kind("agent", "agents", _subclass_of(Agent), "subclasses of cosearch.Agent"),
    Kind("backend", "backends", _is_backend, f"classes with the methods {', '.join(BACKEND_METHODS)}"),
    Kind(
        "validation",
        "validations",
        lambda item: isinstance(item, Validation),
        "cosearch.validation.Validation objects",
        lambda item: item.simulator,
    ),
)


class Single:
    """A plugin that contributes one thing, which was registered itself."""

    def __init__(self, kind: Kind, contributed: Any) -> None:
        self.__name__ = kind.name_of(contributed) or origin(contributed)
        setattr(self, kind.hook, hookimpl(lambda: [contributed]))


def as_plugin(plugin: Any) -> Any:
    """The plugin itself, or for what is a contribution a plugin that contributes it.

    Raises:
        PluginError: it is an object of a class that is one, or several at once.
    """
    for kind in KINDS:
        if kind.is_one(plugin):
            return Single(kind, plugin)
        if not isinstance(plugin, type) and kind.is_one(type(plugin)):
            cls = type(plugin).__name__
            raise PluginError(f"a {kind.name} is registered as its class: register({cls}), not {cls}(...)")
    if plugin is None or isinstance(plugin, (list, tuple, set, dict)):
        raise PluginError(
            f"expected one plugin, or one class of a problem, an agent or a backend, not {plugin!r:.200}"
            + ("; register each by itself" if plugin else "")
        )
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
