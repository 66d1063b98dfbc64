"""The conformance kit for plugin authors: `check_problem` and `check_agent`, as `check_env` is for Gymnasium.

Each runs many small checks and raises a `ConformanceError` at the first that fails, which says what is
wrong and what was expected. Every built-in problem and agent passes them in cosearch's own tests.

Example:
    ```python
    from cosearch.testing import check_agent, check_problem

    def test_my_plugin():
        check_problem(Sphere())
        check_agent(MyAgent)
    ```
"""

from __future__ import annotations

import contextlib
import json
import pickle
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosearch.agent import Agent
from cosearch.drawing import drawn_pictures, draws_pictures
from cosearch.errors import CosearchError
from cosearch.executor import Executor, ProcessExecutor
from cosearch.objectives import Constraint, Objective
from cosearch.outcomes import FAILED, INFEASIBLE, OK, STATUSES, Outcomes
from cosearch.problem import Problem
from cosearch.space import Categorical, Designs, DesignSpace, Forbidden, Integer, Ordinal, Permutation, Real

FIDELITY_NAME = re.compile(r"[a-z][a-z0-9]*([-_][a-z0-9]+)*")
KEBAB_CASE = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
# Longer than this no design of an isolated problem runs in a check.
CHECK_TIMEOUT_S = 20.0
# Random points among which a forbidden design is looked for.
FORBIDDEN_DRAWS = 4096


class ConformanceError(CosearchError, AssertionError):
    """A problem or an agent that does not do what its contract says."""


# ---------------------------------------------------------------------------------------------- problems


def check_problem(problem: Problem, *, designs: int = 12, seed: int = 0) -> None:
    """Check that a problem keeps its contract.

    Args:
        problem: the problem, built.
        designs: how many random designs to try; each is simulated four times a fidelity.
        seed: of the random designs.

    Raises:
        ConformanceError: what is wrong, in words.
    """
    _check_declarations(problem)
    _check_rebuild(problem)
    batch = problem.space.sample(designs, np.random.default_rng(seed))
    for fidelity in problem.fidelities:
        _check_simulation(problem, batch, fidelity)
    _check_forbidden(problem, seed)
    _check_pictures(problem)


def _check_declarations(problem: Problem) -> None:
    who = f"problem {problem.name!r}"
    _name(problem.name, type(problem))
    _require_docstring(who, type(problem))
    _require(isinstance(problem.space, DesignSpace), f"{who}: space is {problem.space!r}, not a DesignSpace")
    _require(len(problem.metrics) > 0, f"{who} declares no metrics")
    for metric in problem.metrics:
        _require(metric.name.isidentifier(), f"{who}: metric name {metric.name!r} is not an identifier")
        _require(
            metric.unit != "", f"{who}: metric {metric.name!r} has no unit; '1' is the unit of a plain number"
        )
    names = problem.metric_names
    _require(len(set(names)) == len(names), f"{who} declares a metric twice: {', '.join(names)}")
    _require(len(problem.fidelities) > 0, f"{who} declares no fidelity")
    for fidelity in problem.fidelities:
        _require(
            bool(FIDELITY_NAME.fullmatch(fidelity)),
            f"{who}: fidelity {fidelity!r} is no name: small letters, digits, - and _",
        )
    _require(
        len(set(problem.fidelities)) == len(problem.fidelities),
        f"{who} declares a fidelity twice: {', '.join(problem.fidelities)}",
    )
    _require(
        problem.default_fidelity in ("", *problem.fidelities),
        f"{who}: default_fidelity {problem.default_fidelity!r} is none of {', '.join(problem.fidelities)}",
    )
    for group, members in problem.groups.items():
        for member in members:
            _require(member in problem.space, f"{who}: group {group!r} names unknown parameter {member!r}")


def _check_rebuild(problem: Problem) -> None:
    who = f"problem {problem.name!r}"
    try:
        arguments = json.loads(json.dumps(dict(problem.arguments)))
    except (TypeError, ValueError) as error:
        raise ConformanceError(
            f"{who}: its arguments are not JSON values, so no study can store them: {error}"
        ) from None
    rebuilt = type(problem)(**arguments)
    _require(
        rebuilt.space == problem.space, f"{who}: built again from its arguments, it has another design space"
    )
    try:
        copy = pickle.loads(pickle.dumps(problem))
    except Exception as error:  # pickle raises whatever the author's objects raise
        raise ConformanceError(f"{who} cannot be pickled, so no worker process can run it: {error}") from None
    _require(copy.space == problem.space, f"{who}: its pickled copy has another design space")


def _check_simulation(problem: Problem, batch: Designs, fidelity: str) -> None:
    who = f"problem {problem.name!r} at fidelity {fidelity!r}"
    with contextlib.closing(_executor(problem, fidelity)) as executor:
        together, again, *alone, backwards = (
            _run(executor, designs)
            for designs in (batch, batch, *(batch[i : i + 1] for i in range(len(batch))), batch[::-1])
        )
    _check_outcomes(who, together, problem.metric_names, len(batch))
    _require(
        bool(together.ok.any()),
        f"{who}: none of {len(batch)} random designs has status ok; "
        f"the first is {together.status[0]}: {together.reason[0]}",
    )
    _same(who, "evaluated again with the same seed", batch, together, again)
    _same(who, "evaluated one at a time", batch, together, Outcomes.concat(alone))
    _same(who, "evaluated in reverse order", batch, together, backwards.take(np.arange(len(batch))[::-1]))


def _check_pictures(problem: Problem) -> None:
    if not draws_pictures(problem):
        return
    default = problem.space.default()
    with contextlib.closing(
        _executor(problem, problem.default_fidelity or problem.fidelities[0])
    ) as executor:
        outcomes = _run(executor, problem.space.designs([default]))
    if outcomes.ok[0]:
        drawn = drawn_pictures(problem, default, timeout_s=CHECK_TIMEOUT_S if problem.isolated else None)
        why = "; ".join(drawn.missing)
        _require(not why, f"problem {problem.name!r}: a picture of the default design is missing: {why}")


def _executor(problem: Problem, fidelity: str) -> Executor:
    """Worker processes with a time limit for a problem that may hang, else batches as they are."""
    if problem.isolated:
        return ProcessExecutor(problem, fidelity=fidelity, timeout_s=CHECK_TIMEOUT_S)
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


def _run(executor: Executor, designs: Designs) -> Outcomes:
    rows, pieces = zip(*executor.run(designs), strict=True)
    return Outcomes.concat(pieces).take(np.argsort(np.concatenate(rows)))


def _check_outcomes(who: str, outcomes: Outcomes, metrics: Sequence[str], n: int) -> None:
    _require(
        set(outcomes.metrics) == set(metrics),
        f"{who} returns {sorted(outcomes.metrics)}, declares {sorted(metrics)}",
    )
    _require(len(outcomes) == n, f"{who} returns {len(outcomes)} outcomes for {n} designs")
    for i in range(n):
        status, reason = outcomes.status[i], outcomes.reason[i]
        _require(status in STATUSES, f"{who}: status {status!r} is none of {', '.join(STATUSES)}")
        _require(
            (status == OK) == (reason == ""),
            f"{who}: status {status!r} with reason {reason!r}; only ok has none",
        )
        for name, column in outcomes.metrics.items():
            finite = bool(np.isfinite(column[i]))
            _require(
                finite == (status == OK),
                f"{who}: metric {name!r} is {column[i]} where the status is {status}",
            )


def _same(who: str, how: str, batch: Designs, first: Outcomes, second: Outcomes) -> None:
    for i in range(len(batch)):
        _require(
            first.status[i] == second.status[i],
            f"{who}: a design {how} has status {second.status[i]}, not {first.status[i]}: {batch[i]}",
        )
        for name in first.metrics:
            a, b = first[name][i], second[name][i]
            equal = a == b or (np.isnan(a) and np.isnan(b))
            _require(bool(equal), f"{who}: a design {how} has {name} {b!r}, not {a!r}: {batch[i]}")


def _check_forbidden(problem: Problem, seed: int) -> None:
    space = problem.space
    drawn = space.from_unit(np.random.default_rng(seed).random((FORBIDDEN_DRAWS, space.unit_dim)))
    forbidden = drawn[~space.allowed(drawn)][:1]
    if len(forbidden):
        outcome = problem.evaluate(forbidden)
        _require(
            outcome.status[0] == INFEASIBLE,
            f"problem {problem.name!r}: a forbidden design has status {outcome.status[0]}, not infeasible: "
            f"{forbidden[0]}",
        )


# ------------------------------------------------------------------------------------------------ agents


@dataclass(frozen=True)
class Landscape:
    """A small thing to search, with outcomes of every status, for checks of agents.

    Attributes:
        name: what it has that others have not.
        space: the design space.
        objectives: one or more.
        constraints: possibly none.
        evaluate: the outcomes of designs.
    """

    name: str
    space: DesignSpace
    objectives: tuple[Objective, ...]
    constraints: tuple[Constraint, ...]
    evaluate: Callable[[Designs], Outcomes]


def landscapes() -> tuple[Landscape, ...]:
    """Every kind of parameter, conditions, forbidden designs, a constraint, one and two objectives."""
    numbers = DesignSpace(
        [Ordinal("lanes", [1, 2, 4, 8, 16]), Integer("depth", 1, 20), Integer("ways", 1, 256, log=True)]
    )
    mixed = DesignSpace(
        [
            Categorical("kind", ["cache", "scratchpad", "none"]),
            Ordinal("size_kib", [1, 2, 4, 8, 16, 32], when={"kind": ["cache", "scratchpad"]}),
            Categorical("policy", ["lru", "random"], when={"kind": "cache"}),
            Integer("banks", 1, 8),
            Permutation("order", ["m", "n", "k"]),
        ],
        forbidden=[Forbidden("size_kib * banks > 128", reason="too large")],
    )
    continuous = DesignSpace(
        [Real("voltage_v", 0.5, 1.2), Real("clock_hz", 1e6, 1e9, log=True), Integer("cores", 1, 8)]
    )
    two = (Objective("latency_ns", "min"), Objective("top1", "max"))
    return (
        Landscape("several objectives", numbers, two, (), _outcomes),
        Landscape(
            "conditions, forbidden designs and a constraint",
            mixed,
            two,
            (Constraint("area_mm2", "<=", 1.2),),
            _outcomes,
        ),
        Landscape("real numbers and one objective", continuous, two[:1], (), _outcomes),
    )


def _outcomes(designs: Designs) -> Outcomes:
    """Smooth numbers of the unit cube; one design in seven fails and one in eleven is rejected."""
    unit = designs.space.to_unit(designs)
    weight = np.arange(1, unit.shape[1] + 1) / unit.shape[1]
    latency_ns = 10.0 + 100.0 * ((unit - 0.3) ** 2 * weight).mean(axis=1)
    top1 = 0.9 - ((unit - 0.8) ** 2).mean(axis=1)
    marks = np.array([sum(key) + 31 * key[0] for key in designs.keys()])
    outcomes = Outcomes.of({"latency_ns": latency_ns, "top1": top1, "area_mm2": 0.5 + unit.mean(axis=1)})
    for mark, status, reason in ((7, FAILED, "crashed"), (11, INFEASIBLE, "rejected")):
        rows = marks % mark == 1
        outcomes.status[rows], outcomes.reason[rows] = status, reason
        for column in outcomes.metrics.values():
            column[rows] = np.nan
    return outcomes


def check_agent(
    agent_class: type[Agent],
    *,
    settings: Mapping[str, Any] | None = None,
    evaluations: int = 60,
    seed: int = 0,
) -> None:
    """Check that an agent keeps its contract on small spaces with failures, constraints and conditions.

    Args:
        agent_class: the agent.
        settings: hyperparameters, e.g. smaller ones that make the check faster.
        evaluations: how many designs to search on each space; at least two batches are.
        seed: of the agent.

    Raises:
        ConformanceError: what is wrong, in words.
    """
    who = f"agent {agent_class.name!r}"
    _name(agent_class.name, agent_class)
    _require(
        agent_class.summary() != "", f"{who} has no docstring; its first line is the summary in listings"
    )
    for landscape in landscapes():
        _check_search(agent_class, landscape, dict(settings or {}), evaluations, seed)
    _check_small_space(agent_class, dict(settings or {}), seed)


def _check_search(
    agent_class: type[Agent], landscape: Landscape, settings: dict[str, Any], evaluations: int, seed: int
) -> None:
    who = f"agent {agent_class.name!r} on {landscape.name}"

    def built() -> contextlib.AbstractContextManager[Agent]:
        return _agent(agent_class, landscape, settings, evaluations, seed)

    with built() as agent:
        evaluations = max(evaluations, 2 * agent.batch_size)
        designs, outcomes, states = _search(who, agent, landscape, evaluations)
    with built() as agent:
        again, _, _ = _search(who, agent, landscape, evaluations)
    _equal(f"{who}: the same seed asks other designs", designs, again)
    half = next((done for done in states if done >= len(designs) // 2), len(designs))
    with built() as agent:
        agent.restore(json.loads(states[half]), designs[:half], outcomes.take(slice(0, half)))
        rest, _, _ = _search(who, agent, landscape, len(designs) - half)
    _equal(f"{who}: restored after {half} outcomes, it goes on with other designs", designs[half:], rest)
    cut = half - 1
    with built() as agent:
        agent.restore(json.loads(states[half]), designs[:cut], outcomes.take(slice(0, cut)))
        _asked(who, agent, landscape)  # a study that was cut short by its budget may go on with a larger one


def _search(
    who: str, agent: Agent, landscape: Landscape, evaluations: int
) -> tuple[Designs, Outcomes, dict[int, str]]:
    """What a study does: ask, evaluate, tell; also the agent's state after each tell, by designs told."""
    batches, results, states, told = [landscape.space.designs([])], [], {}, 0
    while told < evaluations:
        asked = _asked(who, agent, landscape)
        if len(asked) == 0:
            break
        outcomes = landscape.evaluate(asked)
        agent.tell(asked, outcomes)
        batches.append(asked)
        results.append(outcomes)
        told += len(asked)
        try:
            states[told] = json.dumps(dict(agent.state()))
        except (TypeError, ValueError) as error:
            raise ConformanceError(f"{who}: its state is not JSON values: {error}") from None
    _require(told > 0, f"{who} asks nothing, though nothing was told yet")
    return Designs.concat(batches), Outcomes.concat(results), states


def _asked(who: str, agent: Agent, landscape: Landscape) -> Designs:
    asked = agent.ask(agent.batch_size)
    _require(isinstance(asked, Designs), f"{who}: ask returns {type(asked).__name__}, not Designs")
    _require(asked.space == landscape.space, f"{who}: ask returns designs of another space")
    _require(len(asked) <= agent.batch_size, f"{who}: ask({agent.batch_size}) returns {len(asked)} designs")
    landscape.space.from_index(asked.index)  # raises DesignError for a value out of range
    return asked


def _check_small_space(agent_class: type[Agent], settings: dict[str, Any], seed: int) -> None:
    """On a space of six designs an agent stops or repeats itself; it neither fails nor hangs."""
    space = DesignSpace([Ordinal("lanes", [1, 2, 4]), Categorical("kind", ["a", "b"])])
    landscape = Landscape("a space of six designs", space, (Objective("latency_ns"),), (), _outcomes)
    with _agent(agent_class, landscape, settings, 6, seed) as agent:
        _search(f"agent {agent_class.name!r} on {landscape.name}", agent, landscape, 12)


@contextlib.contextmanager
def _agent(
    agent_class: type[Agent], landscape: Landscape, settings: dict[str, Any], budget: int, seed: int
) -> Iterator[Agent]:
    agent = agent_class(
        landscape.space, landscape.objectives, landscape.constraints, seed=seed, budget=budget, **settings
    )
    try:
        yield agent
    finally:
        agent.close()


def _equal(what: str, expected: Designs, actual: Designs) -> None:
    for i in range(min(len(expected), len(actual))):
        _require(expected[i] == actual[i], f"{what}: at position {i} {actual[i]}, not {expected[i]}")
    _require(len(expected) == len(actual), f"{what}: {len(actual)} designs, not {len(expected)}")


def _name(name: str, owner: type) -> None:
    _require(
        bool(KEBAB_CASE.fullmatch(name)),
        f"{owner.__qualname__}: name {name!r} is not kebab case like 'my-name'",
    )


def _require_docstring(who: str, owner: type) -> None:
    _require(
        bool((owner.__doc__ or "").strip()),
        f"{who} has no docstring; its first line is the summary in listings",
    )


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise ConformanceError(message)
