"""The vector environment: one simulator call a step, and the same numbers as single environments."""

from __future__ import annotations

import copy

import gymnasium
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode, SyncVectorEnv
from gymnasium.vector.utils import batch_space

from cosearch.environments.env import DesignEnv
from cosearch.environments.vector import DesignVectorEnv
from cosearch.errors import ArgumentError
from cosearch.space.convert.gymnasium import dict_space

OVEN = "cosearch/TestOven-v0"
FORMULATIONS = [
    {"formulation": "oneshot"},
    {"formulation": "oneshot", "action": "dict"},
    {"formulation": "sequential", "levels": 5},
    {"formulation": "refine", "start": "random", "max_steps": 4, "reward": "hypervolume_improvement"},
    {"formulation": "refine", "max_steps": 3, "reward": "nasaic", "constraints": ["time<=30"]},
]


def assert_same(ours, theirs):
    """Two infos in vector form have the same masks, and the same values under them."""
    for key, mask in theirs.items():
        if not key.startswith("_"):
            continue
        name = key[1:]
        assert np.array_equal(ours[key], mask), (key, ours[key], mask)
        if isinstance(theirs[name], dict):
            assert_same(ours[name], theirs[name])
            continue
        for row in np.flatnonzero(mask):
            a, b = ours[name][row], theirs[name][row]
            assert np.array_equal(a, b, equal_nan=isinstance(b, float)), (key, row, a, b)


@pytest.mark.parametrize("mode", list(AutoresetMode)[:2], ids=str)
@pytest.mark.parametrize("arguments", FORMULATIONS, ids=str)
def test_steps_like_gymnasiums_vector_of_single_environments(arguments, mode):
    envs = gymnasium.make_vec(
        OVEN, num_envs=5, vectorization_mode="vector_entry_point", autoreset_mode=mode.value, **arguments
    )
    singles = SyncVectorEnv([lambda: DesignEnv("test-oven", **arguments)] * 5, autoreset_mode=mode)
    assert envs.observation_space == singles.observation_space
    assert envs.action_space == singles.action_space
    assert envs.metadata["autoreset_mode"] == mode
    envs.action_space.seed(11)
    ours, theirs = envs.reset(seed=20), singles.reset(seed=20)
    assert np.array_equal(ours[0], theirs[0])
    assert_same(ours[1], with_none_as_missing(theirs[1]))
    for _ in range(30):
        actions = envs.action_space.sample()
        ours, theirs = envs.step(copy.deepcopy(actions)), singles.step(actions)
        for a, b in zip(ours[:4], theirs[:4], strict=True):
            assert a.dtype == b.dtype
            assert np.array_equal(a, b)
        assert ours[0] in envs.observation_space
        infos = with_none_as_missing(theirs[4])
        if "final_info" in infos:
            for row in np.flatnonzero(infos["_final_info"]):
                assert np.array_equal(ours[4]["final_obs"][row], infos["final_obs"][row])
            assert_same(ours[4]["final_info"], infos.pop("final_info"))
            infos = {key: value for key, value in infos.items() if "final" not in key}
        assert_same(ours[4], infos)


def with_none_as_missing(infos):
    """A metric that is None in a single environment is masked out in ours."""
    infos = dict(infos)
    for part in [infos, *([infos["final_info"]] if "final_info" in infos else [])]:
        metrics = dict(part["metrics"])
        for name in [name for name in metrics if not name.startswith("_")]:
            values = np.array([np.nan if v is None else v for v in metrics[name]], dtype=float)
            metrics[f"_{name}"] = metrics[f"_{name}"] & ~np.isnan(values)
            metrics[name] = values
        part["metrics"] = metrics
        for name in DesignEnv("test-oven").problem.space.names:  # Gymnasium leaves out what no row has
            part["design"].setdefault(f"_{name}", np.zeros(5, dtype=bool))
            part["design"].setdefault(name, np.zeros(5))
    return infos


def test_a_step_is_one_simulator_call(oven, monkeypatch):
    batches = []
    simulate = type(oven).simulate

    def counted(self, designs, **arguments):
        batches.append(len(designs))
        return simulate(self, designs, **arguments)

    monkeypatch.setattr(type(oven), "simulate", counted)
    envs = DesignVectorEnv(oven, 64, action="box")
    envs.reset(seed=0)
    envs.action_space.seed(0)
    _, _, terminations, _, infos = envs.step(envs.action_space.sample())
    assert terminations.all()
    assert batches == [
        1,
        (infos["status"] == "ok").sum(),
    ]  # the default design for the units, then all at once


def test_next_step_ignores_the_actions_of_rows_that_are_reset(oven):
    envs = DesignVectorEnv(oven, 2)
    envs.reset(seed=0)
    envs.step(envs.action_space.sample())
    _, rewards, terminations, _, infos = envs.step(envs.action_space.sample())
    assert rewards.tolist() == [0.0, 0.0]
    assert not terminations.any()
    assert infos["status"].tolist() == ["unevaluated"] * 2


def test_disabled_autoreset_waits_for_the_reset_mask(oven):
    envs = DesignVectorEnv(oven, 3, formulation="sequential", autoreset_mode="Disabled")
    envs.reset(seed=0)
    fan = np.array([0, 1, 1])  # row 0 skips the speed, so it ends a step earlier
    terminations = np.zeros(3, dtype=bool)
    envs.step(fan)
    while not terminations.any():
        _, _, terminations, _, _ = envs.step(np.zeros(3, dtype=int))
    assert terminations.tolist() == [True, False, False]
    with pytest.raises(gymnasium.error.ResetNeeded, match="row 0"):
        envs.step(np.zeros(3, dtype=int))
    _, infos = envs.reset(options={"reset_mask": terminations})
    assert infos["_status"].tolist() == [True, False, False]
    _, _, terminations, _, _ = envs.step(np.zeros(3, dtype=int))
    assert terminations.tolist() == [False, True, True]


def test_rows_can_start_from_designs_of_their_own(oven):
    envs = DesignVectorEnv(oven, 3, formulation="refine")
    designs = list(oven.space.sample(3, 5))
    _, infos = envs.reset(options={"design": designs})
    assert infos["design"]["minutes"].tolist() == [design["minutes"] for design in designs]
    _, infos = envs.reset(options={"design": designs[0]})
    assert infos["design"]["minutes"].tolist() == [designs[0]["minutes"]] * 3


def test_masks_of_all_rows_at_once(oven):
    envs = DesignVectorEnv(oven, 4, formulation="sequential", levels=5)
    envs.reset(seed=0)
    envs.step(np.array([0, 1, 0, 1]))
    masks = envs.action_masks()
    assert masks.shape == (4, envs.single_action_space.n)
    assert masks.sum(axis=1).tolist() == [5, 4, 5, 4]  # heat has five levels, speed four values


def test_the_registered_environment_makes_itself_again():
    envs = gymnasium.make_vec(OVEN, num_envs=3, formulation="refine", max_steps=4)
    again = gymnasium.make_vec(envs.spec)
    assert isinstance(again.unwrapped, DesignVectorEnv)
    assert again.num_envs == 3
    assert again.action_space == envs.action_space


def test_plain_gymnasium_vectorisation_works_too():
    envs = gymnasium.make_vec(OVEN, num_envs=2, vectorization_mode="sync", formulation="refine")
    envs.reset(seed=0)
    envs.step(envs.action_space.sample())


def test_spaces_are_batched(oven):
    envs = DesignVectorEnv(oven, 6, action="dict")
    assert envs.action_space == batch_space(dict_space(oven.space), 6)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"num_envs": 0}, "num_envs must be at least 1, not 0"),
        ({"autoreset_mode": "soon"}, "NextStep, SameStep"),
    ],
)
def test_a_bad_argument_is_rejected(oven, arguments, says):
    with pytest.raises(ArgumentError, match=says):
        DesignVectorEnv(oven, **arguments)


def test_misuse_is_told_in_words(oven):
    envs = DesignVectorEnv(oven, 2)
    with pytest.raises(gymnasium.error.ResetNeeded):
        envs.step(envs.action_space.sample())
    with pytest.raises(ArgumentError, match="3 seeds for num_envs=2"):
        envs.reset(seed=[1, 2, 3])
    with pytest.raises(ArgumentError, match="reset_mask"):
        envs.reset(options={"reset_mask": np.array([True])})
