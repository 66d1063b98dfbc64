"""The PettingZoo environment: its own checkers, and how actions are shared out."""

from __future__ import annotations

import gymnasium
import numpy as np
import pytest

import cosearch
from cosearch import Metric, Objective, Problem
from cosearch.environments import parallel
from cosearch.environments.env import DesignEnv
from cosearch.errors import ArgumentError, CosearchError
from cosearch.space.convert.gymnasium import to_dict_action

pettingzoo_test = pytest.importorskip("pettingzoo.test")


@pytest.mark.parametrize("problem", ["test-oven", "two-spheres"])
def test_pettingzoos_checkers_find_nothing(problem):
    pettingzoo_test.parallel_api_test(cosearch.parallel_env(problem), num_cycles=50)
    pettingzoo_test.parallel_seed_test(lambda: cosearch.parallel_env(problem))


def test_groups_are_agents_and_other_parameters_agents_of_their_own(oven):
    env = cosearch.parallel_env(oven)
    assert env.groups == {"air": ["fan", "speed"], "cook": ["heat", "minutes"], "layers": ["layers"]}
    assert env.action_space("air") == gymnasium.spaces.MultiDiscrete([2, 4])
    assert isinstance(env.action_space("cook"), gymnasium.spaces.Dict)  # a Real and an Integer
    assert env.action_space("layers") == gymnasium.spaces.MultiDiscrete([4, 3, 2])


def test_the_actions_together_make_one_design(oven):
    env = cosearch.parallel_env(oven, reward="chebyshev", render_mode="ansi")
    env.reset(seed=0)
    design = {
        "fan": "on",
        "speed": 4,
        "heat": 0.75,
        "minutes": 30,
        "layers": ("cream", "nut", "fruit", "sponge"),
    }
    action = to_dict_action(oven.space, design)
    actions = {
        "air": np.array([action["fan"], action["speed"]]),
        "cook": {"heat": action["heat"], "minutes": action["minutes"]},
        "layers": action["layers"],
    }
    observations, rewards, terminations, truncations, infos = env.step(actions)
    single = DesignEnv(oven, action="dict", reward="chebyshev")
    single.reset(seed=0)
    expected = single.step(action)
    for agent in env.possible_agents:
        assert np.array_equal(observations[agent], expected[0])
        assert rewards[agent] == expected[1]
        assert (terminations[agent], truncations[agent]) == (True, False)
        assert infos[agent]["design"] == design
    assert env.agents == []
    assert "minutes  " in env.render()


def test_real_parameters_of_one_group_are_a_box():
    class Plane(Problem):
        """Two reals."""

        name = "test-plane"
        space = cosearch.DesignSpace(
            [cosearch.Real("x", 0, 1), cosearch.Real("y", 0, 1)], groups={"both": ["x", "y"]}
        )
        metrics = (Metric("sum", "1"),)
        objectives = (Objective("sum"),)

        def simulate(self, designs, *, fidelity, seed):
            return {"sum": designs["x"] + designs["y"]}

    env = cosearch.parallel_env(Plane())
    assert env.action_space("both").shape == (2,)
    env.reset()
    info = env.step({"both": np.array([-1.0, 0.5], dtype=np.float32)})[4]["both"]
    assert info["design"] == {"x": 0.0, "y": 0.75}


def test_misuse_is_told_in_words(oven, monkeypatch):
    with pytest.raises(ArgumentError, match="leave formulation out"):
        cosearch.parallel_env(oven, formulation="refine")
    env = cosearch.parallel_env(oven)
    env.reset()
    with pytest.raises(ArgumentError, match="the action of agent 'air' is missing"):
        env.step({})
    groups = {"one": ["fan", "speed"], "two": ["fan", "heat"]}
    oven.space = cosearch.DesignSpace(oven.space.parameters, oven.space.forbidden, groups=groups)
    with pytest.raises(ArgumentError, match="'fan' is in two groups"):
        cosearch.parallel_env(oven)
    monkeypatch.setattr(parallel, "ParallelEnv", None)
    with pytest.raises(CosearchError, match=r'pip install "\.\[multi-agent\]"'):
        cosearch.parallel_env(oven)
