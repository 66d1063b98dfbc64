"""The conformance check of an engine: what every simulator owes whoever searches it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from cosearch_simulators.core.result import OK, STATUSES, Result
from cosearch_simulators.errors import LONGEST_LINE


class Batch(Protocol):
    """Designs of which rows can be taken, as a `Columns` is."""

    def __len__(self) -> int: ...

    def take(self, rows: Any) -> Self:
        """These rows, in this order."""


class SimulatorCheckError(AssertionError):
    """A simulator breaks what it promises; the message says what."""


def check_simulator(
    evaluate: Callable[[Any, int], Result],
    designs: Batch,
    units: Mapping[str, str],
    *,
    broken: Sequence[int] = (),
    threads: Sequence[int] = (1, 2, 3),
) -> Result:
    """Check that a design's numbers depend on nothing but the design.

    Checked are the shape of the result, its units, determinism, that neither batch, order nor threads change
    a bit, and that a design that cannot run is marked and spoils no other.

    Args:
        evaluate: takes designs and how many threads.
        designs: at least two, the broken ones among them.
        units: of every metric, "1" of a plain number.
        broken: rows that cannot run.
        threads: how many to try.

    Raises:
        SimulatorCheckError: what is wrong, in words.
    """
    number = len(designs)
    _require(number > 1, "expected at least two designs")
    whole = evaluate(designs, 1)
    _check_shape(whole, number, units)
    _require(
        set(np.flatnonzero(~whole.ok)) == set(broken),
        f"designs {np.flatnonzero(~whole.ok).tolist()} could not run, expected {sorted(broken)}: "
        f"{list(whole.reason[~whole.ok][:2])}",
    )
    _same("a second run", whole, evaluate(designs, 1))
    for count in threads:
        _same(f"{count} threads", whole, evaluate(designs, count))
    rows = np.arange(number)
    _same("another order", whole.take(rows[::-1]), evaluate(designs.take(rows[::-1]), 1))
    for row in rows:
        alone = np.array([row])
        _same(f"design {row} alone", whole.take(alone), evaluate(designs.take(alone), 1))
    _same("every design twice", whole.take(np.repeat(rows, 2)), evaluate(designs.take(np.repeat(rows, 2)), 2))
    if len(broken):
        able = rows[whole.ok]
        _same("without the broken designs", whole.take(able), evaluate(designs.take(able), 1))
    return whole


def _check_shape(found: Result, number: int, units: Mapping[str, str]) -> None:
    _require(isinstance(found, Result), f"evaluate returned a {type(found).__name__}, expected a Result")
    _require(len(found) == number, f"{number} designs gave {len(found)} rows")
    _require(
        set(found.metrics) == set(units),
        f"metrics and units differ in {sorted(set(found.metrics) ^ set(units))}",
    )
    _require(
        all(units.values()),
        f"no unit: {[name for name in units if not units[name]]}; '1' is a plain number's",
    )
    for name, column in found.metrics.items():
        _require(
            column.dtype == np.float64 and column.shape == (number,),
            f"{name} is {column.dtype} {column.shape}, expected float64 ({number},)",
        )
        _require(bool(np.isfinite(column[found.ok]).all()), f"{name} is not finite where a design could run")
        _require(bool(np.isnan(column[~found.ok]).all()), f"{name} is a number where a design could not run")
    for row in range(number):
        _require(0 <= found.codes[row] < len(STATUSES), f"status code {found.codes[row]} does not exist")
        text = found.reason[row]
        _require(isinstance(text, str), f"the reason of design {row} is a {type(text).__name__}")
        _require(
            (text == "") == (found.codes[row] == OK),
            f"design {row} is {found.status[row]} with the reason {text!r}",
        )
        _require(
            text == "" or (text.isprintable() and len(text) <= LONGEST_LINE),
            f"the reason of design {row} is no line of at most {LONGEST_LINE} characters",
        )


def _same(how: str, expected: Result, found: Result) -> None:
    _require(len(found) == len(expected), f"{how}: {len(found)} rows, expected {len(expected)}")
    _require(list(found.reason) == list(expected.reason), f"{how} changes the reasons")
    for name, column in expected.metrics.items():
        changed = np.flatnonzero(_bits(column) != _bits(found[name]))
        _require(
            changed.size == 0,
            f"{how} changes {name}: "
            + "; ".join(f"row {row}: {column[row]!r} became {found[name][row]!r}" for row in changed[:2]),
        )


def _bits(column: NDArray[np.float64]) -> NDArray[np.int64]:
    return np.where(np.isnan(column), np.nan, column).view(np.int64)


def _require(holds: bool, text: str) -> None:
    if not holds:
        raise SimulatorCheckError(text)
