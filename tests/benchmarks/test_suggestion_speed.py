"""How long a Bayesian agent takes for a suggestion, and how much memory a long search takes.

The bar: with 200 designs evaluated of a problem of 10 parameters, one suggestion takes under half a second of
one core. Processor time of this process, because the tests share the machine.
"""

from __future__ import annotations

import time
import tracemalloc

import numpy as np
import pytest

from cosearch import Categorical, DesignSpace, Integer, Objective, Ordinal, Outcomes, Real, Results, Task
from cosearch_agents import MORBOAgent, QLogNEHVIAgent, QLogNParEGOAgent, SAASBOAgent

TEN = DesignSpace(
    [
        *(Ordinal(f"size{i}", [1, 2, 4, 8, 16, 32]) for i in range(4)),
        *(Categorical(f"kind{i}", list("abcd")) for i in range(2)),
        *(Integer(f"count{i}", 1, 64) for i in range(2)),
        *(Real(f"share{i}", 0, 1) for i in range(2)),
    ]
)
MANY = DesignSpace(
    [
        *(Categorical(f"kind{i}", list("abcdefg")[: 3 + i % 5]) for i in range(20)),
        *(Ordinal(f"size{i}", [1, 2, 4, 8, 16]) for i in range(8)),
    ]
)


def told(agent_class, space, m, n):
    agent = agent_class(Task(space, [Objective(f"f{j}") for j in range(m)]), seed=0)
    add(agent, space.sample(n, 1), m)
    return agent


def add(agent, designs, m):
    unit = designs.space.to_unit(designs)
    weights, centres = np.random.default_rng(0).random((2, m, unit.shape[1]))
    metrics = {f"f{j}": np.exp((weights[j] * (unit - centres[j]) ** 2).sum(axis=1)) for j in range(m)}
    agent.tell(Results.of(designs, Outcomes.of(metrics)))


@pytest.mark.parametrize(
    ("agent_class", "space", "m", "most_s"),
    [
        (QLogNEHVIAgent, TEN, 1, 0.5),
        (QLogNEHVIAgent, TEN, 2, 0.5),
        (QLogNEHVIAgent, TEN, 3, 1.0),
        (QLogNEHVIAgent, TEN, 5, 1.5),
        (QLogNEHVIAgent, MANY, 2, 0.5),
        (QLogNParEGOAgent, TEN, 5, 1.0),
        (SAASBOAgent, TEN, 2, 0.5),
        (MORBOAgent, MANY, 2, 0.5),
    ],
    ids=lambda value: (
        getattr(value, "name", None) or (len(value) if isinstance(value, DesignSpace) else str(value))
    ),
)
def test_a_suggestion_takes_half_a_second(agent_class, space, m, most_s):
    agent = told(agent_class, space, m, 200)
    agent.ask(1)  # imports
    times = []
    for seed in (7, 8, 9):
        add(agent, space.sample(1, seed), m)
        began = time.process_time()
        assert len(agent.ask(1)) == 1
        times.append(time.process_time() - began)
    assert min(times) < most_s, times


def test_memory_grows_no_faster_than_the_data():
    def peak_mb(n):
        agent = told(QLogNEHVIAgent, TEN, 2, n)
        tracemalloc.start()
        agent.ask(1)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return peak / 2**20

    peak_mb(100)
    assert peak_mb(4000) < 1.5 * peak_mb(800)
