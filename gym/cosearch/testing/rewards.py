"""The conformance check of rewards: that failing never pays, on designs of a problem as they came out."""

from __future__ import annotations

import numpy as np

from cosearch.environments.reward import Reward
from cosearch.environments.rewards import REWARDS, VectorReward
from cosearch.objectives import Constraint, Objective, feasible
from cosearch.outcomes import FAILED, Outcomes
from cosearch.problem import Problem
from cosearch.testing.conformance import require


def check_rewards(problem: Problem, outcomes: Outcomes) -> None:
    """Check for every reward that no design that fails or misses a constraint is worth more than a valid one.

    Args:
        problem: whose objectives are scored, under its own constraints and under one on the median of each
            metric, so that some of the designs miss one.
        outcomes: of some of its designs.

    Raises:
        ConformanceError: the reward and the two designs.
    """
    failed = Outcomes.without_metrics(problem.metric_names, ["crashed"], FAILED)
    outcomes = Outcomes.concat([outcomes, failed])
    middles = {
        name: float(np.median(column[outcomes.ok]))
        for name, column in outcomes.metrics.items()
        if outcomes.ok.any()
    }
    made_up = [(Constraint(name, "<=", middle),) for name, middle in middles.items()]
    kinds: list[type[Reward]] = [*REWARDS.values(), VectorReward]
    for constraints in (problem.constraints, *made_up):
        for cls in kinds:
            check_order(cls(problem.objectives, constraints), outcomes, f"problem {problem.name!r}")


def check_order(reward: Reward, outcomes: Outcomes, who: str) -> None:
    """Check that a reward puts valid designs first, then those that miss least, then those that failed."""
    units = np.array([_unit(objective, outcomes) for objective in reward.objectives])
    memories = [reward.new_memory() for _ in range(len(outcomes))]
    worth = reward(outcomes, units, memories).reshape(len(outcomes), -1)
    valid = feasible(reward.constraints, outcomes)
    missed = np.where(outcomes.ok, reward.missed(outcomes), np.inf)
    what = f"{who}, reward {reward.name}"
    require(bool(np.isfinite(worth).all()), f"{what}: a reward is not finite")
    for worse, better, say in (
        (outcomes.ok & ~valid, valid, "misses {limits} is worth {a:g}, one that is feasible only {b:g}"),
        (~outcomes.ok, outcomes.ok, "failed is worth {a:g}, one that ran only {b:g}"),
    ):
        if worse.any() and better.any():
            a, b = worth[worse].max(), worth[better].min()
            limits = ", ".join(map(str, reward.constraints))
            require(bool(a < b), f"{what}: a design that {say.format(a=a, b=b, limits=limits)}")
    order = np.argsort(missed[outcomes.ok & ~valid], kind="stable")
    falling = np.diff(worth[outcomes.ok & ~valid][order], axis=0) <= 0
    require(bool(falling.all()), f"{what}: of two designs the one nearer to its constraints is worth less")


def _unit(objective: Objective, outcomes: Outcomes) -> float:
    column = np.abs(outcomes[objective.metric][outcomes.ok])
    return float(np.median(column)) or 1.0 if len(column) else 1.0
