"""What the evolutionary algorithms of pymoo share: a generation asked, told and selected, on mixed variables.

J. Blank, K. Deb, "pymoo: multi-objective optimization in Python", IEEE Access 8, 2020. Every parameter
keeps its kind: categorical ones are exchanged and redrawn, ordered ones recombined by simulated binary
crossover and mutated to nearby values. What was seen before or is forbidden is dropped before it is asked.
With one objective, survival is by it, whatever the algorithm does with several.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import numpy as np

from cosearch import Agent, Designs, Integer, Real, Results
from cosearch.objectives import minimised, violations
from cosearch.outcomes import Outcomes
from cosearch.space.convert.pymoo import from_pymoo, pymoo_variables, to_pymoo
from cosearch_agents.fallback import RandomNew
from cosearch_agents.new_designs import new_rows

# What pymoo is told of a design without metrics: worse than any objective, further off than any constraint.
WORST_OBJECTIVE = 1e30
LARGEST_VIOLATION = 1e6
FAILURE_VIOLATION = 1e9

POPULATION = Integer("population", 4, 1000, default=24, log=True, description="designs of each generation")
OPERATORS = (
    Real("crossover_probability", 0.0, 1.0, default=0.9, description="share of parents that recombine"),
    Real("mutations", 0.1, 10.0, default=1.5, log=True, description="mean mutated parameters of each design"),
    Real("mutation_eta", 1.0, 100.0, default=3.0, log=True, description="larger: smaller steps"),
    Real("crossover_eta", 1.0, 100.0, default=5.0, log=True, description="larger: closer to a parent"),
)


class PymooAgent(Agent):
    """An evolutionary algorithm of pymoo that breeds whole generations."""

    generational = True

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.batch_size = self.settings["population"]
        self._seen: set[bytes] = set()
        self._informed = self.space.designs([])
        self._random = RandomNew(self.space, self.seed)
        self._algorithm = self._build()
        self._generation: Any = None
        self._designs = self.space.designs([])
        self._told: list[Outcomes] = []
        self._told_count = 0

    @abstractmethod
    def algorithm(self, size: int, sampling: Any, mating: Any) -> Any:
        """The algorithm for several objectives.

        Args:
            size: of the population.
            sampling: the first generation.
            mating: how parents become offspring.
        """

    def ask(self, n: int) -> Designs:
        """Those of the generation that are not told yet, or of the next; none if every design was seen."""
        if self._told_count == len(self._designs):
            self._breed()
        return self._designs[self._told_count : self._told_count + n]

    def tell(self, results: Results) -> None:
        """Take results; the last ones of a generation select the survivors."""
        if len(results) == 0:
            return
        self._told.append(results.outcomes)
        self._told_count += len(results)
        if self._told_count == len(self._designs):
            self._survive(Outcomes.concat(self._told))

    def inform(self, results: Results) -> None:
        """Begin with what is known already, if nothing was asked yet."""
        if not self._seen:
            self._informed = Designs.concat([self._informed, results.designs])
            self._algorithm = self._build()

    def _breed(self) -> None:
        self._generation = self._algorithm.ask()
        if self._generation is None or len(self._generation) == 0:
            self._generation = self._refill()
        self._designs = self._decode(self._generation)
        self._seen.update(self._designs.keys())
        self._random.leave_out(self._designs)
        self._told, self._told_count = [], 0

    def _survive(self, outcomes: Outcomes) -> None:
        ok = outcomes.ok
        missed = np.minimum(violations(self.constraints, outcomes), LARGEST_VIOLATION)
        values = np.where(ok[:, None], minimised(self.objectives, outcomes), WORST_OBJECTIVE)
        self._generation.set("F", values)
        self._generation.set("G", np.column_stack([missed, np.where(ok, 0.0, FAILURE_VIOLATION)]))
        self._algorithm.tell(infills=self._generation)

    def _decode(self, population: Any) -> Designs:
        return (
            from_pymoo(self.space, list(population.get("X"))) if len(population) else self.space.designs([])
        )

    def _refill(self) -> Any:
        """Random new designs in place of a generation that mating could not find."""
        from pymoo.core.population import Population

        drawn = self._random.draw(self.settings["population"], self.space.designs([]), self.rng)
        return Population.new(X=as_objects(to_pymoo(self.space, drawn)))

    def _first_generation(self) -> Designs:
        """What is known already, the default design and a scrambled Sobol sequence."""
        size = self.settings["population"]
        default = self.space.designs(self.space.default())
        designs = Designs.concat([self._informed, default, self.space.sobol(4 * size, seed=self.seed)])
        return designs[new_rows(designs)][:size]

    def _build(self) -> Any:
        from pymoo.core.population import Population
        from pymoo.core.problem import Problem
        from pymoo.core.termination import NoTermination

        sampling = Population.new(X=as_objects(to_pymoo(self.space, self._first_generation())))
        size = self.settings["population"]
        if len(self.objectives) == 1:
            algorithm = single_objective(size, sampling, self._mating(by_fitness()))
        else:
            algorithm = self.algorithm(size, sampling, self._mating())
        problem = Problem(
            vars=pymoo_variables(self.space),
            n_obj=len(self.objectives),
            n_ieq_constr=len(self.constraints) + 1,
        )
        algorithm.setup(problem, termination=NoTermination(), seed=self.seed)
        return algorithm

    def selection(self) -> Any:
        """How parents are chosen: NSGA-II's tournament by rank and crowding."""
        from pymoo.algorithms.moo.nsga2 import binary_tournament
        from pymoo.operators.selection.tournament import TournamentSelection

        return TournamentSelection(func_comp=binary_tournament)

    def only_new(self) -> Any:
        """Drops offspring that were seen before, are forbidden or stand there twice."""
        from pymoo.core.duplicate import DuplicateElimination

        agent = self

        class OnlyNew(DuplicateElimination):
            """Compares decoded designs: equal ones may differ in inactive parameters."""

            def do(self, pop: Any, *others: Any, **_: Any) -> Any:
                siblings = {key for other in others for key in agent._decode(other).keys()}
                return pop[new_rows(agent._decode(pop), agent._seen, siblings)]

        return OnlyNew()

    def _mating(self, selection: Any = None) -> Any:
        from pymoo.core.mixed import MixedVariableMating
        from pymoo.core.variable import Choice
        from pymoo.core.variable import Integer as PymooInteger
        from pymoo.core.variable import Real as PymooReal
        from pymoo.operators.crossover.sbx import SBX
        from pymoo.operators.crossover.ux import UX
        from pymoo.operators.mutation.pm import PM
        from pymoo.operators.mutation.rm import ChoiceRandomMutation
        from pymoo.operators.repair.rounding import RoundingRepair

        settings = self.settings
        probability = settings["crossover_probability"]
        rate = min(1.0, settings["mutations"] / len(pymoo_variables(self.space)))
        simulated_binary = {"eta": settings["crossover_eta"], "prob": probability}
        polynomial = {"prob": 1.0, "prob_var": rate, "eta": settings["mutation_eta"]}
        return MixedVariableMating(
            selection=self.selection() if selection is None else selection,
            crossover={
                Choice: UX(prob=probability),
                PymooReal: SBX(**simulated_binary),
                PymooInteger: SBX(**simulated_binary, vtype=float, repair=RoundingRepair()),
            },
            mutation={
                Choice: ChoiceRandomMutation(prob_var=rate),
                PymooReal: PM(**polynomial),
                PymooInteger: PM(**polynomial, vtype=float, repair=RoundingRepair()),
            },
            eliminate_duplicates=self.only_new(),
        )


def by_fitness() -> Any:
    """A tournament by constraints and the one objective."""
    from pymoo.algorithms.soo.nonconvex.ga import comp_by_cv_and_fitness
    from pymoo.operators.selection.tournament import TournamentSelection

    return TournamentSelection(func_comp=comp_by_cv_and_fitness)


def single_objective(size: int, sampling: Any, mating: Any) -> Any:
    """A genetic algorithm in which the fittest survive."""
    from pymoo.algorithms.soo.nonconvex.ga import GA

    return GA(pop_size=size, sampling=sampling, mating=mating, eliminate_duplicates=False)


def as_objects(rows: list[dict[str, Any]]) -> np.ndarray[Any, Any]:
    """A one-dimensional array of dicts, which numpy would not make of a list by itself in every case."""
    array = np.empty(len(rows), dtype=object)
    array[:] = rows
    return array
