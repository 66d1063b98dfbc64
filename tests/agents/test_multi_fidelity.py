"""Multi-fidelity agents evaluate many designs roughly, and the best of them exactly."""

from __future__ import annotations

import numpy as np
import pytest

from cosearch import Study
from cosearch.objectives import minimised
from cosearch_agents.multi_fidelity import ASHAAgent, BOHBAgent, HyperbandAgent, SuccessiveHalvingAgent
from cosearch_agents.random_search import RandomSearch
from staged_problems import Rough, RoughFront


def best(agent, seed):
    data = Study.create(Rough(), agent, budget=40, seed=seed).run()
    exact = np.asarray(data.fidelity) == "exact" if hasattr(data, "fidelity") else data.at_study_fidelity
    return float(np.nanmin(minimised(Rough.objectives, data.outcomes)[exact])), data, exact


@pytest.mark.parametrize(
    "agent_class", [SuccessiveHalvingAgent, HyperbandAgent, ASHAAgent, BOHBAgent], ids=lambda a: a.name
)
def test_finds_better_designs_than_exact_random_search_for_the_same_cost(agent_class):
    found = [best(agent_class, seed) for seed in range(3)]
    rivals = [best(RandomSearch, seed)[0] for seed in range(3)]
    assert np.median([value for value, _, _ in found]) < np.median(rivals)
    for _, data, exact in found:
        assert 1 <= exact.sum() < len(data.designs) / 2


def test_only_the_best_go_on():
    _, data, exact = best(ASHAAgent, 0)
    fidelity = np.asarray(data.fidelity)
    sketches = int((fidelity == "sketch").sum())
    assert int((fidelity == "draft").sum()) <= sketches / 2
    assert int(exact.sum()) <= sketches / 4
    assert set(data.designs[np.flatnonzero(exact)].keys()) <= set(
        data.designs[np.flatnonzero(fidelity == "draft")].keys()
    )


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize(
    "agent_class", [SuccessiveHalvingAgent, HyperbandAgent, ASHAAgent, BOHBAgent], ids=lambda a: a.name
)
def test_several_objectives_and_workers(agent_class, workers):
    data = Study.create(
        RoughFront(),
        agent_class,
        budget=12,
        seed=0,
        workers=workers,
        backend="inline" if workers == 1 else None,
    ).run()
    assert {"sketch", "exact"} <= set(np.asarray(data.fidelity).tolist())
