"""Failing never pays, in every formulation, and the conformance kit says where it does."""

from __future__ import annotations

import numpy as np
import pytest

from cosearch import Constraint, make_problem
from cosearch.environments.env import DesignEnv
from cosearch.environments.rewards import REWARDS, WeightedSum
from cosearch.objectives import feasible
from cosearch.outcomes import Outcomes
from cosearch.testing import ConformanceError
from cosearch.testing.rewards import check_order, check_rewards


class Paying(WeightedSum):
    """As rewards were: a constant for what fails, however bad a valid design may be."""

    def __call__(self, outcomes, units, memories):
        scores = self.score(outcomes, units, memories)
        return np.where(feasible(self.constraints, outcomes), scores, -10.0)


class Blind(WeightedSum):
    """Does not see which of two designs is nearer."""

    def _graded(self, missed):
        return super()._graded(1.0 / missed)


@pytest.mark.parametrize(
    ("cls", "words"),
    [
        (Paying, r"misses area<=2 is worth -10, one that is feasible only -400"),
        (Blind, "nearer to its constraints is worth less"),
    ],
)
def test_the_kit_says_where_failing_pays(cls, words, oven):
    outcomes = Outcomes.of({"time": [1.0, 1.0, 400.0, 1.0], "area": [1.0, 3.0, 1.0, 9.0], "taste": [1.0] * 4})
    reward = cls(oven.objectives[:1], [Constraint("area", "<=", 2.0)])
    with pytest.raises(ConformanceError, match="reward weighted_sum: .*" + words):
        check_order(unscaled(reward), outcomes, "problem 'oven'")


def unscaled(reward):
    """The same where the unit of `time` is 1."""
    score = reward.score
    reward.score = lambda outcomes, units, memories: score(outcomes, np.ones(1), memories)
    return reward


def test_designs_that_score_below_what_failing_paid_once_are_put_in_order():
    """MaestroGym's random designs score -137 on the average, where a violation had -10."""
    problem = make_problem("dram-controller", workload="random:requests=300")
    outcomes = problem.evaluate(problem.space.sample(30, 0))
    energy_pj = np.exp(np.linspace(0, 9, 30)) * outcomes["energy_pj"]
    check_rewards(problem, Outcomes({**outcomes.metrics, "energy_pj": energy_pj}, outcomes.codes))


@pytest.mark.parametrize("formulation", ["oneshot", "sequential", "refine"])
@pytest.mark.parametrize("reward", [*REWARDS])
def test_in_every_formulation_a_design_that_is_feasible_earns_more(oven, formulation, reward):
    """Of designs that are reached from the same start: refine pays the difference to it."""
    problem = type(oven)(constraints=[Constraint("time", "<=", 60.0)])
    env = DesignEnv(problem, formulation=formulation, reward=reward)
    rng = np.random.default_rng(1)
    feasible_ones, others = [], []
    for seed in range(60):
        _, info = env.reset(seed=0)  # also empties what a reward remembers
        done, total = False, 0.0
        steps = 1 if formulation == "refine" else 99
        while not done and steps:
            if formulation == "oneshot":
                env.action_space.seed(seed)
                action = env.action_space.sample()
            else:
                action = int(rng.choice(np.flatnonzero(env.action_masks())))
            _, earned, done, _, info = env.step(action)
            total, steps = total + earned, steps - 1
        good = info["status"] == "ok" and info["metrics"]["time"] <= 60.0
        (feasible_ones if good else others).append(total)
    if formulation != "refine":
        assert len(feasible_ones) > 3
        assert len(others) > 3
        assert min(feasible_ones) > max(others)
    elif others:
        assert min(feasible_ones) > max(others)
