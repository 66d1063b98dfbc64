"""The conformance check of problems."""

from __future__ import annotations

import contextlib
import inspect
import json
import pickle
import re
from typing import Any

import numpy as np

from cosearch.drawing import drawn_pictures, draws_pictures
from cosearch.errors import DesignError
from cosearch.outcomes import INFEASIBLE, reason_of
from cosearch.problem import Problem
from cosearch.run.backend import BackendOptions
from cosearch.space import DesignSpace
from cosearch.testing.conformance import ConformanceError, expect, require, require_docstring, require_name
from cosearch.testing.simulation import (
    Say,
    WholeBatches,
    check_elsewhere,
    check_inactive,
    check_simulation,
    executor,
    run,
)
from cosearch.testing.spaces import check_space

FIDELITY_NAME = re.compile(r"[a-z][a-z0-9]*([-_][a-z0-9]+)*")
# Longer than this no design of an isolated problem runs in a check.
CHECK_TIMEOUT_S = 20.0
# Units that the names of metrics end in, as they are written there.
UNIT_WORDS = ("fs", "ps", "ns", "us", "ms", "pj", "nj", "uj", "uw", "mw", "mm2", "um2", "khz", "mhz", "ghz")
# Random points among which a forbidden design is looked for.
FORBIDDEN_DRAWS = 4096


def check_problem(
    problem: Problem,
    *,
    designs: int = 12,
    seed: int = 0,
    timeout_s: float = CHECK_TIMEOUT_S,
    workers: int = 1,
    isolated: bool = False,
    memory_mb: int | None = None,
    elsewhere: bool = True,
    say: Say = lambda _: None,
) -> list[str]:
    """Check that a problem keeps its contract.

    Args:
        problem: the problem, built.
        designs: how many random designs to try; each is simulated four times at each fidelity, but at none
            that is a program which may be missing.
        seed: of the random designs.
        timeout_s: time limit for each design, where designs run in workers.
        workers: more than one run designs in worker processes, as an isolated problem's always do.
        isolated: whether designs run in worker processes though the problem does not ask for it.
        memory_mb: memory limit for each design, which then runs in a worker too.
        elsewhere: whether to evaluate in a fresh process too, which takes a second or two to start.
        say: called with what is being checked, in words.

    Returns:
        For each fidelity how long a design takes, in words, and which fidelities this machine cannot check.

    Raises:
        ConformanceError: what the contract asks, and what came back.
    """
    _check_declarations(problem)
    _check_rebuild(problem)
    notes = []
    batch = problem.space.sample(designs, np.random.default_rng(seed))
    limits = BackendOptions(workers, isolated, timeout_s, memory_mb)
    available = [fidelity for fidelity in problem.fidelity_names if not problem.missing(fidelity)]
    why = problem.missing(problem.default_fidelity)
    require(bool(available), f"problem {problem.name!r} cannot be checked on this machine: {why}")
    check_space(problem, batch)
    for fidelity in problem.fidelity_names:
        if fidelity not in available:
            notes.append(f"{fidelity}: not checked: {problem.missing(fidelity)}")
            continue
        if fidelity in problem.needs and fidelity != problem.default_fidelity:
            notes.append(f"{fidelity}: not checked: it is somebody's program")
            continue
        where = executor(problem, fidelity, limits)
        with contextlib.closing(where):
            outcomes, speed = check_simulation(problem, batch, fidelity, where, say)
            notes.append(speed)
            check_inactive(problem, fidelity, where, designs, seed, say)
        if elsewhere and isinstance(where, WholeBatches) and fidelity == available[0]:
            check_elsewhere(problem, batch, fidelity, outcomes, timeout_s)
    _check_forbidden(problem, seed, available[0])
    _check_foreign(problem, available[0])
    if problem.default_fidelity in available:
        _check_pictures(problem)
    return notes


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
        said = metric.name.rpartition("_")[2]
        expect(
            said not in UNIT_WORDS or said == _unit_word(metric.unit),
            f"{who}: metric {metric.name!r}",
            "the unit that its name ends in",
            f"unit {metric.unit!r}",
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


def _unit_word(unit: str) -> str:
    """A unit as it is written at the end of a name: mm^2 as mm2."""
    return unit.lower().replace("^", "").replace("²", "2").replace("µ", "u")


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


def _check_pictures(problem: Problem) -> None:
    if not draws_pictures(problem):
        return
    default = problem.space.default()
    limits = BackendOptions(timeout_s=CHECK_TIMEOUT_S)
    with contextlib.closing(executor(problem, problem.default_fidelity, limits)) as where:
        outcomes = run(where, problem.space.designs([default]))
    if outcomes.ok[0]:
        drawn = drawn_pictures(problem, default, timeout_s=CHECK_TIMEOUT_S if problem.isolated else None)
        why = "; ".join(drawn.missing)
        require(not why, f"problem {problem.name!r}: a picture of the default design is missing: {why}")


def _check_forbidden(problem: Problem, seed: int, fidelity: str) -> None:
    space = problem.space
    drawn = space.from_unit(np.random.default_rng(seed).random((FORBIDDEN_DRAWS, space.unit_dim)))
    forbidden = drawn[~space.allowed(drawn)][:1]
    if len(forbidden):
        outcome = problem.evaluate(forbidden, fidelity=fidelity)
        expect(
            outcome.status[0] == INFEASIBLE,
            f"problem {problem.name!r}",
            "status infeasible for a design that the space forbids",
            f"a forbidden design has status {outcome.status[0]}: {forbidden[0]}",
        )


def _check_foreign(problem: Problem, fidelity: str) -> None:
    """What is no design of the space is an error before any simulator sees it."""
    default = dict(problem.space.default())
    wrong: list[tuple[Any, str]] = [
        ([{**default, "no_such_parameter": 1}], "an unknown parameter"),
        (["x"], "a text in place of its values"),
    ]
    for foreign, what in wrong:
        try:
            problem.evaluate(foreign, fidelity=fidelity)
        except DesignError:
            continue
        except Exception as error:  # an `evaluate` of the author's own may raise anything
            came = reason_of(error)
        else:
            came = "an outcome"
        expect(False, f"problem {problem.name!r}", f"a DesignError for a design with {what}", came)
