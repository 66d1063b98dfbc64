"""A task tells an agent what a problem offers, and nothing of its simulator."""

from __future__ import annotations

import numpy as np
import pytest

from cosearch import DesignSpace, Integer, Metric, Objective, Problem, Real, Task
from cosearch.errors import ArgumentError, UnknownNameError
from small_problems import TwoSpheres
from timed_problems import Rough


class Bowl(Problem):
    """A squared distance, with its derivative and what is known of a design without simulating it."""

    name = "bowl"
    space = DesignSpace([Real("x", -2.0, 2.0), Real("y", -2.0, 2.0)], groups={"both": ["x", "y"]})
    metrics = (Metric("loss", "1"),)
    objectives = (Objective("loss"),)

    def simulate(self, designs, *, fidelity, seed):
        return {"loss": designs["x"] ** 2 + designs["y"] ** 2}

    def features(self, designs):
        return {"distance": np.abs(designs["x"]) + np.abs(designs["y"])}

    def gradient(self, unit):
        values = 4.0 * unit - 2.0
        return {"loss": (values**2).sum(axis=1)}, {"loss": 8.0 * values}


def test_a_task_offers_features_and_a_gradient_where_the_problem_has_them():
    task = Task.of(Bowl())
    designs = task.space.sample(20, 0)
    loss, slope = task.gradient(task.space.to_unit(designs))
    np.testing.assert_allclose(loss["loss"], Bowl().evaluate(designs)["loss"])
    step = 1e-6
    for column in range(2):
        moved = task.space.to_unit(designs)
        moved[:, column] += step
        difference = (task.gradient(moved)[0]["loss"] - loss["loss"]) / step
        np.testing.assert_allclose(slope["loss"][:, column], difference, atol=1e-4)
    assert task.features(designs)["distance"].shape == (20,)
    plain = Task.of(TwoSpheres())
    assert plain.gradient is None
    assert plain.features is None


def test_a_task_has_the_groups_of_the_space_and_what_it_searches_for():
    task = Task.of(Bowl(objectives=["loss:min:target=1"], constraints=["loss<=3"]))
    assert {group: list(names) for group, names in task.groups.items()} == {"both": ["x", "y"]}
    assert [str(objective) for objective in task.objectives] == ["loss:min:target=1"]
    assert [str(constraint) for constraint in task.constraints] == ["loss<=3"]
    assert not any(isinstance(value, Problem) for value in vars(task).values())


def test_costs_are_shares_of_the_tasks_own_fidelity():
    assert Task.of(Rough()).cost("sketch") == pytest.approx(0.1)
    assert Task.of(Rough(), "sketch").cost("whole") == pytest.approx(10.0)
    with pytest.raises(
        UnknownNameError, match="unknown fidelity of problem rough 'skech'; did you mean 'sketch'"
    ):
        Task.of(Rough(), "skech")


def test_a_task_may_be_made_by_hand_and_needs_an_objective():
    space = DesignSpace([Integer("x", 0, 3)])
    assert Task(space, [Objective("loss")]).fidelity == "analytical"
    with pytest.raises(ArgumentError, match="at least one objective"):
        Task(space, [])


def test_the_same_task_on_a_smaller_space():
    task = Task.of(Bowl())
    held = task.on(task.space.hold({"x": 0.5}))
    assert held.space.held == {"x": 0.5}
    assert held.objectives == task.objectives
