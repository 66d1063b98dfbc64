"""Searches against known fronts: ZDT and DTLZ on a grid, by listing them; and against pymoo itself."""

from __future__ import annotations

import numpy as np
import pytest

from cosearch import Designs, DesignSpace, Integer, Metric, Objective, Problem, Results, Task
from cosearch.agent import as_proposals
from cosearch.objectives import minimised
from cosearch.pareto import hypervolume, pareto_mask
from cosearch_agents.auto import AutoAgent
from cosearch_agents.exhaustive import ExhaustiveAgent
from cosearch_agents.local_search import AnnealingAgent, HillClimbingAgent
from cosearch_agents.many_objectives import AGEMOEAAgent, MixedGAAgent, NSGA3Agent, SMSEMOAAgent
from cosearch_agents.mcts import MCTSAgent, NestedMCTSAgent
from cosearch_agents.moead import MOEADAgent
from cosearch_agents.nsga2 import NSGA2Agent
from cosearch_agents.random_search import RandomSearch
from cosearch_agents.regularised_evolution import RegularisedEvolutionAgent
from cosearch_agents.steady_evolution import IslandsAgent, SteadyNSGA2Agent
from cosearch_agents.tree_guided import TreeGuidedAgent


class Gridded(Problem):
    """A problem of pymoo on a grid of its unit cube."""

    metrics = (Metric("f1", "1"), Metric("f2", "1"))
    objectives = (Objective("f1"), Objective("f2"))
    levels = 16
    theirs = ""
    variables = 4

    def build(self):
        from pymoo.problems import get_problem

        self.space = DesignSpace([Integer(f"x{i}", 0, self.levels - 1) for i in range(self.variables)])
        options = {"n_obj": len(self.objectives)} if self.theirs.startswith("dtlz") else {}
        self._pymoo = get_problem(self.theirs, n_var=self.variables, **options)

    def simulate(self, designs: Designs, *, fidelity, seed):
        low, high = self._pymoo.xl, self._pymoo.xu
        found = self._pymoo.evaluate(low + (high - low) * designs.index / (self.levels - 1))
        return {f"f{k + 1}": column for k, column in enumerate(found.T)}


class ZDT1(Gridded):
    """ZDT1: a convex front."""

    name = "zdt1"
    theirs = "zdt1"


class ZDT3(Gridded):
    """ZDT3: a front in pieces."""

    name = "zdt3"
    theirs = "zdt3"


class DTLZ2(Gridded):
    """DTLZ2 of three objectives: an eighth of a sphere."""

    name = "dtlz2"
    theirs = "dtlz2"
    metrics = (Metric("f1", "1"), Metric("f2", "1"), Metric("f3", "1"))
    objectives = (Objective("f1"), Objective("f2"), Objective("f3"))


PROBLEMS = {problem.name: problem for problem in (ZDT1(), ZDT3(), DTLZ2())}
WHOLE = {
    name: minimised(problem.objectives, problem.evaluate(problem.space.enumerate()))
    for name, problem in PROBLEMS.items()
}


def searched(agent_class, problem, budget, seed=0, **settings):
    agent = agent_class(Task.of(problem), seed=seed, budget=budget, **settings)
    told, points = 0, []
    while told < budget:
        asked = as_proposals(agent.ask(agent.batch_size)).designs[: budget - told]
        outcomes = problem.evaluate(asked)
        agent.tell(Results.of(asked, outcomes, number=told))
        points.append(minimised(problem.objectives, outcomes))
        told += len(asked)
    agent.close()
    return np.concatenate(points)


def share(name, points):
    """Of the hypervolume of the whole grid."""
    whole = WHOLE[name]
    corner = whole[pareto_mask(whole)].max(axis=0) + 0.1
    return hypervolume(points, corner) / hypervolume(whole, corner)


def test_the_grid_holds_part_of_the_published_front():
    """On ZDT1 f2 = 1 - sqrt(f1) where all but the first variable are 0; DTLZ2's ideal point is the origin."""
    front = WHOLE["zdt1"][pareto_mask(WHOLE["zdt1"])]
    assert np.allclose(front[:, 1], 1 - np.sqrt(front[:, 0]))
    sphere = WHOLE["dtlz2"].min(axis=0)
    assert np.allclose(sphere, 0.0, atol=1e-9)


def test_exhaustive_search_finds_the_whole_front_and_says_that_it_is_exact():
    class Small(ZDT1):
        variables, levels = 2, 10

    problem = Small()
    agent = ExhaustiveAgent(Task.of(problem), budget=100)
    points = []
    while len(asked := agent.ask(24)):
        outcomes = problem.evaluate(asked)
        agent.tell(Results.of(asked, outcomes))
        points.append(minimised(problem.objectives, outcomes))
    whole = minimised(problem.objectives, problem.evaluate(problem.space.enumerate()))
    found = np.concatenate(points)
    assert np.unique(found[pareto_mask(found)], axis=0).tolist() == (
        np.unique(whole[pareto_mask(whole)], axis=0).tolist()
    )
    assert "100 of 100" in agent.account[0]
    assert "exact" in agent.account[0]


EVOLUTION = (NSGA2Agent, NSGA3Agent, SMSEMOAAgent, AGEMOEAAgent, MOEADAgent, MixedGAAgent, SteadyNSGA2Agent)


@pytest.mark.parametrize("name", ["zdt1", "zdt3", "dtlz2"])
@pytest.mark.parametrize("agent_class", [*EVOLUTION, IslandsAgent], ids=lambda agent: agent.name)
def test_evolution_finds_most_of_a_known_front(agent_class, name):
    found = share(name, searched(agent_class, PROBLEMS[name], 600))
    assert found > share(name, searched(RandomSearch, PROBLEMS[name], 600))
    assert found > 0.93


@pytest.mark.parametrize(
    "agent_class",
    [RegularisedEvolutionAgent, AnnealingAgent, HillClimbingAgent, MCTSAgent, NestedMCTSAgent],
    ids=lambda agent: agent.name,
)
def test_local_and_tree_search_find_more_than_random_search(agent_class):
    ours = [share("zdt1", searched(agent_class, PROBLEMS["zdt1"], 400, seed)) for seed in (0, 1, 2)]
    theirs = [share("zdt1", searched(RandomSearch, PROBLEMS["zdt1"], 400, seed)) for seed in range(5)]
    assert np.median(ours) > np.median(theirs)


@pytest.mark.parametrize("agent_class", [TreeGuidedAgent, AutoAgent], ids=lambda agent: agent.name)
def test_models_find_most_of_a_known_front_with_few_evaluations(agent_class):
    settings = {"candidates": 150, "rounds": 2} if agent_class is TreeGuidedAgent else {}
    found = share("zdt1", searched(agent_class, PROBLEMS["zdt1"], 60, **settings))
    assert found > 0.95
    assert found > share("zdt1", searched(RandomSearch, PROBLEMS["zdt1"], 60))


def test_nsga2_is_pymoos_own_where_the_operators_are_the_same():
    """The same first population, operators and seed: the same designs, generation by generation."""
    from pymoo.algorithms.moo.nsga2 import NSGA2
    from pymoo.core.callback import Callback
    from pymoo.core.mixed import MixedVariableMating
    from pymoo.core.population import Population
    from pymoo.core.problem import Problem as PymooProblem
    from pymoo.core.variable import Integer as PymooInteger
    from pymoo.operators.crossover.sbx import SBX
    from pymoo.operators.mutation.pm import PM
    from pymoo.operators.repair.rounding import RoundingRepair
    from pymoo.optimize import minimize

    from cosearch.space.convert.pymoo import from_pymoo, to_pymoo
    from cosearch_agents.pymoo_evolution import as_objects

    ours, problem = PROBLEMS["zdt1"], PROBLEMS["zdt1"]
    agent = NSGA2Agent(Task.of(ours), seed=5)
    designs, size = [], agent.batch_size
    for number in range(6):
        asked = agent.ask(size)
        agent.tell(Results.of(asked, ours.evaluate(asked), number=number * size))
        designs.append(asked.to_dicts())
    names = ours.space.names

    class Theirs(PymooProblem):
        def __init__(self):
            super().__init__(
                vars={f"{name}[position]": PymooInteger(bounds=(0, problem.levels - 1)) for name in names},
                n_obj=2,
                n_ieq_constr=1,
            )

        def _evaluate(self, rows, out, *args, **kwargs):
            out["F"] = minimised(ours.objectives, ours.evaluate(from_pymoo(ours.space, list(rows))))
            out["G"] = np.zeros((len(rows), 1))

    class Record(Callback):
        def __init__(self):
            super().__init__()
            self.generations = []

        def notify(self, algorithm):
            rows = algorithm.off if algorithm.n_gen > 1 else algorithm.pop
            self.generations.append(from_pymoo(ours.space, list(rows.get("X"))).to_dicts())

    seen: set[bytes] = set()

    class OnlyNew:
        """What the agent adds: no design twice."""

        def do(self, pop, *others, **_):
            known = set(seen)
            for other in others:
                if len(other):
                    known.update(from_pymoo(ours.space, list(other.get("X"))).keys())
            kept = []
            for i, key in enumerate(from_pymoo(ours.space, list(pop.get("X"))).keys() if len(pop) else []):
                if key not in known:
                    known.add(key)
                    kept.append(i)
            return pop[kept]

    class Remember(Record):
        def notify(self, algorithm):
            super().notify(algorithm)
            seen.update(ours.space.designs(self.generations[-1]).keys())

    default = {
        "crossover": {
            PymooInteger: SBX(eta=5.0, prob=0.9, vtype=float, repair=RoundingRepair()),
        },
        "mutation": {
            PymooInteger: PM(prob=1.0, prob_var=1.5 / 4, eta=3.0, vtype=float, repair=RoundingRepair()),
        },
    }
    from pymoo.algorithms.moo.nsga2 import binary_tournament
    from pymoo.operators.selection.tournament import TournamentSelection

    record = Remember()
    first = ours.space.designs(designs[0])
    algorithm = NSGA2(
        pop_size=size,
        sampling=Population.new(X=as_objects(to_pymoo(ours.space, first))),
        mating=MixedVariableMating(
            selection=TournamentSelection(func_comp=binary_tournament),
            eliminate_duplicates=OnlyNew(),
            **default,
        ),
        eliminate_duplicates=False,
    )
    minimize(Theirs(), algorithm, ("n_gen", 6), seed=5, callback=record, verbose=False)
    # pymoo orders the first population by its survival
    assert sorted(map(str, record.generations[0])) == sorted(map(str, designs[0]))
    assert record.generations[1:] == designs[1:]
