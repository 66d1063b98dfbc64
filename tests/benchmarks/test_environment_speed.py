"""How many steps a second an environment makes when the simulator costs next to nothing (pytest-benchmark).

    pytest tests/benchmarks/test_environment_speed.py --benchmark-enable --benchmark-timer=time.process_time

Resets count: an episode of `oneshot` has one step, one of `sequential` ten, one of `refine` fifty. Each row
shows `steps_per_s`, made in the median round.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

import gymnasium
import numpy as np
import pytest

import cosearch
from cosearch import Designs, DesignSpace, Metric, Objective, Ordinal, Problem
from cosearch.environments.env import DesignEnv
from cosearch.environments.vector import DesignVectorEnv
from cosearch.registry import registry

FORMULATIONS = ("oneshot", "sequential", "refine")
STEPS = 500
ROWS = 1024


class Trivial(Problem):
    """Ten numbers, of which two metrics see three."""

    name = "trivial-of-the-benchmark"
    space = DesignSpace([Ordinal(f"p{i}", [1, 2, 4, 8, 16, 32]) for i in range(10)])
    metrics = (Metric("cost", "1"), Metric("gain", "1"))
    objectives = (Objective("cost"), Objective("gain", "max"))

    def simulate(self, designs: Designs, *, fidelity: str, seed: int) -> Mapping[str, Any]:
        return {"cost": designs["p0"] + designs["p1"], "gain": designs["p2"]}


@pytest.fixture(scope="module", autouse=True)
def trivial_plugin() -> None:
    if Trivial.name not in registry().problems:
        cosearch.register(Trivial)


def bare(formulation: str) -> Any:
    return DesignEnv(Trivial(), formulation=formulation)


def made(formulation: str) -> Any:
    return gymnasium.make(Trivial.env_id(), formulation=formulation)


def unchecked(formulation: str) -> Any:
    return gymnasium.make(Trivial.env_id(), formulation=formulation, disable_env_checker=True)


@pytest.mark.parametrize("make", [bare, unchecked, made])
@pytest.mark.parametrize("formulation", FORMULATIONS)
def test_steps_of_one_environment(benchmark: Any, formulation: str, make: Any) -> None:
    env = make(formulation)
    env.action_space.seed(0)
    actions = [env.action_space.sample() for _ in range(STEPS)]
    env.reset(seed=0)

    def walk() -> dict[str, Any]:
        for action in actions:
            *_, terminated, truncated, info = env.step(action)
            if terminated or truncated:
                env.reset()
        return info

    info = benchmark(walk)
    assert info["design"]["p0"] in (1, 2, 4, 8, 16, 32)
    assert info.keys() == {"design", "metrics", "objectives", "status", "reason"}
    report(benchmark, STEPS)


@pytest.mark.parametrize("formulation", FORMULATIONS)
def test_steps_of_a_vector(benchmark: Any, formulation: str) -> None:
    envs = DesignVectorEnv(Trivial(), ROWS, formulation=formulation)
    envs.action_space.seed(0)
    actions = itertools.cycle([envs.action_space.sample() for _ in range(20)])
    envs.reset(seed=0)
    observations = benchmark(lambda: envs.step(next(actions)))[0]
    assert np.abs(observations).max() <= 1.0
    report(benchmark, ROWS)


def report(benchmark: Any, steps: int) -> None:
    """Write the steps a second beside the times, where times are taken."""
    if benchmark.enabled:
        benchmark.extra_info["steps_per_s"] = round(steps / benchmark.stats.stats.median)
