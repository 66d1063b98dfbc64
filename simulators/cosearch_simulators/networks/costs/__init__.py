"""What networks cost on accelerators: n networks on n accelerators in n precisions, all at once.

accelerators.py  the accelerators as columns, their multipliers by precision, their energies and areas
jobs.py          which distinct (machine, layer) pairs a batch needs
bound.py         time and energy that no mapping goes below, in closed form
mapped.py        the best mapping that a short search finds for each pair
evaluation.py    `evaluate`: both, with one kind of result
"""

from cosearch_simulators.networks.costs.accelerators import MULTIPLIERS, Accelerators
from cosearch_simulators.networks.costs.evaluation import FIDELITIES, UNITS, evaluate
from cosearch_simulators.networks.costs.precisions import Precisions

__all__ = ["FIDELITIES", "MULTIPLIERS", "UNITS", "Accelerators", "Precisions", "evaluate"]
