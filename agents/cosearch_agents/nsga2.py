"""The agent `nsga2`: the genetic algorithm NSGA-II for several objectives and constraints, by pymoo.

K. Deb, A. Pratap, S. Agarwal, T. Meyarivan, "A fast and elitist multiobjective genetic algorithm: NSGA-II",
IEEE Transactions on Evolutionary Computation 6(2), 2002. What it shares with its kin is in `pymoo_evolution`.
"""

from __future__ import annotations

from typing import Any

from cosearch import DesignSpace
from cosearch_agents.pymoo_evolution import OPERATORS, POPULATION, PymooAgent


class NSGA2Agent(PymooAgent):
    """NSGA-II: a population that evolves towards the whole Pareto front."""

    name = "nsga2"
    hyperparameters = DesignSpace([POPULATION, *OPERATORS])

    def algorithm(self, size: int, sampling: Any, mating: Any) -> Any:
        """NSGA-II."""
        from pymoo.algorithms.moo.nsga2 import NSGA2

        return NSGA2(pop_size=size, sampling=sampling, mating=mating, eliminate_duplicates=False)
