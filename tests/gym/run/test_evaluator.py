from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cosearch import Evaluator
from cosearch.errors import ArgumentError
from cosearch.run.backend import BackendOptions
from small_problems import Trouble, TwoSpheres


class Counting(TwoSpheres):
    """Counts the designs that reach the simulator."""

    name = "counting"

    def __init__(self) -> None:
        super().__init__()
        self.simulated = 0

    def simulate(self, designs, *, fidelity, seed):
        self.simulated += len(designs)
        return super().simulate(designs, fidelity=fidelity, seed=seed)


@given(st.lists(st.lists(st.integers(0, 30), min_size=1, max_size=12), max_size=12))
@settings(max_examples=60, deadline=None)
def test_each_distinct_design_is_simulated_once(batches):
    problem = Counting()
    pool = problem.space.sample(31, 5)
    evaluator = Evaluator(problem)
    expected = problem.evaluate(pool)
    problem.simulated = 0
    for batch in batches:
        outcomes = evaluator.evaluate(pool[np.array(batch)])
        np.testing.assert_array_equal(outcomes["left"], expected["left"][batch])
    asked = pool[np.array(sorted({i for batch in batches for i in batch}), dtype=int)]
    assert problem.simulated == evaluator.spent == len(set(asked.keys()))


def test_the_budget_counts_what_is_simulated_and_nothing_else():
    problem = TwoSpheres()
    evaluator = Evaluator(problem, budget=2)
    row = {"x": 0, "y": 0, "shape": "round"}
    forbidden = {**row, "x": 20, "y": 20}
    designs = problem.space.designs([row, row, forbidden, {**row, "x": 1}, {**row, "x": 2}, row])
    assert evaluator.admit(designs) == 4
    evaluator.evaluate(designs[:4])
    assert evaluator.remaining == 0
    assert evaluator.evaluated == 3
    assert evaluator.admit(designs[4:]) == 0
    assert evaluator.admit(designs[:4]) == 4
    with pytest.raises(ArgumentError, match="budget of 2 evaluations is spent"):
        evaluator.evaluate(designs[4:])


def test_everything_is_recorded_before_it_is_returned():
    recorded = []
    evaluator = Evaluator(TwoSpheres(), record=lambda designs, *_: recorded.extend(designs.keys()))
    designs = TwoSpheres.space.sample(100, 3)
    evaluator.evaluate(designs)
    assert recorded == list(dict.fromkeys(designs.keys()))


def test_worker_processes_give_the_same_numbers():
    problem = TwoSpheres()
    designs = problem.space.sample(50, 0)
    with Evaluator(problem, options=BackendOptions(workers=2)) as evaluator:
        np.testing.assert_array_equal(evaluator.evaluate(designs)["left"], problem.evaluate(designs)["left"])


def test_crash_hang_and_hunger_each_fail_one_design_with_its_reason():
    problem = Trouble()
    kinds = ["fine", "exit", "raise", "memory", "hang", "nan", "fine"]
    designs = problem.space.designs([{"kind": kind, "x": i} for i, kind in enumerate(kinds)])
    limits = BackendOptions(workers=2, timeout_s=4.0, memory_mb=1000)
    with Evaluator(problem, options=limits) as evaluator:
        outcomes = evaluator.evaluate(designs)
    assert outcomes.status.tolist() == ["ok", "failed", "failed", "failed", "failed", "failed", "ok"]
    assert outcomes.reason[1] == "the worker process died (exit code 7)"
    assert outcomes.reason[2] == "RuntimeError: the pipe burst"
    assert "emory" in outcomes.reason[3]
    assert outcomes.reason[4] == "took longer than 4 s"
    assert outcomes.reason[5] == "metric value is nan"
    np.testing.assert_array_equal(outcomes["value"][[0, 6]], [0.0, 6.0])
