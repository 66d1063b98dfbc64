"""What agents can reach: every value of every parameter, every design of a small space, all the same space.

ArchGym's agents for reinforcement learning reach three values of each parameter, because a rounding collapses
the action, and its agents search different spaces for one environment.
"""

from __future__ import annotations

import numpy as np
import pytest

from cosearch import (
    Categorical,
    DesignSpace,
    Integer,
    Metric,
    Objective,
    Ordinal,
    Outcomes,
    Permutation,
    Problem,
    Results,
    Task,
)
from cosearch.agent import as_proposals
from cosearch.environments.env import DesignEnv
from cosearch.environments.formulations import FORMULATIONS
from cosearch.environments.rewards import TargetRatio
from cosearch.registry import registry
from cosearch_agents.policy_training import FreshPolicy, environment_of

SMALL = DesignSpace(
    [
        Categorical("kind", ["a", "b", "c"]),
        Ordinal("size", [1, 2, 4, 8], when={"kind": ["a", "b"]}),
        Integer("banks", 1, 3),
        Permutation("order", ["m", "n"]),
    ],
    forbidden=["size * banks > 16"],
)
QUICK = {
    "initial": 30, "batch": 8, "samples": 8, "starts": 16, "population": 16,
    "episodes": 8, "minibatch": 8, "epochs": 1, "gradient_steps": 1, "warm_up": 64, "entropy": 0.5,
    "learning_rate": 1e-4, "exploration": 1.0, "inner": 0,
}  # fmt: skip
OWN = [name for name, cls in registry().agents.items() if cls.__module__.startswith("cosearch_agents")]


class Flat(Problem):
    """Everything is as good as anything else, so that nothing draws an agent away from a design."""

    name = "flat"
    space = SMALL
    metrics = (Metric("loss", "1"),)
    objectives = (Objective("loss"),)

    def simulate(self, designs, *, fidelity, seed):
        return {"loss": np.ones(len(designs))}


def built(name, space, **settings):
    cls = registry().agents[name]
    known = () if cls.hyperparameters is None else cls.hyperparameters.names
    chosen = {key: value for key, value in (QUICK | settings).items() if key in known}
    return cls(Task(space, [Objective("loss")]), seed=1, **chosen)


@pytest.mark.parametrize(
    "name",
    ["random", "sobol", "nsga2", "qlognehvi", "ppo", "maskable-ppo", "recurrent-ppo", "a2c", "dqn", "sac",
     "reinforce", "multi-agent-ppo"],
)  # fmt: skip
def test_every_design_of_a_small_space_is_reached(name):
    agent, missing = built(name, SMALL), set(SMALL.enumerate().keys())
    for _ in range(1000):
        asked = as_proposals(agent.ask(agent.batch_size)).designs
        if not len(asked):
            break
        missing -= set(asked.keys())
        agent.tell(Results.of(asked, Outcomes.of({"loss": np.ones(len(asked))})))
        if not missing:
            break
    agent.close()
    assert not missing


def test_every_action_encoding_reaches_every_allowed_design_and_no_other():
    """Multi-discrete, box and dict of `oneshot`, the levels of `sequential`, and the moves of `refine`."""
    everything = set(SMALL.enumerate().keys())
    for arguments in ({"action": "multi_discrete"}, {"action": "box"}, {"action": "dict"}):
        env = DesignEnv(Flat(), **arguments)
        env.action_space.seed(0)
        found = set()
        for _ in range(1500):
            env.reset()
            info = env.step(env.action_space.sample())[-1]
            found |= set(SMALL.designs([info["design"]]).keys()) if info["status"] == "ok" else set()
        assert found == everything, arguments
    env = DesignEnv(Flat(), formulation="refine", max_steps=10**6)
    assert set(FORMULATIONS) == {"oneshot", "sequential", "refine"}
    env.reset(seed=0)
    rng, found = np.random.default_rng(0), set()
    for _ in range(4000):
        info = env.step(int(rng.choice(np.flatnonzero(env.action_masks()))))[-1]
        found |= set(SMALL.designs([info["design"]]).keys())
        if found == everything:
            break
    assert found == everything


def test_an_action_of_sac_reaches_every_value_of_a_parameter_with_many():
    space = DesignSpace([Integer("x", 0, 999)])
    env = DesignEnv(type("Line", (Flat,), {"space": space})(), action="box")
    reached = set()
    for value in np.linspace(-1, 1, 4001, dtype=np.float32):
        env.reset()
        reached.add(env.step(np.array([value]))[-1]["design"]["x"])
    assert reached == set(range(1000))


def test_the_parameters_units_and_directions_that_a_policy_sees_are_the_tasks():
    problem = Flat()
    environment = environment_of(problem, {"episodes": 4, "novelty": 0.0}, "oneshot", 0)
    assert environment.environments.problem.space == SMALL
    assert environment.reward.objectives == problem.objectives
    assert FreshPolicy.stale is None
    better, worse = (Outcomes.of({"loss": [value]}) for value in (1.0, 2.0))
    weights = np.ones((1, 1))
    assert environment.reward(better, weights) > environment.reward(worse, weights)
    environment.close()


def test_no_reward_is_singular_at_a_target():
    """ArchGym's has no value at its target; around ours it rises, and is bounded."""
    reward = TargetRatio([Objective("loss")], [], targets={"loss": 10.0})
    values = 10.0 + np.concatenate([-np.logspace(-12, 0, 40), [0.0], np.logspace(-12, 0, 40)])
    got = reward(Outcomes.of({"loss": values}), np.ones(1), [None] * len(values))
    assert np.isfinite(got).all()
    assert got.max() == got[40] == pytest.approx(1 / reward.tolerance)


def test_a_learning_curve_of_sb3_rises_to_the_known_optimum():
    """PPO of SB3, as a user would train it on one of our environments; the best reward there is is known."""
    from stable_baselines3 import PPO

    class Hill(Flat):
        """One design of 125 is best, at reward -1; the default has -1 in its own unit."""

        name = "hill"
        space = DesignSpace([Integer(f"x{i}", 0, 4) for i in range(3)])

        def simulate(self, designs, *, fidelity, seed):
            return {"loss": 1.0 + np.abs(designs.index - [4, 0, 3]).sum(axis=1)}

    env = DesignEnv(Hill(), units={"loss": 1.0}, algorithm="PPO")
    import torch

    torch.set_num_threads(1)
    model = PPO(
        "MlpPolicy", env, n_steps=64, batch_size=64, learning_rate=1e-2, gamma=1.0, seed=0, device="cpu"
    )
    rewards = []
    model.learn(3000, callback=lambda here, _: rewards.append(float(here["rewards"][0])) is None or True)
    first, last = np.mean(rewards[:200]), np.mean(rewards[-200:])
    assert first < -3.5
    assert last > -1.5
    env.reset()
    action, _ = model.predict(env.reset()[0], deterministic=True)
    assert env.step(action)[1] == -1.0
