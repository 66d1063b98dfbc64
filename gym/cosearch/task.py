"""A task: what an agent sees of a problem. Never its simulator."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cosearch.errors import ArgumentError
from cosearch.fidelity import Fidelity, as_fidelities, check_fidelity
from cosearch.objectives import Constraint, Metric, Objective
from cosearch.space import Designs, DesignSpace

if TYPE_CHECKING:
    from cosearch.problem import Problem

Columns = Mapping[str, NDArray[np.float64]]
Features = Callable[[Designs], Columns]
Gradient = Callable[[NDArray[np.float64]], tuple[Columns, Columns]]


@dataclass(frozen=True, eq=False)
class Task:
    """What is to be searched.

    Attributes:
        space: the design space.
        objectives: one or more; `cosearch.objectives.minimised` turns outcomes into an (n, m) array.
        constraints: possibly none; `cosearch.objectives.violations` tells by how much each is missed.
        metrics: what outcomes hold, with units.
        fidelities: at which designs can be evaluated, the roughest first.
        fidelity: the one at which the search is judged, and the default of every proposal.
        features: cheap descriptors of designs, {name: (n,)}; None if the problem has none.
        gradient: for an (n, d) array of unit-cube points the metrics, {name: (n,)}, and their derivatives,
            {name: (n, d)}; None if the problem has none.
    """

    space: DesignSpace
    objectives: Sequence[Objective]
    constraints: Sequence[Constraint] = ()
    metrics: Sequence[Metric] = ()
    fidelities: Sequence[Fidelity] = field(default=(Fidelity("analytical"),))
    fidelity: str = ""
    features: Features | None = None
    gradient: Gradient | None = None

    def __post_init__(self) -> None:
        if not self.objectives:
            raise ArgumentError("a task needs at least one objective")
        for name in ("objectives", "constraints", "metrics"):
            object.__setattr__(self, name, tuple(getattr(self, name)))
        object.__setattr__(self, "fidelities", as_fidelities(self.fidelities))
        object.__setattr__(self, "fidelity", self.fidelity or self.fidelities[-1].name)
        check_fidelity(self.fidelity, self.fidelities, "the task")

    @classmethod
    def of(cls, problem: Problem, fidelity: str | None = None) -> Task:
        """The task of a problem, judged at a fidelity: default the problem's.

        Fidelities whose simulator this machine does not have are none of the task's.

        Raises:
            UnknownNameError: if the problem has no such fidelity.
            UnavailableError: if this machine does not have its simulator.
        """
        chosen = fidelity or problem.default_fidelity
        check_fidelity(chosen, problem.fidelity_list, f"problem {problem.name}")
        problem.require(chosen)
        optional: dict[str, Any] = {
            name: getattr(problem, name) for name in ("features", "gradient") if hasattr(problem, name)
        }
        return cls(
            problem.space,
            problem.objectives,
            problem.constraints,
            problem.metrics,
            [one for one in problem.fidelity_list if one.name == chosen or not problem.missing(one.name)],
            chosen,
            **optional,
        )

    def on(self, space: DesignSpace) -> Task:
        """The same task on another space, e.g. with more parameters held."""
        return replace(self, space=space)

    @property
    def groups(self) -> Mapping[str, Sequence[str]]:
        """The named groups of parameters."""
        return self.space.groups

    def cost(self, fidelity: str) -> float:
        """What an evaluation costs at a fidelity; at the task's own it is 1."""
        costs = {one.name: one.cost for one in self.fidelities}
        return costs[fidelity] / costs[self.fidelity]
