"""Which algorithm fits which environment is said in our words, as Stable-Baselines3 has it in its own."""

from __future__ import annotations

import itertools

import gymnasium
import numpy as np
import pytest

from cosearch.environments.algorithms import ACTIONS, check_algorithm
from cosearch.environments.env import DesignEnv
from cosearch.environments.vector import DesignVectorEnv
from cosearch.errors import ArgumentError, UnknownNameError

OVEN = "cosearch/TestOven-v0"
KINDS = (
    {"action": "multi_discrete"},
    {"action": "box"},
    {"action": "dict"},
    {"formulation": "sequential"},
    {"formulation": "refine"},
)


def libraries():
    import sb3_contrib
    import stable_baselines3

    for name in ACTIONS:
        library = stable_baselines3 if hasattr(stable_baselines3, name) else sb3_contrib
        yield name, getattr(library, name)


@pytest.mark.parametrize("arguments", KINDS, ids=str)
def test_what_fits_is_what_the_library_takes(oven, arguments):
    """The library's own refusal of an action space (MaskablePPO's also of missing masks) is the reference."""
    whole = arguments == {"action": "multi_discrete"}  # which the oven's Real has not
    env = gymnasium.make("cosearch/TwoSpheres-v0", **arguments) if whole else DesignEnv(oven, **arguments)
    for name, cls in libraries():
        if name in ("TQC", "TD3", "DDPG", "CrossQ", "TRPO", "QRDQN"):
            continue  # built as SAC, PPO and DQN are, and slow to build
        try:
            model = cls("MlpLstmPolicy" if name == "RecurrentPPO" else "MlpPolicy", env, device="cpu")
            if name == "MaskablePPO":
                env.unwrapped.action_masks()
            takes = model is not None
        except (AssertionError, NotImplementedError, ArgumentError, ValueError):
            takes = False
        try:
            check_algorithm(cls, env)
            says = True
        except ArgumentError:
            says = False
        if name == "ARS" and takes:
            continue  # takes more than it should: several numbers as one
        assert says == takes, name


@pytest.mark.parametrize(
    ("algorithm", "arguments", "says"),
    [
        ("DQN", {"action": "box"}, "DQN chooses one of several values at each step, and formulation oneshot "
         "with action 'box' has real numbers: make the environment with formulation=\"sequential\" or "
         'formulation="refine"'),
        ("sac", {"formulation": "refine"}, "SAC chooses real numbers, and formulation refine has one of "
         'several values at each step: make the environment with formulation="oneshot", action="box"'),
        ("ppo", {"action": "dict"}, "all values by the names of their parameters"),
        ("maskable-ppo", {"action": "box"}, "MaskablePPO chooses one of several values"),
    ],
)  # fmt: skip
def test_a_pair_that_does_not_fit_says_what_to_change(oven, algorithm, arguments, says):
    for make in (DesignEnv, lambda problem, **kwargs: DesignVectorEnv(problem, 3, **kwargs)):
        with pytest.raises(ArgumentError) as error:
            make(oven, algorithm=algorithm, **arguments)
        assert says in str(error.value)
        with pytest.raises(ArgumentError, match="make the environment with"):
            check_algorithm(algorithm, make(oven, **arguments))


def test_real_numbers_are_given_to_who_wants_them():
    env = gymnasium.make("cosearch/TwoSpheres-v0", algorithm="SAC")
    assert isinstance(env.action_space, gymnasium.spaces.Box)
    with pytest.raises(UnknownNameError, match="did you mean 'SAC'"):
        gymnasium.make("cosearch/TwoSpheres-v0", algorithm="SACC")


# ------------------------------------------------------------------------------- what is seen of it


@pytest.mark.parametrize("problem", ["TwoSpheres", "Rough"])
def test_a_frame_shows_the_search_so_far(problem):
    env = gymnasium.make(f"cosearch/{problem}-v0", render_mode="rgb_array")
    env.reset(seed=0)
    env.action_space.seed(0)
    frames = []
    for _ in range(6):
        frames.append(env.render())
        env.step(env.action_space.sample())
        env.reset()
    assert {frame.shape for frame in frames} == {(480, 960, 3)}
    assert {frame.dtype for frame in frames} == {np.dtype(np.uint8)}
    assert all((a != b).any() for a, b in itertools.pairwise(frames))


def test_record_video_records(tmp_path):
    pytest.importorskip("moviepy", reason="RecordVideo needs moviepy")
    env = gymnasium.make("cosearch/TwoSpheres-v0", formulation="refine", max_steps=3, render_mode="rgb_array")
    env = gymnasium.wrappers.RecordVideo(env, str(tmp_path), episode_trigger=lambda n: True)
    env.reset(seed=0)
    for _ in range(3):
        env.step(env.action_space.sample())
    env.close()
    assert [path.suffix for path in tmp_path.iterdir() if path.stat().st_size > 1000] == [".mp4"]


def test_every_row_of_a_vector_environment_has_a_frame(oven):
    envs = DesignVectorEnv(oven, 2, render_mode="rgb_array")
    envs.reset(seed=0)
    envs.step(envs.action_space.sample())
    assert [frame.shape for frame in envs.render()] == [(480, 960, 3)] * 2


def test_sequential_says_on_how_many_levels_it_puts_what_it_cannot_list(oven):
    env = DesignEnv(oven, formulation="sequential", levels=8, render_mode="ansi")
    # 8, and the default where it is none of them
    assert env.note == "sequential puts heat on 9 levels, minutes on 8 levels (levels=N for others)"
    env.reset(seed=0)
    assert env.render().endswith(env.note)
    assert DesignEnv(oven, action="box").note == ""
