"""The `mo-` twins: MO-Gymnasium's conventions, checked as its own tests check its environments."""

from __future__ import annotations

import pickle

import gymnasium
import mo_gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env, data_equivalence
from mo_gymnasium.wrappers import LinearReward, MONormalizeReward, MORecordEpisodeStatistics

from cosearch.environments.env import MultiObjectiveDesignEnv
from cosearch.errors import ArgumentError
from cosearch.space.convert.gymnasium import to_dict_action

OVEN = "cosearch/mo-TestOven-v0"
FORMULATIONS = [{}, {"formulation": "sequential"}, {"formulation": "refine", "start": "random"}]


@pytest.mark.parametrize("arguments", FORMULATIONS, ids=str)
def test_rewards_are_vectors_of_the_reward_space(arguments):
    env = mo_gymnasium.make(OVEN, **arguments)
    assert env.unwrapped.reward_space.shape == (2,)
    assert env.unwrapped.reward_dim == 2
    env.reset(seed=0)
    env.action_space.seed(0)
    for _ in range(20):
        _, reward, terminated, truncated, _ = env.step(env.action_space.sample())
        assert reward in env.unwrapped.reward_space
        if terminated or truncated:
            env.reset()


class Linear(LinearReward):
    """MO-Gymnasium 1.3 puts one array of weights into every info, which Gymnasium 1.4's checker rejects."""

    def step(self, action):
        *rest, info = super().step(action)
        return *rest, {**info, "reward_weights": info["reward_weights"].copy()}


@pytest.mark.parametrize("arguments", FORMULATIONS, ids=str)
def test_with_a_linear_reward_gymnasiums_checker_finds_nothing(arguments):
    env = Linear(mo_gymnasium.make(OVEN, render_mode="ansi", **arguments), weight=np.array([0.3, 0.7]))
    check_env(env, skip_render_check=True)


@pytest.mark.parametrize("arguments", FORMULATIONS, ids=str)
def test_a_pickled_environment_goes_on_like_the_original(arguments):
    env = mo_gymnasium.make(OVEN, **arguments)
    env.reset(seed=3)
    again = pickle.loads(pickle.dumps(env))
    env.action_space.seed(3)
    for _ in range(3):
        action = env.action_space.sample()
        ours, theirs = env.step(action), again.step(action)
        assert data_equivalence(ours, theirs, exact=True)
        if ours[2] or ours[3]:
            break


def test_mo_gymnasiums_wrappers_apply():
    env = mo_gymnasium.make(OVEN, formulation="refine", max_steps=3)
    for index in range(2):
        env = MONormalizeReward(env, idx=index)
    env = MORecordEpisodeStatistics(env, gamma=1.0)
    env.reset(seed=0)
    truncated = False
    while not truncated:
        _, _, _, truncated, info = env.step(env.action_space.sample())
    assert info["episode"]["r"].shape == (2,)


def test_the_reward_is_the_objectives_to_be_maximised_in_their_units(oven):
    env = MultiObjectiveDesignEnv(oven, action="dict", units={"time": 1.0, "taste": 1.0})
    env.reset(seed=0)
    design = {"fan": "off", "heat": 1.0, "minutes": 40, "layers": ("cream", "nut", "fruit", "sponge")}
    _, reward, _, _, info = env.step(to_dict_action(oven.space, design))
    assert reward == pytest.approx([-41.0, 2.0])
    assert info["objectives"] == pytest.approx([41.0, 2.0])


def test_refine_rewards_add_up_to_the_improvement_in_every_objective(oven):
    env = MultiObjectiveDesignEnv(oven, formulation="refine", units={"time": 1.0, "taste": 1.0})
    _, info = env.reset(seed=0)
    start, total = info["objectives"] * [-1, 1], np.zeros(2)
    env.action_space.seed(4)
    for _ in range(20):
        _, reward, _, _, info = env.step(env.action_space.sample(env.action_masks().astype(np.int8)))
        total += reward
    assert total == pytest.approx(info["objectives"] * [-1, 1] - start)


def test_vectorised_rewards_have_a_row_an_environment():
    envs = gymnasium.make_vec(OVEN, num_envs=4, action="box")
    assert envs.unwrapped.reward_space.shape == (2,)
    envs.reset(seed=0)
    envs.action_space.seed(0)
    actions = envs.action_space.sample()
    rewards = envs.step(actions)[1]
    assert rewards.shape == (4, 2)
    single = mo_gymnasium.make(OVEN, action="box")
    for action, row in zip(actions, rewards, strict=True):
        single.reset()
        assert single.step(action)[1] == pytest.approx(row)


def test_a_scalar_reward_is_rejected():
    with pytest.raises(ArgumentError, match="has a vector reward"):
        gymnasium.make(OVEN, reward="mnasnet")
