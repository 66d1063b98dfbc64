"""The single environment: Gymnasium's and SB3's checkers, the three formulations, info, spec, errors."""

from __future__ import annotations

import json
import pickle
import warnings

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from stable_baselines3.common.env_checker import check_env as check_env_of_sb3

from cosearch.environments.env import DesignEnv
from cosearch.environments.rewards import REWARDS
from cosearch.environments.vector import DesignVectorEnv
from cosearch.errors import ArgumentError, DesignError, UnknownNameError
from cosearch.space.convert.gymnasium import to_dict_action, to_multi_discrete
from small_problems import Trouble

OVEN = "cosearch/TestOven-v0"
FORMULATIONS = [
    {"formulation": "oneshot"},
    {"formulation": "oneshot", "action": "box"},
    {"formulation": "oneshot", "action": "dict"},
    {"formulation": "sequential", "levels": 5},
    {"formulation": "refine"},
    {"formulation": "refine", "start": "random", "max_steps": 3},
]


@pytest.mark.parametrize("reward", [*REWARDS])
@pytest.mark.parametrize("arguments", FORMULATIONS, ids=str)
@pytest.mark.parametrize("problem", ["TestOven", "TwoSpheres"])
def test_checkers_find_nothing(problem, arguments, reward):
    env = gymnasium.make(f"cosearch/{problem}-v0", reward=reward, render_mode="ansi", **arguments).unwrapped
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_env(env)
        if arguments.get("action") != "dict":  # SB3 has no algorithm for a Dict of actions
            check_env_of_sb3(env)


@pytest.mark.parametrize("arguments", FORMULATIONS, ids=str)
def test_a_simulator_that_always_fails_passes_the_checkers_too(oven, arguments, monkeypatch):
    monkeypatch.setattr(type(oven), "simulate", lambda *args, **kwargs: 1 / 0)
    env = DesignEnv(oven, render_mode="ansi", **arguments)
    check_env(env)
    assert env.episodes.units.tolist() == [1.0, 1.0]


def test_oneshot_evaluates_the_whole_design(oven):
    env = DesignEnv(oven, action="dict")
    env.reset(seed=0)
    design = {
        "fan": "on",
        "speed": 4,
        "heat": 0.75,
        "minutes": 30,
        "layers": ("cream", "nut", "fruit", "sponge"),
    }
    observation, reward, terminated, truncated, info = env.step(to_dict_action(oven.space, design))
    assert (terminated, truncated) == (True, False)
    assert info["design"] == design
    assert info["metrics"] == {"time": pytest.approx(41.0), "taste": pytest.approx(1 / 11 + 0.4 + 1)}
    assert info["objectives"] == pytest.approx([41.0, 1 / 11 + 1.4])
    assert (info["status"], info["reason"]) == ("ok", "")
    default = oven.evaluate(oven.space.designs(oven.space.default()))
    time_unit, taste_unit = default["time"][0], default["taste"][0]
    assert reward == pytest.approx(-0.5 * 41.0 / time_unit + 0.5 * (1 / 11 + 1.4) / taste_unit)
    assert observation[-3] == pytest.approx((41.0 - time_unit) / (41.0 + time_unit))
    assert observation[-1] == 1.0


def test_a_forbidden_design_is_infeasible_with_its_reason(oven):
    env = DesignEnv(oven, action="dict", failure_reward=-4.5)
    env.reset()
    design = {
        "fan": "on",
        "speed": 8,
        "heat": 1.5,
        "minutes": 30,
        "layers": ("nut", "cream", "fruit", "sponge"),
    }
    observation, reward, _, _, info = env.step(to_dict_action(oven.space, design))
    assert reward == -4.5
    assert (info["status"], info["reason"]) == ("infeasible", "too hot for the fan")
    assert info["metrics"] == {"time": None, "taste": None}
    assert info["objectives"].tolist() == [np.inf, -np.inf]
    assert observation[-1] == -1.0


def test_sequential_chooses_one_parameter_a_step_and_skips_inactive_ones(oven):
    env = DesignEnv(oven, formulation="sequential", levels=5)
    _, info = env.reset(seed=0)
    assert info["design"] == {}
    partial, rewards = [], []
    for action in (0, 2, 4, 3, 2, 1):  # fan off, so there is no speed; the layers have 24 orders: 3 steps
        assert env.action_masks()[action]
        _, reward, terminated, _, info = env.step(action)
        partial.append(set(info["design"]))
        rewards.append(reward)
    assert terminated
    assert partial == [
        {"fan"},
        {"fan", "heat"},
        *[{"fan", "heat", "minutes"}] * 3,
        {"fan", "heat", "minutes", "layers"},
    ]
    assert info["design"]["layers"] == ("sponge", "fruit", "cream", "nut")
    assert rewards[:-1] == [0.0] * 5
    assert rewards[-1] == pytest.approx(oneshot_reward(oven, info["design"]))


def oneshot_reward(problem, design, **arguments):
    env = DesignEnv(problem, action="dict", **arguments)
    env.reset()
    return env.step(to_dict_action(problem.space, design))[1]


@pytest.mark.parametrize("reward", sorted(set(REWARDS) - {"hypervolume_improvement"}))
def test_refine_rewards_add_up_to_the_improvement_over_the_start(oven, reward):
    env = DesignEnv(oven, formulation="refine", reward=reward, max_steps=30)
    start = {"fan": "off", "heat": 0.6, "minutes": 500, "layers": ("nut", "cream", "fruit", "sponge")}
    _, info = env.reset(seed=1, options={"design": start})
    assert info["design"] == start
    env.action_space.seed(1)
    total, truncated = 0.0, False
    while not truncated:
        _, step_reward, terminated, truncated, info = env.step(env.action_space.sample())
        assert not terminated
        total += step_reward
    improvement = oneshot_reward(oven, info["design"], reward=reward) - oneshot_reward(
        oven, start, reward=reward
    )
    assert total == pytest.approx(improvement)


def test_refine_follows_its_moves(oven):
    env = DesignEnv(oven, formulation="refine")
    env.reset(options={"design": {**oven.space.default()}})
    moves = env.episodes.formulation.moves
    names = [(oven.space.names[m.column], m.kind, m.amount) for m in moves]
    before = oven.space.default()
    assert before["fan"] == "off"

    def after(*move):
        return env.step(names.index(move))[4]["design"]

    assert after("speed", "by", 1) == before  # no fan, no speed
    assert after("fan", "set", 1) == {**before, "fan": "on", "speed": 2}  # at its default
    assert after("speed", "by", -1)["speed"] == 1
    assert after("speed", "by", -1)["speed"] == 1  # an end
    assert after("heat", "scale", 0.1)["heat"] == pytest.approx(before["heat"] + 0.1)
    assert after("layers", "swap", 1)["layers"] == ("nut", "fruit", "cream", "sponge")


def test_refine_masks_are_the_moves_to_other_allowed_designs(oven):
    env = DesignEnv(oven, formulation="refine", start="random", max_steps=10**6)
    env.reset(seed=5)
    env.action_space.seed(5)
    for _ in range(40):
        mask = env.action_masks()
        design = env.unwrapped.episodes.designs(np.array([0]))[0]
        for action in range(env.action_space.n):
            env.reset(options={"design": design})
            info = env.step(action)[4]
            assert mask[action] == (info["design"] != design and info["status"] == "ok")
        env.reset(options={"design": design})
        env.step(env.action_space.sample(mask.astype(np.int8)))


def test_following_masks_of_refine_climbs_to_the_known_optimum():
    # Both spheres count the same, so the optimum of the weighted sum is halfway between them, at the origin.
    env = gymnasium.make(
        "cosearch/TwoSpheres-v0", formulation="refine", units={"left": 1.0, "right": 1.0}
    ).unwrapped
    env.reset(seed=0, options={"design": {"x": 9, "y": 14, "shape": "square"}})
    improved = True
    while improved:
        design = env.episodes.designs(np.array([0]))[0]
        gains = []
        for action in range(env.action_space.n):
            env.reset(options={"design": design})
            gains.append(env.step(action)[1])
        env.reset(options={"design": design})
        improved = max(gains) > 0
        if improved:
            info = env.step(int(np.argmax(gains)))[4]
    assert info["design"] == {"x": 0, "y": 0, "shape": "round"}


@pytest.mark.parametrize("arguments", FORMULATIONS, ids=str)
def test_seed_and_actions_determine_everything(arguments):
    def run():
        env = gymnasium.make(OVEN, reward="hypervolume_improvement", **arguments)
        env.action_space.seed(7)
        observation, info = env.reset(seed=7)
        seen = [observation.tolist(), repr(info)]
        for _ in range(25):
            observation, reward, terminated, truncated, info = env.step(env.action_space.sample())
            seen += [observation.tolist(), reward, repr(info)]
            if terminated or truncated:
                seen += [repr(env.reset())]
        return seen

    assert run() == run()


def test_the_archive_of_the_hypervolume_reward_lives_until_the_next_seed(oven):
    env = DesignEnv(oven, action="dict", reward="hypervolume_improvement")
    action = to_dict_action(
        oven.space, {"fan": "off", "heat": 1.0, "minutes": 10, "layers": ("cream", "nut", "fruit", "sponge")}
    )
    rewards = []
    for seed in (3, None, 3):
        env.reset(seed=seed)
        rewards.append(env.step(action)[1])
    assert rewards[0] > 0
    assert rewards == [rewards[0], 0.0, rewards[0]]


def test_constraints_and_objectives_can_be_set(oven):
    env = gymnasium.make(OVEN, objectives=["taste:max"], constraints=["time<=5"], action="dict").unwrapped
    env.reset()
    layers = ("cream", "nut", "fruit", "sponge")
    slow = to_dict_action(env.problem.space, {"fan": "off", "heat": 1.0, "minutes": 40, "layers": layers})
    _, reward, _, _, info = env.step(slow)
    assert (-10 < reward < -9, info["status"]) == (True, "ok")  # misses the constraint, but it ran
    assert info["objectives"] == pytest.approx([2.0])


def test_an_environment_can_be_built_again_from_its_spec():
    env = gymnasium.make(OVEN, formulation="sequential", reward="mnasnet", targets={"time": 30.0}, levels=7)
    specs = [
        env.spec,
        pickle.loads(pickle.dumps(env.spec)),
        gymnasium.envs.registration.EnvSpec.from_json(env.spec.to_json()),
    ]
    for spec in specs:
        again = gymnasium.make(spec)
        assert again.action_space == env.action_space
        assert again.observation_space == env.observation_space
        assert again.unwrapped.episodes.reward.targets == [30.0, None]
    assert json.loads(env.spec.to_json())["kwargs"]["problem"] == "test-oven"


def test_ansi_rendering_shows_the_design_and_its_metrics(oven):
    env = DesignEnv(oven, action="dict", render_mode="ansi")
    env.reset()
    layers = ("cream", "nut", "fruit", "sponge")
    env.step(to_dict_action(oven.space, {"fan": "off", "heat": 1.0, "minutes": 40, "layers": layers}))
    lines = [line.split() for line in env.render().splitlines()]
    assert ["fan", "off"] in lines
    assert ["speed", "-"] in lines
    assert ["time", "41", "min", "(min)"] in lines
    assert ["status:", "ok"] in lines


@pytest.mark.parametrize(
    ("arguments", "error", "says"),
    [
        ({"formulation": "one-shot"}, UnknownNameError, "formulation 'one-shot'; did you mean 'oneshot'"),
        ({"reward": "mnas"}, UnknownNameError, "mnasnet"),
        ({"fidelity": "cycles"}, UnknownNameError, "unknown fidelity of problem test-oven"),
        ({"objectives": ["tast:max"]}, UnknownNameError, "did you mean 'taste'"),
        ({"objective": ["taste:max"]}, UnknownNameError, "did you mean 'objectives'"),
        ({"timeout": 5.0}, UnknownNameError, "did you mean 'timeout_s'"),
        ({"maxsteps": 5, "formulation": "refine"}, UnknownNameError, "did you mean 'max_steps'"),
        ({"max_steps": 5}, ArgumentError, "max_steps is an argument of refine, not of oneshot"),
        ({"alpha": -1.0}, ArgumentError, "alpha is an argument of mnasnet, not of weighted_sum"),
        ({"max_steps": 0, "formulation": "refine"}, ArgumentError, "max_steps must be at least 1, not 0"),
        ({"levels": 1, "formulation": "sequential"}, ArgumentError, "levels must be at least 2, not 1"),
        ({"action": "boxes"}, UnknownNameError, "unknown action 'boxes'; did you mean 'box'"),
        ({"units": {"time": 0.0}}, ArgumentError, "unit of time must be finite and above 0, not 0"),
        ({"units": {"tim": 1.0}}, UnknownNameError, "did you mean 'time'"),
        (
            {"render_mode": "human"},
            ArgumentError,
            "render_mode must be 'ansi', 'rgb_array' or None, not 'human'",
        ),
        ({"weights": [1.0]}, ArgumentError, "weights must be 2 numbers"),
    ],
    ids=str,
)
def test_a_bad_argument_is_rejected_in_the_constructor(oven, arguments, error, says):
    with pytest.raises(error, match=says):
        DesignEnv("test-oven", **arguments)


def test_arguments_of_a_problem_that_is_built_are_rejected(oven):
    with pytest.raises(ArgumentError, match="objectives is given with a problem that is already built"):
        DesignEnv(oven, objectives=["taste:max"])


def test_misuse_is_told_in_words(oven):
    env = DesignEnv(oven)
    with pytest.raises(gymnasium.error.ResetNeeded):
        env.step(env.action_space.sample())
    with pytest.raises(UnknownNameError, match="did you mean 'design'"):
        env.reset(options={"designs": {}})
    with pytest.raises(ArgumentError, match="refine does"):
        env.reset(options={"design": oven.space.default()})
    env = DesignEnv(oven, formulation="refine")
    with pytest.raises(DesignError):
        env.reset(options={"design": {"fan": "off"}})
    env.reset()
    with pytest.raises(ArgumentError, match="action 99 is not from 0 to"):
        env.step(99)
    with pytest.raises(ArgumentError, match="integer"):
        env.step(0.5)


def test_maskable_ppo_learns_with_the_masks():
    from sb3_contrib import MaskablePPO
    from sb3_contrib.common.maskable.utils import get_action_masks, is_masking_supported

    env = gymnasium.make(OVEN, formulation="sequential", levels=4)
    assert is_masking_supported(env)
    model = MaskablePPO("MlpPolicy", env, n_steps=64, batch_size=32, n_epochs=1, seed=0, device="cpu").learn(
        128
    )
    observation, _ = env.reset(seed=0)
    terminated = False
    while not terminated:
        action, _ = model.predict(observation, action_masks=get_action_masks(env))
        observation, _, terminated, _, info = env.step(action)
    assert info["status"] == "ok"


@pytest.mark.parametrize("vector", [False, True])
def test_a_simulator_that_crashes_or_hangs_does_not_take_the_environment_with_it(vector: bool) -> None:
    kinds = ["fine", "exit", "hang", "raise", "fine"]
    designs = Trouble.space.designs([{"kind": kind, "x": i} for i, kind in enumerate(kinds)])
    actions = to_multi_discrete(Trouble.space, designs)
    if vector:
        env = DesignVectorEnv("trouble", len(kinds), timeout_s=1.0)
        env.reset(seed=0)
        status = env.step(actions)[4]["status"].tolist()
    else:
        env = DesignEnv("trouble", timeout_s=1.0)
        status = []
        for action in actions:
            env.reset(seed=0)
            status.append(env.step(action)[4]["status"])
    env.close()
    assert status == ["ok", "failed", "failed", "failed", "ok"]


def test_the_helper_of_sb3_makes_environments():
    from stable_baselines3.common.env_util import make_vec_env

    envs = make_vec_env(
        "cosearch/DramController-v1", n_envs=2, env_kwargs={"workload": "random:requests=500"}
    )
    envs.reset()
    *_, infos = envs.step(np.array([envs.action_space.sample() for _ in range(2)]))
    envs.close()
    assert all("latency_ns" in info["metrics"] for info in infos)
