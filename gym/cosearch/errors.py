"""Every error that cosearch raises on purpose, one class a kind, all under `CosearchError`.

The command line prints the message of a `CosearchError` as one line and exits with code 2, so a message
says what was wrong, what was expected, the actual value and, where there is one, the nearest valid one.
"""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Iterable

MAX_NAMES_SHOWN = 12  # of those that are valid, where none is near
# Kinds that a command lists.
LISTED = {"agent": "agents", "problem": "problems"}


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


class WorkloadWarning(UserWarning):
    """What a workload's reader does not know, and counts in a way that its message tells."""


class OutsideWarning(UserWarning):
    """A surrogate is asked about designs that are unlike what it has seen."""


class WorkloadError(CosearchError, ValueError):
    """A workload that cannot be read or does not fit the device."""


class AgentError(CosearchError, RuntimeError):
    """An agent that breaks its contract, or cannot search this design space."""


class StoreError(CosearchError, RuntimeError):
    """A study store that cannot be opened, read or written."""


class SurrogateError(CosearchError, RuntimeError):
    """A surrogate that cannot be trained, read or used: too little data, a foreign space, other units."""


class StudyLockedError(StoreError):
    """A study that another process is writing to."""


class PluginError(CosearchError, RuntimeError):
    """A plugin that could not be loaded or registers something invalid."""


def nearest(name: object, valid: Iterable[object]) -> str | None:
    """The valid name that was probably meant, or None if none is near.

    Near are names that differ in case or separators only, in one letter (two from 6 on, three from 9), or
    that go on where `name` ends; also names that have all its words, and the last part of a dotted name.

    Example:
        >>> nearest("latncy", ["latency_ns", "energy_pj"]), nearest("x", ["y", "xyz"])
        ('latency_ns', None)
    """
    wanted = _folded(str(name))
    best: tuple[float, float, str] | None = None
    for candidate in map(str, valid):
        distance = min(_distance(wanted, _folded(form)) for form in {candidate, candidate.split(".")[-1]})
        if distance < math.inf:
            alike = difflib.SequenceMatcher(None, str(name).lower(), candidate.lower()).ratio()
            rank = (-distance, alike, candidate)
            best = rank if best is None else max(best, rank)
    return best[2] if best else None


def hint(name: object, valid: Iterable[object]) -> str:
    """The end of a message about a wrong name: "; did you mean 'x'?", or "" if nothing is near."""
    close = nearest(name, valid)
    return "" if close is None else f"; did you mean {close!r}?"


def unknown_name(kind: str, name: object, valid: Iterable[object]) -> UnknownNameError:
    """An `UnknownNameError` with the nearest valid name, or else with all of them if they are few."""
    names = sorted(map(str, valid))
    end = hint(name, names)
    if not end and len(names) <= MAX_NAMES_SHOWN:
        end = f"; valid: {', '.join(names)}" if names else "; there is none"
    if not end and kind in LISTED:
        end = f"; `cosearch {LISTED[kind]}` lists them"
    return UnknownNameError(f"unknown {kind} {shown(name)}{end}")


def shown(value: object, limit: int = 120) -> str:
    """A value as messages show it: on one line, and cut where it is long."""
    try:
        text = repr(value)
    except (ValueError, RecursionError):  # an integer of thousands of digits, a list nested thousands deep
        text = f"<{type(value).__name__}>"
    return text if len(text) <= limit else f"{text[:limit]}..."


def _folded(name: str) -> str:
    return re.sub(r"[\W_]+", "_", name.lower())[:64].strip("_")


def _distance(name: str, candidate: str) -> float:
    """How far a name is from a candidate in letters, infinity if nobody would take one for the other."""
    if name.replace("_", "") == candidate.replace("_", ""):
        return 0.0
    if len(name) < 3 or len(candidate) < 3:
        return math.inf
    whole, beginning = _edits(name, candidate)
    allowed = 1 if len(name) < 6 else 2 if len(name) < 9 else 3
    if whole <= allowed:
        return whole
    if candidate.startswith(name) or beginning <= (0 if len(name) < 6 else 1):
        return beginning + 1.25
    if name.startswith(candidate) or set(name.split("_")) <= set(candidate.split("_")):
        return 1.5
    return math.inf


def _edits(a: str, b: str) -> tuple[int, int]:
    """Letters to insert, drop, replace or swap to make `b` of `a`, and the nearest beginning of `b`."""
    before: list[int] = []
    row = list(range(len(b) + 1))
    for i, letter in enumerate(a):
        before, row, above = row, [i + 1], before
        for j, other in enumerate(b):
            cost = min(before[j + 1] + 1, row[j] + 1, before[j] + (letter != other))
            if i and j and letter == b[j - 1] and a[i - 1] == other:
                cost = min(cost, above[j - 1] + 1)
            row.append(cost)
    return row[-1], min(row)
