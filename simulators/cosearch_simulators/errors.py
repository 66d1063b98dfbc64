"""What can go wrong in a simulator, as exceptions whose message is one line that a user can act on."""

from reprlib import Repr

LONGEST_LINE = 1000
LONGEST_VALUE = 80


class SimulatorError(ValueError):
    """A simulator cannot run what it was given."""

    def __str__(self) -> str:
        """The message as one line that can be printed; of a very long one its begin and its end."""
        text = super().__str__()
        if len(text) > 2 * LONGEST_LINE:
            text = f"{text[:LONGEST_LINE]} ... {text[-LONGEST_LINE:]}"
        if not text.isprintable():  # a line end, a control character, half of a surrogate pair
            text = " ".join(text.split())
            text = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)
        half = LONGEST_LINE // 2
        return text if len(text) <= LONGEST_LINE else f"{text[:half]} ... {text[-half:]}"


class TraceError(SimulatorError):
    """A memory trace cannot be read, or what it holds cannot be simulated."""


class LongTraceError(TraceError):
    """A memory trace has more requests than are held in memory; it can be streamed."""


class ConfigurationError(SimulatorError):
    """A device or a controller is described by a value that does not exist or is out of its bounds."""


class WorkloadError(SimulatorError):
    """A network or an operator is described by something that does not exist or cannot be."""


_short = Repr()
_short.maxstring = _short.maxother = _short.maxlong = LONGEST_VALUE
_short.maxdict = _short.maxlist = _short.maxtuple = 20


def shown(value: object) -> str:
    """A value as it is quoted in a message: of a long one its begin."""
    try:
        text = _short.repr(value)
    except ValueError:  # Python writes no whole number of thousands of digits
        text = "a number of thousands of digits"
    return text if len(text) <= LONGEST_VALUE else f"{text[:LONGEST_VALUE]}..."
