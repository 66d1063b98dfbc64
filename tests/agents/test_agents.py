"""Every built-in agent keeps the contract, and what is particular to each of them holds."""

from __future__ import annotations

import gc
import subprocess
import sys
import threading

import numpy as np
import pytest

from cosearch import (
    Categorical,
    DesignSpace,
    Forbidden,
    Integer,
    Objective,
    Ordinal,
    Outcomes,
    Permutation,
    Real,
    Results,
    Task,
)
from cosearch.agent import as_proposals
from cosearch.errors import UnknownNameError
from cosearch.objectives import Constraint
from cosearch.registry import registry
from cosearch.testing import check_agent
from cosearch_agents import (
    A2CAgent,
    DQNAgent,
    MaskablePPOAgent,
    MORBOAgent,
    MultiAgentPPOAgent,
    MultiFidelityAgent,
    NSGA2Agent,
    PPOAgent,
    QLogNEHVIAgent,
    QLogNParEGOAgent,
    RandomSearch,
    RecurrentPPOAgent,
    ReinforceAgent,
    SAASBOAgent,
    SACAgent,
    SobolSearch,
)

BAYESIAN = (QLogNEHVIAgent, QLogNParEGOAgent, SAASBOAgent, MORBOAgent, MultiFidelityAgent)
POLICIES = (
    *(PPOAgent, MaskablePPOAgent, RecurrentPPOAgent, A2CAgent, DQNAgent, SACAgent),
    *(ReinforceAgent, MultiAgentPPOAgent),
)
AGENTS = (RandomSearch, SobolSearch, NSGA2Agent, *BAYESIAN, *POLICIES)
# Smaller than the defaults, so that the checks are quick.
FEW = {"batch": 3, "initial": 10, "samples": 8, "starts": 16, "listed": 100}
QUICK = {
    "nsga2": {"population": 10},
    **{agent.name: FEW for agent in BAYESIAN},
    "ppo": {"episodes": 8, "minibatch": 8, "epochs": 2},
    "maskable-ppo": {"episodes": 8, "minibatch": 8, "epochs": 2},
    "recurrent-ppo": {"episodes": 8, "minibatch": 8, "epochs": 2},
    "multi-agent-ppo": {"episodes": 8, "minibatch": 8, "epochs": 2},
    "a2c": {"episodes": 8},
    "reinforce": {"episodes": 8},
    "dqn": {"episodes": 8, "minibatch": 8, "gradient_steps": 1, "warm_up": 8},
    "sac": {"episodes": 8, "minibatch": 8, "gradient_steps": 1, "warm_up": 8},
}
LATENCY, ACCURACY = Objective("latency_ns", "min"), Objective("top1", "max")
SPACE = DesignSpace(
    [Ordinal("lanes", [1, 2, 4, 8]), Categorical("kind", ["a", "b", "c"]), Integer("depth", 1, 9)]
)


def built(agent_class, space=SPACE, objectives=(LATENCY, ACCURACY), constraints=(), seed=0, **settings):
    settings = {**QUICK.get(agent_class.name, {}), **settings}
    return agent_class(Task(space, objectives, constraints), seed=seed, **settings)


def measured(designs):
    """Two smooth objectives that conflict."""
    unit = designs.space.to_unit(designs)
    return Outcomes.of({"latency_ns": 10 + unit.sum(axis=1), "top1": 0.5 + 0.1 * unit.mean(axis=1)})


def searched(agent, evaluations, measure=measured):
    designs = []
    while sum(map(len, designs)) < evaluations:
        asked = as_proposals(agent.ask(agent.batch_size)).designs
        if not len(asked):
            break
        agent.tell(Results.of(asked, measure(asked)))
        designs.append(asked)
    agent.close()
    return designs


def test_all_are_registered():
    assert {agent.name: agent for agent in AGENTS}.items() <= registry().agents.items()


def test_importing_the_agents_imports_no_heavy_library():
    heavy = ("torch", "pymoo", "scipy")
    code = f"import cosearch_agents, sys; print([m for m in {heavy} if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "[]"


@pytest.mark.parametrize("agent_class", AGENTS, ids=lambda agent: agent.name)
def test_keeps_the_contract(agent_class):
    check_agent(agent_class, settings=QUICK.get(agent_class.name), evaluations=16)


@pytest.mark.parametrize("agent_class", AGENTS, ids=lambda agent: agent.name)
def test_other_seeds_ask_other_designs(agent_class):
    first, second = (searched(built(agent_class, seed=seed), 12) for seed in (1, 2))
    assert [batch.keys() for batch in first] != [batch.keys() for batch in second]


@pytest.mark.parametrize("agent_class", AGENTS, ids=lambda agent: agent.name)
def test_goes_on_when_nothing_works(agent_class):
    def broken(designs):
        return Outcomes.without_metrics(["latency_ns", "top1"], ["crashed"] * len(designs), "failed")

    assert sum(map(len, searched(built(agent_class), 24, broken))) >= 24


@pytest.mark.parametrize("agent_class", AGENTS, ids=lambda agent: agent.name)
def test_goes_on_when_no_design_meets_the_constraint(agent_class):
    agent = built(agent_class, constraints=(Constraint("latency_ns", "<=", 1.0),))
    assert sum(map(len, searched(agent, 24))) >= 24


@pytest.mark.parametrize("agent_class", AGENTS, ids=lambda agent: agent.name)
def test_goes_on_when_all_designs_are_equally_good(agent_class):
    def flat(designs):
        return Outcomes.of({"latency_ns": np.full(len(designs), 3.0), "top1": np.zeros(len(designs))})

    assert sum(map(len, searched(built(agent_class), 24, flat))) >= 24


def test_an_unknown_hyperparameter_names_the_nearest():
    with pytest.raises(UnknownNameError, match="population"):
        NSGA2Agent(Task(SPACE, [LATENCY]), populaton=3)


# ------------------------------------------------------------------- agents that never repeat themselves

NEVER_REPEAT = (RandomSearch, SobolSearch, NSGA2Agent, *BAYESIAN)
TWISTED = DesignSpace(
    [
        Categorical("kind", ["a", "b"]),
        Ordinal("size", [1, 2, 4], when={"kind": "a"}),
        Integer("banks", 1, 3),
        Permutation("order", ["m", "n", "k"]),
    ],
    forbidden=[Forbidden("size * banks > 8", reason="too large")],
)


@pytest.mark.parametrize("agent_class", NEVER_REPEAT, ids=lambda agent: agent.name)
def test_finds_every_allowed_design_of_a_small_space_once_and_stops(agent_class):
    batches = searched(
        built(agent_class, TWISTED, initial=60) if agent_class in BAYESIAN else built(agent_class, TWISTED),
        999,
    )
    keys = [key for batch in batches for key in batch.keys()]
    assert sorted(keys) == sorted(TWISTED.enumerate().keys())


# A batch of qlognehvi is chosen together, so its size matters.
@pytest.mark.parametrize("agent_class", [RandomSearch, SobolSearch, NSGA2Agent], ids=lambda agent: agent.name)
def test_what_is_asked_does_not_depend_on_how_many_are_asked_at_once(agent_class):
    whole, single = built(agent_class), built(agent_class)
    together = [key for batch in searched(whole, 40) for key in batch.keys()]
    single.batch_size = 1
    one_by_one = [key for batch in searched(single, 40) for key in batch.keys()]
    assert one_by_one == together[: len(one_by_one)]


def test_random_search_is_uniform():
    space = DesignSpace([Categorical("kind", list("abcd")), Real("x", 0, 1)])
    asked = RandomSearch(Task(space, [LATENCY]), seed=3).ask(4000)
    counts = np.bincount(asked.index[:, 0])
    assert np.all(
        np.abs(counts - 1000) < 5 * np.sqrt(1000 * 0.75)
    )  # five standard deviations of the binomial


def test_sobol_covers_a_square_more_evenly_than_random_search():
    space = DesignSpace([Real("x", 0, 1), Real("y", 0, 1)])

    def fullest(agent_class):
        unit = space.to_unit(agent_class(Task(space, [LATENCY]), seed=0).ask(1024))
        return np.histogram2d(*unit.T, bins=16, range=[[0, 1], [0, 1]])[0].max()

    assert fullest(SobolSearch) == 4  # 1024 points of a (0, 2)-sequence: exactly 4 in each of 256 squares
    assert fullest(RandomSearch) > 4


# ------------------------------------------------------------------------------------- policies


def learners():
    """How many threads of learners there are."""
    return sum(thread.name == "cosearch-learner" for thread in threading.enumerate())


@pytest.mark.parametrize("agent_class", POLICIES, ids=lambda agent: agent.name)
def test_closing_ends_the_learner_and_so_does_forgetting_the_agent(agent_class):
    before = learners()
    agent = built(agent_class)
    asked = agent.ask(8)
    agent.tell(Results.of(asked, measured(asked)))
    agent.ask(8)
    assert learners() == before + 1
    agent.close()
    agent.close()
    assert learners() == before
    agent = built(agent_class)
    agent.ask(8)
    del agent
    gc.collect()
    assert learners() == before


def test_a_process_ends_although_its_learner_waits():
    code = (
        "from cosearch import DesignSpace, Integer, Objective, Task\n"
        "from cosearch_agents import PPOAgent\n"
        "agent = PPOAgent(Task(DesignSpace([Integer('x', 0, 9)]), [Objective('y')]))\n"
        "print(len(agent.ask(50)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, "50", "")


def test_an_error_of_the_learner_surfaces_where_it_is_asked():
    class Broken(PPOAgent):
        name = "broken"

        def learn(self, problem):
            problem.evaluate(problem.space.sample(3, 0))
            raise ZeroDivisionError("in the learner")

    agent = built(Broken)
    asked = agent.ask(3)
    agent.tell(Results.of(asked, measured(asked)))
    with pytest.raises(ZeroDivisionError, match="in the learner"):
        agent.ask(3)
    assert len(agent.ask(3)) == 0


@pytest.mark.parametrize("agent_class", POLICIES, ids=lambda agent: agent.name)
def test_random_numbers_drawn_beside_a_learner_change_nothing_and_are_not_changed(agent_class):
    import torch

    def run(noisy):
        agent, keys, drawn = built(agent_class, seed=5), [], []
        np.random.seed(1)  # noqa: NPY002
        torch.manual_seed(1)
        for _ in range(6):
            asked = agent.ask(8)
            keys += asked.keys()
            if noisy:
                drawn.append((np.random.random(), float(torch.rand(()))))  # noqa: NPY002
            agent.tell(Results.of(asked, measured(asked)))
        agent.close()
        return keys, drawn

    quiet, _ = run(noisy=False)
    loud, drawn = run(noisy=True)
    assert quiet == loud
    np.random.seed(1)  # noqa: NPY002
    torch.manual_seed(1)
    assert drawn == [(np.random.random(), float(torch.rand(()))) for _ in range(6)]  # noqa: NPY002


@pytest.mark.parametrize("agent_class", AGENTS, ids=lambda agent: agent.name)
def test_asks_no_forbidden_design(agent_class):
    batches = searched(built(agent_class, TWISTED), 40)
    assert all(TWISTED.allowed(batch).all() for batch in batches)
