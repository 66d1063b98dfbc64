"""The agents `nsga3`, `sms-emoa`, `age-moea` and `mixed-ga`: pymoo's other evolutionary algorithms.

K. Deb, H. Jain, "An evolutionary many-objective optimization algorithm using reference-point-based
nondominated sorting approach", IEEE Transactions on Evolutionary Computation 18(4), 2014. N. Beume, B.
Naujoks, M. Emmerich, "SMS-EMOA: multiobjective selection based on dominated hypervolume", EJOR 181, 2007.
A. Panichella, "An adaptive evolutionary algorithm based on non-Euclidean geometry for many-objective
optimization", GECCO 2019. What they share is in `pymoo_evolution`.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from cosearch import DesignSpace, Integer
from cosearch_agents.pymoo_evolution import OPERATORS, POPULATION, PymooAgent


class NSGA3Agent(PymooAgent):
    """NSGA-III: reference directions keep the front spread out, for three objectives and more."""

    name = "nsga3"
    hyperparameters = DesignSpace(
        [
            Integer("population", 4, 1000, default=36, log=True, description="designs of each generation"),
            *OPERATORS,
        ]
    )

    def algorithm(self, size: int, sampling: Any, mating: Any) -> Any:
        """NSGA-III with as many even directions as the population has room for."""
        from pymoo.algorithms.moo.nsga3 import NSGA3
        from pymoo.util.ref_dirs import get_reference_directions

        m, cuts = len(self.objectives), 1
        while math.comb(cuts + m, m - 1) <= size:
            cuts += 1
        directions = get_reference_directions("das-dennis", m, n_partitions=cuts)
        return NSGA3(
            ref_dirs=directions, pop_size=size, sampling=sampling, mating=mating, eliminate_duplicates=False
        )

    def selection(self) -> Any:
        """NSGA-III's own: by constraints, else at random."""
        from pymoo.operators.selection.tournament import TournamentSelection

        return TournamentSelection(func_comp=by_constraints_or_chance)


def by_constraints_or_chance(pop: Any, P: Any, random_state: Any = None, **_: Any) -> Any:
    """The winner of each pair, shape (n, 1): pymoo's own draws without the seed where both miss as much."""
    missed = pop.get("CV")[:, 0][P]
    drawn = random_state.integers(2, size=len(P))
    winner = np.where(missed[:, 0] == missed[:, 1], drawn, missed.argmin(axis=1))
    return P[np.arange(len(P)), winner][:, None]


class SMSEMOAAgent(PymooAgent):
    """SMS-EMOA: what adds least hypervolume dies."""

    name = "sms-emoa"
    hyperparameters = DesignSpace([POPULATION, *OPERATORS])

    def algorithm(self, size: int, sampling: Any, mating: Any) -> Any:
        """SMS-EMOA."""
        from pymoo.algorithms.moo.sms import SMSEMOA

        return SMSEMOA(pop_size=size, sampling=sampling, mating=mating, eliminate_duplicates=False)

    def selection(self) -> Any:
        """SMS-EMOA's own: by constraints and domination."""
        from pymoo.algorithms.moo.sms import cv_and_dom_tournament
        from pymoo.operators.selection.tournament import TournamentSelection

        return TournamentSelection(func_comp=cv_and_dom_tournament)


class AGEMOEAAgent(PymooAgent):
    """AGE-MOEA: survival by the geometry of the front, whatever its shape."""

    name = "age-moea"
    hyperparameters = DesignSpace([POPULATION, *OPERATORS])

    def algorithm(self, size: int, sampling: Any, mating: Any) -> Any:
        """AGE-MOEA."""
        from pymoo.algorithms.moo.age import AGEMOEA

        return AGEMOEA(pop_size=size, sampling=sampling, mating=mating, eliminate_duplicates=False)


class MixedGAAgent(PymooAgent):
    """pymoo's mixed-variable genetic algorithm, with its default operators and NSGA-II's survival."""

    name = "mixed-ga"
    hyperparameters = DesignSpace(
        [
            Integer("population", 4, 1000, default=50, log=True, description="designs of each generation"),
            *OPERATORS[:1],
        ]
    )

    def algorithm(self, size: int, sampling: Any, mating: Any) -> Any:
        """The mixed-variable genetic algorithm."""
        from pymoo.algorithms.moo.nsga2 import RankAndCrowdingSurvival
        from pymoo.core.mixed import MixedVariableGA

        algorithm = MixedVariableGA(
            pop_size=size,
            n_offsprings=size,
            sampling=sampling,
            mating=mating,
            survival=RankAndCrowdingSurvival(),
            advance_after_initial_infill=True,
            eliminate_duplicates=False,
        )
        algorithm.tournament_type = "comp_by_rank_and_crowding"  # which NSGA-II's tournament asks for
        return algorithm

    def _mating(self, selection: Any = None) -> Any:
        from pymoo.core.mixed import MixedVariableMating

        return MixedVariableMating(
            selection=self.selection() if selection is None else selection,
            eliminate_duplicates=self.only_new(),
        )
