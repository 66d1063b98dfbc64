"""The conformance check of problems."""

from __future__ import annotations

import contextlib
import inspect
import json
import pickle
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosearch.drawing import drawn_pictures, draws_pictures
from cosearch.outcomes import INFEASIBLE, OK, STATUSES, Outcomes
from cosearch.problem import Problem
from cosearch.quantities import count
from cosearch.run.backend import BackendOptions
from cosearch.run.processes import Processes
from cosearch.run.trial import Piece
from cosearch.space import Designs, DesignSpace
from cosearch.testing.conformance import ConformanceError, require, require_docstring, require_name
from cosearch.testing.rewards import check_rewards

Say = Callable[[str], None]

FIDELITY_NAME = re.compile(r"[a-z][a-z0-9]*([-_][a-z0-9]+)*")
# Longer than this no design of an isolated problem runs in a check.
CHECK_TIMEOUT_S = 20.0
# Random designs among which some with inactive parameters are looked for.
INACTIVE_DRAWS = 256
# Random points among which a forbidden design is looked for.
FORBIDDEN_DRAWS = 4096


def check_problem(
    problem: Problem,
    *,
    designs: int = 12,
    seed: int = 0,
    timeout_s: float = CHECK_TIMEOUT_S,
    workers: int = 1,
    say: Say = lambda _: None,
) -> None:
    """Check that a problem keeps its contract.

    Args:
        problem: the problem, built.
        designs: how many random designs to try; each is simulated four times at each fidelity, but at none
            that is a program which may be missing.
        seed: of the random designs.
        timeout_s: time limit for each design, where designs run in workers.
        workers: more than one run designs in worker processes, as an isolated problem's always do.
        say: called with what is being checked, in words.

    Raises:
        ConformanceError: what is wrong, in words.
    """
    _check_declarations(problem)
    _check_rebuild(problem)
    batch = problem.space.sample(designs, np.random.default_rng(seed))
    limits = BackendOptions(workers=workers, timeout_s=timeout_s)
    available = [fidelity for fidelity in problem.fidelity_names if not problem.missing(fidelity)]
    why = problem.missing(problem.default_fidelity)
    require(bool(available), f"problem {problem.name!r} cannot be checked on this machine: {why}")
    for fidelity in problem.fidelity_names:
        if fidelity not in available:
            say(f"fidelity {fidelity!r} is left out: {problem.missing(fidelity)}")
            continue
        if fidelity in problem.needs and fidelity != problem.default_fidelity:
            say(f"fidelity {fidelity!r} is left out: it is somebody's program")
            continue
        executor = _executor(problem, fidelity, limits)
        with contextlib.closing(executor):
            _check_simulation(problem, batch, fidelity, executor, say)
            _check_inactive(problem, fidelity, executor, designs, seed, say)
    _check_forbidden(problem, seed)
    _check_pictures(problem)


def _check_declarations(problem: Problem) -> None:
    who = f"problem {problem.name!r}"
    require_name(problem.name, type(problem))
    require_docstring(who, type(problem))
    require(isinstance(problem.space, DesignSpace), f"{who}: space is {problem.space!r}, not a DesignSpace")
    require(len(problem.metrics) > 0, f"{who} declares no metrics")
    for metric in problem.metrics:
        require(metric.name.isidentifier(), f"{who}: metric name {metric.name!r} is not an identifier")
        require(
            metric.unit != "", f"{who}: metric {metric.name!r} has no unit; '1' is the unit of a plain number"
        )
    names = problem.metric_names
    require(len(set(names)) == len(names), f"{who} declares a metric twice: {', '.join(names)}")
    for name in problem.measured_metrics:
        require(name in names, f"{who}: measured {name!r} is none of its metrics")
    require(len(problem.fidelity_names) > 0, f"{who} declares no fidelity")
    for fidelity in problem.fidelity_names:
        require(
            bool(FIDELITY_NAME.fullmatch(fidelity)),
            f"{who}: fidelity {fidelity!r} is no name: small letters, digits, - and _",
        )
    require(
        len(set(problem.fidelity_names)) == len(problem.fidelity_names),
        f"{who} declares a fidelity twice: {', '.join(problem.fidelity_names)}",
    )
    require(
        problem.default_fidelity in ("", *problem.fidelity_names),
        f"{who}: default_fidelity {problem.default_fidelity!r} is none of "
        f"{', '.join(problem.fidelity_names)}",
    )


def _check_rebuild(problem: Problem) -> None:
    who = f"problem {problem.name!r}"
    own = (
        inspect.signature(type(problem).__init__).parameters
        if type(problem).__init__ is not Problem.__init__
        else {}
    )
    known = {"self", *inspect.signature(Problem.__init__).parameters}
    arguments_of_its_own = [n for n, p in own.items() if n not in known and p.kind is not p.VAR_KEYWORD]
    require(
        not arguments_of_its_own,
        f"{who} takes {', '.join(arguments_of_its_own)} in a constructor of its own, so no study can build "
        "it again: declare its arguments as `Settings`, and set what depends on them in `build`",
    )
    try:
        arguments = json.loads(json.dumps(dict(problem.arguments)))
    except (TypeError, ValueError) as error:
        raise ConformanceError(
            f"{who}: its arguments are not JSON values, so no study can store them: {error}"
        ) from None
    rebuilt = type(problem)(**arguments)
    require(
        rebuilt.space == problem.space, f"{who}: built again from its arguments, it has another design space"
    )
    try:
        copy = pickle.loads(pickle.dumps(problem))
    except Exception as error:  # pickle raises whatever the author's objects raise
        raise ConformanceError(f"{who} cannot be pickled, so no worker process can run it: {error}") from None
    require(copy.space == problem.space, f"{who}: its pickled copy has another design space")


def _check_simulation(
    problem: Problem, batch: Designs, fidelity: str, executor: WholeBatches | InWorker, say: Say
) -> None:
    who = f"problem {problem.name!r} at fidelity {fidelity!r}"
    batches = (batch, batch, *(batch[i : i + 1] for i in range(len(batch))), batch[::-1])
    done, of, found = 0, sum(map(len, batches)), []
    for part in batches:
        found.append(_run(executor, part))
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
        require(
            error is not None and bool((error[together.ok] >= 0).all()),
            f"{who}: metric {name!r} is measured and has no standard error; give it in Outcomes.of",
        )
    for how, other in (
        ("evaluated again with the same seed", again),
        ("evaluated one at a time", Outcomes.concat(alone)),
        ("evaluated in reverse order", backwards.take(np.arange(len(batch))[::-1])),
    ):
        _same(who, how, batch, together, other, measured=problem.measured_metrics)


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


def _check_inactive(
    problem: Problem,
    fidelity: str,
    executor: WholeBatches | InWorker,
    designs: int,
    seed: int,
    say: Say,
) -> None:
    """A column has some value where its parameter is inactive; whatever it is, it must change nothing."""
    drawn = problem.space.sample(INACTIVE_DRAWS, np.random.default_rng([seed, 1]))
    batch = drawn[np.flatnonzero((drawn.index < 0).any(axis=1))[:designs]]
    if not len(batch):
        return
    who = f"problem {problem.name!r} at fidelity {fidelity!r}"
    say(f"{who}: {count(len(batch), 'design')} with inactive parameters")
    usual = _run(executor, batch)
    other = _run(executor, OtherInactive(batch.space, batch.index))
    for i in range(len(batch)):
        for name in usual.metrics.keys() - set(problem.measured_metrics):
            a, b = usual[name][i], other[name][i]
            names = ", ".join(n for n in problem.space.names if not batch.active(n)[i])
            require(
                bool(a == b or (np.isnan(a) and np.isnan(b))),
                f"{who}: {name} is {a!r} or {b!r} as the column of an inactive parameter ({names}) has one "
                f"value or another; mask it with `designs.active(name)`: {batch[i]}",
            )


def _check_pictures(problem: Problem) -> None:
    if not draws_pictures(problem):
        return
    default = problem.space.default()
    limits = BackendOptions(timeout_s=CHECK_TIMEOUT_S)
    with contextlib.closing(_executor(problem, problem.default_fidelity, limits)) as executor:
        outcomes = _run(executor, problem.space.designs([default]))
    if outcomes.ok[0]:
        drawn = drawn_pictures(problem, default, timeout_s=CHECK_TIMEOUT_S if problem.isolated else None)
        why = "; ".join(drawn.missing)
        require(not why, f"problem {problem.name!r}: a picture of the default design is missing: {why}")


def _executor(problem: Problem, fidelity: str, limits: BackendOptions) -> WholeBatches | InWorker:
    """Worker processes with a time limit for a problem that may hang, else batches as they are."""
    if problem.isolated or limits.workers > 1:
        return InWorker(problem, fidelity, limits)
    return WholeBatches(problem, fidelity)


class WholeBatches:
    """Evaluates in this process, each batch at once: it is batches that are checked."""

    def __init__(self, problem: Problem, fidelity: str) -> None:
        self.problem, self.fidelity = problem, fidelity

    def run(self, designs: Designs) -> Iterator[tuple[NDArray[np.int64], Outcomes]]:
        """One piece."""
        yield np.arange(len(designs)), self.problem.evaluate(designs, fidelity=self.fidelity, seed=0)

    def close(self) -> None:
        """Nothing to end."""


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


def _run(executor: WholeBatches | InWorker, designs: Designs) -> Outcomes:
    rows, pieces = zip(*executor.run(designs), strict=True)
    return Outcomes.concat(pieces).take(np.argsort(np.concatenate(rows)))


def _check_outcomes(who: str, outcomes: Outcomes, metrics: Sequence[str], n: int) -> None:
    require(
        set(outcomes.metrics) == set(metrics),
        f"{who} returns {sorted(outcomes.metrics)}, declares {sorted(metrics)}",
    )
    require(len(outcomes) == n, f"{who} returns {len(outcomes)} outcomes for {n} designs")
    for i in range(n):
        status, reason = outcomes.status[i], outcomes.reason[i]
        require(status in STATUSES, f"{who}: status {status!r} is none of {', '.join(STATUSES)}")
        require(
            (status == OK) == (reason == ""),
            f"{who}: status {status!r} with reason {reason!r}; only ok has none",
        )
        for name, column in outcomes.metrics.items():
            finite = bool(np.isfinite(column[i]))
            require(
                finite == (status == OK),
                f"{who}: metric {name!r} is {column[i]} where the status is {status}",
            )


def _same(
    who: str, how: str, batch: Designs, first: Outcomes, second: Outcomes, *, measured: Sequence[str]
) -> None:
    """The same bits, but for the metrics that are measured."""
    for i in range(len(batch)):
        require(
            first.status[i] == second.status[i],
            f"{who}: a design {how} has status {second.status[i]}, not {first.status[i]}: {batch[i]}",
        )
        for name in first.metrics.keys() - set(measured):
            a, b = first[name][i], second[name][i]
            equal = a == b or (np.isnan(a) and np.isnan(b))
            require(bool(equal), f"{who}: a design {how} has {name} {b!r}, not {a!r}: {batch[i]}")


def _check_forbidden(problem: Problem, seed: int) -> None:
    space = problem.space
    drawn = space.from_unit(np.random.default_rng(seed).random((FORBIDDEN_DRAWS, space.unit_dim)))
    forbidden = drawn[~space.allowed(drawn)][:1]
    if len(forbidden):
        outcome = problem.evaluate(forbidden)
        require(
            outcome.status[0] == INFEASIBLE,
            f"problem {problem.name!r}: a forbidden design has status {outcome.status[0]}, not infeasible: "
            f"{forbidden[0]}",
        )
