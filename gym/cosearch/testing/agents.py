"""The conformance check of agents."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from cosearch.agent import Agent, as_proposals
from cosearch.errors import AgentError, DesignError
from cosearch.objectives import Constraint, Objective
from cosearch.outcomes import FAILED, INFEASIBLE, OK, Outcomes, reason_of
from cosearch.run.trial import Proposals, Results
from cosearch.space import Categorical, Designs, DesignSpace, Forbidden, Integer, Ordinal, Permutation, Real
from cosearch.task import Task
from cosearch.testing.conformance import ConformanceError, expect, require, require_name


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
    metrics = {"latency_ns": latency_ns, "top1": top1, "area_mm2": 0.5 + unit.mean(axis=1)}
    status, reason = np.full(len(designs), OK, dtype="<U10"), np.full(len(designs), "", dtype=object)
    for mark, other, why in ((7, FAILED, "crashed"), (11, INFEASIBLE, "rejected")):
        rows = marks % mark == 1
        status[rows], reason[rows] = other, why
        for column in metrics.values():
            column[rows] = np.nan
    return Outcomes(metrics, status, reason)


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
        ConformanceError: what the contract asks, and what came back.
    """
    who = f"agent {agent_class.name!r}"
    require_name(agent_class.name, agent_class)
    require(agent_class.summary() != "", f"{who} has no docstring; its first line is the summary in listings")
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
        history, states = _search(who, agent, landscape, evaluations)
    with built() as agent:
        again, _ = _search(who, agent, landscape, evaluations)
    _equal(who, "the same designs for the same seed", history.designs, again.designs)
    half = next((done for done in states if done >= len(history) // 2), len(history))
    nothing = Proposals(landscape.space.designs([]))
    with built() as agent:
        agent.restore(json.loads(states[half]), history.take(slice(0, half)), nothing)
        rest, _ = _search(who, agent, landscape, len(history) - half)
    expected = history.designs[half:]
    asked = f"an agent that is restored after {half} results to go on with the same designs"
    _equal(who, asked, expected, rest.designs)
    cut = half - 1
    with built() as agent:
        agent.restore(json.loads(states[half]), history.take(slice(0, cut)), nothing)
        _asked(who, agent, landscape)  # a study that was cut short by its budget may go on with a larger one
    if not agent_class.generational:
        _check_out_of_order(who, built, landscape, evaluations)


def _check_out_of_order(
    who: str,
    built: Callable[[], contextlib.AbstractContextManager[Agent]],
    landscape: Landscape,
    evaluations: int,
) -> None:
    """With three trials under way, of which the last is done first, and taken up again with some pending."""
    told: list[Results] = []
    with built() as agent:
        agent.replays = False
        under_way = landscape.space.designs([])
        for number in range(evaluations):
            agent.pending = Proposals(under_way)
            asked = _asked(f"{who} with trials under way", agent, landscape, 1)
            under_way = Designs.concat([under_way, asked])
            if len(under_way) == 3 or (len(asked) == 0 and len(under_way)):
                last, under_way = under_way[-1:], under_way[:-1]
                told.append(Results.of(last, landscape.evaluate(last), number=number))
                _tell(f"{who} with trials under way", agent, told[-1])
        state = json.dumps(dict(agent.state()))
    with built() as agent:
        agent.replays = False
        agent.restore(json.loads(state), Results.concat(told), Proposals(under_way))
        agent.pending = Proposals(under_way)
        _asked(f"{who} taken up with trials under way", agent, landscape, 1)
        for i in range(len(under_way)):
            one = under_way[i : i + 1]
            agent.tell(Results.of(one, landscape.evaluate(one), number=evaluations + i))


def _search(who: str, agent: Agent, landscape: Landscape, evaluations: int) -> tuple[Results, dict[int, str]]:
    """What a study does: ask, evaluate, tell; also the agent's state after each tell, by designs told."""
    results: list[Results] = []
    states: dict[int, str] = {}
    told = 0
    while told < evaluations:
        asked = _asked(who, agent, landscape, agent.batch_size)
        if len(asked) == 0:
            break
        results.append(Results.of(asked, landscape.evaluate(asked), number=told))
        _tell(who, agent, results[-1])
        told += len(asked)
        try:
            states[told] = json.dumps(dict(agent.state()))
        except (TypeError, ValueError) as error:
            expect(False, who, "a state of JSON values", f"its state is not JSON values: {error}")
    if not results:
        if told == 0 and evaluations == 0:
            empty = landscape.space.designs([])
            return Results.of(empty, landscape.evaluate(empty)), states
        expect(False, who, "designs from the first ask", "it asks nothing, though nothing was told yet")
    return Results.concat(results), states


def _asked(who: str, agent: Agent, landscape: Landscape, n: int | None = None) -> Designs:
    n = agent.batch_size if n is None else n
    try:
        asked = as_proposals(agent.ask(n)).designs
    except AgentError as error:
        raise ConformanceError(f"{who}: {error}") from None
    except Exception as error:  # an agent's own code may raise anything
        raise ConformanceError(f"{who}: ask({n}) raises {reason_of(error)}") from error
    expect(asked.space == landscape.space, who, "designs of the task's space", "designs of another one")
    expect(len(asked) <= n, who, f"at most {n} designs of ask({n})", f"ask({n}) returns {len(asked)} designs")
    try:
        landscape.space.from_index(asked.index)
    except DesignError as error:
        expect(False, who, "designs of the task's space", str(error))
    return asked


def _tell(who: str, agent: Agent, results: Results) -> None:
    try:
        agent.tell(results)
    except Exception as error:  # an agent's own code may raise anything
        found = sorted(set(results.outcomes.status.tolist()))
        raise ConformanceError(
            f"{who}: the contract asks a tell that takes results of every status, NaN where one is not ok; "
            f"what came back: {reason_of(error)}, for results of status {', '.join(found)}"
        ) from error


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
    task = Task(landscape.space, landscape.objectives, landscape.constraints)
    agent = agent_class(task, seed=seed, budget=budget, **settings)
    try:
        yield agent
    finally:
        agent.close()


def _equal(who: str, asked: str, expected: Designs, actual: Designs) -> None:
    for i in range(min(len(expected), len(actual))):
        expect(
            expected[i] == actual[i], who, asked,
            f"other designs: at position {i} {actual[i]}, not {expected[i]}",
        )  # fmt: skip
    expect(
        len(expected) == len(actual), who, asked, f"other designs: {len(actual)} of them, not {len(expected)}"
    )
