"""Forbidden combinations: rules over whole columns that say which designs must not be built.

A rule is an expression such as "write_low >= write_high", or a function of columns.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosearch.errors import SpaceError, hint, shown
from cosearch.space.expressions import Expression, PositionColumns
from cosearch.space.parameters import Parameter

Predicate = Callable[[Mapping[str, NDArray[Any]]], NDArray[np.bool_]]


class Forbidden:
    """A rule that no design may fulfil. It does not apply where a parameter that it reads is inactive.

    An expression knows parameter names, constants, `+ - * / // % **`, comparisons, `in`, `and or not`.
    Numbers and booleans are computed with in float64. Parameters with other values can be compared with
    their values; an Ordinal also by order: "precision < 'int8'".

    Args:
        rule: an expression, or a function that takes {name: column of values} and returns a boolean array.
        reason: one line for whoever meets the rule; the expression itself if left out.
        reads: the parameters that a function reads; if left out, those that it reads of the default design.

    Example:
        >>> Forbidden("rows * columns > 1024", reason="more processing elements than fit").reads
        ('rows', 'columns')
    """

    def __init__(
        self, rule: str | Predicate, reason: str = "", *, reads: Sequence[str] | None = None
    ) -> None:
        self.predicate = None if isinstance(rule, str) else rule
        self._expression = Expression(rule) if isinstance(rule, str) else None
        self.reads = self._expression.reads if self._expression else tuple(reads or ())
        if not isinstance(rule, str) and not callable(rule):
            raise SpaceError(
                f"forbidden rule {shown(rule)} is not allowed; expected an expression or a function"
            )
        if not isinstance(reason, str):
            raise SpaceError(
                f"forbidden {self.label!r}: reason {shown(reason)} is not allowed; expected text"
            )
        if self.predicate is not None and not reason:
            raise SpaceError("a forbidden rule that is a function needs reason='...'")
        self.reason = reason or f"forbidden: {self.expression}"

    @property
    def expression(self) -> str | None:
        """The expression, None for a function."""
        return self._expression.text if self._expression else None

    def bound(self, parameters: Mapping[str, Parameter]) -> Forbidden:
        """The rule, checked against these parameters and with `reads` known.

        Raises:
            SpaceError: it names unknown parameters, compares what cannot be compared, or returns no booleans.
        """
        for name in self.reads:
            if name not in parameters:
                raise SpaceError(
                    f"forbidden {shown(self.label)} reads unknown parameter {name!r}{hint(name, parameters)}"
                )
        rule: Forbidden = self
        if self.predicate is not None and not self.reads:
            recorder = _Recorder(parameters)
            self.predicate(recorder)
            rule = Forbidden(self.predicate, self.reason, reads=[n for n in parameters if n in recorder.read])
            if not rule.reads:
                raise SpaceError(f"forbidden {self.label!r} reads no parameter")
        try:
            rule.holds({n: (p, np.array([p.default_index])) for n, p in parameters.items()})
        except RecursionError:
            raise SpaceError(f"forbidden {self.label[:60]!r}... is nested too deeply") from None
        return rule

    @property
    def label(self) -> str:
        """The expression, or the name of the function."""
        return self.expression or str(getattr(self.predicate, "__qualname__", self.predicate))

    def holds(self, columns: PositionColumns) -> NDArray[np.bool_]:
        """Whether each design is forbidden, given (parameter, positions) for at least the names it reads."""
        mine = {name: columns[name] for name in self.reads}
        active = np.logical_and.reduce([positions >= 0 for _, positions in mine.values()])
        filled = {n: (p, np.where(i < 0, p.default_index, i)) for n, (p, i) in mine.items()}
        if self._expression:
            return active & self._expression.holds(filled)
        return active & self._called({n: p.column(i) for n, (p, i) in filled.items()}, len(active))

    def renamed(self, names: Mapping[str, str]) -> Forbidden:
        """The same rule over parameters of other names; a function goes on to see those that it knows."""
        if self._expression:
            renamed = Forbidden(self._expression.renamed(names))
            if self.reason != f"forbidden: {self.expression}":
                renamed.reason = self.reason
            return renamed
        assert self.predicate is not None
        reads = [names[name] for name in self.reads]
        return Forbidden(_renamed_function(self.predicate, self.reads, names), self.reason, reads=reads)

    def _called(self, columns: Mapping[str, NDArray[Any]], n: int) -> NDArray[np.bool_]:
        assert self.predicate is not None
        try:
            result = np.asarray(self.predicate(columns))
        except KeyError as error:
            raise SpaceError(
                f"forbidden {self.label!r} reads {error}, which it is not known to; pass reads=(...)"
            ) from None
        if result.shape != (n,) or result.dtype != np.bool_:
            raise SpaceError(
                f"forbidden {self.label!r} returned {result.dtype} of shape {result.shape}; "
                f"expected bool of shape ({n},)"
            )
        return result

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Forbidden) and (self.expression, self.predicate, self.reason) == (
            other.expression,
            other.predicate,
            other.reason,
        )

    def __hash__(self) -> int:
        return hash((self.expression, self.predicate, self.reason))

    def __repr__(self) -> str:
        return f"Forbidden({self.label!r}, reason={self.reason!r})"


class _Recorder(Mapping[str, NDArray[Any]]):
    """The columns of the default design; remembers which were read."""

    def __init__(self, parameters: Mapping[str, Parameter]) -> None:
        self._parameters = parameters
        self.read: set[str] = set()

    def __getitem__(self, name: str) -> NDArray[Any]:
        if name not in self._parameters:
            raise SpaceError(f"a forbidden rule reads unknown parameter {name!r}")
        self.read.add(name)
        parameter = self._parameters[name]
        return parameter.column(np.array([parameter.default_index]))

    def __iter__(self) -> Iterator[str]:
        return iter(self._parameters)

    def __len__(self) -> int:
        return len(self._parameters)


class Renamed:
    """A function of columns that stand under other names than it knows.

    Args:
        function: the function.
        names: {name that it knows: name of the column}.
    """

    def __init__(self, function: Predicate, names: Mapping[str, str]) -> None:
        self.function, self.names = function, dict(names)
        self.__module__ = getattr(function, "__module__", "")
        self.__qualname__ = str(getattr(function, "__qualname__", function))

    def __call__(self, columns: Mapping[str, NDArray[Any]]) -> NDArray[np.bool_]:
        """What the function says of these columns."""
        return self.function({known: columns[name] for known, name in self.names.items()})

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Renamed) and (self.function, self.names) == (other.function, other.names)

    def __hash__(self) -> int:
        return hash((self.function, *self.names.items()))


def _renamed_function(function: Predicate, reads: Sequence[str], names: Mapping[str, str]) -> Predicate:
    known = {name: name for name in reads}
    inner = function
    if isinstance(function, Renamed):
        known, inner = function.names, function.function
    known = {name: names[outer] for name, outer in known.items()}
    return inner if all(a == b for a, b in known.items()) else Renamed(inner, known)
