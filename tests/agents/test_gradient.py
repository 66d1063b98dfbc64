"""The gradient agent: slopes of its fitted model are those of differences, and it descends the task's own."""

from __future__ import annotations

import numpy as np

from cosearch import Categorical, Constraint, DesignSpace, Integer, Objective, Outcomes, Real, Results, Task
from cosearch_agents.gradient import GradientAgent, Quadratic
from cosearch_agents.random_search import RandomSearch

SPACE = DesignSpace([Real(f"x{i}", 0.0, 1.0) for i in range(5)] + [Categorical("kind", list("abcd"))])
PLACE = np.array([0.21, 0.77, 0.4, 0.93, 0.05])
WORSE = np.array([2.0, 1.0, 3.0, 1.5])


def values(unit):
    kind = np.minimum((unit[:, 5] * 4).astype(int), 3)
    return WORSE[kind] * (0.1 + ((unit[:, :5] - PLACE) ** 2).sum(axis=1))


def relaxed(unit):
    kind = np.minimum((unit[:, 5] * 4).astype(int), 3)
    slope = np.zeros_like(unit)
    slope[:, :5] = WORSE[kind][:, None] * 2 * (unit[:, :5] - PLACE)
    return {"loss": values(unit)}, {"loss": slope}


def measured(designs):
    return Outcomes.of({"loss": values(designs.space.to_unit(designs))})


def best(agent, budget=40):
    told, found = 0, np.inf
    while told < budget:
        asked = agent.ask(min(8, budget - told))
        outcomes = measured(asked)
        agent.tell(Results.of(asked, outcomes, number=told))
        found, told = min(found, float(outcomes["loss"].min())), told + len(asked)
    return found


def test_it_descends_the_gradient_of_the_task_to_the_minimum_and_finds_the_best_kind():
    task = Task(SPACE, (Objective("loss"),), gradient=relaxed)
    assert 0.1 <= best(GradientAgent(task, seed=0)) < 0.105  # the minimum is 0.1, of kind b
    assert best(RandomSearch(task, seed=0)) > 0.15


def test_without_a_gradient_it_fits_one():
    task = Task(SPACE, (Objective("loss"),))
    ours, theirs = (
        [best(agent(task, seed=seed)) for seed in range(4)] for agent in (GradientAgent, RandomSearch)
    )
    assert np.median(ours) < np.median(theirs)


def test_what_the_gradient_of_the_task_lacks_is_fitted():
    def costly(designs):
        outcomes = measured(designs)
        return Outcomes.of({"loss": outcomes["loss"], "other": 1 + designs.space.to_unit(designs)[:, 0]})

    task = Task(SPACE, (Objective("loss"), Objective("other")), gradient=relaxed)
    agent, told = GradientAgent(task, seed=0), 0
    while told < 40:
        asked = agent.ask(8)
        outcomes = costly(asked)
        agent.tell(Results.of(asked, outcomes, number=told))
        told += len(asked)
    assert agent.archive.values[:, 0].min() < 0.2
    assert agent.archive.values[:, 1].min() < 1.01


def test_the_slopes_of_the_fitted_model_are_those_of_differences():
    agent = GradientAgent(Task(SPACE, (Objective("loss"),), (Constraint("loss", "<=", 1.0),)), seed=0)
    asked = SPACE.sample(60, 0)
    agent.tell(Results.of(asked, measured(asked)))
    model, point = Quadratic(agent, {"loss"}), np.random.default_rng(1).random((4, SPACE.unit_dim))
    slopes = model(point)[1]["loss"]
    for j in range(SPACE.unit_dim):
        step = np.zeros(SPACE.unit_dim)
        step[j] = 1e-5
        ahead, behind = model(point + step)[0]["loss"], model(point - step)[0]["loss"]
        assert np.allclose((ahead - behind) / 2e-5, slopes[:, j], atol=1e-6)


def test_a_point_that_rounds_to_a_forbidden_design_is_mended():
    space = DesignSpace([Integer("x", 0, 20), Integer("y", 0, 20)], forbidden=["x + y < 12"])

    def outcomes(designs):
        return Outcomes.of({"loss": (designs["x"] + designs["y"]).astype(float)})

    def falling(unit):
        return {"loss": 21 * unit.sum(axis=1)}, {"loss": np.full_like(unit, 21.0)}

    agent = GradientAgent(Task(space, (Objective("loss"),), gradient=falling), seed=0)
    found, told = np.inf, 0
    while told < 40:
        asked = agent.ask(8)
        assert asked.allowed.all()
        agent.tell(Results.of(asked, outcomes(asked), number=told))
        found, told = min(found, float(outcomes(asked)["loss"].min())), told + len(asked)
    assert found == 12.0
