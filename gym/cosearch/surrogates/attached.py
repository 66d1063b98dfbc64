"""A surrogate as a fidelity of its problem, so that every agent and environment can use it like any other.

The fidelity is called `surrogate` and stands before the problem's own, or, where the surrogate starts from
one of them, behind that one. A design that is probably not valid is `infeasible` there.
"""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from cosearch.errors import OutsideWarning, SurrogateError, nearest, unknown_name
from cosearch.fidelity import Fidelity
from cosearch.outcomes import INFEASIBLE_CODE, OK_CODE, Outcomes
from cosearch.settings import unusual
from cosearch.space import Designs, DesignSpace
from cosearch.surrogates.file import load
from cosearch.surrogates.naming import DIGEST_MARK, SURROGATE

COST = 0.01
"""Of an evaluation, at most, beside the best fidelity: it takes far less, but agents ask all that is free."""


class Attached:
    """A surrogate that answers for a problem.

    Args:
        path: of its file.

    Raises:
        SurrogateError: if the file cannot be used.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = str(Path(path).expanduser().absolute())
        self.surrogate = load(self.path)
        self._digest = hashlib.sha256(Path(self.path).read_bytes()).hexdigest()
        self._said: set[str] = set()

    @property
    def digest_part(self) -> str:
        """What the file adds to a workload's digest: a study notices when it changes."""
        return DIGEST_MARK + self._digest

    def check(self, problem: Any) -> None:
        """Whether it is of this problem.

        Raises:
            SurrogateError: for another problem, version, space, workload or unit.
        """
        origin = self.surrogate.origin
        name, here = problem.name, f"surrogate {self.path}"
        if difference := _difference(self.surrogate.space, problem.space):
            raise SurrogateError(
                f"{here} is of {origin.problem}, not of {name}, which has another design space: {difference}"
            )
        if (origin.problem, origin.version) != (name, problem.version):
            raise SurrogateError(
                f"{here} is of problem {origin.problem} v{origin.version}, not of {name} v{problem.version}"
            )
        for metric in problem.metrics:
            unit = dict(origin.metrics).get(metric.name)
            if unit is None:
                raise SurrogateError(f"{here} does not predict {metric.name}")
            if unit != metric.unit:
                raise SurrogateError(f"{here} has {metric.name} in {unit}, problem {name} in {metric.unit}")
        if origin.workload_digest != problem.workload_digest:
            raise SurrogateError(f"{here} was trained on another workload: its files differ")
        theirs = unusual(problem.Settings, origin.arguments)
        if theirs != (mine := unusual(problem.Settings, problem.arguments)):
            raise SurrogateError(
                f"{here} was trained with other arguments of the problem: {_listed(theirs)}; "
                f"here: {_listed(mine)}"
            )

    def fidelities(self, own: Sequence[Fidelity]) -> tuple[Fidelity, ...]:
        """The problem's fidelities with this one in its place.

        Raises:
            SurrogateError: if the problem lacks the fidelity that it starts from.
        """
        names = [one.name for one in own]
        origin = self.surrogate.origin
        place, cost = 0, min(COST, min(one.cost for one in own) / 2)
        if origin.base:
            if origin.base not in names:
                raise unknown_name("fidelity that the surrogate starts from", origin.base, names)
            place = names.index(origin.base) + 1
            cost += own[place - 1].cost
        about = f"learned from {origin.designs:,} designs at {origin.fidelity}"
        if origin.base:
            about += f", starting from {origin.base}"
        return (*own[:place], Fidelity(SURROGATE, cost, about), *own[place:])

    def simulate(self, designs: Designs, rough: Callable[[], Outcomes] | None) -> Outcomes:
        """The outcomes of designs; what lies outside of what was seen is said in a warning.

        Args:
            designs: n allowed designs.
            rough: gives their outcomes at the fidelity that the surrogate starts from.
        """
        surrogate = self.surrogate
        designs = surrogate.space.from_index(designs.index)
        names = surrogate.origin.metric_names
        base, codes = None, np.zeros(len(designs), dtype=np.int8)
        reason = np.full(len(designs), "", dtype=object)
        if surrogate.base is not None and rough is not None:
            outcomes = rough()
            codes, reason = outcomes.codes.copy(), outcomes.reason.copy()
            base = np.stack([outcomes.metrics[name] for name in names], axis=1)
            base[codes != OK_CODE] = 1.0
        found = surrogate.predict(designs, base)
        doubtful = (found.valid < 0.5) & (codes == OK_CODE)
        for i in np.flatnonzero(doubtful).tolist():
            reason[i] = f"the surrogate gives it a probability of {found.valid[i]:.2f} to be valid"
        codes[doubtful] = INFEASIBLE_CODE
        self._warn(found.outside[codes == OK_CODE])
        values, errors = dict(found.metrics), dict(found.standard_error)
        if surrogate.table is not None:  # the same numbers as in large batches
            rows = surrogate.table.rows(designs.index)
            values = {name: rows[:, j].copy() for j, name in enumerate(names)}
        for column in (*values.values(), *errors.values()):
            column[codes != OK_CODE] = np.nan
        return Outcomes(values, codes, reason, standard_error=errors)

    def _warn(self, outside: np.ndarray[Any, Any]) -> None:
        """Say once for each reason what it was asked that it cannot know."""
        reasons, counts = np.unique(outside[outside != ""].astype(str), return_counts=True)
        for reason, n in zip(reasons.tolist(), counts.tolist(), strict=True):
            if reason not in self._said:
                self._said.add(reason)
                warnings.warn(
                    f"surrogate {Path(self.path).name} is asked outside of what it has seen "
                    f"({n} of {len(outside)} designs of a batch: {reason}); its errors there are unknown",
                    OutsideWarning,
                    stacklevel=2,
                )


def _listed(arguments: dict[str, Any]) -> str:
    return ", ".join(f"{name}={value}" for name, value in arguments.items()) or "the defaults"


def _difference(mine: DesignSpace, other: DesignSpace) -> str:
    """What is different in two spaces, "" if nothing is."""
    for name in other.names:
        if name not in mine.names:
            close = nearest(name, mine.names)
            return f"it has no parameter {name!r}" + (f", but {close!r}" if close else "")
    for name in mine.names:
        if name not in other.names:
            return f"it has a parameter {name!r}"
        if mine[name] != other[name]:
            return f"parameter {name!r} has other values"
    return "" if mine.names == other.names else "its parameters stand in another order"
