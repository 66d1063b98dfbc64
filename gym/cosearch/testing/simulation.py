"""The conformance check of `simulate`: what it returns, and that it repeats itself, here and elsewhere."""

from __future__ import annotations

import contextlib
import copy
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosearch.errors import ProblemError
from cosearch.outcomes import CONTRACT, OK, STATUSES, Outcomes, reason_of
from cosearch.problem import Problem
from cosearch.quantities import count, quantity
from cosearch.run.backend import BackendOptions
from cosearch.run.processes import Processes
from cosearch.run.trial import Piece
from cosearch.space import Designs
from cosearch.testing.conformance import expect, require
from cosearch.testing.rewards import check_rewards

Say = Callable[[str], None]
# Random designs among which some with inactive parameters are looked for.
INACTIVE_DRAWS = 256
# Designs that are run in another process and compared.
ELSEWHERE = 2
COLUMNS = "one column of n finite numbers for each metric, or Outcomes, from one call for n designs"


class WholeBatches:
    """Evaluates in this process, each batch at once: it is batches that are checked.

    What `simulate` returns is looked at before anything makes it fit.
    """

    def __init__(self, problem: Problem, fidelity: str) -> None:
        self.problem, self.fidelity = copy.copy(problem), fidelity
        self.who = f"problem {problem.name!r} at fidelity {fidelity!r}: simulate"
        self._simulate = problem.simulate
        self.problem.simulate = self._watched  # type: ignore[method-assign]
        self._raised = self._complaint = ""

    def run(self, designs: Designs) -> Iterator[tuple[NDArray[np.int64], Outcomes]]:
        """One piece."""
        self._raised = self._complaint = ""
        outcomes = self.problem.evaluate(designs, fidelity=self.fidelity, seed=0)
        expect(not self._complaint, self.who, COLUMNS, self._complaint)
        expect(
            not self._raised or not outcomes.ok.all(), self.who, COLUMNS,
            f"{self._raised} for {count(len(designs), 'design')}, of which none raises alone",
        )  # fmt: skip
        yield np.arange(len(designs)), outcomes

    def close(self) -> None:
        """Nothing to end."""

    def _watched(self, designs: Designs, *, fidelity: str, seed: int) -> Any:
        try:
            returned = self._simulate(designs, fidelity=fidelity, seed=seed)
        except Exception as error:  # the author's simulator may raise anything
            self._raised = self._raised or reason_of(error)
            raise
        complaint = column_complaint(returned, self.problem.metric_names, len(designs))
        if complaint and not self._complaint:  # raised here, it would be taken for the simulator's own error
            self._complaint = f"{complaint}, for {count(len(designs), 'design')}"
        return returned


def column_complaint(returned: Any, metrics: Sequence[str], n: int) -> str:
    """What is wrong with what `simulate` returns for n designs, as what came back; empty if nothing is."""
    if isinstance(returned, Outcomes):
        columns, ok = returned.metrics, returned.ok
        if len(returned) != n:
            return f"Outcomes of {count(len(returned), 'design')}"
    elif isinstance(returned, Mapping):
        columns, ok = returned, np.ones(n, dtype=bool)
    else:
        return "nothing" if returned is None else f"a {type(returned).__name__}"
    missing = [name for name in metrics if name not in columns]
    more = [str(name) for name in columns if name not in metrics]
    if missing or more:
        parts = [f"no {', '.join(missing)}"] if missing else []
        parts += [f"{', '.join(more)}, which no metric is called"] if more else []
        return " and ".join(parts)
    for name, values in columns.items():
        try:
            column = np.asarray(values)
        except Exception as error:  # lists of lists of unequal lengths, and whatever else
            return f"{name!r} that is no array ({reason_of(error)})"
        if column.shape != (n,):
            return f"{name!r} of shape {column.shape}, not {(n,)}"
        if column.dtype.kind not in "biuf":
            return f"{name!r} of dtype {column.dtype}: {column.ravel()[:1].tolist()[0]!r}"
        bad = ok & ~np.isfinite(column.astype(np.float64))
        if bad.any():
            return (
                f"{name!r} that is {column[bad][0]} (a design that cannot be evaluated is infeasible, with "
                "its reason: Outcomes.of(metrics, errors=[...]))"
            )
    return ""


class InWorker:
    """Evaluates in worker processes, design by design under a time limit."""

    def __init__(self, problem: Problem, fidelity: str, limits: BackendOptions) -> None:
        self.backend = Processes(problem, limits)
        self.fidelity = fidelity

    def run(self, designs: Designs) -> Iterator[tuple[NDArray[np.int64], Outcomes]]:
        """Each design as soon as it is done."""
        for i in range(len(designs)):
            self.backend.submit(Piece(np.arange(i, i + 1), designs[i : i + 1], self.fidelity, 0))
        while found := self.backend.poll():
            for done in found:
                yield done.numbers, done.outcomes

    def close(self) -> None:
        """End the worker."""
        self.backend.close()


def executor(problem: Problem, fidelity: str, limits: BackendOptions) -> WholeBatches | InWorker:
    """Worker processes with a time limit where asked for, or a problem may hang; else batches as they are."""
    if problem.isolated or limits.isolated or limits.workers > 1 or limits.memory_mb is not None:
        return InWorker(problem, fidelity, limits)
    return WholeBatches(problem, fidelity)


def run(where: WholeBatches | InWorker, designs: Designs) -> Outcomes:
    """The outcomes of designs, in their order."""
    rows, pieces = zip(*where.run(designs), strict=True)
    return Outcomes.concat(pieces).take(np.argsort(np.concatenate(rows)))


def check_simulation(
    problem: Problem, batch: Designs, fidelity: str, where: WholeBatches | InWorker, say: Say
) -> tuple[Outcomes, str]:
    """Check that designs have the same outcomes again, alone, and in another order.

    Returns:
        The outcomes, and how long a design takes in a batch and alone, in words.
    """
    who = f"problem {problem.name!r} at fidelity {fidelity!r}"
    batches = (batch, batch, *(batch[i : i + 1] for i in range(len(batch))), batch[::-1])
    done, of, found, seconds = 0, sum(map(len, batches)), [], []
    for part in batches:
        began = time.perf_counter()
        found.append(run(where, part))
        seconds.append(time.perf_counter() - began)
        done += len(part)
        say(f"{who}: {done} of {of} evaluations")
    together, again, *alone, backwards = found
    _check_outcomes(who, together, problem.metric_names, len(batch))
    require(
        bool(together.ok.any()),
        f"{who}: none of {len(batch)} random designs has status ok; "
        f"the first is {together.status[0]}: {together.reason[0]}",
    )
    check_rewards(problem, together)
    for name in problem.measured_metrics:
        error = together.standard_error.get(name)
        expect(
            error is not None and bool((error[together.ok] >= 0).all()),
            f"{who}: metric {name!r}",
            "a standard error of what is measured; give it in Outcomes.of",
            "none" if error is None else "one below 0",
        )
    for how, other in (
        ("evaluated again with the same seed", again),
        ("evaluated one at a time", Outcomes.concat(alone)),
        ("evaluated in reverse order", backwards.take(np.arange(len(batch))[::-1])),
    ):
        same(who, how, batch, together, other, problem.measured_metrics)
    in_a_batch = quantity(seconds[1] / len(batch), "s", 2)
    by_itself = quantity(float(np.median(seconds[2:-1])), "s", 2)
    return together, f"{fidelity}: {in_a_batch} for each of {len(batch)} designs, {by_itself} for one alone"


def check_elsewhere(
    problem: Problem, batch: Designs, fidelity: str, here: Outcomes, timeout_s: float
) -> None:
    """Check that a fresh process, to which the problem is sent, finds the same numbers."""
    who = f"problem {problem.name!r} at fidelity {fidelity!r}"
    asked = "a problem that another process can import and run"
    some = np.flatnonzero(here.ok)[:ELSEWHERE]
    try:
        with contextlib.closing(InWorker(problem, fidelity, BackendOptions(timeout_s=timeout_s))) as worker:
            there = run(worker, batch[some])
    except ProblemError as error:
        expect(False, who, asked, str(error))
    else:
        how = "evaluated in another process"
        same(who, how, batch[some], here.take(some), there, problem.measured_metrics)


class OtherInactive(Designs):
    """Designs whose columns have another value than usual where a parameter is inactive."""

    __slots__ = ()

    def column(self, name: str) -> NDArray[Any]:
        """The values of a parameter, the one after its default where inactive."""
        number = self.space.column_number(name)
        parameter, positions = self.space.parameters[number], self.index[:, number]
        return parameter.column(
            np.where(positions < 0, (parameter.default_index + 1) % parameter.size, positions)
        )


def check_inactive(
    problem: Problem, fidelity: str, where: WholeBatches | InWorker, designs: int, seed: int, say: Say
) -> None:
    """A column has some value where its parameter is inactive; whatever it is, it must change nothing."""
    drawn = problem.space.sample(INACTIVE_DRAWS, np.random.default_rng([seed, 1]))
    batch = drawn[np.flatnonzero((drawn.index < 0).any(axis=1))[:designs]]
    if not len(batch):
        return
    who = f"problem {problem.name!r} at fidelity {fidelity!r}"
    say(f"{who}: {count(len(batch), 'design')} with inactive parameters")
    usual = run(where, batch)
    other = run(where, OtherInactive(batch.space, batch.index))
    for i in range(len(batch)):
        for name in usual.metrics.keys() - set(problem.measured_metrics):
            a, b = usual[name][i], other[name][i]
            names = ", ".join(n for n in problem.space.names if not batch.active(n)[i])
            require(
                bool(a == b or (np.isnan(a) and np.isnan(b))),
                f"{who}: {name} is {a!r} or {b!r} as the column of an inactive parameter ({names}) has one "
                f"value or another; mask it with `designs.active(name)`: {batch[i]}",
            )


def _check_outcomes(who: str, outcomes: Outcomes, metrics: Sequence[str], n: int) -> None:
    require(
        set(outcomes.metrics) == set(metrics),
        f"{who} returns {sorted(outcomes.metrics)}, declares {sorted(metrics)}",
    )
    require(len(outcomes) == n, f"{who} returns {len(outcomes)} outcomes for {n} designs")
    for i in range(n):
        status, reason = outcomes.status[i], str(outcomes.reason[i])
        expect(not reason.startswith(CONTRACT), f"{who}: simulate", COLUMNS, reason.removeprefix(CONTRACT))
        require(status in STATUSES, f"{who}: status {status!r} is none of {', '.join(STATUSES)}")
        require(
            (status == OK) == (reason == ""),
            f"{who}: status {status!r} with reason {reason!r}; only ok has none",
        )
        for name, column in outcomes.metrics.items():
            finite = bool(np.isfinite(column[i]))
            expect(
                finite == (status == OK), who, "finite metrics where the status is ok, and NaN elsewhere",
                f"metric {name!r} is {column[i]} where the status is {status}",
            )  # fmt: skip


def same(
    who: str, how: str, batch: Designs, first: Outcomes, second: Outcomes, measured: Sequence[str] = ()
) -> None:
    """Check that two evaluations of the same designs agree bit for bit, but for what is measured."""
    asked = "the same numbers for the same design, fidelity and seed, bit for bit"
    for i in range(len(batch)):
        expect(
            first.status[i] == second.status[i], who, asked,
            f"a design {how} has status {second.status[i]}, not {first.status[i]}: {batch[i]}"
            + (f" ({second.reason[i]})" if second.reason[i] else ""),
        )  # fmt: skip
        for name in first.metrics.keys() - set(measured):
            a, b = first[name][i], second[name][i]
            equal = a == b or (np.isnan(a) and np.isnan(b))
            expect(bool(equal), who, asked, f"a design {how} has {name} {b!r}, not {a!r}: {batch[i]}")
