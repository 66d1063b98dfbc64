"""Every error that cosearch raises on purpose, one class a kind, all under `CosearchError`.

The command line prints the message of a `CosearchError` as one line and exits with code 2, so a message
says what was wrong, what was expected, the actual value and, where there is one, the nearest valid one.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class CosearchError(Exception):
    """The base of every error that a user or a plugin author can cause."""

    def __str__(self) -> str:  # KeyError would quote the message
        return str(self.args[0]) if self.args else self.__class__.__name__


class SpaceError(CosearchError, ValueError):
    """A design space that is defined wrongly, or asked for an encoding that it cannot have."""


class DesignError(CosearchError, ValueError):
    """A design that lies outside its design space."""


class UnknownNameError(CosearchError, KeyError):
    """A problem, agent, workload, parameter, metric or argument that does not exist."""


class ArgumentError(CosearchError, ValueError):
    """An argument of a problem, an agent or the command line that has a wrong value."""


class ProblemError(CosearchError, RuntimeError):
    """A problem that breaks its contract, e.g. returns the wrong metrics or shapes."""


class WorkloadError(CosearchError, ValueError):
    """A workload that cannot be read or does not fit the device."""


class AgentError(CosearchError, RuntimeError):
    """An agent that breaks its contract, or cannot search this design space."""


class StoreError(CosearchError, RuntimeError):
    """A study store that cannot be opened, read or written."""


class StudyLockedError(StoreError):
    """A study that another process is writing to."""


class PluginError(CosearchError, RuntimeError):
    """A plugin that could not be loaded or registers something invalid."""


def nearest(name: object, valid: Iterable[str]) -> str | None:
    """The valid name that is closest to `name`, or None if none is close."""
    names = [str(v) for v in valid]
    by_lower = {v.lower(): v for v in names}
    matches = difflib.get_close_matches(str(name).lower(), list(by_lower), n=1, cutoff=0.5)
    return by_lower[matches[0]] if matches else None


def unknown_name(kind: str, name: object, valid: Iterable[str]) -> UnknownNameError:
    """An `UnknownNameError` that names the nearest valid name, or lists the valid ones."""
    names = sorted(str(v) for v in valid)
    close = nearest(name, names)
    if close is not None:
        hint = f"did you mean {close!r}?"
    elif names:
        shown = ", ".join(names[:12]) + (", ..." if len(names) > 12 else "")
        hint = f"valid: {shown}"
    else:
        hint = "there is none"
    return UnknownNameError(f"unknown {kind} {name!r}; {hint}")
