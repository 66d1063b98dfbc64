"""The learning agents find more of a front than random search does; the front is known by brute force."""

from __future__ import annotations

import statistics

import numpy as np
import pytest
from matrix_engine import MatrixEngine, SmallMatrixEngine

from cosearch import DesignSpace, Integer, Metric, Objective, Problem, Real, Results, Task
from cosearch.objectives import feasible, minimised
from cosearch.pareto import hypervolume, pareto_mask
from cosearch_agents import MaskablePPOAgent, NSGA2Agent, PPOAgent, QLogNEHVIAgent, RandomSearch


def points_of(problem, designs):
    outcomes = problem.evaluate(designs)
    return minimised(problem.objectives, outcomes)[feasible(problem.constraints, outcomes)]


def found(agent_class, problem, budget, seed, **settings):
    """The feasible points of the first `budget` distinct designs."""
    agent = agent_class(Task.of(problem), seed=seed, budget=budget, **settings)
    seen, points = set(), []
    while len(seen) < budget:
        asked = agent.ask(agent.batch_size)
        agent.tell(Results.of(asked, problem.evaluate(asked)))
        new = [i for i, key in enumerate(asked.keys()) if key not in seen and not seen.add(key)]
        points.append(points_of(problem, asked[new]))
    agent.close()
    return np.concatenate(points)[:budget]


def shares(agent_class, problem, budget, seeds, **settings):
    """Of the hypervolume of the whole front, by seed."""
    front = points_of(problem, problem.space.enumerate())
    front = front[pareto_mask(front)]
    corner = 1.1 * front.max(axis=0)
    return [
        hypervolume(found(agent_class, problem, budget, seed, **settings), corner)
        / hypervolume(front, corner)
        for seed in seeds
    ]


@pytest.mark.parametrize("problem", [MatrixEngine(), SmallMatrixEngine()], ids=lambda problem: problem.name)
@pytest.mark.parametrize(
    ("agent_class", "budget", "seeds", "least"),
    [(NSGA2Agent, 500, (0, 1, 2), 0.97), (QLogNEHVIAgent, 50, (0,), 0.85)],
    ids=lambda value: getattr(value, "name", str(value)),
)
def test_finds_more_of_the_front_than_random_search(problem, agent_class, budget, seeds, least):
    ours = statistics.median(shares(agent_class, problem, budget, seeds))
    assert ours > max(shares(RandomSearch, problem, budget, range(5)))
    assert ours > least


@pytest.mark.parametrize("agent_class", [PPOAgent, MaskablePPOAgent], ids=lambda agent: agent.name)
def test_policies_find_more_of_the_front_than_random_search(agent_class):
    assert shares(agent_class, MatrixEngine(), 1500, (0,))[0] > max(
        shares(RandomSearch, MatrixEngine(), 1500, range(5))
    )


class Bowl(Problem):
    """The distance from a point whose place is known."""

    name = "bowl"
    space = DesignSpace([Real("x", -1, 1), Real("y", 1e-3, 1e3, log=True), Integer("k", 0, 10)])
    metrics = (Metric("loss", "1"),)
    objectives = (Objective("loss", "min"),)

    def simulate(self, designs, *, fidelity, seed):
        loss = (
            (designs["x"] - 0.3) ** 2 + 0.1 * np.log10(designs["y"] / 5) ** 2 + 0.05 * (designs["k"] - 7) ** 2
        )
        return {"loss": loss}


@pytest.mark.parametrize(
    ("agent_class", "budget", "bound"),
    [(NSGA2Agent, 600, 2e-3), (QLogNEHVIAgent, 45, 2e-3)],
    ids=["nsga2", "qlognehvi"],
)
def test_one_objective_over_real_numbers_comes_close_to_the_minimum(agent_class, budget, bound):
    assert found(agent_class, Bowl(), budget, seed=0).min() < bound
    assert found(RandomSearch, Bowl(), budget, seed=0).min() > bound
