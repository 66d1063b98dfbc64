"""What can go wrong in a simulator, as exceptions whose message is one line that a user can act on."""

from collections.abc import Iterable
from difflib import get_close_matches


class SimulatorError(ValueError):
    """A simulator cannot run what it was given."""


class TraceError(SimulatorError):
    """A memory trace cannot be read, or what it holds cannot be simulated."""


class ConfigurationError(SimulatorError):
    """A device or a controller is described by a value that does not exist or is out of its bounds."""


class WorkloadError(SimulatorError):
    """A network or an operator is described by something that does not exist or cannot be."""


def nearest_or_all(name: object, known: Iterable[str]) -> str:
    """How a line on an unknown name ends: "the nearest is 'relu'", or all names where none is like it."""
    names = {entry.casefold(): entry for entry in known}
    close = get_close_matches(str(name).casefold(), names, n=1, cutoff=0.5)
    return f"the nearest is {names[close[0]]!r}" if close else f"expected one of {', '.join(names.values())}"
