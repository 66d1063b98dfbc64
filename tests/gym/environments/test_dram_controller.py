"""The built-in problem `dram-controller` as an environment, in every formulation with every reward."""

from __future__ import annotations

import gymnasium
import mo_gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from stable_baselines3.common.env_checker import check_env as check_env_of_sb3

import cosearch
from cosearch.environments.rewards import REWARDS
from cosearch.space.convert.gymnasium import from_multi_discrete, to_multi_discrete

DRAM, MO_DRAM = "cosearch/DramController-v1", "cosearch/mo-DramController-v1"
WORKLOAD = "random:requests=600"


@pytest.mark.parametrize("reward", [*REWARDS])
@pytest.mark.parametrize("formulation", ["oneshot", "sequential", "refine"])
def test_checkers_find_nothing(formulation, reward):
    env = gymnasium.make(DRAM, workload=WORKLOAD, formulation=formulation, reward=reward, render_mode="ansi")
    check_env(env.unwrapped)
    check_env_of_sb3(env)


def test_sequential_masks_lead_to_designs_that_run():
    envs = gymnasium.make_vec(DRAM, num_envs=16, workload=WORKLOAD, formulation="sequential").unwrapped
    envs.reset(seed=0)
    rng = np.random.default_rng(0)
    seen = 0
    for _ in range(20):
        actions = np.array([rng.choice(np.flatnonzero(mask)) for mask in envs.action_masks()])
        _, rewards, terminations, _, infos = envs.step(actions)
        assert (infos["status"][terminations] == "ok").all()
        assert np.isfinite(rewards).all()
        seen += terminations.sum()
    assert seen >= 16


def test_a_vector_of_64_gives_the_metrics_that_the_problem_gives():
    envs = gymnasium.make_vec(
        DRAM, num_envs=64, vectorization_mode="vector_entry_point", workload=WORKLOAD, formulation="oneshot"
    ).unwrapped
    envs.reset(seed=0)
    envs.action_space.seed(0)
    actions = envs.action_space.sample()
    _, _, terminations, _, infos = envs.step(actions)
    assert terminations.all()
    outcomes = envs.problem.evaluate(from_multi_discrete(envs.problem.space, actions))
    assert infos["status"].tolist() == outcomes.status.tolist()
    for name in envs.problem.metric_names:
        assert np.array_equal(infos["metrics"][name], outcomes[name], equal_nan=True)
        assert np.array_equal(infos["metrics"][f"_{name}"], outcomes.ok)


def test_the_multi_objective_twin():
    env = mo_gymnasium.make(MO_DRAM, workload=WORKLOAD)
    env.reset(seed=0)
    _, reward, terminated, _, info = env.step(
        to_multi_discrete(env.unwrapped.problem.space, info_default(env))[0]
    )
    assert terminated
    assert reward == pytest.approx([-1.0, -1.0])  # the default design in its own units
    assert info["objectives"].tolist() == [info["metrics"]["time_ns"], info["metrics"]["energy_pj"]]
    check_env(mo_gymnasium.wrappers.LinearReward(env), skip_render_check=True)


def info_default(env):
    return env.unwrapped.problem.space.default()


def test_the_parallel_environment():
    pettingzoo_test = pytest.importorskip("pettingzoo.test")
    env = cosearch.parallel_env("dram-controller", workload=WORKLOAD)
    assert {"scheduling", "queues", "addresses"} <= set(env.possible_agents)
    pettingzoo_test.parallel_api_test(env, num_cycles=10)
