"""The conformance check of agents."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from cosearch.agent import Agent
from cosearch.objectives import Constraint, Objective
from cosearch.outcomes import FAILED, INFEASIBLE, Outcomes
from cosearch.space import Categorical, Designs, DesignSpace, Forbidden, Integer, Ordinal, Permutation, Real
from cosearch.testing.conformance import ConformanceError, require, require_name


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
    require(told > 0, f"{who} asks nothing, though nothing was told yet")
    return Designs.concat(batches), Outcomes.concat(results), states


def _asked(who: str, agent: Agent, landscape: Landscape) -> Designs:
    asked = agent.ask(agent.batch_size)
    require(isinstance(asked, Designs), f"{who}: ask returns {type(asked).__name__}, not Designs")
    require(asked.space == landscape.space, f"{who}: ask returns designs of another space")
    require(len(asked) <= agent.batch_size, f"{who}: ask({agent.batch_size}) returns {len(asked)} designs")
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
        require(expected[i] == actual[i], f"{what}: at position {i} {actual[i]}, not {expected[i]}")
    require(len(expected) == len(actual), f"{what}: {len(actual)} designs, not {len(expected)}")
