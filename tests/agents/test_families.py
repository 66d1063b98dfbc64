"""Every agent of the families keeps the contract, and never repeats itself while new designs exist."""

from __future__ import annotations

import numpy as np
import pytest

from cosearch import (
    Categorical,
    DesignSpace,
    Forbidden,
    Integer,
    Objective,
    Ordinal,
    Outcomes,
    Permutation,
    Results,
    Task,
)
from cosearch.agent import as_proposals
from cosearch.errors import CosearchError, UnknownNameError
from cosearch.objectives import Constraint
from cosearch.registry import registry
from cosearch.testing import check_agent
from cosearch_agents.families import FAMILIES

# Smaller than the defaults, so that the checks are quick.
QUICK = {
    "gradient": {"initial": 8, "starts": 4, "steps": 10},
    "smac": {"initial": 9},
    "ant-colony": {"population": 4, "initial": 6},
    "nsga3": {"population": 10},
    "sms-emoa": {"population": 10},
    "age-moea": {"population": 10},
    "mixed-ga": {"population": 10},
    "moead": {"directions": 6, "neighbours": 3, "initial": 6},
    "cma-es": {"population": 6},
    "exhaustive": {"levels": 4},
    "tree-guided": {"initial": 6, "trees": 8, "members": 2, "candidates": 32, "rounds": 1},
    "optuna-gp": {"startup": 14},
    "steady-nsga2": {"population": 8, "initial": 6},
    "islands": {"islands": 2, "population": 4, "initial": 6, "migration": 3},
    "regularised-evolution": {"population": 8, "sample": 3, "initial": 6},
    "annealing": {"walkers": 2},
}
EVALUATIONS = {"smac": 10, "optuna-gp": 16, "auto": 10}
# The language model is asked by its own tests, which have an endpoint.
ALONE = [agent for agent in FAMILIES if agent.name != "language-model"]
BY_NAME = pytest.mark.parametrize("agent_class", ALONE, ids=lambda agent: agent.name)
LATENCY, ACCURACY = Objective("latency_ns", "min"), Objective("top1", "max")
TWISTED = DesignSpace(
    [
        Categorical("kind", ["a", "b"]),
        Ordinal("size", [1, 2, 4], when={"kind": "a"}),
        Integer("banks", 1, 3),
        Permutation("order", ["m", "n", "k"]),
    ],
    forbidden=[Forbidden("size * banks > 8", reason="too large")],
)
TINY = DesignSpace(
    [Categorical("kind", ["a", "b"]), Ordinal("size", [1, 2, 4], when={"kind": "a"}), Integer("banks", 1, 4)],
    forbidden=[Forbidden("size * banks > 8", reason="too large")],
)


def built(agent_class, space=TWISTED, objectives=(LATENCY, ACCURACY), constraints=(), seed=0, **settings):
    settings = {**QUICK.get(agent_class.name, {}), **settings}
    return agent_class(Task(space, objectives, constraints), seed=seed, budget=40, **settings)


def measured(designs):
    """Two smooth objectives that conflict."""
    unit = designs.space.to_unit(designs)
    return Outcomes.of({"latency_ns": 10 + unit.sum(axis=1), "top1": 0.5 + 0.1 * unit.mean(axis=1)})


def searched(agent, evaluations, measure=measured):
    keys = []
    while len(keys) < evaluations:
        asked = as_proposals(agent.ask(agent.batch_size)).designs
        if not len(asked):
            break
        assert asked.allowed.all()
        agent.tell(Results.of(asked, measure(asked)))
        keys += asked.keys()
    agent.close()
    return keys


def test_all_are_registered():
    assert {agent.name: agent for agent in FAMILIES}.items() <= registry().agents.items()


@pytest.mark.parametrize(
    "agent_class",
    [
        pytest.param(agent, marks=pytest.mark.slow) if agent.name == "smac" else agent  # a minute
        for agent in ALONE
    ],
    ids=lambda agent: agent.name,
)
def test_keeps_the_contract(agent_class):
    evaluations = EVALUATIONS.get(agent_class.name, 20)
    check_agent(agent_class, settings=QUICK.get(agent_class.name), evaluations=evaluations)


@pytest.mark.parametrize(
    "agent_class",
    [pytest.param(a, marks=pytest.mark.slow) if a.name in EVALUATIONS else a for a in ALONE],
    ids=lambda agent: agent.name,
)
def test_searches_side_by_side_do_not_disturb_each_other(agent_class):
    """Numbers that they all drew from would come in another order."""
    space = DesignSpace([Integer(f"x{k}", 0, 99) for k in range(4)])

    def disturbing(designs):
        np.random.seed(len(designs))  # noqa: NPY002
        asked = as_proposals(other.ask(other.batch_size)).designs
        other.tell(Results.of(asked, measured(asked)))
        return measured(designs)

    alone = searched(built(agent_class, space), 25)
    other = built(agent_class, space, seed=1)
    assert searched(built(agent_class, space), 25, disturbing) == alone
    other.close()


@BY_NAME
def test_asks_every_allowed_design_of_a_small_space_once_and_stops(agent_class):
    settings = {"startup": 100} if agent_class.name == "optuna-gp" else {}
    keys = searched(built(agent_class, TINY, **settings), 999)
    assert sorted(keys) == sorted(TINY.enumerate().keys())


@BY_NAME
@pytest.mark.parametrize("trouble", ["nothing runs", "nothing is feasible", "all are equal"])
def test_goes_on_when_there_is_nothing_to_learn(agent_class, trouble):
    def measure(designs):
        if trouble == "nothing runs":
            return Outcomes.without_metrics(["latency_ns", "top1"], ["crashed"] * len(designs), "failed")
        if trouble == "nothing is feasible":
            return measured(designs)
        return Outcomes.of({"latency_ns": np.full(len(designs), 3.0), "top1": np.zeros(len(designs))})

    constraints = (Constraint("latency_ns", "<=", 1.0),) if trouble == "nothing is feasible" else ()
    assert len(searched(built(agent_class, constraints=constraints), 14, measure)) >= 14


ONE_DESIGN = DesignSpace([Ordinal("lanes", [4])])
ONE_PARAMETER = DesignSpace([Integer("lanes", 1, 40)])


@BY_NAME
def test_a_space_of_one_design_is_asked_once(agent_class):
    assert len(searched(built(agent_class, ONE_DESIGN), 9)) == 1


@BY_NAME
def test_one_parameter_one_objective_and_a_budget_below_the_first_designs(agent_class):
    agent = agent_class(Task(ONE_PARAMETER, (LATENCY,)), seed=0, budget=2)
    assert len(searched(agent, 2)) >= 2


@BY_NAME
def test_an_unknown_hyperparameter_or_one_out_of_range_is_one_clear_line(agent_class):
    task = Task(TWISTED, (LATENCY,))
    with pytest.raises(UnknownNameError, match="hyperparameter of agent"):
        agent_class(task, wishes=3)
    if agent_class.hyperparameters is not None:
        name = agent_class.hyperparameters.names[0]
        with pytest.raises(CosearchError) as caught:
            agent_class(task, **{name: -1})
        assert name in str(caught.value)
        assert "\n" not in str(caught.value)


@BY_NAME
def test_some_parameters_may_be_held(agent_class):
    held = TWISTED.hold({"kind": "a", "banks": 2})
    agent = built(agent_class, held)
    asked = as_proposals(agent.ask(4)).designs
    assert set(asked["kind"].tolist()) == {"a"}
    assert set(asked["banks"].tolist()) == {2}
    agent.tell(Results.of(asked, measured(asked)))
    again = as_proposals(agent.ask(4)).designs
    assert set(again["banks"].tolist()) <= {2}
    agent.close()
