"""`auto` picks what suits the task, hands over as the search goes, and says why."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from cosearch import (
    Categorical,
    DesignSpace,
    Fidelity,
    Integer,
    Metric,
    Objective,
    Outcomes,
    Problem,
    Results,
    Study,
    Task,
)
from cosearch_agents.auto import AutoAgent, planned

WIDE = DesignSpace([Integer(f"x{i}", 0, 99) for i in range(6)])
MANY_KINDS = DesignSpace([Categorical(f"k{i}", list("abcdefghijkl")) for i in range(50)])
TWO = (Objective("a"), Objective("b"))


def agents_of(task, budget, slow=False):
    return [phase.agents for phase in planned(task, budget, slow=slow)]


def test_a_space_that_the_budget_pays_for_is_listed():
    task = Task(DesignSpace([Integer("x", 0, 9)]), TWO)
    assert agents_of(task, 10) == [("exhaustive",)]
    assert agents_of(task, 9) != [("exhaustive",)]


def test_gaussian_processes_are_asked_early_and_for_longer_where_evaluations_are_slow():
    def until(slow):
        phases = planned(Task(WIDE, TWO), 10_000, slow=slow)
        return max(b.first for a, b in itertools.pairwise(phases) if "qlognehvi" in a.agents)

    assert until(slow=False) < until(slow=True)


def test_rough_evaluations_take_part_where_exact_ones_are_slow():
    fidelities = (Fidelity("sketch", 0.02), Fidelity("exact", 1.0))
    task = Task(WIDE, TWO, fidelities=fidelities)
    assert ("mf-qlognehvi", "tree-guided") in agents_of(task, 100, slow=True)
    assert ("qlognehvi", "tree-guided") in agents_of(task, 100)
    assert ("qlognehvi", "tree-guided") in agents_of(Task(WIDE, TWO), 100, slow=True)


class Slow(Problem):
    """Says that each evaluation takes a minute."""

    name = "slow"
    space = WIDE
    fidelities = (Fidelity("sketch", 0.02), Fidelity("exact", 1.0))
    metrics = (Metric("a", "1"), Metric("b", "1"))
    objectives = TWO

    def simulate(self, designs, *, fidelity, seed):
        return measured(designs)


def test_a_study_of_slow_evaluations_uses_rough_ones_and_keeps_why(monkeypatch, tmp_path):
    told = AutoAgent.tell

    def tell(self, results):
        outcomes = results.outcomes
        outcomes.seconds = np.full(len(outcomes), 60.0)
        told(self, results)

    monkeypatch.setattr(AutoAgent, "tell", tell)
    study = Study.create(Slow(), AutoAgent, budget=40, seed=0, store=tmp_path / "study.db")

    def enough(study, results):
        if "sketch" in results.fidelity:
            study.stop()

    data = study.run(callbacks=[enough])
    assert {"sketch", "exact"} == set(np.asarray(data.fidelity).tolist())
    account = study.store.agent_state(study.store.study(None))["agent"]["account"]
    assert account == list(study.agent.account) == list(study.store.read(study.store.study(None)).account)
    assert "sketch, which cost only 2 % of an exact one" in account[1]


def test_too_many_inputs_or_objectives_are_left_to_trees():
    many = tuple(Objective(name) for name in "abcdefghi")
    for task in (Task(MANY_KINDS, TWO), Task(WIDE, many)):
        assert not any("qlognehvi" in agents for agents in agents_of(task, 10_000))


def test_a_long_search_ends_with_evolution_and_a_short_one_does_not_plan_it():
    assert agents_of(Task(WIDE, TWO), 100_000)[-1] == ("steady-nsga2",)
    assert all("steady-nsga2" not in agents for agents in agents_of(Task(WIDE, TWO), 100))


def measured(designs):
    unit = designs.space.to_unit(designs)
    return Outcomes.of({"a": unit.mean(axis=1), "b": ((unit - 1) ** 2).mean(axis=1)})


@pytest.mark.parametrize("size", [1, 7])
def test_hands_over_as_planned_whatever_the_size_of_the_batch(size, monkeypatch):
    monkeypatch.setattr("cosearch_agents.auto.BRED_FROM", 20)
    monkeypatch.setattr("cosearch_agents.auto.GP_EVALUATIONS", 30)
    monkeypatch.setattr("cosearch_agents.auto.EVOLVE_FROM", 40)
    agent = AutoAgent(Task(WIDE, TWO), seed=1, budget=60)
    told = 0
    seen = set()
    while told < 50:
        asked = agent.ask(size)
        asked = getattr(asked, "designs", asked)
        assert len(asked)
        assert seen.isdisjoint(asked.keys())
        seen.update(asked.keys())
        agent.tell(Results.of(asked, measured(asked), number=told))
        told += len(asked)
    agent.close()
    lines = agent.account
    assert len(lines) == len(agent.plan) == 5
    for line, phase in zip(lines, agent.plan, strict=True):
        assert all(name in line for name in phase.agents)
    assert "qlognehvi, tree-guided and steady-nsga2" in lines[2]
    assert agent.state()["account"] == list(lines)
