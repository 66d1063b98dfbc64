"""Ranks are those of peeling fronts one by one, crowding is pymoo's, and islands share the work."""

from __future__ import annotations

import numpy as np
import pytest

from cosearch import DesignSpace, Integer, Objective, Outcomes, Proposals, Results, Task
from cosearch.pareto import pareto_mask
from cosearch_agents.population import Population, crowding, ranks
from cosearch_agents.steady_evolution import IslandsAgent

SPACE = DesignSpace([Integer("x", 0, 40), Integer("y", 0, 40), Integer("z", 0, 40)])


def peeled(values):
    rank, left, front = np.zeros(len(values), dtype=int), np.arange(len(values)), 0
    while len(left):
        best = pareto_mask(values[left])
        rank[left[best]] = front
        left, front = left[~best], front + 1
    return rank


@pytest.mark.parametrize("objectives", [1, 2, 3])
def test_ranks_are_those_of_fronts_peeled_one_by_one(objectives):
    values = np.random.default_rng(objectives).integers(0, 6, size=(60, objectives)).astype(float)
    assert ranks(values, np.zeros(60)).tolist() == peeled(values).tolist()


def test_what_is_infeasible_comes_behind_in_the_order_of_what_it_misses():
    rank = ranks(
        np.array([[1.0, 1.0], [0.0, 0.0], [9.0, 9.0], [0.0, 0.0]]), np.array([0.0, np.inf, 0.0, 0.5])
    )
    assert np.argsort(rank).tolist() == [0, 2, 3, 1]


def test_crowding_is_that_of_pymoo():
    from pymoo.operators.survival.rank_and_crowding.metrics import calc_crowding_distance

    points = np.random.default_rng(0).random((30, 2))
    points = points[pareto_mask(points)]
    theirs = calc_crowding_distance(points)
    ours = crowding(points, np.zeros(len(points), dtype=int))
    inner = np.isfinite(theirs)
    assert np.allclose(ours[inner], 2 * theirs[inner]) or np.allclose(ours[inner], theirs[inner])
    assert np.isinf(ours[~inner]).all()


def test_a_population_keeps_the_best():
    population = Population(5, 1)
    values = np.random.default_rng(0).permutation(50).astype(float)
    for row, value in enumerate(values):
        population.add(row, np.array([value]), 0.0)
    assert sorted(values[population.rows]) == [0.0, 1.0, 2.0, 3.0, 4.0]


def measured(designs):
    unit = designs.space.to_unit(designs)
    return Outcomes.of({"a": unit.sum(axis=1), "b": ((unit - 1) ** 2).sum(axis=1)})


@pytest.mark.parametrize("workers", [1, 5])
def test_every_island_gets_its_share_of_the_work(workers):
    """Results come in another order than that of asking, as from workers of different speed."""
    task = Task(SPACE, (Objective("a"), Objective("b")))
    agent = IslandsAgent(task, seed=0, islands=4, population=6, initial=8, migration=5)
    rng = np.random.default_rng(0)
    under_way, number = [], 0
    while sum(agent.shares) < 120:
        while len(under_way) < workers:
            agent.pending = Proposals(SPACE.designs([]))
            if under_way:
                agent.pending = Proposals(type(under_way[0][0]).concat([one for one, _ in under_way]))
            under_way.append((agent.ask(1), number))
            number += 1
        one, its_number = under_way.pop(int(rng.integers(len(under_way))))
        agent.tell(Results.of(one, measured(one), number=its_number))
    assert max(agent.shares) - min(agent.shares) <= workers
    assert all(len(population.rows) == 6 for population in agent.populations)
