"""The Bayesian agents do what each of them is for: many parameters, many objectives, fidelities, limits."""

from __future__ import annotations

import numpy as np
import pytest

from cosearch import (
    Constraint,
    DesignSpace,
    Fidelity,
    Integer,
    Objective,
    Ordinal,
    Outcomes,
    Proposals,
    Real,
    Results,
    Task,
)
from cosearch.agent import as_proposals
from cosearch_agents import (
    MORBOAgent,
    MultiFidelityAgent,
    QLogNEHVIAgent,
    QLogNParEGOAgent,
    RandomSearch,
    SAASBOAgent,
)

WIDE = DesignSpace([Ordinal(f"x{i}", [1, 2, 4, 8, 16, 32]) for i in range(30)])
LINE = DesignSpace([Integer("x", 0, 99), Ordinal("y", [1, 2, 4, 8])])


def few_matter(designs):
    """Four of thirty parameters matter; the least is 0.1, at positions 4, 1, 3 and 5."""
    far = np.abs(designs.index[:, [5, 17, 29, 8]] - [4, 1, 3, 5]).sum(axis=1)
    return {"loss": 0.1 + far + 0.2 * far**2}


def all_matter(designs):
    return {"loss": 1.0 + ((designs.index - np.arange(30) % 6) ** 2).sum(axis=1)}


def least(agent_class, space, measure, budget, seed=0, **settings):
    agent = agent_class(Task(space, [Objective("loss")]), seed=seed, budget=budget, **settings)
    values = np.empty(0)
    while len(values) < budget:
        asked = as_proposals(agent.ask(agent.batch_size)).designs
        outcomes = Outcomes.of(measure(asked))
        agent.tell(Results.of(asked, outcomes))
        values = np.append(values, outcomes["loss"])
    return values[:budget].min()


def test_a_sparse_prior_finds_the_least_of_thirty_parameters():
    assert least(SAASBOAgent, WIDE, few_matter, 60, starts=32) == pytest.approx(0.1)
    assert least(RandomSearch, WIDE, few_matter, 60) > 0.1


def test_a_trust_region_climbs_where_all_of_thirty_parameters_matter():
    assert least(MORBOAgent, WIDE, all_matter, 80, starts=32) < 0.4 * least(
        RandomSearch, WIDE, all_matter, 5000
    )


def test_the_region_widens_narrows_and_begins_anew():
    agent = MORBOAgent(Task(LINE, [Objective("loss")]), initial=2, successes=2, failures=3, length=0.8)
    designs = LINE.sample(60, 0)

    def tell(values):
        here = designs[[0] * len(values)]
        agent.tell(Results.of(here, Outcomes.of({"loss": np.array(values)})))
        return agent.length

    assert tell([9.0, 9.5]) == 0.8  # the first designs count for nothing
    assert tell([8.0, 7.0]) == 1.6
    assert tell([7.5, 7.5, 7.5]) == 0.8
    assert tell([7.5] * 15) == pytest.approx(0.8 / 32)
    assert tell([7.5] * 3) == 0.8  # narrower than 1/64: anew


FIDELITIES = (Fidelity("sketch", 0.1), Fidelity("whole"))
BOX = DesignSpace([*(Real(f"x{i}", 0, 1) for i in range(4)), Ordinal("y", [1, 2, 4, 8])])


def least_within(agent_class, cost, seed):
    """The least loss that is known exactly once so many exact evaluations' worth are spent."""
    task = Task(BOX, [Objective("loss")], fidelities=FIDELITIES)
    agent = agent_class(task, seed=seed, initial=12, batch=1, starts=32)
    spent, best = 0.0, np.inf
    while True:
        asked = as_proposals(agent.ask(1))
        names = asked.fidelities("whole")
        unit = BOX.to_unit(asked.designs)
        loss = 10 * ((unit - [0.3, 0.7, 0.2, 0.9, 0.1]) ** 2 * [3, 1, 2, 1, 1]).sum(axis=1)
        loss += 1 + np.sin(5 * unit[:, 0] * unit[:, 1])
        rough = names == "sketch"
        outcomes = Outcomes.of({"loss": loss + np.where(rough, 0.1 * np.sin(7 * unit.sum(axis=1)), 0)})
        spent += 0.1 if rough[0] else 1.0
        if spent > cost:
            return best
        agent.tell(Results.of(asked.designs, outcomes, fidelity=names))
        best = best if rough[0] else min(best, float(loss[0]))


def test_rough_evaluations_find_more_for_the_same_cost():
    exact, rough = (
        np.mean([least_within(agent, 10.0, seed) for seed in range(3)])
        for agent in (QLogNEHVIAgent, MultiFidelityAgent)
    )
    assert rough < 0.7 * exact


def test_rough_evaluations_that_tell_nothing_are_left_alone():
    agent = MultiFidelityAgent(Task(LINE, [Objective("loss")], fidelities=FIDELITIES), initial=12)
    designs = LINE.sample(40, 1)
    names = np.where(np.arange(40) % 2, "sketch", "whole")
    noise = np.random.default_rng(0).random(40)
    loss = np.where(names == "sketch", noise, (designs["x"] - 42.0) ** 2 / 1000)
    agent.tell(Results.of(designs, Outcomes.of({"loss": loss}), fidelity=names))
    assert (agent.ask(5).fidelities("whole") == "whole").all()


def test_a_task_of_one_fidelity_is_searched_as_by_qlognehvi():
    agent = MultiFidelityAgent(Task(LINE, [Objective("loss")]), initial=4)
    assert agent.ask(3).fidelity is None


def test_results_at_another_fidelity_are_not_taken_for_exact_ones():
    task = Task(LINE, [Objective("loss")], fidelities=FIDELITIES)
    agent, fresh = (QLogNEHVIAgent(task, initial=4) for _ in range(2))
    designs = LINE.sample(6, 0)
    agent.inform(Results.of(designs, Outcomes.of({"loss": np.arange(6.0)}), fidelity="sketch"))
    assert agent.ask(4) == fresh.ask(4)


@pytest.mark.parametrize("agent_class", [QLogNEHVIAgent, QLogNParEGOAgent], ids=lambda agent: agent.name)
def test_five_objectives_are_searched(agent_class):
    space = DesignSpace([Real(f"x{i}", 0, 1) for i in range(4)])
    objectives = [Objective(f"f{j}") for j in range(5)]

    def measured(designs):
        unit = space.to_unit(designs)
        return Outcomes.of({f"f{j}": ((unit - j / 4) ** 2).sum(axis=1) for j in range(5)})

    agent = agent_class(
        Task(space, objectives, (Constraint("f0", "<=", 1.5),)), seed=0, initial=16, starts=16
    )
    designs = space.designs([])
    while len(designs) < 36:
        asked = agent.ask(5)
        agent.tell(Results.of(asked, measured(asked)))
        designs = type(designs).concat([designs, asked])
    # the Pareto set is the diagonal: how far from it are first designs, and later ones?
    distance = space.to_unit(designs).std(axis=1)
    assert distance[16:].mean() < 0.7 * distance[:16].mean()


def test_a_small_budget_leaves_half_of_it_to_the_models():
    agent = QLogNEHVIAgent(Task(LINE, [Objective("loss")]), budget=12)
    assert agent.initial == 6
    assert QLogNEHVIAgent(Task(LINE, [Objective("loss")]), budget=1).initial == 2


def test_only_so_many_designs_are_modelled_the_best_among_them():
    agent = QLogNEHVIAgent(Task(LINE, [Objective("loss")]), modelled=50)
    designs = LINE.enumerate()[:300]
    loss = designs["x"] + designs["y"].astype(float)
    agent.tell(Results.of(designs, Outcomes.of({"loss": loss})))
    rows = agent._modelled(agent._outcomes[0])
    assert len(rows) == len(set(rows.tolist())) == 50
    assert set(np.argsort(loss)[:5].tolist()) <= set(rows.tolist())
    agent.pending = Proposals(designs[[]])
    assert len(agent.ask(3)) == 3
